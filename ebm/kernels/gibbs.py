"""Gibbs sweeps of the fully connected machine, dense or sparse, all unit types.

State: phi (N * width, C), the encoded states, chains contiguous. A unit's field is a row of J times phi, so
the inner loop runs along chains and in vector registers; Potts units are one-hot rows, and nothing here
asks for them. Chains are worked on in tiles of 64 so that a tile of phi stays in cache through all
the sweeps of a call; positions in tiles of TILE, whose uniforms are made together.

The sequence of units is data: a row of `order` has those of a sweep, position by position. Systematic, random
and chromatic scans and clamped units are all orders.
"""

import numpy as np
from numba import njit

from ebm.kernels import JIT
from ebm.kernels.layers.states import draw_states
from ebm.kernels.numbers.random import LANES, TILE, uniform_tile
from ebm.kernels.units.draw import POTTS, TABLE, draw


@njit(**JIT)
def _field_dense(J, b, start, phi, f):
    for a in range(len(f)):
        row = J[start + a]
        total = f[a]
        total[:] = b[start + a]
        for j in range(len(row)):
            w = row[j]
            source = phi[j]
            for c in range(len(total)):
                total[c] += w * source[c]


@njit(**JIT)
def _field_sparse(couplings, b, start, phi, f):
    _, data, indices, indptr = couplings
    for a in range(len(f)):
        r = start + a
        total = f[a]
        total[:] = b[r]
        for k in range(indptr[r], indptr[r + 1]):
            w = data[k]
            source = phi[indices[k]]
            for c in range(len(total)):
                total[c] += w * source[c]


@njit(**JIT)
def _put(kind, start, width, x, phi):
    """Write the states x of a unit into its rows of phi."""
    if kind == POTTS:
        for a in range(width):
            for c in range(len(x)):
                phi[start + a, c] = 1 if x[c] == a else 0
    else:
        phi[start, :] = x


@njit(**JIT)
def _draw_by_table(tables, unit, start, f, u, work, phi):
    """`draw` and `_put` of a unit that is given by a table."""
    (rows, firsts), table = tables
    I, room, places = work
    n, first = len(u), firsts[rows[unit]]
    for a in range(len(f)):
        for c in range(n):
            I[a, c] = f[a, c]
    draw_states(table, first, firsts[rows[unit] + 1] - first, I[: len(f), :n], u, room, places[:n])
    for a in range(len(f)):
        for c in range(n):
            phi[start + a, c] = table[1][first + places[c], a]


@njit(**JIT)
def _temper(f, base, start, beta):
    """f <- beta f + (1 - beta) base, docs/math.md (2.2)."""
    for a in range(len(f)):
        cold = base[start + a]
        for c in range(len(beta)):
            f[a, c] = beta[c] * (f[a, c] - cold) + cold


@njit(**JIT)
def sweep(kinds, starts, tables, couplings, tempered, phi, order, sweeps):
    """Sweep all chains.

    kinds : (N,) int64, of the units; starts : (N + 1,) int64, their first rows of phi; phi : (N width, C),
    changed in place; order : (r, m) int64, the units visited in sweep k in row k modulo r; all floats of one
    dtype. tables : ((numbers, firsts), (values, phi, log_weights)), of the units of kind TABLE: numbers (N,)
    of the tables that they have, which stand one below the other in the last three, from row firsts[i] to
    firsts[i + 1] and with columns beyond their width.
    """
    J, (b, base, beta), (key, first, n_sweeps) = couplings[0], tempered, sweeps
    n_chains = phi.shape[1]
    dense = len(J) > 0
    for c0 in range(0, n_chains, 64):
        c1 = min(c0 + 64, n_chains)
        local = phi[:, c0:c1].copy()
        u = np.empty((TILE, -(-(c1 - c0) // LANES) * LANES), phi.dtype)
        most = np.empty((np.diff(starts).max(), c1 - c0), phi.dtype)
        x = np.empty(c1 - c0, phi.dtype)
        room = np.empty((np.diff(tables[0][1]).max() + 1, 64))
        work = np.empty((len(most), 64)), room, np.empty(64, np.int64)
        for k in range(n_sweeps):
            row = order[k % len(order)]
            for s in range(len(row)):
                if s % TILE == 0:
                    uniform_tile(key, first + k, c0, s, u)
                kind, start = kinds[row[s]], starts[row[s]]
                f = most[: starts[row[s] + 1] - start]
                if dense:
                    _field_dense(J, b, start, local, f)
                else:
                    _field_sparse(couplings, b, start, local, f)
                _temper(f, base, start, beta[c0:c1])
                if kind == TABLE:
                    _draw_by_table(tables, row[s], start, f, u[s % TILE, : c1 - c0], work, local)
                    continue
                draw(kind, f, u[s % TILE, : c1 - c0], x)
                _put(kind, start, len(f), x, local)
        phi[:, c0:c1] = local
