"""Systematic sweeps of a dense machine of two-state units, block by block: for many chains.

The fields of a block of 64 units come from one product with tables (`ebm.kernels.layers.bits`), for a tile of
chains at once. They hold the states before the block; inside it units are visited in order, 16 chains to a
vector, and the field of a unit is put right by the changes of those before it in the block, a triangle of
64 x 64 / 2 couplings that stays in cache. So each update sees all earlier ones, exactly as one unit at a
time would; fields are new in every sweep and nothing drifts.

The scan is 0, 1, ..., m - 1; whoever wants another, or clamped units, permutes the problem.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit, prange

from ebm.kernels import JIT
from ebm.kernels.layers.bits import STRIP, WORKSPACE, add_product
from ebm.kernels.layers.packing import transpose64
from ebm.kernels.numbers.memory import load, peek, poke, store, transpose_block, workspace
from ebm.kernels.numbers.random import TILE, uniform_tile_at
from ebm.kernels.numbers.vector import count_bits, fma, mask_of, select, splat
from ebm.kernels.threads import shared
from ebm.kernels.units.draw import above_four

_GROUP = 64  # chains that go through a block together
_NONE = np.uint64(0)


class _Block(NamedTuple):
    """Addresses of what a block works on.

    fields, u, changes : (TILE, 64); triangle : (TILE, TILE), couplings inside the block; b, base : (TILE,).
    """

    fields: Any
    u: Any
    changes: Any
    triangle: Any
    b: Any
    base: Any


def tile_chains(n_chains):
    """Chains of a tile, which share tables: more cost fewer tables, fewer leave work for other threads."""
    return 128 if n_chains < 512 else 256


@njit(inline="always", **JIT)
def change(old, new, step, p, like, size):
    """Write by how much a unit changes in 64 chains, bits old to new, to address p; states are step apart."""
    lanes = 64 // size
    for v in range(size):
        up = mask_of((new & ~old) >> np.uint64(lanes * v), like)
        down = mask_of((old & ~new) >> np.uint64(lanes * v), like)
        store(p + 64 * v, select(up, splat(step), select(down, splat(step) * -1, 0)))


@njit(**JIT)
def _visit(n, at, hot, slope, columns, counted, size):
    """Visit n units of the block `at` in order for 64 chains; return how many states changed.

    hot : address of 64 betas; columns : (TILE,) uint64, bit c is chain c, changed in place; counted : bits of
    the chains that exist.
    """
    like, stride, lanes = slope, _GROUP * size, 64 // size
    total = 0
    for j in range(n):
        bias, cold = peek(at.b + j * size, like), peek(at.base + j * size, like)
        new = _NONE
        for h in range(0, size, 4):
            p = at.fields + j * stride + 64 * h
            x0, x1, x2, x3 = load(p, like), load(p + 64, like), load(p + 128, like), load(p + 192, like)
            q = at.changes + 64 * h
            for i in range(j):
                w = peek(at.triangle + (j * TILE + i) * size, like)
                x0, x1 = fma(w, load(q, like), x0), fma(w, load(q + 64, like), x1)
                x2, x3 = fma(w, load(q + 128, like), x2), fma(w, load(q + 192, like), x3)
                q += stride
            p, q = at.u + j * stride + 64 * h, hot + 64 * h
            four = above_four(x0 + bias, x1 + bias, x2 + bias, x3 + bias, q, cold, slope, p, like)
            new |= four << np.uint64(h * lanes)
        old = columns[j]
        change(old, new, slope, at.changes + j * stride, like, size)
        columns[j] = new
        total += count_bits((old ^ new) & counted)
    return total


@njit(inline="always", **JIT)
def _turn(source, target, size, like):
    """Transpose a (64, 64) array."""
    lanes = 64 // size
    for i in range(0, 64, lanes):
        for j in range(0, 64, lanes):
            transpose_block(
                source + (i * 64 + j) * size, 64 * size, target + (j * 64 + i) * size, 64 * size, like
            )


@njit(**JIT)
def _sweep_tile(t, n_chains, words, J, tempered, low, m, sweeps):
    size, slope = J.itemsize, J.dtype.type(1) - low
    (b, base, beta), (key, first, n_sweeps) = tempered, sweeps
    n, square, groups = len(J), TILE * TILE * size, n_chains // _GROUP
    r0, r1 = t * n_chains, min(t * n_chains + n_chains, len(words))
    keep, space = workspace(WORKSPACE + (4 + groups) * square + (n_chains + 2 * TILE) * size)
    acc = space + WORKSPACE
    p, q = acc + groups * square, acc + (4 + groups) * square
    at = _Block(p, p + square, p + 2 * square, p + 3 * square, q, q + TILE * size)
    hot = q + 2 * TILE * size
    columns, turned = np.empty(TILE, np.uint64), np.bool_(False)
    for c in range(n_chains):
        poke(hot + c * size, beta[min(r0 + c, r1 - 1)])
    total = 0
    for k in range(first, first + n_sweeps):
        for s0 in range(0, m, TILE):
            count = min(TILE, m - s0)
            for j in range(groups * square // 64):
                store(acc + 64 * j, splat(low) * 0)
            for c in range(s0, min(s0 + TILE, n), STRIP // size):
                add_product(words[r0:r1], n, J, c, turned, low, space, acc + (c - s0) * size, TILE * size)
            for j in range(count):
                poke(at.b + j * size, b[s0 + j])
                poke(at.base + j * size, base[s0 + j])
                for i in range(j):
                    poke(at.triangle + (j * TILE + i) * size, J[s0 + j, s0 + i])
            for c0 in range(r0, r1, _GROUP):
                c1 = min(c0 + _GROUP, r1)
                for c in range(_GROUP):
                    columns[c] = words[c0 + c, s0 // TILE] if c0 + c < c1 else _NONE
                counted = ~_NONE >> np.uint64(_GROUP - (c1 - c0))
                transpose64(columns)
                _turn(acc + (c0 - r0) * TILE * size, at.fields, size, low)
                uniform_tile_at(at.u, _GROUP * size, key, k, c0, _GROUP, s0, low, size)
                group_hot = hot + (c0 - r0) * size
                total += _visit(count, at, group_hot, slope, columns, counted, size)
                transpose64(columns)
                for c in range(c1 - c0):
                    words[c0 + c, s0 // TILE] = columns[c]
    keep[0] = 0
    return total


@shared
def blocked_sweeps(n_chains, words, J, tempered, low, m, sweeps, flips):
    """Sweep units 0..m of all chains.

    n_chains : chains of a tile, a multiple of 64; words : (C, ceil(N / 64)) uint64 states, changed in place;
    J : (N, N) symmetric, zero diagonal; low : the lower state, 0 or -1; all floats of one dtype.
    flips : (tiles,) int64, overwritten: the states changed.
    """
    for t in prange(len(flips)):
        flips[t] = _sweep_tile(np.int64(t), n_chains, words, J, tempered, low, m, sweeps)
