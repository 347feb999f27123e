"""Metropolis sweeps of a fully connected machine, dense or sparse, with fields that are kept.

A chain carries the fields of its units, b + J phi. A proposal is looked at in O(1); one that is accepted adds
the rows of J that it turns on, and takes off those that it turns off. Rounding errors join the fields one by
one: the caller makes them anew every REFRESH sweeps.

The unit at place r = s mod m of block s div m (m = 64 for two states, 32 for more: a block has 64 positions)
is accepted with the uniform of position r of its block, and its proposal drawn with that of position 64 - m
+ r further on; two states leave nothing to draw.
"""

import numpy as np
from numba import njit, prange

from ebm.kernels import JIT
from ebm.kernels.numbers.functions import log
from ebm.kernels.numbers.memory import address, load, store
from ebm.kernels.numbers.random import TILE, uniform_row
from ebm.kernels.threads import shared

REFRESH = 64


@njit(**JIT)
def _add_row(fields, J, row, change):
    """Add a row of J, times a change of phi, to the fields.

    A function of its own: with the view made in the loop over units, to take an offer of a sparse machine
    costs 90 ns instead of 25.
    """
    own = J[row]
    for j in range(len(fields)):
        fields[j] += change * own[j]


@njit(**JIT)
def _sweep_chain(c, x, fields, phi, couplings, beta, order, sweeps):
    (J, data, indices, indptr), (key, first, n_sweeps) = couplings, sweeps
    q, width = phi.shape
    block = TILE if q == 2 else TILE // 2
    u, log_u = np.empty(TILE), np.empty(TILE)
    accepted = 0
    for k in range(first, first + n_sweeps):
        for s0 in range(0, len(order), block):
            uniform_row(key, k, c, s0 // block * TILE, u)
            for j in range(0, 8 * TILE, 64):
                store(address(log_u) + j, log(load(address(u) + j, u[0])))
            for r in range(min(block, len(order) - s0)):
                i = order[s0 + r]
                old = x[i]
                new = old + 1 + int(u[TILE - block + r] * (q - 1))
                if new >= q:
                    new -= q
                gain = 0.0
                for w in range(width):
                    gain += (phi[new, w] - phi[old, w]) * fields[i * width + w]
                if beta * gain > log_u[r]:
                    accepted += 1
                    x[i] = new
                    for w in range(width):
                        change = phi[new, w] - phi[old, w]
                        if change != 0 and len(J):
                            _add_row(fields, J, i * width + w, change)
                        elif change != 0:
                            for e in range(indptr[i * width + w], indptr[i * width + w + 1]):
                                fields[indices[e]] += change * data[e]
    return accepted


@shared
def metropolis_sweeps(x, fields, phi, couplings, beta, order, sweeps, accepted):
    """Visit the units of `order` once a sweep.

    x : (C, N) int32, numbers of states, changed in place; fields : (C, N*width) real, b + J phi(x), changed
    in place; phi : (q, width) real, the encoded states; beta : (C,) float64; order : (m,) int64;
    accepted : (C,) int64, to which the accepted proposals are added.
    """
    for c in prange(len(x)):
        accepted[c] += _sweep_chain(np.int64(c), x[c], fields[c], phi, couplings, beta[c], order, sweeps)
