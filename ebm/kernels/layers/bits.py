"""Products with matrices of bits, without multiplications.

A layer of two-state units is a matrix S of bits, and S A only adds rows of A, or subtracts them. Cut the
inner dimension into groups of four bits and tabulate, for a strip of columns, the 16 sums that the four rows
of A can give: a row of S then adds one row of the table per group, a quarter of the additions (the "four
Russians": Arlazarov, Dinic, Kronrod & Faradzhev 1970). A strip is 256 bytes wide, four vectors that stay in
registers; a pass takes eight groups, whose tables (32 KiB) stay in the first-level cache.

One vector addition with its load does the work of 64 multiply-adds of a matrix product, which makes 32 per
cycle at best: measured, 1.6 to 1.9 times the rate of sgemm on one core (docs/design.md).

Bits: row r of an array of uint64 words has bit i % 64 of word i // 64 for unit i; the state of a unit is
`low` where the bit is 0 and 1 where it is 1, so low = 0 is Bernoulli and low = -1 is Ising.
"""

import numpy as np
from numba import njit, prange

from ebm.kernels import JIT
from ebm.kernels.numbers.memory import address, load, peek, poke, store, transpose_block, workspace
from ebm.kernels.numbers.vector import fma, mask_of, select, splat, total_of
from ebm.kernels.threads import shared

GROUP = 4  # bits that are looked up together
PASS = 32  # bits whose tables are in cache together
STRIP = 256  # bytes of the columns that are worked on together
ROWS = 512  # rows of bits that share the tables of a pass
_TABLE = 16 * STRIP  # bytes
_V = STRIP // 4


@njit(inline="always", **JIT)
def n_row_tiles(n):
    """How many tiles of at most ROWS rows n rows are cut into."""
    return (n + ROWS - 1) // ROWS


@njit(inline="always", **JIT)
def tile_rows(k, n):
    """The rows of the k-th tile, first and last + 1: tiles of almost the same size."""
    tiles = n_row_tiles(n)
    return k * n // tiles, (k + 1) * n // tiles


@njit(inline="always", **JIT)
def _write_four(p, b, a0, a1, a2, a3):
    store(p, a0 + b)
    store(p + STRIP, a1 + b)
    store(p + 2 * STRIP, a2 + b)
    store(p + 3 * STRIP, a3 + b)


@njit(inline="always", **JIT)
def _tabulate(rows, stride, low, table):
    """Write the 16 sums of four rows at address `rows`, for one vector of columns."""
    w0, w1 = load(rows, low), load(rows + stride, low)
    w2, w3 = load(rows + 2 * stride, low), load(rows + 3 * stride, low)
    z0, z1, z2, z3 = w0 * low, w1 * low, w2 * low, w3 * low
    a0, a1, a2, a3 = z0 + z1, w0 + z1, z0 + w1, w0 + w1
    _write_four(table, z2 + z3, a0, a1, a2, a3)
    _write_four(table + 4 * STRIP, w2 + z3, a0, a1, a2, a3)
    _write_four(table + 8 * STRIP, z2 + w3, a0, a1, a2, a3)
    _write_four(table + 12 * STRIP, w2 + w3, a0, a1, a2, a3)


@njit(**JIT)
def _block(A, k0, k1, c0, width, turned, scratch):
    """Copy rows k0..k1 of A, at most PASS, and columns from c0, to scratch; zeros where A has none."""
    size = A.itemsize
    lanes = 64 // size
    n_k, n_c = (A.shape[1], A.shape[0]) if turned else A.shape
    for j in range(PASS * STRIP // 64):
        store(scratch + 64 * j, splat(A[0, 0]) * 0)
    for k in range(k0, k1, lanes):
        for c in range(c0, min(c0 + width, n_c), lanes):
            target = scratch + (k - k0) * STRIP + (c - c0) * size
            if turned and k + lanes <= min(k1, n_k) and c + lanes <= n_c:
                source = address(A) + c * A.strides[0] + k * size
                transpose_block(source, A.strides[0], target, STRIP, A[0, 0])
            else:
                for i in range(min(lanes, k1 - k)):
                    for j in range(min(lanes, n_c - c)):
                        value = A[c + j, k + i] if turned else A[k + i, c + j]
                        poke(target + i * STRIP + j * size, value)


@njit(**JIT)
def _tables(A, k0, k1, c0, n_vectors, turned, low, scratch, tables):
    """Tabulate rows k0..k1 of A, at most PASS, for n_vectors of columns from c0.

    Columns beyond A have any content. If `turned`, A stands for its transpose.
    """
    size = A.itemsize
    rows, stride = address(A) + k0 * A.strides[0] + c0 * size, A.strides[0]
    beyond = (k1 - 1) * stride + c0 * size + 64 * n_vectors > len(A) * stride  # reads would pass the end of A
    if turned or beyond or (k1 - k0) % GROUP:
        _block(A, k0, k1, c0, 64 * n_vectors // size, turned, scratch)
        rows, stride = scratch, STRIP
    for g in range((k1 - k0 + GROUP - 1) // GROUP):
        for v in range(n_vectors):
            _tabulate(rows + GROUP * g * stride + 64 * v, stride, low, tables + g * _TABLE + 64 * v)


@njit(inline="always", **JIT)
def _entry(word, g, tables):
    """The address of the table row that the g-th four bits of a word choose."""
    return tables + g * _TABLE + np.int64((word >> np.uint32(GROUP * g)) & np.uint32(15)) * STRIP


@njit(**JIT)
def _add_rows(bits, stride, n, shift, n_groups, tables, acc, acc_stride, like):
    """For n rows: add to a strip of acc the table rows that PASS bits choose."""
    for r in range(n):
        word = np.uint32(peek(bits + r * stride, np.uint64(0)) >> shift)
        if word == 0 and like == 0:  # bits of sparse data come in patches; like is the lower state
            continue
        p = acc + r * acc_stride
        x0, x1, x2, x3 = load(p, like), load(p + 64, like), load(p + 128, like), load(p + 192, like)
        if n_groups == PASS // GROUP:
            for g in range(PASS // GROUP):  # unrolled
                q = _entry(word, g, tables)
                x0, x1 = x0 + load(q, like), x1 + load(q + 64, like)
                x2, x3 = x2 + load(q + 128, like), x3 + load(q + 192, like)
        else:
            for g in range(n_groups):
                q = _entry(word, g, tables)
                x0, x1 = x0 + load(q, like), x1 + load(q + 64, like)
                x2, x3 = x2 + load(q + 128, like), x3 + load(q + 192, like)
        store(p, x0)
        store(p + 64, x1)
        store(p + 128, x2)
        store(p + 192, x3)


@njit(**JIT)
def _add_vectors(bits, stride, n, shift, n_groups, n_vectors, tables, acc, acc_stride, like):
    """`_add_rows` for a strip of fewer than four vectors."""
    for r in range(n):
        word = np.uint32(peek(bits + r * stride, np.uint64(0)) >> shift)
        for v in range(n_vectors):
            p = acc + r * acc_stride + 64 * v
            x = load(p, like)
            for g in range(n_groups):
                x = x + load(_entry(word, g, tables) + 64 * v, like)
            store(p, x)


@njit(**JIT)
def add_product(bits, n_bits, A, c0, turned, low, tables, acc, acc_stride):
    """acc += (states of rows of bits) times (a strip of columns of A, from c0).

    bits : (n, >= n_bits / 64) uint64; A : (n_bits, m); tables : address of PASS STRIP (1 + 16 / GROUP)
    bytes of workspace; acc : address of a strip a row, acc_stride bytes apart. If `turned`, A is (m, n_bits)
    and stands for its transpose.
    """
    stride, space, n = bits.strides[0], tables + PASS * STRIP, len(bits)
    n_columns = len(A) if turned else A.shape[1]
    n_vectors = min(STRIP, (n_columns - c0) * A.itemsize + 63) // 64
    for k0 in range(0, n_bits, PASS):
        k1 = min(k0 + PASS, n_bits)
        _tables(A, k0, k1, c0, n_vectors, turned, low, tables, space)
        p = address(bits) + k0 // 64 * 8
        n_groups = (k1 - k0 + GROUP - 1) // GROUP
        shift = np.uint64(k0 % 64)
        if n_vectors == STRIP // 64:
            _add_rows(p, stride, n, shift, n_groups, space, acc, acc_stride, low)
        else:
            _add_vectors(p, stride, n, shift, n_groups, n_vectors, space, acc, acc_stride, low)


WORKSPACE = PASS * STRIP + PASS // GROUP * _TABLE


@njit(inline="always", **JIT)
def _n_strips(A, turned, out):
    """How many strips cover the columns that both A and out have."""
    width = STRIP // A.itemsize
    return (min(A.shape[0] if turned else A.shape[1], out.shape[1]) + width - 1) // width


@njit(**JIT)
def _product_tile(t, bits, n_bits, A, turned, low, keep, scale, out):
    size = A.itemsize
    width = STRIP // size
    n_strips = _n_strips(A, turned, out)
    r0, r1 = tile_rows(t // n_strips, len(bits))
    c0 = (n_strips - 1 - t % n_strips) * width  # the narrow strip first: the first thread has the odd tile
    c1 = min(c0 + width, out.shape[1])
    held, space = workspace(WORKSPACE + ROWS * STRIP)
    acc = space + WORKSPACE
    for j in range((r1 - r0) * STRIP // 64):
        store(acc + 64 * j, splat(low) * 0)
    add_product(bits[r0:r1], n_bits, A, c0, turned, low, space, acc, np.int64(STRIP))
    whole = (c1 - c0) * size // 64 * 64
    for r in range(r1 - r0):
        q = address(out) + (r0 + r) * out.strides[0] + c0 * size
        for j in range(0, whole, 64):
            x = load(acc + r * STRIP + j, low)
            store(q + j, x * scale if keep == 0 else fma(x, scale, load(q + j, low) * keep))
        for j in range(whole, (c1 - c0) * size, size):
            y = peek(acc + r * STRIP + j, low)
            poke(q + j, y * scale if keep == 0 else y * scale + peek(q + j, low) * keep)
    return held[0]  # the workspace lives as long as its address is used


@shared
def product(bits, n_bits, A, turned, low, keep, scale, out):
    """out = keep out + scale S A, as many columns as both have, others of out undefined.

    With keep = 0 nothing is read from out.

    bits : (n, words) uint64, n_bits units a row; A : (n_bits, m), or (m, n_bits) if `turned`, then it stands
    for its transpose; out : (n, k). A and out are C-ordered, all floats of one dtype.
    """
    for t in prange(n_row_tiles(len(bits)) * _n_strips(A, turned, out)):
        _product_tile(np.int64(t), bits, n_bits, A, turned, low, keep, scale, out)


@njit(**JIT)
def dot_vector(bits, low, a, out):
    """out[r] = (states of row r) . a in float64: a (m,) float64, m a multiple of 64, zero at the end."""
    like = np.float64(low)
    for r in range(len(bits)):
        total = splat(np.float64(0))
        for w in range(len(a) // 64):
            word = bits[r, w]
            for v in range(8):
                x = load(address(a) + (64 * w + 8 * v) * 8, like)
                total = total + select(mask_of(word >> np.uint64(8 * v), like), x, x * like)
        out[r] = total_of(total)


@njit(**JIT)
def weighted_sum(bits, low, weights, out):
    """out[i] = sum over rows of weights[r] (state of unit i): float64, out (m,), m a multiple of 64."""
    like = np.float64(low)
    out[:] = 0
    for r in range(len(bits)):
        one, other = splat(weights[r]), splat(weights[r] * like)
        for w in range(len(out) // 64):
            word = bits[r, w]
            for v in range(8):
                p = address(out) + (64 * w + 8 * v) * 8
                store(p, load(p, like) + select(mask_of(word >> np.uint64(8 * v), like), one, other))


@shared
def energies_of_rows(bits, low, fields, b, out):
    """out[r] = -x.(b + fields[r] / 2) of the states x of row r, in float64: fields (n, >= len(b))."""
    for r in prange(len(bits)):
        total = 0.0
        for i in range(len(b)):
            up = (bits[r, i // 64] >> np.uint64(i % 64)) & np.uint64(1)
            term = np.float64(b[i]) + 0.5 * np.float64(fields[r, i])
            total += term if up else term * np.float64(low)
        out[r] = -total
