"""What every sampler changes and offers: walkers, an `init` and a `step`.

A sampler holds settings and nothing else; what changes is in the `Walkers` that it takes and returns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from ebm.machine import Array, Chains, HasInputs, Machine, require_density
from ebm.stream import Stream

__all__ = [
    "Adapts",
    "Pools",
    "Resumes",
    "Sampler",
    "Strides",
    "Walkers",
    "advance",
    "begin",
    "resume",
    "turn",
]


@dataclass
class Walkers:
    """What a sampler changes: chains, the mask of units that may move, the time, and the best states.

    `done` is set by a sampler that ends before its `length`.
    """

    chains: Chains
    free: Array | None = None
    time: int = 0
    best_x: Array | None = None
    best_energy: Array | None = None
    done: bool = False

    @property
    def target(self) -> Chains:
        """The chains that sample the machine, at β = 1 where the sampler knows other temperatures too."""
        return self.chains

    @property
    def x(self) -> Array:
        """Their states, (n_chains, n_units)."""
        return self.target.x

    @property
    def facts(self) -> dict[str, Any]:
        """What `sample` adds to its diagnostics."""
        if self.best_x is None:
            return {}
        return {"best_x": self.best_x, "best_energy": self.best_energy}

    def pack(self) -> dict[str, Array]:
        """Everything as arrays, to be stored in a checkpoint: the states of chains, and what is counted.

        A list of chains becomes as many arrays. What is derived from the machine is left out.
        """
        out: dict[str, Array] = {"chains": self.chains.x}
        for entry in fields(self):
            value = getattr(self, entry.name)
            if isinstance(value, list):
                out |= {f"{entry.name}.{k}": chains.x for k, chains in enumerate(value)}
            elif isinstance(value, (np.ndarray, int, float)):
                out[entry.name] = np.array(value)
        return out

    @classmethod
    def unpack(cls, machines: Sequence[Machine], arrays: Mapping[str, Array]) -> Self:
        """What `pack` stored, running again: the chains in the last of the machines, lists in the others."""
        values: dict[str, Any] = {}
        for entry in fields(cls):
            parts = [key for key in arrays if key.startswith(f"{entry.name}.")]
            if entry.name == "chains":
                values["chains"] = machines[-1].start(arrays["chains"])
            elif parts:
                easier = (arrays[f"{entry.name}.{k}"] for k in range(len(parts)))
                values[entry.name] = [m.start(x) for m, x in zip(machines, easier, strict=False)]
            elif entry.name in arrays:
                value = arrays[entry.name]
                values[entry.name] = value.item() if value.ndim == 0 else value.copy()
        return cls(**values)


@runtime_checkable
class Sampler(Protocol):
    """What `sample` needs. A sampler that can more has the ability: `Adapts`, `Resumes`, `Strides`."""

    @property
    def length(self) -> int | None:
        """Steps to take: None for ever, 0 where `init` draws exact states, each independent of all others."""

    def init(self, machine: Machine, n_chains: int, rng: Stream, given: Array | None = None) -> Walkers:
        """Start n_chains walkers; `given` (n_chains, n_units) has the clamped states, NaN elsewhere."""

    def step(self, machine: Machine, state: Any, rng: Stream) -> tuple[Any, dict[str, Any]]:
        """Advance by one step; also return what there is to know about it."""


@runtime_checkable
class Adapts(Protocol):
    """The ability of a sampler to fit its ladder to a machine that has learnt meanwhile."""

    def adapt(self, state: Any) -> None:
        """Fit the ladder to what was counted since the last time."""


@runtime_checkable
class Resumes(Protocol):
    """The ability of a sampler whose state is more than `Walkers` to make it from arrays."""

    def resume(self, machine: Machine, arrays: Mapping[str, Array]) -> Walkers:
        """The state that `Walkers.pack` stored, running again."""


@runtime_checkable
class Strides(Protocol):
    """The ability of a sampler to take many steps in one call."""

    def stride(self, machine: Machine, state: Any, rng: Stream, n: int) -> Any:
        """The state that n calls of `step` would return."""


@runtime_checkable
class Pools(Protocol):
    """The ability of a sampler whose chains take each other's states: all of them have one condition."""

    @property
    def pool(self) -> int:
        """How many chains it takes at least where few samples of a condition are asked for."""


def advance(sampler: Sampler, machine: Machine, state: Any, rng: Stream, n: int) -> Any:
    """Take n steps, in one call where the sampler can."""
    if isinstance(sampler, Strides):
        return sampler.stride(machine, state, rng, n)
    for _ in range(n):
        state, _ = sampler.step(machine, state, rng)
    return state


def resume(sampler: Sampler, machine: Machine, arrays: Mapping[str, Array]) -> Walkers:
    """A sampler's state from what `Walkers.pack` stored of it."""
    if isinstance(sampler, Resumes):
        return sampler.resume(machine, arrays)
    return Walkers.unpack((machine,), arrays)


def begin(
    machine: Machine, n_chains: int, rng: Stream, given: Array | None, betas: ArrayLike = 0.0
) -> Walkers:
    """Walkers at independent fair units, on their way to some temperatures.

    Parameters
    ----------
    machine : Machine
    n_chains : int
    rng : Stream
    given : (n_chains, n_units) or None
        Clamped states, NaN where free.
    betas : array_like
        Where they will be swept; refused where there is no density.
    """
    free = None if given is None else np.isnan(given)
    require_density(machine, betas, "sampler", None if free is None else free[0])
    if given is None or free is None:
        return Walkers(machine.start(machine.sample0(n_chains, rng)))
    if isinstance(machine, HasInputs):
        x = machine.sample0_given(given[:, : machine.n_inputs], rng)
    else:
        x = machine.sample0(n_chains, rng)
    return Walkers(machine.start(np.where(free, x, given)), free=free[0])


def turn(heading: Array, bottom: Any, top: Any) -> Array:
    """Turn the replicas that stand on the ends of a ladder; which at the bottom have made a round trip, bool.

    Parameters
    ----------
    heading : ndarray of int
        Of each replica: 1 when the bottom was the last end that it met, 2 when it was the top after the
        bottom, 0 before it met the bottom. Changed in place.
    bottom, top : indices
        Of the replicas at the ends.
    """
    back = heading[bottom] == 2
    heading[bottom] = 1
    heading[top] = np.where(heading[top] == 1, 2, heading[top])
    return back
