"""Parallel tempering: replicas of the machine at many inverse temperatures, which swap them.

A ladder is one replica at each level β_1 < … < β_L. Any number of ladders run side by side, and all their
replicas are one batch of chains with a β for every row. A swap moves no state: two rows exchange their β,
so the products that the chains keep stay valid and a swap costs two free energies and nothing else.

Swaps of neighbouring levels alternate between even and odd pairs; the replicas then travel up and down the
ladder instead of diffusing along it (Syed, Bouchard-Côté, Deligiannidis & Doucet 2022). The levels are
placed, while the chains burn in, where all neighbours swap equally often: at equal steps of the sum of
rejection rates along the ladder, which is a smooth function of β (the same paper, section 5).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from ebm.errors import settings
from ebm.machine import Array, Base, Chains, Count, Machine
from ebm.samplers.houdayer import houdayer
from ebm.samplers.pairwise import require_pairwise
from ebm.samplers.walkers import Walkers, begin, turn
from ebm.stream import Stream

__all__ = ["Replicas", "Tempering"]

_FIRST_ROUND = 8  # steps; every round of adaptation is twice as long as the one before
_REJECTED = 0.45  # rejection rate of neighbours that a ladder of free length is made for
_MOST = 200  # levels of such a ladder
_FEWEST = 4


@dataclass(kw_only=True)
class Replicas(Walkers):
    """Replicas of C ladders of L levels, and what they have done.

    Attributes
    ----------
    betas : (L,) float64
        The levels, ascending.
    at : (L, C) int64
        The row, among the chains, of the replica at each level of each ladder.
    level : int
        The level with β = 1.
    accepted : (L − 1,) float64
        Sum over swaps tried of their probability, for each pair of neighbours.
    tried : (L − 1,) int64
        Swaps tried.
    heading : (rows,) int8
        1: last seen at the lowest level; 2: at the highest, since it was at the lowest; 0: at neither.
    round_trips : int
        Journeys lowest → highest → lowest completed by any replica.
    """

    betas: Array
    at: Array
    level: int
    accepted: Array
    tried: Array
    heading: Array
    round_trips: int = 0

    @property
    def target(self) -> Chains:
        """The chains at β = 1, in the order of the ladders."""
        return self.chains.take(self.at[self.level])

    @property
    def row_betas(self) -> Array:
        """β of every row of the chains, (L·C,)."""
        beta = np.empty(self.at.size)
        beta[self.at] = self.betas[:, None]
        return beta

    @property
    def facts(self) -> dict[str, Any]:
        """Swap rates, round trips, levels."""
        return {"swap_rates": self.swap_rates, "round_trips": self.round_trips, "betas": self.betas}

    @property
    def swap_rates(self) -> Array:
        """The rate at which neighbours swap, (L − 1,); NaN where none has been tried."""
        with np.errstate(invalid="ignore"):
            return self.accepted / self.tried


@settings
class Tempering:
    """Parallel tempering with a ladder of inverse temperatures that adapts to equal swap rates.

    Parameters
    ----------
    n_replicas : int, optional
        Levels of the ladder; when left out, as many as make neighbours swap at a rate of about 0.55.
    start, stop : float
        The lowest and the highest β. A highest one above 1 serves thermodynamics; the samples are those of
        the level β = 1.
    betas : tuple of float, optional
        A ladder of your own, ascending, with 1 in it; nothing adapts.
    n_sweeps : int
        Sweeps between swaps: those of one step.
    n_adapt : int
        Steps of burn-in, while the ladder adapts; part of `init`.
    base : (n_units·width,), optional
        Inputs at β = 0, such as ``base_rate(machine, data)``; None is zero: p_β ∝ exp(−βH).
    houdayer : bool
        Exchange isoenergetic clusters between pairs of ladders after the sweeps (`ebm.samplers.houdayer`):
        for fully connected machines with sparse couplings. The ladders of a pair are then not independent.

    References
    ----------
    Swendsen & Wang (1986); Hukushima & Nemoto (1996); Syed, Bouchard-Côté, Deligiannidis & Doucet (2022).

    Examples
    --------
    >>> import numpy as np, ebm
    >>> wells = ebm.BoltzmannMachine(ebm.Ising(), 0.4 * (1 - np.eye(12)))
    >>> found = ebm.sample(wells, 400, sampler=ebm.Tempering(), seed=1)
    >>> bool(abs((found.x.sum(1) > 0).mean() - 0.5) < 0.1)
    True
    """

    length: ClassVar[None] = None

    n_replicas: Annotated[int, Field(ge=2, lt=2**31)] | None = None
    start: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    stop: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 1.0
    betas: Annotated[tuple[float, ...], Field(strict=False)] | None = None
    n_sweeps: Count = 1
    n_adapt: Annotated[int, Field(ge=0, lt=2**31)] = 250
    base: Any = None
    houdayer: bool = False

    def __post_init__(self) -> None:
        if self.start >= 1:
            raise ValueError(f"start: expected a β below 1, got {self.start}")
        if self.base is not None and self.stop > 1:
            raise ValueError("base: a product measure at β = 0 allows β up to 1 only; expected stop=1")
        if self.betas is not None:
            betas = np.asarray(self.betas)
            if len(betas) < 2 or not np.isfinite(betas).all() or (np.diff(betas) <= 0).any():
                raise ValueError(f"betas: expected two or more, ascending, got {self.betas}")
            if 1.0 not in self.betas:
                raise ValueError("betas: expected 1 among them: samples are taken at β = 1")

    def init(self, machine: Machine, n_chains: int, rng: Stream, given: Array | None = None) -> Replicas:
        """Start n_chains ladders from independent fair units, adapt the levels and burn in."""
        if self.houdayer:
            require_pairwise(machine, "Tempering with houdayer", "finitely many states", "houdayer=False")
        betas = self._first_betas()
        tiled = None if given is None else np.tile(given, (len(betas), 1))
        begun = begin(machine, len(betas) * n_chains, rng, tiled, betas)
        state = Replicas(begun.chains, begun.free, **_standing(betas, n_chains))
        if self.betas is not None:
            for _ in range(self.n_adapt):
                self.step(machine, state, rng)
            return _counted_anew(state)
        length, left = _FIRST_ROUND, self.n_adapt
        while left > 0:
            for _ in range(min(length, left)):
                self.step(machine, state, rng)
            left -= length
            length *= 2
            if left > length // 4:  # the last round leaves the ladder as it is
                self.adapt(state)
        return _counted_anew(state)

    def resume(self, machine: Machine, arrays: Mapping[str, Array]) -> Replicas:
        """The replicas that `pack` stored, running again."""
        return Replicas.unpack((machine,), arrays)

    def step(self, machine: Machine, state: Replicas, rng: Stream) -> tuple[Replicas, dict[str, Any]]:
        """n_sweeps sweeps of all replicas, then one swap of every other pair of neighbours.

        The info has ``swap_rates``, (L − 1,), and ``round_trips`` since `init`, and ``betas``, (L,).
        """
        machine.sweep(state.chains, rng, self.n_sweeps, state.row_betas, self.base, state.free)
        if self.houdayer:
            _exchange_clusters(machine, state, rng)
        _swap(machine, state, rng, self.base)
        state.time += 1
        return state, state.facts

    def _first_betas(self) -> Array:
        if self.betas is not None:
            return np.array(self.betas, np.float64)
        betas = np.linspace(self.start, self.stop, self.n_replicas or 12)
        return _with_one(betas)

    def above(self, state: Replicas, k: int) -> tuple[Tempering, Replicas]:
        """A ladder of the levels from number k on, with copies of the replicas that stand there."""
        rest = replace(self, betas=tuple(state.betas[k:].tolist()), n_adapt=0)
        places = _standing(state.betas[k:].copy(), state.at.shape[1])
        return rest, Replicas(state.chains.take(state.at[k:].ravel()), state.free, **places)

    def adapt(self, state: Replicas) -> None:
        """Place the levels at equal steps of the summed rejection rates; states go to the nearest level.

        A ladder that was given stands. After it nothing has been tried.
        """
        if self.betas is not None or not state.tried.all():
            return
        n_chains = state.at.shape[1]
        rejected = np.clip(1 - state.swap_rates, 1e-3, 1)
        total = np.concatenate([[0.0], np.cumsum(rejected)])
        n = self.n_replicas or _length_for(total[-1], len(rejected) + 1)
        betas = _with_one(np.interp(np.linspace(0, total[-1], n), total, state.betas))
        nearest = np.abs(betas[:, None] - state.betas).argmin(1)
        state.chains = state.chains.take(state.at[nearest].ravel())
        vars(state).update(_standing(betas, n_chains))


def _length_for(barrier: float, now: int) -> int:
    """Levels for a summed rejection rate; at most twice as many as now, whose sum may be a poor estimate."""
    return min(max(_FEWEST, math.ceil(barrier / _REJECTED) + 1), 2 * now, _MOST)


def _with_one(betas: Array) -> Array:
    """The ladder with its level nearest to 1 put there."""
    betas = betas.copy()
    inner = np.abs(betas - 1)
    betas[inner.argmin()] = 1.0
    return betas


def _standing(betas: Array, n_chains: int) -> dict[str, Any]:
    """Fields of replicas of which row l·C + c is at level l of ladder c."""
    at = np.arange(len(betas) * n_chains).reshape(len(betas), n_chains)
    return {"betas": betas, "at": at, "level": int(np.flatnonzero(betas == 1.0)[0])} | _nothing(at)


def _nothing(at: Array) -> dict[str, Any]:
    """Fields of replicas that have done nothing yet."""
    pairs = len(at) - 1
    counts = {"accepted": np.zeros(pairs), "tried": np.zeros(pairs, np.int64), "round_trips": 0}
    return counts | {"heading": np.zeros(at.size, np.int8)}


def _counted_anew(state: Replicas) -> Replicas:
    vars(state).update(_nothing(state.at))
    return state


def _swap(machine: Machine, state: Replicas, rng: Stream, base: Base) -> None:
    """Try to swap the even or the odd pairs of neighbours in every ladder, math.md (11.1)."""
    at, (levels, n_chains) = state.at, state.at.shape
    low = np.arange(state.time % 2, levels - 1, 2)
    beta = np.empty((2, at.size))  # of every row: its own, and that of the neighbour it may swap with
    beta[:, at] = state.betas[:, None]
    beta[1, at[low]], beta[1, at[low + 1]] = state.betas[low + 1, None], state.betas[low, None]
    here, there = machine.free_energy(state.chains, beta, base)
    gain = here - there
    log_ratio = gain[at[low]] + gain[at[low + 1]]
    u = rng.uniform(n_chains, levels)[:, low].T
    with np.errstate(over="ignore"):
        probability = np.exp(np.minimum(log_ratio, 0.0))
    swapped = u < probability
    at[low], at[low + 1] = np.where(swapped, at[low + 1], at[low]), np.where(swapped, at[low], at[low + 1])
    state.accepted[low] += probability.sum(1)
    state.tried[low] += n_chains
    state.round_trips += int(turn(state.heading, at[0], at[-1]).sum())


def _exchange_clusters(machine: Machine, state: Replicas, rng: Stream) -> None:
    """A Houdayer move between the replicas of every two ladders, at each level."""
    paired = state.at.shape[1] // 2 * 2
    if paired:
        pairs = state.at[:, :paired].reshape(-1, 2)
        state.chains = machine.start(houdayer(machine, state.chains.x, pairs, rng, state.free))
