"""log Z from samples at many temperatures: Bennett's ratio, MBAR, thermodynamic integration.

All three read the same `Ladder` of free energies, recorded from independent ladders of parallel tempering.
Their errors come from the ladders: an estimate solves an equation Σ_n ψ_n = 0, the sums of ψ over each
ladder are independent, and their spread, carried through the slope of the equation, is the error whatever
the correlation along a ladder (the sandwich; docs/math.md, section 11).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from ebm.machine import Array

__all__ = [
    "Ladder",
    "acceptance_ratio",
    "bennett",
    "bennett_step",
    "centred",
    "mbar",
    "shares",
    "thermodynamic",
]

_TOLERANCE = 1e-10  # of log Z, nats, where MBAR's iteration ends
_MOST_ITERATIONS = 100
_LEAST_LOG = -200.0


@dataclass(frozen=True)
class Ladder:
    """Free energies of samples at all levels of a ladder.

    Attributes
    ----------
    betas : (K,)
        Ascending.
    u : (K, K, n_ladders, n_records)
        u[k, l, c, r] = F at β_k of the sample at level l of ladder c in record r, nats.
    """

    betas: Array
    u: Array


def bennett(ladder: Ladder) -> tuple[Array, Array]:
    """−log Z at each level minus that at the lowest, by the acceptance ratio of neighbours.

    Returns
    -------
    f : (K,) float64
        Nats; f[0] = 0.
    influence : (K, n_ladders)
        What each ladder moves f by: the sum of squares over ladders is the variance (`spread`).

    References
    ----------
    Bennett, "Efficient estimation of free energy differences from Monte Carlo data" (1976).
    """
    n_levels, n_ladders = len(ladder.betas), ladder.u.shape[2]
    f, influence = np.zeros(n_levels), np.zeros((n_levels, n_ladders))
    for k in range(n_levels - 1):
        up = ladder.u[k + 1, k] - ladder.u[k, k]  # what samples of level k would lose by a move up
        down = ladder.u[k, k + 1] - ladder.u[k + 1, k + 1]
        step, moved, _ = bennett_step(up, down)
        f[k + 1], influence[k + 1] = f[k] + step, influence[k] + moved
    return f, influence


def bennett_step(up: Array, down: Array) -> tuple[float, Array, float]:
    """−log of the ratio of two partition functions, docs/math.md (11.3), from ladders that sampled both.

    Parameters
    ----------
    up : (n_ladders, n)
        F of the second minus F of the first at samples of the first, nats.
    down : (n_ladders, m)
        F of the first minus F of the second at samples of the second, nats.

    Returns
    -------
    f : float
        Nats.
    influence : (n_ladders,)
        As of `bennett`.
    ess : float
        Ladders, (6.4), that have a share in the terms of the equation: the lesser of both sides. Where the
        two hardly overlap a few samples have it all, and their ladders; then the influence is too small.
    """
    shift = np.log(up.shape[1] / down.shape[1])
    f, *accepted = acceptance_ratio(up + shift, down - shift)
    slope = sum((a * (1 - a)).sum() for a in accepted)
    first, second = (a.sum(-1) for a in accepted)
    ess = min(float(a.sum() ** 2 / max((a**2).sum(), 1e-300)) for a in (first, second))
    return f, -centred(first - second) / slope, ess


def acceptance_ratio(up: Array, down: Array) -> tuple[float, Array, Array]:
    """Solve Σ fermi(up − f) = Σ fermi(down + f) for f = −log(Z_{k+1} / Z_k) by bisection.

    Returns f and the two sets of terms.
    """
    low = float(min(up.min(), -down.max())) - 1.0
    high = float(max(up.max(), -down.min())) + 1.0
    for _ in range(200):
        f = 0.5 * (low + high)
        if expit(f - up).sum() > expit(-down - f).sum():
            high = f
        else:
            low = f
        if high - low <= 1e-13 * max(1.0, abs(f)):
            break
    return f, expit(f - up), expit(-down - f)


def centred(sums: Array) -> Array:
    """Deviations of sums, (..., n_ladders), scaled so that their squares add up to the total's variance."""
    n = sums.shape[-1]
    return (sums - sums.mean(-1, keepdims=True)) * np.sqrt(n / max(n - 1, 1))


def mbar(ladder: Ladder, start: Array | None = None) -> tuple[Array, Array]:
    """−log Z at each level minus that at the lowest, from all samples at once.

    Parameters
    ----------
    start : (K,), optional
        Where the iteration begins, such as `bennett`'s answer.

    Returns
    -------
    f : (K,) float64
    influence : (K, n_ladders)
        As of `bennett`.

    References
    ----------
    Shirts & Chodera, "Statistically optimal analysis of samples from multiple equilibrium states" (2008): f
    minimises the convex function Σ_n log Σ_k N_k exp(f_k − u_kn) − Σ_k N_k f_k, here by Newton's method.
    """
    n_levels, _, n_ladders, n_records = ladder.u.shape
    u, count = ladder.u.reshape(n_levels, -1), float(n_ladders * n_records)
    f = bennett(ladder)[0] if start is None else start.copy()
    for _ in range(_MOST_ITERATIONS):
        w, _ = shares(f[:, None] - u)
        gradient = w.sum(1) - count
        hessian = np.diag(w.sum(1)) - w @ w.T
        step = np.zeros(n_levels)
        step[1:] = np.linalg.lstsq(hessian[1:, 1:], gradient[1:], rcond=1e-14)[0]
        f = f - step * min(1.0, 2.0 / max(np.abs(step).max(), 1e-300))
        if np.abs(step).max() < _TOLERANCE:
            break
    scores = w.reshape(n_levels, n_levels, n_ladders, n_records).sum((1, 3)) - n_records
    influence = np.zeros((n_levels, n_ladders))
    influence[1:] = -np.linalg.lstsq(hessian[1:, 1:], centred(scores)[1:], rcond=1e-14)[0]
    return f, influence


def shares(log_terms: Array) -> tuple[Array, Array]:
    """The shares of terms in their sums over the first axis, and the logs of these sums.

    Shares below e^−200 are e^−200: numbers too small to be normal cost a hundred times the time to multiply.

    Parameters
    ----------
    log_terms : (K, N)
        It is overwritten.

    Returns
    -------
    share : (K, N)
    log_sum : (N,)
    """
    log_sum = log_terms.max(0)
    log_terms -= log_sum
    np.maximum(log_terms, _LEAST_LOG, out=log_terms)
    share = np.exp(log_terms, out=log_terms)
    total = share.sum(0)
    share /= total
    return share, log_sum + np.log(total)


def thermodynamic(betas: Array, slope: Array, curve: Array) -> tuple[float, Array, float]:
    """−log Z at the highest level minus that at the lowest, as the integral of ⟨∂F/∂β⟩.

    The integrand is known with its slope, ⟨∂²F⟩ − Var ∂F, so that each interval is integrated as a cubic.

    Parameters
    ----------
    betas : (K,)
    slope, curve : (K, n_ladders, n_records)
        First and second derivative of F by β of every sample at its own level.

    Returns
    -------
    f : float
    influence : (n_ladders,)
    discretisation : float
        The error of the integration itself: how much f moves when every second level is left out, over 3, as
        if the error fell with the square of the step. It falls with the fourth power (a 15) where steps are
        short, but not on a ladder whose neighbours just overlap across a first-order transition.

    References
    ----------
    Kirkwood (1935); Gelman & Meng, "Simulating normalizing constants" (1998).
    """
    n_ladders = slope.shape[1]
    total = np.stack([slope, slope**2, curve]).mean(-1)  # (3, K, n_ladders)
    whole = total.mean(-1)
    without = (whole[..., None] * n_ladders - total) / max(n_ladders - 1, 1)  # the jackknife's means
    f = float(_integral(betas, whole))
    each = _integral(betas, without)
    influence = (each - each.mean()) * np.sqrt((n_ladders - 1) / n_ladders) * -1.0
    keep = np.unique(np.r_[0 : len(betas) : 2, len(betas) - 1])
    coarse = float(_integral(betas[keep], whole[:, keep]))
    return f, influence, abs(coarse - f) / 3


def _integral(betas: Array, moments: Array) -> Array:
    """∫ of cubic pieces with given values and slopes; moments (3, K, ...): ⟨∂F⟩, ⟨(∂F)²⟩, ⟨∂²F⟩."""
    first, second, curve = moments
    slope = curve - (second - first**2)
    h = np.diff(betas).reshape(-1, *[1] * (first.ndim - 1))
    return (h / 2 * (first[1:] + first[:-1]) + h**2 / 12 * (slope[:-1] - slope[1:])).sum(0)
