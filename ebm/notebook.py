"""What a notebook shows of a result: a small table."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

import numpy as np

__all__ = ["at_most", "html_table"]

_ROWS = 12


def html_table(title: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table as HTML; numbers get five digits, and what is no number is escaped.

    Examples
    --------
    >>> html_table("t", ["a"], [[1 / 3]])
    '<table><caption>t</caption><tr><th>a</th></tr><tr><td>0.33333</td></tr></table>'
    """
    lines = [f"<table><caption>{html.escape(title)}</caption>", _row("th", header)]
    return "".join([*lines, *(_row("td", row) for row in rows), "</table>"])


def at_most(n: int) -> list[int]:
    """Numbers of so many rows, or of twelve spread evenly over them, the first and the last among them."""
    return sorted({round(k) for k in np.linspace(0, n - 1, min(n, _ROWS))})


def _row(tag: str, cells: Sequence[object]) -> str:
    return "<tr>" + "".join(f"<{tag}>{_cell(cell)}</{tag}>" for cell in cells) + "</tr>"


def _cell(value: object) -> str:
    return f"{value:.5g}" if isinstance(value, (float, np.floating)) else html.escape(str(value))
