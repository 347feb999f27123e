"""CSV files of pairwise models, as R writes them: a matrix of couplings, fields in a column before it or in a
file.

What `isingfit` and `boltzmm` share; they differ in their units and in what they call the fields. Row names
and names of columns may be there; those of columns are the names of units.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ebm.datasets.dialect import dialect_of
from ebm.datasets.lines import finite
from ebm.errors import EbmError
from ebm.files import UNREADABLE, as_path, write_atomic
from ebm.graph import HasGraph
from ebm.interchange.quadratic import Named, Quadratic, of_machine
from ebm.machine import Array

__all__ = ["read_model", "write_model"]

FIELDS = ("thresholds", "threshold", "bvec")  # names of the column of fields
_MOST = 5000  # units: the matrix is dense, its text large
_ROUNDING = 1e-9  # of the largest coupling: what printing leaves of symmetry


class _Table(NamedTuple):
    """Numbers of a CSV, names of its columns (None without a header), and the line of each row."""

    values: Array
    names: list[str] | None
    lines: list[int]


def read_model(path: str | Path, fields: str | Path | None, spin: bool) -> Named:
    """A machine of the matrix in a file, with fields of the same file or of another.

    Parameters
    ----------
    path : str or Path
    fields : str or Path, optional
        A file of the fields alone.
    spin : bool
        Units are ±1, else 0 and 1.
    """
    table = _table(path)
    n = len(table.values)
    inside = table.names is not None and table.names[0].lower() in FIELDS
    if inside and fields is None:
        h, J = table.values[:, 0], table.values[:, 1:]
    elif inside:
        raise EbmError(f"{path}: has the column {table.names[0]!r}; expected no file of fields beside it")  # type: ignore[index]
    elif fields is None:
        raise EbmError(
            f"{path}: no fields: expected a first column named {' or '.join(FIELDS[::2])}, or the file"
            " that has them: thresholds=PATH or bvec=PATH"
        )
    else:
        h, J = _vector(fields, n), table.values
    if J.shape != (n, n):
        raise EbmError(f"{path}: couplings {J.shape[0]} x {J.shape[1]}; expected a square matrix")
    _check(str(path), J, table.lines)
    names = None if table.names is None else table.names[inside:]
    upper = np.triu_indices(n, 1)
    pairs = 0.5 * (J[upper] + J.T[upper])
    return Quadratic.of_terms(spin, -h, upper, -pairs, 0.0, names, str(path)).named()


def write_model(
    path: str | Path, machine: HasGraph | Named, names: Sequence[str] | None, spin: bool, column: str
) -> None:
    """Write the fields, in a column of this name, and the matrix beside it, with names of rows and
    columns."""
    form = of_machine(machine, "a CSV of a pairwise model", spin=spin, names=names)
    if form.n > _MOST:
        raise EbmError(f"{path}: {form.n} units; expected at most {_MOST}: their matrix is written as text")
    J = np.zeros((form.n, form.n))
    J[form.i, form.j] = J[form.j, form.i] = form.J
    given = isinstance(machine, Named) or names is not None
    labels = [
        str(name) if given and isinstance(name, str) else f"V{k}" for k, name in enumerate(form.names, 1)
    ]

    def written(file: Any) -> None:
        import io

        text = io.TextIOWrapper(file, "utf-8", newline="", write_through=True)
        rows = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
        rows.writerow(["", column, *labels])
        rows.writerows(
            [name, b, *row] for name, b, row in zip(labels, form.b.tolist(), J.tolist(), strict=True)
        )
        text.detach()

    write_atomic(path, written)


def _cells(path: str | Path) -> list[tuple[int, list[str]]]:
    file = as_path(path)
    if not file.is_file():
        raise EbmError(f"{path}: {'is a directory' if file.is_dir() else 'no such file'}; expected a .csv")
    try:
        rows, width = [], 0
        for line, cells in dialect_of(file, None).cells(file):
            rows.append((line, [cell.strip() for cell in cells]))
            width = max(width, len(cells))
            if len(rows) > _MOST + 1 or width > _MOST + 2:
                raise EbmError(f"{path}: line {line}: more than {_MOST} units; expected a smaller matrix")
    except EbmError:
        raise
    except (*UNREADABLE, csv.Error) as error:
        cause = (str(error).splitlines() or [type(error).__name__])[0]
        raise EbmError(f"{path}: damaged or no text table ({cause})") from None
    if not rows:
        raise EbmError(f"{path}: is empty; expected a matrix of couplings")
    return rows


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _table(path: str | Path) -> _Table:
    """The numbers, without names of rows: R leaves the cell above them empty, or has a header one shorter."""
    rows = _cells(path)
    first = rows[0][1]
    header = first if not all(map(_is_number, first)) else None
    body = rows[1:] if header is not None else rows
    if not body:
        raise EbmError(f"{path}: a header and no rows; expected a matrix of couplings")
    width = len(body[0][1])
    odd = next((line for line, cells in body if len(cells) != width), None)
    if odd is not None:
        raise EbmError(f"{path}: line {odd}: another number of cells; expected {width}, as in the first row")
    named = header is not None and (header[0] == "" or len(header) == width - 1)
    if header is not None and len(header) - (header[0] == "") != width - named:
        raise EbmError(
            f"{path}: line {rows[0][0]}: {len(header)} names; expected {width}, one for each column"
        )
    if header is not None:
        header = header[header[0] == "" :]
    skip = int(named)
    if width == skip:
        raise EbmError(f"{path}: names of rows and no numbers; expected a matrix of couplings")
    values = np.array(
        [
            [
                finite(cell, f"{path}: line {line}", f"cell {k}")
                for k, cell in enumerate(cells[skip:], 1 + skip)
            ]
            for line, cells in body
        ]
    )
    return _Table(values, header, [line for line, _ in body])


def _vector(path: str | Path, n: int) -> Array:
    values = _table(path).values
    if values.size != n or min(values.shape) != 1:
        raise EbmError(
            f"{path}: fields {values.shape[0]} x {values.shape[1]}; expected {n}, one for each unit"
        )
    return values.ravel()


def _check(path: str, J: Array, lines: list[int]) -> None:
    """Symmetric, and nothing on the diagonal."""
    own = np.diagonal(J) != 0
    if own.any():
        k = int(own.argmax())
        raise EbmError(f"{path}: line {lines[k]}: couples unit {k} (from 0) to itself; expected 0")
    uneven = np.abs(J - J.T) > _ROUNDING * np.abs(J).max(initial=0.0)
    if uneven.any():
        i, j = np.argwhere(uneven)[0]
        values = f"{J[i, j]:.6g} and {J[j, i]:.6g}"
        raise EbmError(
            f"{path}: line {lines[i]}: units {i} and {j} (from 0): {values}; expected a symmetric matrix"
        )


def column_of(head: bytes) -> str | None:
    """The name of the column of fields that the first line of a file has, if any."""
    line = head.split(b"\n", 1)[0].decode("latin1")
    cells = [cell.strip().strip('"').lower() for part in line.split(",") for cell in part.split(";")]
    return next((cell for cell in cells[:2] if cell in FIELDS), None)
