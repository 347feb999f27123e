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
from numba import njit, types
from numba.extending import overload

from ebm.kernels import JIT
from ebm.kernels.numbers.memory import address, store
from ebm.kernels.numbers.vector import as_float, lanes, low_words, splat

TILE = 64  # positions that share 16 blocks; callers start their ranges of positions at multiples of this
LANES = 16  # chains that chain-contiguous kernels work on together; they pad to a multiple of it

_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_LOW, _32 = np.uint64(0xFFFFFFFF), np.uint64(32)
_LOW_WORDS = np.uint64(0x80000000)


@njit(inline="always", **JIT)
def philox(c0, c1, c2, c3, k0, k1):
    """Return the four words of Philox4x32-10 at counter (c0..c3) under key (k0, k1).

    Words are the low 32 bits of uint64 scalars or vectors; what stands above them is to be ignored.
    """
    for _ in range(10):
        p0 = (c0 & _LOW) * _M0
        p1 = (c2 & _LOW) * _M1
        c0, c1, c2, c3 = (p1 >> _32) ^ c1 ^ k0, p1, (p0 >> _32) ^ c3 ^ k1, p0
        k0, k1 = k0 + _W0, k1 + _W1
    return c0, c1, c2, c3


def _write(p, a, b, low_a, low_b, like):
    """Write the 16 uniforms of the words a and b (and, for float64, of the low words) to address p."""


@overload(_write, jit_options={"error_model": "numpy"})
def _write_overload(p, a, b, low_a, low_b, like):
    def single(p, a, b, low_a, low_b, like):
        k = as_float(low_words((a & _LOW) >> np.uint64(9), (b & _LOW) >> np.uint64(9)))
        store(p, k * np.float32(2.0**-23) + np.float32(2.0**-24))

    def double(p, a, b, low_a, low_b, like):
        for q, high, low in ((p, a, low_a), (p + 64, b, low_b)):
            k = (((high & _LOW) >> np.uint64(9)) << np.uint64(29)) | ((low & _LOW) >> np.uint64(3))
            store(q, as_float(k) * 2.0**-52 + 2.0**-53)

    return single if getattr(like, "element", like) == types.float32 else double


@njit(inline="always", **JIT)
def _put(p, stride, block, block8, chain, chain8, sweep, key, like, size):
    """Write uniforms of 16 lanes to p, p + stride, p + 2 stride, p + 3 stride: one for each word of a block.

    Lanes 0 to 7 are those of the uint64 vectors block, chain; lanes 8 to 15 those of block8, chain8.
    The floats have the type of `like` and `size` bytes.
    """
    k0, k1 = key & _LOW, key >> _32
    t0, t1 = splat(np.uint64(sweep) & _LOW), splat(np.uint64(sweep) >> _32)
    a, b = philox(block, chain, t0, t1, k0, k1), philox(block8, chain8, t0, t1, k0, k1)
    c, d = a, b
    if size == 8:
        c = philox(block, chain, t0, t1 | _LOW_WORDS, k0, k1)
        d = philox(block8, chain8, t0, t1 | _LOW_WORDS, k0, k1)
    for w in range(4):
        _write(p + w * stride, a[w], b[w], c[w], d[w], like)


@njit(inline="always", **JIT)
def uniform_block(p, key, sweep, chain, first, like, size):
    """Write the uniforms of TILE positions from `first` of one chain to address p."""
    block = splat(np.uint64(first // 4)) + lanes(np.uint64(0))
    c = splat(np.uint64(chain))
    _put(p, LANES * size, block, block + np.uint64(8), c, c, sweep, key, like, size)


@njit(**JIT)
def _fill_row(key, sweep, chain, first, u):
    whole = len(u) - len(u) % TILE
    for g in range(0, whole, TILE):
        uniform_block(address(u) + g * u.itemsize, key, sweep, chain, first + g, u[0], u.itemsize)
    if whole < len(u):
        rest = np.empty(TILE, u.dtype)
        uniform_block(address(rest), key, sweep, chain, first + whole, u[0], u.itemsize)
        u[whole:] = rest[: len(u) - whole]


@njit(inline="always", **JIT)
def uniform_row(key, sweep, chain, first, u):
    """Fill u[i] with the uniforms of positions first + i of one chain.

    key : uint64; sweep : int64 < 2^63; chain : int64 < 2^32; first : int64, a multiple of TILE;
    u : (n,) float32 or float64.
    """
    # Compiled once for each type of u: a literal 0 or the uint64 of a prange would make code of its own,
    # at 3 seconds each.
    _fill_row(np.uint64(key), np.int64(sweep), np.int64(chain), np.int64(first), u)


@njit(inline="always", **JIT)
def uniform_tile_at(p, stride, key, sweep, chain, n, first, like, size):
    """Write `uniform_tile` of n chains to rows `stride` bytes apart from address p."""
    for c in range(0, n, LANES):
        chains = splat(np.uint64(chain + c)) + lanes(np.uint64(0))
        for l in range(16):
            block = splat(np.uint64(first // 4 + l))
            q = p + l * stride + c * size
            _put(q, 16 * stride, block, block, chains, chains + np.uint64(8), sweep, key, like, size)


@njit(**JIT)
def uniform_tile(key, sweep, chain, first, u):
    """Fill u[i, c] with the uniforms of positions first + i and chains chain + c, for TILE positions.

    u : (TILE, n) float32 or float64, n a multiple of LANES; the same numbers as `uniform_row`.
    """
    uniform_tile_at(address(u), u.strides[0], key, sweep, chain, u.shape[1], first, u[0, 0], u.itemsize)


@njit(**JIT)
def uniform_rows(key, sweep, chain, first, u):
    """Fill u[c, i], (n_chains, n) float32 or float64, with `uniform_row` of chains chain + c."""
    for c in range(u.shape[0]):
        uniform_row(key, sweep, chain + c, first, u[c])
