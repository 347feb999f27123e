"""Layers of units that are given by a table of their states: draws, and sums of cgf.

Of each state s the table has phi(s) and the weight exp(-U(s)) that it has without an input, so any unit of
finitely many states is drawn here: p(s | I) is as exp(I phi(s) - U(s)). Units stand side by side in the inner
loops, a state at a time, so that exponentials are taken in vectors. All of it is in float64: of a state such
as 100 an input in float32 would be known to 1e-5 only.
"""

import math

import numpy as np
from numba import njit, prange

from ebm.kernels import JIT
from ebm.kernels.numbers.functions import exp
from ebm.kernels.numbers.random import uniform_row
from ebm.kernels.threads import shared

_UNITS = 64  # that stand side by side
_ROWS = 8  # of a tile of sums


@njit(**JIT)
def _weigh(table, first, q, I, w, top):
    """w[s, j] <- exp(I[:, j] phi(s) - U(s) - top[j]) with top[j] the greatest: I (width, n), w (q, >= n)."""
    _, phi, log_weights = table
    n = I.shape[1]
    top[:n] = -math.inf
    for s in range(q):
        row = w[s, :n]
        row[:] = log_weights[first + s]
        for a in range(len(I)):
            x, column = phi[first + s, a], I[a]
            if x != 0.0:  # most of them, where states are steps or one-hot
                for j in range(n):
                    row[j] += x * column[j]
        for j in range(n):
            top[j] = max(top[j], row[j])
    for s in range(q):
        row = w[s, :n]
        for j in range(n):
            row[j] = exp(row[j] - top[j])


@njit(**JIT)
def draw_states(table, first, q, I, u, room, places):
    """Draw n units that stand side by side: the numbers of their states, from 0.

    table : (values, phi, log_weights) of `ebm.units.family.Table`, of which the q rows from `first` on are
    theirs; I : (width, n) float64; u : (n,) uniforms; room : (>= q + 1, >= n) float64, overwritten;
    places : (n,) int64, overwritten.
    """
    n = len(u)
    w, aim = room[:q], room[q]
    _weigh(table, first, q, I, w, aim)
    for s in range(1, q):
        for j in range(n):
            w[s, j] += w[s - 1, j]
    for j in range(n):
        aim[j] = np.float64(u[j]) * w[q - 1, j]
        places[j] = 0
    for s in range(q - 1):
        for j in range(n):
            places[j] += np.int64(w[s, j] < aim[j])


@njit(**JIT)
def _draw_row(c, table, product, bias, base, beta, key, sweep, first, out):
    values, phi, _ = table
    q, width = phi.shape
    m = out.shape[1]
    u = np.empty(m, product.dtype)
    uniform_row(key, sweep, c, first, u)
    I, room = np.empty((width, _UNITS)), np.empty((q + 1, _UNITS))
    places = np.empty(_UNITS, np.int64)
    hot = beta[c]
    cold = product.dtype.type(1) - hot
    for start in range(0, m, _UNITS):
        n = min(_UNITS, m - start)
        for j in range(n):
            for a in range(width):
                k = (start + j) * width + a
                I[a, j] = hot * (bias[k] + product[c, k]) + cold * base[k]
        draw_states(table, np.int64(0), q, I[:, :n], u[start : start + n], room, places[:n])
        for j in range(n):
            out[c, start + j] = values[places[j]]


@shared
def draw_state_rows(table, product, bias, base, beta, key, sweep, first, out):
    """`ebm.kernels.units.draw.draw_rows` for units that are given by a table, of any width."""
    for c in prange(len(out)):
        _draw_row(np.int64(c), table, product, bias, base, beta, key, sweep, first, out)


@njit(**JIT)
def _cgf_tile(t, table, product, bias, beta, out):
    q, width = table[1].shape
    m = len(bias) // width
    I, w, top = np.empty((width, _UNITS)), np.empty((q, _UNITS)), np.empty(_UNITS)
    for k in range(out.shape[0]):
        for r in range(t * _ROWS, min(t * _ROWS + _ROWS, out.shape[1])):
            total = 0.0
            for start in range(0, m, _UNITS):
                n = min(_UNITS, m - start)
                for j in range(n):
                    for a in range(width):
                        i = (start + j) * width + a
                        I[a, j] = beta[k, r] * (np.float64(bias[i]) + np.float64(product[r, i]))
                _weigh(table, np.int64(0), q, I[:, :n], w, top)
                for s in range(1, q):
                    for j in range(n):
                        w[0, j] += w[s, j]
                for j in range(n):
                    total += top[j] + math.log(w[0, j])
            out[k, r] = total


@shared
def cgf_state_rows(table, product, bias, beta, out):
    """`ebm.kernels.units.cgf.cgf_rows` for units that are given by a table, of any width."""
    for t in prange(-(-out.shape[1] // _ROWS)):
        _cgf_tile(np.int64(t), table, product, bias, beta, out)
