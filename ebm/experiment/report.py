"""What a run says: a bar on a terminal, plain lines when piped; a table at the end; all of it in the log."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from ebm.experiment.logs import LOG
from ebm.partition import LogZ
from ebm.progress import Update, showing

__all__ = ["Report", "Row", "seldom", "summary_of", "summary_rows"]

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
        LOG.info(text)
        self.console.print(text, markup=False, soft_wrap=True)

    def warn(self, text: str) -> None:
        """Say a warning, in one line."""
        LOG.warning(text)
        self.console.print(f"warning: {text}", markup=False, soft_wrap=True)

    def row(self, quantity: str, value: str, unit: str) -> None:
        """Keep a line for the table at the end."""
        self.rows.append((quantity, value, unit))

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
            table.add_row(*row)
            LOG.info("%s: %s %s", *row)
        self.console.print(table)


def seldom(update: Update, every: int) -> Update:
    """A function that passes on one call in so many."""
    count = itertools.count(1)
    return lambda done, line: update(done, line) if next(count) % every == 0 else None


def summary_of(estimate: LogZ) -> dict[str, Any]:
    """An estimate as plain data, without its arrays."""
    return {key: value for key, value in asdict(estimate).items() if key != "log_weights"}


def summary_rows(rows: Sequence[Row]) -> list[dict[str, str]]:
    """The table as plain data."""
    return [{"quantity": q, "value": v, "unit": u} for q, v, u in rows]
