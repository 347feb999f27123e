"""The one search of all tables: every combination on a small grid is learnt, the validation rows choose.

log Z is by AIS with 3000 temperatures and 100 chains; a machine whose AIS is no estimate does not count.
With up to 2000 training rows a batch is up to 500 of them, else 200: with quiet gradients less is overfitted.
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

__all__ = ["LARGE", "SMALL", "search"]

Grid = Mapping[str, tuple[float, ...]]
# Of sets with many rows, and of those with up to 2000, which are overfitted soon and want noisier starts.
LARGE: Grid = {"n_hidden": (128, 256), "l2": (1e-4, 1e-3), "rate": (0.8,), "updates": (5000,)}
SMALL: Grid = {
    "n_hidden": (64,), "l2": (3e-3, 1e-2), "rate": (0.1, 0.4), "updates": (1000, 4000), "scale": (0.1,),
}  # fmt: skip


def search(sets: dict[str, np.ndarray], grid: Grid) -> tuple[float, Recipe, ebm.RBM]:
    """Validation log-likelihood, settings and machine of the best combination."""
    train, best = sets["train"], None
    n = len(train)
    batch = min(n, 500) if n <= 2000 else 200
    for values in itertools.product(*grid.values()):
        own: dict[str, Any] = dict(zip(grid, values, strict=True))
        epochs = own.pop("updates") / -(-n // batch)
        recipe = Recipe(epochs=epochs, n_chains=500, batch_size=batch, **own)
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
