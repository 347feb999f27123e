"""Gibbs sampling at a fixed temperature, and simulated annealing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from ebm.errors import settings
from ebm.machine import Array, Count, Machine, Scan
from ebm.samplers.walkers import Walkers, begin
from ebm.stream import Stream

__all__ = ["Annealed", "Annealing", "Gibbs"]

_FIRST, _LAST = 0.2, 10.0  # β times the size of inputs: fair coins, and frozen
_LOOKED_AT, _LOOK = 200, 31  # random states, and the stream that they are drawn from


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


@dataclass(kw_only=True)
class Annealed(Walkers):
    """Chains that are cooled, and the inverse temperatures of the steps, (n_steps,)."""

    betas: Array


@settings
class Annealing:
    """Simulated annealing: β rises from `start` to `stop`; the best states met are kept.

    A chain is looked at after the sweeps of each temperature, not after each sweep: the energy of a state
    costs as much as a sweep of a sparse machine, or more.

    Parameters
    ----------
    start, stop : float, optional
        Inverse temperatures of the first and the last step. When left out they follow the machine: 0.2 and 10
        over the size of its inputs, √2 times the standard deviation of the energy of random states by the
        root of their number of units. That is the root of Σ_j J_ij² for spins: 1 for an SK glass, 2 for a
        square lattice of ±1.
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

    start: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    stop: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
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
        """The inverse temperatures, (n_steps,); of a machine whose inputs have the size 1, where left out."""
        return self._betas(1.0)

    def _betas(self, size: float) -> Array:
        start = _FIRST / size if self.start is None else self.start
        stop = _LAST / size if self.stop is None else self.stop
        if self.spacing == "harmonic":
            return 1 / np.linspace(1 / start, 1 / stop, self.n_steps)
        space = np.linspace if self.spacing == "linear" else np.geomspace
        return space(start, stop, self.n_steps)

    def init(self, machine: Machine, n_chains: int, rng: Stream, given: Array | None = None) -> Annealed:
        """Start from independent fair units."""
        betas = self._betas(_size_of_inputs(machine, rng.split(_LOOK)))
        begun = begin(machine, n_chains, rng, given, betas)
        best = machine.free_energy(begun.chains)
        return Annealed(begun.chains, begun.free, best_x=begun.x.copy(), best_energy=best, betas=betas)

    def resume(self, machine: Machine, arrays: Mapping[str, Array]) -> Annealed:
        """The chains that `pack` stored, running again."""
        return Annealed.unpack((machine,), arrays)

    def step(self, machine: Machine, state: Annealed, rng: Stream) -> tuple[Annealed, dict[str, Any]]:
        """n_sweeps sweeps at the next temperature; info has beta and the energies after them, (n_chains,)."""
        assert state.best_x is not None
        assert state.best_energy is not None
        beta = float(state.betas[min(state.time, self.n_steps - 1)])
        machine.sweep(state.chains, rng, self.n_sweeps, beta, free=state.free, scan=self.scan)
        energy = machine.free_energy(state.chains)
        better = energy < state.best_energy
        if better.any():
            state.best_x[better] = state.x[better]
            state.best_energy = np.where(better, energy, state.best_energy)
        state.time += 1
        return state, {"beta": beta, "energy": energy}


def _size_of_inputs(machine: Machine, rng: Stream) -> float:
    """How large the inputs of units are, in nats, told by the energies of random states; 1 of none."""
    x = machine.sample0(_LOOKED_AT, rng)
    size = math.sqrt(2 / machine.n_units) * float(machine.free_energy(x).std())
    return size if size > 0 and math.isfinite(size) else 1.0
