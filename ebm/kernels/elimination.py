"""Variable elimination: tables of log-factors, summed out one unit at a time.

Step k of a plan sums out one unit. Its clique is that unit and the units `sep` that are left beside it, by
the order of their own steps; a table over the clique has the unit slowest and the last of `sep` fastest. The
message of a step, a table over `sep`, goes to the step of the first of `sep`, its parent: steps form a
forest, in postorder here, so that open tables lie on one stack (as in the multifrontal method for sparse
matrices, Liu 1992). `place` is where a step's table lies: a first child lies where its parent will, which is
built when that child is done; the other children lie above it.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit, prange

from ebm.kernels import JIT
from ebm.kernels.numbers.functions import exp, log
from ebm.kernels.numbers.memory import address, load, store
from ebm.kernels.numbers.vector import select, splat
from ebm.kernels.threads import shared

_LANES = 8
_CHAINS = 64  # chains of a tile
_AXES = 64  # most axes of a table


class Steps(NamedTuple):
    """A plan: int64 arrays by step, (n,), or by entry of all `sep`.

    Attributes
    ----------
    q, size
        States of the unit; size of the message.
    first, sep : (n + 1,) and by entry
        The first entry of each step; `sep` as numbers of steps.
    pair, own, other
        By entry: offset of a pair's log-factors, -1 for none; their strides in the states of the two units.
    unary
        Offset of the unit's log-factors.
    parent, leaf, place
        The parent, -1 for none; 0 or 1; where the table lies on the stack.
    kept
        Offset in the pool of p(unit | sep), for all states but the last; -1 for leaves, which are cheaper to
        make again than to keep.
    """

    q: Any
    size: Any
    first: Any
    sep: Any
    pair: Any
    own: Any
    other: Any
    unary: Any
    parent: Any
    leaf: Any
    place: Any
    kept: Any


@njit(**JIT)
def _build(k, plan, unary, theta, table):
    """The log-factors of step k's unit with itself and its neighbours, by doubling: two sums per entry."""
    q, size, first, sep, pair, own, other, start = plan[:8]
    m = size[k]
    for s in range(q[k]):
        base, length = s * m, 1
        table[base] = unary[start[k] + s]
        for e in range(first[k + 1] - 1, first[k] - 1, -1):
            for d in range(q[sep[e]] - 1, -1, -1):
                add = 0.0
                if pair[e] >= 0:
                    add = theta[pair[e] + s * own[e] + d * other[e]]
                here = base + d * length
                for t in range(length):
                    table[here + t] = table[base + t] + add
            length *= q[sep[e]]


@njit(**JIT)
def _walk(k, p, plan, axes):
    """How step k's message lies in the clique of its parent p.

    Writes sizes and strides of the outer axes of that clique to `axes`; returns their number, the length of
    the runs below them, and whether the message moves along a run (1) or stands still (0).
    """
    q, first, sep = plan.q, plan.first, plan.sep
    e, stride = first[k + 1] - 1, 1
    n = 1 + first[p + 1] - first[p]
    for a in range(n - 1, -1, -1):
        j = p if a == 0 else sep[first[p] + a - 1]
        axes[0, a], axes[1, a], axes[2, a] = q[j], 0, 0
        if e >= first[k] and sep[e] == j:
            axes[1, a] = stride
            stride *= q[j]
            e -= 1
    moves = 1 if axes[1, n - 1] else 0
    run = 1
    while n > 0 and (axes[1, n - 1] != 0) == (moves == 1):
        run *= axes[0, n - 1]
        n -= 1
    return n, run, moves


@njit(inline="always", **JIT)
def _next(axes, n, at):
    """Count on: where the message is at the next run."""
    a = n - 1
    while a >= 0:
        axes[2, a] += 1
        at += axes[1, a]
        if axes[2, a] < axes[0, a]:
            return at
        at -= axes[1, a] * axes[0, a]
        axes[2, a] = 0
        a -= 1
    return at


@njit(**JIT)
def _add(k, p, plan, message, table, axes):
    """Add the message of step k to the table of its parent p."""
    n, run, moves = _walk(k, p, plan, axes)
    at = 0
    for t in range(0, plan.q[p] * plan.size[p], run):
        if moves:
            for r in range(run):
                table[t + r] += message[at + r]
        else:
            add = message[at]
            for r in range(run):
                table[t + r] += add
        at = _next(axes, n, at)


@njit(**JIT)
def _project(k, p, plan, table, out, axes):
    """Sum the parent's probabilities over all but the units of step k's message: the transpose of `_add`."""
    n, run, moves = _walk(k, p, plan, axes)
    out[: plan.size[k]] = 0.0
    at = 0
    for t in range(0, plan.q[p] * plan.size[p], run):
        if moves:
            for r in range(run):
                out[at + r] += table[t + r]
        else:
            total = 0.0
            for r in range(run):
                total += table[t + r]
            out[at] += total
        at = _next(axes, n, at)


@njit(**JIT)
def _sum_states(q, m, table, message, normalise):
    """message = log of the sum over a unit's states; the table becomes p(unit | sep) if asked for."""
    whole = m - m % _LANES
    for j in range(0, whole, _LANES):
        top = load(address(table) + 8 * j, 0.0)
        for s in range(1, q):
            other = load(address(table) + 8 * (s * m + j), 0.0)
            top = select(other > top, other, top)
        total = splat(0.0)
        for s in range(q):
            p = address(table) + 8 * (s * m + j)
            weight = exp(load(p, 0.0) - top)
            store(p, weight)
            total = total + weight
        store(address(message) + 8 * j, top + log(total))
        if normalise:
            inverse = splat(1.0) / total
            for s in range(q):
                p = address(table) + 8 * (s * m + j)
                store(p, load(p, 0.0) * inverse)
    for j in range(whole, m):
        top = table[j]
        for s in range(1, q):
            top = max(top, table[s * m + j])
        total = 0.0
        for s in range(q):
            table[s * m + j] = math.exp(table[s * m + j] - top)
            total += table[s * m + j]
        message[j] = top + math.log(total)
        for s in range(q):
            table[s * m + j] /= total


@njit(**JIT)
def _kept(k, plan, pool):
    """Step k's part of the pool, empty for leaves."""
    start = max(plan.kept[k], 0)
    return pool[start : start + (0 if plan.leaf[k] else (plan.q[k] - 1) * plan.size[k])]


@njit(**JIT)
def sum_out(plan, unary, theta, stack, message, pool, shifts):
    """Sum out all units; log Z is the sum of `shifts`.

    stack, message : room for the plan; pool : empty, or filled with p(unit | sep); shifts : (n,), what was
    taken out of each message so that numbers stay small however many units there are.
    """
    q, size, parent, leaf, place = plan.q, plan.size, plan.parent, plan.leaf, plan.place
    axes = np.empty((3, _AXES), np.int64)
    for k in range(len(q)):
        m = size[k]
        table = stack[place[k] : place[k] + q[k] * m]
        if leaf[k]:
            _build(k, plan, unary, theta, table)
        keep = len(pool) > 0 and not leaf[k]
        _sum_states(q[k], m, table, message, keep)
        if keep:
            kept = _kept(k, plan, pool)
            kept[:] = table[: len(kept)]
        top = message[0]
        for j in range(1, m):
            top = max(top, message[j])
        shifts[k] = top
        p = parent[k]
        if p >= 0:
            for j in range(m):
                message[j] -= top
            above = stack[place[p] : place[p] + q[p] * size[p]]
            if place[p] == place[k]:
                _build(p, plan, unary, theta, above)
            _add(k, p, plan, message, above, axes)


@njit(**JIT)
def _conditional(k, plan, unary, theta, pool, table, message):
    """p(unit | sep) of step k, from the pool or, of a leaf, made again."""
    q, m = plan.q[k], plan.size[k]
    if plan.leaf[k]:
        _build(k, plan, unary, theta, table)
        _sum_states(q, m, table, message, np.bool_(True))
        return
    last = (q - 1) * m
    table[:last] = _kept(k, plan, pool)
    table[last : last + m] = 1.0
    for s in range(q - 1):
        for j in range(m):
            table[last + j] -= table[s * m + j]
    for j in range(last, last + m):
        table[j] = max(table[j], 0.0)


@njit(**JIT)
def _margins(k, plan, table, fold, ones, twos):
    """One- and two-point marginals of step k's unit, by folding the clique's table axis by axis."""
    q, size, first, sep, pair, own, other, start = plan[:8]
    m = size[k]
    for s in range(q[k]):
        length = m
        fold[:m] = table[s * m : s * m + m]
        for e in range(first[k], first[k + 1]):
            length //= q[sep[e]]
            for d in range(q[sep[e]]):
                total = 0.0
                for t in range(d * length, (d + 1) * length):
                    total += fold[t]
                if pair[e] >= 0:
                    twos[pair[e] + s * own[e] + d * other[e]] = total
                if d:
                    for t in range(length):
                        fold[t] += fold[d * length + t]
        ones[start[k] + s] = fold[0]


@njit(**JIT)
def hand_down(plan, unary, theta, pool, stack, message, fold, ones, twos):
    """Marginals from the roots down: p(clique) = p(sep) p(unit | sep), p(sep) from the parent's clique.

    pool : as `sum_out` filled it; stack, message, fold : room; ones, twos : probabilities, laid out like
    unary and theta. Only products and sums of probabilities: nothing cancels.
    """
    q, size, parent, place = plan.q, plan.size, plan.parent, plan.place
    axes = np.empty((3, _AXES), np.int64)
    for k in range(len(q) - 1, -1, -1):
        m, p = size[k], parent[k]
        fold[0] = 1.0
        if p >= 0:
            _project(k, p, plan, stack[place[p] : place[p] + q[p] * size[p]], fold, axes)
        table = stack[place[k] : place[k] + q[k] * m]
        _conditional(k, plan, unary, theta, pool, table, message)
        for s in range(q[k]):
            for j in range(m):
                table[s * m + j] *= fold[j]
        _margins(k, plan, table, fold, ones, twos)


@njit(**JIT)
def _leaf_probabilities(k, c, plan, unary, theta, x, weight):
    """Fill weight with the probabilities of a leaf's states, given its neighbours' states."""
    q, _, first, sep, pair, own, other, start = plan[:8]
    top = -math.inf
    for s in range(q[k]):
        weight[s] = unary[start[k] + s]
        for e in range(first[k], first[k + 1]):
            if pair[e] >= 0:
                weight[s] += theta[pair[e] + s * own[e] + x[sep[e], c] * other[e]]
        top = max(top, weight[s])
    total = 0.0
    for s in range(q[k]):
        weight[s] = math.exp(weight[s] - top)
        total += weight[s]
    for s in range(q[k]):
        weight[s] /= total


@njit(**JIT)
def _draw(k, c, plan, unary, theta, pool, x, u, weight):
    """The state of step k's unit in chain c: the quantile of p(unit | sep) at u, docs/math.md (1.6)."""
    q, size, first, sep = plan[:4]
    if plan.leaf[k]:
        _leaf_probabilities(k, c, plan, unary, theta, x, weight)
    else:
        at = 0
        for e in range(first[k], first[k + 1]):
            at = at * q[sep[e]] + x[sep[e], c]
        for s in range(q[k] - 1):
            weight[s] = pool[plan.kept[k] + s * size[k] + at]
    cdf, state = 0.0, 0
    for s in range(q[k] - 1):
        cdf += weight[s]
        if cdf < u:
            state += 1
    return state


@shared
def draw_states(plan, unary, theta, pool, unit, u, x):
    """Draw independent states from the roots down.

    pool : as `sum_out` filled it; unit : (n,) the row of u of each step; u : (units, chains) uniforms;
    x : (n, chains) int32, numbers of states by step, written.
    """
    n, chains = x.shape
    for tile in prange(-(-chains // _CHAINS)):
        weight = np.empty(plan.q.max())
        for k in range(n - 1, -1, -1):
            for c in range(tile * _CHAINS, min(tile * _CHAINS + _CHAINS, chains)):
                x[k, c] = _draw(k, c, plan, unary, theta, pool, x, u[unit[k], c], weight)
