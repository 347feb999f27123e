"""ebm impute: gaps filled with what a model says of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ebm.cli.shell import check_output, in_one_line, main, write_rows
from ebm.cli.tables import only_csv, write_table
from ebm.errors import EbmError

if TYPE_CHECKING:
    import numpy as np

__all__ = ["impute"]


@main.command()
@click.argument("model", type=click.Path())
@click.argument("data", type=click.Path())
@click.option("-o", "--output", type=click.Path(), help="A .npy or .csv file [default: csv on the screen].")
@click.option(
    "--statistic",
    type=click.Choice(["mode", "mean", "draw"]),
    default="mode",
    show_default=True,
    help="What stands for a gap: the likeliest state, the mean, or a draw of all gaps of a row together.",
)
@click.option("--sweeps", type=int, default=100, show_default=True, help="Of the chains of a row.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--key", help="The array to read from an .npz file.")
@in_one_line
def impute(
    model: str, data: str, output: str | None, statistic: str, sweeps: int, seed: int, key: str | None
) -> None:
    """Fill the gaps of DATA (.npy, .npz or .csv; NaN, NA, ? or nothing in a cell) with what MODEL says.

    MODEL is a run or a file of ebm.save: a machine, an estimator that imputes, or a model of a table, whose
    columns are then found by their names and filled with labels and numbers as the user has them.

    \b
    Examples:
      ebm impute runs/answers answers.csv -o whole.csv
      ebm impute model.npz rows.npy --statistic mean
    """
    from pathlib import Path

    from ebm.checkpoint import load
    from ebm.datasets.reading import read_table
    from ebm.estimators import BoltzmannImputer
    from ebm.table import TableModel
    from ebm.training import State

    check_output(output, (".npy", ".csv"))
    path = Path(model)
    loaded: Any = load(path / "model.npz" if path.is_dir() else path)
    loaded = loaded.machine if isinstance(loaded, State) else loaded
    if isinstance(loaded, TableModel):
        only_csv(output)
        write_table(loaded.impute(data, statistic, seed=seed), output)
        return
    table, _ = read_table(data, key, None, gaps=True)
    rows = table.values
    if isinstance(loaded, BoltzmannImputer):
        kind = "mean" if statistic == "mean" else "mode"
        loaded.set_params(statistic=kind, sample_posterior=statistic == "draw", n_sweeps=sweeps)
        filled = loaded.transform(rows)
    else:
        filled = _by_machine(loaded, model, rows, statistic, sweeps, seed)
    write_rows(filled, output, ",".join(table.names or ()))


def _by_machine(
    loaded: Any, model: str, rows: np.ndarray, statistic: str, sweeps: int, seed: int
) -> np.ndarray:
    """Rows filled by a machine."""
    from ebm.imputation import impute as said
    from ebm.machine import Machine

    if not isinstance(loaded, Machine):
        raise EbmError(f"{model}: {loaded} is no machine; expected one, or an estimator that imputes")
    found = said(loaded, rows, n_sweeps=sweeps, seed=seed)
    if statistic == "draw":
        return found.completed[0]
    return found.mode if statistic == "mode" else found.mean
