"""log Z from one run of parallel tempering, whose free energies are recorded at all levels."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from ebm.errors import settings
from ebm.machine import Array, Base, Machine
from ebm.partition.annealed import even_betas, near, reverse_log_weights
from ebm.partition.estimate import NOTHING, Context, Estimate, LogZ, Progress, log_mean_exp, single, weighty
from ebm.partition.growing import Effort, grow
from ebm.partition.ladder import STEP, Recorder, derivatives, trouble
from ebm.partition.limits import MOST_ASIDE, MOST_STDERR
from ebm.partition.multistate import bennett, mbar, thermodynamic
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
    run = tempered(machine, near(machine, rng, context), rng, (method,))
    return single(method, grow({"tempering": run}, effort, context.progress))


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
    tick: Progress = None,
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
        the first round.
    checked : bool
        Estimates of another kind will be held against these.
    tick : callable, optional
        Called after every record.
    """
    run = recorded(machine, Tempering(base=base), n_ladders, rng)
    while True:
        run.run(len(run) or n_records, tick)  # as many steps as all so far, however far apart the records
        estimates = tempered_estimates(run, methods, checked=checked)
        if reverse is not None:
            stream, n_temperatures = reverse
            betas = even_betas(machine, n_temperatures, base=base, seed=stream)
            down = reversed_estimate(run, 3, n_temperatures, betas, stream)
            if doubt := estimates[
                methods[0]
            ].trouble:  # samples that are not trusted make no estimate that is
                down = replace(down, trouble=down.trouble or f"reverse AIS: from {doubt}")
            estimates, reverse = estimates | {"reverse_ais": down}, (stream, 2 * n_temperatures)
        yield estimates


_LONG_STRIDE = 5  # steps between records where a record costs a free energy at every level


def recorded(machine: Machine, sampler: Tempering, n_ladders: int, rng: Stream, **settings: Any) -> Recorder:
    """A `Recorder` that keeps the states at β = 1 too, and where F is not linear its slopes by β."""

    def also(state: Replicas) -> tuple[Array, ...]:
        if not machine.sums_out:
            return (state.x,)
        return state.x, _derivatives(machine, state, sampler.base)[:, state.at]

    stride = {"stride": _LONG_STRIDE} if machine.sums_out else {}
    return Recorder(machine, sampler, n_ladders, rng, also=also, **stride | settings)


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
    run: Recorder, methods: tuple[str, ...], *, checked: bool = False
) -> dict[str, Estimate]:
    """The estimates named, of "mbar", "bennett", "thermodynamic", from the last half of a run."""
    start, level = run.start, run.state.level
    ladder = run.ladder(start)
    facts = run.facts(ladder)
    against = trouble(ladder, facts, follows=run.follows, checked=checked)
    log_z0 = run.machine.log_z0(run.sampler.base)
    first, moved = bennett(ladder)
    estimates = {}
    for method in methods:
        extra = 0.0
        if method == "thermodynamic":
            below = _own_derivatives(run, start)[:, : level + 1]
            f, influence, extra = thermodynamic(ladder.betas[: level + 1], *below)
        else:
            each, influences = mbar(ladder, first) if method == "mbar" else (first, moved)
            f, influence = float(each[level]), influences[level]
        stderr = math.hypot(math.sqrt(float((influence**2).sum())), extra)
        loose = f"{method}: standard error {stderr:.2f}" if not stderr <= MOST_STDERR else ""
        if abs(f - first[level]) > MOST_ASIDE * stderr:  # of the same samples: only integration can differ
            loose = f"{method}: {first[level] - f:+.2f} from what Bennett's ratio makes of the same samples"
        why = f"tempering: {against}" if against else loose
        estimates[method] = Estimate(log_z0 - f, stderr, why, facts, influence=-influence)
    return estimates


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
