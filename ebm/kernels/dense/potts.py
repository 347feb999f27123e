"""Sweeps of a dense machine of Potts units, whose fields are kept.

A unit that goes from state a to c adds row c of J to its chain's fields and takes row a away. Fields are sums
that rounding errors join one by one: the caller makes them anew every REFRESH sweeps (`dense.kept`).
"""

import numpy as np
from numba import njit, prange

from ebm.kernels import JIT
from ebm.kernels.layers.potts import choose, inputs
from ebm.kernels.numbers.memory import address, load, peek, poke, store, workspace
from ebm.kernels.numbers.random import TILE, uniform_block
from ebm.kernels.threads import shared


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
                p, r = address(J) + (i * q + new) * stride, address(J) + (i * q + old) * stride
                whole = stride // 64 * 64
                for j in range(0, whole, 64):
                    store(f + j, load(f + j, like) + (load(p + j, like) - load(r + j, like)))
                for j in range(whole, stride, size):
                    poke(f + j, peek(f + j, like) + (peek(p + j, like) - peek(r + j, like)))
                x[c, i] = new
    keep[0] = 0


@shared
def potts_sweeps(x, q, fields, J, tempered, order, sweeps):
    """Sweep all chains.

    x : (C, N) int32 states, changed in place; fields : (C, M) their phi(x) J, changed in place, M at least
    N q + 16; J : (N q, N q) symmetric; b, base : (M,), zero beyond N q; order : (r, m) int64, the
    units visited in sweep k in row k modulo r; all floats of one dtype.
    """
    for c in prange(len(x)):
        _sweep_chain(np.int64(c), x, q, fields, J, tempered, order, sweeps)
