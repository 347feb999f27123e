"""States of a layer as its products want them: two-state units as bits, all others as arrays.

A layer of Bernoulli or Ising units in true states is kept as one bit a unit, and its products are sums of
rows (`ebm.kernels.bits`). Everything else, means in [0, 1] included, is an array, and its products belong to
the units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from ebm.machine import Array, Scratch
from ebm.units import Bernoulli, Ising, Potts, Units

__all__ = [
    "Bits",
    "Layer",
    "State",
    "as_bits",
    "as_state",
    "dot",
    "dot_vector",
    "draw",
    "stacked",
    "statistics",
    "values",
]

_WORTH = 2**17  # vector operations, or 64 units drawn, from which on a kernel is worth several threads


def lower_state(units: Units, dtype: Any) -> Any:
    """The state that a bit of 0 stands for, as a scalar of a dtype; None if the units are not two-state."""
    if not isinstance(units, (Bernoulli, Ising)):
        return None
    return np.dtype(dtype).type(units.interval[0])


@dataclass(frozen=True)
class Bits:
    """Rows of two-state units, a bit each: words (n, ceil(n_units / 64)) uint64; never changed in place."""

    words: Array
    n_units: int
    low: Any

    def __len__(self) -> int:
        return len(self.words)

    def __getitem__(self, rows: Array) -> Bits:
        return Bits(self.words[rows], self.n_units, self.low)

    @property
    def x(self) -> Array:
        """The states, (n, n_units)."""
        from ebm.kernels.bits import unpack

        out = np.empty((len(self.words), self.n_units), self.low.dtype)
        unpack(self.words, self.low, out)
        return out


State: TypeAlias = Bits | Array


def as_state(x: Array, units: Units, dtype: Any) -> State:
    """Rows of states or means, checked already, in the form that this module works on; copied."""
    packed = as_bits(x, units, dtype)
    return packed if packed is not None else units.as_states(x, dtype).copy()


def values(state: State) -> Array:
    """The states as an array, (n, n_units)."""
    return state.x if isinstance(state, Bits) else state


def words_for(n: int, n_units: int) -> Array:
    """Room for n rows of bits."""
    return np.empty((n, -(-n_units // 64)), np.uint64)


def padded(scratch: Scratch, name: str, n: int, m: int, dtype: Any) -> Array:
    """Room for n rows of m numbers, and at least one vector more in each.

    The width is an odd number of vectors: rows a power of two apart would share few places in a cache.
    """
    return scratch.take(name, (n, (-(-m // 64) * 4 + 1) * 16), dtype)


def stacked(states: list[Bits]) -> Bits:
    """The rows of all, one below the other."""
    return Bits(np.concatenate([s.words for s in states]), states[0].n_units, states[0].low)


def as_bits(x: Array, units: Units, dtype: Any) -> Bits | None:
    """Rows of true states as bits; None for other units, and where there are other values."""
    from ebm.kernels.bits import pack

    low = lower_state(units, dtype)
    if low is None:
        return None
    words = words_for(*x.shape)
    return Bits(words, x.shape[1], low) if pack(np.ascontiguousarray(x, dtype), low, words) else None


def dot(state: State, units: Units, A: Array, scratch: Scratch) -> Array:
    """φ(x)·A for A (n·width, m): (n, m), with columns of no meaning added."""
    from ebm.kernels.bits import product

    m = A.shape[1]
    out = padded(scratch, "product", len(state), m, A.dtype)
    if not isinstance(state, Bits):
        out[:, :m] = units.dot(state, A)
        return out
    worth = len(out) * A.size > 64 * _WORTH
    product(worth, state.words, state.n_units, A, state.low, out)
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


def draw(
    layer: Layer,
    old: State | None,
    other: tuple[State, Units],
    A: Array,
    turned: bool,
    known: Array | None,
    beta: Array,
    uniforms: tuple[Any, int],
    scratch: Scratch,
) -> State:
    """Draw a layer given the other one, docs/math.md (2.2).

    Parameters
    ----------
    old : State, optional
        Its present states: where the layer's other units stay.
    other : State and Units
    A : (n_other·width, n_units·width)
        Couplings; the other way round if `turned`.
    known : array, optional
        `dot` of the other layer and A.
    beta : (n,)
    uniforms : tuple
        Key and sweep number.
    """
    from ebm.kernels.draw import draw_rows
    from ebm.kernels.potts import draw_potts_rows

    units, dtype = layer.units, A.dtype
    low = lower_state(units, dtype)
    if low is not None and (layer.free is None or isinstance(old, Bits)):
        return _draw_bits(layer, low, old, other, A, turned, known, beta, uniforms, scratch)
    if known is None:
        known = dot(*other, A.T if turned else A, scratch)
    out = units.as_states(np.zeros((len(beta), layer.n_units)), dtype)
    key, sweep = uniforms
    worth = out.size * units.width * 8 > _WORTH
    rest = known, layer.bias, layer.base, beta, key, sweep, layer.first, out
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
    other: tuple[State, Units],
    A: Array,
    turned: bool,
    known: Array | None,
    beta: Array,
    uniforms: tuple[Any, int],
    scratch: Scratch,
) -> Bits:
    from ebm.kernels.layers import sample_layer

    source, none = other[0], np.empty((0, 0), A.dtype)
    if known is None and not isinstance(source, Bits):
        known = dot(*other, A.T if turned else A, scratch)
    n = len(beta)
    words = words_for(n, layer.n_units)
    free = np.full(words.shape[1], ~np.uint64(0))
    if layer.free is not None:
        free = as_bits(layer.free[None], Bernoulli(), A.dtype).words[0]  # type: ignore[union-attr]
    given = isinstance(source, Bits) and known is None
    S, n_bits, source_low = (
        (source.words, source.n_units, source.low) if given else (words[:0], 0, low)  # type: ignore[union-attr]
    )
    kept = old.words if isinstance(old, Bits) else words
    worth = n * layer.n_units * (8 + n_bits // 16) > _WORTH
    sample_layer(
        worth, S, n_bits, source_low, A, turned, none if known is None else known, layer.bias, layer.base,
        beta, A.dtype.type(1 - low), *uniforms, layer.first, free, kept, words,
    )  # fmt: skip
    return Bits(words, layer.n_units, low)


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
    from ebm.kernels.bits import product, transpose_bits, weighted_sum

    both = stacked(states)
    words, low, n_units, n = both.words, both.low, both.n_units, len(both)
    by_unit = words_for(64 * words.shape[1], n)
    transpose_bits(words, by_unit)
    pairs = scratch.take("pairs", W.shape, W.dtype)
    product(n * W.size > 64 * _WORTH, by_unit[:n_units], n, mean_h[:n], low, pairs)
    total = np.empty(64 * words.shape[1])
    weighted_sum(words, low, np.concatenate(weights), total)
    return pairs, total[:n_units]
