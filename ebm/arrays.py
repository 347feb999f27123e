"""Who owns an array checks it, once, where it comes in; compiled code behind may trust it.

Kernels read and write memory by address: an array of another dtype, byte order, layout or length would give
other numbers or overwrite what is not theirs. So what reaches them is *sound*: a plain ndarray in C order, of
the dtype meant, native, aligned and writeable. That costs a glance at its header, whatever its size.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike

from ebm.arguments import as_numbers
from ebm.errors import EbmError, nearest
from ebm.units.family import Array

__all__ = ["Owned", "float_dtype", "is_sound", "parameter", "row_blocks", "sound", "together"]


_AT_ONCE = 2**22  # numbers that are worked on together: 32 MiB


def row_blocks(n: int, width: int) -> list[slice]:
    """n rows in blocks, so many that `width` numbers for each of them take little memory: one, of no rows.

    What is per row is computed block by block wherever rows may be many.
    """
    step = max(1, _AT_ONCE // max(width, 1))
    return [slice(k, min(k + step, n)) for k in range(0, max(n, 1), step)]


def is_sound(array: Any, shape: tuple[int, ...], dtype: Any) -> bool:
    """Whether compiled code may work on it as it is."""
    return (
        type(array) is np.ndarray
        and array.dtype == dtype
        and array.shape == shape
        and array.flags.carray  # C order, aligned, writeable
    )


def sound(array: Any, dtype: Any) -> Array:
    """The array itself if it is sound, else a copy that is: of the same numbers, rounded to dtype."""
    if type(array) is np.ndarray and array.dtype == dtype and array.flags.carray:
        return array
    return np.require(array, dtype, ("C", "A", "W", "E"))


def together(name: str, value: Array, gradient: Any, *kept: Array) -> list[Array]:
    """Flat views of an array, of a gradient for it and of what is kept for it, which compiled code moves.

    Raises
    ------
    EbmError
        They do not fit: only a gradient may be of another layout or dtype.
    """
    for array in (value, *kept):
        if not is_sound(array, value.shape, value.dtype):
            raise _other(f"{name}: expected C order, writeable", value.dtype, value.shape, array)
    gradient = sound(gradient, value.dtype)
    if gradient.shape != value.shape:
        raise _other(f"gradient of {name}", value.dtype, value.shape, gradient)
    return [array.reshape(-1) for array in (value, gradient, *kept)]


class Owned(dict[str, Array]):
    """Arrays by names: parameters, or what an optimiser keeps for each of them.

    The arrays are live: change them in place. Putting another one in the place of one copies its numbers,
    whatever their dtype, order or stride; names and shapes are fixed.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        Taken as they are where they are sound.

    Raises
    ------
    EbmError
        Another name, another shape, what are no finite numbers.

    Examples
    --------
    >>> import numpy as np, ebm
    >>> machine = ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 3, 2)
    >>> machine.params["c"] = [1, 2]
    >>> machine.c
    array([1., 2.], dtype=float32)
    >>> machine.params["c"] = [1, 2, 3]
    Traceback (most recent call last):
    ebm.errors.EbmError: c: expected shape (2,), got (3,)
    """

    def __init__(self, arrays: Mapping[str, Array]) -> None:
        self._dtype = float_dtype(*arrays.values())
        super().__init__({key: sound(value, self._dtype) for key, value in arrays.items()})
        self._shapes = {key: value.shape for key, value in self.items()}

    def __reduce__(self) -> tuple[Any, ...]:
        return Owned, (dict(self),)

    def __setitem__(self, key: str, value: ArrayLike) -> None:
        if key not in self._shapes:
            raise EbmError(f"{key!r}: no such parameter; {nearest(str(key), self._shapes)}")
        if value is not self[key]:  # which `params["W"] += step` sets to itself
            super().__setitem__(key, parameter(value, self._shapes[key], self._dtype, key))

    def share(self, others: Mapping[str, Array]) -> None:
        """Take sound arrays of another owner, to be live in both."""
        for key, value in others.items():
            if self[key] is not value:
                super().__setitem__(key, value)

    def check(self) -> None:
        """Look at the arrays again: their headers may have been changed since they came in.

        Raises
        ------
        EbmError
            A shape, or a dtype, that is no longer the one.
        """
        for key, value in self.items():
            if value.flags.carray and value.shape == self._shapes[key] and value.dtype == self._dtype:
                continue
            if value.shape != self._shapes[key] or value.dtype != self._dtype:
                raise _other(key, self._dtype, self._shapes[key], value)
            super().__setitem__(key, sound(value, self._dtype))

    def like(self, arrays: Mapping[str, Array], what: str) -> Owned:
        """Arrays of the same names and shapes, as those of a file should be.

        Raises
        ------
        EbmError
            They are others.
        """
        if arrays.keys() != self.keys():
            other = sorted(arrays.keys() ^ self.keys())[0]
            raise EbmError(f"{what}: {other!r}: expected arrays for {', '.join(self)}")
        for key, value in arrays.items():
            if value.shape != self._shapes[key] or value.dtype.kind != "f":
                raise _other(f"{what}: {key}", self._dtype, self._shapes[key], value)
        return Owned({key: sound(arrays[key], self._dtype) for key in self})

    def fits(self, arrays: Mapping[str, Array], what: str) -> None:
        """Look at arrays of some of these names, of the same shapes.

        Raises
        ------
        EbmError
            They are others.
        """
        for key, value in arrays.items():
            if value.shape != self._shapes.get(key):
                raise _other(f"{what}: {key}", self._dtype, self._shapes.get(key, ()), value)

    def update(self, *others: Any, **named: ArrayLike) -> None:
        """Put others in place, one by one."""
        for key, value in dict(*others, **named).items():
            self[key] = value

    def __ior__(self, others: Any) -> Owned:  # type: ignore[override,misc]
        self.update(others)
        return self

    def setdefault(self, key: str, default: Any = None) -> Array:
        """The array of that name; there are no others."""
        return self[key]

    def _keep(self, *given: Any) -> NoReturn:
        raise EbmError(f"names are fixed: {', '.join(self)}; expected another array in the place of one")

    __delitem__ = pop = popitem = clear = _keep


def _other(what: str, dtype: Any, shape: tuple[int, ...], got: Array) -> EbmError:
    return EbmError(f"{what}: expected {dtype} {shape}, got {got.dtype} {np.shape(got)}")


def float_dtype(*arrays: Any) -> np.dtype:
    """float32 when every array is, else float64."""
    return np.dtype(np.float32 if all(np.asarray(a).dtype == np.float32 for a in arrays) else np.float64)


def parameter(value: ArrayLike, shape: tuple[int, ...], dtype: Any, name: str) -> Array:
    """A sound copy of a parameter, checked for its shape and for finite values."""
    value = as_numbers(value, name, shape)
    with np.errstate(over="ignore"):  # said below
        array = np.array(value, dtype, order="C")
    if not np.isfinite(array).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise EbmError(f"{name}: {array[place]} at {place}; expected finite numbers")
    return array
