"""How replicas move along a ladder of temperatures."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ebm.arguments import as_array, as_count
from ebm.diagnostics.series import Array
from ebm.errors import EbmError

__all__ = ["RoundTrips", "round_trips", "swap_rates"]

_FEW = 10


def swap_rates(accepted: ArrayLike, tried: ArrayLike) -> Array:
    """The fraction of swaps between neighbouring levels that were accepted.

    Parameters
    ----------
    accepted, tried : array_like, (..., n_levels − 1)
        Counts, or flags, of each pair of neighbours; leading axes (steps, ladders) are summed.

    Returns
    -------
    ndarray, (n_levels − 1,)
        Equal rates are what a ladder is tuned to (Kofke 2002); rates tell nothing about barriers, which
        `round_trips` does (Katzgraber et al. 2006).

    Raises
    ------
    EbmError
        Shapes that differ, counts that are no counts, or a pair that was never tried.

    References
    ----------
    Kofke, "On the acceptance probability of replica-exchange Monte Carlo trials" (2002).

    Examples
    --------
    >>> swap_rates([[1, 0], [0, 0]], [[1, 1], [1, 0]])
    array([0.5, 0. ])
    """
    yes, all_ = as_array(accepted, "accepted"), as_array(tried, "tried")
    if yes.shape != all_.shape or yes.ndim == 0 or yes.dtype.kind + all_.dtype.kind not in _COUNTS:
        raise EbmError(
            "swap_rates: expected two arrays of counts (..., n_levels - 1),"
            f" got {yes.dtype} {yes.shape} and {all_.dtype} {all_.shape}"
        )
    if (yes < 0).any() or (yes.astype(np.int64) > all_).any():
        raise EbmError("swap_rates: accepted: expected counts from 0 to those of tried")
    total = all_.reshape(-1, all_.shape[-1]).sum(0, dtype=np.int64)
    if (total == 0).any():
        raise EbmError(f"swap_rates: the pair of levels {np.argmin(total)} and above was never tried")
    return yes.reshape(-1, yes.shape[-1]).sum(0, dtype=np.int64) / total


_COUNTS = {a + b for a in "biu" for b in "biu"}


@dataclass(frozen=True)
class RoundTrips:
    """Round trips of replicas: lowest level -> highest -> lowest.

    Attributes
    ----------
    count : int
        Of all replicas.
    per_replica : ndarray, (n_ladders, n_replicas)
    rate, stderr : float
        Per replica and step. The error takes trips as independent events; inf when there was none, as then
        the rate is unknown.
    upward : ndarray, (n_levels,)
        Of the replicas at each level that have met an end, the fraction that met the lowest one last: 1 at
        the lowest level, 0 at the highest, and a straight line between where the flow meets no bottleneck
        (Katzgraber et al. 2006, eq. 5). NaN where no such replica was seen.
    n_steps : int
    """

    count: int
    per_replica: Array
    rate: float
    stderr: float
    upward: Array
    n_steps: int


def round_trips(levels: ArrayLike, n_levels: int | None = None) -> RoundTrips:
    """Count round trips in the history of a tempering run.

    Parameters
    ----------
    levels : array_like of int, (n_steps, n_replicas) or (n_steps, n_ladders, n_replicas)
        The level, from 0, that each replica sits at after each step.
    n_levels : int, optional
        Where replicas do not share a ladder (simulated tempering). When left out there is one replica per
        level, and each step must be a permutation.

    Returns
    -------
    RoundTrips

    Raises
    ------
    EbmError
        No integers, levels out of range, or replicas that share a level.

    Warns
    -----
    RuntimeWarning
        Fewer than ten round trips: the run is too short to give a rate.

    References
    ----------
    Katzgraber, Trebst, Huse & Troyer, "Feedback-optimized parallel tempering Monte Carlo" (2006).

    Examples
    --------
    >>> history = [[0, 1], [1, 0]] * 50
    >>> trips = round_trips(history)
    >>> trips.count, trips.per_replica, round(trips.rate, 2)
    (98, array([[49, 49]]), 0.49)
    """
    at, top = _history(levels, n_levels)
    met = _last_end(at, top)
    down = (met[:-1] == 1) & (met[1:] == 0)
    first = np.take_along_axis(met, (met >= 0).argmax(0)[None], 0)[0]
    per_replica = np.maximum(down.sum(0) - (first == 1), 0)  # from the top down is half a trip, once
    count, time = int(per_replica.sum()), per_replica.size * (len(at) - 1)
    if count < _FEW:
        warnings.warn(
            f"round_trips: {count} in {len(at) - 1} steps of {per_replica.size} replicas: too few for a rate;"
            f" expected {_FEW} or more",
            RuntimeWarning,
            stacklevel=2,
        )
    upward = _upward(at, met, top)
    stderr = math.sqrt(count) / time if count else math.inf
    return RoundTrips(count, per_replica, count / time, stderr, upward, len(at) - 1)


def _history(levels: ArrayLike, n_levels: int | None) -> tuple[Array, int]:
    """Levels as (n_steps, n_ladders, n_replicas), checked, and the highest level."""
    at = as_array(levels, "levels")
    if at.ndim not in (2, 3) or at.dtype.kind not in "iu" or 0 in at.shape or len(at) < 2:
        raise EbmError(
            "levels: expected integers (n_steps, n_replicas) or (n_steps, n_ladders, n_replicas) of two steps"
            f" or more, got {at.dtype} {at.shape}"
        )
    at = at[:, None] if at.ndim == 2 else at
    most = as_count(at.shape[2] if n_levels is None else n_levels, "n_levels", 2)
    if (at < 0).any() or (at >= most).any():
        raise EbmError(f"levels: expected 0 to {most - 1}, got {at.min()} to {at.max()}")
    if n_levels is None and np.any(np.sort(at, 2) != np.arange(most)):
        raise EbmError("levels: two replicas of a ladder share a level; give n_levels if they may")
    return at, most - 1


def _last_end(at: Array, top: int) -> Array:
    """Which end each replica met last: 0 the lowest, 1 the highest, −1 none yet; of the shape of `at`."""
    end = np.where(at == 0, 0, np.where(at == top, 1, -1))
    steps = np.arange(len(at))[:, None, None]
    last = np.maximum.accumulate(np.where(end >= 0, steps, 0), axis=0)
    return np.take_along_axis(end, last, 0)


def _upward(at: Array, met: Array, top: int) -> Array:
    up = np.bincount(at[met == 0], minlength=top + 1)
    down = np.bincount(at[met == 1], minlength=top + 1)
    return np.where(up + down > 0, up / np.maximum(up + down, 1), math.nan)
