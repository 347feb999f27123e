"""Exact sums of an RBM: over one layer, the other in closed form; or all at once when both are Gaussian."""

from __future__ import annotations

import math
import warnings

import numpy as np

from ebm.machine import Array, LogSum, Params, Scratch, enumerate_states, n_states, refuse_above
from ebm.rbm.states import as_state, dot, dot_vector, statistics
from ebm.units import Units

__all__ = ["require_sum", "sum_gaussian", "sum_layer", "sum_machine"]

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


def require_sum(visible: Units, hidden: Units, params: Params) -> None:
    """Raise `TooLarge` if `sum_machine` would."""
    if visible.states is not None or hidden.states is not None:
        _refuse(min(_terms(visible, hidden, params)))


def _terms(visible: Units, hidden: Units, params: Params) -> tuple[float, float]:
    """Terms of the sum over the hidden states, and over the visible ones."""
    b, c = params["b"], params["c"]
    of_hidden, of_visible = (
        n_states(hidden, len(c) // hidden.width),
        n_states(visible, len(b) // visible.width),
    )
    return of_hidden * len(b), of_visible * len(c)


def _refuse(terms: float) -> None:
    refuse_above(_LIMIT, terms, _SECONDS_PER_TERM, 48.0 * _AT_ONCE, "the exact sum over a layer")


def sum_machine(
    visible: Units, hidden: Units, params: Params, beta: float, stats: bool
) -> tuple[float, Params]:
    """log Z_β and the expected stats of an RBM: the layer with fewer terms is enumerated."""
    W, b, c = (beta * params[key].astype(np.float64) for key in "Wbc")
    if visible.states is None and hidden.states is None:
        log_z, mean_v, mean_h, cross = sum_gaussian(W, b, c)
        return log_z, {"W": cross, "b": mean_v, "c": mean_h} if stats else {}
    of_hidden, of_visible = _terms(visible, hidden, params)
    _refuse(min(of_hidden, of_visible))
    if of_hidden <= of_visible:
        log_z, mean_h, mean_v, cross = sum_layer(hidden, visible, W.T, c, b, stats)
        return log_z, {"W": cross.T, "b": mean_v, "c": mean_h} if stats else {}
    log_z, mean_v, mean_h, cross = sum_layer(visible, hidden, W, b, c, stats)
    return log_z, {"W": cross, "b": mean_v, "c": mean_h} if stats else {}


def sum_layer(
    outer: Units, inner: Units, W: Array, b: Array, c: Array, stats: bool
) -> tuple[float, Array, Array, Array]:
    """Sum over all states y of the `outer` layer: exp(b·φ(y) + Σ cgf(c + φ(y)·W)).

    Returns log Z and, with `stats`, ⟨φ(y)⟩, ⟨φ(inner)⟩ and their product's mean.
    """
    from ebm.kernels.cgf import cgf_rows

    n, scratch, params = len(b) // outer.width, Scratch(), {"W": np.ascontiguousarray(W), "b": b, "c": c}
    total, sums = int(n_states(outer, n)), LogSum()
    rows = max(1, _AT_ONCE // max(len(b), len(c)))
    for start in range(0, total, rows):
        y = as_state(enumerate_states(outer, n, start, min(start + rows, total)), outer, W.dtype)
        product = dot(y, outer, params["W"], scratch)
        inner_sum = np.empty((1, len(y)))
        cgf_rows(True, inner.kind, inner.width, product, c, np.ones((1, len(y))), inner_sum)
        weights = sums.weigh(dot_vector(y, outer, b) + inner_sum[0])
        if stats:
            found, _ = statistics([(y, product, weights)], outer, inner, params, scratch)
            for key, value in found.items():
                sums.add(key, np.asarray(value))
    if not stats:
        return sums.log, b, c, W
    return sums.log, sums.mean("b"), sums.mean("c"), sums.mean("W")
