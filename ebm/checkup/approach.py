"""Plain Gibbs sampling from noise and from data as a function of time: what users of a machine will see."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ebm.checkup.distances import KINDS, Distance, Yardstick
from ebm.machine import Array, Machine
from ebm.samplers.pilot import evenly
from ebm.samplers.relaxation import LEAST, relaxation
from ebm.stream import RELAX, Stream

__all__ = ["Approach", "looks", "run"]

_JUDGED = 256  # sweeps from which on it is asked whether all has settled
_SIGMAS = 3.0  # standard errors by which what is the same may differ
_FORGOTTEN = 3.0  # relaxation times after which a start is forgotten, to 5 %
_FEW, _LONGEST = 100, 1024  # chains, and sweeps, that measure the relaxation time


@dataclass
class Approach:
    """Chains of Gibbs sweeps, looked at at times that double in two steps.

    Attributes
    ----------
    times : list of int, (k,)
        Sweeps.
    energies : dict of str to list of ndarray, (n_chains,)
        Free energies at those times, nats, by where chains began: "noise" and, where there are data, "data".
    distances : dict of str to dict of str to list of Distance
        From data, by start and kind; none without data.
    last : dict of str to ndarray, (n_chains, n_units)
        The states at the end.
    settled : bool
        Chains from noise and from data have become alike, no longer change, and ran for three relaxation
        times: they are in equilibrium as far as plain sweeps can tell.
    tau : float
        Relaxation time in sweeps, of the chains at the end; those from data where there are any.
    """

    times: list[int] = field(default_factory=list)
    energies: dict[str, list[Array]] = field(default_factory=dict)
    distances: dict[str, dict[str, list[Distance]]] = field(default_factory=dict)
    last: dict[str, Array] = field(default_factory=dict)
    settled: bool = False
    tau: float = math.nan

    def energy(self, start: str) -> tuple[Array, Array]:
        """Mean free energies along the times and their standard errors, nats, (k,) each."""
        own = self.energies[start]
        return np.array([f.mean() for f in own]), np.array([f.std(ddof=1) / len(f) ** 0.5 for f in own])

    def curve(self, start: str, kind: str) -> tuple[Array, Array]:
        """Distances of one kind along the times and their standard errors, (k,) each."""
        along = self.distances[start][kind]
        return np.array([one.value for one in along]), np.array([one.stderr for one in along])


def looks(most: int) -> list[int]:
    """1, 2, 3, 4, 6, 8, 12, … up to `most`.

    Examples
    --------
    >>> looks(20)
    [1, 2, 3, 4, 6, 8, 12, 16, 20]
    """
    powers = [2**k for k in range(most.bit_length())]
    return [t for t in sorted({*powers, *(3 * p // 2 for p in powers)}) if t < most] + [most]


def run(
    machine: Machine,
    starts: dict[str, Array],
    yardstick: Yardstick | None,
    rng: Stream,
    most: int,
    tell: Callable[[float], object],
) -> Approach:
    """Sweep chains from their starts, side by side, and look: until they have settled, or `most` sweeps."""
    chains, done = machine.start(np.concatenate(list(starts.values()))), 0
    ends = np.cumsum([0, *(len(x) for x in starts.values())])
    parts = {name: slice(ends[k], ends[k + 1]) for k, name in enumerate(starts)}
    found = Approach(energies={name: [] for name in starts})
    if yardstick is not None:
        found.distances = {name: {kind: [] for kind in KINDS} for name in starts}
    for time in looks(most):
        machine.sweep(chains, rng, time - done)
        done, free, x = time, machine.free_energy(chains), chains.x
        found.times.append(time)
        found.last = {name: x[rows] for name, rows in parts.items()}
        for name, rows in parts.items():
            found.energies[name].append(free[rows])
            if yardstick is not None:
                for kind, one in yardstick.distances(x[rows]).items():
                    found.distances[name][kind].append(one)
        tell(done / most)
        if yardstick is not None and time >= _JUDGED and time.bit_count() == 1 and _alike(found, yardstick):
            found.tau = _tau(machine, found, rng, time)
            if time >= _FORGOTTEN * found.tau:
                found.settled = True
                break
    if math.isnan(found.tau):
        found.tau = _tau(machine, found, rng, done)
    return found


def _alike(found: Approach, yardstick: Yardstick) -> bool:
    """Whether chains from both starts are alike, and as they were at half of the time."""
    one, other = found.last.values()
    if any(d.square > _SIGMAS * d.square_stderr for d in yardstick.between(one, other).values()):
        return False
    before = found.times.index(found.times[-1] // 2)
    f = [own[k] for own in found.energies.values() for k in (before, -1)]
    pairs = (f[0], f[1]), (f[2], f[3]), (f[1], f[3])
    return all(abs(a.mean() - b.mean()) <= _SIGMAS * _error(a, b) for a, b in pairs)


def _error(a: Array, b: Array) -> float:
    return math.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b))


def _tau(machine: Machine, found: Approach, rng: Stream, spent: int) -> float:
    x = found.last.get("data", found.last["noise"])
    few = machine.start(x[evenly(len(x), _FEW)])
    return relaxation(machine, few, rng.split(RELAX).split(spent), max(LEAST, min(_LONGEST, spent)))
