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
from ebm.kernels.numbers.random import LANES, TILE, uniform_tile
from ebm.kernels.units.draw import POTTS, draw


@njit(**JIT)
def _field_dense(J, b, i, width, phi, f):
    for a in range(width):
        row = J[i * width + a]
        total = f[a]
        total[:] = b[i * width + a]
        for j in range(len(row)):
            w = row[j]
            source = phi[j]
            for c in range(len(total)):
                total[c] += w * source[c]


@njit(**JIT)
def _field_sparse(couplings, b, i, width, phi, f):
    _, data, indices, indptr = couplings
    for a in range(width):
        r = i * width + a
        total = f[a]
        total[:] = b[r]
        for k in range(indptr[r], indptr[r + 1]):
            w = data[k]
            source = phi[indices[k]]
            for c in range(len(total)):
                total[c] += w * source[c]


@njit(**JIT)
def _put(kind, i, width, x, phi):
    """Write the states x of unit i into its rows of phi."""
    if kind == POTTS:
        for a in range(width):
            for c in range(len(x)):
                phi[i * width + a, c] = 1 if x[c] == a else 0
    else:
        phi[i, :] = x


@njit(**JIT)
def _temper(f, base, i, width, beta):
    """f <- beta f + (1 - beta) base, docs/math.md (2.2)."""
    for a in range(width):
        cold = base[i * width + a]
        for c in range(len(beta)):
            f[a, c] = beta[c] * (f[a, c] - cold) + cold


@njit(**JIT)
def sweep(kind, width, couplings, tempered, phi, order, sweeps):
    """Sweep all chains.

    phi : (N width, C), changed in place; order : (r, m) int64, the units visited in sweep k in row k modulo
    r; all floats of one dtype.
    """
    J, (b, base, beta), (key, first, n_sweeps) = couplings[0], tempered, sweeps
    n_chains = phi.shape[1]
    dense = len(J) > 0
    for c0 in range(0, n_chains, 64):
        c1 = min(c0 + 64, n_chains)
        local = phi[:, c0:c1].copy()
        u = np.empty((TILE, -(-(c1 - c0) // LANES) * LANES), phi.dtype)
        f = np.empty((width, c1 - c0), phi.dtype)
        x = np.empty(c1 - c0, phi.dtype)
        for k in range(n_sweeps):
            row = order[k % len(order)]
            for s in range(len(row)):
                if s % TILE == 0:
                    uniform_tile(key, first + k, c0, s, u)
                i = row[s]
                if dense:
                    _field_dense(J, b, i, width, local, f)
                else:
                    _field_sparse(couplings, b, i, width, local, f)
                _temper(f, base, i, width, beta[c0:c1])
                draw(kind, f, u[s % TILE, : c1 - c0], x)
                _put(kind, i, width, x, local)
        phi[:, c0:c1] = local
