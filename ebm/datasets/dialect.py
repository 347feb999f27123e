"""How a text table is written: its encoding, what stands between cells, decimal commas, names of rows.

What spreadsheets, R, pandas and numpy write by default is read as it is meant, or refused; nothing is guessed
where two readings make sense.
"""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ebm.errors import EbmError

__all__ = ["Dialect", "RowNames", "as_float", "dialect_of"]

_HEAD = 2**16  # bytes that are looked at
_DELIMITERS = "\t;|, "  # the first that fits is taken: a comma may be a decimal one
_DECIMAL = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")


@dataclass(frozen=True)
class Dialect:
    """What the first lines of a file tell."""

    encoding: str
    delimiter: str

    def cells(self, file: Path) -> Iterator[tuple[int, list[str]]]:
        """Number and cells of every line that is not empty; the mark of a comment is left out."""
        with open(file, newline="", encoding=self.encoding) as stream:
            lines = (line.strip(" ") if self.delimiter == " " else line for line in stream)
            reader = csv.reader(lines, delimiter=self.delimiter, skipinitialspace=self.delimiter == " ")
            for cells in reader:
                if cells and cells[0].startswith("#"):
                    cells[0] = cells[0].lstrip("# ")
                    cells = cells[1:] if not cells[0] and self.delimiter == " " else cells
                if cells:
                    yield reader.line_num, cells


def dialect_of(file: Path, delimiter: str | None) -> Dialect:
    """The dialect of a file, with the delimiter given or that which cuts its first lines evenly."""
    with open(file, "rb") as stream:
        head = stream.read(_HEAD)
    encoding = "utf-8-sig"
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    else:
        try:
            head.decode(encoding)
        except UnicodeDecodeError as error:
            text = not any(byte < 32 and byte not in b"\t\r\n" for byte in head)
            if text and error.start < len(head) - 4:  # more than a character cut in two
                encoding = "cp1252"  # names in Western letters
    if delimiter is not None:
        return Dialect(encoding, delimiter)
    for choice in _DELIMITERS:
        first = [len(cells) for _, cells in itertools.islice(Dialect(encoding, choice).cells(file), 3)]
        if first and min(first) > 1 and max(first) - min(first) <= (first[0] < first[-1]):
            return Dialect(encoding, choice)
    return Dialect(encoding, ",")


def as_float(cell: str, delimiter: str, commas: set[str]) -> float:
    """A cell as a number; a decimal comma is one where commas do not part cells, and is noted in `commas`.

    Raises
    ------
    ValueError
        It is none.
    """
    try:
        return float(cell)
    except ValueError:
        if delimiter == "," or not _DECIMAL.fullmatch(cell.strip()):
            raise
    commas.add("thousands" if _THOUSANDS.fullmatch(cell.strip()) else "decimal")
    return float(cell.replace(",", "."))


class RowNames:
    """A first column without a name, as R and pandas write one: names of rows, or their numbers."""

    def __init__(self) -> None:
        self.there, self.width = False, 0
        self._cells: list[str] = []

    def found(self, names: list[str] | None, width: int) -> list[str] | None:
        """Look at the header and the width of the first row; the names of the other columns."""
        self.width = width
        if names is None:
            return None
        unnamed = width == len(names) and len(names) > 1 and not names[0]
        self.there = unnamed or width == len(names) + 1  # R leaves out even the empty name
        return names[1:] if unnamed else names

    def taken(self, cells: list[str]) -> list[str]:
        """The other cells of a row."""
        if not self.there:
            return cells
        self._cells.append(cells[0].strip())
        return cells[1:]

    def check(self, path: str) -> None:
        """Refuse a column of numbers that do not count the rows: they may be data."""
        n = len(self._cells)
        counted = any(self._cells == [str(k) for k in range(s, s + n)] for s in (0, 1))
        if self.there and not counted and any(map(_is_number, self._cells)):
            what = "has no name and does not count the rows; expected a name, or no such column"
            raise EbmError(f"{path}: column 0 (from 0) {what}")


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
