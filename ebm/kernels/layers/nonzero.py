"""Products with rows that are mostly zeros, such as images of digits: the zeros are skipped.

A tile is a strip of four vectors of columns, kept in registers while the nonzero elements of a row, or of a
column, go by. Strips that would reach beyond the last column begin earlier and compute some of it twice. The
nonzero elements are found once for a batch and used twice, forward by rows and backward by columns.
"""

import numpy as np
from numba import njit, prange

from ebm.kernels import JIT
from ebm.kernels.numbers.memory import address, load, peek, store, workspace
from ebm.kernels.numbers.vector import splat
from ebm.kernels.threads import shared

VECTORS = 4  # of a strip: 256 bytes
_ROWS = 64  # of a tile


@njit(**JIT)
def find(x, starts, columns, values):
    """The nonzero elements of x, (n, d), row by row: those of row r are starts[r]..starts[r + 1].

    starts : (n + 1,) int64; columns : int32, values : (n d + 1,).
    """
    k = 0
    for r in range(len(x)):
        starts[r] = k
        row = x[r]
        for j in range(len(row)):
            columns[k] = j
            values[k] = row[j]
            k += row[j] != 0
    starts[len(x)] = k


@njit(**JIT)
def turn(starts, columns, values, tops, rows, turned):
    """The same elements column by column: those of column j are tops[j]..tops[j + 1].

    tops : (d + 1,) int64; rows : int32, turned : one for each element.
    """
    tops[:] = 0
    for k in range(starts[-1]):
        tops[columns[k]] += 1
    total = 0
    for j in range(len(tops)):
        total += tops[j]
        tops[j] = total
    for r in range(len(starts) - 2, -1, -1):
        for k in range(starts[r], starts[r + 1]):
            tops[columns[k]] -= 1
            rows[tops[columns[k]]] = r
            turned[tops[columns[k]]] = values[k]


@njit(**JIT)
def _sum_rows(first, last, places, values, p, stride, like, q):
    """The sum of values times rows of a matrix at address p, one strip wide, to address q."""
    zero = splat(like) * 0
    a, b, c, d = zero, zero, zero, zero
    for k in range(first, last):
        row, v = p + np.int64(places[k]) * stride, values[k]
        a = load(row, like) * v + a
        b = load(row + 64, like) * v + b
        c = load(row + 128, like) * v + c
        d = load(row + 192, like) * v + d
    store(q, a)
    store(q + 64, b)
    store(q + 128, c)
    store(q + 192, d)


@shared
def add_product(starts, places, values, A, keep, scale, out):
    """out <- keep out + scale S A, with the rows of S as `find` or `turn` found them.

    A (k, m), m at least a strip, C-ordered; out (n, m); keep, scale of its dtype; with keep = 0 nothing is
    read from out.
    """
    for t in prange(-(-len(out) // _ROWS) * -(-out.shape[1] // (VECTORS * 64 // out.itemsize))):
        _add_tile(np.int64(t), starts, places, values, A, keep, scale, out)


@njit(**JIT)
def _add_tile(t, starts, places, values, A, keep, scale, out):
    strip, m, size, tiles = VECTORS * 64, out.shape[1], out.itemsize, -(-len(out) // _ROWS)
    width = strip // size
    kept, space = workspace(strip)
    new = t // tiles * width  # the first column that is not another tile's
    c0 = min(new, m - width)
    p, stride = address(A) + c0 * size, m * size
    whole = -(-(new - c0) * size // 64) * 64
    for r in range(t % tiles * _ROWS, min(t % tiles * _ROWS + _ROWS, len(out))):
        _sum_rows(starts[r], starts[r + 1], places, values, p, stride, scale, space)
        for j in range(new - c0, whole // size):
            old = keep * out[r, c0 + j] if keep != 0 else keep
            out[r, c0 + j] = old + scale * peek(space + j * size, scale)
        q = address(out) + (r * m + c0) * size
        for j in range(whole, strip, 64):
            more = load(space + j, scale) * scale
            store(q + j, more if keep == 0 else load(q + j, scale) * keep + more)
    return kept[0]
