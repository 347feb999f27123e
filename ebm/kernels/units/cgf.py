"""Sums of cgf over a layer: the hidden term of a free energy, for every row and temperature.

A softplus is max(I, 0) + log(1 + e^-|I|). The logarithms of a row are gathered into one: the product of
up to 960 factors between 1 and 2 stays below 2^960, so only its logarithm is taken. What remains per unit
is one vector exp. All of it is in float64, whatever the dtype of the inputs.
"""

import math

import numpy as np
from numba import njit, prange

from ebm.kernels import JIT
from ebm.kernels.numbers.functions import exp
from ebm.kernels.numbers.memory import address, load
from ebm.kernels.numbers.vector import product_of, select, splat, total_of
from ebm.kernels.threads import shared
from ebm.kernels.units.draw import BERNOULLI, GAUSSIAN, ISING, POTTS

_LANES = 8
_CHUNK = 120 * _LANES  # factors whose product cannot overflow
_NOTHING = -1e4  # an input whose softplus is 0
_ROWS = 8  # rows of a tile
_HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)


@njit(**JIT)
def _softplus_sum(I):
    """Sum of log(1 + exp(I)), I : (n,) float64, n a multiple of 8."""
    total = 0.0
    positive = splat(0.0)
    for start in range(0, len(I), _CHUNK):
        product = splat(1.0)
        for j in range(start, min(start + _CHUNK, len(I)), _LANES):
            x = load(address(I) + 8 * j, 0.0)
            up = x > 0.0
            positive = positive + select(up, x, 0.0)
            product = product * (exp(select(up, x * -1.0, x)) + 1.0)
        total += math.log(product_of(product))
    return total + total_of(positive)


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
def _cgf_tile(t, kind, width, product, bias, beta, out):
    columns = len(bias)
    I = np.full((columns + _LANES - 1) // _LANES * _LANES, _NOTHING)
    for k in range(out.shape[0]):
        for r in range(t * _ROWS, min(t * _ROWS + _ROWS, out.shape[1])):
            row, hot = product[r], beta[k, r]
            if kind == ISING:  # log 2 cosh I = softplus(2 I) - I
                hot *= 2.0
            for j in range(columns):  # a loop of its own: mixed with exp, float32 inputs would not vectorise
                I[j] = hot * (np.float64(bias[j]) + np.float64(row[j]))
            if kind == BERNOULLI:
                out[k, r] = _softplus_sum(I)
            elif kind == ISING:
                out[k, r] = _softplus_sum(I) - 0.5 * I[:columns].sum()
            elif kind == GAUSSIAN:
                out[k, r] = 0.5 * np.dot(I[:columns], I[:columns]) + columns * _HALF_LOG_2PI
            elif kind == POTTS:
                out[k, r] = _potts_sum(I[:columns], width)
            else:
                out[k, r] = math.nan  # no such unit


@shared
def cgf_rows(kind, width, product, bias, beta, out):
    """out[k, r] = sum of cgf(beta[k, r] (bias + product[r])) over the units of a layer.

    product : (n, >= m * width), of which the first m * width columns are used; bias : (m * width,);
    beta, out : (k, n) float64.
    """
    for t in prange(-(-out.shape[1] // _ROWS)):
        _cgf_tile(np.int64(t), kind, width, product, bias, beta, out)
