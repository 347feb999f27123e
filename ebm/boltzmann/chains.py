"""Running chains of a fully connected machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ebm.bits import Bits, as_bits, lower_state
from ebm.errors import EbmError
from ebm.machine import Array, as_rows, read_only
from ebm.units import Potts, Units

if TYPE_CHECKING:
    from ebm.boltzmann.machine import BoltzmannMachine

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
        Of layout rows: (n_chains, ceil(n_units / 64)) uint64, a bit per unit; sites: (ceil(n_chains / 64),
        n_units) uint64, a bit per chain; states: (n_chains, n_units) int32; phi: (n_units·width, n_chains).
        Changed in place by sweeps.
    """

    layout: Layout
    _data: Array

    def __init__(self, units: Units, x: Array, dtype: Any, sparse: bool) -> None:
        self._units, self._dtype, self._sparse = units, np.dtype(dtype), sparse
        self._put(x)

    def fit(self, machine: BoltzmannMachine) -> None:
        """Look at chains that somebody brings: whether they are of such a machine.

        Raises
        ------
        EbmError
            They are those of another one.
        """
        own = (machine.units, machine.dtype, machine.sparse, machine.n_units)
        if (self._units, self._dtype, self._sparse, self._shape[1]) != own:
            raise EbmError(
                f"chains of {self._shape[1]} × {self._units}, {self._dtype}; expected those that start of"
                f" {machine!r} makes"
            )

    @property
    def low(self) -> Any:
        """The state that a bit of 0 stands for, as a scalar."""
        return lower_state(self._units, self._dtype)

    @property
    def data(self) -> Array:
        """The live array that sweeps change; compiled code looks things up by it, so it is checked."""
        if self.layout == "states" and self._data.size:
            low, high, q = self._data.min(), self._data.max(), self._units.width
            if low < 0 or high >= q:
                wrong = low if low < 0 else high
                raise EbmError(f"chains: a unit is in state {wrong}; {self._units} takes 0 to {q - 1}")
        return self._data

    @property
    def x(self) -> Array:
        """The states, (n_chains, n_units), read-only: to change them, start other chains, or set `x`."""
        return read_only(self.states())

    @x.setter
    def x(self, x: Array) -> None:
        self._put(as_rows(x, self._units, self._shape[1]))

    def _put(self, x: Array) -> None:
        """Take states that were checked."""
        self._shape = x.shape
        bits = as_bits(x, self._units, self._dtype)
        if bits is None:
            self._set_others(x)
        elif self._sparse:
            self.layout, self._data = "sites", np.ascontiguousarray(bits.columns[: x.shape[1]].T)
        else:
            self.layout, self._data = "rows", bits.words

    def states(self) -> Array:
        """The states as an array of their own, (n_chains, n_units)."""
        if self.layout == "phi":
            return np.array(self._units.decode(self._data.T), order="C")
        if self.layout == "states":
            return self.data.copy()
        n_chains, n_units = self._shape
        if self.layout == "rows":
            return Bits(self._data, (len(self._data), n_units), self.low).x
        by_unit = Bits(np.ascontiguousarray(self._data.T), (n_units, n_chains), self.low)
        return Bits(by_unit.columns[:n_chains], (n_chains, n_units), self.low).x

    def _set_others(self, x: Array) -> None:
        if isinstance(self._units, Potts) and not self._sparse:
            self.layout, self._data = "states", np.array(x, np.int32, order="C")
        else:  # copied even if layouts agree
            self.layout, self._data = "phi", np.array(self._units.encode(x).T, self._dtype, order="C")

    @property
    def phi(self) -> Array:
        """The encoded states, (n_units·width, n_chains)."""
        if self.layout == "phi":
            return self._data
        return np.array(self._units.encode(self.states()).T, self._dtype, order="C")

    def copy(self) -> SpinChains:
        """Chains at the same states, which go their own way."""
        twin = SpinChains.__new__(SpinChains)
        twin.__dict__ = self.__dict__ | {"_data": self._data.copy()}
        return twin

    def take(self, rows: Array) -> SpinChains:
        """New chains at the states of these rows."""
        taken = SpinChains.__new__(SpinChains)
        taken.__dict__ = self.__dict__ | {"_shape": (len(rows), self._shape[1])}
        if self.layout == "phi":
            taken._data = np.ascontiguousarray(self._data[:, rows])
        elif self.layout == "sites":
            taken._put(self.states()[rows])
        else:
            taken._data = self._data[rows]
        return taken

    def __len__(self) -> int:
        return self._shape[0]

    def __repr__(self) -> str:
        return f"SpinChains({self._shape[0]} chains of {self._shape[1]} {self._units} units)"
