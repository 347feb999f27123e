"""Arrays that are made when they are looked at: gradients to be added, states kept as bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from ebm.errors import EbmError
from ebm.units.family import Array

__all__ = ["Deferred", "LikeArray"]


class LikeArray(NDArrayOperatorsMixin):
    """Something that is an array to numpy, to operators, and to whoever asks for an attribute or an element.

    Subclasses define ``__array__``.
    """

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        raise NotImplementedError

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        def arrays(values: Any) -> tuple[Any, ...]:
            return tuple(np.asarray(x) if isinstance(x, LikeArray) else x for x in values)

        if "out" in options:
            options["out"] = arrays(options["out"])
        return getattr(ufunc, method)(*arrays(inputs), **options)

    def __getitem__(self, place: Any) -> Any:
        return np.asarray(self)[place]

    def __setitem__(self, place: Any, value: Any) -> None:
        np.asarray(self)[place] = value

    def __len__(self) -> int:
        return len(np.asarray(self))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # protocols that numpy looks for, such as __array_interface__
            raise AttributeError(name)
        return getattr(np.asarray(self), name)


class Deferred(LikeArray):
    """An array to be computed: a gradient that an optimiser adds straight to what it changes.

    Computed when it is first looked at, and kept: whoever changes it then changes what is added.

    Parameters
    ----------
    shape : tuple of int
    dtype
    add : callable
        ``add(out, keep, scale)`` does out ← keep·out + scale·array, and with keep = 0 reads nothing from out.
    room : callable, optional
        Gives the memory of the array, if it comes to that: of this shape and dtype, C-ordered.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        dtype: Any,
        add: Callable[[Array, float, float], None],
        room: Callable[[], Array] | None = None,
    ) -> None:
        self.shape, self.dtype, self._add, self._room = shape, np.dtype(dtype), add, room
        self._array: Array | None = None

    def add_to(self, out: Array, keep: float, scale: float) -> None:
        """out ← keep·out + scale·array, in one pass over out: C-ordered, of this shape and dtype."""
        if out.shape != self.shape or out.dtype != self.dtype or not out.flags.carray:
            raise EbmError(f"expected a writeable C-ordered {self.dtype} {self.shape}, got {out.shape}")
        if self._array is None:
            self._add(out, keep, scale)
        else:
            out *= keep
            out += scale * self._array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        if self._array is None:
            self._array = np.empty(self.shape, self.dtype) if self._room is None else self._room()
            self._add(self._array, 0.0, 1.0)
        return np.array(self._array, dtype, copy=copy)

    def __reduce__(self) -> tuple[Any, ...]:
        return np.asarray, (np.asarray(self),)
