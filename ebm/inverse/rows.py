"""Rows of units of finitely many states: each distinct one once, with its weight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from ebm.arguments import as_number, as_numbers
from ebm.arrays import row_blocks
from ebm.errors import EbmError, NotSupported, expect
from ebm.inverse.basis import Basis
from ebm.machine import Array
from ebm.units import Bernoulli, Ising, Units

__all__ = ["Rows", "listed", "rows_of"]

_MOST_STATES = 256
_NAMED = 5  # units in a line


@dataclass(frozen=True)
class Rows:
    """Distinct rows.

    Attributes
    ----------
    codes : (m, n) uint8
        Which of its states each unit is in.
    w : (m,) float64
        Their weights, which sum to one.
    n_effective : float
        How many independent rows they are worth: (Σ w)²/Σ w² of the rows that were handed in.
    basis : Basis
    """

    codes: Array
    w: Array
    n_effective: float
    basis: Basis

    @cached_property
    def design(self) -> Array:
        """All contrasts of every row, (m, size) float64."""
        found = np.empty((len(self.codes), self.basis.size))
        for i, (own, f) in enumerate(zip(self.basis.own, self.basis.contrasts, strict=True)):
            found[:, own] = f[self.codes[:, i]]
        return found

    @cached_property
    def spins(self) -> Array:
        """Rows of two-state units as −1 and +1, (m, n) float64."""
        return 2.0 * self.codes - 1

    @property
    def mean(self) -> Array:
        """⟨s⟩ of spins, (n,)."""
        return self.w @ self.spins

    @property
    def connected(self) -> Array:
        """⟨s_i s_j⟩ − ⟨s_i⟩⟨s_j⟩ of spins, (n, n)."""
        apart = self.spins - self.mean
        return (apart * self.w[:, None]).T @ apart

    @cached_property
    def constant(self) -> Array:
        """Units that never change."""
        return np.flatnonzero((self.codes == self.codes[0]).all(0))

    def some(self, which: slice) -> Rows:
        """Some of the rows, for as much."""
        w = self.w[which]
        return replace(self, codes=self.codes[which], w=w / w.sum())

    def of(self, units: Array) -> Rows:
        """Some of the units, each distinct row of them once."""
        codes, w = _distinct(self.codes[:, units], self.w)
        left = Basis(self.basis.units.taken(_mask(units, self.basis.n)), len(units))
        return Rows(codes, w, self.n_effective, left)


def _mask(chosen: Array, n: int) -> Array:
    found = np.zeros(n, bool)
    found[chosen] = True
    return found


def rows_of(
    data: ArrayLike,
    units: Units | None = None,
    weights: ArrayLike | None = None,
    n_effective: float | None = None,
) -> Rows:
    """Rows as states, each distinct one once.

    Raises
    ------
    NotSupported
        Units without states, or of more than 256.
    EbmError
        Rows that are none of these units; weights that make no sense; a single row.
    """
    x = as_numbers(data, "data")
    if x.ndim != 2 or len(x) < 2 or x.shape[1] < 2:
        raise EbmError(f"data: expected two rows of two units or more, got shape {x.shape}")
    if units is None:
        units = Ising() if x.min() < 0 else Bernoulli()
    expect(units, Units, "units", "units of finitely many states such as Ising()")
    if not units.finite or not units.bare:
        raise NotSupported(
            f"infer: {units} units; expected finitely many states such as Bernoulli(), Ising() or Potts(q)"
        )
    units.columns(x.shape[1])  # of Mixed units: so many, or no others
    x = units.check(x, "data", strict=True)
    basis = Basis(units, x.shape[1])
    if max(map(len, basis.states)) > _MOST_STATES:
        raise NotSupported(f"infer: {units}: expected units of {_MOST_STATES} states or fewer")
    w = np.ones(len(x)) if weights is None else as_numbers(weights, "weights", (len(x),)).astype(np.float64)
    if not (np.isfinite(w).all() and w.min() >= 0 and w.sum() > 0):
        raise EbmError(f"weights: expected {len(x)} finite numbers >= 0, not all zero")
    worth = float(w.sum() ** 2 / (w**2).sum())
    if n_effective is not None:
        worth = as_number(n_effective, "n_effective", 1)
    codes, w = _distinct(_codes(x, units), w)
    return Rows(codes, w, worth, basis)


def listed(units: Sequence[int] | Array) -> str:
    """Some units by their numbers, the first few of many.

    Examples
    --------
    >>> listed([3]), listed(range(7))
    ('unit 3', 'units 0, 1, 2, 3, 4 and 2 more')
    """
    more = f" and {len(units) - _NAMED} more" if len(units) > _NAMED else ""
    return f"unit{'s' * (len(units) > 1)} {', '.join(map(str, units[:_NAMED]))}{more}"


def _codes(x: Array, units: Units) -> Array:
    """Which of its states each unit is in."""
    found = np.empty(x.shape, np.uint8)
    for own, places, _ in units.parts(x.shape[1]):
        states = np.asarray(own.states)
        for some in row_blocks(len(x), x.shape[1]):
            found[some, places] = np.searchsorted(states, x[some, places])
    return found


def _distinct(codes: Array, w: Array) -> tuple[Array, Array]:
    """Each distinct row once, in their order, with weights that sum to one; rows without weight left out."""
    packed = np.ascontiguousarray(np.packbits(codes, axis=1) if codes.max() < 2 else codes)
    whole = packed.view(np.dtype((np.void, packed.shape[1]))).ravel()
    _, first, which = np.unique(whole, return_index=True, return_inverse=True)
    total = np.bincount(which.ravel(), w)
    keep = total > 0
    return np.ascontiguousarray(codes[first[keep]]), total[keep] / total.sum()
