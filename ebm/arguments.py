"""Plain arguments of public functions: numbers, counts, flags, names; one line on what is wrong with them."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ebm.errors import EbmError, described, expect, nearest, short

__all__ = [
    "as_array",
    "as_choice",
    "as_clamped",
    "as_count",
    "as_flag",
    "as_float_type",
    "as_function",
    "as_number",
    "as_numbers",
    "as_place",
    "check_rows",
    "dense",
    "is_finite",
    "unmasked",
    "well_indexed",
]

_MOST = 2**31 - 1  # of what is counted

F = TypeVar("F", bound=Callable[..., Any])


def as_count(n: Any, what: str = "n", least: int = 1, most: int | None = None) -> int:
    """n as an int, or one line that it is none, or too small, or too large."""
    if not isinstance(n, (int, np.integer)) or isinstance(n, bool) or n < least or n > (most or _MOST):
        over = isinstance(n, (int, np.integer)) and n > _MOST
        asked = f"from {least} to {most}" if most else f"up to {_MOST}" if over else f">= {least}"
        raise EbmError(f"{what}: expected an integer {asked}, got {short(n)}")
    return int(n)


def as_place(i: Any, n: int, what: str) -> int:
    """A place among n, counted from the end where it is negative."""
    if not isinstance(i, (int, np.integer)) or isinstance(i, bool) or not -n <= i < n:
        raise EbmError(f"{what}: expected a number from {-n} to {n - 1}, got {short(i)}")
    return int(i) % n


def is_finite(value: Any) -> bool:
    """Whether a value is a real number that a float can hold."""
    if not isinstance(value, (int, float, np.integer, np.floating)) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond 10^308
        return False


def as_number(value: Any, name: str, low: float = -math.inf, high: float = math.inf) -> float:
    """A finite number from `low` to `high`."""
    if not is_finite(value) or not low <= value <= high:
        ends = [f"from {low:g}"] * (low > -math.inf) + [f"up to {high:g}"] * (high < math.inf)
        raise EbmError(f"{name}: expected {' '.join(['a finite number', *ends])}, got {short(value)}")
    return float(value)


def as_array(value: Any, name: str) -> NDArray[Any]:
    """An array of what holds numbers in memory: lists, tables with gaps (NaN), sparse matrices.

    A masked value has none: what lies under the mask is never read.

    Raises
    ------
    EbmError
        Masked values; a ragged list.
    """
    if type(value) is np.ndarray:
        return value
    value = unmasked(value, name)
    sparse, pandas = sys.modules.get("scipy.sparse"), sys.modules.get("pandas")
    if sparse is not None and sparse.issparse(value):
        return dense(value, name)
    try:
        if pandas is not None and isinstance(value, (pandas.DataFrame, pandas.Series)):
            return _of_table(value)
        return np.asarray(value)
    except MemoryError:
        raise MemoryError(f"{name}: {described(value)}: more numbers than the memory holds") from None
    except Exception as error:  # others' containers raise what they like
        ragged = isinstance(value, (list, tuple)) and isinstance(error, ValueError)
        got = "a ragged list" if ragged else f"{described(value)} that gives none ({error})"
        raise EbmError(f"{name}: expected an array of numbers, got {got}") from None


def unmasked(value: Any, name: str) -> Any:
    """What was given, a masked array without its mask, which must hide nothing."""
    if not isinstance(value, np.ma.MaskedArray):
        return value
    mask = np.ma.getmaskarray(value)
    if mask.any():
        place = np.argwhere(mask)[0].tolist()
        where = ", ".join(f"{axis} {i}" for axis, i in zip(("row", "column"), place, strict=False))
        raise EbmError(
            f"{name}: {mask.sum()} masked values, the first at {where}; expected numbers: fill them, as by"
            " .filled(value), or leave their rows out"
        )
    return np.ma.getdata(value)


def _of_table(table: Any) -> NDArray[Any]:
    """The values of a pandas table; those of nullable columns are objects, which become floats."""
    array = np.asarray(table)
    if array.dtype != object:
        return array
    try:
        return table.to_numpy(np.float64, na_value=np.nan)
    except (TypeError, ValueError):  # text: whoever wants numbers says so
        return array


def dense(matrix: Any, name: str) -> NDArray[Any]:
    """A scipy.sparse matrix as an array."""
    return well_indexed(matrix, name).toarray()


def well_indexed(matrix: Any, name: str) -> Any:
    """A scipy.sparse matrix whose indices were looked at: scipy follows wrong ones out of its arrays."""
    n, m = (1, *matrix.shape)[-2:]  # of one axis: one row
    if matrix.format in ("csr", "csc"):
        n, m = (n, m) if matrix.format == "csr" else (m, n)
        check_rows(matrix.data, matrix.indices, matrix.indptr, n, m, name)
    elif matrix.format == "coo":
        for k, (places, size) in enumerate(zip(matrix.coords, matrix.shape, strict=True)):
            if len(places) != matrix.nnz or (matrix.nnz and not 0 <= places.min() <= places.max() < size):
                raise EbmError(f"{name}: coords {k}: expected {matrix.nnz} numbers, 0 to {size - 1}")
    elif matrix.format == "bsr":
        try:
            matrix.check_format(full_check=True)
        except Exception as error:
            raise EbmError(f"{name}: not a valid sparse matrix: {error}") from None
    return matrix


def check_rows(
    data: NDArray[Any], indices: NDArray[Any], indptr: NDArray[Any], n: int, m: int, what: str = "J"
) -> None:
    """Refuse compressed sparse rows, n of them and m columns, that are none: scipy would follow them.

    Raises
    ------
    EbmError
        `indptr` that does not rise from 0 to the number of entries, indices outside the columns.
    """
    for name, array in (("data", data), ("indices", indices), ("indptr", indptr)):
        if array.ndim != 1 or (name != "data" and array.dtype.kind not in "iu"):
            raise EbmError(f"{what}: {name}: expected integers (n,), got {array.dtype} {array.shape}")
    if len(indptr) != n + 1 or indptr[0] != 0 or indptr[-1] != len(data) or np.any(indptr[1:] < indptr[:-1]):
        raise EbmError(
            f"{what}: indptr: expected {n + 1} numbers that rise from 0 to {len(data)}, the entries"
        )
    if len(indices) != len(data) or (len(indices) and not 0 <= indices.min() <= indices.max() < m):
        raise EbmError(f"{what}: indices: expected {len(data)} columns, 0 to {m - 1}")


def as_clamped(value: Any, name: str = "given") -> NDArray[Any]:
    """States of units, float64, NaN where a unit is free; so are those that a mask hides."""
    if isinstance(value, np.ma.MaskedArray):
        value = np.where(np.ma.getmaskarray(value), np.nan, as_numbers(np.ma.getdata(value), name))
    return as_numbers(value, name).astype(np.float64)


def as_numbers(value: Any, name: str, shape: tuple[int, ...] | None = None) -> NDArray[Any]:
    """An array of real numbers, of a shape if one is given: no text, no complex numbers, no ragged lists."""
    array = as_array(value, name)
    if array.dtype.kind not in "biuf":
        got = f"an array of {array.dtype}" if array.ndim else described(value)
        raise EbmError(f"{name}: expected real numbers, got {got}")
    if shape is not None and array.shape != shape:
        raise EbmError(f"{name}: expected shape {shape}, got {array.shape}")
    return array


def as_flag(value: Any, name: str) -> bool:
    """True or False."""
    return bool(expect(value, (bool, np.bool_), name, "True or False"))


def as_choice(value: Any, choices: Sequence[str], name: str) -> str:
    """One of some names."""
    if not isinstance(value, str):
        raise EbmError(f"{name}: got {described(value)}; expected one of: {', '.join(choices)}")
    if value not in choices:
        raise EbmError(f"{name}: unknown {value!r}; {nearest(value, choices)}")
    return value


def as_float_type(value: Any, name: str = "dtype") -> np.dtype:
    """float32 or float64, by name, type or dtype."""
    try:
        dtype = None if value is None else np.dtype(value)
    except Exception:  # numpy says what it is with its repr, which may be anything
        dtype = None
    if dtype is None or dtype not in (np.float32, np.float64):
        raise EbmError(f"{name}: got {short(value)}; expected 'float32' or 'float64'")
    return dtype


def as_function(value: F | None, name: str, of: str) -> F | None:
    """A function, or None."""
    if value is not None and (not callable(value) or isinstance(value, type)):
        raise EbmError(f"{name}: got {described(value)}; expected a function of {of}, or None")
    return value
