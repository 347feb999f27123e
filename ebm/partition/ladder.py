"""A run of parallel tempering, recorded, and whether to believe it: log Z and thermodynamics read one."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import numpy as np

from ebm.diagnostics import r_hat
from ebm.errors import EbmError
from ebm.machine import Array, Machine
from ebm.partition.limits import (
    LEAST_LADDERS,
    LEAST_ROUND_TRIPS,
    LEAST_SWAP_RATE,
    MOST_DRIFT,
    MOST_R_HAT,
)
from ebm.partition.multistate import Ladder, bennett
from ebm.samplers.tempering import Replicas, Tempering
from ebm.stream import Stream

__all__ = ["STEP", "Recorder", "derivatives", "trouble"]

STEP = 1e-3  # half the distance of the temperatures by which free energies are differentiated
_ROOM = 6e6  # numbers kept, 48 MB: records farther apart say as much, and MBAR reads them often
_LEAST = 16  # records kept, whatever their size


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
    state : Replicas, optional
        Replicas that follow a machine which learns; the sampler's own `init` when left out. Of those no round
        trip is asked: looks are short, and trips are counted anew whenever the ladder adapts.
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
        state: Replicas | None = None,
    ) -> None:
        self.machine, self.sampler, self.rng, self.stride = machine, sampler, rng, stride
        self.follows = state is not None
        self.state = sampler.init(machine, n_ladders, rng) if state is None else state
        self.betas, self._also = np.empty(0) if betas is None else betas, also
        about = (self.betas + STEP * np.array([[-1], [0], [1]])).ravel()
        self.linear, levels = not machine.sums_out, self.state.betas
        self._at = np.array([0.0, 1.0]) if self.linear else np.r_[levels, about]
        self._most = max(_LEAST, int(room / (max(len(self._at), len(levels)) * self.state.at.size)))
        self._records: list[tuple[Array, ...]] = []

    def __len__(self) -> int:
        return len(self._records)

    @property
    def start(self) -> int:
        """The record at which the last three quarters begin, those that estimates are made of."""
        return len(self) // 4

    def run(self, n_records: int, progress: Callable[[], object] = lambda: None) -> None:
        """Take n_records more records; fewer, farther apart, when they would fill the memory."""
        until = self.state.time + n_records * self.stride
        while self.state.time < until:
            for _ in range(self.stride):
                self.sampler.step(self.machine, self.state, self.rng)
            self._records.append((self._free_energies(), *self._also(self.state)))
            progress()
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
        """How it went: sizes, how far apart the ladders are at the coldest level, how replicas move."""
        coldest, spread = ladder.u[-1, -1], 1.0
        with warnings.catch_warnings():  # short chains are judged here
            warnings.simplefilter("ignore", RuntimeWarning)
            if np.ptp(coldest) > 0:
                spread = float(r_hat(coldest))
        return {
            "n_chains": float(coldest.shape[0]),
            "n_temperatures": float(len(ladder.betas)),
            "n_records": float(coldest.shape[1]),
            "stride": float(self.stride),
            "r_hat": spread,
            "least_swap_rate": float(self.state.swap_rates.min()),
            "round_trips": float(self.state.round_trips),
        }


def derivatives(below: Array, at: Array, above: Array) -> tuple[Array, Array]:
    """First and second derivative by β of what is known a `STEP` below, at, and a step above."""
    return (above - below) / (2 * STEP), (above - 2 * at + below) / STEP**2


def trouble(ladder: Ladder, facts: dict[str, float], *, follows: bool = False) -> str:
    """What speaks against a run: ladders that differ, replicas that stay, an estimate that drifts."""
    if facts["n_chains"] < LEAST_LADDERS:
        return f"{facts['n_chains']:.0f} ladders are too few for an error from their spread"
    if facts["least_swap_rate"] < LEAST_SWAP_RATE:
        return "neighbouring levels do not swap"
    if facts["round_trips"] < LEAST_ROUND_TRIPS and not follows:
        return "no replica has gone up and down the ladder"
    coldest = f"β = {ladder.betas[-1]:g}"
    if not facts["r_hat"] <= MOST_R_HAT:
        return f"the ladders differ in their energies at {coldest}, R-hat {facts['r_hat']:.2f}"
    middle = ladder.u.shape[-1] // 2
    halves = (ladder.u[..., :middle], ladder.u[..., middle:])
    (f, one), (g, other) = (bennett(Ladder(ladder.betas, part)) for part in halves)
    sigma = math.sqrt(float((one[-1] ** 2).sum() + (other[-1] ** 2).sum()))
    if abs(f[-1] - g[-1]) > MOST_DRIFT * sigma + 1e-9:
        return f"log Z at {coldest} drifts by {f[-1] - g[-1]:+.2f} between the halves of the run"
    return ""
