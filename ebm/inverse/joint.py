"""All sites at once, with one coupling for both of a pair: the sum of their losses, by Newton's method."""

from __future__ import annotations

import numpy as np

from ebm.errors import TooLarge
from ebm.inverse.losses import Loss
from ebm.inverse.penalised import Shrinkage
from ebm.inverse.rows import Rows
from ebm.inverse.sitewise import LARGE, Apart, Objective, Site, assembled, solve
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
    vector = places.vector((K + K.T) / 2, h)
    objectives = [Objective(rows, i, loss, shrinkage) for i in range(rows.basis.n)]
    at = [places.of(rows.basis.own[i], o.columns, o.bias) for i, o in enumerate(objectives)]

    def value(x: Array) -> float:
        return sum(o.value(x[k]) for o, k in zip(objectives, at, strict=True))

    now = value(vector)
    for _ in range(_STEPS):
        gradient, hessian = np.zeros(places.total), np.zeros((places.total, places.total))
        for o, k in zip(objectives, at, strict=True):
            slope, bend = o.slopes(vector[k])
            gradient[k] += slope
            hessian[np.ix_(k.ravel(), k.ravel())] += bend
        try:
            step = -np.linalg.solve(hessian, gradient)
        except np.linalg.LinAlgError:
            raise _apart() from None
        length = 1.0
        while (after := value(vector + length * step)) > now + 1e-4 * length * float(gradient @ step) and (
            length > 1e-10
        ):
            length /= 2
        vector, now = vector + length * step, after
        if np.abs(vector).max() > LARGE:
            raise _apart()
        if np.abs(length * step).max() < 1e-10 * (1 + np.abs(vector).max()):
            break
    K, h = places.matrix(vector)
    said = [
        Site(vector[k], o.columns, None, o.slope_of_rows(vector[k]))
        for o, k in zip(objectives, at, strict=True)
    ]
    return K, h, places, np.linalg.inv(hessian), said


def _apart() -> Apart:
    return Apart("data: units determine one another: expected more rows, or a penalty such as L2(0.01)")
