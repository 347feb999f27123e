"""Exact sums of an RBM: over one layer, the other in closed form; or all at once when both are Gaussian."""

from __future__ import annotations

import math
import warnings

import numpy as np

from ebm.machine import Array, LogSum, enumerate_states, n_states, refuse_above
from ebm.units import Units

__all__ = ["sum_gaussian", "sum_layer"]

_LIMIT = 2.0**33  # terms: states of one layer × inputs of the other
_SECONDS_PER_TERM = 5e-9
_AT_ONCE = 2**22  # terms worked on at a time


def sum_gaussian(W: Array, b: Array, c: Array) -> tuple[float, Array, Array, Array]:
    """log Z, ⟨v⟩, ⟨h⟩ and ⟨v hᵀ⟩ of a Gaussian–Gaussian machine, docs/math.md (4.7).

    Warns
    -----
    RuntimeWarning
        A singular value of W is 1 or more: not normalisable; log Z is inf, the means are NaN.
    """
    n_v, n_h = W.shape
    if np.linalg.norm(W, 2) >= 1:
        warnings.warn(
            "Gaussian-Gaussian RBM: a singular value of beta W is >= 1, the density is not normalisable",
            RuntimeWarning,
            stacklevel=4,
        )
        return math.inf, np.full(n_v, np.nan), np.full(n_h, np.nan), np.full(W.shape, np.nan)
    precision = np.block([[np.eye(n_v), -W], [-W.T, np.eye(n_h)]])
    covariance = np.linalg.inv(precision)
    mean = covariance @ np.concatenate([b, c])
    log_det = np.linalg.slogdet(precision)[1]
    log_z = 0.5 * ((n_v + n_h) * math.log(2 * math.pi) - log_det + mean @ np.concatenate([b, c]))
    cross = covariance[:n_v, n_v:] + np.outer(mean[:n_v], mean[n_v:])
    return float(log_z), mean[:n_v], mean[n_v:], cross


def sum_layer(
    outer: Units, inner: Units, W: Array, b: Array, c: Array, stats: bool
) -> tuple[float, Array, Array, Array]:
    """Sum over all states y of the `outer` layer: exp(b·φ(y) + Σ cgf(c + φ(y)·W)).

    Returns log Z and, with `stats`, ⟨φ(y)⟩, ⟨φ(inner)⟩ and their product's mean.
    """
    from ebm.kernels.cgf import cgf_rows

    n = len(b) // outer.width
    total = n_states(outer, n)
    refuse_above(_LIMIT, total * len(c), _SECONDS_PER_TERM, 16.0 * _AT_ONCE, "the exact sum over a layer")
    rows = max(1, _AT_ONCE // len(c))
    sums = LogSum()
    for start in range(0, int(total), rows):
        phi = outer.encode(enumerate_states(outer, n, start, min(start + rows, int(total))))
        product = phi @ W
        inner_sum = np.empty((1, len(phi)))
        cgf_rows(inner.kind, inner.width, product, c, np.ones((1, len(phi))), inner_sum)
        weights = sums.weigh(phi @ b + inner_sum[0])
        if stats:
            mean = weights[:, None] * inner.mean(c + product)
            sums.add("outer", weights @ phi)
            sums.add("inner", mean.sum(0))
            sums.add("cross", phi.T @ mean)
    if not stats:
        return sums.log, b, c, W
    return sums.log, sums.mean("outer"), sums.mean("inner"), sums.mean("cross")
