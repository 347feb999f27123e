"""Sweeps of a dense machine of two-state units with fields that are kept: for few chains or few flips.

A chain carries the fields of all its units. A unit is drawn up when u (1 + e^I) > 1, that is, when
I > log((1 - u) / u): those thresholds are made in bulk, so that no decision waits for an exponential. A
vector of 16 units is compared with its thresholds at once; as long as none of them changes that is all there
is to do. The first that changes adds its row of J, times its change, to all fields, and what comes after it
in the vector is looked at again. A sweep costs N looks and one row of J per flip, so it gets faster as flips
get rare.

Fields are sums that rounding errors join one by one: the caller makes them anew every REFRESH sweeps.
The scan is 0, 1, ..., m - 1; whoever wants another, or clamped units, permutes the problem.
"""

import numpy as np
from numba import njit, prange

from ebm.kernels import JIT
from ebm.kernels.numbers.memory import address, load, peek, poke, store, workspace
from ebm.kernels.numbers.random import TILE, uniform_block
from ebm.kernels.numbers.vector import bits, fma, lowest_bit, splat
from ebm.kernels.sparse.sequential import thresholds
from ebm.kernels.threads import shared

REFRESH = 64


@njit(inline="always", **JIT)
def _add_row(row, n_bytes, w, fields, like, size):
    """fields += w row."""
    whole = n_bytes // 64 * 64
    for j in range(0, whole, 64):
        store(fields + j, fma(splat(w), load(row + j, like), load(fields + j, like)))
    for j in range(whole, n_bytes, size):
        poke(fields + j, peek(fields + j, like) + w * peek(row + j, like))


@njit(**JIT)
def _sweep_chain(c, word, fields, J, tempered, slope, m, sweeps):
    size = J.itemsize
    (b, base, beta), (key, first, n_sweeps) = tempered, sweeps
    lanes, stride = 64 // size, J.strides[0]
    row_of_fields = fields.strides[0]
    like = slope
    keep, u = workspace(TILE * size)
    f, hot = address(fields) + c * row_of_fields, splat(beta[c])
    flips = 0
    all_lanes = (np.uint64(1) << np.uint64(lanes)) - np.uint64(1)
    for k in range(first, first + n_sweeps):
        for s0 in range(0, m, TILE):
            uniform_block(u, key, k, c, s0, like, size)
            thresholds(u, TILE, slope, size)
            state = word[s0 // TILE]
            for i in range(s0, min(s0 + TILE, m), lanes):
                shift = np.uint64(i - s0)
                inside = all_lanes if i + lanes <= m else (np.uint64(1) << np.uint64(m - i)) - np.uint64(1)
                bias, cold = load(address(b) + i * size, like), load(address(base) + i * size, like)
                threshold = load(u + (i - s0) * size, like)
                while True:
                    field = load(f + i * size, like) + bias
                    up = bits((field - cold) * hot + cold > threshold)
                    differ = (up ^ (state >> shift)) & inside
                    if differ == np.uint64(0):
                        break
                    lane = lowest_bit(differ)
                    one = np.uint64(1) << np.uint64(lane)
                    state ^= one << shift
                    w = slope if up & one else -slope
                    _add_row(address(J) + (i + lane) * stride, stride, w, f, like, size)
                    flips += 1
                    inside &= ~((one << np.uint64(1)) - np.uint64(1))
            word[s0 // TILE] = state
    keep[0] = 0
    return flips


@shared
def kept_sweeps(words, fields, J, tempered, slope, m, sweeps, flips):
    """Sweep units 0..m of all chains.

    words : (C, >= N / 64) uint64 states, changed in place; fields : (C, M) their J x, changed in place, M a
    multiple of 64; J : (N, N) symmetric; b, base : (M,), zero beyond N; slope : scalar, the difference of the
    two states; all floats of one dtype. flips : (C,) int64, overwritten: the states changed.
    """
    for c in prange(len(words)):
        flips[c] = _sweep_chain(np.int64(c), words[c], fields, J, tempered, slope, m, sweeps)
