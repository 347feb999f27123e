"""States of a layer as its products want them: two-state units as bits, all others as arrays.

A layer of Bernoulli or Ising units in true states is kept as one bit a unit, and its products are sums of
rows (`ebm.kernels.layers.bits`). Everything else, means in [0, 1] included, is an array, and its products
belong to the units.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from ebm.bits import Bits, as_bits, lower_state, stacked
from ebm.deferred import Deferred
from ebm.machine import Array, Params, Scratch
from ebm.units import Mixed, Units

__all__ = [
    "WORTH",
    "State",
    "as_state",
    "centred",
    "dot",
    "dot_vector",
    "layer_cgf",
    "standardised",
    "statistics",
    "uncentred",
    "values",
]

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
    from ebm.kernels.layers.bits import product

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
    from ebm.kernels.layers.bits import dot_vector

    if not isinstance(state, Bits):
        return units.encode(state) @ a.astype(np.float64)
    out = np.empty(len(state.words))
    long = np.zeros(64 * state.words.shape[1])
    long[: len(a)] = a
    dot_vector(state.words, state.low, long, out)
    return out


def layer_cgf(units: Units, product: Array, bias: Array, beta: Array, out: Array) -> None:
    """Σ cgf(β (bias + product)) over a layer, for every row and temperature, math.md (4.4).

    Parameters
    ----------
    product : (n, ≥ n_units·width)
    beta, out : (k, n) float64
        `out` is overwritten.
    """
    from ebm.kernels.cgf import cgf_rows
    from ebm.kernels.draw import KINDS

    if isinstance(units, Mixed):
        out[:] = 0
        part = np.empty_like(out)
        for own, _, columns in units.parts():
            layer_cgf(own, np.ascontiguousarray(product[:, columns]), bias[columns], beta, part)
            out += part
    elif units.kind not in KINDS:
        I = bias.astype(np.float64) + product[:, : len(bias)]
        for level, sums in zip(beta, out, strict=True):
            sums[:] = units.cgf(level[:, None] * I).sum(-1)
    elif np.ndim(s := units.scale) > 0:  # A(I) = A₁(s·I) + log s, math.md (1.8)
        cgf_rows(
            out.size * len(bias) > 2**15, units.kind, 1, product[:, : len(bias)] * s, bias * s, beta, out
        )
        out += np.log(s, dtype=np.float64).sum()
    else:
        cgf_rows(out.size * len(bias) > 2**15, units.kind, units.width, product, bias, beta, out)


def statistics(
    parts: list[tuple[State, Array, Array]],
    visible: Units,
    hidden: Units,
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
    """
    W, b, c = params["W"], params["b"], params["c"]
    mean_h, sums_h = _weighted_means(parts, hidden, c, scratch)
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
    parts: list[tuple[State, Array, Array]], hidden: Units, c: Array, scratch: Scratch
) -> tuple[Array, Array]:
    """weights·⟨φ(h)⟩ for the rows of all parts, one below the other, and each part's sum in float64."""
    from ebm.kernels.layers.two_states import mean_layer

    n, start = sum(len(weights) for _, _, weights in parts), 0
    out, sums = padded(scratch, "means", n, len(c), c.dtype), np.zeros((len(parts), len(c)))
    low = lower_state(hidden, c.dtype)
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
    return total[: state.n_units]


def _outer_bits(states: list[Any], mean_h: Array, W: Array) -> Deferred:
    """φ(v)ᵀ·mean_h for rows of bits; the bits of the samples are the inner dimension."""
    from ebm.kernels.layers.bits import product

    both = stacked(states)
    low, n, real = both.low, len(both), W.dtype.type
    by_unit, worth = both.columns[: both.n_units], n * W.size > 64 * WORTH

    def add(out: Array, keep: float, scale: float) -> None:
        product(worth, by_unit, n, mean_h[:n], False, low, real(keep), real(scale), out)

    return Deferred(W.shape, W.dtype, add)


def centred(gradient: dict[str, Any], visible: Units, mu: Array, lam: Array, scratch: Scratch) -> Params:
    """The gradient less μ·gradient_c and gradient_b·λ in its couplings, docs/math.md (5.4), (5.4a)."""
    from ebm.kernels.learning.ascend import subtract_outers

    W, b, c = gradient["W"], gradient["b"], gradient["c"]
    out = scratch.take("centred", W.shape, W.dtype)
    if isinstance(W, Deferred):
        W.add_to(out, 0.0, 1.0)
    else:
        out[:] = W
    subtract_outers(out.size > WORTH, out, *(a.astype(W.dtype) for a in (mu, c, b, lam)))
    found = gradient | {"W": out}
    for name, offset in visible.theta_offsets(mu.astype(b.dtype)).items():
        found[f"v.{name}"] = gradient[f"v.{name}"] + offset * b
    return found


def standardised(gradient: Params, v: Array, h: Array) -> Params:
    """A centred gradient over the variances of the units, docs/math.md (5.6a)."""
    found = {"W": gradient["W"] / v[:, None] / h, "b": gradient["b"] / v, "c": gradient["c"] / h}
    return gradient | found


def uncentred(step: Params, visible: Units, mu: Array, lam: Array) -> Params:
    """A step in centred coordinates as one of the parameters, docs/math.md (5.4)."""
    W = step["W"]
    found = step | {"b": step["b"] - W @ lam, "c": step["c"] - mu @ W}
    for name, offset in visible.theta_offsets(mu).items():
        found["b"] += offset * step[f"v.{name}"]
    return found
