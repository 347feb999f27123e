"""Rows that were learnt by heart: samples nearer to a training row than new rows would be."""

from __future__ import annotations

import numpy as np

from ebm.arrays import row_blocks
from ebm.machine import Array
from ebm.samplers.pilot import evenly
from ebm.units import Units

__all__ = ["NEAR", "memorised"]

NEAR = 0.01  # part of new rows that are as near as what is called a copy
_MOST = 20_000  # training rows that are looked at
_NEW = 1000


def memorised(units: Units, samples: Array, train: Array, heldout: Array | None) -> float:
    """The part of samples nearer to a training row than all but 1 % of new rows are.

    New rows are those held out; without them training rows, each beside all others. 0.01 is what samples of
    the distribution of the data would have, ties aside.

    Examples
    --------
    >>> from ebm.units import Bernoulli
    >>> train = np.random.default_rng(0).integers(0, 2, size=(300, 20)).astype(float)
    >>> memorised(Bernoulli(), train[:50], train, None)
    1.0
    """
    rows = np.asarray(units.encode(train[evenly(len(train), _MOST)]), np.float32)
    if heldout is None:
        places = evenly(len(rows), _NEW)
        usual = _nearest(rows[places], rows, places)
    else:
        usual = _nearest(np.asarray(units.encode(heldout[evenly(len(heldout), _NEW)]), np.float32), rows)
    limit = np.quantile(usual, NEAR, method="lower")
    found = _nearest(np.asarray(units.encode(samples[evenly(len(samples), _NEW)]), np.float32), rows)
    return float((found < limit).mean())


def _nearest(x: Array, rows: Array, own: Array | None = None) -> Array:
    """Squared distances to the nearest row, of x that are rows themselves to the nearest other."""
    sizes, out = np.square(rows).sum(1), np.empty(len(x))
    for k in row_blocks(len(x), len(rows)):
        square = np.square(x[k]).sum(1)[:, None] + sizes - 2 * x[k] @ rows.T
        if own is not None:
            square[np.arange(len(square)), own[k]] = np.inf
        out[k] = np.maximum(square.min(1), 0)
    return np.round(out, 3)
