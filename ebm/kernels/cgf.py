"""Sums of cgf over a layer: the hidden term of a free energy, for every row and temperature.

A softplus is max(I, 0) + log(1 + e^-|I|). The logarithms of a row are gathered into one: the product of
up to 960 factors between 1 and 2 stays below 2^960, so only its logarithm is taken. What remains per unit
is one vectorised exp; sixteen running products keep the lanes of the registers apart without asking the
compiler to reorder sums. All of it is in float64, whatever the dtype of the inputs.
"""

import math

import numpy as np
from numba import njit

from ebm.kernels import JIT
from ebm.kernels.draw import BERNOULLI, GAUSSIAN, ISING
from ebm.kernels.functions import exp

_LANES = 16
_CHUNK = 60 * _LANES  # factors whose product cannot overflow
_HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)


@njit(**JIT)
def _softplus_sum(I):
    """Sum of log(1 + exp(I)), I : (n,) float64."""
    n = len(I)
    total = 0.0
    product = np.ones(_LANES)
    positive = np.zeros(_LANES)
    whole = n - n % _LANES
    for start in range(0, whole, _CHUNK):
        product[:] = 1.0
        for j in range(start, min(start + _CHUNK, whole), _LANES):
            for l in range(_LANES):
                x = I[j + l]
                positive[l] += max(x, 0.0)
                product[l] *= 1.0 + exp(-abs(x))
        all_lanes = 1.0
        for l in range(_LANES):
            all_lanes *= product[l]
        total += math.log(all_lanes)
    for l in range(_LANES):
        total += positive[l]
    for j in range(whole, n):
        total += max(I[j], 0.0) + math.log1p(math.exp(-abs(I[j])))
    return total


@njit(**JIT)
def _potts_sum(I, width):
    total = 0.0
    for j in range(0, len(I), width):
        top = -math.inf
        for a in range(width):
            top = max(top, I[j + a])
        part = 0.0
        for a in range(width):
            part += math.exp(I[j + a] - top)
        total += top + math.log(part)
    return total


@njit(**JIT)
def cgf_rows(kind, width, product, bias, beta, out):
    """out[k, r] = sum of cgf(beta[k, r] (bias + product[r])) over the units of a layer.

    product : (n, m * width); bias : (m * width,); beta, out : (k, n) float64.
    """
    columns = product.shape[1]
    I = np.empty(columns)
    for k in range(out.shape[0]):
        for r in range(out.shape[1]):
            row, hot = product[r], beta[k, r]
            if kind == ISING:  # log 2 cosh I = softplus(2 I) - I
                hot *= 2.0
            for j in range(columns):  # a loop of its own: mixed with exp, float32 inputs would not vectorise
                I[j] = hot * (np.float64(bias[j]) + np.float64(row[j]))
            if kind == BERNOULLI:
                out[k, r] = _softplus_sum(I)
            elif kind == ISING:
                out[k, r] = _softplus_sum(I) - 0.5 * I.sum()
            elif kind == GAUSSIAN:
                out[k, r] = 0.5 * np.dot(I, I) + columns * _HALF_LOG_2PI
            else:
                out[k, r] = _potts_sum(I, width)
