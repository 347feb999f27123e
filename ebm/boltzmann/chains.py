"""Running chains of a fully connected machine."""

from __future__ import annotations

from typing import Any

import numpy as np

from ebm.machine import Array
from ebm.units import Units

__all__ = ["SpinChains"]


class SpinChains:
    """Running chains of a fully connected machine: the encoded states, chains contiguous.

    Attributes
    ----------
    phi : ndarray, (n_units·width, n_chains)
    """

    def __init__(self, units: Units, x: Array, dtype: Any) -> None:
        self._units = units
        self.phi = np.array(units.encode(x).T, dtype, order="C")  # a copy even where layouts agree

    @property
    def x(self) -> Array:
        """The states, (n_chains, n_units)."""
        return np.array(self._units.decode(self.phi.T), order="C")

    def copy(self) -> SpinChains:
        """Chains at the same states, which go their own way."""
        twin = SpinChains.__new__(SpinChains)
        twin._units, twin.phi = self._units, self.phi.copy()
        return twin

    def __len__(self) -> int:
        return self.phi.shape[1]
