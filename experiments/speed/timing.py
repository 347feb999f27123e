"""Contenders measured side by side: one after the other in each round, medians over rounds."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np

PAUSE = 0.03  # seconds between contenders: threads of one pool that wait awake would take the other's cores


@dataclass
class Contender:
    """Something that does n units of work.

    Attributes
    ----------
    name : str
    run : callable
        ``run(n)`` does the work.
    n : int
        Units in a measurement.
    work : float
        Size of a unit, such as spins × chains of a sweep.
    base : int
        Units whose time is subtracted: what ``run`` does besides work (setting up, copying in and out).
    threads : callable
        A context in which it runs.
    """

    name: str
    run: Callable[[int], Any]
    n: int
    work: float = 1.0
    base: int = 0
    threads: Callable[[], Any] = nullcontext
    rates: list[float] = field(default_factory=list)

    def measure(self) -> None:
        """Add a rate: work per second."""
        with self.threads():
            seconds = self._seconds(self.n)
            if self.base:
                seconds -= self._seconds(self.base)
        self.rates.append((self.n - self.base) * self.work / max(seconds, 1e-9))

    def _seconds(self, n: int) -> float:
        began = time.perf_counter()
        self.run(n)
        return time.perf_counter() - began

    @property
    def rate(self) -> float:
        """The median rate."""
        return float(np.median(self.rates))


def compare(contenders: list[Contender], rounds: int) -> None:
    """Warm everybody up, then measure in rounds."""
    for c in contenders:
        with c.threads():
            c.run(c.base or max(1, c.n // 4))
    for _ in range(rounds):
        for c in contenders:
            time.sleep(PAUSE)
            c.measure()


def ratio(ours: Contender, others: list[Contender]) -> float:
    """The median over rounds of our rate over theirs, for the best of them by medians."""
    best = max(others, key=lambda c: c.rate)
    return float(np.median(np.array(ours.rates) / np.array(best.rates)))
