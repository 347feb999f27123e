"""Who grows in the report of log Z, and what the word of each counts for there.

Two kinds of path are walked, because each fails where the other does not. A product measure with the
machine's own marginals is close to it and makes short paths; but marginals measured in one phase lead every
path into that phase. The uniform measure knows no phase, but the path from it may freeze.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ebm.machine import Base, Machine
from ebm.partition.estimate import Estimate
from ebm.partition.growing import Clock, Growing
from ebm.partition.importance import annealed
from ebm.partition.population import populated
from ebm.partition.tempered import tempered
from ebm.stream import Stream

__all__ = ["MEMBERS", "ROLES", "Ground", "Member", "Role"]

_LARGE = 512  # units: where sweeps are dear, fewer ladders that are longer meet sooner


class Ground(NamedTuple):
    """What members start from: `base` is a product measure near the machine, None the uniform one."""

    machine: Machine
    base: Base
    rng: Stream
    clock: Clock

    @property
    def dear(self) -> bool:
        """Whether a sweep costs so much that few chains should take many."""
        return self.machine.n_units > _LARGE


@dataclass(frozen=True)
class Role:
    """What an estimate counts for.

    Attributes
    ----------
    run : str
        Estimates of one run, and what starts from its samples, are one look at log Z: they lack the same.
    leads : bool
        Whether it is taken before others that are sound: what it misses shows between its two ends.
    heard : float, optional
        By how many nats it must be higher to be heard while it is in doubt itself; None is never.
    """

    run: str
    leads: bool = False
    heard: float | None = None

    @property
    def falls_short(self) -> bool:
        """Whether it is a mean of annealed weights: where it fails it is too low, and does not see it."""
        return self.heard is not None and not self.leads


@dataclass(frozen=True)
class Member:
    """An estimator that grows in the report.

    Attributes
    ----------
    grow : callable
        Its rounds.
    share : float
        Of the time, by weight.
    roles : mapping of str to Role
        Of its estimates that count; others are shown.
    cut : bool
        Whether it ends a round by itself when the time is over.
    """

    grow: Callable[[Ground], Growing]
    share: float
    roles: Mapping[str, Role]
    cut: bool = False


def _tempering(ground: Ground) -> Growing:
    methods, reverse = ("mbar", "bennett", "thermodynamic"), (ground.rng.split(3), 100)
    return _ladders(ground, ground.base, ground.rng.split(1), methods, reverse)


def _tempering_uniform(ground: Ground) -> Growing:
    return _marked(_ladders(ground, None, ground.rng.split(5), ("mbar",)))


def _ladders(
    ground: Ground,
    base: Base,
    rng: Stream,
    methods: tuple[str, ...],
    reverse: tuple[Stream, int] | None = None,
) -> Growing:
    return tempered(
        ground.machine, base, rng, methods, n_ladders=12 if ground.dear else 32, reverse=reverse,
        checked=True, split=ground.dear, clock=ground.clock,
    )  # fmt: skip


def _population(ground: Ground, base: Base, rng: Stream) -> Growing:
    return populated(ground.machine, base, rng, 200 if ground.dear else 500, tick=ground.clock)


def _marked(rounds: Growing) -> Iterator[dict[str, Estimate]]:
    """The same under names that say that they are from the uniform measure."""
    return ({f"{key}_uniform": e for key, e in estimates.items()} for estimates in rounds)


# The first round of each is made in this order, the shortest first. One more is a line here.
MEMBERS: dict[str, Member] = {
    "ais": Member(
        lambda g: annealed(g.machine, g.base, g.rng.split(2), tick=g.clock),
        0.5,
        {"ais": Role("ais", heard=3.0)},
    ),
    "tempering": Member(
        _tempering, 10.0, {"mbar": Role("tempering", leads=True), "reverse_ais": Role("tempering")}, True
    ),
    "population": Member(
        lambda g: _population(g, g.base, g.rng.split(4)), 0.5, {"population": Role("population", heard=3.0)}
    ),
    "tempering_uniform": Member(
        _tempering_uniform, 0.25, {"mbar_uniform": Role("tempering_uniform", leads=True, heard=0.0)}, True
    ),
    "population_uniform": Member(
        lambda g: _marked(_population(g, None, g.rng.split(6))),
        0.25,
        {"population_uniform": Role("population_uniform", heard=0.0)},
    ),
}
ROLES: dict[str, Role] = {name: role for member in MEMBERS.values() for name, role in member.roles.items()}
