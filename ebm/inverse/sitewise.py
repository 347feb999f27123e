"""Couplings of spins site by site: convex problems whose solutions are right for many rows.

Of site i everything is a function of z = s_i (h_i + Σ_j K_ij s_j), row by row: pseudo-likelihood minimises
⟨log(1 + e^(−2z))⟩, interaction screening ⟨e^(−z)⟩. Newton's method, on distinct rows with their weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ebm.errors import EbmError
from ebm.inverse.spins import Rows
from ebm.machine import Array

__all__ = ["PSEUDO_LIKELIHOOD", "SCREENING", "Loss", "Site", "solve"]

_STEPS = 100  # of Newton's method
_LARGE = 1e3  # a number beyond: the minimum is at infinity


@dataclass(frozen=True)
class Loss:
    """A function of z with its first two derivatives, and what it is called."""

    name: str
    value: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    bend: Callable[[Array], Array]


def _up(z: Array) -> Array:
    """1/(1 + e^(2z)): how wrong a site is."""
    return 0.5 * (1 - np.tanh(z))


PSEUDO_LIKELIHOOD = Loss(
    "pseudo_likelihood",
    lambda z: np.logaddexp(0, -2 * z),
    lambda z: -2 * _up(z),
    lambda z: 4 * _up(z) * (1 - _up(z)),
)
SCREENING = Loss("rise", lambda z: np.exp(-z), lambda z: -np.exp(-z), lambda z: np.exp(-z))


@dataclass(frozen=True)
class Site:
    """What one site says: its field and couplings, and how each row moves them.

    Attributes
    ----------
    theta : (n,) float64
        Couplings to the others; the field in the site's own place.
    inverse : (n, n) float64
        Of the Hessian.
    slope : (m,) float64
        Of the loss, times s_i, row by row: the score of a row is slope·(its row of the design), what it moves
        theta by is −H⁻¹ times that. Their mean square is the sandwich H⁻¹ V H⁻¹ (Godambe 1960).
    """

    theta: Array
    inverse: Array
    slope: Array


def design_of(rows: Rows, i: int) -> Array:
    """The spins of the others; 1 in the site's own place, (m, n)."""
    design = rows.s.copy()
    design[:, i] = 1.0
    return design


def solve(rows: Rows, loss: Loss, l2: float) -> list[Site]:
    """All sites; l2 is the strength of l2/2·Σ K² (not of fields)."""
    return [_solve_site(rows, i, loss, l2) for i in range(rows.s.shape[1])]


def _solve_site(rows: Rows, i: int, loss: Loss, l2: float) -> Site:
    design, own, w = design_of(rows, i), rows.s[:, i], rows.w
    ridge = np.full(design.shape[1], l2)
    ridge[i] = 0.0
    theta = np.zeros(design.shape[1])

    def objective(theta: Array) -> float:
        with np.errstate(over="ignore"):
            return float(w @ loss.value(own * (design @ theta)) + 0.5 * ridge @ theta**2)

    now = objective(theta)
    for _ in range(_STEPS):
        z = own * (design @ theta)
        gradient = design.T @ (w * loss.slope(z) * own) + ridge * theta
        hessian = (design * (w * loss.bend(z))[:, None]).T @ design + np.diag(ridge)
        step = _newton(hessian, gradient, i)
        fall, length = float(gradient @ step), 1.0
        while not objective(theta - length * step) <= now - 1e-4 * length * fall + 1e-15 * abs(now):
            length /= 2
            if length < 1e-10:
                break
        theta = theta - length * step
        now = objective(theta)
        if np.abs(theta).max() > _LARGE:
            raise EbmError(_apart(i))
        if np.abs(length * step).max() < 1e-11 * (1 + np.abs(theta).max()):
            break
    z = own * (design @ theta)
    hessian = (design * (w * loss.bend(z))[:, None]).T @ design + np.diag(ridge)
    if np.linalg.eigvalsh(hessian)[0] < 1e-12:
        raise EbmError(_apart(i))
    return Site(theta, np.linalg.inv(hessian), loss.slope(z) * own)


def _newton(hessian: Array, gradient: Array, i: int) -> Array:
    try:
        step: Array = np.linalg.solve(hessian, gradient)
    except np.linalg.LinAlgError:
        raise EbmError(_apart(i)) from None
    return step


def _apart(i: int) -> str:
    return (
        f"data: unit {i} and others determine one another in these rows: couplings have no finite estimate;"
        " expected more rows, or l2 > 0, such as 0.01"
    )
