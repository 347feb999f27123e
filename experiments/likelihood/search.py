"""The one search of all tables: every combination on a small grid is learnt, the validation rows choose.

log Z is by AIS with 3000 temperatures and 100 chains; a machine whose AIS is no estimate does not count.
Batches are of 500 rows, or of all where there are fewer: with quiet gradients less is overfitted.
"""

from __future__ import annotations

import itertools
import sys
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

import ebm
from experiments.likelihood.recipe import Recipe, ais, learn, score

__all__ = ["Grid", "grid_for", "search"]

Grid = Mapping[str, tuple[Any, ...]]
# Sets with many rows; those with few, which are overfitted sooner; those of documents and votes, wider still,
# where a thousand updates may be enough. Values that are tables belong together, whatever they are called.
LARGE: Grid = {
    "n_hidden": (512,), "rate": (0.4,), "updates": (20000,), "n_chains": (1000,),
    "penalty": ({"l1": 1e-4}, {"l1": 3e-4}, {"l2": 1e-3}),
}  # fmt: skip
SMALL: Grid = {
    "n_hidden": (256, 1024), "rate": (0.4,), "updates": (4000,),
    "penalty": ({"l1": 3e-4}, {"l1": 1e-3}, {"l2": 3e-3}),
}  # fmt: skip
WIDE: Grid = {
    "n_hidden": (64, 256),
    "course": ({"rate": 0.1, "updates": 1000}, {"rate": 0.02, "updates": 6000, "scale": 0.01}),
    "penalty": ({"l1": 1e-3}, {"l2": 3e-3}, {"l2": 1e-2}),
}


def grid_for(rows: np.ndarray) -> Grid:
    """The grid for a training set, by its size."""
    if len(rows) > 2000:
        return LARGE
    return SMALL if rows.shape[1] <= 200 else WIDE


def search(sets: dict[str, np.ndarray], grid: Grid) -> tuple[float, Recipe, ebm.RBM]:
    """Validation log-likelihood, settings and machine of the best combination."""
    train, best = sets["train"], None
    for values in itertools.product(*grid.values()):
        own: dict[str, Any] = {}
        for name, value in zip(grid, values, strict=True):
            own |= value if isinstance(value, dict) else {name: value}
        updates = own.pop("updates")
        recipe = Recipe(epochs=0, **{"scale": 0.1} | own).at(updates, len(train))
        machine = learn(recipe, train)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # the verdict says it too
            log_z = ais(machine, train, 3000)
        found = score(machine, sets["valid"], log_z)
        trusted = np.isfinite(found) and log_z.verdict != "do not trust"
        print(f"{recipe}: {found:.3f} {'' if trusted else log_z.reason}", file=sys.stderr, flush=True)
        if trusted and (best is None or found > best[0]):
            best = (found, recipe, machine)
    if best is None:
        raise SystemExit("no combination has a log Z that can be trusted")
    return best
