"""Running chains of a fully connected machine."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from ebm.machine import Array
from ebm.units import Potts, Units

__all__ = ["SpinChains"]

Layout = Literal["rows", "sites", "colours", "phi"]


class SpinChains:
    """Running chains of a fully connected machine, in the layout that its sweeps want.

    Attributes
    ----------
    layout : {"rows", "sites", "colours", "phi"}
        Two-state units of a dense machine are rows of bits, of a sparse one sites of bits; Potts units of a
        dense machine are colours. What is left, means among the states included, is the encoded states.
    data : ndarray
        rows: (n_chains, ceil(n_units / 64)) uint64, a bit per unit; sites: (ceil(n_chains / 64), n_units)
        uint64, a bit per chain; colours: (n_chains, n_units) int32; phi: (n_units·width, n_chains). Changed
        in place by sweeps.
    """

    def __init__(self, units: Units, x: Array, dtype: Any, sparse: bool) -> None:
        self._units, self._shape, self._dtype = units, x.shape, np.dtype(dtype)
        self.layout: Layout = "phi"
        if isinstance(units, Potts):
            self.layout = "phi" if sparse else "colours"
        elif np.isin(x, units.interval).all():
            self.layout = "sites" if sparse else "rows"
        self.data = self._encode(x)

    @property
    def low(self) -> Any:
        """The state that a bit of 0 stands for, as a scalar."""
        return self._dtype.type(self._units.interval[0])

    def _encode(self, x: Array) -> Array:
        if self.layout == "phi":
            return np.array(self._units.encode(x).T, self._dtype, order="C")  # copied even if layouts agree
        if self.layout == "colours":
            return np.array(x, np.int32, order="C")
        words = self._pack(x)
        return words if self.layout == "rows" else self._to_sites(words)

    def _pack(self, x: Array) -> Array:
        from ebm.kernels.bits import pack

        words = np.empty((len(x), -(-x.shape[1] // 64)), np.uint64)
        pack(np.ascontiguousarray(x, self._dtype), self.low, words)
        return words

    def _to_sites(self, words: Array) -> Array:
        from ebm.kernels.bits import transpose_bits

        by_unit = np.empty((64 * words.shape[1], -(-len(words) // 64)), np.uint64)
        transpose_bits(words, by_unit)
        return np.ascontiguousarray(by_unit[: self._shape[1]].T)

    def _to_rows(self) -> Array:
        from ebm.kernels.bits import transpose_bits

        by_chain = np.empty((64 * len(self.data), -(-self._shape[1] // 64)), np.uint64)
        transpose_bits(np.ascontiguousarray(self.data.T), by_chain)
        return by_chain[: self._shape[0]]

    @property
    def x(self) -> Array:
        """The states, (n_chains, n_units)."""
        from ebm.kernels.bits import unpack

        if self.layout == "phi":
            return np.array(self._units.decode(self.data.T), order="C")
        if self.layout == "colours":
            return self.data.copy()
        x = np.empty(self._shape, self._dtype)
        unpack(self.data if self.layout == "rows" else self._to_rows(), self.low, x)
        return x

    @x.setter
    def x(self, x: Array) -> None:
        self.data = self._encode(x)

    @property
    def phi(self) -> Array:
        """The encoded states, (n_units·width, n_chains)."""
        return (
            self.data
            if self.layout == "phi"
            else np.array(self._units.encode(self.x).T, self._dtype, order="C")
        )

    def copy(self) -> SpinChains:
        """Chains at the same states, which go their own way."""
        twin = SpinChains.__new__(SpinChains)
        twin.__dict__ = self.__dict__ | {"data": self.data.copy()}
        return twin

    def __len__(self) -> int:
        return self._shape[0]
