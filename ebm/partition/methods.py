"""Estimators of log Z that grow: each round does twice the work of the one before, until it is enough."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from ebm.machine import Base, Machine
from ebm.partition.annealed import annealed_log_weights, even_betas
from ebm.partition.estimate import Estimate, weighty
from ebm.partition.tempered import Recorder, reversed_estimate, tempered_estimates
from ebm.samplers import PopulationAnnealing, Tempering
from ebm.stream import Stream

__all__ = ["Annealed", "Growing", "Populated", "Reversed", "Tempered"]

_LEAST_FAMILIES = 100  # n / ρ_t, Wang, Machta & Katzgraber (2015)


class Growing(Protocol):
    """An estimator whose next round costs about twice its last one."""

    def grow(self) -> dict[str, Estimate]:
        """Do more work; return the estimates by name."""


class Annealed:
    """AIS along temperatures of equal weight variance; their number doubles.

    Parameters
    ----------
    base : (n_units·width,), optional
    n_temperatures : int
        Of the first round.
    """

    def __init__(
        self, machine: Machine, base: Base, rng: Stream, n_temperatures: int = 500, n_chains: int = 100
    ) -> None:
        self._machine, self._base, self._rng = machine, base, rng
        self._n, self._n_chains = n_temperatures, n_chains

    def grow(self) -> dict[str, Estimate]:
        """AIS with twice the temperatures."""
        betas = even_betas(self._machine, self._n, base=self._base, seed=self._rng)
        log_w = annealed_log_weights(
            self._machine, n_chains=self._n_chains, base=self._base, betas=betas, seed=self._rng
        )
        found = weighty(log_w, "AIS", n_temperatures=float(self._n))
        self._n *= 2
        return {"ais": found}


class Tempered:
    """Parallel tempering, with the estimates that its records allow; the run doubles in length.

    Parameters
    ----------
    methods : tuple of str
        Of "mbar", "bennett", "thermodynamic".
    n_records : int
        Of the first round.
    """

    def __init__(
        self,
        machine: Machine,
        base: Base,
        rng: Stream,
        methods: tuple[str, ...],
        n_ladders: int = 32,
        n_records: int = 64,
    ) -> None:
        self._machine, self._base, self._rng, self._methods = machine, base, rng, methods
        self._n_ladders, self._n = n_ladders, n_records
        self.run: Recorder | None = None
        self.trouble = ""  # of the run so far

    def grow(self) -> dict[str, Estimate]:
        """Go on until twice as many records are taken."""
        if self.run is None:
            self.run = Recorder(self._machine, Tempering(base=self._base), self._n_ladders, self._rng)
        self.run.run(len(self.run) or self._n)  # as many steps as all so far, however far apart the records
        found = tempered_estimates(self.run, self._methods)
        self.trouble = found[self._methods[0]].trouble
        return found


class Reversed:
    """A tempering run and reverse AIS from its samples; both double."""

    def __init__(self, tempered: Tempered, rng: Stream, n_temperatures: int = 500) -> None:
        self._tempered, self._rng, self._n = tempered, rng, n_temperatures

    def grow(self) -> dict[str, Estimate]:
        """Go on tempering, then anneal three states of every ladder."""
        tempered = self._tempered.grow()
        run = self._tempered.run
        assert run is not None
        betas = even_betas(run.machine, self._n, base=run.sampler.base, seed=self._rng)
        found = reversed_estimate(run, 3, self._n, betas, self._rng)
        self._n *= 2
        if self._tempered.trouble:  # samples that are not trusted make no estimate that is
            found = replace(found, trouble=found.trouble or f"reverse AIS: from {self._tempered.trouble}")
        return tempered | {"reverse_ais": found}


class Populated:
    """Population annealing; by turns the sweeps after each resampling and the population double."""

    def __init__(self, machine: Machine, base: Base, rng: Stream, n_chains: int = 1000) -> None:
        self._machine, self._base, self._rng, self._n = machine, base, rng, n_chains
        self._n_sweeps = 10

    def grow(self) -> dict[str, Estimate]:
        """Anneal a population, at twice the cost of the one before."""
        sampler = PopulationAnnealing(base=self._base, n_sweeps=self._n_sweeps)
        state = sampler.init(self._machine, self._n, self._rng)
        while not state.done:
            sampler.step(self._machine, state, self._rng)
        found = weighty(state.group_log_z, "population annealing", n_temperatures=float(state.time))
        facts = found.facts | {
            "n_chains": float(self._n),
            "rho_t": state.rho_t,
            "family_entropy": state.family_entropy,
        }
        families, trouble = self._n / state.rho_t, found.trouble
        if families < _LEAST_FAMILIES:
            trouble = trouble or f"population annealing: n/ρ_t = {families:.0f} families are too few"
        if self._n_sweeps * 100 > self._n:
            self._n *= 2
        else:
            self._n_sweeps *= 2
        return {"population": Estimate(found.value, found.stderr, trouble, facts, state.group_log_z)}
