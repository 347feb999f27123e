"""Uniforms as a function of (key; sweep, position, chain): Philox4x32-10.

Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011): ten rounds of
multiplication and exclusive or turn a 128-bit counter and a 64-bit key into 128 random bits; the authors
report that it passes all of TestU01's BigCrush. There is no state: any number can be had at any time by
anyone, so results do not depend on threads or on how chains are split, and a checkpoint holds two integers.

Layout. The uniform of (sweep t, position i, chain c) is one 32-bit word of the block whose counter is
(block number, c, t mod 2^32, t div 2^32). A block has four words; to waste none, and to let loops over
positions as well as loops over chains run in vector registers, 64 positions share 16 blocks: position
i = 64 g + 16 w + l is word w of block 16 g + l. In float32 the upper 23 bits k give u = (k + 1/2) / 2^23,
exact in float32 and never 0 or 1. In float64, 29 bits of a second block (the same counter with its top bit
set) follow those 23: the two precisions see the same u to 2^-23, so their chains follow each other.
"""

import numpy as np
from numba import njit

from ebm.kernels import JIT

TILE = 64  # positions that share 16 blocks; callers start their ranges of positions at multiples of this
CHAIN_TILE = 64  # chains that are worked on together in chain-contiguous kernels

_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint32(0x9E3779B9), np.uint32(0xBB67AE85)
_32 = np.uint64(32)
_LOW_WORDS = np.uint32(0x80000000)


@njit(inline="always", **JIT)
def philox(c0, c1, c2, c3, k0, k1):
    """Return the four 32-bit words of Philox4x32-10 at counter (c0..c3) under key (k0, k1), all uint32."""
    for _ in range(10):
        p0 = _M0 * np.uint64(c0)
        p1 = _M1 * np.uint64(c2)
        c0, c1, c2, c3 = (
            np.uint32(p1 >> _32) ^ c1 ^ k0,
            np.uint32(p1),
            np.uint32(p0 >> _32) ^ c3 ^ k1,
            np.uint32(p0),
        )
        k0 = np.uint32(k0 + _W0)
        k1 = np.uint32(k1 + _W1)
    return c0, c1, c2, c3


@njit(inline="always", **JIT)
def _write(words, low, u):
    """Turn 32-bit words (and, for float64, low words) into uniforms in (0, 1)."""
    if u.itemsize == 4:
        for l in range(len(u)):
            u[l] = (np.float32(np.int32(words[l] >> np.uint32(9))) + np.float32(0.5)) * np.float32(2.0**-23)
    else:
        for l in range(len(u)):
            k = (np.int64(words[l] >> np.uint32(9)) << np.int64(29)) | np.int64(low[l] >> np.uint32(3))
            u[l] = (np.float64(k) + 0.5) * 2.0**-52


@njit(**JIT)
def uniform_row(key, sweep, chain, first, u):
    """Fill u[i] with the uniforms of positions first + i of one chain.

    key : uint64; sweep : int64 < 2^63; chain : int64 < 2^32; first : int64, a multiple of TILE;
    u : (n,) float32 or float64.
    """
    k0, k1 = np.uint32(key), np.uint32(key >> _32)
    t0, t1 = np.uint32(np.uint64(sweep)), np.uint32(np.uint64(sweep) >> _32)
    c = np.uint32(chain)
    words = np.empty(TILE, np.uint32)
    low = np.empty(TILE, np.uint32)
    for g in range(0, len(u), TILE):
        block = (first + g) // 4
        for l in range(16):
            words[l], words[16 + l], words[32 + l], words[48 + l] = philox(
                np.uint32(block + l), c, t0, t1, k0, k1
            )
        if u.itemsize == 8:
            for l in range(16):
                low[l], low[16 + l], low[32 + l], low[48 + l] = philox(
                    np.uint32(block + l), c, t0, t1 | _LOW_WORDS, k0, k1
                )
        _write(words, low, u[g : g + TILE])


@njit(**JIT)
def uniform_tile(key, sweep, chain, first, u):
    """Fill u[i, c] with the uniforms of positions first + i and chains chain + c, for TILE positions.

    u : (TILE, n) float32 or float64, n <= CHAIN_TILE; the same numbers as `uniform_row`.
    """
    k0, k1 = np.uint32(key), np.uint32(key >> _32)
    t0, t1 = np.uint32(np.uint64(sweep)), np.uint32(np.uint64(sweep) >> _32)
    n = u.shape[1]
    words = np.empty((4, CHAIN_TILE), np.uint32)
    low = np.empty((4, CHAIN_TILE), np.uint32)
    for l in range(16):
        block = np.uint32(first // 4 + l)
        for c in range(n):
            words[0, c], words[1, c], words[2, c], words[3, c] = philox(
                block, np.uint32(chain + c), t0, t1, k0, k1
            )
        if u.itemsize == 8:
            for c in range(n):
                low[0, c], low[1, c], low[2, c], low[3, c] = philox(
                    block, np.uint32(chain + c), t0, t1 | _LOW_WORDS, k0, k1
                )
        for w in range(4):
            _write(words[w], low[w], u[16 * w + l])


@njit(**JIT)
def uniform_rows(key, sweep, chain, first, u):
    """Fill u[c, i], (n_chains, n) float32 or float64, with `uniform_row` of chains chain + c."""
    for c in range(u.shape[0]):
        uniform_row(key, sweep, chain + c, first, u[c])
