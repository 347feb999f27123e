"""A layer of two-state units given the other layer: product, inputs, uniforms and draws in one pass.

A tile is 64 units of up to ROWS rows. Its inputs come from tables (`ebm.kernels.layers.bits`) into a small
array that stays in cache, are turned into probabilities there, compared with uniforms, and leave as one word
of 64 bits a row. Nothing of the size of the layer is written but those bits.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit, prange

from ebm.kernels import JIT
from ebm.kernels.layers.bits import ROWS, STRIP, WORKSPACE, add_product, n_row_tiles, tile_rows
from ebm.kernels.numbers.functions import exp
from ebm.kernels.numbers.memory import address, load, poke, store, workspace
from ebm.kernels.numbers.random import TILE, uniform_block
from ebm.kernels.numbers.vector import splat
from ebm.kernels.threads import shared
from ebm.kernels.units.draw import above

_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)


class _Drawn(NamedTuple):
    """The layer that is drawn, as `sample_layer` has it."""

    bias: Any
    base: Any
    slope: Any
    first: Any
    free: Any


@njit(inline="always", **JIT)
def _copy_padded(a, c0, p):
    """Write a[c0 : c0 + TILE] to address p, zeros beyond its end."""
    for j in range(TILE):
        poke(p + j * a.itemsize, a[c0 + j] if c0 + j < len(a) else a.dtype.type(0))


@njit(**JIT)
def _inputs(source, r0, r1, c0, m, space, acc):
    """Products of rows r0..r1 with columns c0..c0 + TILE of A, or their known values, at address acc."""
    S, low, A, turned, known = source
    size, n_bits = A.itemsize, A.shape[1] if turned else A.shape[0]
    stride = TILE * size
    if len(known):
        width = known.strides[0]
        for r in range(r0, r1):
            p, q = address(known) + r * width + c0 * size, acc + (r - r0) * stride
            for j in range(0, min(stride, width - c0 * size), 64):
                store(q + j, load(p + j, low))
        return
    for j in range((r1 - r0) * stride // 64):
        store(acc + 64 * j, splat(low) * 0)
    width = STRIP // size
    for c in range(c0, min(c0 + TILE, m), width):
        add_product(S[r0:r1], n_bits, A, c, turned, low, space, acc + (c - c0) * size, stride)


@njit(**JIT)
def _sample_tile(t, source, drawn, beta, uniforms, old, out):
    (_, low, A, _, _), (bias, base, slope, first, free), (key, sweep) = source, drawn, uniforms
    n_words = out.shape[1]
    r0, r1 = tile_rows(t // n_words, len(out))
    w = n_words - 1 - t % n_words  # the narrow tile first: the first thread has the odd one
    c0 = w * TILE
    size = A.itemsize
    stride = TILE * size
    keep, space = workspace(WORKSPACE + ROWS * stride + 3 * stride)
    acc = space + WORKSPACE
    warm = acc + ROWS * stride
    cold, u = warm + stride, warm + 2 * stride
    _inputs(source, r0, r1, c0, len(bias), space, acc)
    _copy_padded(bias, c0, warm)
    _copy_padded(base, c0, cold)
    n_units = len(bias)
    mask = free[w] & (_ALL >> np.uint64(max(0, c0 + TILE - n_units)))
    lanes = 64 // size
    for r in range(r1 - r0):
        uniform_block(u, key, sweep, r0 + r, first + c0, low, size)
        word = np.uint64(0)
        for v in range(size):  # TILE / lanes vectors
            field = load(warm + 64 * v, low) + load(acc + r * stride + 64 * v, low)
            up = above(field, beta[r0 + r], load(cold + 64 * v, low), slope, u + 64 * v, low)
            word |= up << np.uint64(v * lanes)
        out[r0 + r, w] = (word & mask) | (old[r0 + r, w] & ~mask)
    return keep[0]


@shared
def sample_layer(source, bias, base, beta, slope, uniforms, first, free, old, out):
    """Draw m two-state units for every row, math.md (2.2): one bit each.

    Parameters
    ----------
    source : (S, low, A, turned, known)
        The other layer's states S, (n, words) uint64, a bit a unit, 0 for the state `low`, 0 or -1; couplings
        A, (n_bits, m), or, if `turned`, (m, n_bits) for its transpose; the product of states and A, (n, k) in
        whole vectors, or (0, 0): if it is known, S and A are not looked at.
    bias, base : (m,)
    beta : (n,)
    slope : scalar
        The difference of the two states drawn: 1 for Bernoulli, 2 for Ising.
    uniforms, first : (uint64, int64), int64
        Key and sweep number; positions first..first + m.
    free : (words,) uint64
        Bits that may change; the others are taken from `old`, (n, words).
    out : (n, words) uint64, overwritten; it may be `old`.

    All floats have one dtype.
    """
    for t in prange(n_row_tiles(len(out)) * out.shape[1]):
        _sample_tile(np.int64(t), source, _Drawn(bias, base, slope, first, free), beta, uniforms, old, out)


@njit(**JIT)
def _mean_tile(t, product, m, bias, low, weights, out, sums):
    size = product.itemsize
    lanes = 64 // size
    width = product.shape[1] * size
    c0 = t * TILE
    stride = TILE * size
    keep, warm = workspace(stride)
    _copy_padded(bias, c0, warm)
    slope = 1 - low
    vectors = min(size, (m - c0 + lanes - 1) // lanes)
    for r in range(len(product)):
        p, q = address(product) + r * width + c0 * size, address(out) + r * width + c0 * size
        for v in range(vectors):
            e = exp((load(warm + 64 * v, low) + load(p + 64 * v, low)) * slope)
            store(q + 64 * v, (e + low) / (e + 1) * weights[r])
    c1 = min(c0 + TILE, m)
    for r in range(len(product)):
        row = out[r, c0:c1]
        total = sums[c0:c1]
        for j in range(len(row)):
            total[j] += row[j]
    return keep[0]


@shared
def mean_layer(product, m, bias, low, weights, out, sums):
    """out = weights (mean states of a layer of two-state units with inputs bias + product), and its sums.

    product, out : (n, k), of which m columns are used, k - m a vector or more; bias : (m,); low : 0 or -1,
    the lower state; weights : (n,); all of one float dtype. sums : (m,) float64, the column sums of `out` are
    added to it.
    """
    for t in prange(-(-m // TILE)):
        _mean_tile(np.int64(t), product, m, bias, low, weights, out, sums)
