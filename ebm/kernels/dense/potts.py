"""Sweeps of a dense machine of Potts units, whose fields are kept.

A unit that goes from state a to c adds row c of J to its chain's fields and takes row a away. Fields are sums
that rounding errors join one by one: the caller makes them anew every REFRESH sweeps (`dense.kept`).

Few chains are swept one after the other; many a unit at a time for a tile of them: the same numbers.
"""

import numpy as np
from numba import njit, prange

from ebm.kernels import JIT
from ebm.kernels.layers.potts import choose, inputs
from ebm.kernels.numbers.functions import exp
from ebm.kernels.numbers.memory import address, load, peek, poke, store, workspace
from ebm.kernels.numbers.random import LANES, TILE, uniform_block, uniform_tile_at
from ebm.kernels.numbers.vector import select, splat
from ebm.kernels.threads import shared


@njit(inline="always", **JIT)
def _change(f, rows, new, old, stride, like, size):
    """Add row `new` of those at address rows to the fields at f, and take row `old` away."""
    p, r = rows + new * stride, rows + old * stride
    whole = stride // 64 * 64
    for j in range(0, whole, 64):
        store(f + j, load(f + j, like) + (load(p + j, like) - load(r + j, like)))
    for j in range(whole, stride, size):
        poke(f + j, peek(f + j, like) + (peek(p + j, like) - peek(r + j, like)))


@njit(**JIT)
def _sweep_chain(c, x, q, fields, J, tempered, order, sweeps):
    (b, base, beta), (key, first, n_sweeps) = tempered, sweeps
    size = J.itemsize
    like = J[0, 0]
    stride = J.strides[0]
    room = (q * size + 63) // 64 * 64
    keep, u = workspace(TILE * size + room)
    I, f, hot = u + TILE * size, address(fields) + c * fields.strides[0], beta[c]
    for k in range(n_sweeps):
        row = order[k % len(order)]
        for s in range(len(row)):
            if s % TILE == 0:
                uniform_block(u, key, first + k, c, s, like, size)
            i = row[s]
            place = i * q * size
            inputs(f + place, address(b) + place, address(base) + place, hot, q * size, I, like)
            new = choose(I, q, np.float64(peek(u + s % TILE * size, like)), size, like)
            old = x[c, i]
            if new != old:
                _change(f, address(J) + i * q * stride, new, old, stride, like, size)
                x[c, i] = new
    keep[0] = 0


@shared
def potts_sweeps(x, q, fields, J, tempered, order, sweeps):
    """Sweep all chains, one after the other.

    x : (C, N) int32 states, changed in place; fields : (C, M) their phi(x) J, changed in place, M at least
    N q + 16; J : (N q, N q) symmetric; b, base : (M,), zero beyond N q; order : (r, m) int64, the
    units visited in sweep k in row k modulo r; all floats of one dtype.
    """
    for c in prange(len(x)):
        _sweep_chain(np.int64(c), x, q, fields, J, tempered, order, sweeps)


@njit(inline="always", **JIT)
def _total(e, q, stride, sums, like, size):
    """The sum of q vectors at e, e + stride, ...: in the order of `choose`, through room at sums."""
    width = 64 // size
    for a in range(min(q, width)):
        total = load(e + a * stride, like)
        for b in range(a + width, q, width):
            total = total + load(e + b * stride, like)
        store(sums + a * 64, total)
    half = width // 2
    while half:
        for a in range(min(half, max(0, q - half))):
            store(sums + a * 64, load(sums + a * 64, like) + load(sums + (a + half) * 64, like))
        half //= 2
    return load(sums, like)


@njit(inline="always", **JIT)
def _weights(e, q, stride, bias, cold, hot, n_bytes, total, like, size):
    """Inputs of q states of a tile of chains, at e, become weights; their totals go to `total`.

    bias, cold : addresses of the q biases and base inputs; hot : of beta, one for each chain.
    """
    sums = total + n_bytes
    for j in range(0, n_bytes, 64):
        beta, top = load(hot + j, like), splat(like)
        for a in range(q):
            b, c, p = peek(bias + a * size, like), peek(cold + a * size, like), e + a * stride + j
            x = (load(p, like) + b - c) * beta + c
            store(p, x)
            top = x if a == 0 else select(x > top, x, top)
        for a in range(q):
            p = e + a * stride + j
            store(p, exp(load(p, like) - top))
        store(total + j, _total(e + j, q, stride, sums, like, size))


@njit(**JIT)
def _sweep_tile(first_chain, n, x, q, fields, J, tempered, order, sweeps):
    (b, base, beta), (key, first, n_sweeps) = tempered, sweeps
    size, like = J.itemsize, J[0, 0]
    wide = (n + LANES - 1) // LANES * LANES  # chains with room: whole vectors, and what uniforms come in
    stride, row_of_J, row_of_fields = wide * size, J.strides[0], fields.strides[0]
    keep, hot = workspace((TILE + q + 2) * stride + 1024)
    total = hot + stride
    e = total + stride + 1024
    u = e + q * stride
    for c in range(wide):
        poke(hot + c * size, beta[first_chain + min(c, n - 1)])
        for a in range(q):
            poke(e + a * stride + c * size, like * 0)
    f0 = address(fields) + first_chain * row_of_fields
    for k in range(n_sweeps):
        row = order[k % len(order)]
        for s in range(len(row)):
            if s % TILE == 0:
                uniform_tile_at(u, stride, key, first + k, first_chain, wide, s, like, size)
            i = row[s]
            place = i * q * size
            for c in range(n):
                for a in range(q):
                    poke(e + a * stride + c * size, peek(f0 + c * row_of_fields + place + a * size, like))
            _weights(e, q, stride, address(b) + place, address(base) + place, hot, stride, total, like, size)
            at = u + s % TILE * stride
            for c in range(n):
                rest = np.float64(peek(at + c * size, like)) * np.float64(peek(total + c * size, like))
                new = 0
                for a in range(q - 1):
                    rest -= np.float64(peek(e + a * stride + c * size, like))
                    new += np.int64(rest > 0.0)
                old = x[first_chain + c, i]
                if new != old:
                    f = f0 + c * row_of_fields
                    _change(f, address(J) + i * q * row_of_J, new, old, row_of_J, like, size)
                    x[first_chain + c, i] = new
    keep[0] = 0


@shared
def potts_tiles(tile, x, q, fields, J, tempered, order, sweeps):
    """`potts_sweeps`, the same numbers, a unit of `tile` chains at a time.

    That unit's rows of J stay in the first-level cache, and its q inputs are one vector each for 16 chains.
    """
    for t in prange((len(x) + tile - 1) // tile):
        first = np.int64(t) * tile
        _sweep_tile(first, min(tile, len(x) - first), x, q, fields, J, tempered, order, sweeps)
