"""What a run says: a bar on a terminal, plain lines when piped; a table at the end; all of it in the log."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from ebm.experiment.logs import LOG
from ebm.partition import LogZ
from ebm.progress import Update, showing

__all__ = ["Report", "Row", "seldom", "summary_of", "summary_rows"]


class Row(NamedTuple):
    """A line of the table: what is printed, and the number behind it where it is one."""

    quantity: str
    text: str
    unit: str
    number: float | None = None
    stderr: float | None = None


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
        LOG.info(text)
        self.console.print(text, markup=False, soft_wrap=True)

    def warn(self, text: str) -> None:
        """Say a warning, in one line."""
        LOG.warning(text)
        self.console.print(f"warning: {text}", markup=False, soft_wrap=True)

    def row(
        self, quantity: str, value: str | float, unit: str, stderr: float | None = None, *, digits: int = 3
    ) -> None:
        """Keep a line for the table at the end; of a number, so many digits behind the point are printed."""
        if isinstance(value, str):
            self.rows.append(Row(quantity, value, unit))
            return
        error = "" if stderr is None else f" ± {stderr:.{digits}f}"
        self.rows.append(Row(quantity, f"{value:.{digits}f}{error}", unit, float(value), stderr))

    @contextmanager
    def progress(self, what: str) -> Iterator[Update]:
        """Give a function ``update(fraction, text)``: a bar on a terminal, else a line per non-empty text."""
        with showing(True, what, self.console) as update:

            def logged(done: float, text: str = "") -> None:
                if text:
                    LOG.info("%s: %s", what, text)
                update(done, text)

            yield logged

    def table(self, title: str) -> None:
        """Print the rows kept so far."""
        if not self.rows:
            return
        table = Table(title=title, title_justify="left")
        table.add_column("quantity")
        table.add_column("value", justify="right")
        table.add_column("unit")
        for row in self.rows:
            table.add_row(row.quantity, row.text, row.unit)
            LOG.info("%s: %s %s", row.quantity, row.text, row.unit)
        self.console.print(table)


def seldom(update: Update, every: int) -> Update:
    """A function that passes on one call in so many."""
    count = itertools.count(1)
    return lambda done, line: update(done, line) if next(count) % every == 0 else None


def summary_of(estimate: LogZ) -> dict[str, Any]:
    """An estimate as plain data, without its arrays."""
    return {key: value for key, value in asdict(estimate).items() if key != "log_weights"}


def summary_rows(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The table as plain data: ``value`` as it is printed, ``number`` and ``stderr`` with all digits."""
    plain = []
    for row in rows:
        numbers = {"number": row.number, "stderr": row.stderr}
        told = {key: number for key, number in numbers.items() if number is not None}
        plain.append({"quantity": row.quantity, "value": row.text, "unit": row.unit} | told)
    return plain
