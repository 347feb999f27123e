"""Sweeps of a sparse machine of two-state units, for many chains: 64 chains are one word per unit.

A field gathers a word from each neighbour and turns its bits into lanes, so 64 chains cost eight bytes of
traffic per coupling and all of the state of a million units in 64 chains is 8 MB. Their energies are made of
the same words.
"""

import numpy as np
from numba import njit, prange

from ebm.kernels import JIT
from ebm.kernels.numbers.memory import address, poke, store, workspace
from ebm.kernels.numbers.random import TILE, uniform_tile_at
from ebm.kernels.numbers.vector import mask_of, select, splat
from ebm.kernels.threads import shared
from ebm.kernels.units.draw import above_four

CHAINS = 64


@njit(inline="always", **JIT)
def _term(word, shift, w, other, like):
    return select(mask_of(word >> np.uint64(shift), like), w, other)


@njit(**JIT)
def _visit(i, sites, rows, fields, low, hot, u):
    """The new states of unit i in 64 chains, as bits; hot, u : addresses of their betas and uniforms."""
    (data, indices, indptr), (bias, cold), slope = rows, fields, rows[0].dtype.type(1) - low
    size = data.itemsize
    lanes = 64 // size
    new = np.uint64(0)
    for h in range(0, size, 4):
        x0 = x1 = x2 = x3 = splat(bias)
        for k in range(indptr[i], indptr[i + 1]):
            w, other = splat(data[k]), splat(data[k] * low)
            word = sites[indices[k]] >> np.uint64(lanes * h)
            x0, x1 = x0 + _term(word, 0, w, other, low), x1 + _term(word, lanes, w, other, low)
            x2, x3 = x2 + _term(word, 2 * lanes, w, other, low), x3 + _term(word, 3 * lanes, w, other, low)
        four = above_four(x0, x1, x2, x3, hot + 64 * h, cold, slope, u + 64 * h, low)
        new |= four << np.uint64(h * lanes)
    return new


@njit(**JIT)
def _sweep_tile(t, sites, couplings, tempered, low, order, sweeps):
    (b, base, beta), (key, first, n_sweeps), rows = tempered, sweeps, couplings[1:]
    size = beta.itemsize
    keep, u = workspace((TILE + 1) * CHAINS * size)
    hot = u + TILE * CHAINS * size
    stride = CHAINS * size
    for c in range(CHAINS):
        poke(hot + c * size, beta[min(t * CHAINS + c, len(beta) - 1)])
    for k in range(n_sweeps):
        row = order[k % len(order)]
        for s in range(len(row)):
            if s % TILE == 0:
                uniform_tile_at(u, stride, key, first + k, t * CHAINS, CHAINS, s, low, size)
            i = row[s]
            sites[i] = _visit(i, sites, rows, (b[i], base[i]), low, hot, u + s % TILE * stride)
    keep[0] = 0


@shared
def site_sweeps(sites, couplings, tempered, low, order, sweeps):
    """Sweep all chains.

    sites : (T, N) uint64, bit c of sites[t, i] is unit i of chain 64 t + c, changed in place; couplings : in
    sparse rows; low : 0 or -1, the lower state; order : (r, m) int64, the units visited in sweep k in row k
    modulo r; all floats of one dtype. A sweep uses the uniforms of positions 0..m.
    """
    for t in prange(len(sites)):
        _sweep_tile(np.int64(t), sites[t], couplings, tempered, low, order, sweeps)


@njit(**JIT)
def _tile_energies(sites, couplings, b, low, total):
    """Subtract from total the terms of 64 chains, each pair of units at the smaller one of them."""
    _, data, indices, indptr = couplings
    size = data.itemsize
    lanes = 64 // size
    terms = np.empty(CHAINS, data.dtype)
    zero, one = splat(low) * 0, splat(low) * 0 + 1
    for i in range(len(sites)):
        own = sites[i]
        for h in range(0, size, 4):
            x0 = x1 = x2 = x3 = zero + b[i]
            for k in range(indptr[i], indptr[i + 1]):
                if indices[k] > i:
                    w, other = splat(data[k]), splat(data[k] * low)
                    word = sites[indices[k]] >> np.uint64(lanes * h)
                    x0, x1 = x0 + _term(word, 0, w, other, low), x1 + _term(word, lanes, w, other, low)
                    x2, x3 = (
                        x2 + _term(word, 2 * lanes, w, other, low),
                        x3 + _term(word, 3 * lanes, w, other, low),
                    )
            word, q = own >> np.uint64(lanes * h), address(terms) + 64 * h
            store(q, x0 * _term(word, 0, one, low, low))
            store(q + 64, x1 * _term(word, lanes, one, low, low))
            store(q + 128, x2 * _term(word, 2 * lanes, one, low, low))
            store(q + 192, x3 * _term(word, 3 * lanes, one, low, low))
        for c in range(CHAINS):  # in float64, one unit after the other
            total[c] -= terms[c]


@shared
def energies_of_sites(sites, couplings, b, low, out):
    """The energies of all chains: out (T, 64) float64, overwritten; the rest as in `site_sweeps`.

    Couplings are those of a symmetric matrix: an entry below the diagonal is not read.
    """
    for t in prange(len(sites)):
        out[t] = 0
        _tile_energies(sites[t], couplings, b, low, out[t])
