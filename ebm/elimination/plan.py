"""The order of elimination laid out as the kernels of `ebm.kernels.elimination` take it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ebm.elimination.factors import Factors
from ebm.elimination.order import Step, find_order
from ebm.machine import Array
from ebm.states import refuse_above

if TYPE_CHECKING:
    from ebm.kernels.elimination import Steps

__all__ = ["Plan", "make_plan"]

_MOST_TERMS = 2.0**33
_SECONDS_PER_TERM = 1e-8
_MOST_BYTES = 2.0**33


@dataclass(frozen=True)
class Plan:
    """The steps of an elimination.

    Attributes
    ----------
    arrays : ebm.kernels.elimination.Steps
    unit : (n,) int64
        The unit that each step sums out.
    bits : float
        log2 states of the largest message: the treewidth found, for units of two states.
    terms : float
        States of all tables together.
    stack, message, pool : int
        Room that the kernels need, in numbers.
    """

    arrays: Steps
    unit: Array
    bits: float
    terms: float
    stack: int
    message: int
    pool: int


def make_plan(factors: Factors, limit: float) -> Plan:
    """Find an order for these factors and lay it out.

    Raises
    ------
    TooLarge
        A table above the limit, more than 2³³ terms in all, or 8 GiB.
    """
    from ebm.kernels.elimination import Steps

    steps = find_order(factors.i, factors.j, factors.q, limit)
    q = factors.q.tolist()
    sizes = [math.prod(q[a] for a in step.others) for step in steps]
    tables = [size * q[step.unit] for size, step in zip(sizes, steps, strict=True)]
    parent, order, place = _postorder(steps, tables)
    stack = max((p + t for p, t in zip(place, tables, strict=True)), default=0)
    largest, terms = max(sizes, default=1), float(sum(tables))
    refuse_above(_MOST_TERMS, terms, _SECONDS_PER_TERM, 8.0 * stack, "elimination")
    refuse_above(_MOST_BYTES / 8, stack, 0.0, 8.0 * stack, "keeping the open tables of an elimination")
    step_of = {k: new for new, k in enumerate(order)}
    unit = np.array([steps[k].unit for k in order], np.int64)
    leaf = np.ones(len(order), np.int64)
    above = np.array([step_of.get(parent[k], -1) for k in order], np.int64)
    leaf[above[above >= 0]] = 0
    size = np.array([sizes[k] for k in order], np.int64)
    kept = np.where(leaf, 0, (factors.q[unit] - 1) * size)
    start = np.concatenate([[0], np.cumsum(factors.q)])[unit]
    arrays = (
        factors.q[unit],
        size,
        *_entries([steps[k] for k in order], factors),
        start,
        above,
        leaf,
        np.array([place[k] for k in order], np.int64),
        np.where(leaf, -1, np.cumsum(kept) - kept),
    )
    bits = max((step.bits for step in steps), default=0.0)
    plan = Steps(*(np.ascontiguousarray(a, np.int64) for a in arrays))
    return Plan(plan, unit, bits, terms, stack, largest, int(kept.sum()))


def _postorder(steps: list[Step], tables: list[int]) -> tuple[list[int], list[int], list[int]]:
    """Parents, an order with children before parents, and the place of each table on one stack.

    A parent's table is opened when its first child is done, and stays while the others work above it: the
    child that needs most room goes first.
    """
    rank = {step.unit: k for k, step in enumerate(steps)}
    parent = [min((rank[a] for a in step.others), default=-1) for step in steps]
    children: list[list[int]] = [[] for _ in steps]
    peak = [0] * len(steps)
    for k, table in enumerate(tables):
        own = children[k]
        own.sort(key=peak.__getitem__, reverse=True)
        beside = peak[own[1]] if len(own) > 1 else 0
        peak[k] = max(table + beside, peak[own[0]] if own else 0)
        if parent[k] >= 0:
            children[parent[k]].append(k)
    place, order = [0] * len(steps), []
    todo = [k for k, p in enumerate(parent) if p < 0]
    while todo:
        k = todo.pop()
        order.append(k)
        for nth, child in enumerate(children[k]):
            place[child] = place[k] + (tables[k] if nth else 0)
        todo.extend(children[k])  # the first child comes last, and so first when all is turned round
    return parent, order[::-1], place


def _entries(steps: list[Step], factors: Factors) -> tuple[list[int], ...]:
    """(first, sep, pair, own, other) of `ebm.kernels.elimination`."""
    rank = {step.unit: k for k, step in enumerate(steps)}
    q = factors.q.tolist()
    ends = list(zip(factors.i.tolist(), factors.j.tolist(), strict=True))
    sizes = factors.q[factors.i] * factors.q[factors.j]
    offset = dict(zip(ends, (np.cumsum(sizes) - sizes).tolist(), strict=True))
    first, sep, pair, own, other = [0], [], [], [], []
    for step in steps:
        for k in sorted(rank[a] for a in step.others):
            a, c = step.unit, steps[k].unit
            sep.append(k)
            pair.append(offset.get((min(a, c), max(a, c)), -1))
            own.append(q[c] if a < c else 1)
            other.append(1 if a < c else q[a])
        first.append(len(sep))
    return first, sep, pair, own, other
