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
def _softplus_sum(row, bias, beta, scale):
    """Sum of log(1 + exp(I)), I = scale * beta * (bias + row)."""
    n = len(row)
    total = 0.0
    product = np.ones(_LANES)
    positive = np.zeros(_LANES)
    factor = scale * beta
    whole = n - n % _LANES
    for start in range(0, whole, _CHUNK):
        product[:] = 1.0
        for j in range(start, min(start + _CHUNK, whole), _LANES):
            for l in range(_LANES):
                I = factor * (np.float64(bias[j + l]) + np.float64(row[j + l]))
                positive[l] += max(I, 0.0)
                product[l] *= 1.0 + exp(-abs(I))
        all_lanes = 1.0
        for l in range(_LANES):
            all_lanes *= product[l]
        total += math.log(all_lanes)
    for l in range(_LANES):
        total += positive[l]
    for j in range(whole, n):
        I = factor * (np.float64(bias[j]) + np.float64(row[j]))
        total += max(I, 0.0) + math.log1p(math.exp(-abs(I)))
    return total


@njit(**JIT)
def _input_sum(row, bias, beta, power):
    """Sum of I or of I^2, I = beta * (bias + row)."""
    total = 0.0
    for j in range(len(row)):
        I = beta * (np.float64(bias[j]) + np.float64(row[j]))
        total += I if power == 1 else I * I
    return total


@njit(**JIT)
def _potts_sum(row, bias, beta, width):
    total = 0.0
    for j in range(0, len(row), width):
        top = -math.inf
        for a in range(width):
            top = max(top, beta * (np.float64(bias[j + a]) + np.float64(row[j + a])))
        part = 0.0
        for a in range(width):
            part += math.exp(beta * (np.float64(bias[j + a]) + np.float64(row[j + a])) - top)
        total += top + math.log(part)
    return total


@njit(**JIT)
def cgf_rows(kind, width, product, bias, beta, out):
    """out[k, r] = sum of cgf(beta[k, r] (bias + product[r])) over the units of a layer.

    product : (n, m * width); bias : (m * width,); beta, out : (k, n) float64.
    """
    m = product.shape[1]
    for k in range(out.shape[0]):
        for r in range(out.shape[1]):
            row, hot = product[r], beta[k, r]
            if kind == BERNOULLI:
                out[k, r] = _softplus_sum(row, bias, hot, 1.0)
            elif kind == ISING:  # log 2 cosh I = softplus(2 I) - I
                out[k, r] = _softplus_sum(row, bias, hot, 2.0) - _input_sum(row, bias, hot, 1)
            elif kind == GAUSSIAN:
                out[k, r] = 0.5 * _input_sum(row, bias, hot, 2) + m * _HALF_LOG_2PI
            else:
                out[k, r] = _potts_sum(row, bias, hot, width)
