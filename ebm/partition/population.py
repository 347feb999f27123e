"""Population annealing as an estimator of log Z."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ebm.errors import settings
from ebm.machine import Base, Machine
from ebm.partition.annealed import near
from ebm.partition.estimate import NOTHING, Context, Estimate, LogZ, single, weighty
from ebm.partition.growing import Effort, grow
from ebm.partition.limits import LEAST_FAMILIES
from ebm.samplers import PopulationAnnealing
from ebm.stream import Stream

__all__ = ["AnnealedPopulation", "populated"]


@settings
class AnnealedPopulation(Effort):
    """Population annealing.

    References
    ----------
    Machta, "Population annealing with weighted averages" (2010); Wang, Machta & Katzgraber (2015).
    """

    def estimate(self, machine: Machine, rng: Stream, context: Context = NOTHING) -> LogZ:
        """log Z by the mean weight of groups of a population that are resampled apart."""
        member = populated(machine, near(machine, rng, context), rng)
        return single("population", grow({"population": member}, self, context.progress))


def populated(
    machine: Machine, base: Base, rng: Stream, n_chains: int = 1000, n_sweeps: int = 10
) -> Iterator[dict[str, Estimate]]:
    """Population annealing; by turns the sweeps after each resampling and the population double."""
    while True:
        sampler = PopulationAnnealing(base=base, n_sweeps=n_sweeps)
        state = sampler.init(machine, n_chains, rng)
        while not state.done:
            sampler.step(machine, state, rng)
        estimate = weighty(state.group_log_z, "population annealing", n_temperatures=float(state.time))
        facts = {"n_chains": float(n_chains), "rho_t": state.rho_t, "family_entropy": state.family_entropy}
        families, trouble = n_chains / state.rho_t, estimate.trouble
        if families < LEAST_FAMILIES:
            trouble = trouble or f"population annealing: n/ρ_t = {families:.0f} families are too few"
        yield {"population": replace(estimate, trouble=trouble, facts=estimate.facts | facts)}
        if n_sweeps * 100 > n_chains:
            n_chains *= 2
        else:
            n_sweeps *= 2
