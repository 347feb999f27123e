"""States of two-state units as bits: packed from floats and unpacked, and turned.

Row r of an array of uint64 words has bit i % 64 of word i // 64 for unit i; the state of a unit is `low`
where the bit is 0 and 1 where it is 1, so low = 0 is Bernoulli and low = -1 is Ising.
"""

import numpy as np
from numba import njit

from ebm.kernels import JIT
from ebm.kernels.numbers.memory import address, load, store
from ebm.kernels.numbers.vector import bits as pack_mask
from ebm.kernels.numbers.vector import mask_of, select, splat


@njit(**JIT)
def pack(x, low, bits):
    """Pack rows of two states, low and 1, into bits (n, words), and return whether x has no other values.

    x : (n, m) floats, C-ordered, of the dtype of low; bits is overwritten, zero beyond m.
    """
    n, m = x.shape
    size = x.itemsize
    per_vector = 64 // size
    every = (np.uint64(1) << np.uint64(per_vector)) - np.uint64(1)
    other = np.uint64(0)
    for r in range(n):
        p = address(x) + r * m * size
        for w in range(bits.shape[1]):
            word = np.uint64(0)
            i, end = 64 * w, min(64 * w + 64, m)
            while i + per_vector <= end:
                v = load(p + i * size, low)
                one = pack_mask(v == 1)
                other |= pack_mask(v == low) ^ one ^ every
                word |= one << np.uint64(i % 64)
                i += per_vector
            while i < end:
                one = x[r, i] == 1
                other |= np.uint64(not one and x[r, i] != low)
                word |= np.uint64(one) << np.uint64(i % 64)
                i += 1
            bits[r, w] = word
    return other == np.uint64(0)


@njit(**JIT)
def unpack(bits, low, x):
    """Write the states of rows of bits to x, (n, m) floats, C-ordered, of the dtype of low."""
    n, m = x.shape
    size = x.itemsize
    per_vector = 64 // size
    for r in range(n):
        p = address(x) + r * m * size
        i = 0
        while i + per_vector <= m:
            one = mask_of(bits[r, i // 64] >> np.uint64(i % 64), low)
            store(p + i * size, select(one, splat(low) * 0 + 1, low))
            i += per_vector
        while i < m:
            x[r, i] = 1 if (bits[r, i // 64] >> np.uint64(i % 64)) & np.uint64(1) else low
            i += 1


@njit(**JIT)
def transpose64(a):
    """Transpose 64 words as a 64 x 64 matrix of bits, in place (Hacker's Delight, section 7-3)."""
    j = np.uint64(32)
    m = np.uint64(0xFFFFFFFF)
    while j != np.uint64(0):
        step = np.int64(j)
        for start in range(0, 64, 2 * step):
            for k in range(start, start + step):
                t = ((a[k] >> j) ^ a[k + step]) & m
                a[k] ^= t << j
                a[k + step] ^= t
        j >>= np.uint64(1)
        m ^= m << j


@njit(**JIT)
def transpose_bits(bits, out):
    """out[i, r // 64] has bit r % 64 where bits has unit i of row r.

    bits : (n, words); out : (64 words, ceil(n / 64)), overwritten.
    """
    block = np.empty(64, np.uint64)
    for w in range(bits.shape[1]):
        for r0 in range(0, len(bits), 64):
            for r in range(64):
                block[r] = bits[r0 + r, w] if r0 + r < len(bits) else np.uint64(0)
            transpose64(block)
            for i in range(64):
                out[64 * w + i, r0 // 64] = block[i]
