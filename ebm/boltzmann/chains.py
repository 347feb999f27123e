"""Running chains of a fully connected machine."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from ebm.bits import Bits, as_bits, lower_state
from ebm.machine import Array
from ebm.units import Potts, Units

__all__ = ["SpinChains"]


Layout = Literal["rows", "sites", "states", "phi"]


class SpinChains:
    """Running chains of a fully connected machine, in the layout that its sweeps want.

    Attributes
    ----------
    layout : {"rows", "sites", "states", "phi"}
        Two-state units of a dense machine are rows of bits, of a sparse one sites of bits; Potts units of a
        dense machine are integers. What is left, means among the states included, is the encoded states.
    data : ndarray
        rows: (n_chains, ceil(n_units / 64)) uint64, a bit per unit; sites: (ceil(n_chains / 64), n_units)
        uint64, a bit per chain; states: (n_chains, n_units) int32; phi: (n_units·width, n_chains). Changed
        in place by sweeps.
    """

    layout: Layout
    data: Array

    def __init__(self, units: Units, x: Array, dtype: Any, sparse: bool) -> None:
        self._units, self._dtype, self._sparse = units, np.dtype(dtype), sparse
        self.x = x

    @property
    def low(self) -> Any:
        """The state that a bit of 0 stands for, as a scalar."""
        return lower_state(self._units, self._dtype)

    @property
    def x(self) -> Array:
        """The states, (n_chains, n_units)."""
        if self.layout == "phi":
            return np.array(self._units.decode(self.data.T), order="C")
        if self.layout == "states":
            return self.data.copy()
        n_chains, n_units = self._shape
        if self.layout == "rows":
            return Bits(self.data, n_units, self.low).x
        by_unit = Bits(np.ascontiguousarray(self.data.T), n_chains, self.low)
        return Bits(by_unit.columns[:n_chains], n_units, self.low).x

    @x.setter
    def x(self, x: Array) -> None:
        self._shape = x.shape
        bits = as_bits(x, self._units, self._dtype)
        if bits is None:
            self._set_others(x)
        elif self._sparse:
            self.layout, self.data = "sites", np.ascontiguousarray(bits.columns[: x.shape[1]].T)
        else:
            self.layout, self.data = "rows", bits.words

    def _set_others(self, x: Array) -> None:
        if isinstance(self._units, Potts) and not self._sparse:
            self.layout, self.data = "states", np.array(x, np.int32, order="C")
        else:  # copied even if layouts agree
            self.layout, self.data = "phi", np.array(self._units.encode(x).T, self._dtype, order="C")

    @property
    def phi(self) -> Array:
        """The encoded states, (n_units·width, n_chains)."""
        if self.layout == "phi":
            return self.data
        return np.array(self._units.encode(self.x).T, self._dtype, order="C")

    def copy(self) -> SpinChains:
        """Chains at the same states, which go their own way."""
        twin = SpinChains.__new__(SpinChains)
        twin.__dict__ = self.__dict__ | {"data": self.data.copy()}
        return twin

    def take(self, rows: Array) -> SpinChains:
        """New chains at the states of these rows."""
        taken = SpinChains.__new__(SpinChains)
        taken.__dict__ = self.__dict__ | {"_shape": (len(rows), self._shape[1])}
        if self.layout == "phi":
            taken.data = np.ascontiguousarray(self.data[:, rows])
        elif self.layout == "sites":
            taken.x = self.x[rows]
        else:
            taken.data = self.data[rows]
        return taken

    def __len__(self) -> int:
        return self._shape[0]
