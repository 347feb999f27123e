"""What a cell is: one of its column's values, or in one of the ranges that the numbers there are cut into."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np

from ebm.errors import EbmError, short
from ebm.estimators.shell import in_our_words
from ebm.machine import Array

__all__ = ["learnt", "missing", "states_of"]


def missing(cells: Array) -> Array:
    """NaN and None."""
    if cells.dtype == object:
        found = [[cell is None or bool(cell != cell) for cell in row] for row in cells]
        return np.array(found, bool).reshape(cells.shape)
    return np.isnan(cells) if cells.dtype.kind == "f" else np.zeros(cells.shape, bool)


def learnt(column: Array, w: Array, bins: int | None) -> tuple[Array, Array]:
    """The values that stand for a column's categories, ascending, and the upper ends of all ranges but the
    last.

    Without ends every value is a category of its own. Numbers of more different values than `bins` are cut at
    their quantiles; for a range stands its median, which is one of the column's cells. Weights are rows:
    whole ones give what as many rows do.

    Parameters
    ----------
    column : (n,)
        No cell is missing.
    w : (n,) float64
        Above 0.
    bins : int or None

    Examples
    --------
    >>> import numpy as np
    >>> values, ends = learnt(np.array([0.1, 0.5, 0.2, 7.0, 3.0]), np.ones(5), 2)
    >>> values.tolist(), ends.tolist()
    ([0.2, 3.0], [0.5])
    """
    with in_our_words():
        values, which = np.unique(column, return_inverse=True)
    if bins is None or len(values) <= bins or not _numbers(values):
        return values, np.empty(0)
    below = np.cumsum(np.bincount(which.ravel(), w))
    wanted = below[-1] * np.arange(1, bins) / bins
    last = np.minimum(np.searchsorted(below, wanted * (1 - 1e-12)), len(values) - 2)
    ends = np.unique(last)
    starts = np.concatenate([[0], ends + 1])
    lower = np.where(starts, below[starts - 1], 0.0)
    upper = np.concatenate([below[ends], below[-1:]])
    medians = np.searchsorted(below, (lower + upper) / 2 * (1 - 1e-12))
    return values[np.maximum(medians, starts)], values[ends].astype(np.float64)


def _numbers(values: Array) -> bool:
    if values.dtype == object:
        return all(isinstance(value, Real) and not isinstance(value, (bool, np.bool_)) for value in values)
    return values.dtype.kind in "iuf"


def states_of(column: Array, there: Array, values: Array, ends: Array, j: int) -> Array:
    """Which category each cell of column j is in, (n,) float64; NaN where there is no cell.

    Raises
    ------
    EbmError
        A value that is none of the column's, text where its numbers were cut.
    """
    found = np.full(len(column), np.nan)
    if len(ends):
        try:
            found[there] = np.searchsorted(ends, column[there].astype(np.float64))
        except (TypeError, ValueError):
            raise EbmError(f"X: column {j}: expected numbers") from None
        return found
    place: dict[Any, int] = {value: k for k, value in enumerate(values.tolist())}
    for row in np.flatnonzero(there):
        cell = column[row]
        state = place.get(cell)
        if state is None:
            got = cell.item() if isinstance(cell, np.generic) else cell
            raise EbmError(
                f"X: unknown value {short(got)} at row {row}, column {j}; expected one of"
                f" {short(values.tolist())}"
            )
        found[row] = state
    return found
