"""Statistics of an RBM: φ(v)⟨φ(h)⟩ᵀ, φ(v), ⟨φ(h)⟩ and those of potentials, summed over weighted rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from ebm.bits import Bits, stacked
from ebm.deferred import Deferred
from ebm.machine import Array, Params, as_weights
from ebm.rbm.chains import BlockChains, multiply_together
from ebm.rbm.products import WORTH, State, padded, values
from ebm.rbm.sweeping import Layer
from ebm.scratch import Scratch
from ebm.units import Units

__all__ = [
    "statistics",
    "statistics_of_chains",
]


def statistics_of_chains(
    parts: list[tuple[BlockChains, Array | None, float]],
    version: object,
    layers: tuple[Layer, Layer],
    params: dict[str, Array],
    scratch: Scratch,
) -> tuple[dict[str, Any], Params]:
    """`statistics` of chains, their weights (None: the mean) and the factors of these."""
    visible, hidden = (layer.units for layer in layers)
    multiply_together([chains for chains, _, _ in parts], version, visible, params["W"], scratch)
    weights = [factor * as_weights(given, c.n) for c, given, factor in parts]
    rows = [
        (c.v, c.product(version, visible, params["W"], scratch), w)
        for (c, _, _), w in zip(parts, weights, strict=True)
    ]
    return statistics(rows, visible, hidden, layers[1].low, params, scratch)


def statistics(
    parts: list[tuple[State, Array, Array]],
    visible: Units,
    hidden: Units,
    low: Any,
    params: dict[str, Array],
    scratch: Scratch,
) -> tuple[dict[str, Any], Params]:
    """Σ weights (φ(v)⟨φ(h)⟩ᵀ, φ(v), ⟨φ(h)⟩) over all rows of all parts, docs/math.md (4.5), (4.8).

    Of bits, the first is a `Deferred`. And the last two of the first part alone, which centring wants.
    Numbers θ of visible potentials have the statistics −∂U/∂θ, of hidden ones ∂A/∂θ.

    Parameters
    ----------
    parts : list of (v, φ(v)·W, weights)
        The products as `dot` made them; weights (n,) float64.
    low : float scalar or None
        `lower_state` of the hidden units.
    """
    W, b, c = params["W"], params["b"], params["c"]
    mean_h, sums_h = _weighted_means(parts, hidden, low, c, scratch)
    states = [v for v, _, _ in parts]
    pairs: Any
    if all(isinstance(v, Bits) for v in states):
        sums_v = np.stack([_total_bits(v, w) for v, _, w in parts])
        pairs = _outer_bits(states, mean_h, W)
    else:
        start, pairs, sums_v = 0, np.zeros_like(W), np.empty((len(parts), len(b)))
        for k, (v, _, weights) in enumerate(parts):
            rows, v = mean_h[start : start + len(weights), : len(c)], values(v)
            pairs += visible.outer(v, rows)
            sums_v[k] = visible.total(v, weights)
            start += len(weights)
    together = {"b": sums_v.sum(0), "c": sums_h.sum(0)}
    for v, product, w in parts:
        slopes = (
            {f"v.{name}": d for name, d in visible.grad_theta(values(v)).items()} if visible.learns else {}
        )
        if hidden.learns:
            inputs = (c + product[:, : len(c)]).astype(np.float64)
            slopes |= {f"h.{name}": d for name, d in hidden.mean_theta(inputs).items()}
        for key, d in slopes.items():
            together[key] = together.get(key, 0.0) - w @ d
    first = {"b": sums_v[0], "c": sums_h[0]}
    return {"W": pairs} | _as(W.dtype, together), _as(W.dtype, first)


def _as(dtype: Any, arrays: Params) -> Params:
    return {key: value.astype(dtype) for key, value in arrays.items()}


def _weighted_means(
    parts: list[tuple[State, Array, Array]], hidden: Units, low: Any, c: Array, scratch: Scratch
) -> tuple[Array, Array]:
    """weights·⟨φ(h)⟩ for the rows of all parts, one below the other, and each part's sum in float64."""
    from ebm.kernels.layers.two_states import mean_layer

    n, start = sum(len(weights) for _, _, weights in parts), 0
    out, sums = padded(scratch, "means", n, len(c), c.dtype), np.zeros((len(parts), len(c)))
    for (_, product, weights), total in zip(parts, sums, strict=True):
        rows = out[start : start + len(weights)]
        w = weights.astype(c.dtype)
        if low is None:
            rows[:, : len(c)] = w[:, None] * hidden.mean(c + product[:, : len(c)])
            total += rows[:, : len(c)].sum(0, dtype=np.float64)
        else:
            mean_layer(rows.size * 8 > WORTH, product, len(c), c, low, w, rows, total)
        start += len(weights)
    return out, sums


def _total_bits(state: Any, weights: Array) -> Array:
    """Σ weights φ(v), float64."""
    from ebm.kernels.layers.bits import weighted_sum

    total = np.empty(64 * state.words.shape[1])
    weighted_sum(state.words, state.low, weights, total)
    return total[: state.shape[1]]


def _outer_bits(states: list[Any], mean_h: Array, W: Array) -> Deferred:
    """φ(v)ᵀ·mean_h for rows of bits; the bits of the samples are the inner dimension."""
    from ebm.kernels.layers.bits import product

    both = stacked(states)
    low, n, real = both.low, len(both), W.dtype.type
    by_unit, worth = both.columns[: both.shape[1]], n * W.size > 64 * WORTH

    def add(out: Array, keep: float, scale: float) -> None:
        product(worth, by_unit, n, mean_h[:n], False, low, real(keep), real(scale), out)

    return Deferred(W.shape, W.dtype, add)
