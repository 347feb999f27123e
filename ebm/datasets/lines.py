"""Text files of numbers, line by line: bounded, plain ASCII, every refusal names the file and the line."""

from __future__ import annotations

import gzip
import math
import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ebm.errors import EbmError

__all__ = ["finite", "integers", "lines_of", "unlike"]

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)  # int() would take 1_000 and the digits of any script
_LONGEST = 1000  # characters of a line


def lines_of(
    path: str, file: Path, what: str, comments: tuple[str, ...] = (), longest: int = _LONGEST
) -> Iterator[tuple[int, list[str]]]:
    """The numbers, from 1, and cells of the lines that are neither blank nor a comment; .gz is unpacked.

    Parameters
    ----------
    path : str
        The file as the caller named it.
    file : Path
    what : str
        What the file should be: "a G-set file".
    comments : tuple of str
        A first cell that begins with one of these begins a comment.
    longest : int
        Characters of a line.
    """
    if not file.is_file():
        found = "is a directory" if file.is_dir() else "no such file"
        raise EbmError(f"{path}: {found}; expected {what}")
    opener: Any = gzip.open if file.suffix.lower() == ".gz" else open
    number = 0
    try:
        with opener(file, "rb") as stream:
            while line := stream.readline(longest + 1):
                number += 1
                if len(line) > longest or not line.isascii() or b"\0" in line:
                    raise EbmError(f"{path}: line {number}: no text of numbers; expected {what}")
                cells = line.decode("ascii").split()
                if cells and not (comments and cells[0].startswith(comments)):
                    yield number, cells
    except (OSError, EOFError, zlib.error) as error:
        cause = (str(error).splitlines() or [type(error).__name__])[0]
        raise EbmError(f"{path}: line {number + 1}: cannot be read: truncated or damaged ({cause})") from None


def integers(cells: Sequence[str]) -> list[int] | None:
    """All cells as integers, or None."""
    return [int(cell) for cell in cells] if all(map(_INTEGER.fullmatch, cells)) else None


def finite(cell: str, where: str, what: str) -> float:
    """A cell as a finite number, or one line that `what` is none."""
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or "_" in cell:
        raise EbmError(f"{where}: {what} is {cell[:40]!r}; expected a finite number")
    return value


def unlike(where: str, cells: Sequence[str], expected: str) -> EbmError:
    """The error of a line that is something else."""
    return EbmError(f"{where}: found {' '.join(cells)[:40]!r}; expected {expected}")
