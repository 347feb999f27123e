"""Chromatic sweeps of a sparse machine of two-state units, for few chains: the units of a colour at once.

Units of a colour do not see each other, so a vector takes 16 of them. Units are sorted by colour (positions);
16 positions of a colour are a slice, whose couplings are stored neighbour by neighbour with 16 lanes side by
side, padded to the slice's largest degree (Monakov, Lokhmotov & Avetisyan 2010). States are floats in the
order of positions, so only reading neighbours gathers.
"""

import numpy as np
from numba import njit, prange

from ebm.kernels import JIT
from ebm.kernels.numbers.memory import address, gather, load, store, workspace
from ebm.kernels.numbers.random import TILE, uniform_block
from ebm.kernels.numbers.vector import fma, mask_of, select, splat
from ebm.kernels.threads import shared
from ebm.kernels.units.draw import above

SLICES = 64  # slices of a tile


@njit(**JIT)
def slice_up(order, place, starts, indices, indptr, lanes, fill):
    """Cut positions into slices; return their starts, numbers of positions, and offsets of their entries.

    order : (m,) units by position; place : (N,) positions by unit, clamped units behind the others; starts :
    (colours + 1,). With `fill` (entries,) int64 arrays are written too: neighbour positions, and the place
    of each coupling in the data, -1 where there is none. Called once to count and once to write.
    """
    n = 0
    for c in range(len(starts) - 1):
        n += (starts[c + 1] - starts[c] + lanes - 1) // lanes
    first, count, offset = np.empty(n, np.int64), np.empty(n, np.int64), np.zeros(n + 1, np.int64)
    g = 0
    for c in range(len(starts) - 1):
        for s in range(starts[c], starts[c + 1], lanes):
            first[g], count[g] = s, min(lanes, starts[c + 1] - s)
            widest = 0
            for l in range(count[g]):
                i = order[s + l]
                widest = max(widest, indptr[i + 1] - indptr[i])
            offset[g + 1] = offset[g] + widest * lanes
            g += 1
    if len(fill):
        neighbour, source = fill[0], fill[1]
        neighbour[:] = 0
        source[:] = -1
        for g in range(n):
            for l in range(count[g]):
                i = order[first[g] + l]
                for k in range(indptr[i], indptr[i + 1]):
                    e = offset[g] + (k - indptr[i]) * lanes + l
                    neighbour[e], source[e] = place[indices[k]], k
    return first, count, offset


@njit(**JIT)
def _visit_tile(g0, g1, x, sliced, tempered, low, key, sweep, chain):
    first, count, offset, neighbour, value = sliced
    b, base, beta = tempered
    hot, slope = beta[chain], x.dtype.type(1) - low
    size = x.itemsize
    lanes = 64 // size
    s0, s1 = first[g0] // TILE * TILE, first[g1 - 1] + count[g1 - 1]
    keep, u = workspace((s1 - s0 + TILE) * size)
    for s in range(s0, s1, TILE):
        uniform_block(u + (s - s0) * size, key, sweep, chain, s, low, size)
    for g in range(g0, g1):
        p = first[g] * size
        field = load(address(b) + p, low)
        for e in range(offset[g], offset[g + 1], lanes):
            others = gather(address(x), load(address(neighbour) + e * neighbour.itemsize, neighbour[0]), low)
            field = fma(load(address(value) + e * size, low), others, field)
        up = above(field, hot, load(address(base) + p, low), slope, u + first[g] * size - s0 * size, low)
        new = select(mask_of(up, low), splat(low) * 0 + 1, low)
        inside = mask_of((np.uint64(1) << np.uint64(count[g])) - np.uint64(1), low)
        store(address(x) + p, select(inside, new, load(address(x) + p, low)))
    keep[0] = 0


@shared
def colour_sweeps(x, bounds, sliced, tempered, low, sweeps):
    """Sweep one chain after the other, colour by colour.

    x : (C, >= m + 64) float states by position, changed in place; bounds : (tiles + 1, 2) int64, the first
    slice of each tile and its colour; sliced : (first, count, offset, neighbour, value), as `slice_up` makes
    them, neighbour int32 for float32, uint64 for float64; b, base : (>= m + 64,) by position; low : 0 or -1,
    the lower state.
    """
    key, first, n_sweeps = sweeps
    n_tiles = len(bounds) - 1
    for c in range(len(x)):
        for k in range(n_sweeps):
            t0 = 0
            while t0 < n_tiles:
                t1 = t0 + 1
                while t1 < n_tiles and bounds[t1, 1] == bounds[t0, 1]:
                    t1 += 1
                for t in prange(t0, t1):
                    g0, g1 = bounds[t, 0], bounds[t + 1, 0]
                    _visit_tile(g0, g1, x[c], sliced, tempered, low, key, first + k, c)
                t0 = t1
