"""Pseudo-likelihood of units of many states: alignments. L-BFGS, a site at a time.

Numbers of a site are the couplings of its states to those of all others: no Hessian of them fits anywhere,
and one-hot products would be mostly zeros. With a penalty L2 the minimum is in the zero-sum gauge. The
numbers that are searched are centred, and scaled by what the Hessian nearly is: A ⊗ C + λ, of whose C the
leading eigenvectors are known. On an alignment of 53 sites that is 20 to 30 evaluations a site for 220 to 310
without.
"""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from ebm.errors import EbmError, NotSupported, TooLarge
from ebm.files import refuse_beyond_memory
from ebm.inverse.descent import lbfgs
from ebm.inverse.penalised import Shrinkage
from ebm.inverse.rows import Rows
from ebm.kernels.threads import get_num_threads
from ebm.machine import Array
from ebm.progress import Update, silent
from ebm.states import duration

__all__ = ["gathered"]

_VECTOR = 16  # lanes of float32
_MOST_STATES = 64
_MEMORY = 10  # pairs of L-BFGS
_LEADING, _ROUNDS = 64, 5  # eigenvectors that steps are scaled by, and rounds that find them
_EVALUATIONS, _LOOKUP = 30, 2e-8  # of a site, and seconds of one lookup and its share of the rest: estimates
_FALL = 1e-7  # of the objective in a step, relative: less, twice, is the end


@dataclass(frozen=True)
class _Table:
    """Rows of every unit's states."""

    starts: Array
    sizes: Array

    @property
    def total(self) -> int:
        return int(self.starts[-1] + self.sizes[-1])


def gathered(
    rows: Rows, shrinkage: Shrinkage, update: Update = silent, max_iterations: int = 500
) -> tuple[Array, Array]:
    """Couplings of contrasts, row i those that site i finds, and biases.

    Raises
    ------
    NotSupported
        Penalties with corners; units whose couplings are no functions of all pairs of states; masks.
    TooLarge
        Units of more than 64 states.
    EbmError
        No penalty L2: a state that was never seen beside another has its minimum at infinity.
    """
    from threadpoolctl import threadpool_limits

    basis = rows.basis
    if not shrinkage.smooth:
        raise NotSupported("penalty: of so many states L2 alone is there; expected L2(0.01)")
    if not basis.saturated:
        raise TooLarge(f"data: too many states of {basis.units} for Newton's method; expected fewer units")
    if not shrinkage.l2:
        raise EbmError(
            "penalty: of so many states some are never seen together: couplings have no finite estimate;"
            " expected L2(0.01), say"
        )
    sizes = np.array([len(f) for f in basis.contrasts])
    if sizes.max() > _MOST_STATES:
        raise TooLarge(f"data: a unit of {sizes.max()} states; expected at most {_MOST_STATES}")
    table = _Table(np.cumsum(sizes) - sizes, sizes)
    threads = get_num_threads()
    width = -(-int(sizes.max()) // _VECTOR) * _VECTOR
    each = table.total * width * (8 + 8 * (2 * _MEMORY + 8))
    refuse_beyond_memory(
        threads * each + 16.0 * basis.size**2, f"pseudo_likelihood of {basis.n} units", "fewer units"
    )
    first = _frequencies(rows, table)
    seconds = _EVALUATIONS * len(rows.w) * basis.n * basis.n * (width / _VECTOR) * _LOOKUP / threads
    what = f"pseudo_likelihood of {basis.n} units from {len(rows.w)} distinct rows"
    update(0.0, f"{what}: about {duration(seconds)}, {threads * each / 2**30:.2g} GiB")
    done, metric = itertools.count(1), _metric(rows, table)
    K, h = np.zeros((basis.size, basis.size)), np.zeros(basis.size)

    def solve(i: int) -> None:
        site = _Site(rows, i, table, first, metric, shrinkage)
        J, b = site.found(lbfgs(site.objective, site.start, pairs=_MEMORY, fall=_FALL, most=max_iterations))
        own, f = basis.own[i], basis.contrasts[i]
        bias = b.copy()
        for j in range(basis.n):
            if j != i:
                block = J[table.starts[j] : table.starts[j] + sizes[j]]  # (q_j, q_i)
                g = basis.contrasts[j]
                K[own, basis.own[j]] = (np.linalg.pinv(g) @ block @ np.linalg.pinv(f).T).T
                bias += block.mean(0)
        h[own] = np.linalg.pinv(f) @ bias
        update(next(done) / basis.n, "")

    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads) as pool:
        list(pool.map(solve, range(basis.n)))
    return K, h


def _frequencies(rows: Rows, table: _Table) -> Array:
    """Of every state of every unit, with half a row of each: (rows of the table,)."""
    found = np.empty(table.total)
    for j, (start, size) in enumerate(zip(table.starts, table.sizes, strict=True)):
        counts = np.bincount(rows.codes[:, j], rows.w, minlength=size) * rows.n_effective + 0.5
        found[start : start + size] = counts / counts.sum()
    return found


def _norm(rows: Rows, i: int) -> float:
    """The squared length of a unit's contrasts, by which couplings in a table are longer than theirs."""
    return float((rows.basis.contrasts[i][:, 0] ** 2).sum())


@dataclass(frozen=True)
class _Metric:
    """What the Hessian of any site is, nearly: A ⊗ C + λ, C the covariance of all states, A that of the
    site's own.

    Attributes
    ----------
    V : (rows, k) float32
        The leading eigenvectors of C.
    c : (k,) float64
        Their eigenvalues.
    """

    V: Array
    c: Array

    def shrink(self, a: Array, strength: float, z: Array) -> Array:
        """(a·C + λ)^(−1/2) of each column of z, (rows, q): C that of V alone."""
        gains = (np.sqrt(strength / (a[None] * self.c[:, None] + strength)) - 1).astype(np.float32)
        found: Array = z + self.V @ (gains * (self.V.T @ z))
        found *= np.float32(1 / np.sqrt(strength))
        return found


def _metric(rows: Rows, table: _Table) -> _Metric:
    """Leading eigenvectors by subspace iteration: Halko, Martinsson & Tropp (2011)."""
    from scipy.sparse import csr_array

    m, n = rows.codes.shape
    places = (table.starts[None] + rows.codes).ravel()
    ones = csr_array((np.ones(m * n, np.float32), places, np.arange(0, m * n + 1, n)), shape=(m, table.total))
    w = rows.w.astype(np.float32)[:, None]
    mean = (w.T @ ones).ravel()
    kept = min(_LEADING, table.total - 1, m)
    V = np.linalg.qr(np.random.default_rng(0).normal(size=(table.total, kept)).astype(np.float32))[0]
    values = np.ones(kept)
    for _ in range(_ROUNDS):
        image = ones.T @ (w * (ones @ V - mean @ V))
        V, upper = np.linalg.qr(image - np.outer(mean, (w * (ones @ V - mean @ V)).sum(0)))
        values = np.abs(upper.diagonal())
    return _Metric(np.ascontiguousarray(V, np.float32), values.astype(np.float64))


def _strengths(rows: Rows, i: int, table: _Table, shrinkage: Shrinkage) -> tuple[Array, Array]:
    """Of L2 on each row of the table, and which rows may be coupled to a unit."""
    strength, allowed = np.zeros(table.total), np.zeros(table.total, bool)
    others = shrinkage.others(i, rows.basis.n)
    factors, norm = shrinkage.of(i, others), _norm(rows, i)
    for j, factor in zip(others, factors, strict=True):
        at = slice(int(table.starts[j]), int(table.starts[j] + table.sizes[j]))
        strength[at], allowed[at] = shrinkage.l2 * factor / (norm * _norm(rows, int(j))), True
    return strength, allowed


class _Site:
    """What a unit pays, as a function of numbers that are centred and scaled: its biases, then couplings of
    all others' states to its own, (rows, q).
    """

    def __init__(
        self, rows: Rows, i: int, table: _Table, first: Array, metric: _Metric, shrinkage: Shrinkage
    ) -> None:
        q = self._q = int(table.sizes[i])
        self._rows, self._i, self._table, self._first, self._metric = rows, i, table, first, metric
        strength, self._allowed = _strengths(rows, i, table, shrinkage)
        self._typical = float(strength[self._allowed].mean()) if self._allowed.any() else 1.0
        p = first[int(table.starts[i]) : int(table.starts[i]) + q]
        a, U = np.linalg.eigh(np.diag(p) - np.outer(p, p))
        self._a = np.maximum(a, 0.0)
        self._U, self._scale, p = (x.astype(np.float32) for x in (U, 1 / np.sqrt(p * (1 - p)), p))
        self._low, self._strengths = first.astype(np.float32), strength.astype(np.float32)[:, None]
        self.start = np.append(np.log(p) / self._scale, np.zeros(table.total * q, np.float32))
        shape = table.total, -(-q // _VECTOR) * _VECTOR
        self._T, self._G = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        self._bias, self._slope = np.zeros(shape[1], np.float32), np.zeros(shape[1], np.float32)

    def _couplings(self, z: Array) -> Array:
        J = self._metric.shrink(self._a, self._typical, z.reshape(-1, self._q)) @ self._U.T
        J[~self._allowed] = 0.0
        return J

    def objective(self, x: Array) -> tuple[float, Array]:
        """The mean over rows with the penalty, and its gradient."""
        from ebm.kernels.learning.gathered import site_slopes

        q, T, G, bias, slope = self._q, self._T, self._G, self._bias, self._slope
        J = self._couplings(x[q:])
        b = x[:q] * self._scale - self._low @ J  # at the mean of all others: what it is does not move with J
        T[:, :q], bias[:q] = J, b
        G[:], slope[:] = 0, 0
        codes, w, starts = self._rows.codes, self._rows.w, self._table.starts
        mean = site_slopes(codes, w, np.int64(self._i), np.int64(q), starts, T, bias, G, slope)
        pull = self._strengths * J
        value = mean + 0.5 * float(np.vdot(pull, J))
        pull += G[:, :q]
        pull -= np.outer(self._low, slope[:q])
        pull[~self._allowed] = 0.0
        by_z = self._metric.shrink(self._a, self._typical, pull @ self._U)
        return value, np.append(slope[:q] * self._scale, by_z)

    def found(self, x: Array) -> tuple[Array, Array]:
        """Couplings (rows, q) and biases (q,), float64."""
        J = self._couplings(x[self._q :]).astype(np.float64)
        return J, (x[: self._q] * self._scale).astype(np.float64) - self._first @ J
