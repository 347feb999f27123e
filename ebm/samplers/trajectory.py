"""Trajectory tempering: swaps between machines saved along training, instead of temperatures.

Learning starts at a machine without couplings, which every chain crosses freely, and ends at the target: the
machines on the way are a ladder whose first rung forgets and whose neighbours overlap. Unlike temperatures,
they meet no first-order transition where learning met none. A swap of the states x of two machines A and B
is accepted with probability min(1, e^Δ),

    Δ = F_A(x_A) + F_B(x_B) − F_A(x_B) − F_B(x_A),

which leaves the product p_A·p_B as it is, whatever the two machines are, so the target is sampled correctly
with any ladder; a good one makes it fast. Only x is exchanged: what a machine sums out may differ in size.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from ebm.arguments import as_count, as_number
from ebm.errors import EbmError, expect_all, settings
from ebm.machine import Array, Chains, Count, Machine, Scan, as_machine
from ebm.samplers.walkers import Walkers, begin, turn
from ebm.stream import SAMPLE, Seed, Stream

__all__ = ["Rungs", "TrajectoryTempering", "select_machines"]


@dataclass
class Rungs(Walkers):
    """Chains of the target, and as many of every easier machine.

    Attributes
    ----------
    easier : list of Chains
        One for each machine of the sampler, in its order. `chains` and `x` are the target's.
    replica : ndarray of int, (n_machines + 1, n_chains)
        Which replica of a column stands on each rung, the easiest first, the target last.
    heading : ndarray of int, (n_machines + 1, n_chains)
        Of each replica, by its number: 1 when the easiest rung was the last end that it met, 2 when it was
        the target after the easiest, 0 before it met the easiest.
    round_trips : ndarray of int, (n_machines + 1, n_chains)
        Of each replica: ways from the easiest rung to the target and back.
    tried, accepted : ndarray of int, (n_machines,)
        Swaps of each pair of neighbours so far, over all columns.
    """

    easier: list[Chains] = field(default_factory=list)
    replica: Array = field(default_factory=lambda: np.empty((0, 0), np.int64))
    heading: Array = field(default_factory=lambda: np.empty((0, 0), np.int64))
    round_trips: Array = field(default_factory=lambda: np.empty((0, 0), np.int64))
    tried: Array = field(default_factory=lambda: np.empty(0, np.int64))
    accepted: Array = field(default_factory=lambda: np.empty(0, np.int64))

    @property
    def acceptance(self) -> Array:
        """The rate of accepted swaps of each pair of neighbours so far, (n_machines,); NaN if none tried."""
        return _rate(self.accepted, self.tried)


def _rate(accepted: Array, tried: Array) -> Array:
    return np.where(tried > 0, accepted / np.maximum(tried, 1), np.nan)


@settings
class TrajectoryTempering:
    """Parallel tempering along the machines of a training run.

    A step sweeps the chains of every machine, then swaps states between neighbours: the pairs (0, 1), (2, 3)
    … in even steps, (1, 2), (3, 4) … in odd ones, which makes replicas drift along the ladder instead of
    diffusing. Each chain of the target has a ladder of its own.

    Parameters
    ----------
    machines : tuple of Machine
        Earlier machines, the easiest first, with the units and the size of the target, which is the machine
        that is sampled; `select_machines` chooses them from many.
    n_sweeps : int
        Sweeps of every machine per step.
    scan : {"auto", "systematic", "random", "chromatic"}

    References
    ----------
    Béreux, Decelle, Furtlehner, Rosset & Seoane, "Fast training and sampling of restricted Boltzmann
    machines", ICLR (2025), section 5. Syed, Bouchard-Côté, Deligiannidis & Doucet, "Non-reversible parallel
    tempering", JRSS B 84 (2022), for the alternation of pairs.

    Examples
    --------
    >>> import numpy as np, ebm
    >>> J = np.ones((6, 6)) - np.eye(6)
    >>> trajectory = tuple(ebm.BoltzmannMachine(ebm.Ising(), k * J) for k in (0.0, 0.2, 0.4))
    >>> found = ebm.sample(
    ...     ebm.BoltzmannMachine(ebm.Ising(), 0.7 * J), 1000, sampler=ebm.TrajectoryTempering(trajectory)
    ... )
    >>> bool(abs(found.x[:, 0].mean()) < 0.3)
    True
    """

    length: ClassVar[None] = None

    machines: Annotated[tuple[Any, ...] | list[Any], Field(min_length=1)]
    n_sweeps: Count = 1
    scan: Scan = "auto"

    def init(self, machine: Machine, n_chains: int, rng: Stream, given: Array | None = None) -> Rungs:
        """Start every rung from independent fair units.

        Raises
        ------
        EbmError
            A machine of other units or size than the target, or one that is not normalisable.
        """
        check_machines(self.machines, machine)
        walkers = [begin(m, n_chains, rng, given) for m in (*self.machines, machine)]
        state = Rungs(walkers[-1].chains, walkers[-1].free, easier=[w.chains for w in walkers[:-1]])
        rungs = len(walkers)
        state.replica = np.repeat(np.arange(rungs)[:, None], n_chains, axis=1)
        state.round_trips = np.zeros((rungs, n_chains), np.int64)
        state.heading = np.zeros((rungs, n_chains), np.int64)
        state.heading[0] = 1
        state.tried, state.accepted = np.zeros((2, rungs - 1), np.int64)
        return state

    def resume(self, machine: Machine, arrays: Mapping[str, Array]) -> Rungs:
        """The chains of all machines that `pack` stored, running again."""
        return Rungs.unpack((*self.machines, machine), arrays)

    def step(self, machine: Machine, state: Rungs, rng: Stream) -> tuple[Rungs, dict[str, Any]]:
        """Sweep every machine, then swap between neighbours.

        Returns
        -------
        state : Rungs
            The one given, changed in place.
        info : dict
            ``acceptance``, (n_machines,): the rate of accepted swaps of each pair of neighbours in this step,
            NaN for pairs whose turn it is not; ``round_trips``, (n_machines + 1, n_chains): of each replica
            since the start.
        """
        machines = (*self.machines, machine)
        rungs = [*state.easier, state.chains]
        for each, chains in zip(machines, rungs, strict=True):
            each.sweep(chains, rng, self.n_sweeps, free=state.free, scan=self.scan)
        u = rng.uniform(len(self.machines), len(state.chains))
        tried, accepted = np.zeros_like(state.tried), np.zeros_like(state.accepted)
        for k in range(state.time % 2, len(self.machines), 2):
            swapped = _swap(machines[k : k + 2], rungs, k, u[k])
            _exchange(state.replica, k, swapped)
            tried[k], accepted[k] = len(swapped), swapped.sum()
        state.easier, state.chains = rungs[:-1], rungs[-1]
        state.tried += tried
        state.accepted += accepted
        columns = np.arange(state.replica.shape[1])
        ends = (state.replica[0], columns), (state.replica[-1], columns)
        state.round_trips[ends[0]] += turn(state.heading, *ends)
        state.time += 1
        return state, {"acceptance": _rate(accepted, tried), "round_trips": state.round_trips.copy()}


def check_machines(machines: Sequence[Machine], target: Machine) -> None:
    """Raise `EbmError` unless all machines have the target's states and are normalisable."""
    for k, machine in enumerate(machines):
        as_machine(machine, f"machines: number {k}")
        got, expected = (f"{m.n_units} units {m.units}, {m.n_visible} visible" for m in (machine, target))
        if got != expected:
            raise EbmError(f"machines: number {k}: expected {expected} as in the target, got {got}")
        if not machine.normalisable():
            raise EbmError(f"machines: number {k}: {machine} is not normalisable")


def _swap(pair: Sequence[Machine], rungs: list[Chains], k: int, u: Array) -> Array:
    """Try to swap rungs k and k + 1 in every column; return where it was accepted, (n_chains,) bool.

    Each machine meets the states of both rungs in one batch, of which it then takes its rows: what it made
    of them for the free energies serves its next sweep.
    """
    both = np.concatenate([rungs[k].x, rungs[k + 1].x])
    n = len(u)
    batches = [machine.start(both) for machine in pair]
    easier, harder = (m.free_energy(batch) for m, batch in zip(pair, batches, strict=True))
    gap = easier - harder
    swapped = np.log(u) < gap[:n] - gap[n:]
    row = np.arange(n)
    rungs[k] = batches[0].take(np.where(swapped, row + n, row))
    rungs[k + 1] = batches[1].take(np.where(swapped, row, row + n))
    return swapped


def _exchange(rows: Array, k: int, where: Array) -> None:
    """Exchange rows k and k + 1 in place in these columns."""
    rows[k : k + 2, where] = rows[k : k + 2, where][::-1]


def select_machines(
    machines: Iterable[Machine],
    target: Machine,
    *,
    least: float = 0.25,
    n_chains: int = 200,
    n_sweeps: int = 10,
    seed: Seed = 0,
) -> tuple[Machine, ...]:
    """Choose a ladder for `TrajectoryTempering` from machines saved along training.

    Chains that begin at fair units are swept along the trajectory, `n_sweeps` at each machine; their states
    estimate the acceptance of a swap between any two machines. From the target down, each next rung is the
    earliest machine that is reached before the acceptance falls below `least`.

    Parameters
    ----------
    machines : iterable of Machine
        In the order of training, the earliest first.
    target : Machine
        The last one; it is not among those returned.
    least : float
        The acceptance wanted, in (0, 1).
    n_chains, n_sweeps : int
    seed : int, SeedSequence or Generator

    Returns
    -------
    tuple of Machine
        The easiest first: always the earliest of `machines`.

    Raises
    ------
    EbmError
        No machines, machines of other states than the target's, or `least` outside (0, 1).

    Warns
    -----
    RuntimeWarning
        Two neighbours in the trajectory swap more rarely than `least`: more machines should have been saved.

    References
    ----------
    Béreux et al. (2025), section 5, who choose while they train, with the chains of learning.

    Examples
    --------
    >>> import numpy as np, ebm
    >>> J = np.ones((6, 6)) - np.eye(6)
    >>> saved = [ebm.BoltzmannMachine(ebm.Ising(), k * J) for k in np.linspace(0, 0.7, 101)]
    >>> len(ebm.select_machines(saved[:-1], saved[-1])) < 10
    True
    """
    saved = list(expect_all(machines, Machine, "machines", "a sequence of machines"))
    if not saved:
        raise EbmError("machines: expected at least one")
    if not 0 < as_number(least, "least") < 1:
        raise EbmError(f"least: expected an acceptance in (0, 1), got {least}")
    check_machines(saved, as_machine(target, "target"))
    saved.append(target)
    states = _along(saved, as_count(n_chains, "n_chains"), as_count(n_sweeps, "n_sweeps"), seed)
    chosen, at = [], len(saved) - 1
    while at > 0:
        below = at - 1
        rate = _acceptance(saved, states, below, at)
        if rate < least:
            warnings.warn(
                f"select_machines: machines {below} and {at} of the trajectory swap at a rate of {rate:.2g},"
                f" below {least}",
                RuntimeWarning,
                stacklevel=2,
            )
        while below > 0 and _acceptance(saved, states, below - 1, at) >= least:
            below -= 1
        chosen.append(saved[below])
        at = below
    return tuple(chosen[::-1])


def _along(machines: Sequence[Machine], n_chains: int, n_sweeps: int, seed: Seed) -> list[Array]:
    """States met at each machine by chains that are swept along the trajectory."""
    rng = Stream(seed).split(SAMPLE)
    x, states = machines[0].sample0(n_chains, rng), []
    for machine in machines:
        x = machine.sweep(x, rng, n_sweeps)
        states.append(x)
    return states


def _acceptance(machines: Sequence[Machine], states: Sequence[Array], a: int, b: int) -> float:
    """The mean acceptance of a swap between a and b, over all pairs of their states."""
    both = np.concatenate([states[a], states[b]])
    gap = machines[a].free_energy(both) - machines[b].free_energy(both)
    n = len(states[a])
    return float(np.exp(np.minimum(gap[:n, None] - gap[n:], 0.0)).mean())
