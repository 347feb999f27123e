"""Products of a layer's states with couplings, and sums of cgf over a layer.

A layer of Bernoulli or Ising units in true states is kept as one bit a unit, and its products are sums of
rows (`ebm.kernels.layers.bits`). Everything else, means in [0, 1] included, is an array, and its products
belong to the units.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from ebm.bits import Bits, as_bits
from ebm.machine import Array
from ebm.scratch import Scratch
from ebm.units import Mixed, Units

__all__ = [
    "WORTH",
    "State",
    "as_state",
    "dot",
    "dot_vector",
    "layer_cgf",
    "padded",
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

    m, n = A.shape[0 if turned else 1], len(state.words if isinstance(state, Bits) else state)
    out = padded(scratch, "product", n, m, A.dtype)
    if isinstance(state, Bits):
        worth, zero, one = len(out) * A.size > 64 * WORTH, A.dtype.type(0), A.dtype.type(1)
        product(worth, state.words, state.shape[1], A, turned, state.low, zero, one, out)
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
    from ebm.kernels.layers.states import cgf_state_rows
    from ebm.kernels.units.cgf import cgf_rows
    from ebm.kernels.units.draw import KINDS

    if isinstance(units, Mixed):
        out[:] = 0
        part = np.empty_like(out)
        for own, _, columns in units.parts():
            layer_cgf(own, np.ascontiguousarray(product[:, columns]), bias[columns], beta, part)
            out += part
    elif units.summed_by_table:
        cgf_state_rows(out.size * len(bias) > 2**15, units.table(), product, bias, beta, out)
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
