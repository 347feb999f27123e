"""Rows of two-state units as spins: distinct rows with their weights, and couplings in the units' own coding.

Every method works on s = ±1 with E(s) = −h·s − ½ s·K·s. Of Bernoulli units x = (1 + s)/2 it follows that
J = 4 K and b = 2 h − 2 Σ_j K_ij: a change of variables, exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ebm.arguments import as_numbers
from ebm.errors import EbmError, NotSupported, expect
from ebm.machine import Array
from ebm.units import Bernoulli, Ising, Units

__all__ = ["Rows", "in_units", "spins_of"]


@dataclass(frozen=True)
class Rows:
    """Distinct rows.

    Attributes
    ----------
    s : (m, n) float64
        Of −1 and +1.
    w : (m,) float64
        Their weights, which sum to one.
    n_effective : float
        How many independent rows they are worth: (Σ w)²/Σ w² of the rows that were handed in.
    """

    s: Array
    w: Array
    n_effective: float

    @property
    def mean(self) -> Array:
        """⟨s⟩, (n,)."""
        return self.w @ self.s

    @property
    def connected(self) -> Array:
        """⟨s_i s_j⟩ − ⟨s_i⟩⟨s_j⟩, (n, n)."""
        apart = self.s - self.mean
        return (apart * self.w[:, None]).T @ apart


def spins_of(data: ArrayLike, units: Units | None, weights: ArrayLike | None) -> tuple[Rows, Units]:
    """Rows as spins, each distinct one once, and the units that they are states of.

    Raises
    ------
    NotSupported
        Units of more than two states.
    EbmError
        Rows that are none of these units; weights that make no sense; a single row.
    """
    x = as_numbers(data, "data")
    if x.ndim != 2 or len(x) < 2 or x.shape[1] < 2:
        raise EbmError(f"data: expected two rows of two units or more, got shape {x.shape}")
    if units is None:
        units = Ising() if x.min() < 0 else Bernoulli()
    expect(units, Units, "units", "units of two states such as Ising()")
    if not isinstance(units, (Bernoulli, Ising)):
        raise NotSupported(f"infer: {units} units; expected two states, Bernoulli() or Ising()")
    x = units.check(x, "data", strict=True)
    w = np.ones(len(x)) if weights is None else as_numbers(weights, "weights", (len(x),)).astype(np.float64)
    if not (np.isfinite(w).all() and w.min() >= 0 and w.sum() > 0):
        raise EbmError(f"weights: expected {len(x)} finite numbers >= 0, not all zero")
    packed = np.packbits(x > 0, axis=1)
    _, first, which = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    total = np.bincount(which.ravel(), w)
    keep = total > 0
    s = np.where(x[first[keep]] > 0, 1.0, -1.0)
    return Rows(s, total[keep] / total.sum(), float(w.sum() ** 2 / (w**2).sum())), units


def in_units(units: Units, K: Array, h: Array) -> tuple[Array, Array]:
    """Couplings and biases of spins as those of the units."""
    if isinstance(units, Ising):
        return K, h
    return 4 * K, 2 * h - 2 * K.sum(1)
