"""ebm health: is a trained machine to be believed?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from ebm.cli.shell import in_one_line, main, seconds_of, warn
from ebm.errors import EbmError

if TYPE_CHECKING:
    import numpy as np

    from ebm.machine import Machine

__all__ = ["health"]


@main.command()
@click.argument("model", type=click.Path())
@click.argument("data", type=click.Path(), required=False)
@click.option("--heldout", type=click.Path(), help="Rows that it was not trained on.")
@click.option("--trajectory", multiple=True, type=click.Path(), help="An earlier machine; the easiest first.")
@click.option("--figures", type=click.Path(), help="Draw energies and distances against time in this folder.")
@click.option("--threshold", type=float, help="Make bits of the data: value >= threshold.")
@click.option("--key", help="The array to read from an .npz file of data.")
@click.option("--chains", "n_chains", default=500, show_default=True, type=click.IntRange(20, 2**31 - 1))
@click.option(
    "--sweeps",
    default=2048,
    show_default=True,
    type=click.IntRange(1, 2**31 - 1),
    help="At most; fewer where all settles.",
)
@click.option(
    "--budget", default="30s", show_default=True, help="Time for log Z: seconds, or such as 90s, 5m."
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@in_one_line
def health(
    model: str,
    data: str | None,
    heldout: str | None,
    trajectory: tuple[str, ...],
    figures: str | None,
    threshold: float | None,
    key: str | None,
    budget: str,
    as_json: bool,
    **settings: Any,
) -> None:
    """Was MODEL trained in equilibrium, does it mix, how long is its memory, is its log Z to be believed?

    DATA (.npy, .npz or .csv) are the rows that it was trained on. The verdict is *equilibrium*, *memory of
    k ≈ …* (it was taught by chains of so many sweeps, and remembers them), or *do not trust*.

    \b
    Examples:
      ebm health runs/digits/model.npz rows.npy --heldout test.npy --figures health
      ebm health theirs.npz mnist.npz --key X_train --threshold 128
      ebm health model.npz rows.npy --trajectory step-10.npz --trajectory step-100.npz
    """
    import warnings

    from ebm import health as checked
    from ebm.experiment.directory import finite
    from ebm.interchange import read
    from ebm.interchange.machines import machine_in

    machine = machine_in(read(model), model)
    earlier = [machine_in(read(path), path) for path in trajectory]
    rows, others = (
        None if path is None else _rows(path, key, threshold, machine) for path in (data, heldout)
    )
    with warnings.catch_warnings():
        warnings.showwarning = warn
        found = checked(
            machine,
            rows,
            heldout=others,
            trajectory=earlier,
            budget=seconds_of(budget),
            progress=None,
            **settings,
        )
    if as_json:
        known = {name: [value, meaning] for name, value, meaning in found.rows}
        click.echo(
            json.dumps(
                finite({"verdict": found.verdict, "k": found.k, "scores": found.scores, "page": known})
            )
        )
    else:
        click.echo(str(found))
    if figures is not None:
        files = found.figures(figures)
        click.echo(f"{len(files)} figures in {figures}", err=as_json)


def _rows(path: str, key: str | None, threshold: float | None, machine: Machine) -> np.ndarray:
    """Rows of a file, as bits where there is a threshold."""
    import numpy as np

    from ebm.datasets.reading import read_table
    from ebm.machine import visible_units

    rows = read_table(path, key, None)[0].values
    if threshold is None:
        return rows
    states = visible_units(machine).states
    if states is None or len(states) != 2 or not np.isfinite(threshold):
        raise EbmError(f"--threshold {threshold}: expected a finite number, for units of two states")
    return np.where(rows >= threshold, states[1], states[0])
