"""Couplings of spins site by site: convex problems whose solutions are right for many rows.

Of site i everything is a function of z = s_i (h_i + Σ_j K_ij s_j), row by row: pseudo-likelihood minimises
⟨log(1 + e^(−2z))⟩, interaction screening ⟨e^(−z)⟩. Newton's method, on distinct rows with their weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from ebm.errors import EbmError
from ebm.inverse.spins import Rows
from ebm.kernels.threads import get_num_threads
from ebm.machine import Array

__all__ = ["PSEUDO_LIKELIHOOD", "SCREENING", "Loss", "Site", "solve"]

_STEPS = 100  # of Newton's method
_LARGE = 1e3  # a number beyond: the minimum is at infinity
_BLOCK = 2**12  # rows whose design stays in a cache
_START = 20_000  # rows that a start is found from, where there are more than twice as many
_WORTH = 2**18  # numbers from which on several sites at a time are worth it


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


def solve(rows: Rows, loss: Loss, l2: float) -> list[Site]:
    """All sites, several at a time; l2 is the strength of l2/2·Σ K² (not of fields)."""
    from threadpoolctl import threadpool_limits

    n, m = rows.s.shape[1], len(rows.w)
    few = _thinned(rows)

    def site(i: int) -> Site:
        start = np.zeros(n)
        if few is not None:
            with suppress(EbmError):  # of some rows the minimum may be at infinity
                start = _descend(few, i, loss, l2, start)
        return _site(rows, i, loss, l2, _descend(rows, i, loss, l2, start))

    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(get_num_threads()) as threads:
        return list(threads.map(site, range(n))) if m * n > _WORTH else [site(i) for i in range(n)]


def _thinned(rows: Rows) -> Rows | None:
    """Some of many rows, whose minimum is a start near that of all."""
    every = len(rows.w) // _START
    if every < 2:
        return None
    s, w = rows.s[::every], rows.w[::every]
    if (np.abs(w @ s / w.sum()) >= 1).any():
        return None
    return Rows(s, w / w.sum(), rows.n_effective)


def _blocks(rows: Rows, i: int) -> Iterator[tuple[slice, Array]]:
    """Rows, some at a time, as the design of a site: the spins of the others, 1 in its own place."""
    for start in range(0, len(rows.w), _BLOCK):
        some = slice(start, start + _BLOCK)
        design = rows.s[some].copy()
        design[:, i] = 1.0
        yield some, design


def _value(rows: Rows, i: int, loss: Loss, ridge: Array, theta: Array) -> float:
    total = 0.5 * float(ridge @ theta**2)
    with np.errstate(over="ignore"):
        for some, design in _blocks(rows, i):
            total += float(rows.w[some] @ loss.value(rows.s[some, i] * (design @ theta)))
    return total


def _slopes(rows: Rows, i: int, loss: Loss, ridge: Array, theta: Array) -> tuple[Array, Array]:
    """The gradient and the Hessian of the objective."""
    gradient, hessian = ridge * theta, np.diag(ridge)
    for some, design in _blocks(rows, i):
        own, w = rows.s[some, i], rows.w[some]
        z = own * (design @ theta)
        gradient += design.T @ (w * loss.slope(z) * own)
        hessian += (design * (w * loss.bend(z))[:, None]).T @ design
    return gradient, hessian


def _descend(rows: Rows, i: int, loss: Loss, l2: float, theta: Array) -> Array:
    """The minimum, by Newton's method."""
    ridge = _ridge(rows, i, l2)
    now = _value(rows, i, loss, ridge, theta)
    for _ in range(_STEPS):
        gradient, hessian = _slopes(rows, i, loss, ridge, theta)
        step = _newton(hessian, gradient, i)
        fall, length = float(gradient @ step), 1.0
        while True:
            after = _value(rows, i, loss, ridge, theta - length * step)
            if after <= now - 1e-4 * length * fall + 1e-15 * abs(now) or length < 1e-10:
                break
            length /= 2
        theta, now = theta - length * step, after
        if np.abs(theta).max() > _LARGE:
            raise EbmError(_apart(i))
        if np.abs(length * step).max() < 1e-11 * (1 + np.abs(theta).max()):
            break
    return theta


def _ridge(rows: Rows, i: int, l2: float) -> Array:
    ridge = np.full(rows.s.shape[1], l2)
    ridge[i] = 0.0
    return ridge


def _site(rows: Rows, i: int, loss: Loss, l2: float, theta: Array) -> Site:
    """What a site says at its minimum."""
    _, hessian = _slopes(rows, i, loss, _ridge(rows, i, l2), theta)
    if np.linalg.eigvalsh(hessian)[0] < 1e-12:
        raise EbmError(_apart(i))
    slope = np.empty(len(rows.w))
    for some, design in _blocks(rows, i):
        own = rows.s[some, i]
        slope[some] = loss.slope(own * (design @ theta)) * own
    return Site(theta, np.linalg.inv(hessian), slope)


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
