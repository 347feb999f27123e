"""Annealed importance sampling as estimators of log Z: up from a product measure, and down from samples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ebm.errors import NotSupported, TooLarge, settings
from ebm.machine import Base, Count, Machine
from ebm.partition.annealed import annealed_log_weights, even_betas, near, reverse_log_weights
from ebm.partition.estimate import NOTHING, Context, Estimate, LogZ, Progress, single, weighty
from ebm.partition.growing import Effort, grow
from ebm.partition.rising import SHORTER, Rounds, covering
from ebm.partition.tempered import tempered
from ebm.samplers import Direct
from ebm.stream import Stream

__all__ = ["AIS", "ReverseAIS", "annealed"]


@settings
class AIS:
    """Annealed importance sampling: a lower bound in probability.

    Parameters
    ----------
    n_temperatures : int
        Steps of β, of equal weight variance.
    n_chains : int

    References
    ----------
    Neal, "Annealed importance sampling" (2001); Salakhutdinov & Murray (2008).
    """

    n_temperatures: Count = 1000
    n_chains: Count = 100

    def estimate(self, machine: Machine, rng: Stream, context: Context = NOTHING) -> LogZ:
        """log Z by the mean weight of chains that are annealed from the product measure."""
        base = near(machine, rng, context)
        estimate = _anneal(machine, base, rng, self.n_temperatures, self.n_chains, context.progress)
        rounds = _shorter(machine, base, rng, self.n_temperatures, self.n_chains)
        return single("ais", {"ais": rounds.add(self.n_temperatures, estimate)}, lower=estimate.value)


def _shorter(
    machine: Machine, base: Base, rng: Stream, n_temperatures: int, n_chains: int, tick: Progress = None
) -> Rounds:
    """What AIS makes of a fraction of the temperatures: whether it has stopped rising shows there."""
    rounds = Rounds()
    for k, fraction in enumerate(SHORTER):
        few = max(1, n_temperatures // fraction)
        rounds.add(few, _anneal(machine, base, rng.split(k), few, n_chains, tick), trial=True)
    return rounds


def _anneal(
    machine: Machine, base: Base, rng: Stream, n_temperatures: int, n_chains: int, progress: Progress = None
) -> Estimate:
    betas = even_betas(machine, n_temperatures, base=base, seed=rng)
    log_w = annealed_log_weights(
        machine, n_chains=n_chains, base=base, betas=betas, seed=rng, progress=progress
    )
    return weighty(log_w, "AIS", n_temperatures=float(n_temperatures))


def annealed(
    machine: Machine,
    base: Base,
    rng: Stream,
    n_temperatures: int = 500,
    n_chains: int = 100,
    tick: Progress = None,
) -> Iterator[dict[str, Estimate]]:
    """AIS whose temperatures double from round to round."""
    rounds = _shorter(machine, base, rng, n_temperatures, n_chains, tick)
    while True:
        estimate = _anneal(machine, base, rng, n_temperatures, n_chains, tick)
        yield {"ais": rounds.add(n_temperatures, estimate)}
        n_temperatures *= 2


@settings
class ReverseAIS(Effort):
    """Annealing from the machine down: an upper bound in probability if its samples can be exact.

    Where they cannot, it starts from `data`, or else from samples of parallel tempering, which then grow
    until they are accurate. Its weights do not show what the rarest samples would add, so as many chains are
    annealed upwards too, and the error covers how far these stay below: the fact ``to_come``, nats.

    Parameters
    ----------
    n_temperatures : int
        Steps of β, of equal weight variance.
    n_chains : int

    References
    ----------
    Burda, Grosse & Salakhutdinov, "Accurate and conservative estimates of MRF log-likelihood using reverse
    annealing" (2015), section 3.
    """

    n_temperatures: Count = 1000
    n_chains: Count = 100

    def estimate(self, machine: Machine, rng: Stream, context: Context = NOTHING) -> LogZ:
        """log Z by the mean weight of chains that are annealed down to the product measure."""
        base = near(machine, rng, context)
        try:
            x, start = Direct().init(machine, self.n_chains, rng).x, "exact"
        except (TooLarge, NotSupported):
            if context.data is None:
                run = tempered(machine, base, rng, ("mbar",), reverse=(rng, self.n_temperatures))
                grown = grow({"tempering": run}, self, context.progress)
                return _unbounded(self._faced(grown, machine, base, rng), "tempered")
            some = rng.permutation(len(context.data))[: self.n_chains]
            x, start = machine.clamp(context.data[some], rng, 100), "data"
        betas = even_betas(machine, self.n_temperatures, base=base, seed=rng)
        log_w = reverse_log_weights(machine, x, base=base, betas=betas, seed=rng, progress=context.progress)
        turned = weighty(-log_w, "reverse AIS", n_temperatures=float(self.n_temperatures))
        down = replace(turned, value=-turned.value, log_weights=log_w)
        faced = self._faced({"reverse_ais": down}, machine, base, rng)
        if start == "data":
            return _unbounded(faced, "data")
        return single("reverse_ais", faced, upper=down.value)

    def _faced(
        self, estimates: dict[str, Estimate], machine: Machine, base: Base, rng: Stream
    ) -> dict[str, Estimate]:
        """The estimates, the error of reverse AIS counting what the way up does not confirm."""
        down = estimates["reverse_ais"]
        up = _anneal(machine, base, rng.split(1), int(down.facts["n_temperatures"]), self.n_chains)
        return estimates | {"reverse_ais": covering(down, up)}


def _unbounded(estimate: dict[str, Estimate], start: str) -> LogZ:
    whole = single("reverse_ais", estimate)
    return replace(whole, reason=f"not a bound: started from {start} samples; {whole.reason}")
