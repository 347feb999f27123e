"""Sweeps of a sparse machine of two-state units in any order, for few chains: one unit at a time.

A unit is up when its input exceeds log((1 - u) / u); those thresholds are made 64 at a time in vectors.
"""

import numpy as np
from numba import njit, prange

from ebm.kernels import JIT
from ebm.kernels.numbers.functions import log
from ebm.kernels.numbers.memory import address, load, store
from ebm.kernels.numbers.random import TILE, uniform_row
from ebm.kernels.numbers.vector import splat
from ebm.kernels.threads import shared


@njit(inline="always", **JIT)
def thresholds(p, n, slope, size):
    """Turn n uniforms u at address p into log((1 - u) / u) / slope; n is a multiple of the lanes."""
    for j in range(0, n * size, 64):
        u = load(p + j, slope)
        store(p + j, log((splat(slope) * 0 + 1 - u) / u) / slope)


@njit(**JIT)
def _sweep_chain(c, x, couplings, tempered, low, order, sweeps):
    _, data, indices, indptr = couplings
    (b, base, beta), (key, first, n_sweeps) = tempered, sweeps
    hot = beta[c]
    u = np.empty(TILE, data.dtype)
    one = data.dtype.type(1)
    for k in range(n_sweeps):
        row = order[k % len(order)]
        for s in range(len(row)):
            if s % TILE == 0:
                uniform_row(key, first + k, c, s, u)
                thresholds(address(u), TILE, one - low, u.itemsize)
            i = row[s]
            field = b[i] - base[i]
            for e in range(indptr[i], indptr[i + 1]):
                field += data[e] * x[indices[e]]
            x[i] = one if hot * field + base[i] > u[s % TILE] else low


@shared
def sequential_sweeps(x, couplings, tempered, low, order, sweeps):
    """Sweep all chains.

    x : (C, N) float states, changed in place; the rest as in `ebm.kernels.sparse.sites.site_sweeps`.
    """
    for c in prange(len(x)):
        _sweep_chain(np.int64(c), x[c], couplings, tempered, low, order, sweeps)
