"""Potts units: rows gathered instead of one-hot products, draws, and sweeps of a dense machine.

phi(x) of a unit has a single one, so phi(x) A adds one row of A per unit, phi(x)^T g adds a row of g to one
row per unit, and a dense machine whose unit goes from state a to c adds row c of J to its fields and takes
row a away.
"""

import numpy as np
from numba import njit, prange

from ebm.kernels import JIT
from ebm.kernels.layers.bits import STRIP
from ebm.kernels.numbers.functions import exp
from ebm.kernels.numbers.memory import address, load, peek, poke, store, workspace
from ebm.kernels.numbers.random import TILE, uniform_block
from ebm.kernels.numbers.vector import greatest_of, mask_of, select, splat, total_of
from ebm.kernels.threads import shared

_ROWS = 16  # rows of a tile


@njit(**JIT)
def choose(p, q, u, size, like):
    """The state at u of one unit: the smallest a for which the weights up to a reach u times their sum.

    p : address of its q inputs, which are overwritten; whole vectors are read and written there.
    """
    tail = q % (64 // size)
    if tail:
        last = p + (q - tail) * size
        inside = mask_of((np.uint64(1) << np.uint64(tail)) - np.uint64(1), like)
        store(last, select(inside, load(last, like), -1e30))
    top = load(p, like)
    for j in range(64, q * size, 64):
        x = load(p + j, like)
        top = select(x > top, x, top)
    highest = greatest_of(top)
    sums = splat(like) * 0
    for j in range(0, q * size, 64):
        e = exp(load(p + j, like) - highest)
        store(p + j, e)
        sums = sums + e  # what is beyond q adds 1e-38 to a sum of at least 1
    total = np.float64(total_of(sums))
    rest = u * total
    a = 0
    while a < q - 1:
        rest -= np.float64(peek(p + a * size, like))
        if rest <= 0.0:
            break
        a += 1
    return a


@njit(**JIT)
def inputs(field, bias, base, hot, n_bytes, p, like):
    """Write hot (bias + field) + (1 - hot) base to address p, in whole vectors."""
    for j in range(0, n_bytes, 64):
        cold = load(base + j, like)
        store(p + j, (load(field + j, like) + load(bias + j, like) - cold) * hot + cold)


@njit(**JIT)
def _draw_row(c, q, product, bias, base, beta, key, sweep, first, out):
    size, m = product.itemsize, out.shape[1]
    like = product[0, 0]
    room = (q * size + 63) // 64 * 64
    keep, u = workspace(TILE * size + room)
    I = u + TILE * size
    row = address(product) + c * product.strides[0]
    for s0 in range(0, m, TILE):
        uniform_block(u, key, sweep, c, first + s0, like, size)
        for i in range(s0, min(s0 + TILE, m)):
            place = i * q * size
            if place + room <= m * q * size:
                inputs(row + place, address(bias) + place, address(base) + place, beta[c], q * size, I, like)
            else:  # a whole vector would reach beyond the arrays
                for a in range(q):
                    k = i * q + a
                    cold = base[k]
                    poke(I + a * size, beta[c] * (product[c, k] + bias[k] - cold) + cold)
            out[c, i] = choose(I, q, np.float64(peek(u + (i - s0) * size, like)), size, like)
    keep[0] = 0


@shared
def draw_potts_rows(q, product, bias, base, beta, key, sweep, first, out):
    """`ebm.kernels.units.draw.draw_rows` for Potts units."""
    for c in prange(len(out)):
        _draw_row(np.int64(c), q, product, bias, base, beta, key, sweep, first, out)


@njit(**JIT)
def _gather_tile(t, x, q, A, out):
    size = A.itemsize
    like = A[0, 0]
    stride, n_bytes = A.strides[0], A.shape[1] * size
    for r in range(t * _ROWS, min(t * _ROWS + _ROWS, len(x))):
        target = address(out) + r * out.strides[0]
        j = 0
        while j + STRIP <= n_bytes:
            x0 = x1 = x2 = x3 = splat(like) * 0
            for i in range(x.shape[1]):
                p = address(A) + (i * q + x[r, i]) * stride + j
                x0, x1 = x0 + load(p, like), x1 + load(p + 64, like)
                x2, x3 = x2 + load(p + 128, like), x3 + load(p + 192, like)
            store(target + j, x0)
            store(target + j + 64, x1)
            store(target + j + 128, x2)
            store(target + j + 192, x3)
            j += STRIP
        while j + 64 <= n_bytes:
            x0 = splat(like) * 0
            for i in range(x.shape[1]):
                x0 = x0 + load(address(A) + (i * q + x[r, i]) * stride + j, like)
            store(target + j, x0)
            j += 64
        for k in range(j // size, A.shape[1]):
            total = A.dtype.type(0)
            for i in range(x.shape[1]):
                total += A[i * q + x[r, i], k]
            out[r, k] = total


@shared
def gather_rows(x, q, A, out):
    """out = phi(x) A: x (n, m) int32 states, A (m q, k), out (n, >= k), C-ordered floats of one dtype."""
    for t in prange(-(-len(x) // _ROWS)):
        _gather_tile(np.int64(t), x, q, A, out)


@njit(**JIT)
def _scatter_unit(i, x, q, g, out):
    out[i * q : i * q + q] = 0
    k = out.shape[1]
    for r in range(len(x)):
        row, target = g[r, :k], out[i * q + x[r, i]]
        for j in range(k):
            target[j] += row[j]


@shared
def scatter_rows(x, q, g, out):
    """out = phi(x)^T g: x (n, m) int32 states, g (n, >= k), out (m q, k), C-ordered floats of one dtype."""
    for i in prange(x.shape[1]):
        _scatter_unit(np.int64(i), x, q, g, out)
