"""Logistic regressions of two-state units with an L1 penalty, by Newton steps and coordinate descent.

Friedman, Hastie & Tibshirani, "Regularization paths for generalized linear models via coordinate descent"
(2010): the loss is replaced by its quadratic model, which is minimised a coordinate at a time; coordinates
that are zero are looked at once in a round, the others until they stand still. A step that raises the
objective is halved.

A regression has a working set: the units that may have a slope. Rows that agree in all of these and in the
unit itself are one row with their weights together, so that a site of few neighbours costs what 2^neighbours
rows cost. `split` keeps those groups as a set grows; `solve_sites` minimises, for several sites, and gives
the residuals of all rows, of which the caller makes the gradient of all other units by one matrix product.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ebm.kernels import JIT

__all__ = ["Sites", "solve_sites", "split"]

_OUTER, _INNER, _HALVINGS = 100, 1000, 40
_LEAST = 1e-10  # of a row's curvature, relative to its weight
_ROUGH, _FINE = 1e-9, 1e-19  # tolerances of coordinate descent, of the objective: the first, the last
_CHORDS = 10  # steps of one Hessian
_SMALL = 1e-11  # of a derivative at the minimum
_FLAT = 1e-12  # of a pivot, relative to its diagonal


class Sites(NamedTuple):
    """Some sites, their working sets, and the groups of rows that these cannot tell apart.

    unit : (b,) int64
    sets : (b, n) int64, the units of the working set; sizes : (b,) int64, how many
    ids : (b, m) int32, the group of each row; groups : (b,) int64, how many
    theta : (b, n + 1) float64, intercept and slopes of the working set
    """

    unit: NDArray[Any]
    sets: NDArray[Any]
    sizes: NDArray[Any]
    ids: NDArray[Any]
    groups: NDArray[Any]
    theta: NDArray[Any]


@njit(**JIT)
def split(column, ids, groups):
    """Divide groups of rows by whether a column, (m,), is above 0; return how many there are then."""
    label = np.full(2 * groups, -1, np.int32)
    n = np.int32(0)
    for m in range(len(ids)):
        key = 2 * ids[m] + (1 if column[m] > 0 else 0)
        if label[key] < 0:
            label[key] = n
            n += 1
        ids[m] = label[key]
    return n


@njit(**JIT)
def _objective(eta, y, w, theta, penalty):
    total = 0.0
    for m in range(len(eta)):
        z = y[m] * eta[m]
        total += w[m] * (math.log1p(math.exp(-abs(z))) + max(-z, 0.0))
    for j in range(1, len(theta)):
        total += penalty * abs(theta[j])
    return total


@njit(**JIT)
def _slopes(eta, y, w, r, bend):
    """First and second derivatives of the loss by eta."""
    for i in range(len(eta)):
        z = y[i] * eta[i]
        wrong = 1.0 / (1.0 + math.exp(z)) if z < 0 else math.exp(-z) / (1.0 + math.exp(-z))
        r[i] = -w[i] * y[i] * wrong
        bend[i] = w[i] * max(wrong * (1.0 - wrong), _LEAST)


@njit(**JIT)
def _visit(j, X, r, bend, a, u, theta, penalty):
    """Minimise over one coordinate; return by how much it moved, in units of the objective."""
    if np.isnan(a[j]):
        a[j] = np.dot(X[j] * X[j], bend)
    if a[j] <= 0.0:
        return 0.0
    aim = theta[j] - np.dot(X[j], r) / a[j]
    new = aim
    if j > 0:
        new = math.copysign(max(abs(aim) - penalty / a[j], 0.0), aim)
    move = new - theta[j]
    if move != 0.0:
        theta[j] = new
        x = X[j]
        for m in range(len(r)):
            u[m] += move * x[m]
            r[m] += move * bend[m] * x[m]
    return a[j] * move * move


@njit(**JIT)
def _descend(X, y, w, penalty, theta, eta, r, bend, tolerance):
    """Newton steps, each by coordinate descent, until a step moves no coordinate by more than a tolerance.

    The tolerance is one of the objective. Returns whether the steps sufficed.
    """
    u, a, trial = np.empty(len(y)), np.empty(len(X)), theta.copy()
    now = _objective(eta, y, w, theta, penalty)
    for _ in range(_OUTER):
        _slopes(eta, y, w, r, bend)
        a[:] = np.nan
        u[:] = 0.0
        trial[:] = theta
        most = 0.0
        for _ in range(_INNER):
            all_moves = 0.0
            for j in range(len(X)):
                all_moves = max(all_moves, _visit(j, X, r, bend, a, u, trial, penalty))
            most = max(most, all_moves)
            if all_moves < tolerance:
                break
            for _ in range(_INNER):
                moves = 0.0
                for j in range(len(X)):
                    if j == 0 or trial[j] != 0.0:
                        moves = max(moves, _visit(j, X, r, bend, a, u, trial, penalty))
                if moves < tolerance:
                    break
        length = 1.0
        for _ in range(_HALVINGS):
            after = _objective(eta + length * u, y, w, theta + length * (trial - theta), penalty)
            if after <= now + 1e-13 * abs(now):  # rounding of the sum
                break
            length *= 0.5
        eta += length * u
        for j in range(len(theta)):
            theta[j] = trial[j] if length == 1.0 else theta[j] + length * (trial[j] - theta[j])
        now = after
        if most < tolerance:
            return True
    return False


@njit(**JIT)
def _factor(X, bend, there, H):
    """Cholesky factor of the Hessian of some coordinates; a column that others make up is left out."""
    k = len(there)
    for p in range(k):
        scaled = X[there[p]] * bend
        for q in range(p, k):
            H[q, p] = np.dot(scaled, X[there[q]])
    for p in range(k):
        whole = H[p, p]
        for l in range(p):
            H[p, p] -= H[p, l] * H[p, l]
        if H[p, p] <= _FLAT * whole:
            H[p:, p] = 0.0
            continue
        H[p, p] = math.sqrt(H[p, p])
        for q in range(p + 1, k):
            for l in range(p):
                H[q, p] -= H[q, l] * H[p, l]
            H[q, p] /= H[p, p]


@njit(**JIT)
def _halfway(H, s):
    """L⁻¹ s, in place, of the factor L."""
    for p in range(len(s)):
        for l in range(p):
            s[p] -= H[p, l] * s[l]
        s[p] = s[p] / H[p, p] if H[p, p] > 0.0 else 0.0


@njit(**JIT)
def _other_half(H, s):
    """L⁻ᵀ s, in place."""
    for p in range(len(s) - 1, -1, -1):
        for l in range(p + 1, len(s)):
            s[p] -= H[l, p] * s[l]
        s[p] = s[p] / H[p, p] if H[p, p] > 0.0 else 0.0


@njit(**JIT)
def _polish(X, y, w, penalty, theta, eta, r, bend):
    """From near the minimum to it: steps of one Hessian over the slopes that are there.

    Returns whether these are the right ones, and by how much the loss would fall if they were not shrunk:
    ½ penalty² s·H⁻¹·s, s their signs, of the quadratic model.
    """
    there = np.append(np.zeros(1, np.int64), np.flatnonzero(theta[1:]) + 1)
    H, s, step = np.zeros((len(there), len(there))), penalty * np.sign(theta[there]), np.empty(len(there))
    s[0] = 0.0
    _slopes(eta, y, w, r, bend)
    _factor(X, bend, there, H)
    step[:] = s
    _halfway(H, step)
    gain = 0.5 * np.dot(step, step)
    for _ in range(_CHORDS):
        for p in range(len(there)):
            step[p] = np.dot(X[there[p]], r) + s[p]
        largest = np.abs(step).max()
        _halfway(H, step)
        _other_half(H, step)
        for p in range(len(there)):
            theta[there[p]] -= step[p]
            if theta[there[p]] * s[p] < 0.0:
                return False, gain
        for p in range(len(there)):
            x = X[there[p]]
            for i in range(len(eta)):
                eta[i] -= step[p] * x[i]
        _slopes(eta, y, w, r, bend)
        if largest < _SMALL:
            break
    for j in range(1, len(theta)):
        if theta[j] == 0.0 and abs(np.dot(X[j], r)) > penalty + _SMALL:
            return False, gain
    return True, gain


@njit(**JIT)
def _minimise(X, y, w, penalty, theta, r, bend):
    """Minimise Σ w log(1 + e^(−y η)) + penalty·Σ_{j>0} |θ_j|, η = θ·X, from theta, in place.

    X : (k, g) float64, its first row of ones; r, bend : (g,), the derivatives at the minimum
    Returns whether the Newton steps sufficed, and what the loss would gain without shrinkage.
    """
    gain, tolerance, eta = 0.0, _ROUGH, np.dot(theta, X)
    while tolerance > _FINE:
        if not _descend(X, y, w, penalty, theta, eta, r, bend, tolerance):
            return False, gain
        right, gain = _polish(X, y, w, penalty, theta, eta, r, bend)
        if right:
            break
        eta[:] = np.dot(theta, X)
        tolerance *= 1e-3
    return True, gain


@njit(**JIT)
def solve_sites(codes, x, w, sites, which, penalty, residuals, told):
    """Minimise for each of some sites, over its working set, from where it is.

    codes : (n, m) uint8, 1 where a unit is in its upper state; x : (n, m) float32, the states
    w : (m,) float64, summing to one
    which : (c,) int64, the sites to work on
    residuals : (c, m) float32, what comes out: derivatives of the loss by each row's η
    told : (c, 3) float64: loss, what it would gain without shrinkage, 1 where it settled
    """
    m = x.shape[1]
    for c in range(len(which)):
        b = which[c]
        k, g, ids = sites.sizes[b], sites.groups[b], sites.ids[b]
        weight, row = np.zeros(g), np.zeros(g, np.int64)
        for i in range(m):
            weight[ids[i]] += w[i]
            row[ids[i]] = i
        X, y, own = np.ones((k + 1, g)), np.empty(g), codes[sites.unit[b]]
        for i in range(g):
            y[i] = 1.0 if own[row[i]] > 0 else -1.0
        for j in range(k):
            other = x[sites.sets[b, j]]
            for i in range(g):
                X[j + 1, i] = other[row[i]]
        r, bend, theta = np.empty(g), np.empty(g), sites.theta[b, : k + 1].copy()
        settled, told[c, 1] = _minimise(X, y, weight, penalty, theta, r, bend)
        told[c, 2] = 1.0 if settled else 0.0
        sites.theta[b, : k + 1] = theta
        told[c, 0] = _objective(np.dot(theta, X), y, weight, theta, 0.0)
        for i in range(g):
            r[i] /= weight[i]
        for i in range(m):
            residuals[c, i] = w[i] * r[ids[i]]
