"""Gibbs sampling at a fixed temperature, and simulated annealing."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from ebm.errors import settings
from ebm.machine import Array, Count, Machine, Scan
from ebm.samplers.walkers import Walkers, begin
from ebm.stream import Stream

__all__ = ["Annealing", "Gibbs"]


@settings
class Gibbs:
    """Gibbs sampling at a fixed temperature.

    Parameters
    ----------
    n_sweeps : int
        Sweeps per step.
    scan : {"auto", "systematic", "random", "chromatic"}
    beta : float
        Inverse temperature.
    """

    length: ClassVar[None] = None

    n_sweeps: Count = 1
    scan: Scan = "auto"
    beta: Annotated[float, Field(allow_inf_nan=False)] = 1.0

    def init(self, machine: Machine, n_chains: int, rng: Stream, given: Array | None = None) -> Walkers:
        """Start from independent fair units."""
        return begin(machine, n_chains, rng, given, self.beta)

    def step(self, machine: Machine, state: Walkers, rng: Stream) -> tuple[Walkers, dict[str, Any]]:
        """n_sweeps sweeps."""
        machine.sweep(state.chains, rng, self.n_sweeps, self.beta, free=state.free, scan=self.scan)
        state.time += 1
        return state, {"beta": self.beta}

    def stride(self, machine: Machine, state: Walkers, rng: Stream, n: int) -> Walkers:
        """n steps; an order at random is drawn once a call, so those go one by one."""
        calls = n if self.scan == "random" else min(n, 1)
        for _ in range(calls):
            sweeps = self.n_sweeps * n // calls
            machine.sweep(state.chains, rng, sweeps, self.beta, free=state.free, scan=self.scan)
        state.time += n
        return state


@settings
class Annealing:
    """Simulated annealing: β rises from `start` to `stop`; the best states met are kept.

    A chain is looked at after the sweeps of each temperature, not after each sweep: the energy of a state
    costs as much as a sweep of a sparse machine, or more.

    Parameters
    ----------
    start, stop : float
        Inverse temperatures of the first and the last step.
    n_steps : int
        Temperatures.
    n_sweeps : int
        Sweeps at each.
    spacing : {"linear", "geometric", "harmonic"}
        Of the β. "harmonic": the temperature 1/β falls by equal amounts, which finds the lowest states of
        graphs and glasses for the same number of sweeps (measured in ``experiments/sampling``).
    scan : {"auto", "systematic", "random", "chromatic"}

    References
    ----------
    Kirkpatrick, Gelatt & Vecchi, "Optimization by simulated annealing" (1983).

    Examples
    --------
    >>> import ebm
    >>> ebm.Annealing(0.5, 4.0, n_steps=3, spacing="harmonic").betas.round(3)
    array([0.5  , 0.889, 4.   ])
    """

    start: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.1
    stop: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 5.0
    n_steps: Annotated[int, Field(ge=2, lt=2**31)] = 100
    n_sweeps: Count = 10
    spacing: Literal["linear", "geometric", "harmonic"] = "linear"
    scan: Scan = "auto"

    @property
    def length(self) -> int:
        """One step per temperature."""
        return self.n_steps

    @property
    def betas(self) -> Array:
        """The inverse temperatures, (n_steps,)."""
        if self.spacing == "harmonic":
            return 1 / np.linspace(1 / self.start, 1 / self.stop, self.n_steps)
        space = np.linspace if self.spacing == "linear" else np.geomspace
        return space(self.start, self.stop, self.n_steps)

    def init(self, machine: Machine, n_chains: int, rng: Stream, given: Array | None = None) -> Walkers:
        """Start from independent fair units."""
        state = begin(machine, n_chains, rng, given, self.betas)
        state.best_x, state.best_energy = state.x.copy(), machine.free_energy(state.chains)
        return state

    def step(self, machine: Machine, state: Walkers, rng: Stream) -> tuple[Walkers, dict[str, Any]]:
        """n_sweeps sweeps at the next temperature; info has beta and the energies after them, (n_chains,)."""
        assert state.best_x is not None
        assert state.best_energy is not None
        beta = float(self.betas[min(state.time, self.n_steps - 1)])
        machine.sweep(state.chains, rng, self.n_sweeps, beta, free=state.free, scan=self.scan)
        energy = machine.free_energy(state.chains)
        better = energy < state.best_energy
        if better.any():
            state.best_x[better] = state.x[better]
            state.best_energy = np.where(better, energy, state.best_energy)
        state.time += 1
        return state, {"beta": beta, "energy": energy}
