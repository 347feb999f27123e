"""Was it trained in equilibrium? Where a machine's chains match its data, and whether they stay there.

Learning stops where the statistics of the data are those of the chains that it was taught with. If these were
k sweeps long, from wherever they began, they match at k and leave after it: it is the transient that was
learnt, not the equilibrium (Nijkamp et al. 2019; Agoritsas et al. 2023). Of chains in equilibrium, they match
there. A machine that has learnt too little matches nowhere, and its chains lie above the data.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ebm.checkup.approach import Approach
from ebm.checkup.distances import Distance
from ebm.checkup.reference import Reference
from ebm.machine import Array

__all__ = ["Verdict", "judge", "memories"]

_SIGMAS = 4.0  # standard errors by which chains must have left the data
_FAR = 0.25  # of the statistics of the data: nearer is what a penalty or a short climb leaves
_TIMES = 2.0  # farther away than they were
_LEFT = 0.05  # of the way, in squares, up to which they are still there
_ABOVE = 3.0  # standard errors by which free energies are above those of the data


class Verdict(NamedTuple):
    """What is said, why, and the sweeps that are remembered (NaN where it is equilibrium)."""

    word: str
    reason: str
    k: float


class _Rise(NamedTuple):
    start: str
    k: int
    least: float
    end: float
    sigmas: float


def judge(found: Approach, truth: Reference, of_truth: Distance, rows: Array, f_truth: Array) -> Verdict:
    """The verdict.

    Parameters
    ----------
    found : Approach
        With chains from data.
    truth : Reference
    of_truth : Distance
        Of its statistics from those of the data.
    rows : (n,)
        Free energies of the data, nats.
    f_truth : (m,)
        Of the reference.
    """
    rises = memories(found, rows)
    if not truth.trouble and (rise := _to(found, "data", of_truth, f_truth, rows)):
        rises.append(rise)
    if rises:
        rise = min(rises, key=lambda rise: rise.least)
        reason = (
            f"in what is learnt, chains from {rise.start} are {rise.least:.2f} away from the data, up to"
            f" {rise.k} sweeps, and {rise.end:.2f} later on"
        )
        return Verdict(f"memory of k ≈ {rise.k}", reason, rise.k)
    if truth.trouble:
        reason = (
            f"neither {truth.method} nor {found.times[-1]} sweeps have reached equilibrium: {truth.trouble}"
        )
        return Verdict("do not trust", reason, math.nan)
    fit = f"{of_truth.value:.2f} ± {of_truth.stderr:.2f}"
    away = of_truth.square > _SIGMAS * of_truth.square_stderr and of_truth.value > _FAR
    more = "; it fits little: train on, or with less penalty" if away else ""
    reason = f"in equilibrium ({truth.method}) its statistics are {fit} away from those of the data{more}"
    return Verdict("equilibrium", reason, math.nan)


def memories(found: Approach, rows: Array) -> list[_Rise]:
    """From which starts chains were nearer to the data than they are at the end."""
    rises = [
        _to(found, start, along["statistics"][-1], found.energies[start][-1], rows)
        for start, along in found.distances.items()
    ]
    return [rise for rise in rises if rise is not None]


def _to(found: Approach, start: str, end: Distance, energy: Array, rows: Array) -> _Rise | None:
    along = found.distances[start]["statistics"]
    squares = np.array([one.square for one in along])
    errors = np.array([one.square_stderr for one in along])
    best = int(squares.argmin())
    way = end.square - squares[best]
    sigmas = way / max(math.hypot(errors[best], end.square_stderr), 1e-300)
    gap = float(energy.mean() - rows.mean())
    error = math.sqrt(energy.var(ddof=1) / len(energy) + rows.var(ddof=1) / len(rows))
    if sigmas < _SIGMAS or end.value < max(_FAR, _TIMES * along[best].value) or gap > _ABOVE * error:
        return None
    near = squares - squares[best] <= np.maximum(2 * errors, _LEFT * way)
    later = np.flatnonzero(~near[best:])
    last = best + (int(later[0]) if len(later) else len(near) - best) - 1
    return _Rise(start, found.times[last], along[best].value, end.value, float(sigmas))
