"""One visible unit given the others, its machine's hidden units summed out: its states' weights, and slopes.

For a state s of the unit the inputs of the hidden units are those of the others plus a row of their own, and
log p(s) is a sum of softplus. One exp of each input, e = exp(−|I|), is at once the factor 1 + e under the
logarithm, whose product is taken before its logarithm is, and the mean, 1/(1 + e) or e/(1 + e).
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit, prange

from ebm.kernels import JIT
from ebm.kernels.numbers.functions import exp, log
from ebm.kernels.numbers.memory import address, load, store, workspace
from ebm.kernels.numbers.vector import select, splat, total_of
from ebm.kernels.threads import shared

ROWS = 8  # rows of a tile
_CHUNK = 100  # factors between 1 and 2, whose product is a normal number in float32


class Slopes(NamedTuple):
    """Slopes of a weighted sum of log p of one unit.

    inputs : (n, >= m), overwritten: by the inputs that the other units make; own, b : (tiles, n_states, m)
    and (tiles, n_states), added to: by what the states add to them, and the unit's biases, tile by tile.
    """

    inputs: Any
    own: Any
    b: Any


@njit(**JIT)
def _means(row, shift, n_bytes, like, out):
    """Sum of softplus(row + shift), and the means, written to address out; all arguments are addresses."""
    total, zero = 0.0, splat(like) * 0
    positive = zero
    for start in range(0, n_bytes, 64 * _CHUNK):
        product = zero + 1
        for p in range(start, min(start + 64 * _CHUNK, n_bytes), 64):
            x = load(row + p, like) + load(shift + p, like)
            up = x > 0
            positive = positive + select(up, x, zero)
            e = exp(select(up, x * -1, x))
            factor = e + 1
            product = product * factor
            store(out + p, select(up, zero + 1, e) / factor)
        total += total_of(log(product))
    return total + total_of(positive)


@njit(**JIT)
def _softmax(log_p):
    """Make log weights probabilities, in place; their log sum."""
    top = log_p.max()
    total = 0.0
    for s in range(len(log_p)):
        total += math.exp(log_p[s] - top)
    log_sum = top + math.log(total)
    for s in range(len(log_p)):
        log_p[s] = math.exp(log_p[s] - log_sum)
    return log_sum


@njit(**JIT)
def _conditional_tile(t, product, own, bias, b, target, weights, slopes, log_p):
    n_states, n_columns = own.shape
    like = own[0, 0]
    n_bytes = n_columns * own.itemsize
    keep, space = workspace((n_states + 1) * n_bytes)
    row = space + n_states * n_bytes
    p = np.empty(n_states)
    for r in range(t * ROWS, min(t * ROWS + ROWS, len(product))):
        given = target[r]
        x, y, z = address(product[r]), address(own[given]), address(bias)
        for j in range(0, n_bytes, 64):
            store(row + j, load(x + j, like) - load(y + j, like) + load(z + j, like))
        for s in range(n_states):
            p[s] = b[s] + _means(row, address(own[s]), n_bytes, like, space + s * n_bytes)
        of_given = p[given]
        log_p[r] = of_given - _softmax(p)
        out = address(slopes.inputs[r])
        for j in range(0, n_bytes, 64):
            store(out + j, splat(like) * 0)
        for s in range(n_states):
            w = weights[r] * ((1.0 if s == given else 0.0) - p[s])
            slopes.b[t, s] += w
            factor, total = splat(like) * 0 + own.dtype.type(w), address(slopes.own[t, s])
            for j in range(0, n_bytes, 64):
                part = factor * load(space + s * n_bytes + j, like)
                store(out + j, load(out + j, like) + part)
                store(total + j, load(total + j, like) + part)
    return keep[0]


@shared
def conditional_rows(product, own, bias, b, target, weights, slopes, log_p):
    """log p of the state that a unit is in, given the others, and the slopes of its weighted sum.

    For hidden Bernoulli units, docs/math.md (4.11)-(4.12).

    Parameters
    ----------
    product : (n, >= m) float
        phi(v) W of all visible units.
    own : (n_states, m)
        What each state of the unit adds to the inputs; m a multiple of a vector.
    bias : (m,)
        Hidden biases; beyond the last unit a number so low that its softplus is 0.
    b : (n_states,) float64
        The unit's own biases.
    target : (n,) int64
        The states that it is in.
    weights : (n,) float64
    slopes : Slopes
    log_p : (n,) float64, overwritten
    """
    for t in prange(-(-len(product) // ROWS)):
        _conditional_tile(np.int64(t), product, own, bias, b, target, weights, slopes, log_p)
