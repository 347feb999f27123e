"""How far a set of states is from data: in means, second moments and what the machine learns from.

Each is a squared norm of a difference of averages, which products of rows tell without bias and without the
matrices themselves: docs/math.md (19.1).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ebm.machine import Array, HasFeatures, Machine, visible_units

__all__ = ["KINDS", "Distance", "Yardstick"]

KINDS = ("means", "second moments", "statistics")


class Distance(NamedTuple):
    """A difference of averages, in units of what there is in the data: 0 agrees, 1 is as far off as that.

    Means are in standard deviations of the rows, over all units; second moments about the mean of the data in
    their own norm. Statistics are what the machine learns from: its second moments of a visible and a hidden
    unit, or of two visible ones, in their norm, and the means.

    Attributes
    ----------
    value, stderr : float
        The norm; 0 where noise has made its square negative.
    square, square_stderr : float
        What was measured, without bias.
    """

    value: float
    stderr: float
    square: float
    square_stderr: float


class _Rows(NamedTuple):
    """Centred φ(v) and hidden means of rows; which of them are of one chain."""

    V: Array
    H: Array | None
    chain: Array


class _Own(NamedTuple):
    """Of rows and each kind: the mean product of two that are independent, and that of each row."""

    rows: _Rows
    means: Array
    each: Array


class Yardstick:
    """Distances of sets of states from rows of data.

    Parameters
    ----------
    machine : Machine
    rows : (n, n_visible)
        Data, no start of a chain that is measured.
    """

    def __init__(self, machine: Machine, rows: Array) -> None:
        self.machine, self._units = machine, visible_units(machine)
        self._features = machine if isinstance(machine, HasFeatures) else None
        self._centre: tuple[Array, Array | None] | None = None
        self._sizes, self._bare = np.ones(len(KINDS)), True  # until it is known what there is in the data
        V, H = self._encoded(rows)
        self._centre = V.mean(0), None if H is None else H.mean(0)
        self.rows = rows
        self._data = self._own(rows, np.arange(len(rows)))
        spread = float(np.square(self._data.rows.V, dtype=np.float64).sum(1).mean())
        self._sizes, self._bare = np.maximum(np.array([spread, *self._data.means[1:]]), 1e-30), False
        self._data = self._own(rows, np.arange(len(rows)))

    def _encoded(self, v: Array) -> tuple[Array, Array | None]:
        V = np.asarray(self._units.encode(v), np.float32)
        H = None if self._features is None else np.asarray(self._features.mean_h(v), np.float32)
        if self._centre is None:
            return V, H
        mu, lam = self._centre
        return V - mu, None if H is None or lam is None else H - lam

    def distances(self, x: Array, chain: Array | None = None) -> dict[str, Distance]:
        """Of states (n, n_units) to the data: of each of `KINDS`.

        Parameters
        ----------
        chain : (n,) of int, optional
            Rows of one chain depend on each other; when left out, each is a chain of its own.
        """
        v = x[:, : self.machine.n_visible]
        return self._between(self._own(v, np.arange(len(v)) if chain is None else chain), self._data)

    def between(self, x: Array, y: Array) -> dict[str, Distance]:
        """The same of two sets of independent states."""
        sets = (self._own(z[:, : self.machine.n_visible], np.arange(len(z))) for z in (x, y))
        return self._between(*sets)

    def _own(self, v: Array, chain: Array) -> _Own:
        rows = _Rows(*self._encoded(v), chain)
        apart = chain[:, None] != chain
        each = np.stack([(K * apart).sum(1) / apart.sum(1) for K in self._products(rows, rows)])
        return _Own(rows, each.mean(1), each)

    def _products(self, a: _Rows, b: _Rows) -> list[Array]:
        """Of each kind, the products of the rows of a with those of b, (n, m)."""
        V = (a.V @ b.V.T).astype(np.float64)
        own = V * V if a.H is None or b.H is None else V * (a.H @ b.H.T)
        means, second, own = (K / size for K, size in zip((V, V * V, own), self._sizes, strict=True))
        return [means, second, own if self._bare else own + means]

    def _between(self, a: _Own, b: _Own) -> dict[str, Distance]:
        found = {}
        for k, K in enumerate(self._products(a.rows, b.rows)):
            square = a.means[k] + b.means[k] - 2 * K.mean()
            variance = _variance(2 * (a.each[k] - K.mean(1)), a.rows.chain)
            variance += _variance(2 * (b.each[k] - K.mean(0)), b.rows.chain)
            found[KINDS[k]] = _distance(float(square), math.sqrt(variance))
        return found


def _variance(influence: Array, chain: Array) -> float:
    """Of a mean of what rows contribute, chains being independent."""
    which = np.unique(chain, return_inverse=True)[1]
    means = np.bincount(which, influence) / np.bincount(which)
    return float(means.var(ddof=1) / len(means)) if len(means) > 1 else math.inf


def _distance(square: float, stderr: float) -> Distance:
    high, low = (math.sqrt(max(0.0, square + sign * stderr)) for sign in (1, -1))
    return Distance(math.sqrt(max(0.0, square)), (high - low) / 2, square, stderr)
