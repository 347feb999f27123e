"""A run of parallel tempering, recorded, and whether to believe it: log Z and thermodynamics read one."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ebm.diagnostics import r_hat
from ebm.errors import EbmError
from ebm.machine import Array, Base, Machine
from ebm.partition.estimate import Progress
from ebm.partition.limits import (
    LEAST_LADDERS,
    LEAST_ROUND_TRIPS,
    LEAST_SWAP_RATE,
    MOST_APART,
    MOST_DRIFT,
    MOST_R_HAT,
    MOST_R_HAT_BELOW,
    MOST_R_HAT_CHECKED,
)
from ebm.partition.multistate import Ladder, bennett
from ebm.samplers.tempering import Replicas, Tempering
from ebm.stream import Stream

__all__ = ["STEP", "Recorder", "derivatives", "ends_apart", "settled_below", "trouble", "up_to"]

STEP = 1e-3  # half the distance of the temperatures by which free energies are differentiated
_ROOM = 6e6  # numbers kept, 48 MB: records farther apart say as much, and MBAR reads them often
_LEAST = 16  # records kept, whatever their size
_AWAY = 2  # levels, from the highest that has settled, at which a ladder is parted
_LOOKED_AT = 6  # levels of which R-hat is taken


class Recorder:
    """Steps of a tempering run, every so often with the free energies of all replicas at all levels.

    Where a machine sums nothing out, F_β is linear in β for every state, and two values are all that is
    kept. A sum over hidden units is no straight line: there F is kept at all levels, and at a step below, at,
    and a step above every temperature wanted.

    Parameters
    ----------
    machine : Machine
    sampler : Tempering
    n_ladders : int
    rng : Stream
    stride : int
        Steps between records; doubled, and every second record dropped, when they would fill the memory.
    betas : (n_betas,), optional
        The temperatures wanted.
    also : callable, optional
        Arrays to be kept of the replicas beside their free energies.
    room : float
        Numbers that fill the memory.
    beside : int
        How many numbers `also` keeps of each replica.
    state : Replicas, optional
        Where replicas are already. When left out, they come from the sampler's own `init`, and the second
        half of the ladders is then started again from the other end: all replicas of a ladder at the most
        probable state that any has met.
    follows : bool
        Whether `state` has followed a machine which learns. Of those no round trip is asked: looks are short,
        and trips are counted anew whenever the ladder adapts.
    """

    def __init__(
        self,
        machine: Machine,
        sampler: Tempering,
        n_ladders: int,
        rng: Stream,
        *,
        stride: int = 2,
        betas: Array | None = None,
        also: Callable[[Replicas], tuple[Array, ...]] = lambda _: (),
        room: float = _ROOM,
        beside: int = 0,
        state: Replicas | None = None,
        follows: bool = True,
    ) -> None:
        self.machine, self.sampler, self.rng, self.stride = machine, sampler, rng, stride
        self.follows = follows and state is not None
        if state is None:
            state = sampler.init(machine, n_ladders, rng)
            _restart(machine, state, sampler.base)
        self.state = state
        self.betas, self._also = np.empty(0) if betas is None else betas, also
        about = (self.betas + STEP * np.array([[-1], [0], [1]])).ravel()
        self.linear, levels = not machine.sums_out, self.state.betas
        self._at = np.array([0.0, 1.0]) if self.linear else np.r_[levels, about]
        each = max(len(self._at), len(levels)) + beside
        self._most = max(_LEAST, int(room / (each * self.state.at.size)))
        self._records: list[tuple[Array, ...]] = []

    def __len__(self) -> int:
        return len(self._records)

    def above(self, k: int, **settings: Any) -> Recorder:
        """A recorder of the levels from number k on, whose replicas go on from where they are."""
        sampler, state = self.sampler.above(self.state, k)
        return Recorder(
            self.machine, sampler, state.at.shape[1], self.rng, state=state, follows=False, **settings
        )

    @property
    def start(self) -> int:
        """The record at which those begin that estimates are made of: the last half of a run.

        Of replicas that follow a machine, the last three quarters.
        """
        return len(self) // 4 if self.follows else len(self) // 2

    def run(self, n_records: int, progress: Progress = None) -> None:
        """Take n_records more records; fewer, farther apart, when they would fill the memory."""
        until = self.state.time + n_records * self.stride
        while self.state.time < until:
            for _ in range(self.stride):
                self.sampler.step(self.machine, self.state, self.rng)
            self._records.append((self._free_energies(), *self._also(self.state)))
            if progress is not None:
                progress(1 - (until - self.state.time) / (n_records * self.stride), "")
            if len(self) > self._most:
                del self._records[::2]
                self.stride *= 2

    def _free_energies(self) -> Array:
        state = self.state
        every = np.repeat(self._at[:, None], state.at.size, axis=1)
        values = self.machine.free_energy(state.chains, every, self.sampler.base)
        if not np.isfinite(values).all():
            raise EbmError(f"tempering: infinite energies between β = 0 and {state.betas[-1]:g}")
        return values[:, state.at]

    def kept(self, k: int, start: int = 0, stop: int | None = None) -> Array:
        """The k-th array of the records from number `start` to `stop`, stacked along a last axis."""
        return np.stack([record[k] for record in self._records[start:stop]], axis=-1)

    def ladder(self, start: int = 0, stop: int | None = None) -> Ladder:
        """The records as free energies at all levels."""
        values, levels = self.kept(0, start, stop), self.state.betas
        if self.linear:
            return Ladder(levels, values[0] + levels[:, None, None, None] * (values[1] - values[0]))
        return Ladder(levels, values[: len(levels)])

    def at(self, start: int = 0) -> Callable[[int], tuple[Array, Array, Array]]:
        """F, ∂F/∂β, ∂²F/∂β² of all samples at the k-th temperature, each (K, n_ladders, n_records)."""
        values = self.kept(0, start)
        if self.linear:
            slope, nothing = values[1] - values[0], np.zeros_like(values[0])
            return lambda k: (values[0] + self.betas[k] * slope, slope, nothing)
        about, n = values[len(self.state.betas) :], len(self.betas)
        return lambda k: (about[n + k], *derivatives(*about[k::n]))

    def facts(self, ladder: Ladder) -> dict[str, float]:
        """How it went: sizes, how far apart the ladders are, how replicas move.

        ``r_hat`` is the largest over some of the levels, of energies; ``apart`` is by how many standard
        errors the ladders from the two ends differ, in what estimates are made of or in the quarter of the
        run before it.
        """
        facts = {
            "n_chains": float(ladder.u.shape[2]),
            "n_temperatures": float(len(ladder.betas)),
            "n_records": float(ladder.u.shape[3]),
            "stride": float(self.stride),
            "r_hat": _largest_r_hat(ladder),
            "least_swap_rate": float(self.state.swap_rates.min()),
            "round_trips": float(self.state.round_trips),
        }
        if not self.follows:
            before = self.ladder(self.start // 2, self.start)
            facts["apart"] = max(ends_apart(before), ends_apart(ladder))
        return facts


def _restart(machine: Machine, state: Replicas, base: Base) -> None:
    """Start the second half of the ladders from what is the other end for the first, which began as noise.

    What noise has not found yet, these have not forgotten yet: estimates of the two bracket the truth until
    both are in equilibrium.
    """
    cold = state.at[:, state.at.shape[1] - state.at.shape[1] // 2 :]
    x = state.chains.x.copy()
    start = x[np.argmin(machine.free_energy(state.chains, state.betas[-1], base))]
    x[cold] = start
    state.chains = machine.start(x)


def _largest_r_hat(ladder: Ladder) -> float:
    """R-hat of energies at some of the levels, the coldest among them: the largest."""
    places = np.linspace(len(ladder.betas) - 1, 0, _LOOKED_AT).astype(int)
    return max(r_hat_at(ladder, k) for k in np.unique(places))


def r_hat_at(ladder: Ladder, k: int) -> float:
    """R-hat of energies at a level; 1 where they never change."""
    energies = ladder.u[-1, k] - ladder.u[0, k]
    if not np.ptp(energies) > 0:
        return 1.0
    with warnings.catch_warnings():  # short chains are judged here
        warnings.simplefilter("ignore", RuntimeWarning)
        return float(r_hat(energies))


def settled_below(run: Recorder, at: int | None = None) -> int:
    """A level up to which a run has settled, where the rest is not half of it; else 0.

    From there the slow part of the ladder can go on by itself. It is two below the highest that has settled:
    next to what is slow a level may be slow too. With `at`, whether that level has. The last half of the run
    is asked: R-hat of every level, and whether the two ends have met.
    """
    ladder = run.ladder(run.start)
    n_levels, k = len(ladder.betas), 0
    while k + 1 < n_levels and r_hat_at(ladder, k + 1) <= MOST_R_HAT_BELOW:
        k += 1
    if at is None:
        k = 0 if k == n_levels - 1 else k - _AWAY
    for level in range(k, n_levels // 2 - 1, -1) if at is None else [at] * (k >= at):
        if ends_apart(up_to(ladder, level)) <= MOST_APART:
            return level
    return 0


def up_to(ladder: Ladder, k: int) -> Ladder:
    """The levels up to number k of a ladder."""
    return Ladder(ladder.betas[: k + 1], ladder.u[: k + 1, : k + 1])


def ends_apart(ladder: Ladder) -> float:
    """By how many standard errors the ladders from the two ends differ, the largest over levels.

    It is taken of what each ladder moves log Z at a level by, and of its mean energy there. Few ladders give
    Student's t of long tails (Welch 1947); it is brought to the normal deviate that is as improbable.
    """
    from scipy.special import ndtri, stdtr

    n_ladders = ladder.u.shape[2]
    if n_ladders < LEAST_LADDERS or ladder.u.shape[3] < 2:
        return 0.0
    energies = (ladder.u[-1] - ladder.u[0]).mean(-1)
    numbers = np.concatenate([bennett(ladder)[1][1:], energies])
    hot, cold = np.split(numbers, [n_ladders - n_ladders // 2], axis=1)
    rounding = 1e-9 * np.abs(numbers).max(1) + 1e-50
    one, other = (np.maximum(part.var(1, ddof=1), rounding**2) / part.shape[1] for part in (hot, cold))
    t = np.abs(hot.mean(1) - cold.mean(1)) / np.sqrt(one + other)
    degrees = (one + other) ** 2 / (one**2 / (hot.shape[1] - 1) + other**2 / (cold.shape[1] - 1))
    tail = stdtr(degrees, -t)
    return float(np.max(np.where(tail > 0, -ndtri(tail), t)))


def derivatives(below: Array, at: Array, above: Array) -> tuple[Array, Array]:
    """First and second derivative by β of what is known a `STEP` below, at, and a step above."""
    return (above - below) / (2 * STEP), (above - 2 * at + below) / STEP**2


def trouble(ladder: Ladder, facts: dict[str, float], *, follows: bool = False, checked: bool = False) -> str:
    """What speaks against a run: ladders that differ, replicas that stay, ends that have not met.

    Parameters
    ----------
    follows : bool
        Replicas have followed a machine that learns.
    checked : bool
        Estimates of another kind will be held against it.
    """
    if facts["n_chains"] < LEAST_LADDERS:
        return f"{facts['n_chains']:.0f} ladders are too few for an error from their spread"
    if facts["least_swap_rate"] < LEAST_SWAP_RATE:
        return "neighbouring levels do not swap"
    if facts["round_trips"] < LEAST_ROUND_TRIPS and not follows:
        return "no replica has gone up and down the ladder"
    coldest = f"β = {ladder.betas[-1]:g}"
    if not facts["r_hat"] <= (MOST_R_HAT_CHECKED if follows or checked else MOST_R_HAT):
        return f"the ladders differ in their energies up to {coldest}, R-hat {facts['r_hat']:.2f}"
    if not facts.get("apart", 0.0) <= MOST_APART:
        return f"ladders started from both ends have not met, {facts['apart']:.1f} standard errors apart"
    return _drift(ladder, coldest)


def _drift(ladder: Ladder, coldest: str) -> str:
    middle = ladder.u.shape[-1] // 2
    halves = (ladder.u[..., :middle], ladder.u[..., middle:])
    (f, one), (g, other) = (bennett(Ladder(ladder.betas, part)) for part in halves)
    sigma = math.sqrt(float((one[-1] ** 2).sum() + (other[-1] ** 2).sum()))
    if abs(f[-1] - g[-1]) > MOST_DRIFT * sigma + 1e-9:
        return f"log Z at {coldest} drifts by {f[-1] - g[-1]:+.2f} between the halves of the run"
    return ""
