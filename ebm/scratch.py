"""Memory to write results into, used again."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from ebm.units.family import Array

__all__ = ["Scratch"]

_MOST = 2  # arrays of one name that a Scratch keeps


def _own_references() -> int:
    """References to an array that only a list holds, counted while the list is gone through."""
    for array in [np.empty(0)]:
        return sys.getrefcount(array)
    raise AssertionError


_OURS = _own_references()


class Scratch:
    """Large arrays to write results into, used again once nobody holds them.

    Fresh memory is slow: the first touch of each page of a 1.5 MB gradient costs a tenth of a step. Whether
    an array, or a view of it, is held elsewhere is its reference count.
    """

    def __init__(self) -> None:
        self._arrays: dict[str, list[Array]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {"_arrays": {}}  # a copy in another process has its own

    def take(self, name: str, shape: tuple[int, ...], dtype: Any) -> Array:
        """An array with any content."""
        arrays = self._arrays.setdefault(name, [])
        for array in arrays:
            if array.shape == shape and array.dtype == dtype and sys.getrefcount(array) <= _OURS:
                return array
        arrays.append(np.empty(shape, dtype))
        del arrays[:-_MOST]
        return arrays[-1]
