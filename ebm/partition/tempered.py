"""log Z from one run of parallel tempering, whose free energies are recorded at all levels."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from ebm.diagnostics import r_hat
from ebm.errors import settings
from ebm.machine import Array, Base, Machine
from ebm.partition.annealed import even_betas, near, reverse_log_weights
from ebm.partition.estimate import NOTHING, Context, Estimate, LogZ, log_mean_exp, single, weighty
from ebm.partition.growing import Effort, grow
from ebm.partition.limits import LEAST_LADDERS, MOST_ASIDE, MOST_DRIFT, MOST_STDERR
from ebm.partition.multistate import Ladder, bennett, mbar, thermodynamic
from ebm.samplers import Tempering
from ebm.samplers.tempering import Replicas
from ebm.stream import Stream

__all__ = [
    "MBAR",
    "BennettRatio",
    "Recorder",
    "ThermodynamicIntegration",
    "reversed_estimate",
    "tempered",
    "tempered_estimates",
]

_STEP = 1e-3  # half the distance of the temperatures by which free energies are differentiated
_ROOM = 6e6  # free energies kept, 48 MB: farther apart they say as much, and MBAR reads them often


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
    """
    run = Recorder(machine, Tempering(base=base), n_ladders, rng)
    while True:
        run.run(len(run) or n_records)  # as many steps as all so far, however far apart the records
        found = tempered_estimates(run, methods)
        if reverse is not None:
            stream, n_temperatures = reverse
            betas = even_betas(machine, n_temperatures, base=base, seed=stream)
            down = reversed_estimate(run, 3, n_temperatures, betas, stream)
            if trouble := found[methods[0]].trouble:  # samples that are not trusted make no estimate that is
                down = replace(down, trouble=down.trouble or f"reverse AIS: from {trouble}")
            found, reverse = found | {"reverse_ais": down}, (stream, 2 * n_temperatures)
        yield found


class Recorder:
    """Steps of a tempering run, every so often with the free energies of all replicas at all levels.

    Parameters
    ----------
    machine : Machine
    sampler : Tempering
    n_ladders : int
    rng : Stream
    stride : int
        Steps between records; doubled, and every second record dropped, when they would fill the memory.
    state : Replicas, optional
        Replicas that run already; the sampler's own `init` when left out.
    """

    def __init__(
        self,
        machine: Machine,
        sampler: Tempering,
        n_ladders: int,
        rng: Stream,
        stride: int = 2,
        state: Replicas | None = None,
    ) -> None:
        self.machine, self.sampler, self.rng, self.stride = machine, sampler, rng, stride
        self.state = sampler.init(machine, n_ladders, rng) if state is None else state
        self._u: list[Array] = []
        self._derivatives: list[Array] = []
        self._targets: list[Any] = []

    def run(self, n_records: int) -> None:
        """Take n_records more records; fewer, farther apart, when they would fill the memory."""
        until = self.state.time + n_records * self.stride
        while self.state.time < until:
            for _ in range(self.stride):
                self.sampler.step(self.machine, self.state, self.rng)
            self._record()
            if len(self) * self._u[-1].size > _ROOM:
                for kept in (self._u, self._derivatives, self._targets):
                    del kept[::2]
                self.stride *= 2

    def _record(self) -> None:
        state, base = self.state, self.sampler.base
        levels = np.repeat(state.betas[:, None], state.at.size, axis=1)
        self._u.append(self.machine.free_energy(state.chains, levels, base)[:, state.at])
        self._derivatives.append(_derivatives(self.machine, state, base)[:, state.at])
        self._targets.append(state.target)

    def __len__(self) -> int:
        return len(self._u)

    @property
    def start(self) -> int:
        """The record at which the last three quarters begin, those that estimates are made of."""
        return len(self) // 4

    def states(self, start: int = 0) -> Array:
        """States at β = 1 from record `start` on, (n_ladders, n_records, n_units)."""
        return np.stack([chains.x for chains in self._targets[start:]], axis=1)

    def energies(self, start: int = 0) -> Array:
        """F of the replicas at β = 1 from record `start` on, (n_ladders, n_records)."""
        level = self.state.level
        return np.stack([u[level, level] for u in self._u[start:]], axis=-1)

    def samples(self, n: int) -> Array:
        """States at β = 1 of n records evenly spread over the last half, (n, n_ladders, n_units)."""
        places = np.linspace(len(self) // 2, len(self) - 1, n).astype(int)
        return np.stack([self._targets[k].x for k in places])

    def ladder(self, start: int = 0, stop: int | None = None) -> Ladder:
        """The records from number `start` to `stop`."""
        u = np.stack(self._u[start:stop], axis=-1)
        slope, curve = np.stack(self._derivatives[start:stop], axis=-1)
        return Ladder(self.state.betas, u, slope, curve)


def _derivatives(machine: Machine, state: Replicas, base: Base) -> Array:
    """∂F/∂β and ∂²F/∂β² of every row at its own β, (2, rows), by central differences.

    Near 0 the three temperatures are moved up, for β must not be negative with a product measure at 0, and
    the slope is brought back.
    """
    beta = np.maximum(state.row_betas, _STEP)
    below, at, above = machine.free_energy(state.chains, beta + _STEP * np.array([[-1], [0], [1]]), base)
    slope, curve = (above - below) / (2 * _STEP), (above - 2 * at + below) / _STEP**2
    return np.stack([slope - curve * (beta - state.row_betas), curve])


def tempered_estimates(run: Recorder, methods: tuple[str, ...]) -> dict[str, Estimate]:
    """The estimates named, of "mbar", "bennett", "thermodynamic", from the last three quarters of a run."""
    start, level = run.start, run.state.level
    ladder = run.ladder(start)
    log_z0, facts = run.machine.log_z0(run.sampler.base), _facts(run, start)
    trouble = _trouble(run, ladder, start, facts)
    first, moved = bennett(ladder)
    found = {}
    for method in methods:
        extra = 0.0
        if method == "thermodynamic":
            part = Ladder(ladder.betas[: level + 1], ladder.u, *(a[: level + 1] for a in ladder.derivatives))
            f, own, extra = thermodynamic(part)
        else:
            each, influence = mbar(ladder, first) if method == "mbar" else (first, moved)
            f, own = float(each[level]), influence[level]
        stderr = math.hypot(math.sqrt(float((own**2).sum())), extra)
        loose = f"{method}: standard error {stderr:.2f}" if not stderr <= MOST_STDERR else ""
        if (
            abs(f - first[level]) > MOST_ASIDE * stderr
        ):  # of the same samples: only the integration can differ
            loose = f"{method}: {first[level] - f:+.2f} from what Bennett's ratio makes of the same samples"
        found[method] = Estimate(log_z0 - f, stderr, trouble or loose, facts, influence=-own)
    return found


def _facts(run: Recorder, start: int) -> dict[str, float]:
    state, energies = run.state, run.energies(start)
    with warnings.catch_warnings():  # short chains are judged here
        warnings.simplefilter("ignore", RuntimeWarning)
        spread = float(r_hat(energies)) if np.ptp(energies) > 0 else 1.0
    return {
        "n_chains": float(state.at.shape[1]),
        "n_temperatures": float(len(state.betas)),
        "n_records": float(len(run) - start),
        "r_hat": spread,
        "least_swap_rate": float(state.swap_rates.min()),
        "round_trips": float(state.round_trips),
    }


def _trouble(run: Recorder, ladder: Ladder, start: int, facts: dict[str, float]) -> str:
    """What speaks against a run: ladders that differ, an estimate that drifts, neighbours that never swap."""
    if facts["n_chains"] < LEAST_LADDERS:
        return f"tempering: {facts['n_chains']:.0f} ladders are too few for an error from their spread"
    if facts["least_swap_rate"] < 0.01:
        return "tempering: neighbouring levels do not swap"
    if not facts["r_hat"] <= 1.2:
        return f"tempering: the ladders differ in their energies at β = 1, R-hat {facts['r_hat']:.2f}"
    middle, level = (start + len(run)) // 2, run.state.level
    (f, one), (g, other) = bennett(run.ladder(start, middle)), bennett(run.ladder(middle))
    sigma = math.sqrt(float((one[level] ** 2).sum() + (other[level] ** 2).sum()))
    if abs(f[level] - g[level]) > MOST_DRIFT * sigma + 1e-9:
        return f"tempering: log Z drifts by {f[level] - g[level]:+.2f} between the halves of the run"
    return ""


def reversed_estimate(
    run: Recorder, n_each: int, n_temperatures: int, betas: Array | None, rng: Stream
) -> Estimate:
    """Reverse AIS from the samples of a tempering run: no bound, for they are not exact ones.

    The weights of a ladder are averaged first: its states are correlated, different ladders are not.
    """
    base, machine = run.sampler.base, run.machine
    x = run.samples(n_each)
    log_w = reverse_log_weights(
        machine, x.reshape(-1, x.shape[-1]), n_temperatures, base=base, betas=betas, seed=rng
    )
    by_ladder = [log_mean_exp(own)[0] for own in -log_w.reshape(n_each, -1).T]
    found = weighty(np.array(by_ladder), "reverse AIS", n_temperatures=float(n_temperatures))
    return Estimate(-found.value, found.stderr, found.trouble, found.facts, log_w)
