"""Exact sums over a small machine's states, or integrals, and what samples of it must look like."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from ebm.errors import EbmError
from ebm.machine import Array, Base, Machine
from ebm.stream import Stream
from ebm.testing.verdict import holds

__all__ = ["States", "draws", "is_sample", "states_of", "total_variation", "tv_limit"]

_MOST = 2**18  # states
_NODES = {
    1: 100,
    2: 40,
    3: 20,
}  # of Gauss and Legendre on each side of zero, by the number of continuous units
_SIGMAS = 5.0


@dataclass(frozen=True)
class States:
    """All states of a machine, or the nodes of a quadrature with the cells that they stand for.

    Attributes
    ----------
    x : (n_states, n_units)
    log_w : (n_states,)
        Log of each node's weight; 0 of a state.
    low, high : (n_states, n_units)
        The ends of its cell; both x where the unit has states.
    """

    x: Array
    log_w: Array
    low: Array
    high: Array

    def log_p(self, machine: Machine, beta: float = 1.0, base: Base = None) -> Array:
        """log of what each contributes to Z_β."""
        return self.log_w - machine.free_energy(self.x, beta, base)

    def p(self, machine: Machine, beta: float = 1.0, base: Base = None) -> Array:
        """Their probabilities."""
        log_p = self.log_p(machine, beta, base)
        return np.exp(log_p - logsumexp(log_p))


def states_of(machine: Machine) -> States:
    """The states of a machine's units.

    The range of a unit with infinitely many is taken from a long run, and widened.

    Raises
    ------
    EbmError
        There are more than 2^18.
    """
    each = [machine.units.one(i) for i in range(machine.n_units)]
    free = [i for i, units in enumerate(each) if units.states is None]
    count = math.prod(len(units.states) for units in each if units.states is not None)
    size = count * (2 * _NODES.get(len(free), 10**9)) ** len(free)
    if size > _MOST:
        raise EbmError(
            f"{machine!r}: expected a smaller machine: its laws are judged by sums over all states"
        )
    seen = machine.sweep(machine.sample0(2000, Stream(0)), Stream(1), 50)
    axes = []
    for i, units in enumerate(each):
        if units.states is not None:
            x = np.array(units.states, np.float64)
            axes.append((x, np.zeros(len(x)), x, x))
        else:
            low, high = seen[:, i].min(), seen[:, i].max()
            margin = 0.7 * (high - low)
            low, high = max(low - margin, units.interval[0]), min(high + margin, units.interval[1])
            axes.append(_quadrature(float(low), float(high), _NODES[len(free)]))
    x, log_w, low, high = (_product([axis[k] for axis in axes]) for k in range(4))
    return States(x, log_w.sum(1), low, high)


def _quadrature(low: float, high: float, n: int) -> tuple[Array, Array, Array, Array]:
    """Nodes, log weights and cells between two ends, in two panels that meet at 0 if it lies between."""
    middle = 0.0 if low < 0 < high else 0.5 * (low + high)
    t, w = np.polynomial.legendre.leggauss(n)
    x = np.concatenate([a + 0.5 * (b - a) * (t + 1) for a, b in ((low, middle), (middle, high))])
    w = np.concatenate([0.5 * (b - a) * w for a, b in ((low, middle), (middle, high))])
    edges = np.append(low, low + np.cumsum(w))  # a node lies within the cell of its weight's length
    return x, np.log(w), edges[:-1], edges[1:]


def _product(axes: list[Array]) -> Array:
    return np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(axes))


def draws(machine: Machine, states: States, n: int, seed: int, beta: float = 1.0, base: Base = None) -> Array:
    """n independent draws of p_β, exact; of continuous units by rejection."""
    rng, p = np.random.default_rng(seed), states.p(machine, beta, base)
    if machine.units.finite:
        return states.x[rng.choice(len(p), n, p=p)].astype(machine.dtype)
    log_p, limit, found = states.log_p(machine, beta, base), -np.inf, list[Array]()
    while sum(len(kept) for kept in found) < n:
        k = rng.choice(len(p), 2 * n, p=p)
        x = rng.uniform(states.low[k], states.high[k])
        ratio = -machine.free_energy(x, beta, base) - (log_p - states.log_w)[k]
        limit = max(limit, ratio.max())
        found.append(x[np.log(rng.random(len(x))) < ratio - limit])
    return np.concatenate(found)[:n].astype(machine.dtype)


def tv_limit(p: Array, n: int) -> float:
    """The expected total variation between p and n exact draws, and 5 σ; at most 4 times the expected.

    Counts are taken for normal.
    """
    expected = 0.5 * np.sqrt(2 * p * (1 - p) / (np.pi * n)).sum()
    sigma = 0.5 * np.sqrt((1 - 2 / np.pi) * (p * (1 - p)).sum() / n)
    return float(min(4 * expected, expected + _SIGMAS * sigma))


def total_variation(machine: Machine, y: Array, p: Array) -> float:
    """Total variation between the histogram of y and p, whose states are in the order of `states_of`."""
    index = np.zeros(len(y), np.int64)
    for i in range(y.shape[1]):
        own = np.asarray(machine.units.one(i).states)
        digit = np.minimum(np.searchsorted(own, y[:, i]), len(own) - 1)
        holds(np.array_equal(own[digit], y[:, i]), f"unit {i} is in a state outside its domain")
        index = index * len(own) + digit
    return 0.5 * float(np.abs(np.bincount(index, minlength=len(p)) / len(y) - p).sum())


def is_sample(
    machine: Machine, y: Array, law: str, states: States, beta: float = 1.0, base: Base = None
) -> None:
    """Fail unless y looks like independent draws of p_β: in total variation, or in its moments to 5 σ."""
    if machine.units.finite:
        p = states.p(machine, beta, base)
        off, limit = total_variation(machine, y, p), tv_limit(p, len(y))
        holds(off < limit, f"{law}: total variation {off:.3g} from p at beta {beta:g}, allowed {limit:.3g}")
        return
    z = draws(machine, states, len(y), 99, beta, base)
    pairs = list(itertools.combinations_with_replacement(range(y.shape[1]), 2))
    f, g = (
        np.concatenate([s, s**3, np.stack([s[:, i] * s[:, j] for i, j in pairs], 1)], 1)
        for s in (y.astype(np.float64), z.astype(np.float64))
    )
    sigma = np.sqrt((f.var(0) + g.var(0)) / len(y))
    off = float((np.abs(f.mean(0) - g.mean(0)) / sigma).max())
    holds(off < _SIGMAS, f"{law}: a moment is {off:.1f} standard errors from that of p at beta {beta:g}")
