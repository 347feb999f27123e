"""What kernels of single samplers need beyond the protocol: the couplings of a pairwise machine.

Of the machines that are `Pairwise` (docs/math.md, section 3) kernels take those with units of one type.
"""

from __future__ import annotations

from typing import Any, TypeGuard

import numpy as np

from ebm.errors import NotSupported
from ebm.machine import Array, Machine, Pairwise
from ebm.units import Units

__all__ = ["as_numbers", "blocks", "is_pairwise", "neighbours", "require_pairwise", "table_of", "to_states"]


def is_pairwise(machine: Machine) -> TypeGuard[Pairwise]:
    """Whether a machine is pairwise, of units of one type, without a potential."""
    alike = isinstance(machine, Pairwise) and len(machine.units.parts(machine.n_units)) == 1
    return alike and machine.units.bare


def require_pairwise(machine: Machine, who: str, what: str, instead: str) -> Pairwise:
    """The machine, or one line on what a sampler needs and what to use instead."""
    if not is_pairwise(machine):
        raise NotSupported(f"{who} needs {what} with a coupling graph; got {machine!r}: use {instead}")
    return machine


def table_of(units: Units) -> Array:
    """φ of each state, (q, width) float64."""
    return np.asarray(units.encode(np.asarray(units.states)[:, None]), np.float64).reshape(-1, units.width)


def as_numbers(units: Units, x: Array) -> Array:
    """The numbers of states, int32 of the shape of x."""
    return np.searchsorted(np.asarray(units.states, x.dtype), x).astype(np.int32)


def to_states(units: Units, numbers: Array, dtype: Any) -> Array:
    """The states of these numbers."""
    return np.asarray(units.states, dtype)[numbers]


def blocks(machine: Pairwise) -> tuple[Array, Array, Array]:
    """Couplings by pairs of units that have any: (n_entries, width, width) float64, indices, indptr."""
    from scipy.sparse import bsr_array, csr_array

    width = machine.units.width
    J = bsr_array(csr_array(machine.J), blocksize=(width, width))
    data, kept = J.data.astype(np.float64), (J.data != 0).any((1, 2))
    rows = np.repeat(np.arange(machine.n_units), np.diff(J.indptr))
    return data[kept], *_compressed(rows[kept], J.indices[kept], machine.n_units)


def neighbours(machine: Pairwise) -> tuple[Array, Array]:
    """The coupled units in compressed sparse rows: (indices, indptr)."""
    if machine.sparse:
        return blocks(machine)[1:]
    n, width = machine.n_units, machine.units.width
    coupled = machine.J != 0
    if width > 1:
        coupled = coupled.reshape(n, width, n, width).any((1, 3))
    rows, columns = np.nonzero(coupled)
    return _compressed(rows, columns, n)


def _compressed(rows: Array, columns: Array, n: int) -> tuple[Array, Array]:
    """Indices and indptr of entries that are sorted by rows."""
    counts = np.bincount(rows, minlength=n)
    return np.ascontiguousarray(columns, np.int64), np.concatenate([[0], np.cumsum(counts)])
