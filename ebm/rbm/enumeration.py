"""Exact sums of an RBM: over one layer, the other in closed form; or all at once when both are Gaussian."""

from __future__ import annotations

import math
import warnings

import numpy as np

from ebm.errors import NotSupported
from ebm.logsum import LogSum
from ebm.machine import Array, Params, Scratch, enumerate_states, n_states, refuse_above
from ebm.rbm.parameters import PRECISION, unit_variance
from ebm.rbm.states import as_state, dot, dot_vector, layer_cgf, statistics
from ebm.units import Gaussian, Mixed, Units

__all__ = ["has_density", "require_sum", "sum_gaussian", "sum_layer", "sum_machine"]

_LIMIT = 2.0**33  # terms: states of one layer × inputs of the other
_SECONDS_PER_TERM = 5e-9
_AT_ONCE = 2**22  # terms worked on at a time
_NAMES = {"W": "cross", "b": "outer", "c": "inner"}  # of the statistics of a layer that is summed
_TURNED = {"outer": "inner", "inner": "outer", "cross": "cross", "inner_square": "outer_square"}


def sum_gaussian(W: Array, b: Array, c: Array) -> tuple[float, Params]:
    """log Z and the mean statistics (those of `sum_layer`) of a Gaussian–Gaussian machine, math.md (4.7).

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
        shapes = {"outer": n_v, "inner": n_h, "cross": W.shape, "outer_square": n_v}
        return math.inf, {key: np.full(shape, np.nan) for key, shape in shapes.items()}
    precision = np.block([[np.eye(n_v), -W], [-W.T, np.eye(n_h)]])
    covariance = np.linalg.inv(precision)
    mean = covariance @ np.concatenate([b, c])
    log_det = np.linalg.slogdet(precision)[1]
    log_z = 0.5 * ((n_v + n_h) * math.log(2 * math.pi) - log_det + mean @ np.concatenate([b, c]))
    second = covariance + np.outer(mean, mean)
    squares = np.diagonal(second)[:n_v]
    own = {"outer": mean[:n_v], "inner": mean[n_v:], "cross": second[:n_v, n_v:], "outer_square": squares}
    return float(log_z), own


def has_density(visible: Units, hidden: Units, params: Params) -> bool:
    """Whether the integral is finite: singular values of s·W between real units below 1."""
    W = unit_variance(visible, params["W"].astype(np.float64), params["b"])[1]
    between = W[_real(visible, len(W))][:, _real(hidden, W.shape[1])]
    return not between.size or bool(np.linalg.norm(between, 2) < 1)


def _real(units: Units, columns: int) -> Array:
    """Which columns of a layer are of real units, bool."""
    real = np.zeros(columns, bool)
    for own, _, places in units.parts(units.count(columns)):
        real[places] = not own.finite
    return real


def require_sum(visible: Units, hidden: Units, params: Params) -> None:
    """Raise `TooLarge` if `sum_machine` would."""
    if not _gaussian(visible, hidden):
        _refuse(min(_terms(visible, hidden, params)))


def _gaussian(visible: Units, hidden: Units) -> bool:
    """Whether all units are Gaussian: then the sum is a formula."""
    if visible.finite or hidden.finite:
        return False
    if isinstance(visible, Mixed) or isinstance(hidden, Mixed):
        raise NotSupported("exact: real units in both layers beside others have no closed form; expected AIS")
    return True


def _terms(visible: Units, hidden: Units, params: Params) -> tuple[float, float]:
    """Terms of the sum over the hidden states, and over the visible ones."""
    b, c = params["b"], params["c"]
    of_hidden, of_visible = (
        n_states(hidden, hidden.count(len(c))),
        n_states(visible, visible.count(len(b))),
    )
    return of_hidden * len(b), of_visible * len(c)


def _refuse(terms: float) -> None:
    refuse_above(_LIMIT, terms, _SECONDS_PER_TERM, 48.0 * _AT_ONCE, "the exact sum over a layer")


def sum_machine(
    visible: Units, hidden: Units, params: Params, beta: float, stats: bool
) -> tuple[float, Params]:
    """log Z_β and the expected stats of an RBM: the layer with fewer terms is enumerated.

    Visible units with precisions are summed as units of variance 1, docs/math.md (4.9).
    """
    W, b, c = (beta * params[key].astype(np.float64) for key in "Wbc")
    if _gaussian(visible, hidden):
        plain, W, b, s = unit_variance(visible, W, b)
        log_z, own = sum_gaussian(W, b, c)
    else:
        of_hidden, of_visible = _terms(visible, hidden, params)
        _refuse(min(of_hidden, of_visible))
        plain, W, b, s = unit_variance(visible, W, b)
        if of_visible < of_hidden:
            log_z, own = sum_layer(plain, hidden, W, b, c, stats)
        else:
            log_z, turned = sum_layer(hidden, plain, W.T, c, b, stats)
            own = {_TURNED[key]: value.T for key, value in turned.items()}
    log_z += float(np.log(s).sum())
    if not stats:
        return log_z, {}
    found = {"W": s[:, None] * own["cross"], "b": s * own["outer"], "c": own["inner"]}
    if visible.learns:
        found[PRECISION] = -0.5 * s * s * own["outer_square"]
    return log_z, found


def sum_layer(outer: Units, inner: Units, W: Array, b: Array, c: Array, stats: bool) -> tuple[float, Params]:
    """Sum over all states y of the `outer` layer: exp(b·φ(y) + Σ cgf(c + φ(y)·W)).

    Returns log Z and, with `stats`, ⟨φ(y)⟩, ⟨φ(inner)⟩, the mean of their product, and of the squares of
    Gaussian inner units: "outer", "inner", "cross" and "inner_square".
    """
    n, scratch, params = outer.count(len(b)), Scratch(), {"W": np.ascontiguousarray(W), "b": b, "c": c}
    total, sums = int(n_states(outer, n)), LogSum()
    rows = max(1, _AT_ONCE // max(len(b), len(c)))
    for start in range(0, total, rows):
        y = as_state(enumerate_states(outer, n, start, min(start + rows, total)), outer, W.dtype)
        product = dot(y, outer, params["W"], scratch)
        inner_sum = np.empty((1, len(y)))
        layer_cgf(inner, product, c, np.ones((1, len(y))), inner_sum)
        weights = sums.weigh(dot_vector(y, outer, b) + inner_sum[0])
        if stats:
            found, _ = statistics([(y, product, weights)], outer, inner, params, scratch)
            for key, value in found.items():
                sums.add(_NAMES[key], np.asarray(value))
            if isinstance(inner, Gaussian):
                sums.add("inner_square", weights @ (1 + np.square(product[:, : len(c)] + c)))
    return sums.log, {key: sums.mean(key) for key in sums.sums}
