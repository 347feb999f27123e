"""States of a layer as its products want them: two-state units as bits, all others as arrays.

A layer of Bernoulli or Ising units in true states is kept as one bit a unit, and its products are sums of
rows (`ebm.kernels.bits`). Everything else, means in [0, 1] included, is an array, and its products belong to
the units.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from ebm.bits import Bits, as_bits, lower_state, stacked
from ebm.deferred import Deferred
from ebm.machine import Array, Scratch
from ebm.units import Units

__all__ = ["WORTH", "State", "as_state", "dot", "dot_vector", "statistics", "values"]

WORTH = 2**17  # vector operations, or 64 units drawn, from which on a kernel is worth several threads


State: TypeAlias = Bits | Array


def as_state(x: Array, units: Units, dtype: Any) -> State:
    """Rows of states, of the right shape, in the form that this module works on."""
    bits = as_bits(x, units, dtype)
    return units.as_states(x, dtype) if bits is None else bits


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
        worth, zero, one = len(out) * A.size > 64 * WORTH, A.dtype.type(0), A.dtype.type(1)
        product(worth, state.words, state.n_units, A, turned, state.low, zero, one, out)
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


def statistics(
    parts: list[tuple[State, Array, Array]],
    visible: Units,
    hidden: Units,
    params: dict[str, Array],
    scratch: Scratch,
) -> dict[str, Any]:
    """Σ weights (φ(v)⟨φ(h)⟩ᵀ, φ(v), ⟨φ(h)⟩) over all rows of all parts, docs/math.md (4.5).

    Of bits, the first is a `Deferred`.

    Parameters
    ----------
    parts : list of (v, φ(v)·W, weights)
        The products as `dot` made them; weights (n,) float64.
    """
    W, b, c = params["W"], params["b"], params["c"]
    mean_h, sums = _weighted_means(parts, hidden, c, scratch)
    states = [v for v, _, _ in parts]
    pairs: Any
    if all(isinstance(v, Bits) for v in states):
        pairs, total = _outer_bits(states, [w for _, _, w in parts], mean_h, W)
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
            mean_layer(rows.size * 8 > WORTH, product, len(c), c, low, w, rows, sums)
        start += len(weights)
    return out, sums


def _outer_bits(states: list[Any], weights: list[Array], mean_h: Array, W: Array) -> tuple[Deferred, Array]:
    """φ(v)ᵀ·mean_h and Σ weights φ(v) for rows of bits; the bits of the samples are the inner dimension."""
    from ebm.kernels.bits import product, weighted_sum

    both = stacked(states)
    low, n, real = both.low, len(both), W.dtype.type
    by_unit, worth = both.columns[: both.n_units], n * W.size > 64 * WORTH

    def add(out: Array, keep: float, scale: float) -> None:
        product(worth, by_unit, n, mean_h[:n], False, low, real(keep), real(scale), out)

    total = np.empty(64 * both.words.shape[1])
    weighted_sum(both.words, low, np.concatenate(weights), total)
    return Deferred(W.shape, W.dtype, add), total[: both.n_units]
