"""The units of a sparse machine by colour, cut into slices as `ebm.kernels.sparse.chromatic` takes them."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.boltzmann.chains import SpinChains
from ebm.machine import Array

if TYPE_CHECKING:
    from ebm.kernels.arguments import Sweeps

__all__ = ["Slices"]


class Slices:
    """A chromatic scan of some units of a sparse machine; the pattern of couplings only, not their values.

    Parameters
    ----------
    order : (m,) int64
        The units of the scan, colour by colour.
    colours : (N,) int64
        The colour of every unit.
    indices, indptr : ndarray
        The pattern in compressed sparse rows.
    dtype
        Of the machine.
    """

    def __init__(self, order: Array, colours: Array, indices: Array, indptr: Array, dtype: Any) -> None:
        from ebm.kernels.sparse.chromatic import SLICES, slice_up

        n, lanes = len(indptr) - 1, 64 // np.dtype(dtype).itemsize
        rest = np.ones(n, bool)
        rest[order] = False
        self._units = np.concatenate([order, np.flatnonzero(rest)])
        place = np.empty(n, np.int64)
        place[self._units] = np.arange(n)
        starts = np.concatenate([[0], np.flatnonzero(np.diff(colours[order])) + 1, [len(order)]])
        arguments = order, place, starts, indices, indptr, lanes
        self._first, self._count, self._offset = slice_up(*arguments, np.empty((0, 0), np.int64))
        entries = np.empty((2, self._offset[-1]), np.int64)
        slice_up(*arguments, entries)
        self._neighbour = entries[0].astype(np.int32 if lanes == 16 else np.uint64)
        self._source = np.where(entries[1] < 0, len(indices), entries[1])
        self._bounds = _tiles(np.searchsorted(starts, self._first, side="right"), SLICES)

    def values(self, data: Array) -> Array:
        """The couplings, slice by slice."""
        return np.append(data, data.dtype.type(0))[self._source]

    def sweep(self, problem: Any, values: Array, chains: SpinChains, sweeps: Sweeps, worth: bool) -> None:
        """Sweep chains."""
        from ebm.kernels.sparse.chromatic import colour_sweeps

        x = chains.states()
        own = self._by_position(x)
        b, base = self._by_position(problem.b), self._by_position(problem.base)
        sliced = self._first, self._count, self._offset, self._neighbour, values
        colour_sweeps(worth, own, self._bounds, sliced, (b, base, problem.beta), chains.low, sweeps)
        x[:, self._units] = own[:, : x.shape[1]]
        chains._put(x)

    def _by_position(self, a: Array) -> Array:
        """Values of units in the order of positions, with room for a vector at the end."""
        out = np.zeros((*a.shape[:-1], a.shape[-1] + 64), a.dtype)
        out[..., : a.shape[-1]] = a[..., self._units]
        return out


def _tiles(colours: Array, size: int) -> Array:
    """The first slice of each tile of at most `size` slices of one colour, and its colour; an end mark."""
    changes = np.concatenate([[0], np.flatnonzero(np.diff(colours)) + 1, [len(colours)]])
    rows = [
        (g, int(colours[start]))
        for start, stop in itertools.pairwise(changes)
        for g in range(int(start), int(stop), size)
    ]
    return np.array([*rows, (len(colours), -1)], np.int64)
