"""A tempering run whose samples are kept with all that makes them stand for any temperature."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ebm.errors import EbmError
from ebm.machine import Array, Machine
from ebm.partition.multistate import Ladder
from ebm.samplers import Tempering
from ebm.samplers.tempering import Replicas
from ebm.stream import Stream

__all__ = ["Kept", "Records"]

_STEP = 1e-3  # half the distance of the temperatures by which free energies are differentiated
_ROOM = 2e7  # numbers kept, 160 MB; their analysis takes a few times that
_LEAST = 16  # records kept, whatever their size
_STRIDE, _LONG_STRIDE = 2, 10  # steps between records; the second where a record costs many free energies


@dataclass(frozen=True)
class Kept:
    """Records as arrays.

    Attributes
    ----------
    ladder : Ladder
        F at the levels.
    betas : (n_temperatures,)
    values : (2 or 3·n_temperatures, K, n_ladders, n_records)
        F at β = 0 and 1 where F is linear in β; else at a step below, at, and a step above every
        temperature.
    """

    ladder: Ladder
    betas: Array
    values: Array

    def at(self, k: int) -> tuple[Array, Array, Array]:
        """F, ∂F/∂β, ∂²F/∂β² of all samples at the k-th temperature, each (K, n_ladders, n_records)."""
        if len(self.values) == 2:
            zero, one = self.values
            return zero + self.betas[k] * (one - zero), one - zero, np.zeros_like(one)
        below, at, above = self.values[k :: len(self.betas)]
        return at, (above - below) / (2 * _STEP), (above - 2 * at + below) / _STEP**2


class Records:
    """Steps of a tempering run, every so often with what is needed of all replicas.

    Where nothing is summed out, F_β = βH + U for every state, and two values of F are all that is kept.
    A sum over hidden units is no straight line: there F is kept at all levels, and at three temperatures
    about each one wanted.

    Parameters
    ----------
    machine : Machine
    sampler : Tempering
        Without a base.
    n_ladders : int
    betas : (n_temperatures,)
        The temperatures wanted.
    rng : Stream

    Attributes
    ----------
    state : Replicas
    n_steps : int
        Taken since the burn-in.
    stride : int
        Steps between records.
    """

    def __init__(
        self, machine: Machine, sampler: Tempering, n_ladders: int, betas: Array, rng: Stream
    ) -> None:
        self.machine, self.sampler, self.betas, self.rng = machine, sampler, betas, rng
        self.state: Replicas = sampler.init(machine, n_ladders, rng)
        self.stride = _LONG_STRIDE if machine.sums_out else _STRIDE
        about = (betas + _STEP * np.array([[-1], [0], [1]])).ravel()
        self._at = np.r_[self.state.betas, about] if machine.sums_out else np.array([0.0, 1.0])
        self.n_steps = 0
        self._values: list[Array] = []
        self._agreeing: list[Array] = []

    def __len__(self) -> int:
        return len(self._values)

    def run(self, n_steps: int, progress: Callable[[], object]) -> None:
        """Take n_steps more steps; records stand farther apart when they would fill the memory."""
        until = self.n_steps + n_steps
        per_row = max(len(self._at), len(self.state.betas))
        most = max(_LEAST, int(_ROOM / (per_row * self.state.at.size)))
        while self.n_steps < until:
            for _ in range(self.stride):
                self.sampler.step(self.machine, self.state, self.rng)
            self.n_steps += self.stride
            self._record()
            progress()
            if len(self) > most:
                del self._values[::2], self._agreeing[::2]
                self.stride *= 2

    def _record(self) -> None:
        state = self.state
        every = np.repeat(self._at[:, None], state.at.size, axis=1)
        values = self.machine.free_energy(state.chains, every)
        if not np.isfinite(values).all():
            raise EbmError(f"thermodynamics: infinite energies between β = 0 and {state.betas[-1]:g}")
        self._values.append(values[:, state.at])
        if self.machine.units.finite:
            x, paired = state.chains.x, state.at[:, : state.at.shape[1] // 2 * 2]
            self._agreeing.append((x[paired[:, ::2]] == x[paired[:, 1::2]]).sum(-1))

    def kept(self, start: int = 0, stop: int | None = None) -> Kept:
        """The records from number `start` to `stop`."""
        levels = self.state.betas
        values = np.stack(self._values[start:stop], axis=-1)
        if self.machine.sums_out:
            u, values = values[: len(levels)], values[len(levels) :]
        else:
            u = values[0] + levels[:, None, None, None] * (values[1] - values[0])
        nothing = np.zeros(0)  # derivatives are taken at the temperatures wanted
        return Kept(Ladder(levels, u, nothing, nothing), self.betas, values)

    def agreeing(self, start: int = 0) -> Array:
        """Units in which the replicas of ladders 2c and 2c + 1 agree, (K, n_ladders // 2, n_records)."""
        return np.stack(self._agreeing[start:], axis=-1)
