"""Whether what learns is still in its senses: finite numbers can be as absurd as infinite ones.

Free energies of data are compared with those at the start, learnt precisions with the variances of the data,
so that the scale of the data does not matter; hidden units that say the same of all rows are counted.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ebm.errors import Diverged
from ebm.gaps import drawn_whole, has_gaps, stood_in
from ebm.machine import Array, HasFeatures, HasHidden, Machine
from ebm.parts import Arrays
from ebm.rows import as_source, thinned
from ebm.stream import Stream
from ebm.training.history import Row
from ebm.units import Units

__all__ = ["check_sensible", "count_idle", "extents", "few", "warn_idle"]

_FEW = 32  # rows that tell an explosion
_ENERGY = 1e4  # nats per unit, or times what it was at the start: e^−10000 is no probability
_PRECISION = 1e6  # times one over the variance of the data
_END = 0.01  # of the range of a mean: nearer to an end than this is at the end
_IDLE = 0.25  # part of the hidden units above which there is a warning


def few(rows: Any) -> Array:
    """At most 32 rows of a source, spread evenly; gaps hold values of other rows."""
    source = as_source(rows)
    rows = stood_in(source[np.unique(np.linspace(0, len(source) - 1, _FEW).astype(np.int64))])
    return rows[~np.isnan(rows).any(1)] if has_gaps(rows) else rows


def extents(machine: Machine, rows: Array) -> Arrays:
    """Numbers by which an explosion is known: a free energy, nats per unit; precisions times variances."""
    if not len(rows):
        return {}
    with np.errstate(all="ignore"):
        energy = np.abs(machine.free_energy(machine.clamp(rows, Stream(0)))).mean() / machine.n_units
        found = {"energy": np.asarray(energy)}
        variance = rows.var(0, dtype=np.float64)
        for key, value in machine.params.items():
            if key.endswith("precision") and len(value) == len(variance):
                found[key] = np.where(variance > 0, value * variance, 1.0)
    return found


def check_sensible(machine: Machine, rows: Array, start: Arrays, step: int, when: str = "") -> None:
    """Raise `Diverged` if energies or precisions are beyond what makes sense.

    Parameters
    ----------
    machine : Machine
    rows : (n, n_visible)
        A few rows of the data.
    start : dict of str to ndarray
        `extents` before the first update.
    step : int
        Updates made.
    when : str
        The same as an epoch.
    """
    for key, now in extents(machine, rows).items():
        first = start.get(key, np.ones_like(now))
        limit = np.maximum(1.0, first) * (_ENERGY if key == "energy" else _PRECISION)
        low = np.zeros_like(limit) if key == "energy" else np.minimum(1.0, first) / _PRECISION
        absurd = ~((low <= now) & (now <= limit))
        if absurd.any():
            worst = tuple(np.argwhere(absurd)[0])
            what = f"{key[2:]} times variance of unit {worst[0]}" if worst else "free energies per unit"
            raise Diverged(
                f"learning has left every sensible range by step {step}{when}: {what} {now[worst]:.3g}, at"
                f" the start {first[worst]:.3g}: lower the rate or leave the optimiser out, scale real data"
            )


def count_idle(machine: object, rows: Any) -> Row:
    """Hidden units whose means are at one end in all of the rows: "dead" at the lowest, else "saturated".

    Of units without an upper end, those whose means are small beside the largest of the layer are dead; of
    units without ends there is no count. Nothing is said of machines without exact hidden means.

    Parameters
    ----------
    machine : Machine
    rows : (n, n_visible) or Chains
    """
    if not (isinstance(machine, HasFeatures) and isinstance(machine, HasHidden)):
        return {}
    dead = saturated = 0
    means = machine.mean_h(rows)
    for units, own, columns in machine.hidden.parts(machine.n_hidden):
        mean, (low, high) = means[:, columns], units.interval
        if units.finite and units.width > 1:
            always = _always(units, mean, own.stop - own.start)
            dead += int(always[:, 0].sum())
            saturated += int(always[:, 1:].sum())
        elif units.finite:
            dead += int((mean.max(0) < low + _END * (high - low)).sum())
            saturated += int((mean.min(0) > high - _END * (high - low)).sum())
        elif low > -np.inf:
            dead += int((mean.max(0) - low < _END * (mean.max(initial=low) - low)).sum())
    return {"dead": dead, "saturated": saturated}


def _always(units: Units, means: Array, n: int) -> Array:
    """Which of its states each of n units is in, in all rows, by its means: (n, n_states)."""
    phi = units.table().phi
    low, high = (ends.reshape(n, 1, units.width) for ends in (means.min(0), means.max(0)))
    return np.asarray(((low > phi - _END) & (high < phi + _END)).all(-1))


def warn_idle(machine: object, rows: Any) -> None:
    """Warn if more than a quarter of the hidden units are dead or saturated."""
    rows = thinned(as_source(rows))
    if isinstance(machine, Machine):
        rows = drawn_whole(machine, rows, Stream(0))
    idle = count_idle(machine, rows)
    if isinstance(machine, HasHidden) and sum(idle.values()) > _IDLE * machine.n_hidden:
        dead, saturated = int(idle["dead"]), int(idle["saturated"])
        warnings.warn(
            f"{dead} of {machine.n_hidden} hidden units are dead, {saturated} saturated, alike in all rows;"
            " take a lower rate, fewer hidden units, or a start that tells rows apart, from_data(spread=1.0)",
            RuntimeWarning,
            stacklevel=4,
        )
