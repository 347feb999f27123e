"""Orders in which to sum out the units of a graph, such that the tables stay small.

Summing out a unit couples all its neighbours: they are the axes of the table that is left. For units of two
states the log2 of the largest such table in the best order is the graph's treewidth. To find that order is
NP-hard; *min-fill* (take the unit that adds the fewest couplings; Bodlaender & Koster, "Treewidth
computations I", 2010) comes near it. For lattices a sweep line may be better, hence the order of the units
and that of Cuthill & McKee (1969) are tried too where tables are large enough for it to pay.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ebm.errors import TooLarge
from ebm.machine import Array

__all__ = ["Step", "find_order"]

_SMALL = 10.0  # log2 states of a largest table that is not worth another order


@dataclass(frozen=True)
class Step:
    """One unit summed out, the units that its message is a table over, and log2 of that table's states."""

    unit: int
    others: set[int]
    bits: float


class _Rest:
    """The units that are not summed out yet, with the couplings that summing out has made."""

    def __init__(self, i: Array, j: Array, bits: Array) -> None:
        self.neighbours: list[set[int]] = [set() for _ in bits]
        for a, c in zip(i.tolist(), j.tolist(), strict=True):
            self.neighbours[a].add(c)
            self.neighbours[c].add(a)
        self.bits = bits.tolist()
        self.weight = [sum(self.bits[a] for a in others) for others in self.neighbours]

    def fill(self, unit: int) -> int:
        """How many pairs of its neighbours summing this unit out would couple."""
        others = self.neighbours[unit]
        return sum(len(others) - 1 - len(others & self.neighbours[a]) for a in others) // 2

    def sum_out(self, unit: int) -> tuple[Step, list[tuple[int, int]]]:
        """Take a unit away; return the step and the pairs that it couples anew."""
        others, new = self.neighbours[unit], []
        for a in others:
            self.neighbours[a].discard(unit)
            self.weight[a] -= self.bits[unit]
        for a, c in itertools.combinations(sorted(others), 2):
            if c not in self.neighbours[a]:
                new.append((a, c))
                self.neighbours[a].add(c)
                self.neighbours[c].add(a)
                self.weight[a] += self.bits[c]
                self.weight[c] += self.bits[a]
        return Step(unit, others, self.weight[unit]), new


def _in_order(order: Iterable[int], rest: _Rest, limit: float) -> tuple[list[Step], float]:
    """Steps in a given order and log2 states of the largest table: of the first one above the limit."""
    steps: list[Step] = []
    for unit in order:
        if rest.weight[unit] > limit:
            return steps, rest.weight[unit]
        steps.append(rest.sum_out(unit)[0])
    return steps, max((step.bits for step in steps), default=0.0)


def _min_fill(rest: _Rest, limit: float) -> tuple[list[Step], float]:
    """The same, always taking the unit that adds the fewest couplings; ties by the smaller table.

    Units whose table would be above the limit wait, and their fill is not counted: it costs the square of
    their number of neighbours.
    """
    left = dict.fromkeys(range(len(rest.bits)), 0)
    heap: list[tuple[int, float, int]] = []

    def judge(units: Iterable[int]) -> None:
        for a in units:
            if rest.weight[a] <= limit:
                left[a] = rest.fill(a)
                heapq.heappush(heap, (left[a], rest.weight[a], a))

    judge(list(left))
    steps: list[Step] = []
    while left:
        if not heap:
            return steps, min(rest.weight[a] for a in left)
        fill, weight, unit = heapq.heappop(heap)
        if left.get(unit) != fill or rest.weight[unit] != weight:
            continue  # judged again since
        del left[unit]
        step, new = rest.sum_out(unit)
        steps.append(step)
        beside = set()
        for a, c in new:
            beside |= rest.neighbours[a] & rest.neighbours[c]
        judge(step.others | beside)
    return steps, max((step.bits for step in steps), default=0.0)


def _cuthill_mckee(i: Array, j: Array, n: int) -> list[int]:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import reverse_cuthill_mckee

    ends = np.concatenate([i, j]), np.concatenate([j, i])
    graph = coo_array((np.ones(2 * len(i), np.int8), ends), shape=(n, n)).tocsr()
    return reverse_cuthill_mckee(graph, symmetric_mode=True).tolist()


def _work(steps: list[Step], bits: Array) -> float:
    return sum(2.0 ** (step.bits + bits[step.unit]) for step in steps)


def find_order(i: Array, j: Array, q: Array, limit: float) -> list[Step]:
    """An order of all units with small tables.

    Parameters
    ----------
    i, j : (n_pairs,) int64
        Coupled units, each pair once.
    q : (n,) int64
        States of each unit.
    limit : float
        log2 of the most states that a message may have.

    Raises
    ------
    TooLarge
        No order found keeps to the limit.

    Examples
    --------
    >>> import numpy as np
    >>> ring = np.arange(5)
    >>> [len(step.others) for step in find_order(ring, (ring + 1) % 5, np.full(5, 2), 22)]
    [2, 2, 2, 1, 0]
    """
    bits = np.log2(q)
    degrees = np.bincount(i, bits[j], len(q)) + np.bincount(j, bits[i], len(q))
    if len(q) and degrees.min() > limit:  # the first unit summed out, whichever it is
        raise _too_large("every order", degrees.min(), limit)
    steps, widest = _min_fill(_Rest(i, j, bits), limit)
    if widest > _SMALL:
        for order in (range(len(q)), _cuthill_mckee(i, j, len(q))):
            others, breadth = _in_order(order, _Rest(i, j, bits), limit)
            if breadth <= limit and (widest > limit or _work(others, bits) < _work(steps, bits)):
                steps, widest = others, breadth
    if widest > limit:
        raise _too_large("the best order found (min-fill)", widest, limit)
    return steps


def _too_large(order: str, bits: float, limit: float) -> TooLarge:
    return TooLarge(
        f"elimination: {order} comes to a table of 2^{bits:.0f} states or more, treewidth {bits:.0f} if units"
        f" have two states; the limit is 2^{limit:g}; expected fewer couplings, or an estimate such as AIS"
    )
