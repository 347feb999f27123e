"""The one search of all tables: a hill climb on a grid, judged by the validation rows.

It starts at a given place, learns all its neighbours (one step along one axis) with few updates, and moves to
the best of them for as long as the validation log-likelihood rises. What it ends at is then learnt with
eight times the updates, as it is and with the next stronger L2; the validation rows choose. log Z is by AIS
with 100 chains; a machine whose AIS is no estimate does not count.

With up to 2000 training rows a batch is up to 500 of them, else 200: with quiet gradients less is overfitted.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

import ebm
from experiments.likelihood.recipe import Recipe, ais, learn, score

Place = dict[str, int]
Grid = Mapping[str, tuple[float, ...]]

GRID: Grid = {
    "n_hidden": (16, 32, 64, 128, 256, 512),
    "rate": (0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6),
    "l2": (0.0, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 2e-2, 4e-2),
}
LONGER = 8


@dataclass
class Search:
    """The climb; every place is learnt once.

    Attributes
    ----------
    sets : dict of "train", "valid" and perhaps others
    grid : the axes
    updates : how many each place is learnt with
    n_chains : int
    """

    sets: dict[str, np.ndarray]
    grid: Grid = field(default_factory=lambda: GRID)
    updates: int = 1000
    n_chains: int = 500
    seen: dict[tuple[int, ...], float] = field(default_factory=dict)

    def recipe(self, at: Place, updates: int) -> Recipe:
        """The settings of a place."""
        values = {key: self.grid[key][i] for key, i in at.items()}
        n = len(self.sets["train"])
        batch = min(n, 500) if n <= 2000 else 200
        epochs = updates / -(-n // batch)
        return Recipe(**values, epochs=epochs, n_chains=self.n_chains, batch_size=batch)  # type: ignore[arg-type]

    def try_out(self, recipe: Recipe, n_temperatures: int) -> tuple[float, ebm.RBM]:
        """The machine and its validation log-likelihood."""
        machine = learn(recipe, self.sets["train"])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # the verdict says it too
            log_z = ais(machine, self.sets["train"], n_temperatures)
        found = score(machine, self.sets["valid"], log_z)
        trusted = np.isfinite(found) and log_z.verdict != "do not trust"
        return (found if trusted else -np.inf), machine

    def valid(self, at: Place) -> float:
        """Validation log-likelihood of a place; of none outside the grid."""
        key = tuple(at.values())
        if not all(0 <= i < len(self.grid[name]) for name, i in at.items()):
            return -np.inf
        if key not in self.seen:
            recipe = self.recipe(at, self.updates)
            self.seen[key] = self.try_out(recipe, 3000)[0]
            print(f"{recipe}: {self.seen[key]:.3f}", file=sys.stderr, flush=True)
        return self.seen[key]

    def climb(self, at: Place) -> Place:
        """The place that no neighbour beats."""
        while True:
            near = [at | {key: at[key] + step} for key in at for step in (1, -1)]
            best = max(near, key=self.valid)
            if self.valid(best) <= self.valid(at):
                return at
            at = best

    def best(self, start: Place) -> tuple[float, Recipe, ebm.RBM]:
        """Validation log-likelihood, settings and machine, learnt with many more updates."""
        at, found = self.climb(start), []
        for step in (0, 1):
            near = at | {"l2": min(at["l2"] + step, len(self.grid["l2"]) - 1)}
            recipe = self.recipe(near, LONGER * self.updates)
            value, machine = self.try_out(recipe, 10_000)
            found.append((value, recipe, machine))
        return max(found, key=lambda f: f[0])
