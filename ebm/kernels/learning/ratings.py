"""Contrastive divergence of restricted machines that share weights, each with the units of one user.

A user's machine has a softmax unit for each thing that this user has rated and no others, so that its product
with W is a sum of as many rows. Users are worked on one after the other: what they add to the gradient
belongs to the same rows.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from ebm.kernels import JIT


class Users(NamedTuple):
    """Who has rated what: rows of a CSR matrix whose entries are states.

    indptr : (n_users + 1,) int64; items, states : (n_ratings,) int64
    """

    indptr: Any
    items: Any
    states: Any


class Shared(NamedTuple):
    """Parameters, or sums of statistics for them.

    W : (n_items·q, n_hidden); b : (n_items·q,); c : (n_hidden,)
    """

    W: Any
    b: Any
    c: Any


@njit(**JIT)
def _means(W, q, items, states, start, I, mean):
    """⟨h⟩ given states of some items; I are the inputs without them."""
    for j in range(len(I)):
        mean[j] = I[j]
    for n in range(len(items)):
        row = W[items[n] * q + states[start + n]]
        for j in range(len(I)):
            mean[j] += row[j]
    for j in range(len(I)):
        mean[j] = 1.0 / (1.0 + math.exp(-mean[j]))


@njit(**JIT)
def _add(out, q, items, states, start, mean, weight):
    """Add the statistics of a user at these states."""
    W, b, c = out
    for n in range(len(items)):
        at = items[n] * q + states[start + n]
        b[at] += weight
        row = W[at]
        for j in range(len(mean)):
            row[j] += weight * mean[j]
    for j in range(len(mean)):
        c[j] += weight * mean[j]


@njit(**JIT)
def _draw(W, b, q, items, h, u, states):
    """A state of each item given hidden units, at the uniforms u."""
    log_p = np.empty(q)
    for n in range(len(items)):
        top = -np.inf
        for k in range(q):
            at = items[n] * q + k
            row, value = W[at], float(b[at])
            for j in range(len(h)):
                value += row[j] * h[j]
            log_p[k] = value
            top = max(top, value)
        total = 0.0
        for k in range(q):
            log_p[k] = math.exp(log_p[k] - top)
            total += log_p[k]
        left, state = u[n] * total, 0
        while state < q - 1 and left > log_p[state]:
            left -= log_p[state]
            state += 1
        states[n] = state


@njit(**JIT)
def contrast(users, chosen, weights, machine, inputs, q, u_hidden, u_visible, out, hidden):
    """Σ weights (statistics of the chosen users − those after sweeps from them), added to out.

    Parameters
    ----------
    chosen : (n,) int64; weights : (n,) float64
    machine, out : Shared
    inputs : (n, n_hidden)
        c and what a user's own inputs add.
    u_hidden, u_visible : (n, sweeps, n_hidden), (sweeps, ratings of the chosen)
        Uniforms.
    hidden : (n, n_hidden), overwritten
        Of each user the difference of the hidden means.
    """
    W, b, _ = machine
    indptr, items, states = users
    n_sweeps, n_hidden = u_hidden.shape[1:]
    mean, h, begin = np.empty(n_hidden), np.empty(n_hidden), np.int64(0)
    for r in range(len(chosen)):
        start, stop = indptr[chosen[r]], indptr[chosen[r] + 1]
        own, w = items[start:stop], weights[r]
        end = begin + stop - start
        moved = np.empty(stop - start, np.int64)
        _means(W, q, own, states, start, inputs[r], mean)
        _add(out, q, own, states, start, mean, w)
        for j in range(n_hidden):
            hidden[r, j] = mean[j]
        for k in range(n_sweeps):
            for j in range(n_hidden):
                h[j] = 1.0 if u_hidden[r, k, j] < mean[j] else 0.0
            _draw(W, b, q, own, h, u_visible[k, begin:end], moved)
            _means(W, q, own, moved, np.int64(0), inputs[r], mean)
        _add(out, q, own, moved, np.int64(0), mean, -w)
        for j in range(n_hidden):
            hidden[r, j] -= mean[j]
        begin = end
