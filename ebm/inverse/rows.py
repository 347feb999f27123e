"""Rows of units: of finitely many states each distinct one once, with its weight; real ones as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from ebm.arguments import as_number, as_numbers
from ebm.arrays import row_blocks
from ebm.errors import EbmError, NotSupported, expect
from ebm.gaps import has_gaps, opened, refuse_empty
from ebm.inverse.basis import Basis
from ebm.machine import Array
from ebm.units import Bernoulli, Gaussian, Ising, Units

__all__ = ["Rows", "listed", "rows_of"]

_MOST_STATES = 256
_NAMED = 5  # units in a line


@dataclass(frozen=True)
class Rows:
    """Distinct rows.

    Attributes
    ----------
    codes : (m, n) uint8
        Which of its states each unit is in; 0 of real units; in gaps one that was seen.
    w : (m,) float64
        Their weights, which sum to one.
    n_effective : float
        How many independent rows they are worth: (Σ w)²/Σ w² of the rows that were handed in.
    basis : Basis
    reals : (m, n) float64, optional
        Values of real units, less their location and over their scale; 0 of others.
    gaps : (m, n) bool, optional
        What was not observed.
    """

    codes: Array
    w: Array
    n_effective: float
    basis: Basis
    reals: Array | None = None
    gaps: Array | None = None

    @cached_property
    def design(self) -> Array:
        """All contrasts of every row, (m, size) float64."""
        found = np.empty((len(self.codes), self.basis.size))
        for i, (own, f) in enumerate(zip(self.basis.own, self.basis.contrasts, strict=True)):
            found[:, own] = f[self.codes[:, i]] if len(f) else self.own(i)[:, None]
        return found

    def own(self, i: int) -> Array:
        """What unit i is in: the number of its state, or its value, (m,)."""
        real = self.reals is not None and self.basis.real[i]
        return self.reals[:, i] if real and self.reals is not None else self.codes[:, i]

    @property
    def states(self) -> Array:
        """The rows as their units have them, (m, n) float64."""
        found = np.empty(self.codes.shape)
        for i, own in enumerate(self.basis.types):
            if own.states is not None:
                found[:, i] = np.asarray(own.states)[self.codes[:, i]]
            elif self.basis.location is not None and self.basis.scale is not None:
                found[:, i] = self.basis.location[i] + self.basis.scale[i] * self.own(i)
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
        """Units that never change; real ones do."""
        return np.flatnonzero((self.codes == self.codes[0]).all(0) & ~self.basis.real)

    def some(self, which: slice) -> Rows:
        """Some of the rows, for as much."""
        w = self.w[which]
        reals = None if self.reals is None else self.reals[which]
        gaps = None if self.gaps is None else self.gaps[which]
        return replace(self, codes=self.codes[which], w=w / w.sum(), reals=reals, gaps=gaps)

    def of(self, units: Array) -> Rows:
        """Some of the units, each distinct row of them once."""
        left = self.basis.taken(units)
        if self.reals is not None:
            reals = self.reals[:, units]
            return replace(self, codes=self.codes[:, units], basis=left, reals=reals)
        return _merged(self.codes[:, units], self.w, self.n_effective, left, _columns(self.gaps, units))


def rows_of(
    data: ArrayLike,
    units: Units | None = None,
    weights: ArrayLike | None = None,
    n_effective: float | None = None,
    *,
    real: bool = False,
    gaps: bool = False,
) -> Rows:
    """Rows as states, each distinct one once.

    Parameters
    ----------
    real, gaps : bool
        Whether Gaussian units are taken, and NaN.

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
    lacking = has_gaps(x)
    if lacking and not gaps:
        raise NotSupported(
            "data: there are gaps (NaN); expected numbers in all cells (ebm.impute fills gaps), or infer's"
            " maximum_likelihood of units of finitely many states, which sums them out"
        )
    if units is None:
        units = Ising() if np.nanmin(x) < 0 else Bernoulli()
    expect(units, Units, "units", "units of finitely many states such as Ising()")
    units.columns(x.shape[1])  # of Mixed units: so many, or no others
    continuous = _real_units(units, x.shape[1], real)
    x, gap = opened(units, x, strict=True) if lacking else (units.check(x, "data", strict=True), None)
    basis = Basis(units, x.shape[1])
    if max(map(len, basis.states)) > _MOST_STATES:
        raise NotSupported(f"infer: {units}: expected units of {_MOST_STATES} states or fewer")
    w = np.ones(len(x)) if weights is None else as_numbers(weights, "weights", (len(x),)).astype(np.float64)
    if not (np.isfinite(w).all() and w.min() >= 0 and w.sum() > 0):
        raise EbmError(f"weights: expected {len(x)} finite numbers >= 0, not all zero")
    worth = float(w.sum() ** 2 / (w**2).sum())
    if n_effective is not None:
        worth = as_number(n_effective, "n_effective", 1)
    if continuous:
        return _real_rows(x[w > 0], units, w[w > 0] / w.sum(), worth)
    codes = _codes(x, units)
    if gap is not None:
        refuse_empty(gap[w > 0])
        seen = np.argmin(gap | (w == 0)[:, None], axis=0)  # a row with this unit
        codes = np.where(gap, codes[seen, np.arange(basis.n)], codes)
    return _merged(codes, w, worth, basis, gap)


def _columns(gaps: Array | None, units: Array) -> Array | None:
    return None if gaps is None else gaps[:, units]


def _merged(codes: Array, w: Array, worth: float, basis: Basis, gaps: Array | None) -> Rows:
    """Each distinct row once; with the same gaps."""
    if gaps is None:
        return Rows(*_distinct(codes, w), worth, basis)
    both, w = _distinct(np.hstack([codes, gaps]), w)
    return Rows(both[:, : basis.n].copy(), w, worth, basis, gaps=both[:, basis.n :].astype(bool))


def _real_units(units: Units, n: int, taken: bool) -> bool:
    """Whether there are Gaussian units; refuses what is neither these nor of finitely many states."""
    kinds = [own for own, _, _ in units.parts(n)]
    if not all(isinstance(own, Gaussian) or (own.finite and own.bare) for own in kinds):
        raise NotSupported(
            f"infer: {units} units; expected finitely many states such as Bernoulli(), Ising() or Potts(q),"
            " or Gaussian()"
        )
    found = any(isinstance(own, Gaussian) for own in kinds)
    if found and not taken:
        raise NotSupported(
            f"infer: {units}: real units are taken by pseudo_likelihood alone; expected that method, without"
            " joint, or units of finitely many states"
        )
    return found


def _real_rows(x: Array, units: Units, w: Array, worth: float) -> Rows:
    """Rows with real units, made numbers about 0 of size 1."""
    n = x.shape[1]
    real = Basis(units, n).real
    location = np.where(real, w @ x, 0.0)
    scale = np.where(real, np.sqrt(w @ (x - location) ** 2), 1.0)
    still = np.flatnonzero(real & ~(scale > 1e-12 * np.abs(location)))
    if len(still):
        raise EbmError(f"data: real {listed(still)} never changes: expected it left out")
    reals = np.where(real, (x - location) / scale, 0.0)
    return Rows(_codes(x, units), w, worth, Basis(units, n, location, scale), reals)


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
    found = np.zeros(x.shape, np.uint8)
    for own, places, _ in units.parts(x.shape[1]):
        if own.states is None:
            continue
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
