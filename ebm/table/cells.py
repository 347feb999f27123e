"""What stands in a column of a user's table: gaps, numbers, labels; one line on what is none of these.

This is the one module that knows what others' tables look like: of a DataFrame (pandas, polars and whatever
else has `columns`, items and `to_numpy`) a column is taken as an array of numpy's, and looked at as such.
"""

from __future__ import annotations

import datetime
import decimal
import math
import numbers
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ebm.errors import EbmError, described, short
from ebm.table.text import read_text

__all__ = ["GAPS", "Cells", "DataFrame", "columns_of", "label_of", "number_of"]

Array: TypeAlias = NDArray[Any]
GAPS = ("", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None", "?")  # texts that stand for a gap
_ABSENT = ("NAType", "NaTType")  # of pandas
_NUMBER = re.compile(r"[+-]?((\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|inf|infinity)", re.IGNORECASE)
_ZEROS = re.compile(r"[+-]?0\d")
_EXACT = 2**53  # up to which floats tell whole numbers apart


@runtime_checkable
class DataFrame(Protocol):
    """A table with named columns."""

    @property
    def columns(self) -> Any:
        """The names."""

    def __getitem__(self, name: Any) -> Any:
        """A column."""


@runtime_checkable
class _Series(Protocol):
    """A column that can be had as an array."""

    def to_numpy(self) -> Any:
        """Its values."""


def number_of(text: str) -> int | float | None:
    """The number that a text is, None if it is none; digits after a zero, as in 007, are a label."""
    text = text.strip()
    if not _NUMBER.fullmatch(text) or _ZEROS.match(text):
        return None
    return int(text) if text.lstrip("+-").isdigit() else float(text)


def label_of(value: Any) -> Any:
    """A value as a label: numbers that are whole are whole numbers."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT:
        return int(value)
    return value


@dataclass(frozen=True, eq=False)
class Cells:
    """A column.

    Attributes
    ----------
    name : str
    values : (n,) bool, float64 or object
        Objects are texts, or texts and numbers, or whole numbers that floats do not hold.
    gaps : (n,) bool
    said : dict
        How often what stood for a gap.
    where : str
        What the first row is called, "row 0" or "line 2".
    """

    name: str
    values: Array
    gaps: Array
    said: Mapping[str, int]
    first: int = 0
    counted: str = "row"

    def __len__(self) -> int:
        return len(self.values)

    def refuse(self, what: str, row: int | None = None) -> EbmError:
        """A complaint about the column, or a cell of it."""
        at = "" if row is None else f", {self.counted} {row + self.first}"
        return EbmError(f"column {self.name!r}{at}: {what}")

    @property
    def kind(self) -> str:
        """What all cells are: empty, flags, numbers, wide (whole numbers beyond 2^53), texts or mixed."""
        if self.gaps.all():
            return "empty"
        if self.values.dtype.kind in "bf":
            return "flags" if self.values.dtype.kind == "b" else "numbers"
        kinds = {isinstance(value, str) for value in self.values[~self.gaps]}
        return "mixed" if len(kinds) > 1 else "texts" if True in kinds else "wide"

    def numbers(self) -> Array:
        """float64, NaN in gaps.

        Raises
        ------
        EbmError
            A cell is no number, infinite, or a whole number beyond 2^53.
        """
        if self.values.dtype.kind in "bf":
            x = self.values.astype(np.float64)
        else:
            x = np.full(len(self), np.nan)
            for row in np.flatnonzero(~self.gaps):
                value = self.values[row]
                if isinstance(value, str):
                    raise self.refuse(f"{short(value)} is no number", int(row))
                if abs(value) > _EXACT:
                    what = "floats do not tell such whole numbers apart; expected 'categorical' or 'skip'"
                    raise self.refuse(f"{value} is beyond 2^53: {what}", int(row))
                x[row] = value
        x[self.gaps] = np.nan
        bad = np.isinf(x)
        if bad.any():
            first = int(bad.argmax())
            raise self.refuse(f"{x[first]} is not finite; expected a number, or a gap (missing)", first)
        return x

    def labels(self) -> list[Any]:
        """Labels, None in gaps."""
        return [None if gap else label_of(v) for v, gap in zip(self.values, self.gaps, strict=True)]

    def distinct(self) -> list[Any]:
        """The labels that there are, in order: numbers before texts."""
        if self.values.dtype.kind in "bf":
            return [label_of(value) for value in np.unique(self.values[~self.gaps])]
        return sorted(set(self.labels()) - {None}, key=lambda v: (isinstance(v, str), v))


def columns_of(
    data: Any, missing: Sequence[Any] = GAPS, names: Sequence[str] | None = None
) -> dict[str, Cells]:
    """The columns of a table, by their names, in its order; only some of them if they are named.

    Parameters
    ----------
    data : DataFrame, mapping of str to sequence, structured array, or path of a text file
    missing : sequence
        Texts and numbers that stand for gaps, beside None, NaN and their like.

    Raises
    ------
    EbmError
        Not a table; no rows; columns of different lengths; a name that comes twice; cells that are no
        numbers, flags or texts.
    """
    first, counted = 0, "row"
    if isinstance(data, (str, Path)):
        raw, first = read_text(data)
        counted = "line"
        given: Iterator[tuple[Any, Any]] = iter(raw.items())
    else:
        given = _named(data)
    found: dict[str, Cells] = {}
    for name, values in given:
        if names is None or name in names:
            found[name] = _cells(name, values, missing, first, counted)
    lengths = {name: len(cells) for name, cells in found.items()}
    if len(set(lengths.values())) > 1:
        (a, n), *others = lengths.items()
        b, m = next(pair for pair in others if pair[1] != n)
        raise EbmError(f"table: column {a!r} has {n} rows, column {b!r} {m}; expected as many in each")
    if not found and names is None:
        raise EbmError("table: no columns; expected one at least")
    return found


def _named(data: Any) -> Iterator[tuple[str, Any]]:
    """Names and columns of what is a table."""
    try:
        if isinstance(data, Mapping):
            names, column = list(data), data.__getitem__
        elif isinstance(data, np.ndarray) and data.dtype.names:
            names, column = list(data.dtype.names), data.__getitem__
        elif isinstance(data, DataFrame) and not isinstance(data, type):
            names, column = list(data.columns), data.__getitem__
        else:
            what = "expected a DataFrame, a dict of columns, a structured array or the path of a text file"
            raise EbmError(f"table: got {described(data)}; {what}")
        for name in names:
            if not isinstance(name, str):
                raise EbmError(
                    f"table: a column is named {short(name)}; expected text, such as {str(name)!r}"
                )
        double = [name for name, n in Counter(names).items() if n > 1]
        if double:
            raise EbmError(
                f"table: {Counter(names)[double[0]]} columns are named {double[0]!r}; expected one"
            )
        pairs = [(name, column(name)) for name in names]
    except EbmError:
        raise
    except Exception as error:  # others' tables raise what they like
        raise EbmError(f"table: {described(data)} that cannot be read: {error}") from None
    yield from pairs


def _cells(name: str, values: Any, missing: Sequence[Any], first: int, counted: str) -> Cells:
    array = _array(name, values)
    texts = {m for m in missing if isinstance(m, str)}
    numbers_ = [m for m in missing if not isinstance(m, str)]
    said: Counter[str] = Counter()
    if array.dtype.kind in "iuf" and (array.dtype.kind == "f" or not len(array) or _fits(array)):
        x = array.astype(np.float64)
        gaps = np.isnan(x)
        said["NaN"] += int(gaps.sum())
        for m in numbers_:
            own = x == m
            said[f"{m:g}"] += int(own.sum())
            gaps |= own
        return Cells(name, np.where(gaps, np.nan, x), gaps, +said, first, counted)
    if array.dtype.kind == "b":
        return Cells(name, array, np.zeros(len(array), bool), {}, first, counted)
    objects, gaps = np.empty(len(array), object), np.zeros(len(array), bool)
    for row, cell in enumerate(array.tolist() if array.dtype.kind in "iu" else array):
        value = _plain(name, cell, row + first, counted)
        if value is None or (isinstance(value, str) and value in texts) or (value in numbers_):
            gaps[row] = True
            said[repr(value) if isinstance(value, str) else "None" if value is None else f"{value:g}"] += 1
        else:
            objects[row] = value
    return _narrowed(Cells(name, objects, gaps, +said, first, counted))


def _fits(array: Array) -> bool:
    """Whether floats hold all of these whole numbers."""
    return int(array.min()) >= -_EXACT and int(array.max()) <= _EXACT


def _narrowed(cells: Cells) -> Cells:
    """Objects as flags or numbers where all of them are; texts that all are numbers as these."""
    known = cells.values[~cells.gaps]
    if not len(known):
        return cells
    if all(isinstance(value, str) for value in known):
        read = [number_of(value) for value in known]
        if any(value is None for value in read):
            return cells
        known = np.array(read, object)
    if all(isinstance(value, bool) for value in known):
        x = np.zeros(len(cells), bool)
    elif all(isinstance(v, (int, float)) and (isinstance(v, float) or abs(v) <= _EXACT) for v in known):
        x = np.full(len(cells), np.nan)
    else:
        x = cells.values.copy()
    x[~cells.gaps] = known
    return Cells(cells.name, x, cells.gaps, cells.said, cells.first, cells.counted)


def _array(name: str, values: Any) -> Array:
    """A column as an array of one axis."""
    try:
        if isinstance(values, np.ma.MaskedArray):
            masked, values = np.ma.getmaskarray(values), np.ma.getdata(values).astype(object)
            values[masked] = None
        elif isinstance(values, _Series):
            values = values.to_numpy()
        array = np.asarray(values, None if isinstance(values, np.ndarray) else object)
    except Exception as error:  # as above
        raise EbmError(f"column {name!r}: {described(values)} that cannot be read: {error}") from None
    if array.dtype.kind == "O" and not isinstance(values, np.ndarray) and array.ndim == 1:
        array = _lists(array)
    if array.ndim != 1:
        raise EbmError(f"column {name!r}: got an array of shape {array.shape}; expected one value a row")
    if array.dtype.kind in "Mm":
        what = "expected numbers, such as days since a day, or 'skip'"
        raise EbmError(f"column {name!r}: dates or times; {what}")
    if array.dtype.kind not in "biufUO":
        raise EbmError(f"column {name!r}: cells of {array.dtype}; expected numbers or text")
    return array


def _lists(array: Array) -> Array:
    """A list of numbers as an array of numbers, which are looked at together."""
    if all(type(value) is float for value in array):
        return array.astype(np.float64)
    return array


def _plain(name: str, cell: Any, row: int, counted: str) -> Any:
    """A cell as a number, a flag, a text or None; one line on what is none of these."""
    if isinstance(cell, np.generic) and not isinstance(cell, (np.datetime64, np.timedelta64)):
        cell = cell.item()
    if cell is None or type(cell).__name__ in _ABSENT:
        return None
    if isinstance(cell, (str, bool, int)):
        return str(cell) if isinstance(cell, str) else cell
    if isinstance(cell, (float, decimal.Decimal, numbers.Real)):
        value = float(cell)
        return None if math.isnan(value) else value
    at = f"column {name!r}, {counted} {row}"
    if isinstance(cell, (datetime.date, datetime.time, datetime.timedelta, np.datetime64, np.timedelta64)):
        raise EbmError(f"{at}: a date or a time; expected numbers, such as days since a day, or 'skip'")
    raise EbmError(f"{at}: {described(cell)}; expected a number, a text or a gap (None)")
