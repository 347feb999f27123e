"""Persistent contrastive divergence of small layers of bits: all updates of an epoch in one call.

With batches of ten rows a step of learning is 50 microseconds of arithmetic; taken apart into calls from
Python it costs three to five times that. Here is the same step for the commonest case, Bernoulli units on
both sides, with the same uniforms: docs/math.md (4.5), (5.1), (5.7).
"""

import numpy as np
from numba import njit

from ebm.kernels import JIT
from ebm.kernels.numbers.functions import exp
from ebm.kernels.numbers.random import TILE, uniform_row


@njit(**JIT)
def _add_bias(I, bias):
    for r in range(I.shape[0]):
        row = I[r]
        for j in range(len(row)):
            row[j] += bias[j]


@njit(**JIT)
def _draw(I, key, sweep, first, out):
    """Bits with inputs I, by the uniforms of positions from `first`: chains are rows."""
    one = I.dtype.type(1)
    u = np.empty(I.shape[1], I.dtype)
    for r in range(I.shape[0]):
        uniform_row(key, sweep, r, first, u)
        row, drawn = I[r], out[r]
        for j in range(len(row)):
            drawn[j] = one if u[j] * (one + exp(row[j])) > one else row.dtype.type(0)


@njit(**JIT)
def _means(I):
    one = I.dtype.type(1)
    for r in range(I.shape[0]):
        row = I[r]
        for j in range(len(row)):
            row[j] = one / (one + exp(-row[j]))


@njit(**JIT)
def _add(rows, weights, bias):
    """bias += the weighted sum of rows."""
    for r in range(len(rows)):
        row, w = rows[r], weights[r]
        for j in range(len(row)):
            bias[j] += w * row[j]


@njit(**JIT)
def _ascend(v, p, rates, W, b, c, space):
    """Add Σ rates (vᵀp, v, p) over rows to W, b and c; p is overwritten."""
    _add(v, rates, b)
    _add(p, rates, c)
    for r in range(len(p)):
        row, rate = p[r], rates[r]
        for j in range(len(row)):
            row[j] *= rate
    np.dot(v.T, p, space)
    for i in range(len(W)):
        row, step = W[i], space[i]
        for j in range(len(row)):
            row[j] += step[j]


@njit(**JIT)
def persistent_updates(uniforms, rows, weights, order, batch, rate, params, h, x):
    """One update with every `batch` rows of `order`: the hidden states h of the chains go along.

    Parameters
    ----------
    uniforms : (uint64, int64)
        Key and first sweep number: an update takes two of them.
    rows : (n, d)
        Data, in [0, 1].
    weights : (n,)
        Of the rows, of mean 1.
    order : (m,) int64
        Numbers of rows; the last batch may be short.
    batch : int
    rate : float
    params : (W, b, c)
        Of shapes (d, k), (d,), (k,), updated in place.
    h, x : (n_chains, k), (n_chains, d)
        Hidden and visible states of the chains, in place. In each update x is drawn given h, then h given x.

    All floats have one dtype.
    """
    (key, sweep), (W, b, c) = uniforms, params
    d, k = W.shape
    kind = W.dtype
    chains = len(h)
    v, p = np.empty((batch, d), kind), np.empty((batch, k), kind)
    q, field = np.empty((chains, k), kind), np.empty((chains, d), kind)
    space = np.empty((d, k), kind)
    up, down = np.empty(batch, kind), np.empty(chains, kind)
    first = (d + TILE - 1) // TILE * TILE
    for start in range(0, len(order), batch):
        size = min(batch, len(order) - start)
        share = 0.0
        for r in range(size):
            row = order[start + r]
            v[r] = rows[row]
            up[r] = rate * weights[row] / size
            share += weights[row] / size
        down[:] = -rate * share / chains
        data, given = v[:size], p[:size]
        np.dot(data, W, given)
        _add_bias(given, c)
        _means(given)
        np.dot(h, W.T, field)
        _add_bias(field, b)
        _draw(field, key, sweep, np.int64(0), x)
        np.dot(x, W, q)
        _add_bias(q, c)
        _draw(q, key, sweep + 1, first, h)
        _means(q)
        sweep += 2
        _ascend(data, given, up, W, b, c, space)
        _ascend(x, q, down, W, b, c, space)
