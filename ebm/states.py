"""The states of units: how many there are, which they are, and whether there are too many to sum over."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ebm.errors import EbmError, NotSupported, TooLarge
from ebm.units import Units

__all__ = ["duration", "enumerate_states", "n_states", "refuse_above", "site_states", "states_at"]

Array: TypeAlias = NDArray[Any]


def enumerate_states(units: Units, n: int, start: int = 0, stop: int | None = None) -> Array:
    """States number start..stop of n units, in lexicographic order (the last unit varies fastest).

    Returns
    -------
    ndarray, (stop − start, n) float64

    Examples
    --------
    >>> from ebm.units import Ising
    >>> enumerate_states(Ising(), 2)
    array([[-1., -1.],
           [-1.,  1.],
           [ 1., -1.],
           [ 1.,  1.]])
    """
    return states_at(units, n, np.arange(start, int(n_states(units, n)) if stop is None else stop))


def states_at(units: Units, n: int, index: Array) -> Array:
    """States of n units by their numbers in lexicographic order, (len(index), n) float64."""
    if not units.finite:
        raise EbmError(f"{units} units cannot be enumerated: their states are continuous")
    if n == 0:
        return np.zeros((len(index), 0))
    parts = units.parts(n)
    q = np.repeat([len(own.states or ()) for own, _, _ in parts], [p.stop - p.start for _, p, _ in parts])
    powers = np.append(np.cumprod(q[:0:-1], dtype=np.int64)[::-1], 1)
    digits = (index[:, None] // powers) % q
    return np.concatenate([np.asarray(own.states)[digits[:, places]] for own, places, _ in parts], axis=1)


def n_states(units: Units, n: int) -> float:
    """The number of states of n units; inf when continuous, or beyond the range of a float."""
    if not units.finite:
        return math.inf
    parts = [(len(own.states or ()), places.stop - places.start) for own, places, _ in units.parts(n)]
    if sum(count * math.log(q) for q, count in parts) > 700:
        return math.inf
    return math.prod(float(q) ** count for q, count in parts)


def site_states(units: Units, n: int) -> Array:
    """The states of each of n units, (n, most states of any), float64: NaN where a unit has fewer."""
    parts = units.parts(n)
    if not all(own.finite for own, _, _ in parts):
        raise NotSupported(f"{units} units have a continuum of states")
    table = np.full((n, max(len(own.states or ()) for own, _, _ in parts)), np.nan)
    for own, places, _ in parts:
        table[places, : len(own.states or ())] = own.states
    return table


def refuse_above(limit: float, terms: float, seconds_each: float, bytes_needed: float, what: str) -> None:
    """Raise `TooLarge`, with an estimate of time and memory, when `terms` exceeds `limit`."""
    if terms <= limit:
        return
    instead = "expected a smaller machine, or an estimate such as AIS"
    if not math.isfinite(terms):
        number = "infinitely many terms, or more than a float can count"
        raise TooLarge(f"{what} takes {number} (limit {limit:.2g}); {instead}")
    need = "" if bytes_needed < 2**20 else f" and {bytes_needed / 2**20:.0f} MiB"
    about = duration(terms * seconds_each)
    raise TooLarge(f"{what} takes {terms:.2g} terms (limit {limit:.2g}), about {about}{need}; {instead}")


def duration(seconds: float) -> str:
    """A time in the largest unit of which it has at least two.

    Examples
    --------
    >>> duration(0.2), duration(700.0), duration(9e4), duration(1e11)
    ('a second', '12 minutes', '25 hours', '3,200 years')
    """
    for unit, length in (("years", 365.25 * 86400), ("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{float(f'{seconds / length:.2g}'):,.0f} {unit}"
    return f"{seconds:.0f} seconds" if seconds >= 1.5 else "a second"
