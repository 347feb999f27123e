"""States of a layer as its products want them: two-state units as bits, all others as arrays.

A layer of Bernoulli or Ising units in true states is kept as one bit a unit, and its products are sums of
rows (`ebm.kernels.bits`). Everything else, means in [0, 1] included, is an array, and its products belong to
the units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from ebm.bits import Bits, as_bits, lower_state, stacked, words_for
from ebm.machine import Array, Scratch
from ebm.units import Bernoulli, Potts, Units

__all__ = ["Layer", "Source", "State", "dot", "dot_vector", "draw", "statistics", "values"]

_WORTH = 2**17  # vector operations, or 64 units drawn, from which on a kernel is worth several threads


State: TypeAlias = Bits | Array


def values(state: State) -> Array:
    """The states as an array, (n, n_units)."""
    return state.x if isinstance(state, Bits) else state


def padded(scratch: Scratch, name: str, n: int, m: int, dtype: Any) -> Array:
    """Room for n rows of m numbers, and at least one vector more in each.

    The width is an odd number of vectors: rows a power of two apart would share few places in a cache.
    """
    return scratch.take(name, (n, (-(-m // 64) * 4 + 1) * 16), dtype)


def dot(state: State, units: Units, A: Array, scratch: Scratch, turned: bool = False) -> Array:
    """φ(x)·A for A (n·width, m): (n, m), with columns of no meaning added; if `turned`, φ(x)·Aᵀ."""
    from ebm.kernels.bits import product

    m = A.shape[0 if turned else 1]
    out = padded(scratch, "product", len(state), m, A.dtype)
    if isinstance(state, Bits):
        product(len(out) * A.size > 64 * _WORTH, state.words, state.n_units, A, turned, state.low, out)
    else:
        out[:, :m] = units.dot(state, A.T if turned else A)
    return out


def dot_vector(state: State, units: Units, a: Array) -> Array:
    """φ(x)·a in float64, (n,)."""
    from ebm.kernels.bits import dot_vector

    if not isinstance(state, Bits):
        return units.encode(state) @ a.astype(np.float64)
    out = np.empty(len(state.words))
    long = np.zeros(64 * state.words.shape[1])
    long[: len(a)] = a
    dot_vector(state.words, state.low, long, out)
    return out


@dataclass(frozen=True)
class Layer:
    """What a layer is drawn from, besides the other one: units, their inputs' constants, and who may change.

    Attributes
    ----------
    units : Units
    bias, base : (n_units·width,)
    first : int
        The position of its first unit among the uniforms of a sweep.
    free : (n_units,) bool, optional
        Units that may change; all when None.
    """

    units: Units
    bias: Array
    base: Array
    first: int
    free: Array | None = None

    @property
    def n_units(self) -> int:
        """Units in the layer."""
        return len(self.bias) // self.units.width


@dataclass(frozen=True)
class Source:
    """The other layer, which a layer is drawn given: its states, its couplings, their product if known.

    Attributes
    ----------
    state : State
    units : Units
    A : (n_units·width, m)
        Couplings; (m, n_units·width) if `turned`.
    turned : bool
    known : array, optional
        `dot` of the states and A.
    """

    state: State
    units: Units
    A: Array
    turned: bool = False
    known: Array | None = None

    def product(self, scratch: Scratch) -> Array:
        """What `known` is, made if need be."""
        if self.known is not None:
            return self.known
        return dot(self.state, self.units, self.A, scratch, self.turned)


def draw(
    layer: Layer,
    old: State | None,
    source: Source,
    beta: Array,
    uniforms: tuple[Any, int],
    scratch: Scratch,
) -> State:
    """Draw a layer given the other one, docs/math.md (2.2).

    Parameters
    ----------
    old : State, optional
        Its present states: where the layer's other units stay.
    source : Source
    beta : (n,)
    uniforms : tuple
        Key and sweep number.
    """
    from ebm.kernels.draw import draw_rows
    from ebm.kernels.potts import draw_potts_rows

    units, dtype = layer.units, source.A.dtype
    low = lower_state(units, dtype)
    if low is not None and (layer.free is None or isinstance(old, Bits)):
        return _draw_bits(layer, low, old, source, beta, uniforms, scratch)
    out = units.as_states(np.zeros((len(beta), layer.n_units)), dtype)
    worth = out.size * units.width * 8 > _WORTH
    rest = source.product(scratch), layer.bias, layer.base, beta, *uniforms, layer.first, out
    if isinstance(units, Potts):
        draw_potts_rows(worth, units.width, *rest)
    else:
        draw_rows(worth, units.kind, *rest)
    if layer.free is not None and old is not None:
        out[:, ~layer.free] = values(old)[:, ~layer.free]
    return out


def _draw_bits(
    layer: Layer,
    low: Any,
    old: State | None,
    source: Source,
    beta: Array,
    uniforms: tuple[Any, int],
    scratch: Scratch,
) -> Bits:
    from ebm.kernels.layers import sample_layer

    n, A, state = len(beta), source.A, source.state
    words = words_for(n, layer.n_units)
    free = np.full(words.shape[1], ~np.uint64(0)) if layer.free is None else _mask(layer.free)
    if isinstance(state, Bits) and source.known is None:
        S, n_bits, source_low, known = state.words, state.n_units, state.low, np.empty((0, 0), A.dtype)
    else:
        S, n_bits, source_low, known = words[:0], 0, low, source.product(scratch)
    kept = old.words if isinstance(old, Bits) else words
    sample_layer(
        n * layer.n_units * (8 + n_bits // 16) > _WORTH, S, n_bits, source_low, A, source.turned, known,
        layer.bias, layer.base, beta, A.dtype.type(1 - low), *uniforms, layer.first, free, kept, words,
    )  # fmt: skip
    return Bits(words, layer.n_units, low)


def _mask(chosen: Array) -> Array:
    """A bool mask as words."""
    packed = as_bits(chosen[None].astype(np.float64), Bernoulli(), np.float64)
    assert packed is not None
    return packed.words[0]


def statistics(
    parts: list[tuple[State, Array, Array]],
    visible: Units,
    hidden: Units,
    params: dict[str, Array],
    scratch: Scratch,
) -> dict[str, Array]:
    """Σ weights (φ(v)⟨φ(h)⟩ᵀ, φ(v), ⟨φ(h)⟩) over all rows of all parts, docs/math.md (4.5).

    Parameters
    ----------
    parts : list of (v, φ(v)·W, weights)
        The products as `dot` made them; weights (n,) float64.
    """
    W, b, c = params["W"], params["b"], params["c"]
    mean_h, sums = _weighted_means(parts, hidden, c, scratch)
    states = [v for v, _, _ in parts]
    if all(isinstance(v, Bits) for v in states):
        pairs, total = _outer_bits(states, [w for _, _, w in parts], mean_h, W, scratch)
    else:
        start, pairs, total = 0, np.zeros_like(W), np.zeros(len(b))
        for v, _, weights in parts:
            rows, v = mean_h[start : start + len(weights), : len(c)], values(v)
            pairs += visible.outer(v, rows)
            total += visible.total(v, weights)
            start += len(weights)
    return {"W": pairs, "b": total.astype(W.dtype), "c": sums.astype(W.dtype)}


def _weighted_means(
    parts: list[tuple[State, Array, Array]], hidden: Units, c: Array, scratch: Scratch
) -> tuple[Array, Array]:
    """weights·⟨φ(h)⟩ for the rows of all parts, one below the other, and the sum over rows in float64."""
    from ebm.kernels.layers import mean_layer

    n, start = sum(len(weights) for _, _, weights in parts), 0
    out, sums = padded(scratch, "means", n, len(c), c.dtype), np.zeros(len(c))
    low = lower_state(hidden, c.dtype)
    for _, product, weights in parts:
        rows = out[start : start + len(weights)]
        w = weights.astype(c.dtype)
        if low is None:
            rows[:, : len(c)] = w[:, None] * hidden.mean(c + product[:, : len(c)])
            sums += rows[:, : len(c)].sum(0, dtype=np.float64)
        else:
            mean_layer(rows.size * 8 > _WORTH, product, len(c), c, low, w, rows, sums)
        start += len(weights)
    return out, sums


def _outer_bits(
    states: list[Any], weights: list[Array], mean_h: Array, W: Array, scratch: Scratch
) -> tuple[Array, Array]:
    """φ(v)ᵀ·mean_h and Σ weights φ(v) for rows of bits; the bits of the samples are the inner dimension."""
    from ebm.kernels.bits import product, weighted_sum

    both = stacked(states)
    low, n_units, n = both.low, both.n_units, len(both)
    pairs = scratch.take("pairs", W.shape, W.dtype)
    product(n * W.size > 64 * _WORTH, both.columns[:n_units], n, mean_h[:n], False, low, pairs)
    total = np.empty(64 * both.words.shape[1])
    weighted_sum(both.words, low, np.concatenate(weights), total)
    return pairs, total[:n_units]
