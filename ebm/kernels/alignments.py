"""Pairs of sequences that are alike: mismatches counted by bits.

A state of up to 32 letters is five bits. Bit k of a word of plane p is bit p of the state at site k, so sites
at which two sequences differ are the bits of (x0 ^ y0) | ... | (x4 ^ y4): 64 sites by nine operations and one
count of bits. One sequence is compared with a block of others at a time, the words of a plane beside each
other, so that the compiler makes vectors of them; a block is left as soon as all of it differs too much. Half
of the pairs are looked at.

planes : (words * depth, m) uint64
    Depth, 5 or a multiple, planes for each word of 64 sites; 0 beyond the last site.
"""

import numpy as np
from numba import njit, prange

from ebm.kernels import JIT
from ebm.kernels.numbers.vector import count_bits
from ebm.kernels.threads import shared

BLOCK = 256  # sequences that one is compared with at a time: their words stay in the first-level cache
GROUP = 64  # sequences that are compared with a block while it is there


@njit(**JIT)
def _mismatches(planes, a, s, e, depth, most, differ, count):
    """Write to count mismatches of sequence a and s ... e - 1, and return the least.

    Where the least is above most, counts are of the first words only.
    """
    n = e - s
    count[:n] = 0
    least = np.int64(0)
    for w in range(0, planes.shape[0], depth):
        differ[:n] = np.uint64(0)
        for g in range(w, w + depth, 5):
            x0, x1, x2, x3 = planes[g, a], planes[g + 1, a], planes[g + 2, a], planes[g + 3, a]
            x4 = planes[g + 4, a]
            y0, y1, y2 = planes[g, s:e], planes[g + 1, s:e], planes[g + 2, s:e]
            y3, y4 = planes[g + 3, s:e], planes[g + 4, s:e]
            for b in range(n):
                differ[b] |= (x0 ^ y0[b]) | (x1 ^ y1[b]) | (x2 ^ y2[b]) | (x3 ^ y3[b]) | (x4 ^ y4[b])
        least = np.int64(1) << np.int64(40)
        for b in range(n):
            count[b] += count_bits(differ[b])
            least = min(least, count[b])
        if least > most:
            break
    return least


@shared
def count_near(planes, depth, most, near):
    """Add to near[:, i] the other sequences with at most `most` mismatches to i.

    near : (tiles, m) int32
        A tile has the groups of sequences of its number, and each tiles-th after it; sums over tiles count.
    """
    tiles, m = near.shape
    groups = (m + GROUP - 1) // GROUP
    for tile in prange(tiles):
        differ, count = np.empty(BLOCK, np.uint64), np.empty(BLOCK, np.int64)
        for group in range(tile, groups, tiles):
            first, last = group * GROUP, min(group * GROUP + GROUP, m)
            for block in range(first, m, BLOCK):
                e = min(block + BLOCK, m)
                for a in range(first, min(last, e)):
                    s = max(a + 1, block)
                    if s < e and _mismatches(planes, a, s, e, depth, most, differ, count) <= most:
                        own = 0
                        for b in range(e - s):
                            alike = np.int32(count[b] <= most)
                            near[tile, s + b] += alike
                            own += alike
                        near[tile, a] += own


@njit(**JIT)
def _root(parent, i):
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@njit(**JIT)
def join_near(planes, depth, most, parent):
    """Single linkage: parent[i], at first i, becomes the least number of all that i hangs together with."""
    m = len(parent)
    differ, count = np.empty(BLOCK, np.uint64), np.empty(BLOCK, np.int64)
    for a in range(m):
        for s in range(a + 1, m, BLOCK):
            e = min(s + BLOCK, m)
            if _mismatches(planes, a, s, e, depth, most, differ, count) <= most:
                for b in range(e - s):
                    if count[b] <= most:
                        i, j = _root(parent, a), _root(parent, s + b)
                        parent[max(i, j)] = min(i, j)
    for i in range(m):
        parent[i] = _root(parent, i)
