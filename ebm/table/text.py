"""Tables in text files: a line of names, then a line a row; cells are text until they are looked at."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path

from ebm.datasets.dialect import RowNames, dialect_of
from ebm.errors import EbmError, nearest
from ebm.files import as_path

__all__ = ["read_text"]

_SUFFIXES = (".csv", ".tsv", ".tab", ".txt", ".data")
_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def read_text(path: str | Path) -> tuple[dict[str, list[str]], int]:
    """The cells of each column by its name, and the number of the line that the first row is.

    A first column without a name that counts or names the rows is left out. Decimal commas, where commas do
    not part cells, are points then.

    Raises
    ------
    EbmError
        No such file; no text; no names, or one twice; a line with more or fewer cells than names.
    """
    file = as_path(path)
    if not file.exists():
        others = [f.name for f in file.parent.iterdir()] if file.parent.is_dir() else []
        near = nearest(file.name, [name for name in others if Path(name).suffix in _SUFFIXES])
        raise EbmError(f"{path}: no such file; {near[:200]}")
    if file.is_dir() or file.suffix.lower() not in _SUFFIXES:
        raise EbmError(f"{path}: expected a text file that ends in {', '.join(_SUFFIXES)}")
    try:
        return _read(str(path), file)
    except UnicodeDecodeError as error:
        what = f"byte {error.object[error.start]:#x}" if error.object else "a byte"
        raise EbmError(f"{path}: {what} is no text in {error.encoding}; expected UTF-8") from None
    except csv.Error as error:
        raise EbmError(f"{path}: no table of text ({error})") from None


def _read(path: str, file: Path) -> tuple[dict[str, list[str]], int]:
    with open(file, "rb") as stream:
        if b"\0" in (head := stream.read(4096)) and head[:2] not in (b"\xff\xfe", b"\xfe\xff"):
            raise EbmError(f"{path}: holds bytes that are no text; expected a table of text")
    dialect = dialect_of(file, "\t" if file.suffix.lower() in (".tsv", ".tab") else None)
    lines = dialect.cells(file)
    first = next(lines, None)
    if first is None:
        raise EbmError(f"{path}: is empty; expected a line of names and a line a row")
    names: list[str] | None = [" ".join(cell.split()) for cell in first[1]]
    row_names, start = RowNames(), 2
    rows: list[list[str]] = []
    for line, cells in lines:
        if not rows:
            names, start = row_names.found(names, len(cells)), line
            assert names is not None
            _check_names(path, names, first[0])
        if len(cells) != len(names or ()) + row_names.there:
            wanted = len(names or ()) + row_names.there
            raise EbmError(
                f"{path}: line {line} has {len(cells)} cells; expected {wanted}, as there are names"
            )
        rows.append([cell.strip() for cell in row_names.taken(cells)])
    if not rows:
        raise EbmError(f"{path}: holds names and no row; expected one at least")
    row_names.check(path)
    columns = {name: [row[j] for row in rows] for j, name in enumerate(names or ())}
    if dialect.delimiter != ",":
        columns = {name: _points(cells) for name, cells in columns.items()}
    return columns, start


def _check_names(path: str, names: list[str], line: int) -> None:
    numbers = [name for name in names if _NUMBER.fullmatch(name)]
    if len(numbers) == len(names):
        raise EbmError(f"{path}: line {line} holds numbers; expected the names of the columns")
    unnamed = [j for j, name in enumerate(names) if not name]
    if unnamed:
        raise EbmError(f"{path}: line {line}: column {unnamed[0]} (from 0) has no name")
    double = [name for name, n in Counter(names).items() if n > 1]
    if double:
        raise EbmError(f"{path}: line {line}: {Counter(names)[double[0]]} columns are named {double[0]!r}")


def _points(cells: list[str]) -> list[str]:
    """Decimal commas as points, in a column of nothing but numbers, some of which have one."""
    if not any(_COMMA.fullmatch(cell) for cell in cells):
        return cells
    changed = [cell.replace(",", ".") if _COMMA.fullmatch(cell) else cell for cell in cells]
    return changed if sum(bool(_NUMBER.fullmatch(cell)) for cell in changed) > len(cells) / 2 else cells
