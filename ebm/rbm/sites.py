"""Changes of one visible unit: the free energies that they lead to, and what they do to the statistics."""

from __future__ import annotations

import numpy as np

from ebm.machine import Array, Params
from ebm.rbm.states import layer_cgf
from ebm.units import Units

__all__ = ["site_contrast", "site_energies"]


def site_energies(
    visible: Units, hidden: Units, x: Array, product: Array, W: Array, b: Array, c: Array
) -> Array:
    """Free energies with one visible unit at x set to each of its states, up to a constant of the row.

    W, b : its rows of the couplings and its biases; product : φ(v)·W of all units.
    """
    without = (product[:, : len(c)] - visible.encode(x[:, None]) @ W).astype(W.dtype)
    states = np.asarray(visible.states)
    out, beta, sums = np.empty((len(x), len(states))), np.ones((1, len(x))), np.empty((1, len(x)))
    for s, phi in enumerate(visible.encode(states[:, None])):
        bias = c + (phi @ W).astype(W.dtype)
        layer_cgf(hidden, without, bias, beta, sums)
        out[:, s] = -sums[0] - phi @ b
    return out


def site_contrast(
    visible: Units, hidden: Units, v: Array, product: Array, params: Params, weights: Array
) -> Params:
    """Σ weights (stats with one unit put into another state − stats), docs/math.md (5.11).

    With A = Σ weights·⟨φ(h)⟩ over the changes of a row, the statistics of W are φ(v)ᵀA and, in the rows of
    the unit that changes, what the change of φ adds.

    Parameters
    ----------
    v : (n, n_visible)
        States.
    product : (n, ≥ n_hidden·width)
        φ(v)·W.
    weights : (n, n_visible, n_states)
    """
    W, c = params["W"], params["c"]
    states = np.asarray(visible.states)
    table, index = visible.encode(states[:, None]), np.searchsorted(states, v)
    row, inputs = np.arange(len(v)), c + product[:, : len(c)]
    A, others = np.zeros(inputs.shape), np.zeros(len(v))
    out = {key: np.zeros(value.shape) for key, value in params.items()}
    for i in range(v.shape[1]):
        own = slice(i * visible.width, (i + 1) * visible.width)
        for k in range(1, len(states)):
            new = (index[:, i] + k) % len(states)
            w, change = weights[row, i, new], table[new] - table[index[:, i]]
            weighted = w[:, None] * hidden.mean(inputs + (change @ W[own]).astype(W.dtype))
            A += weighted
            others += w
            out["W"][own] += change.T @ weighted
            out["b"][own] += w @ change
    A -= others[:, None] * hidden.mean(inputs)
    out["W"] += visible.outer(v, A)
    out["c"] += A.sum(0)
    return {key: value.astype(W.dtype) for key, value in out.items()}
