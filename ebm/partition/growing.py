"""Estimators of log Z that grow: each round does twice the work of the one before, until it is enough."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, TypeAlias

from pydantic import Field

from ebm.errors import settings
from ebm.machine import Count, Positive
from ebm.partition.estimate import Estimate, Progress

__all__ = ["SLOWER", "Clock", "Effort", "Growing", "OutOfTime", "RoundOver", "grow"]

SLOWER = 2.2  # a round costs this much more than the one before, whose work it doubles
_PART = 0.4  # of the time of the round before: less is not worth beginning

Growing: TypeAlias = Iterator[
    dict[str, Estimate]
]  # each round: the estimates, the one that matters most first


@settings
class Effort:
    """How long estimators grow.

    Parameters
    ----------
    accuracy : float
        Standard error, nats, that they work towards.
    budget : float
        Seconds that they may take, roughly: no member begins later, and of several each is stopped at twice
        as many, even in its first round. What a round computes is fixed, but that the last one of a ladder
        may be cut short; else the clock decides only which rounds there are.
    rounds : int, optional
        At most so many; with an infinite budget the clock then decides nothing.
    """

    accuracy: Positive = 0.05
    budget: Annotated[float, Field(gt=0)] = 115.0
    rounds: Count | None = None


class OutOfTime(Exception):
    """A round that would take too long was left."""


class RoundOver(Exception):
    """A round that can end anywhere ends here."""


class Clock:
    """The time since it was made. Whatever takes long calls it now and then, and is left when it is late.

    Parameters
    ----------
    budget : float
        Seconds; late is what is still at work after twice as many, once there is an estimate.
    """

    def __init__(self, budget: float) -> None:
        self.begun, self.budget, self.enforced = time.monotonic(), budget, False

    @property
    def spent(self) -> float:
        """Seconds since it was made."""
        return time.monotonic() - self.begun

    def __call__(self, done: float = 0.0, line: str = "") -> None:
        """Leave the round if it is late."""
        if self.enforced and self.spent > 2 * self.budget:
            raise OutOfTime

    def until(self, aside: float) -> Progress:
        """A clock that ends a round, `RoundOver`, when of the budget so many seconds are left."""

        def tick(done: float = 0.0, line: str = "") -> None:
            self(done, line)
            if self.enforced and self.spent > self.budget - aside:
                raise RoundOver

        return tick


def grow(
    members: Mapping[str, Growing],
    effort: Effort,
    progress: Progress = None,
    shares: Mapping[str, float] | None = None,
    focus: Callable[[dict[str, Estimate]], Collection[str] | None] = lambda _: None,
    clock: Clock | None = None,
    cut: Collection[str] = (),
) -> dict[str, Estimate]:
    """Let estimators grow until all are accurate, or no further round of any would fit the budget.

    Parameters
    ----------
    members : mapping of str to iterator
    effort : Effort
    progress : callable, optional
    shares : mapping of str to float, optional
        Of the time, by weight, for each member: next is the one that has had the least of its share.
    focus : callable, optional
        Of the estimates, once there is a round of each member: those that are to grow before the others,
        none of them when it is enough; None when nothing is known.
    clock : Clock, optional
        That the members call; the first of them makes the first estimate, however long it takes.
    cut : collection of str
        Members that end a round by themselves when the time is over, and so may begin one that does not fit.
    """
    clock, rounds = clock or Clock(effort.budget), effort.rounds
    estimates: dict[str, Estimate] = {}
    work = {name: _Work() for name in members}
    while True:
        spent = clock.spent
        wanting = [
            name
            for name, done in work.items()
            if not (done.enough or (done.rounds and done.rounds == rounds))
            and (not estimates or spent + (_PART if name in cut else SLOWER) * done.last <= effort.budget)
        ]
        first = focus(estimates) if all(done.rounds for done in work.values()) else None
        if not wanting or (first is not None and not first):
            break
        pressing = [name for name in wanting if first and name in first] or wanting
        name = min(pressing, key=lambda name: work[name].total / (shares[name] if shares else 1.0))
        start = time.monotonic()
        try:
            new = next(members[name])
        except OutOfTime:
            break
        main = next(iter(new.values()))
        enough = main.stderr <= effort.accuracy and not main.trouble
        work[name].add(time.monotonic() - start, enough)
        estimates |= new
        clock.enforced = True
        if progress is not None:
            done = sum(each.rounds for each in work.values()) / (len(work) * (rounds or math.inf))
            trouble = f" ({main.trouble})" if main.trouble else ""
            line = f"{name} {main.value:.3f} ± {main.stderr:.3f}{trouble}"
            progress(min(0.99, max(done, clock.spent / effort.budget)), line)
    return estimates


@dataclass
class _Work:
    """What a member has done, in seconds."""

    total: float = 0.0
    last: float = 0.0
    rounds: int = 0
    enough: bool = False

    def add(self, seconds: float, enough: bool) -> None:
        """One more round."""
        self.total, self.last = self.total + seconds, seconds
        self.rounds, self.enough = self.rounds + 1, enough
