"""What a run says: a progress bar on a terminal, plain lines when piped; a table at the end."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

__all__ = ["Report", "Row", "seldom"]

Row = tuple[str, str, str]  # quantity, value, unit


def _console() -> Console:
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=110)


class Report:
    """Progress and results for a person.

    Parameters
    ----------
    console : rich.console.Console, optional
        Where to write; standard output when left out.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or _console()
        self.rows: list[Row] = []

    def line(self, text: str) -> None:
        """Say one line."""
        self.console.print(text, markup=False, soft_wrap=True)

    def row(self, quantity: str, value: str, unit: str) -> None:
        """Keep a line for the table at the end."""
        self.rows.append((quantity, value, unit))

    @contextmanager
    def progress(self, what: str, total: float) -> Iterator[Any]:
        """Give a function ``update(done, text)``: a bar on a terminal; piped, a line per non-empty text."""
        if not self.console.is_terminal:

            def plain(done: float, text: str = "") -> None:
                if text:
                    self.line(f"{what}: {text}")

            yield plain
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=12),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[text]}"),
        )
        with Progress(*columns, console=self.console) as bar:
            task = bar.add_task(what, total=total, text="")

            def shown(done: float, text: str = "") -> None:
                if text:
                    bar.update(task, completed=done, text=text)
                else:
                    bar.update(task, completed=done)

            yield shown

    def table(self, title: str) -> None:
        """Print the rows kept so far."""
        if not self.rows:
            return
        table = Table(title=title, title_justify="left")
        table.add_column("quantity")
        table.add_column("value", justify="right")
        table.add_column("unit")
        for row in self.rows:
            table.add_row(*row)
        self.console.print(table)


def seldom(update: Callable[[float, str], object], every: int) -> Callable[[float, str], object]:
    """A function that passes on one call in so many."""
    count = itertools.count(1)
    return lambda done, line: update(done, line) if next(count) % every == 0 else None


def summary_rows(rows: Sequence[Row]) -> list[dict[str, str]]:
    """The table as plain data."""
    return [{"quantity": q, "value": v, "unit": u} for q, v, u in rows]
