"""Read a .npy, .npz, .csv or FASTA file: checked cell by cell, never unpickled.

Every refusal is one line that names the file and, where there is one, the first offending cell: the line of a
.csv counts from 1, as editors do; rows of arrays, and columns without a name, count from 0, as numpy does.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ebm.datasets.dialect import RowNames, as_float, dialect_of
from ebm.datasets.fasta import is_fasta, read_fasta
from ebm.errors import EbmError, nearest, short
from ebm.files import array_header, as_path, check_arrays

__all__ = ["Table", "first_cell", "read_array", "read_table"]

SUFFIXES = (".npy", ".npz", ".csv")
MAGIC = {".npy": b"\x93NUMPY", ".npz": b"PK"}
PICKLE = "is a pickle, which can run code when read and so never is; save plain numbers with numpy.save"

MISSING = ("", "na", "n/a", "nan", "null", "none", "?", "-")  # cells that say that there is nothing


@dataclass(frozen=True, eq=False)
class Table:
    """Numbers, and where each stands in the file."""

    path: str
    values: np.ndarray  # (n, d)
    columns: np.ndarray | range  # the column of the file that each column of values is
    lines: list[int] | None = None  # .csv: the line of each row
    names: list[str] | None = None  # .csv with a header
    alphabet: str | None = None  # FASTA: the letters that values are the places of

    def where(self, row: int, column: int) -> str:
        """Say where a value stands, in the file's own counting."""
        j = self.columns[column]
        place = f"column {self.names[j]!r}" if self.names else f"column {j} (from 0)"
        return f"line {self.lines[row]}, {place}" if self.lines else f"row {row}, {place}"


def first_cell(bad: np.ndarray) -> tuple[int, int]:
    """Return row and column of the first True of a 2-D mask."""
    i, j = np.unravel_index(int(bad.argmax()), bad.shape)
    return int(i), int(j)


def _existing(file: Path, path: str) -> Path:
    """Return a readable kind of file, or say what is wrong with it, under the name that was given."""
    if file.is_dir():
        raise EbmError(f"{path}: is a directory; expected a {', '.join(SUFFIXES)} file")
    if not file.exists():
        if not file.parent.is_dir():
            raise EbmError(f"{path}: no such file, and no such directory {str(file.parent)!r}")
        others = [f.name for f in file.parent.iterdir() if f.suffix.lower() in SUFFIXES]
        hint = nearest(file.name, others) if others else f"its directory holds no {', '.join(SUFFIXES)} file"
        raise EbmError(f"{path}: no such file; {hint if len(hint) < 300 else hint[:300] + ' ...'}")
    if file.suffix.lower() not in SUFFIXES and not is_fasta(file):
        known = (*SUFFIXES, ".fasta")
        raise EbmError(f"{path}: unknown kind of file {file.suffix!r}; {nearest(file.suffix, known)}")
    return file


@contextmanager
def _refusing(path: str | Path) -> Iterator[None]:
    """Turn whatever a damaged or foreign file raises into one line."""
    try:
        yield
    except EbmError:
        raise
    except (
        Exception
    ) as error:  # bad bytes raise anything: ValueError, EOFError, BadZipFile, zlib.error, csv.Error ...
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        if "Object arrays" in reason:
            raise EbmError(f"{path}: holds Python objects, so it {PICKLE}") from None
        raise EbmError(f"{path}: truncated, damaged or no {Path(path).suffix} file ({reason})") from None


def _check_magic(path: str, file: Path) -> None:
    """Refuse a file whose first bytes are not those of its suffix; numpy would call each of them a pickle."""
    with open(file, "rb") as stream:
        head = stream.read(6)
    if head.startswith(MAGIC[file.suffix.lower()]):
        return
    if head[:1] == b"\x80":  # the first opcode of every pickle protocol since 2
        raise EbmError(f"{path}: {PICKLE}")
    other = next((s for s, magic in MAGIC.items() if head.startswith(magic)), None)
    hint = (
        f"it is a {other} file: rename it" if other else f"expected numpy's own format, found {head!r} first"
    )
    raise EbmError(f"{path}: truncated, damaged or no {file.suffix} file; {hint}")


def _is_table(archive: np.lib.npyio.NpzFile, name: str) -> bool:
    """Whether an array of an archive has rows and columns, by its header alone."""
    assert archive.zip is not None
    with archive.zip.open(name if name in archive.zip.namelist() else f"{name}.npy") as member:
        return len(array_header(member)[0]) == 2


def _pick(path: str, archive: np.lib.npyio.NpzFile, key: str | None, labels: str | int | None) -> str:
    """Return the name of the data array in an archive."""
    names = archive.files
    if key is not None:
        if key not in names:
            raise EbmError(f"{path}: holds no array {key!r}; {nearest(key, names)}")
        return key
    for name in ("X", "x"):
        if name in names:
            return name
    tables = [name for name in names if name != labels and _is_table(archive, name)]
    if len(tables) == 1:
        return tables[0]
    what = "several 2-D arrays" if tables else "no 2-D array"
    raise EbmError(
        f"{path}: holds {what} among {', '.join(names) or 'nothing'}; expected one, or its name in key"
    )


def _read_numpy(
    path: str, file: Path, key: str | None, labels: str | int | None
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the data array and, where `labels` names another array of the archive, that array."""
    _check_magic(path, file)
    check_arrays(file, lambda name: name in (key, labels, "X", "x"))
    loaded = np.load(file, allow_pickle=False)
    if isinstance(loaded, np.ndarray):
        if key is not None:
            raise EbmError(
                f"{path}: a .npy file holds one array, not several; expected no key, got {short(key)}"
            )
        return loaded, None
    with loaded as archive:
        if isinstance(labels, str) and labels not in archive.files:
            raise EbmError(f"{path}: holds no array {labels!r} for labels; {nearest(labels, archive.files)}")
        chosen = _pick(path, archive, key, labels)
        check_arrays(file, lambda name: name in (chosen, labels))
        values = np.asarray(archive[chosen])
        return values, np.asarray(archive[labels]) if isinstance(labels, str) else None


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _is_header(cells: list[str], delimiter: str) -> bool:
    """Tell names from numbers; a row ``0.1, NA, 0.3`` is data with a bad cell, not names to be dropped."""
    if delimiter != ",":
        cells = [cell.replace(",", ".") for cell in cells]
    numbers = [cell.strip() for cell in cells if _is_number(cell)]
    return len(numbers) < len(cells) and all(map(str.isdigit, numbers)) and len(set(numbers)) == len(numbers)


def _bad_cell(path: str, line: int, cells: list[str], names: list[str] | None, delimiter: str) -> EbmError:
    j = next(
        j for j, cell in enumerate(cells) if not (_is_number(cell) or _is_number(cell.replace(",", ".")))
    )
    column = f"column {names[j]!r}" if names else f"column {j} (from 0)"
    what = f"{cells[j][:40]!r} is no number" if cells[j].strip() else "the cell is empty"
    if cells[j].strip().lower() in MISSING:
        what += ": fill what is missing, or leave its row out"
    elif not any(c.isdigit() for c in cells[j]):
        what += ": number the classes 0, 1, ..."
    other = next((d for d in ";\t|" if d != delimiter and d in cells[j]), None)
    return EbmError(
        f"{path}: line {line}, {column}: {what}" + (f"; is the delimiter {other!r}?" if other else "")
    )


def _read_csv(path: str, file: Path, delimiter: str | None, gaps: bool) -> Table:
    """Read a .csv of numbers, with or without a header; with `gaps` what is missing is NaN."""
    dialect = dialect_of(file, delimiter)
    rows: list[np.ndarray] = []
    lines: list[int] = []
    names: list[str] | None = None
    commas: set[str] = set()
    row_names = RowNames()
    for line, cells in dialect.cells(file):
        if gaps:
            cells = ["nan" if cell.strip().lower() in MISSING else cell for cell in cells]
        if not rows and names is None and _is_header(cells, dialect.delimiter):
            names = [" ".join(cell.split()) for cell in cells]
            continue
        if not rows:
            names = row_names.found(names, len(cells))
        width = row_names.width if rows else len(cells)
        if len(cells) != width or (names and len(cells) != len(names) + row_names.there):
            expected = len(names) + row_names.there if names else width
            raise EbmError(f"{path}: line {line} has {len(cells)} columns; expected {expected}, as above")
        cells = row_names.taken(cells)
        try:
            numbers = [as_float(cell, dialect.delimiter, commas) for cell in cells]
        except ValueError:
            raise _bad_cell(path, line, cells, names, dialect.delimiter) from None
        rows.append(np.array(numbers, np.float64))
        lines.append(line)
    row_names.check(path)
    if commas == {"thousands"}:
        what = "every comma stands before three digits, such as in 1,000"
        raise EbmError(f"{path}: {what}: expected decimal points, and nothing between thousands")
    width = len(rows[0]) if rows else 0
    return Table(path, np.array(rows, np.float64).reshape(len(rows), width), range(width), lines, names)


def read_table(
    path: str | Path,
    key: str | None,
    labels: str | int | None,
    delimiter: str | None = None,
    numbers: bool = False,
    *,
    gaps: bool = False,
) -> tuple[Table, np.ndarray | None]:
    """Return a checked table of finite numbers, (n, d) with n and d >= 1, and its labels.

    Those are integers, or if `numbers` float64. With `gaps` cells may be missing, and are NaN.
    """
    file, path, y = as_path(path), str(path), None
    with _refusing(path):
        file = _existing(file, path)
        if file.suffix.lower() not in MAGIC and key is not None:
            kind = ".csv" if file.suffix.lower() == ".csv" else "FASTA"
            raise EbmError(
                f"{path}: a {kind} file holds one table, not several; expected no key, got {key!r}"
            )
        if file.suffix.lower() == ".csv":
            table = _read_csv(path, file, delimiter, gaps)
        elif is_fasta(file):
            family = read_fasta(file)
            table = Table(path, family.states, range(family.states.shape[1]), alphabet=family.alphabet)
        else:
            values, y = _read_numpy(path, file, key, labels)
            table = Table(path, values, range(values.shape[1] if values.ndim == 2 else 0))
    _check(table, gaps)
    if labels is None:
        return table, None
    if y is None:
        return _split_labels(table, labels, numbers)
    return table, _check_labels(table, labels, y, numbers)


def _check(table: Table, gaps: bool = False) -> None:
    """Refuse what is not a 2-D array of finite numbers (or, with `gaps`, NaN) with something in it."""
    path, x = table.path, table.values
    if x.dtype.kind not in "biuf":
        raise EbmError(f"{path}: holds an array of type {x.dtype}; expected real numbers")
    if x.ndim != 2:
        raise EbmError(f"{path}: holds an array of shape {x.shape}; expected 2-D: (rows, columns)")
    if x.size == 0:
        n, d = x.shape
        raise EbmError(f"{path}: is empty ({n} rows, {d} columns); expected at least one number")
    if x.dtype.kind == "f":
        bad = ~(np.abs(x) <= np.finfo(np.float32).max)  # NaN compares false, so it is caught as well
        if gaps:
            bad &= ~np.isnan(x)
        if bad.any():
            at = first_cell(bad)
            raise EbmError(f"{path}: {table.where(*at)}: found {x[at]}; expected finite numbers below 3.4e38")


def _split_labels(table: Table, labels: str | int, numbers: bool) -> tuple[Table, np.ndarray]:
    """Take the column of labels out of a table; return the rest, and it as int64 or float64."""
    d = table.values.shape[1]
    j = _label_column(table, labels)
    if d == 1:
        raise EbmError(f"{table.path}: its only column is the labels; expected data beside them")
    y = table.values[:, j]
    bad = _no_labels(y, numbers)
    if bad.any():
        i = int(bad.argmax())
        raise EbmError(f"{table.path}: {table.where(i, j)}: the label is {y[i]}; expected an integer")
    rest = dataclasses.replace(
        table, values=np.delete(table.values, j, axis=1), columns=np.delete(np.arange(d), j)
    )
    return rest, y.astype(np.float64 if numbers else np.int64)


def _check_labels(table: Table, labels: str | int, y: np.ndarray, numbers: bool) -> np.ndarray:
    """Return as int64 or float64 the labels that came as an array of their own."""
    n = len(table.values)
    if y.shape != (n,) or y.dtype.kind not in "biuf":
        got = f"are {y.dtype} of shape {y.shape}"
        what = "numbers" if numbers else "integers"
        raise EbmError(f"{table.path}: labels {labels!r} {got}; expected {n} {what}, one per row")
    bad = _no_labels(y, numbers)
    if bad.any():
        i, what = int(bad.argmax()), "a finite number" if numbers else "an integer"
        raise EbmError(f"{table.path}: labels {labels!r}, row {i}: the label is {y[i]}; expected {what}")
    return y.astype(np.float64 if numbers else np.int64)


def _no_labels(y: np.ndarray, numbers: bool) -> np.ndarray:
    """Return the mask of what is not finite; or no integer, or none that a float holds exactly (2^53)."""
    if numbers:
        return ~np.isfinite(y)
    return ~((y == np.round(y)) & (np.abs(y.astype(np.float64)) < 2**53))


def _label_column(table: Table, labels: str | int) -> int:
    """Return the column of the labels, counted from 0."""
    d = table.values.shape[1]
    if isinstance(labels, str):
        if table.names is None:
            raise EbmError(
                f"{table.path}: has no column names, so no {labels!r}; expected an index, 0 to {d - 1}"
            )
        if labels not in table.names:
            raise EbmError(
                f"{table.path}: has no column {labels!r} for labels; {nearest(labels, table.names)}"
            )
        return table.names.index(labels)
    if not -d <= labels < d:
        raise EbmError(
            f"{table.path}: has no column {labels} for labels; expected 0 to {d - 1}, or -1 for the last"
        )
    return labels % d


def read_array(path: str | Path, key: str | None = None, *, delimiter: str | None = None) -> np.ndarray:
    """Read one table of finite numbers from a .npy, .npz or .csv file, or the states of a FASTA file.

    Parameters
    ----------
    path : str or Path
        The file; ``~`` is the home directory. A .csv may begin with a line of names. An alignment is read as
        `read_fasta` does by default.
    key : str, optional
        The array in a .npz; by default ``X`` or ``x``, else the only 2-D one.
    delimiter : str, optional
        Between the cells of a .csv; by default a comma, semicolon, tab, bar or spaces, as its first lines
        have it. Where commas do not part cells they are decimal ones. A first column without a name that
        counts the rows, or names them, is left out.

    Returns
    -------
    ndarray, (n, d)
        n, d >= 1; in the stored type, float64 from a .csv, uint8 from FASTA.

    Raises
    ------
    EbmError
        For a file that is missing, foreign, truncated, a pickle, ragged, empty, not 2-D, or that holds text,
        NaN or an infinity: one line with the file and the first offending cell.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(folder + "/a.npy", np.eye(2))
    ...     read_array(folder + "/a.npy")
    array([[1., 0.],
           [0., 1.]])
    """
    return read_table(path, key, None, delimiter)[0].values
