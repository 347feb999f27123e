"""Lasso paths of all units: regressions of each on the others, for falling penalties.

Working sets after Tibshirani et al., "Strong rules for discarding predictors in lasso-type problems" (2012):
at each penalty a unit's regression is solved over the few others that may have a slope, and then the gradient
of all others is looked at, which is one matrix product for some hundred units. Who breaks the optimality
conditions joins the set, and it is solved again: what comes out is the solution over all units.
docs/math.md (14.1)–(14.3).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import scipy.sparse

from ebm.errors import EbmError
from ebm.files import refuse_beyond_memory
from ebm.inverse.rows import Rows
from ebm.kernels.threads import get_num_threads
from ebm.machine import Array
from ebm.progress import Update

__all__ = ["Paths", "largest_penalty", "lasso_paths"]

_SITES = 256  # that are worked on together, at most: their gradients are one matrix product
_NUMBERS = 2**24  # of theirs and the rows', at most
_ROUNDING = (1e-6, 1e-5)  # of a gradient in float32: absolute, and relative to the penalty
_LEAST = 1e-6  # penalty that a path begins with where no two units are correlated at all
_SURE = 2.0  # prices of an edge that a criterion has to be beyond its least for a path to end


@dataclass(frozen=True)
class Paths:
    """Regressions of each of n units on the others, at each of k penalties.

    Attributes
    ----------
    slopes : list of k csr_array, (n, n) float64
        Row i of the k-th: slopes of unit i's log-odds on the others' states.
    intercepts : (k, n) float64
    loss : (k, n) float64
        Mean of −log p(x_i | the others); nan, as intercepts, where a unit's path has ended.
    n_edges : (k, n) int64
        How many slopes there are.
    """

    slopes: list[scipy.sparse.csr_array]
    intercepts: Array
    loss: Array
    n_edges: Array


def largest_penalty(rows: Rows) -> float:
    """The least penalty that leaves no slope to any unit."""
    n, largest = rows.basis.n, 0.0
    upper = rows.codes.astype(np.float64)
    mean, ranges = rows.w @ upper, _states(rows)[:, 1] - _states(rows)[:, 0]
    for start in range(0, n, _SITES):
        some = slice(start, start + _SITES)
        covariance = np.abs(((upper[:, some] - mean[some]) * rows.w[:, None]).T @ upper)
        np.fill_diagonal(covariance[:, start:], 0.0)
        largest = max(largest, float((covariance * ranges).max()))
    return max(largest, _LEAST)


def _states(rows: Rows) -> Array:
    """The lower and the upper state of each unit, (n, 2)."""
    return np.concatenate([states.T for states in rows.basis.states])


def lasso_paths(
    rows: Rows,
    penalties: Array,
    *,
    price: float | None = None,
    update: Update = lambda done, line: None,
) -> Paths:
    """Minimise ⟨−log p(x_i | the others)⟩ + penalty·Σ_j |slope_j| for each unit i and penalty.

    Parameters
    ----------
    rows : Rows
        Of units of two states that are numbers.
    penalties : (k,)
        Falling.
    price : float, optional
        What an edge costs, in the loss: the path of a unit ends where loss + price·edges, were the slopes
        that are there not shrunk, is two prices beyond the least that it was before. Whole paths when left
        out.

    Raises
    ------
    EbmError
        A regression that does not settle; more memory than is free.
    """
    from threadpoolctl import threadpool_limits

    (m, n), threads = rows.codes.shape, get_num_threads()
    at_once = max(1, min(_SITES, -(-n // 8), _NUMBERS // m))
    needed = 9.0 * m * n + threads * at_once * (8 * m + 24 * n)
    refuse_beyond_memory(needed, f"{n} lasso paths of {m} rows", "fewer units or rows")
    codes = np.ascontiguousarray(rows.codes.T)
    low, high = _states(rows).astype(np.float32).T[:, :, None]
    x = np.where(codes > 0, high, low)
    parts = [np.arange(start, min(start + at_once, n)) for start in range(0, n, at_once)]
    nothing = np.full((len(penalties), n), np.nan)
    path = Paths([], nothing, nothing.copy(), np.zeros((len(penalties), n), np.int64))
    slopes: list[list[tuple[Array, Array, Array]]] = [[] for _ in penalties]

    def follow(units: Array) -> _Block:
        block = _Block(rows, codes, x, units)
        block.follow(penalties, price, path)
        return block

    done = 0
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads) as pool:
        for block in pool.map(follow, parts):
            for k, found in enumerate(block.slopes):
                slopes[k].append(found)
            done += len(block.units)
            update(done / n, f"{done} of {n} units")
    for entries in slopes:
        i, j, value = (np.concatenate(some) for some in zip(*entries, strict=True))
        path.slopes.append(scipy.sparse.csr_array((value, (i, j)), (n, n)))
    return path


class _Block:
    """The paths of some units, one penalty after the other."""

    def __init__(self, rows: Rows, codes: Array, x: Array, units: Array) -> None:
        from ebm.kernels.learning.lasso import Sites, split

        (n, m), b = x.shape, len(units)
        self.units, self._codes, self._x, self._w = units, codes, x, rows.w
        self._sites = Sites(
            units,
            np.zeros((b, n), np.int64),
            np.zeros(b, np.int64),
            np.zeros((b, m), np.int32),
            np.ones(b, np.int64),
            np.zeros((b, n + 1)),
        )
        for p, unit in enumerate(units):
            self._sites.groups[p] = split(codes[unit], self._sites.ids[p], np.int64(1))
        self._inside = np.zeros((b, n), bool)  # the working set, and the unit itself
        self._inside[np.arange(b), units] = True
        self._residuals = np.empty((b, m), np.float32)
        self._gradient = np.zeros((b, n), np.float32)
        self._loss, self._gain = np.zeros(b), np.zeros(b)
        self.slopes: list[tuple[Array, Array, Array]] = []
        # Of a unit that never changes nothing can be said: half a row more of its other state.
        self._live = self._sites.groups > 1
        fixed, more = ~self._live, 0.5 / (rows.n_effective + 1)
        odds = np.log((1 - more) / more)
        self._sites.theta[fixed, 0] = np.where(codes[units[fixed], 0] > 0, odds, -odds)
        self._loss[fixed] = -np.log(1 - more)

    def follow(self, penalties: Array, price: float | None, path: Paths) -> None:
        """Solve at each penalty, and write down what comes out."""
        least, last = np.full(len(self.units), np.inf), penalties[0]
        ended = np.zeros(len(self.units), bool)
        for k, penalty in enumerate(penalties):
            going = self._live & ~ended
            self._admit(going, 2 * penalty - last)  # the strong rule: who may join
            todo = np.flatnonzero(going & ((self._sites.sizes > 0) | (k == 0)))
            while len(todo):
                self._solve(todo, penalty)
                todo = self._admit(going, penalty * (1 - _ROUNDING[1]) - _ROUNDING[0])
            last = penalty
            self._write(k, ~ended, path)
            if price is not None:
                criterion = self._loss + price * path.n_edges[k, self.units]
                least = np.where(ended, least, np.fmin(least, criterion))
                ended |= criterion - self._gain > least + _SURE * price

    def _solve(self, which: Array, penalty: float) -> None:
        from ebm.kernels.learning.lasso import solve_sites

        residuals, told = self._residuals[: len(which)], np.empty((len(which), 3))
        solve_sites(self._codes, self._x, self._w, self._sites, which, penalty, residuals, told)
        if not told[:, 2].all():
            unit = self.units[which[told[:, 2].argmin()]]
            raise EbmError(f"data: unit {unit}: its regression did not settle; expected a larger ratio")
        self._loss[which], self._gain[which] = told[:, 0], told[:, 1]
        self._gradient[which] = residuals @ self._x.T

    def _admit(self, going: Array, least: float) -> Array:
        """Take those of at least such a gradient into the working sets; who got some."""
        from ebm.kernels.learning.lasso import split

        sites = self._sites
        places, units = np.nonzero(~self._inside & going[:, None] & (np.abs(self._gradient) >= least))
        for p, unit in zip(places, units, strict=True):
            sites.sets[p, sites.sizes[p]] = unit
            sites.sizes[p] += 1
            sites.groups[p] = split(self._codes[unit], sites.ids[p], sites.groups[p])
        self._inside[places, units] = True
        return np.unique(places)

    def _write(self, k: int, going: Array, path: Paths) -> None:
        slopes = np.where(going[:, None], self._sites.theta[:, 1:], 0.0)
        p, place = np.nonzero(slopes)
        self.slopes.append((self.units[p], self._sites.sets[p, place], slopes[p, place]))
        path.n_edges[k, self.units] = np.bincount(p, minlength=len(self.units))
        told = np.where(going, self._loss, np.nan), np.where(going, self._sites.theta[:, 0], np.nan)
        path.loss[k, self.units], path.intercepts[k, self.units] = told
