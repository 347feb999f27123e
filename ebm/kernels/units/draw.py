"""Drawing units: the compiled counterpart of `Units.sample`, one switch on the unit's kind.

x is the quantile function of p(x | I) at the uniform u: the smallest state whose cumulative probability
reaches u. For two states that is a comparison without a division, u (1 + e^I) > 1, which vectorises.
"""

import math

import numpy as np
from numba import njit, prange

from ebm.kernels import JIT
from ebm.kernels.numbers.functions import exp, normal_quantile
from ebm.kernels.numbers.memory import load
from ebm.kernels.numbers.random import uniform_row
from ebm.kernels.numbers.vector import bits, lanes_of
from ebm.kernels.threads import shared

BERNOULLI, ISING, GAUSSIAN, POTTS = 0, 1, 2, 3
TABLE = 5  # units that are given by a table of their states, in `gibbs`; 4 are counts, in `activation`
KINDS = (BERNOULLI, ISING, GAUSSIAN, POTTS)  # what is asked here: callers do without for other units


@njit(inline="always", **JIT)
def above(field, hot, cold, slope, p, like):
    """Bits of the lanes whose two-state unit is drawn up: u (1 + e^I) > 1, with uniforms at address p.

    field : vector, the inputs at beta = 1; hot : beta; cold : the input at beta = 0; slope : the difference
    of the two states, 1 Bernoulli, 2 Ising.
    """
    I = (field * hot + (cold - cold * hot)) * slope
    return bits(load(p, like) * (exp(I) + 1) > 1)


@njit(inline="always", **JIT)
def above_four(x0, x1, x2, x3, hot, cold, slope, p, like):
    """`above` of one unit in four vectors of chains, whose betas are at address hot."""
    m0 = above(x0, load(hot, like), cold, slope, p, like)
    m1 = above(x1, load(hot + 64, like), cold, slope, p + 64, like)
    m2 = above(x2, load(hot + 128, like), cold, slope, p + 128, like)
    m3 = above(x3, load(hot + 192, like), cold, slope, p + 192, like)
    n = np.uint64(lanes_of(x0))
    return m0 | m1 << n | m2 << (n + n) | m3 << (n + n + n)


@njit(**JIT)
def draw(kind, I, u, out):
    """Draw n independent units.

    I : (width, n) inputs, C-ordered; u : (n,) uniforms; out : (n,) states, overwritten.
    """
    n = len(u)
    row = I[0]
    one = u.dtype.type(1)
    if kind == BERNOULLI:
        for j in range(n):
            out[j] = 1 if u[j] * (one + exp(row[j])) > one else 0
    elif kind == ISING:
        for j in range(n):
            out[j] = 1 if u[j] * (one + exp(row[j] + row[j])) > one else -1
    elif kind == GAUSSIAN:
        for j in range(n):
            out[j] = row[j] + normal_quantile(np.float64(u[j]))
    elif kind == POTTS:
        _draw_potts(I, u, out)
    else:
        out[:] = math.nan  # no such unit


@njit(**JIT)
def _draw_potts(I, u, out):
    q = I.shape[0]
    weight = np.empty(q)
    for j in range(len(u)):
        top = I[0, j]
        for a in range(1, q):
            top = max(top, I[a, j])
        total = 0.0
        for a in range(q):
            total += math.exp(I[a, j] - top)
            weight[a] = total
        a = 0
        while a < q - 1 and weight[a] < u[j] * total:
            a += 1
        out[j] = a


@njit(**JIT)
def _draw_row(c, kind, product, bias, base, beta, key, sweep, first, out):
    m = out.shape[1]
    u = np.empty(m, product.dtype)
    I = np.empty((1, m), product.dtype)
    uniform_row(key, sweep, c, first, u)
    row = product[c]
    hot = beta[c]
    cold = product.dtype.type(1) - hot
    for j in range(m):
        I[0, j] = hot * (bias[j] + row[j]) + cold * base[j]
    draw(kind, I, u, out[c])


@shared
def draw_rows(kind, product, bias, base, beta, key, sweep, first, out):
    """Draw a layer for every row: inputs beta (bias + product) + (1 - beta) base, as in docs/math.md (2.2).

    For units of width 1; Potts units have `ebm.kernels.layers.potts.draw_potts_rows`.

    product : (n, >= m), not changed; bias, base : (m,); beta : (n,); all of one float dtype.
    key, sweep, first : the uniforms of positions first..first + m and chains 0..n.
    out : (n, m) states, overwritten.
    """
    for c in prange(len(out)):
        _draw_row(np.int64(c), kind, product, bias, base, beta, key, sweep, first, out)
