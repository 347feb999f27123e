"""Layers of a network, in place: from inputs to means, and from slopes by the means to slopes by the inputs.

In an exponential family the variance is a function of the mean, so the way back wants the outputs only:
y (1 - y) for Bernoulli, 1 - y^2 for Ising, 1 for Gaussian, y for Poisson, diag(y) - y^T y for Potts.
"""

import math

from numba import njit, prange

from ebm.kernels import JIT
from ebm.kernels.numbers.functions import exp
from ebm.kernels.threads import shared
from ebm.kernels.units.draw import BERNOULLI, GAUSSIAN, ISING, KINDS, POTTS

POISSON = 4
ACTIVATED = (*KINDS, POISSON)
_ROWS = 8  # of a tile


@njit(**JIT)
def _softmax(x):
    top = x[0]
    for a in range(1, len(x)):
        top = max(top, x[a])
    total = x.dtype.type(0)
    for a in range(len(x)):
        x[a] = exp(x[a] - top)
        total += x[a]
    for a in range(len(x)):
        x[a] /= total


@njit(**JIT)
def _activate_row(kind, width, I, bias):
    one = I.dtype.type(1)
    if kind == BERNOULLI:
        for j in range(len(I)):
            I[j] = one / (one + exp(-(I[j] + bias[j])))
        return
    if kind == ISING:  # tanh I = 2 sigma(2 I) - 1
        for j in range(len(I)):
            x = I[j] + bias[j]
            I[j] = (one + one) / (one + exp(-(x + x))) - one
        return
    for j in range(len(I)):
        I[j] += bias[j]
    if kind == POISSON:
        for j in range(len(I)):
            I[j] = exp(I[j])
    elif kind == POTTS:
        for j in range(0, len(I), width):
            _softmax(I[j : j + width])
    elif kind != GAUSSIAN:
        I[:] = math.nan  # no such unit


@shared
def activate(kind, width, I, bias):
    """I <- mean(I + bias), docs/math.md (8.1): I (n, m), bias (m,), of one dtype."""
    for t in prange(-(-len(I) // _ROWS)):
        for r in range(t * _ROWS, min(t * _ROWS + _ROWS, len(I))):
            _activate_row(kind, width, I[r], bias)


@njit(**JIT)
def _pull_row(kind, width, y, g):
    one = y.dtype.type(1)
    if kind == BERNOULLI:
        for j in range(len(g)):
            g[j] *= y[j] * (one - y[j])
    elif kind == ISING:
        for j in range(len(g)):
            g[j] *= (one - y[j]) * (one + y[j])
    elif kind == POISSON:
        for j in range(len(g)):
            g[j] *= y[j]
    elif kind == POTTS:
        for j in range(0, len(g), width):
            mean = y.dtype.type(0)
            for a in range(j, j + width):
                mean += y[a] * g[a]
            for a in range(j, j + width):
                g[a] = y[a] * (g[a] - mean)
    elif kind != GAUSSIAN:
        g[:] = math.nan  # no such unit


@shared
def pull_rows(kind, width, y, g):
    """g <- A''(I) g at the inputs whose means are y, docs/math.md (1.5), (8.5): y, g (n, m), of one dtype."""
    for t in prange(-(-len(g) // _ROWS)):
        for r in range(t * _ROWS, min(t * _ROWS + _ROWS, len(g))):
            _pull_row(kind, width, y[r], g[r])
