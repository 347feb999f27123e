"""Population annealing as an estimator of log Z."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ebm.errors import settings
from ebm.machine import Base, Machine
from ebm.partition.annealed import near
from ebm.partition.estimate import NOTHING, Context, Estimate, LogZ, Progress, single, weighty
from ebm.partition.growing import Effort, grow
from ebm.partition.limits import LEAST_FAMILIES
from ebm.partition.rising import SHORTER, Rounds
from ebm.samplers import PopulationAnnealing
from ebm.stream import Stream

__all__ = ["AnnealedPopulation", "populated"]

_FEWEST = 40  # chains, two for each of the groups


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
    machine: Machine,
    base: Base,
    rng: Stream,
    n_chains: int = 500,
    n_sweeps: int = 10,
    tick: Progress = None,
) -> Iterator[dict[str, Estimate]]:
    """Population annealing; by turns the sweeps after each resampling and the population double."""
    rounds = Rounds()
    for fraction in SHORTER:  # of fewer chains: as few sweeps as one leave nothing in equilibrium
        few, short = max(_FEWEST, n_chains // 4), max(1, 4 * n_sweeps // fraction)
        trial = _populate(machine, base, rng.split(fraction), few, short, tick)
        rounds.add(few * short, trial, trial=True)
    while True:
        yield {
            "population": rounds.add(
                n_chains * n_sweeps, _populate(machine, base, rng, n_chains, n_sweeps, tick)
            )
        }
        if n_sweeps * 100 > n_chains:
            n_chains *= 2
        else:
            n_sweeps *= 2


def _populate(
    machine: Machine, base: Base, rng: Stream, n_chains: int, n_sweeps: int, tick: Progress
) -> Estimate:
    sampler = PopulationAnnealing(base=base, n_sweeps=n_sweeps)
    state = sampler.init(machine, n_chains, rng)
    while not state.done:
        sampler.step(machine, state, rng)
        if tick is not None:
            tick(state.beta, "")
    estimate = weighty(state.group_log_z, "population annealing", n_temperatures=float(state.time))
    facts = {"n_chains": float(n_chains), "rho_t": state.rho_t, "family_entropy": state.family_entropy}
    families, trouble = n_chains / state.rho_t, estimate.trouble
    if families < LEAST_FAMILIES:
        trouble = trouble or f"population annealing: n/ρ_t = {families:.0f} families are too few"
    return replace(estimate, trouble=trouble, facts=estimate.facts | facts)
