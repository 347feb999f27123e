"""Tables, bars and pictures made of letters: what a lesson shows where there is no display."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ebm.notebook import html_table

__all__ = ["Bars", "Grid", "Table"]

_BAR = 40  # letters of the longest bar
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_SHADES = " ░▒▓█"


@dataclass(frozen=True)
class Table:
    """A title, names of columns, rows of text and numbers.

    Examples
    --------
    >>> print(Table("Squares", ("n", "n²"), ((1, 1.0), (12, 144.0))))
    Squares
       n    n²
       1     1
      12   144
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]

    def __str__(self) -> str:
        cells = [self.header, *(tuple(map(_cell, row)) for row in self.rows)]
        columns = []
        for k, column in enumerate(zip(*cells, strict=True)):
            width, words = max(map(len, column)), any(isinstance(row[k], str) for row in self.rows)
            columns.append([cell.ljust(width) if words else cell.rjust(width) for cell in column])
        lines = ("  " + "   ".join(row).rstrip() for row in zip(*columns, strict=True))
        return "\n".join([self.title, *lines])

    def _repr_html_(self) -> str:
        return html_table(self.title, self.header, self.rows)


@dataclass(frozen=True)
class Bars:
    """A bar for each of some numbers, to both sides of zero where some are negative.

    Examples
    --------
    >>> print(Bars("Shares", ("a", "bb"), (1.0, 0.25)))
    Shares
       a ████████████████████████████████████████ 1
      bb ██████████ 0.25
    """

    title: str
    labels: tuple[str, ...]
    values: tuple[float, ...]

    def __str__(self) -> str:
        values = np.asarray(self.values, np.float64)
        size = float(np.abs(values).max(initial=0.0)) or 1.0
        width = max(map(len, self.labels), default=0)
        signed = bool((values < 0).any())
        room = _BAR // 2 if signed else _BAR
        lines = []
        for label, value in zip(self.labels, values, strict=True):
            bar = _bar(abs(value) / size * room)
            if signed:
                full = "█" * round(abs(value) / size * room)
                bar = f"{full:>{room}}|{'':{room}}" if value < 0 else f"{'':{room}}|{bar:<{room}}"
            lines.append(f"  {label:>{width}} {bar} {_cell(float(value))}")
        return "\n".join([self.title, *lines])

    def _repr_html_(self) -> str:
        return html_table(self.title, ("", "value"), zip(self.labels, self.values, strict=True))


@dataclass(frozen=True)
class Grid:
    """Pictures beside each other, a letter pair a pixel: dark is low, full is high.

    Examples
    --------
    >>> print(Grid("Stripe", (np.eye(2)[::-1],)))
    Stripe
        ██
      ██
    """

    title: str
    pictures: tuple[ArrayLike, ...]
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        pictures = [np.atleast_2d(np.asarray(picture, np.float64)) for picture in self.pictures]
        low = min(float(p.min()) for p in pictures)
        span = max(float(p.max()) for p in pictures) - low or 1.0
        blocks = [[_shaded((row - low) / span) for row in picture] for picture in pictures]
        width = [max(2 * p.shape[1], len(n)) for p, n in zip(pictures, self._names, strict=True)]
        height = max(map(len, blocks))
        head = ["  " + "   ".join(n.ljust(w) for n, w in zip(self._names, width, strict=True)).rstrip()]
        rows = ([block[k] if k < len(block) else "" for block in blocks] for k in range(height))
        lines = [
            "  " + "   ".join(cell.ljust(w) for cell, w in zip(row, width, strict=True)).rstrip()
            for row in rows
        ]
        return "\n".join([self.title, *(head if self.names else []), *lines])

    @property
    def _names(self) -> tuple[str, ...]:
        return self.names or ("",) * len(self.pictures)

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


def _bar(length: float) -> str:
    """A bar so many letters long, to an eighth of one."""
    whole, rest = divmod(round(8 * length), 8)
    return "█" * whole + _EIGHTHS[rest].strip()


def _shaded(row: Sequence[float] | np.ndarray) -> str:
    return "".join(2 * _SHADES[min(int(value * len(_SHADES)), len(_SHADES) - 1)] for value in row)


def _cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, (float, np.floating)) else str(value)
