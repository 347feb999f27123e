"""Gibbs sweeps of a fully connected machine whose chains each have units of their own that may change.

Rows of data with gaps: every chain holds what is known of its row. Chains do not share an order of units, so
each is worked on by itself, its states encoded in one row; a field is a row of J times that row.
"""

import numpy as np
from numba import njit, prange

from ebm.kernels import JIT
from ebm.kernels.numbers.memory import address, load
from ebm.kernels.numbers.random import TILE, uniform_row
from ebm.kernels.numbers.vector import splat, total_of
from ebm.kernels.threads import shared
from ebm.kernels.units.draw import POTTS, draw


@njit(**JIT)
def _dense_field(row, phi):
    """Σ row·phi: whole vectors of 64 bytes, two at a time, then what is left."""
    size = row.itemsize
    step = 128 // size
    whole = len(row) // step * step
    one = splat(row.dtype.type(0))
    two = one
    p, q = address(row), address(phi)
    like = row.dtype.type(0)
    for j in range(0, whole * size, 128):
        one = one + load(p + j, like) * load(q + j, like)
        two = two + load(p + j + 64, like) * load(q + j + 64, like)
    total = total_of(one + two)
    for j in range(whole, len(row)):
        total += row[j] * phi[j]
    return total


@njit(**JIT)
def _sparse_field(couplings, r, phi):
    _, data, indices, indptr = couplings
    total = data.dtype.type(0)
    for k in range(indptr[r], indptr[r + 1]):
        total += data[k] * phi[indices[k]]
    return total


@njit(**JIT)
def _sweep_row(c, kinds, starts, couplings, b, phi, units, sweeps):
    J, (key, first, n_sweeps) = couplings[0], sweeps
    dense = len(J) > 0
    u, x = np.empty(TILE, phi.dtype), np.empty(1, phi.dtype)
    most = np.empty((np.diff(starts).max(), 1), phi.dtype)
    for k in range(n_sweeps):
        for s in range(len(units)):
            if s % TILE == 0:
                uniform_row(key, first + k, c, s, u)
            i = units[s]
            start = starts[i]
            I = most[: starts[i + 1] - start]
            for a in range(len(I)):
                field = _dense_field(J[start + a], phi) if dense else _sparse_field(couplings, start + a, phi)
                I[a, 0] = b[start + a] + field
            draw(kinds[i], I, u[s % TILE : s % TILE + 1], x)
            if kinds[i] == POTTS:
                for a in range(len(I)):
                    phi[start + a] = 1 if x[0] == a else 0
            else:
                phi[start] = x[0]


@shared
def fill_rows(kinds, starts, couplings, b, phi, units, ends, sweeps):
    """Sweep the units that may change in each chain, in their order.

    kinds : (N,) int64, of the units; starts : (N + 1,) int64, their first columns of phi; phi : (C, N width),
    the encoded states, changed in place; units : int64, those of all chains one after the other, of chain c
    from ends[c] to ends[c + 1]; all floats of one dtype.
    """
    for c in prange(len(phi)):
        _sweep_row(
            np.int64(c), kinds, starts, couplings, b, phi[c], units[ends[c] : ends[c + 1]], sweeps
        )  # fmt: skip
