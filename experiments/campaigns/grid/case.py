"""What a cell of the grid is asked about: a machine, its oracle, rows and draws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

import ebm
from experiments.campaigns.grid.oracle import Oracle, in_float64, moved
from tests import oracles

__all__ = ["Case", "Cell"]

Cell = Callable[[], None]


@dataclass
class Case:
    """A machine, rows of it, and what they are judged by."""

    machine: Any
    seed: int

    @cached_property
    def oracle(self) -> Oracle:
        """Its definition."""
        return Oracle(self.machine)

    @property
    def tolerance(self) -> float:
        """Of numbers, relative where they are above 1."""
        exact = 1e-9 if self.machine.dtype == np.float64 else 2e-4
        return exact if self.machine.units.finite else max(exact, 1e-6)

    @property
    def rng(self) -> np.random.Generator:
        """A generator that begins anew each time."""
        return np.random.default_rng([self.seed, 9])

    @cached_property
    def x(self) -> np.ndarray:
        """Rows of states."""
        m = self.machine
        x = oracles.states_of(m.units, 5, m.n_units, self.rng)
        return (np.rint(8 * x) / 8).astype(m.dtype)  # numbers that float16 has, too

    @property
    def v(self) -> np.ndarray:
        """Rows of data."""
        return self.x[:, : self.machine.n_visible]

    @cached_property
    def base(self) -> np.ndarray:
        """Inputs at β = 0."""
        return (0.5 * self.rng.normal(size=self.machine.units.columns(self.machine.n_units))).astype(
            self.machine.dtype
        )

    @cached_property
    def direction(self) -> dict[str, np.ndarray]:
        """A move of the parameters that keeps what couplings have to keep."""
        twin, zero = in_float64(self.machine), in_float64(self.machine)
        for value in twin.params.values():
            value += 0.1 * self.rng.normal(size=value.shape)
        if isinstance(twin, ebm.BoltzmannMachine):
            J = twin.params["J"]
            if twin.sparse:
                M = twin.J.tocsr()
                J[...] = ((M + M.T) / 2).tocsr().data if (M + M.T).nnz == len(J) else zero.params["J"] * 1.1
            else:
                J[...] = (J + J.T) / 2
        twin.project()
        return {key: twin.params[key] - zero.params[key] for key in zero.params}

    def along(self, stats: dict[str, Any]) -> float:
        """Statistics along the direction; couplings that stand twice count once."""
        share = {key: self.machine.share if key in self.machine.couplings else 1.0 for key in stats}
        return float(
            sum(share[k] * np.sum(np.asarray(stats[k], np.float64) * self.direction[k]) for k in stats)
        )

    def slope(self, of: Callable[[Any], float]) -> float:
        """The slope of a function of machines along the direction, of fourth order."""
        at = {k: of(moved(self.machine, self.direction, k * _STEP)) for k in (-2, -1, 1, 2)}
        return (8 * (at[1] - at[-1]) - (at[2] - at[-2])) / (12 * _STEP)


_STEP = 1e-2
