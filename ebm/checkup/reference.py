"""What the machine itself says: states in equilibrium, or one line on why there are none."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from ebm.errors import NotSupported, TooLarge
from ebm.machine import Array, Base, Machine
from ebm.partition.ladder import Recorder, trouble
from ebm.samplers.direct import Direct
from ebm.samplers.tempering import Replicas, Tempering
from ebm.samplers.trajectory import TrajectoryTempering
from ebm.stream import Stream

__all__ = ["Reference", "exactly", "reference"]

_LADDERS, _LEAST_SWAPS, _SIGMAS = 32, 0.01, 4.0


@dataclass(frozen=True)
class Reference:
    """States that stand for the machine in equilibrium.

    Attributes
    ----------
    x : ndarray, (n, n_units)
    chain : ndarray of int, (n,)
        Rows of one ladder depend on each other.
    method : str
    trouble : str
        Why they are not to be trusted, in one line; empty when nothing speaks against them.
    facts : dict of str to float
    """

    x: Array
    chain: Array
    method: str
    trouble: str = ""
    facts: dict[str, float] = field(default_factory=dict)


def exactly(machine: Machine, n: int, rng: Stream) -> Reference | None:
    """Exact draws, where they are cheap."""
    try:
        return Reference(Direct().init(machine, n, rng).x, np.arange(n), "exact draws")
    except (TooLarge, NotSupported):
        return None


def reference(
    machine: Machine,
    n: int,
    trajectory: Sequence[Machine],
    base: Base,
    rng: Stream,
    steps: int,
    tell: Callable[[float], object],
) -> Reference:
    """About n states, along a trajectory if there is one, else by tempering from a product measure."""
    if trajectory:
        return _along(machine, n, trajectory, rng, steps, tell)
    return _tempered(machine, n, base, rng, steps, tell)


def _tempered(
    machine: Machine, n: int, base: Base, rng: Stream, steps: int, tell: Callable[[float], object]
) -> Reference:
    """The last half of ladders from two ends, judged as those of log Z are."""

    def cold(state: Replicas) -> tuple[Array, ...]:
        return (state.x,)

    each = -(-n // _LADDERS)
    recorder = Recorder(machine, Tempering(base=base), _LADDERS, rng, also=cold, stride=max(1, steps // 64))
    recorder.run(max(16, steps // recorder.stride), lambda done, line: tell(done))
    ladder = recorder.ladder(recorder.start)
    facts = recorder.facts(ladder)
    x = recorder.kept(1, recorder.start)  # (ladders, units, records)
    places = np.unique(np.linspace(0, x.shape[2] - 1, each).astype(int))
    states = np.moveaxis(x[..., places], 2, 0).reshape(-1, machine.n_units)
    chain = np.tile(np.arange(x.shape[0]), len(places))
    return Reference(states, chain, "tempering", trouble(ladder, facts, checked=True), facts)


def _along(
    machine: Machine,
    n: int,
    trajectory: Sequence[Machine],
    rng: Stream,
    steps: int,
    tell: Callable[[float], object],
) -> Reference:
    """The last half of ladders along the machines that led here."""
    sampler, n_ladders = TrajectoryTempering(tuple(trajectory)), max(_LADDERS, n // 4)
    state = sampler.init(machine, n_ladders, rng)
    apart = max(1, steps // 8)
    states: list[Array] = []
    for step in range(steps):
        state, _ = sampler.step(machine, state, rng)
        if step >= steps // 2 and (step + 1) % apart == 0:
            states.append(state.x.copy())
        tell((step + 1) / steps)
    trips, swaps = float(state.round_trips.sum()) / n_ladders, float(np.nanmin(state.acceptance))
    facts = {"n_chains": float(n_ladders), "round_trips": trips, "least_swap_rate": swaps}
    energies = np.stack([machine.free_energy(x) for x in states])
    half = len(energies) // 2
    change = energies[half:].mean(0) - energies[:half].mean(0)
    z = abs(change.mean()) / max(change.std(ddof=1) / math.sqrt(n_ladders), 1e-300)
    why = ""
    if swaps < _LEAST_SWAPS:
        why = "neighbouring machines of the trajectory do not swap"
    elif trips < 1:
        why = f"a ladder along the trajectory has made {trips:.2g} round trips; expected one or more"
    elif z > _SIGMAS:
        why = f"energies along the trajectory still drift, by {z:.1f} standard errors"
    return Reference(
        np.concatenate(states), np.tile(np.arange(n_ladders), len(states)), "trajectory tempering", why, facts
    )
