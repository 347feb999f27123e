"""Logistic regression with an L1 penalty along a path of penalties, by Newton steps and coordinate descent.

Friedman, Hastie & Tibshirani, "Regularization paths for generalized linear models via coordinate descent"
(2010): the loss is replaced by its quadratic model, which is minimised a coordinate at a time; coordinates
that are zero are looked at once in a round, the others until they stand still. A step that raises the
objective is halved.
"""

import math

import numpy as np
from numba import njit

from ebm.kernels import JIT

_OUTER, _INNER, _HALVINGS = 100, 1000, 40
_LEAST = 1e-10  # of a row's curvature, relative to its weight


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
def lasso_path(X, y, w, penalties, out, tolerance):
    """Minimise Σ w log(1 + e^(−y η)) + penalty·Σ_{j>0} |θ_j|, η = θ·X, for falling penalties.

    X : (n, m) float64, its first row of ones
    y : (m,) float64 of −1 and +1; w : (m,) float64, summing to one
    penalties : (k,) float64; out : (k, n) float64, the solutions
    tolerance : float64, of the objective's last change by any coordinate
    Returns the number of Newton steps, or −1 where they did not suffice.
    """
    n, m = X.shape
    theta, trial = np.zeros(n), np.zeros(n)
    eta, r, bend, u = np.zeros(m), np.zeros(m), np.zeros(m), np.zeros(m)
    a = np.empty(n)
    steps = 0
    for k in range(len(penalties)):
        penalty = penalties[k]
        now = _objective(eta, y, w, theta, penalty)
        done = False
        for _ in range(_OUTER):
            for i in range(m):
                z = y[i] * eta[i]
                wrong = 1.0 / (1.0 + math.exp(z)) if z < 0 else math.exp(-z) / (1.0 + math.exp(-z))
                r[i] = -w[i] * y[i] * wrong
                bend[i] = w[i] * max(wrong * (1.0 - wrong), _LEAST)
                u[i] = 0.0
            a[:] = np.nan
            trial[:] = theta
            most = 0.0
            for _ in range(_INNER):
                all_moves = 0.0
                for j in range(n):
                    all_moves = max(all_moves, _visit(j, X, r, bend, a, u, trial, penalty))
                most = max(most, all_moves)
                if all_moves < tolerance:
                    break
                for _ in range(_INNER):
                    moves = 0.0
                    for j in range(n):
                        if j == 0 or trial[j] != 0.0:
                            moves = max(moves, _visit(j, X, r, bend, a, u, trial, penalty))
                    if moves < tolerance:
                        break
            steps += 1
            length = 1.0
            for _ in range(_HALVINGS):
                after = _objective(eta + length * u, y, w, theta + length * (trial - theta), penalty)
                if after <= now + 1e-13 * abs(now):  # rounding of the sum
                    break
                length *= 0.5
            eta += length * u
            for j in range(n):
                theta[j] = trial[j] if length == 1.0 else theta[j] + length * (trial[j] - theta[j])
            now = after
            if most < tolerance:
                done = True
                break
        if not done:
            return -1
        out[k] = theta
    return steps
