"""Moves of whole clusters of units: Swendsen-Wang, Wolff, and exchanges between replicas.

States x_i in 0..q-1 have the weight exp(sum over pairs K_ij delta(x_i, x_j) + sum_i h_i(x_i)); an
Ising model is the case q = 2, K = 2J. Fortuin and Kasteleyn (1972): give each pair a bond with probability
1 - exp(-|K|) where it is satisfied (equal states if K > 0, different ones if K < 0, which only q = 2 has).
Edwards and Sokal (1988): given the bonds, the pairs no longer count; each cluster of bonds turns as one,
x -> x + d mod q, with the weight of its fields h alone. `join` holds the probabilities with the sign of K.

A chain takes its uniforms one after the other, as many as its clusters ask for, from positions 0, 1, ... of
its own (sweep, chain): made 64 at a time, they depend on nothing else. Positions are good for 2^34 uniforms;
in a Swendsen-Wang sweep position e is that of pair e, and clusters come behind.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit, prange

from ebm.kernels import JIT
from ebm.kernels.numbers.random import TILE, uniform_row
from ebm.kernels.threads import shared


class Pairs(NamedTuple):
    """Pairs of units: join (n_pairs,) float64, and first, second (n_pairs,) int64, the two."""

    join: Any
    first: Any
    second: Any


class Neighbours(NamedTuple):
    """The same pairs from either end, in sparse rows: join (n_entries,) float64, indices, indptr."""

    join: Any
    indices: Any
    indptr: Any


class _Room(NamedTuple):
    """Workspace of a chain: u (TILE,); by unit its parent, its cluster's turn and weight (N, q)."""

    u: Any
    parent: Any
    turn: Any
    weight: Any


@njit(inline="always", **JIT)
def _uniform(u, s, key, sweep, chain):
    """The uniform of position s; u holds the TILE of positions that s lies in."""
    if s % TILE == 0:
        uniform_row(key, sweep, chain, s, u)
    return u[s % TILE]


@njit(inline="always", **JIT)
def _turned(x, d, q):
    """x + d mod q, of x and d in 0..q-1: a division takes as long as the rest of a visit."""
    y = x + d
    return y - q if y >= q else y


@njit(**JIT)
def _root(parent, i):
    while parent[i] != i:
        parent[i] = parent[parent[i]]  # halves the path for those who come later
        i = parent[i]
    return i


@njit(**JIT)
def _unite(x, pairs, parent, u, key, sweep, chain):
    """Unite the ends of bonds drawn on all satisfied pairs: parent[i] <= i, and i itself for the first.

    Bonds are listed 64 pairs at a time, without a branch: a branch taken at random costs more than a bond.
    """
    join, first, second = pairs
    listed = np.empty(TILE, np.int64)
    for i in range(len(x)):
        parent[i] = i
    for s in range(0, len(join), TILE):
        uniform_row(key, sweep, chain, s, u)
        count = 0
        for e in range(s, min(s + TILE, len(join))):
            p = join[e] if x[first[e]] == x[second[e]] else -join[e]
            listed[count] = e
            count += u[e - s] < p
        for e in listed[:count]:
            a, b = _root(parent, first[e]), _root(parent, second[e])
            parent[max(a, b)] = min(a, b)


@njit(**JIT)
def _turn(weight, r, u):
    """A turn d, drawn with probability proportional to exp(weight[r, d])."""
    q = weight.shape[1]
    top = weight[r, 0]
    for d in range(1, q):
        top = max(top, weight[r, d])
    total = 0.0
    for d in range(q):
        total += math.exp(weight[r, d] - top)
    left = u * total
    for d in range(q - 1):
        left -= math.exp(weight[r, d] - top)
        if left < 0.0:
            return d
    return q - 1


@njit(**JIT)
def _turn_clusters(x, fields, free, room, s, key, sweep, chain):
    """Turn each cluster without clamped units, with uniforms from position s; return how many there are."""
    u, parent, turn, weight = room
    q = fields.shape[1]
    count = 0
    weight[:] = 0.0
    turn[:] = 0
    for i in range(len(x)):
        r = parent[parent[i]]  # no unit has a parent above it, so its parent has found the root by now
        parent[i] = r
        if not free[i]:
            turn[r] = -1
        for d in range(1, q):
            weight[r, d] += fields[i, _turned(x[i], d, q)] - fields[i, x[i]]
    for r in range(len(x)):
        if parent[r] == r:
            count += 1
            if turn[r] == 0:
                turn[r] = _turn(weight, r, _uniform(u, s, key, sweep, chain))
                s += 1
            else:
                turn[r] = 0
    for i in range(len(x)):
        x[i] = _turned(x[i], turn[parent[i]], q)
    return count


@njit(**JIT)
def _swendsen_wang_chain(c, x, pairs, fields, free, sweeps):
    n, (key, first, n_sweeps) = len(x), sweeps
    room = _Room(np.empty(TILE), np.empty(n, np.int64), np.empty(n, np.int64), np.empty(fields.shape))
    count, s = 0, (len(pairs.join) + TILE - 1) // TILE * TILE
    for k in range(first, first + n_sweeps):
        _unite(x, pairs, room.parent, room.u, key, k, c)
        count += _turn_clusters(x, fields, free, room, s, key, k, c)
    return count


@shared
def swendsen_wang_sweeps(x, pairs, fields, free, sweeps, count):
    """Draw bonds and turn all clusters, once a sweep.

    x : (C, N) int32 states, changed in place; fields : (N, q) float64, the h; free : (N,) bool, units that
    may change; count : (C,) int64, set to the number of clusters of all sweeps.
    """
    for c in prange(len(x)):
        count[c] = _swendsen_wang_chain(np.int64(c), x[c], pairs, fields, free, sweeps)


@njit(**JIT)
def _grow(x, neighbours, free, mark, cluster, u, key, k, chain):
    """Grow a cluster from cluster[0]; return its size, less than 0 if it has met a clamped unit.

    mark[i] is k for its members; uniforms are taken from position 3.
    """
    join, indices, indptr = neighbours
    size, head, s = 1, 0, 3
    while head < size:
        i = cluster[head]
        head += 1
        state = x[i]
        for e in range(indptr[i], indptr[i + 1]):
            j = indices[e]
            if mark[j] != k and (x[j] == state) == (join[e] > 0.0):
                if _uniform(u, s, key, k, chain) < abs(join[e]):
                    if not free[j]:
                        return -size
                    mark[j] = k
                    cluster[size] = j
                    size += 1
                s += 1
    return size


@njit(**JIT)
def _wolff_chain(c, x, neighbours, fields, free, seeds, sweeps, sizes):
    q, (key, first, n_clusters) = fields.shape[1], sweeps
    u, cluster = np.empty(TILE), np.empty(len(x), np.int64)
    mark = np.full(len(x), -1, np.int64)
    flips = 0
    for k in range(first, first + n_clusters):
        uniform_row(key, k, c, 0, u)
        seed = seeds[int(u[0] * len(seeds))]
        d, threshold = 1 + int(u[1] * (q - 1)), math.log(u[2])
        cluster[0], mark[seed] = seed, k
        size = _grow(x, neighbours, free, mark, cluster, u, key, k, c)
        sizes[c] += abs(size)
        gain = 0.0
        for i in cluster[: max(size, 0)]:
            gain += fields[i, _turned(x[i], d, q)] - fields[i, x[i]]
        if size > 0 and gain > threshold:
            flips += 1
            for i in cluster[:size]:
                x[i] = _turned(x[i], d, q)
    return flips


@shared
def wolff_clusters(x, neighbours, fields, free, seeds, sweeps, sizes, flips):
    """Grow a cluster a sweep from a random seed, and turn it if the fields let.

    seeds : (m,) int64, the units that may change; sizes : (C,) int64, to which the units of all clusters are
    added; flips : (C,) int64, set to the number of clusters turned; the rest as in `swendsen_wang_sweeps`.
    """
    for c in prange(len(x)):
        flips[c] = _wolff_chain(np.int64(c), x[c], neighbours, fields, free, seeds, sweeps, sizes)


@njit(**JIT)
def _pick(p, differ, indices, indptr, free, key, sweep):
    n, count = len(differ), 0
    for i in range(n):
        count += differ[i] and free[i]
    u, cluster = np.empty(TILE), np.empty(n, np.int64)
    uniform_row(key, sweep, p, 0, u)
    left, seed = int(u[0] * count), 0
    for i in range(n):
        if differ[i] and free[i]:
            if left == 0:
                seed = i
            left -= 1
    size, head, stays = min(count, 1), 0, False
    cluster[0] = seed
    differ[seed] = False
    while head < size:
        i = cluster[head]
        head += 1
        stays = stays or not free[i]
        for e in range(indptr[i], indptr[i + 1]):
            j = indices[e]
            if differ[j]:
                differ[j] = False
                cluster[size] = j
                size += 1
    differ[:] = False
    for k in range(size):
        differ[cluster[k]] = not stays


@shared
def pick_clusters(differ, indices, indptr, free, key, sweep):
    """Of the units in which two states differ leave one connected cluster, that of a random unit.

    differ : (m, N) bool, changed in place; indices, indptr : the neighbours in compressed sparse rows;
    free : (N,) bool: a cluster with a clamped unit is left out altogether.
    """
    for p in prange(len(differ)):
        _pick(np.int64(p), differ[p], indices, indptr, free, key, sweep)
