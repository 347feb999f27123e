"""Tempered transitions: one chain, at β = 1, that proposes by a journey through high temperatures."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from ebm.errors import settings
from ebm.machine import Array, Count, Machine, Scan
from ebm.samplers.walkers import Walkers, begin
from ebm.stream import Stream

__all__ = ["TemperedTransitions"]


@settings
class TemperedTransitions:
    """Tempered transitions between sweeps at β = 1.

    A journey down to β = `start` and back is one proposal, accepted with the probability that its free
    energies give. It needs no replicas and no swaps, but temperatures close enough for a whole journey to be
    accepted.

    Parameters
    ----------
    n_temperatures : int
        Levels below 1 on the way.
    start : float
        The lowest β.
    spacing : {"geometric", "linear"}
        Of the levels; geometric is for a `start` above 0.
    n_sweeps : int
        Sweeps at every level, down and up, and at β = 1 between journeys.
    base : (n_units·width,), optional
        Inputs at β = 0; None is zero.

    Notes
    -----
    What goes up must be the reverse of what goes down (detailed balance as a pair). A machine swept layer by
    layer is its own reverse; others are swept in random orders, which are as likely as their reverses.

    References
    ----------
    Neal, "Sampling from multimodal distributions using tempered transitions" (1996), equation (6).

    Examples
    --------
    >>> import numpy as np, ebm
    >>> wells = ebm.BoltzmannMachine(ebm.Ising(), 0.4 * (1 - np.eye(10)))
    >>> found = ebm.sample(wells, 400, sampler=ebm.TemperedTransitions(), seed=1)
    >>> bool(abs((found.x.sum(1) > 0).mean() - 0.5) < 0.1)
    True
    """

    length: ClassVar[None] = None

    n_temperatures: Count = 20
    start: Annotated[float, Field(ge=0, lt=1)] = 0.1
    spacing: Literal["geometric", "linear"] = "geometric"
    n_sweeps: Count = 1
    base: Any = None

    def __post_init__(self) -> None:
        if self.spacing == "geometric" and self.start == 0:
            raise ValueError("start: expected a β above 0 with geometric spacing")

    @property
    def betas(self) -> Array:
        """The levels on the way down, 1 first, (n_temperatures + 1,)."""
        space = np.geomspace if self.spacing == "geometric" else np.linspace
        return space(1.0, self.start, self.n_temperatures + 1)

    def init(self, machine: Machine, n_chains: int, rng: Stream, given: Array | None = None) -> Walkers:
        """Start from independent fair units."""
        return begin(machine, n_chains, rng, given)

    def step(self, machine: Machine, state: Walkers, rng: Stream) -> tuple[Walkers, dict[str, Any]]:
        """One journey, accepted or not chain by chain, then n_sweeps sweeps; info has ``acceptance``."""
        log_ratio = np.zeros(len(state.chains))
        gone = state.chains.copy()
        levels = np.concatenate([self.betas, self.betas[-2::-1]])
        for k in range(1, len(levels)):
            here, there = machine.free_energy(gone, levels[k - 1 : k + 1, None], self.base)
            log_ratio += here - there
            if k < len(levels) - 1:  # at the bottom once, at every other level going down and coming up
                self._sweep(machine, gone, rng, levels[k], state.free)
        u = rng.uniform(1, len(log_ratio))[0]
        taken = np.log(u) < log_ratio
        both = np.where(taken[:, None], gone.x, state.chains.x)
        state.chains = machine.start(both)
        self._sweep(machine, state.chains, rng, 1.0, state.free)
        state.time += 1
        return state, {"acceptance": float(taken.mean())}

    def _sweep(self, machine: Machine, chains: Any, rng: Stream, beta: float, free: Array | None) -> None:
        scan: Scan = "random" if "random" in machine.scans else "auto"
        machine.sweep(chains, rng, self.n_sweeps, beta, self.base, free, scan)
