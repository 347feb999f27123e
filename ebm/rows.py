"""Rows of data that are not an array in memory: a file larger than it, or a sparse matrix.

Learning asks a data set for three things: how many rows there are, their width, and the rows with given
numbers, as an array. Memory-mapped arrays are read from their file row by row instead of through the mapping,
whose pages would count as this process's memory once they have been touched, and never be given back.
"""

from __future__ import annotations

import mmap
import os
import sys
from typing import Any

import numpy as np

from ebm.arguments import as_array, well_indexed
from ebm.errors import EbmError
from ebm.machine import Array

__all__ = ["FileRows", "SparseRows", "as_source", "thinned"]

_EVALUATED = 2000  # rows that an evaluation looks at
_TOGETHER = 1 << 16  # bytes between two rows up to which they are read in one go


class FileRows:
    """Rows of a C-ordered array in a file.

    Parameters
    ----------
    path : path-like
    offset : int
        Bytes before the first row.
    shape : (n, width)
    dtype
    """

    def __init__(self, path: str | os.PathLike[str], offset: int, shape: tuple[int, int], dtype: Any) -> None:
        self.path, self._offset, self.shape, self.dtype = path, offset, shape, np.dtype(dtype)
        self._stride = shape[1] * self.dtype.itemsize
        needed, found = offset + shape[0] * self._stride, os.path.getsize(path)
        if found < needed:
            raise EbmError(f"{path}: truncated: {found} bytes; expected {needed}")

    @classmethod
    def of(cls, mapped: np.memmap) -> FileRows:
        """The rows of a memory-mapped array as `numpy.load(path, mmap_mode="r")` makes it."""
        if mapped.ndim != 2 or not mapped.flags.c_contiguous or mapped.filename is None:
            raise EbmError(f"data: a memory map, {mapped.shape}; expected whole rows, C-ordered, of a file")
        whole: Any = mapped._mmap  # type: ignore[attr-defined]
        begin = mapped.offset - mapped.offset % mmap.ALLOCATIONGRANULARITY  # in the file, of the mapping
        inside = mapped.ctypes.data - np.frombuffer(whole, np.uint8).ctypes.data
        return cls(mapped.filename, begin + inside, mapped.shape, mapped.dtype)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> Array:
        """The rows with these numbers, (len(rows), width), read in the order in which they stand."""
        numbers = np.arange(len(self))[rows] if isinstance(rows, slice) else np.asarray(rows)
        out = np.empty((len(numbers), self.shape[1]), self.dtype)
        order = np.argsort(numbers, kind="stable")
        with open(self.path, "rb") as file:
            start = 0
            while start < len(order):
                stop, first = start + 1, int(numbers[order[start]])
                while (
                    stop < len(order) and (int(numbers[order[stop]]) - first + 1) * self._stride <= _TOGETHER
                ):
                    stop += 1
                near = order[start:stop]
                count = int(numbers[near[-1]]) - first + 1
                file.seek(self._offset + first * self._stride)
                raw = file.read(count * self._stride)
                if len(raw) < count * self._stride:
                    raise EbmError(f"{self.path}: truncated at row {first + len(raw) // self._stride}")
                out[near] = np.frombuffer(raw, self.dtype).reshape(count, -1)[numbers[near] - first]
                start = stop
        return out


class SparseRows:
    """Rows of a scipy.sparse matrix, dense when they are asked for.

    Parameters
    ----------
    matrix : scipy.sparse matrix or array, (n, width)
    """

    def __init__(self, matrix: Any) -> None:
        self._rows = well_indexed(matrix, "data").tocsr()
        self.shape, self.dtype = matrix.shape, matrix.dtype
        if len(self.shape) != 2:
            raise EbmError(f"data: expected sparse rows, got shape {self.shape}")

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> Array:
        """The rows with these numbers, dense."""
        return self._rows[rows].toarray()


def as_source(data: Any) -> Any:
    """A data set that learning takes rows from: a source as it is, else an array."""
    if isinstance(data, (FileRows, SparseRows)):
        return data
    if isinstance(data, np.memmap) and data.mode != "c":  # what was written to a copy is in no file
        return FileRows.of(data)
    sparse = sys.modules.get("scipy.sparse")
    if sparse is not None and sparse.issparse(data):
        return SparseRows(data)
    return as_array(data, "data")


def thinned(rows: Any) -> Array:
    """At most `_EVALUATED` rows of a source, spread evenly: always the same ones."""
    if len(rows) <= _EVALUATED:
        return rows[:]
    return rows[np.linspace(0, len(rows) - 1, _EVALUATED).astype(np.int64)]
