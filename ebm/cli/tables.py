"""What the commands about models do where the model is one of a table: files with a line of names."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from ebm.cli.shell import write_rows
from ebm.errors import EbmError

if TYPE_CHECKING:
    import numpy as np

    from ebm.table import TableModel

__all__ = ["only_csv", "predict_table", "sample_table", "score_table", "write_table"]

_CSV = (".csv",)


def write_table(columns: Mapping[str, Any], output: str | None) -> None:
    """Columns as a .csv file, or as csv on the screen; gaps are empty."""
    from ebm.files import write_atomic

    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(columns)
    for row in zip(*(values.tolist() for values in columns.values()), strict=True):
        rows.writerow([_cell(value) for value in row])
    if output is None:
        click.echo(text.getvalue(), nl=False)
    else:
        write_atomic(output, lambda file: file.write(text.getvalue().encode()))


def _cell(value: Any) -> Any:
    if value is None or value != value:
        return ""
    return f"{value:.8g}" if isinstance(value, float) else value


def only_csv(output: str | None) -> None:
    """Refuse another file than one of text: cells are labels and numbers."""
    if output is not None and not output.endswith(_CSV):
        raise EbmError(f"{output}: a table has labels and numbers; expected a .csv file")


def sample_table(model: TableModel, n: int, seed: int, output: str | None) -> None:
    """Write new rows in the user's columns."""
    only_csv(output)
    write_table(model.sample(n, seed=seed), output)
    if output is not None:
        click.echo(f"{n} rows in {output}")


def score_table(model: TableModel, data: str, output: str | None) -> str:
    """Score the rows of a file in the user's columns; the line that is said."""
    each = model.score(data)
    if output is not None:
        write_rows(each, output, header="log_likelihood_nats")
    spread = f", standard deviation over rows {each.std():.3f}" if len(each) > 1 else ""
    units = f"mean of {len(each)} rows in the table's own units{spread}"
    return f"log-likelihood {each.mean():.4f} nats per row ({units}; log Z = {model.log_z:.4f})"


def predict_table(model: TableModel, data: str, target: str | None, proba: bool, output: str | None) -> None:
    """Write what a column is predicted to be; with the column in the file, say how far off."""
    import numpy as np

    only_csv(output)
    target = target or model.target
    if target is None:
        raise EbmError(f"--target: expected one of the columns {', '.join(model.table.names)}")
    if proba:
        shares = model.predict_proba(data, target)
        write_table({f"{target}={label}": p for label, p in shares.items()}, output)
    else:
        write_table({target: model.predict(data, target)}, output)
    true = _true(model, data, target)
    if true is None:
        return
    guess, known = (
        model.predict(data, target),
        np.array([value is not None and value == value for value in true]),
    )
    if not known.any():
        return
    if model.table.column(target).kind in ("real", "count"):
        off = np.sqrt(np.mean(np.square((guess - true)[known].astype(np.float64))))
        line = f"root mean square error {off:.6g} of {known.sum()} rows"
    else:
        wrong = float((guess != true)[known].mean())
        line = f"error {wrong:.2%} ± {np.sqrt(wrong * (1 - wrong) / known.sum()):.2%} of {known.sum()} rows"
    click.echo(line, err=output is None)


def _true(model: TableModel, data: str, target: str) -> np.ndarray | None:
    """A column of a file, if it is there."""
    others = [name for name in model.table.names if name != target]
    rows = model.table.encode(data, without=(target,), ignore=others)
    return model.table.decode(rows)[target] if len(rows) else None
