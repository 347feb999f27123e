"""Time series for machines with inputs: rows of lagged values, and forecasts by paths drawn step by step.

A machine of v given the values before it is a model of a series of any memory that is asked for; what it says
of the values n steps ahead is the distribution of paths, each drawn given its own past.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ebm.arguments import as_count, as_numbers
from ebm.errors import EbmError, expect
from ebm.machine import Array
from ebm.rbm import ConditionalRBM
from ebm.stream import SAMPLE, Seed, Stream
from ebm.units import Units
from ebm.units.family import as_units

__all__ = ["Forecast", "forecast", "lagged"]


def lagged(
    series: ArrayLike,
    lags: int | Sequence[int],
    *,
    inputs: ArrayLike | None = None,
    start: int | None = None,
    stop: int | None = None,
    units: Units | None = None,
) -> Array:
    """Rows of a machine with inputs: values at the lags, further inputs, then the values themselves.

    Row t holds v_{t−k} for each lag k, the longest first, the inputs of t, and v_t. `start` and `stop` are of
    the values to be predicted: rows of a test part look back into the training part, and no row of that has
    seen anything of the test part.

    Parameters
    ----------
    series : array_like, (n_times, n_outputs)
        Equally spaced in time.
    lags : int or sequence of int
        How many values before, or which: 3, or (1, 2, 12).
    inputs : array_like, (n_times, m), optional
        What else is known at a time beforehand, such as the season.
    start, stop : int, optional
        Times from and up to which values are predicted; all that have a past, when left out.
    units : Units, optional
        The type of the values: those of several columns, such as Potts units, enter as their φ.

    Returns
    -------
    ndarray, (stop − start, n_inputs + n_outputs)

    Examples
    --------
    >>> lagged([[0], [1], [2], [3], [4]], 2)
    array([[0., 1., 2.],
           [1., 2., 3.],
           [2., 3., 4.]])
    >>> lagged([[0], [1], [2], [3], [4]], 2, start=4)
    array([[2., 3., 4.]])
    """
    values, known = _series(series), None if inputs is None else _series(inputs, "inputs")
    places, n = as_lags(lags), len(values)
    if known is not None and len(known) != n:
        raise EbmError(f"inputs: expected {n} times, as of the series, got {len(known)}")
    first = places[0] if start is None else as_count(start, "start", places[0], n)
    last = n if stop is None else as_count(stop, "stop", first, n)
    if n <= places[0]:
        raise EbmError(f"series: expected more than {places[0]} times, the longest lag, got {n}")
    phi = _encoded(values, units)
    past = [phi[first - k : last - k] for k in places]
    return np.concatenate(
        [*past, *([] if known is None else [known[first:last]]), values[first:last]], axis=1
    )


def _series(series: ArrayLike, name: str = "series") -> Array:
    """Values by time, float64."""
    values = as_numbers(series, name).astype(np.float64)
    if values.ndim != 2 or not values.shape[1] or not np.isfinite(values).all():
        raise EbmError(f"{name}: expected finite values, (n_times, n_outputs), got shape {values.shape}")
    return values


def as_lags(lags: int | Sequence[int]) -> tuple[int, ...]:
    """The lags, the longest first."""
    if isinstance(lags, (int, np.integer)) and not isinstance(lags, bool):
        return tuple(range(as_count(lags, "lags"), 0, -1))
    several = expect(lags, Sequence, "lags", "a number of lags, or a sequence of them")
    found = sorted({as_count(k, "lags") for k in several}, reverse=True)
    if not found or isinstance(lags, str):
        raise EbmError("lags: expected at least one")
    return tuple(found)


def _encoded(values: Array, units: Units | None) -> Array:
    """φ of values, checked."""
    if units is None:
        return values
    return as_units(units, "units").encode(units.check(values, "series", strict=True)).astype(np.float64)


@dataclass(frozen=True)
class Forecast:
    """Paths of a series into the future.

    Attributes
    ----------
    paths : ndarray, (n_paths, n_steps, n_outputs)
    """

    paths: Array

    @property
    def mean(self) -> Array:
        """Their mean, (n_steps, n_outputs)."""
        return self.paths.mean(0)

    def bands(self, cover: float = 0.9) -> tuple[Array, Array]:
        """Ends between which a value lies with that probability, (n_steps, n_outputs) each."""
        if not (isinstance(cover, (int, float)) and 0 < cover < 1):
            raise EbmError(f"cover: expected a probability between 0 and 1, got {cover!r}")
        low, high = np.quantile(self.paths, [(1 - cover) / 2, (1 + cover) / 2], axis=0)
        return low, high

    def quantile(self, q: ArrayLike) -> Array:
        """Quantiles, (n_steps, n_outputs) of one, (k, n_steps, n_outputs) of k."""
        levels = as_numbers(q, "q")
        if not ((levels >= 0) & (levels <= 1)).all():
            raise EbmError("q: expected probabilities from 0 to 1")
        return np.quantile(self.paths, levels, axis=0)

    def __repr__(self) -> str:
        n_paths, n_steps, n_outputs = self.paths.shape
        return f"Forecast({n_steps} steps of {n_outputs} values, {n_paths} paths)"


def forecast(
    machine: ConditionalRBM,
    history: ArrayLike,
    n_steps: int,
    *,
    lags: int | Sequence[int],
    n_paths: int = 1000,
    inputs: ArrayLike | None = None,
    units: Units | None = None,
    seed: Seed = 0,
) -> Forecast:
    """Draw paths of a series n steps ahead, each value given the path so far.

    Parameters
    ----------
    machine : ConditionalRBM
        Learnt from rows that `lagged` made with the same lags.
    history : array_like, (n_times, n_outputs)
        The values so far, as many as the longest lag or more.
    n_steps : int
    lags, units
        As of `lagged`.
    n_paths : int
    inputs : array_like, (n_steps, m), optional
        Further inputs of the times ahead, if the machine has any.
    seed : int, SeedSequence or Generator

    Examples
    --------
    >>> import numpy as np, ebm
    >>> series = np.cumsum(np.random.default_rng(0).normal(size=(500, 1)), 0)
    >>> rows = ebm.lagged(series, 1)
    >>> machine = ebm.ConditionalRBM.from_data(rows, 1, 2, visible=ebm.Gaussian(learn_precision=True))
    >>> ahead = ebm.forecast(machine, series, 9, lags=1)
    >>> low, high = ahead.bands(0.683)  # of a random walk: ±√n
    >>> ((high - low) / 2).ravel()[[0, 3, 8]].round()
    array([1., 2., 3.])
    """
    machine = expect(machine, ConditionalRBM, "machine", "a ConditionalRBM")
    values, places = _series(history, "history"), as_lags(lags)
    n_steps, n_paths = as_count(n_steps, "n_steps"), as_count(n_paths, "n_paths")
    known = np.empty((n_steps, 0)) if inputs is None else _series(inputs, "inputs")
    if len(values) < places[0] or values.shape[1] != machine.n_outputs:
        wanted = f"({places[0]} or more, {machine.n_outputs})"
        raise EbmError(f"history: expected shape {wanted}, got {values.shape}")
    if len(known) != n_steps:
        raise EbmError(f"inputs: expected {n_steps} times ahead, got {len(known)}")
    phi = _encoded(values[-places[0] :], units)
    n_inputs = len(places) * phi.shape[1] + known.shape[1]
    if n_inputs != machine.n_inputs:
        raise EbmError(f"forecast: {machine}: {n_inputs} inputs; expected the lags that it has learnt with")
    rng = Stream(seed).split(SAMPLE)
    past = np.repeat(phi[None], n_paths, 0)
    paths = np.empty((n_paths, n_steps, machine.n_outputs))
    for t in range(n_steps):
        x = [past[:, -k] for k in places]
        row = np.concatenate([*x, np.broadcast_to(known[t], (n_paths, known.shape[1]))], axis=1)
        paths[:, t] = machine.sample_given(row, rng)
        new = _encoded(paths[:, t], units)
        past = np.concatenate([past[:, 1:], new[:, None]], axis=1)
    return Forecast(paths)
