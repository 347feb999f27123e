"""All sites at once, with one coupling for both of a pair: the sum of their losses, by Newton's method."""

from __future__ import annotations

from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from ebm.errors import TooLarge
from ebm.inverse.losses import Loss
from ebm.inverse.penalised import Shrinkage
from ebm.inverse.rows import Rows
from ebm.inverse.sitewise import LARGE, Apart, Objective, Site, assembled, solve
from ebm.kernels.threads import get_num_threads
from ebm.machine import Array

__all__ = ["MOST", "Places", "joint"]

MOST = 4000  # parameters: of as many the Hessian has an inverse in seconds
_STEPS = 100


class Places:
    """Where biases and couplings stand in one vector: all biases, then each pair's K_ij, i < j, row by row.

    Attributes
    ----------
    table : (size, size) int64
        The place of each coupling of contrasts, −1 where there is none; of each bias on the diagonal.
    total : int
    """

    def __init__(self, rows: Rows, shrinkage: Shrinkage) -> None:
        basis = rows.basis
        self.size = basis.size
        self.table = np.full((self.size, self.size), -1)
        self.total = self.size
        for i in range(basis.n):
            for j in shrinkage.others(i, basis.n):
                if j > i:
                    a, b = basis.own[i], basis.own[j]
                    count = (a.stop - a.start) * (b.stop - b.start)
                    block = np.arange(self.total, self.total + count).reshape(a.stop - a.start, -1)
                    self.table[a, b], self.table[b, a] = block, block.T
                    self.total += count
        self.table[np.arange(self.size), np.arange(self.size)] = np.arange(self.size)

    def of(self, own: slice, columns: Array, bias: int) -> Array:
        """The places of a site's numbers, (r, P)."""
        found = self.table[own][:, columns].copy()
        found[:, bias] = np.arange(own.start, own.stop)
        return found

    def vector(self, K: Array, h: Array) -> Array:
        """Couplings, symmetric, and biases as one vector."""
        found = np.zeros(self.total)
        there = self.table >= 0
        found[self.table[there]] = K[there]
        found[: self.size] = h
        return found

    def matrix(self, vector: Array) -> tuple[Array, Array]:
        """And back."""
        K = np.where(self.table >= 0, vector[self.table], 0.0)
        np.fill_diagonal(K, 0.0)
        return K, vector[: self.size].copy()


def joint(rows: Rows, loss: Loss, shrinkage: Shrinkage) -> tuple[Array, Array, Places, Array, list[Site]]:
    """Couplings, biases, where they stand in a vector, the inverse Hessian, and what the sites say.

    Raises
    ------
    TooLarge
        More than `MOST` parameters.
    Apart
        A minimum at infinity.
    """
    places = Places(rows, shrinkage)
    if places.total > MOST:
        raise TooLarge(
            f"joint: {places.total} parameters; expected {MOST} or fewer, or symmetrise by the mean"
        )
    sites = solve(rows, loss, shrinkage, errors=False)
    if not all(site.finite for site in sites):
        raise _apart()
    K, h = assembled(rows, sites)
    objectives = [Objective(rows, i, loss, shrinkage) for i in range(rows.basis.n)]
    at = [places.of(rows.basis.own[i], o.columns, o.bias) for i, o in enumerate(objectives)]
    with ThreadPoolExecutor(get_num_threads()) as threads:
        both = _Sum(objectives, at, threads)
        vector, hessian = both.descend(places.vector((K + K.T) / 2, h))
        inverse = np.linalg.inv(hessian)
    K, h = places.matrix(vector)
    said = [
        Site(vector[k], o.columns, None, o.slope_of_rows(vector[k]))
        for o, k in zip(objectives, at, strict=True)
    ]
    return K, h, places, inverse, said


@dataclass(frozen=True)
class _Sum:
    """The sum of all sites' objectives, a function of one vector.

    Attributes
    ----------
    objectives : list of Objective
    at : list of (r, P) int64
        Where each site's numbers stand in the vector.
    threads : Executor
    """

    objectives: list[Objective]
    at: list[Array]
    threads: Executor

    def value(self, x: Array) -> float:
        return sum(self.threads.map(lambda o, k: o.value(x[k]), self.objectives, self.at))

    def slopes(self, x: Array) -> tuple[Array, Array]:
        """The gradient and the Hessian."""
        gradient, hessian = np.zeros(len(x)), np.zeros((len(x), len(x)))
        each = self.threads.map(lambda o, k: o.slopes(x[k]), self.objectives, self.at)
        for k, (slope, bend) in zip(self.at, each, strict=True):
            gradient[k] += slope
            hessian[np.ix_(k.ravel(), k.ravel())] += bend
        return gradient, hessian

    def descend(self, vector: Array) -> tuple[Array, Array]:
        """The minimum, and the Hessian a last small step before it."""
        now = self.value(vector)
        for _ in range(_STEPS):
            gradient, hessian = self.slopes(vector)
            try:
                step = -np.linalg.solve(hessian, gradient)
            except np.linalg.LinAlgError:
                raise _apart() from None
            length, fall = 1.0, 1e-4 * float(gradient @ step)
            while (after := self.value(vector + length * step)) > now + length * fall and length > 1e-10:
                length /= 2
            vector, now = vector + length * step, after
            if np.abs(vector).max() > LARGE:
                raise _apart()
            if np.abs(length * step).max() < 1e-10 * (1 + np.abs(vector).max()):
                break
        return vector, hessian


def _apart() -> Apart:
    return Apart("data: units determine one another: expected more rows, or a penalty such as L2(0.01)")
