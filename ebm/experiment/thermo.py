"""The thermodynamics of a saved machine: a figure, and its numbers beside it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console

from ebm.checkpoint import load_machine, write_arrays
from ebm.errors import EbmError
from ebm.experiment.report import Report
from ebm.files import write_atomic
from ebm.thermal import thermodynamics

__all__ = ["plot_thermo"]

_POINTS = 60


def plot_thermo(
    model: str | os.PathLike[str],
    *,
    out: str | os.PathLike[str] | None = None,
    temperatures: tuple[float, float] = (0.5, 5.0),
    budget: float = 60.0,
    seed: int = 0,
    warn: Callable[..., None] = warnings.showwarning,
) -> list[Path]:
    """Draw the thermodynamics of a file of `ebm.save`, and write its arrays: the paths of both.

    The figure is `out`, MODEL-thermo.png when left out; its arrays go beside it. Temperatures are the lowest
    and the highest of 60 of equal ratios; `budget` is in seconds; `warn` is called as `warnings.showwarning`.
    Values are per site where the machine carries all its units, as spin models are shown, else of the whole.

    Raises
    ------
    EbmError
        A file that is no machine, temperatures that are not positive and ascending, an output that would
        overwrite the model.
    """
    from ebm.plots import thermo

    low, high = temperatures
    if not 0 < low < high < np.inf:
        raise EbmError(
            f"temperatures: expected two positive numbers, the lower one first, got {low:g} {high:g}"
        )
    machine, model = load_machine(model), Path(model)
    figure = model.with_name(f"{model.stem}-thermo.png") if out is None else Path(out)
    arrays = figure.with_suffix(".npz")
    if arrays.resolve() == model.resolve():
        raise EbmError(f"{figure}: its arrays would overwrite {model}; expected another name")
    with warnings.catch_warnings():
        warnings.showwarning = warn
        with Report(Console(stderr=True)).progress("thermodynamics") as update:
            grid = np.geomspace(low, high, _POINTS)
            result = thermodynamics(machine, grid, budget=budget, seed=seed, progress=update)
    axes = thermo(result, None if machine.sums_out else machine.n_units)
    write_arrays(arrays, result.arrays())
    write_atomic(figure, lambda file: axes[0].figure.savefig(file, format="png", dpi=120))
    return [figure, arrays]
