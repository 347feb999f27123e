"""log Z from one run of parallel tempering, whose free energies are recorded at all levels."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ebm.errors import settings
from ebm.machine import Array, Base, Machine
from ebm.partition.annealed import even_betas, near, reverse_log_weights
from ebm.partition.estimate import NOTHING, Context, Estimate, LogZ, log_mean_exp, single, weighty
from ebm.partition.growing import SLOWER, Clock, Effort, RoundOver, grow
from ebm.partition.ladder import STEP, Recorder, derivatives, settled_below, trouble, up_to
from ebm.partition.limits import MOST_ASIDE, MOST_STDERR
from ebm.partition.multistate import Ladder, bennett, mbar, thermodynamic
from ebm.samplers import Tempering
from ebm.samplers.tempering import Replicas
from ebm.stream import Stream

__all__ = [
    "MBAR",
    "BennettRatio",
    "ThermodynamicIntegration",
    "recorded",
    "reversed_estimate",
    "tempered",
    "tempered_estimates",
]


@settings
class MBAR(Effort):
    """All levels of parallel tempering at once, by MBAR.

    References
    ----------
    Shirts & Chodera, "Statistically optimal analysis of samples from multiple equilibrium states" (2008).
    """

    def estimate(self, machine: Machine, rng: Stream, context: Context = NOTHING) -> LogZ:
        """log Z by MBAR."""
        return _from_tempering("mbar", self, machine, rng, context)


@settings
class BennettRatio(Effort):
    """Neighbouring levels of parallel tempering, by Bennett's acceptance ratio.

    References
    ----------
    Bennett, "Efficient estimation of free energy differences from Monte Carlo data" (1976).
    """

    def estimate(self, machine: Machine, rng: Stream, context: Context = NOTHING) -> LogZ:
        """log Z by the acceptance ratio."""
        return _from_tempering("bennett", self, machine, rng, context)


@settings
class ThermodynamicIntegration(Effort):
    """Mean energies over the levels of parallel tempering, integrated over β.

    References
    ----------
    Kirkwood (1935); Gelman & Meng, "Simulating normalizing constants" (1998).
    """

    def estimate(self, machine: Machine, rng: Stream, context: Context = NOTHING) -> LogZ:
        """log Z by integration."""
        return _from_tempering("thermodynamic", self, machine, rng, context)


def _from_tempering(method: str, effort: Effort, machine: Machine, rng: Stream, context: Context) -> LogZ:
    clock = Clock(effort.budget)
    run = tempered(machine, near(machine, rng, context), rng, (method,), clock=clock)
    grown = grow({"tempering": run}, effort, context.progress, clock=clock, cut=("tempering",))
    return single(method, grown)


def tempered(
    machine: Machine,
    base: Base,
    rng: Stream,
    methods: tuple[str, ...],
    *,
    n_ladders: int = 32,
    n_records: int = 64,
    reverse: tuple[Stream, int] | None = None,
    checked: bool = False,
    split: bool = False,
    clock: Clock | None = None,
) -> Iterator[dict[str, Estimate]]:
    """Parallel tempering whose run doubles from round to round, with the estimates that its records allow.

    Parameters
    ----------
    methods : tuple of str
        Of "mbar", "bennett", "thermodynamic".
    n_records : int
        Of the first round.
    reverse : (Stream, int), optional
        Of "reverse_ais" too, from three states of every ladder: its random numbers, and its temperatures in
        the first round, which grow with the work of the run.
    checked : bool
        Estimates of another kind will be held against these.
    split : bool
        Where the lower levels have settled and the others have not, let these go on alone. It pays where a
        sweep is dear, and not where replicas must go down to the hot end to change.
    clock : Clock, optional
        That says when the time is over: a round but the first ends then, and leaves what the estimates take.
    """
    run = recorded(machine, Tempering(base=base), n_ladders, rng)
    high, below, part, at_first, aside = None, None, run, 0, 0.0
    while True:
        with suppress(RoundOver):  # as many steps as all so far, however far apart the records
            over = clock.until(SLOWER * aside) if clock is not None and len(part) else clock
            part.run(len(part) or n_records, over)
        begun = 0.0 if clock is None else clock.spent
        if high is not None:
            below = _settled(run, methods, len(run.state.betas) - len(high.state.betas))
        estimates = tempered_estimates(high or run, methods, checked=checked, below=below)
        first = estimates[methods[0]]
        if reverse is not None:
            stream, first_temperatures = reverse
            parts = [run] if high is None else [run, high]
            work = sum(len(each) * each.stride * each.state.at.size for each in parts)
            at_first = at_first or work
            n_temperatures = first_temperatures * work // at_first
            betas = even_betas(machine, n_temperatures, base=base, seed=stream)
            down = reversed_estimate(high or run, 3, n_temperatures, betas, stream)
            if first.trouble:  # samples that are not trusted make no estimate that is
                down = replace(down, trouble=down.trouble or f"reverse AIS: from {first.trouble}")
            estimates |= {"reverse_ais": down}
        aside = 0.0 if clock is None else clock.spent - begun
        yield estimates
        if high is None:
            long = split and first.trouble and len(run) >= _LEAST_SPLIT
            if long and (k := settled_below(run)):
                high = part = run.above(k, **_kept(machine, base))
        elif below is not None:
            part = run if below.wants(first) else high or run


@dataclass(frozen=True)
class Below:
    """log Z at the level from which the slow part of a ladder goes on alone, by each method.

    Attributes
    ----------
    f : dict of str to (float, ndarray (n_ladders,), float)
        −log Z there minus that at the lowest level, nats; what each ladder moves it by; what else it is
        uncertain by.
    trouble : str
        What speaks against it.
    n_levels : int
    """

    f: dict[str, tuple[float, Array, float]]
    trouble: str
    n_levels: int

    def wants(self, whole: Estimate) -> bool:
        """Whether more of this part is what the whole needs: its error is at least half of the whole's."""
        mine = float(np.linalg.norm(self.f["bennett"][1]))
        return bool(self.trouble) or (not whole.trouble and 2 * mine**2 > whole.stderr**2)


def _settled(run: Recorder, methods: tuple[str, ...], k: int) -> Below:
    """What a run says of the levels up to number k."""
    ladder = run.ladder(run.start)
    f = {method: _rise(run, up_to(ladder, k), method, k) for method in {*methods, "bennett"}}
    doubt = "" if settled_below(run, k) else f"the levels up to β = {ladder.betas[k]:.3g} have not settled"
    return Below(f, doubt, k)


def _rise(run: Recorder, ladder: Ladder, method: str, level: int) -> tuple[float, Array, float]:
    """f at a level, its influence, and the error that is not in the spread of the ladders."""
    if method == "thermodynamic":
        own = _own_derivatives(run, run.start)[:, : level + 1]
        return thermodynamic(ladder.betas[: level + 1], *own)
    f, influence = bennett(ladder) if method == "bennett" else mbar(ladder)
    return float(f[level]), influence[level], 0.0


_LEAST_SPLIT = 128  # records, before which no part of a ladder is known to have settled
_LONG_STRIDE = 5  # steps between records where a record costs a free energy at every level


def recorded(machine: Machine, sampler: Tempering, n_ladders: int, rng: Stream, **settings: Any) -> Recorder:
    """A `Recorder` that keeps the states at β = 1 too, and where F is not linear its slopes by β."""
    return Recorder(machine, sampler, n_ladders, rng, **_kept(machine, sampler.base) | settings)


def _kept(machine: Machine, base: Base) -> dict[str, Any]:
    """What a recorder keeps, and how often."""
    if not machine.sums_out:
        return {"also": lambda state: (state.x,)}
    return {
        "also": lambda state: (state.x, _derivatives(machine, state, base)[:, state.at]),
        "stride": _LONG_STRIDE,
    }


def _derivatives(machine: Machine, state: Replicas, base: Base) -> Array:
    """∂F/∂β and ∂²F/∂β² of every row at its own β, (2, rows), by central differences.

    Near 0 the three temperatures are moved up, for β must not be negative with a product measure at 0, and
    the slope is brought back.
    """
    beta = np.maximum(state.row_betas, STEP)
    around = machine.free_energy(state.chains, beta + STEP * np.array([[-1], [0], [1]]), base)
    slope, curve = derivatives(*around)
    return np.stack([slope - curve * (beta - state.row_betas), curve])


def _own_derivatives(run: Recorder, start: int) -> Array:
    """∂F/∂β and ∂²F/∂β² of every sample at its own level, (2, K, n_ladders, n_records)."""
    if not run.linear:
        return run.kept(2, start)
    low, high = run.kept(0, start)
    return np.stack([high - low, np.zeros_like(low)])


def tempered_estimates(
    run: Recorder, methods: tuple[str, ...], *, checked: bool = False, below: Below | None = None
) -> dict[str, Estimate]:
    """The estimates named, of "mbar", "bennett", "thermodynamic", from the last half of a run."""
    level, ladder = run.state.level, run.ladder(run.start)
    facts = run.facts(ladder)
    against = trouble(ladder, facts, follows=run.follows, checked=checked)
    if below is not None:
        against = against or below.trouble
        facts["n_temperatures"] += below.n_levels
    log_z0, estimates = run.machine.log_z0(run.sampler.base), {}
    rises = {method: _rise(run, ladder, method, level) for method in {*methods, "bennett"}}
    if below is not None:
        rises = {method: _joined(below.f[method], rise) for method, rise in rises.items()}
    for method in methods:
        f, influence, extra = rises[method]
        stderr, aside = math.hypot(float(np.linalg.norm(influence)), extra), rises["bennett"][0] - f
        loose = f"{method}: standard error {stderr:.2f}" if not stderr <= MOST_STDERR else ""
        if abs(aside) > MOST_ASIDE * stderr:  # of the same samples: only integration can differ
            loose = f"{method}: {aside:+.2f} from what Bennett's ratio makes of the same samples"
        why = f"tempering: {against}" if against else loose
        estimates[method] = Estimate(log_z0 - f, stderr, why, facts, influence=-influence)
    return estimates


def _joined(one: tuple[float, Array, float], other: tuple[float, Array, float]) -> tuple[float, Array, float]:
    """The rise over two parts of a ladder; ladder c of one went on as ladder c of the other."""
    return one[0] + other[0], one[1] + other[1], one[2] + other[2]


def reversed_estimate(
    run: Recorder, n_each: int, n_temperatures: int, betas: Array | None, rng: Stream
) -> Estimate:
    """Reverse AIS from the samples of a tempering run: no bound, for they are not exact ones.

    The weights of a ladder are averaged first: its states are correlated, different ladders are not.
    """
    base, machine = run.sampler.base, run.machine
    places = np.linspace(len(run) // 2, len(run) - 1, n_each).astype(int)  # spread evenly over the last half
    x = np.moveaxis(run.kept(1)[..., places], -1, 0)
    log_w = reverse_log_weights(
        machine, x.reshape(-1, x.shape[-1]), n_temperatures, base=base, betas=betas, seed=rng
    )
    by_ladder = [log_mean_exp(part)[0] for part in -log_w.reshape(n_each, -1).T]
    estimates = weighty(np.array(by_ladder), "reverse AIS", n_temperatures=float(n_temperatures))
    return Estimate(-estimates.value, estimates.stderr, estimates.trouble, estimates.facts, log_w)
