"""A comparison as tables: for a terminal, a notebook, a page, and as CSV and JSON for other programs."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections import Counter
from dataclasses import asdict
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ebm.errors import printable
from ebm.experiment.comparing import Comparison, Difference, Mean
from ebm.experiment.differing import setting_text, telling
from ebm.experiment.directory import finite
from ebm.experiment.results import Quantity, Result, plain_number
from ebm.files import write_atomic
from ebm.notebook import html_table

__all__ = [
    "TURNED",
    "Cell",
    "Column",
    "Grid",
    "as_html",
    "as_text",
    "grids",
    "number_text",
    "remarks",
    "show",
    "turned",
    "write_csv",
    "write_json",
]

_WIDTH = 110  # characters, where there is no terminal
TURNED = 4  # rows up to which a table that is too wide is turned round
_ROWS = 16  # runs that are listed one by one below their groups
_LABEL = 30  # characters of a label in the head of a column
_DOUBT = " (?)"


class Column(NamedTuple):
    """A column: its key, what it is called, its unit; numbers stand to the right."""

    key: str
    label: str
    unit: str = ""
    numeric: bool = True


class Cell(NamedTuple):
    """What a table shows, and what it is sorted by."""

    text: str
    value: float | str | None = None


class Grid(NamedTuple):
    """A table; one that is turned has its columns one below the other."""

    title: str
    columns: list[Column]
    rows: list[list[Cell]]
    turned: bool = False


def number_text(value: float, stderr: float | None = None) -> str:
    """A number with the digits that its error leaves it, two of which are the error's.

    Examples
    --------
    >>> number_text(-16.5543, 0.0231), number_text(0.01251), number_text(1234.5, 20.0)
    ('-16.554 ± 0.023', '0.01251', '1234 ± 20')
    """
    if not math.isfinite(value):
        return f"{value}"
    if stderr is None or not math.isfinite(stderr):
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"
    if stderr == 0:
        return f"{value:.5g} ± 0"
    digits = min(9, max(0, 1 - math.floor(math.log10(stderr))))
    return f"{value:.{digits}f} ± {stderr:.{digits}f}"


def grids(comparison: Comparison) -> list[Grid]:
    """The tables of a comparison: its groups where runs repeat each other, and its runs."""
    runs = _runs(comparison)
    if not comparison.repeated:
        return [runs]
    return [_groups(comparison), runs]


def _runs(comparison: Comparison) -> Grid:
    runs, shown = comparison.runs, list(comparison.settings)
    kinds = [tuple(setting_text(comparison.values[key][i]) for key in shown) for i in range(len(runs))]
    known = len(set(kinds)) == len(kinds) and all(run.tables for run in runs)
    columns = [] if known and len(runs) > 2 else [Column("name", "run", numeric=False)]
    if any(run.state != "finished" for run in runs):
        columns.append(Column("state", "state", numeric=False))
    told = telling(comparison.values, shown)
    columns += [_setting(comparison, key) for key in told]
    compared = not comparison.repeated and comparison.differences
    by_label = {d.label: d for d in comparison.differences}
    labels = {id(run): group.label for group in comparison.groups for run in group.runs}
    columns += _scores(comparison, bool(compared))
    columns += [_setting(comparison, key) for key in shown if key not in told]
    rows = []
    for i, run in enumerate(runs):
        values = {key: comparison.values[key][i] for key in shown}
        cells = {key: Cell(setting_text(value), _sortable(value)) for key, value in values.items()}
        cells |= {"name": Cell(run.name, run.name), "state": Cell(_state(run), run.state)}
        for key, score in run.scores.items():
            doubt = _DOUBT if score.doubt else ""
            cells[key] = Cell(score.text.replace("-", "−") + doubt, score.value)
        if compared and (label := labels.get(id(run))) is not None:
            cells["difference"] = _difference(comparison, label, by_label)
        rows.append([cells.get(column.key, Cell("")) for column in columns])
    return Grid("runs", columns, rows)


def _groups(comparison: Comparison) -> Grid:
    told = telling(comparison.values, comparison.by)
    columns = [_setting(comparison, key) for key in told]
    columns += [Column("n", "n"), *_scores(comparison, bool(comparison.differences))]
    columns += [_setting(comparison, key) for key in comparison.by if key not in told]
    by_label = {d.label: d for d in comparison.differences}
    rows = []
    for group in comparison.groups:
        cells = {key: Cell(setting_text(v), _sortable(v)) for key, v in group.settings.items()}
        n, of = group.finished, len(group.runs)
        cells["n"] = Cell(str(n) if n == of else f"{n} of {of}", n)
        for key, mean in group.scores.items():
            cells[key] = Cell(_mean(mean, n), mean.value)
        if comparison.differences:
            cells["difference"] = _difference(comparison, group.label, by_label)
        rows.append([cells.get(column.key, Cell("")) for column in columns])
    return Grid("settings, mean ± standard error over their runs", columns, rows)


def _setting(comparison: Comparison, key: str) -> Column:
    values = [value for value in comparison.values[key] if value is not None]
    numeric = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
    return Column(key, comparison.settings[key], numeric=numeric)


def _scores(comparison: Comparison, compared: bool) -> list[Column]:
    found = []
    for key, quantity in comparison.quantities.items():
        found.append(Column(key, quantity.label, quantity.unit))
        if compared and key == comparison.score:
            to = str(comparison.against)
            named = f"Δ to {to}" if len(to) <= _LABEL else "Δ, to what is said below"
            found.append(Column("difference", named, quantity.unit))
    return found


def _mean(mean: Mean, n: int) -> str:
    part = f" (n={mean.n})" if mean.n != n else ""
    return number_text(mean.value, mean.stderr).replace("-", "−") + part + (_DOUBT if mean.doubt else "")


def _difference(comparison: Comparison, label: str, known: dict[str, Difference]) -> Cell:
    if label == comparison.against:
        return Cell("·", 0.0)
    found = known.get(label)
    if found is None or found.value is None:
        return Cell("no pairs")
    text = number_text(found.value, found.stderr).replace("-", "−")
    if not text.startswith("−"):
        text = f"+{text}"
    return Cell(text if found.stderr is not None else f"{text} (n={found.n})", found.value)


def _state(run: Result) -> str:
    return f"{run.state}, {run.line}" if run.state == "unfinished" and run.line else run.state


def _sortable(value: Any) -> float | str | None:
    number = plain_number(value)
    return setting_text(value) if number is None and value is not None else number


def remarks(comparison: Comparison) -> list[str]:
    """What is to be said below the tables: how many runs there are, what failed, what the marks mean."""
    states = Counter(run.state for run in comparison.runs)
    said = [f"{len(comparison.runs)} runs: " + ", ".join(f"{n} {state}" for state, n in states.items())]
    if set(states) == {"finished"}:
        said.clear()
    said += [f"{run.name}: {run.state}: {run.line}" for run in comparison.failures]
    for run in comparison.runs:
        said += [f"{run.name}: {note}" for note in run.notes if note != run.line]
    if comparison.differences and comparison.score is not None:
        quantity = comparison.quantities[comparison.score]
        best = "" if len(comparison.groups) < 3 else " (chosen by these very numbers, if it is the best)"
        pairs = "mean ± standard error over pairs of runs with the same seeds and rows"
        said.append(f"Δ: {quantity.label}, minus that of {comparison.against}{best}; {pairs}")
    if any(score.doubt for run in comparison.runs for score in run.scores.values()):
        said.append("(?): its log Z is not to be trusted, by its own verdict")
    return said


def turned(grid: Grid) -> Grid:
    """The table with its columns one below the other, for few rows of many columns."""
    named = grid.columns[0].key == "name"
    heads = [Column(str(i), row[0].text if named else str(i)) for i, row in enumerate(grid.rows, 1)]
    lines = []
    for j, column in list(enumerate(grid.columns))[named:]:
        name = f"{column.label}, {column.unit}" if column.unit else column.label
        lines.append([Cell(name), *(row[j] for row in grid.rows)])
    return Grid(grid.title, [Column("", "", numeric=False), *heads], lines, turned=True)


# On a terminal.


def show(comparison: Comparison, console: Console) -> None:
    """Print the tables, as many columns as fit, and what is to be said of them."""
    found, hidden = grids(comparison), dict[str, None]()
    for grid in found:
        if len(found) > 1 and grid is found[-1] and len(grid.rows) > _ROWS:
            console.print(f"{len(grid.rows)} runs: --csv FILE lists them", soft_wrap=True)
            continue
        hidden |= dict.fromkeys(_print(grid, console))
    for line in remarks(comparison):
        console.print(printable(line), markup=False, soft_wrap=True)
    if hidden:
        line = f"left out: {', '.join(hidden)}; --csv FILE and --json FILE have them"
        console.print(line, markup=False, soft_wrap=True)


def _print(grid: Grid, console: Console) -> list[str]:
    """Print a table; the keys of the columns that did not fit."""
    room = console.width - 1
    widths = [
        3 + max(map(len, [*_words(column), *(row[i].text for row in grid.rows)]), default=1)
        for i, column in enumerate(grid.columns)
    ]
    if sum(widths) > room and len(grid.rows) <= TURNED:
        side = turned(grid)
        _table(side, len(side.columns), console)
        return []
    scores = (i for i, column in enumerate(grid.columns) if column.unit)
    fits = min(next(scores, 0) + 1, len(grid.columns))  # the settings and the first score in any case
    while fits < len(grid.columns) and sum(widths[: fits + 1]) <= room:
        fits += 1
    _table(grid, fits, console)
    return [column.key for column in grid.columns[fits:]]


def _table(grid: Grid, fits: int, console: Console) -> None:
    table = Table(title=grid.title, title_justify="left")
    for column in grid.columns[:fits]:
        head = Text("\n".join(_words(column)))
        table.add_column(head, justify="right" if column.numeric else "left", overflow="fold")
    for row in grid.rows:
        table.add_row(*(Text(cell.text) for cell in row[:fits]))
    console.print(table)


def _words(column: Column) -> list[str]:
    """The head of a column on several lines: so short that the numbers below decide its width."""
    lines: list[str] = []
    for word in f"{column.label} {column.unit}".split():
        if lines and len(lines[-1]) + 1 + len(word) <= 15:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def as_text(comparison: Comparison) -> str:
    """The tables as text."""
    out = io.StringIO()
    show(comparison, Console(file=out, width=_WIDTH, highlight=False))
    return printable(out.getvalue().rstrip())


def as_html(comparison: Comparison) -> str:
    """The tables for a notebook."""
    return "".join(
        html_table(
            grid.title,
            [column.label for column in grid.columns],
            [[c.text for c in row] for row in grid.rows],
        )
        for grid in grids(comparison)
    )


# For other programs.


def write_csv(comparison: Comparison, path: str | os.PathLike[str]) -> None:
    """Write a row per run."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    scores = [name for key in comparison.quantities for name in (key, f"{key}_stderr")]
    writer.writerow(["name", "path", "state", "line", *comparison.values, *scores, "log_z_verdict"])
    for i, run in enumerate(comparison.runs):
        settings = [_plain(values[i]) for values in comparison.values.values()]
        numbers: list[Any] = []
        for key in comparison.quantities:
            score = run.scores.get(key)
            numbers += ["", ""] if score is None else [repr(score.value), _plain(score.stderr)]
        verdict = _plain(run.log_z.get("verdict"))
        writer.writerow([run.name, str(run.path), run.state, run.line, *settings, *numbers, verdict])
    write_atomic(path, lambda file: file.write(out.getvalue().encode()))


def _plain(value: Any) -> str:
    if value is None:
        return ""
    return repr(value) if isinstance(value, float) else setting_text(value)


def write_json(comparison: Comparison, path: str | os.PathLike[str]) -> None:
    """Write runs, groups and differences."""
    told = {
        "score": comparison.score,
        "against": comparison.against,
        "quantities": {key: _quantity(q) for key, q in comparison.quantities.items()},
        "runs": [
            {
                "name": run.name,
                "path": str(run.path),
                "state": run.state,
                "line": run.line,
                "settings": {key: values[i] for key, values in comparison.values.items()},
                "scores": {k: {"value": s.value, "stderr": s.stderr} for k, s in run.scores.items()},
                "log_z_verdict": run.log_z.get("verdict"),
            }
            for i, run in enumerate(comparison.runs)
        ],
        "groups": [
            {
                "label": group.label,
                "settings": group.settings,
                "runs": [run.name for run in group.runs],
                "finished": group.finished,
                "scores": {key: asdict(mean) for key, mean in group.scores.items()},
            }
            for group in comparison.groups
        ],
        "differences": [asdict(difference) for difference in comparison.differences],
    }
    text = json.dumps(finite(told), indent=2, allow_nan=False) + "\n"
    write_atomic(path, lambda file: file.write(text.encode()))


def _quantity(quantity: Quantity) -> dict[str, Any]:
    return {"label": quantity.label, "unit": quantity.unit, "sign": quantity.sign}
