"""Contenders measured side by side: one after the other in each round, medians over rounds."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

PAUSE = 0.1  # seconds between contenders: idle threads of OpenBLAS stay awake for 30 ms and take the cores


@contextlib.contextmanager
def threads(pool: Any, n: int) -> Iterator[None]:
    """The threads of a module with get_num_threads and set_num_threads (ebm, torch) at n."""
    before = pool.get_num_threads()
    pool.set_num_threads(n)
    try:
        yield
    finally:
        pool.set_num_threads(before)


def blas(n: int) -> Any:
    """BLAS at n threads."""
    return threadpool_limits(n, user_api="blas")


def at_one_and_two(
    name: str, run: Callable[[int], Any], n: int, work: float, limit: Callable[[int], Any]
) -> list[Contender]:
    """The same work on one thread and on two."""
    return [
        Contender(f"{name}, {t} thread{'s'[: t > 1]}", run, n, work, threads=partial(limit, t))
        for t in (1, 2)
    ]


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
