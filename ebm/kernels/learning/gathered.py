"""Pseudo-likelihood of one unit of many states given many others, by rows of a table instead of one-hot
products.

The input of the unit is its bias and one row of the table for every other unit, that of the state it is in;
the gradient of the table is what is left of the unit's own state, added to the same rows.
"""

import math

import numpy as np
from numba import njit

from ebm.kernels import JIT
from ebm.kernels.numbers.functions import exp
from ebm.kernels.numbers.memory import address, load, peek, poke, store, workspace
from ebm.kernels.numbers.vector import greatest_of, mask_of, select, splat, total_of

_MOST = 4  # vectors of a row: 64 states


@njit(inline="always", **JIT)
def _add_rows(places, x, first, table, vectors, I, like):
    """The bias and the rows of all other units, into I: two sums at a time, which do not wait for each
    other."""
    n = len(places)
    for v in range(vectors):
        p = table + v * 64
        a, b = load(first + v * 64, like), splat(like) * 0
        j = 0
        while j + 1 < n:
            a = a + load(p + (places[j] + np.int64(x[j])) * vectors * 64, like)
            b = b + load(p + (places[j + 1] + np.int64(x[j + 1])) * vectors * 64, like)
            j += 2
        if j < n:
            a = a + load(p + (places[j] + np.int64(x[j])) * vectors * 64, like)
        store(I + v * 64, a + b)


@njit(**JIT)
def site_slopes(codes, w, i, q, places, table, bias, rest, rest_bias):
    """The mean of −log p(x_i | the others) and its slopes.

    codes : (m, n) uint8 states; w : (m,) float64 weights
    i : the unit; q : its number of states
    places : (n,) int64, the row of the table at which each unit's states begin
    table : (rows, p) float32, p a multiple of 16, at most 64: couplings of every state of the others to those
    of i,
        zero for the rows of i and beyond q; bias : (p,) float32
    rest : (rows, p) float32, rest_bias : (p,) float32, zero; the slopes, but for the rows of i
    Returns the mean.
    """
    like = table[0, 0]
    p = table.shape[1]
    vectors = np.int64(p // 16)
    keep, I = workspace(_MOST * 64)
    t0, r0, b0, s0 = address(table), address(rest), address(bias), address(rest_bias)
    tail = q % 16
    inside = mask_of((np.uint64(1) << np.uint64(tail)) - np.uint64(1), like)
    total = 0.0
    n = len(places)
    for m in range(len(codes)):
        x = codes[m]
        _add_rows(places, x, b0, t0, vectors, I, like)
        own = np.int64(x[i])
        mine = np.float64(peek(I + own * 4, like))
        used = np.int64((q + 15) // 16)
        last = I + (used - 1) * 64
        if tail:
            store(last, select(inside, load(last, like), -1e30))
        top = load(I, like)
        for v in range(1, used):
            y = load(I + v * 64, like)
            top = select(y > top, y, top)
        highest = greatest_of(top)
        sums = splat(like) * 0
        for v in range(used):
            e = exp(load(I + v * 64, like) - highest)
            store(I + v * 64, e)
            sums = sums + e
        whole = total_of(sums)
        total += w[m] * (math.log(np.float64(whole)) + np.float64(highest) - mine)
        share = np.float32(w[m]) / whole
        for v in range(vectors):
            g = splat(like) * 0
            if v < used:
                g = load(I + v * 64, like) * share
            store(I + v * 64, g)
        if tail:  # not quite 0, and slow to add
            store(last, select(inside, load(last, like), 0.0))
        poke(I + own * 4, peek(I + own * 4, like) - np.float32(w[m]))
        for v in range(vectors):
            g = load(I + v * 64, like)
            store(s0 + v * 64, load(s0 + v * 64, like) + g)
            q0 = r0 + v * 64
            for j in range(n):
                at = q0 + (places[j] + np.int64(x[j])) * vectors * 64
                store(at, load(at, like) + g)
    keep[0] = 0
    return total
