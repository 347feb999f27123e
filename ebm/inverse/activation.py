"""Edges taken out, or put in, one after the other: the pseudo-likelihood of a graph.

Decelle & Ricci-Tersenghi, "Pseudolikelihood decimation algorithm improving the inference of the interaction
network in a general class of Ising models" (2014); Franz, Ricci-Tersenghi & Rocchi, "A fast and accurate
algorithm for inferring sparse Ising models via parameters activation to maximize the pseudo-likelihood"
(2019). docs/math.md (14.4)–(14.6).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ebm.arguments import as_count, as_number
from ebm.boltzmann import BoltzmannMachine
from ebm.errors import EbmError
from ebm.files import refuse_beyond_memory
from ebm.inverse.edges import Sparse, norms
from ebm.inverse.losses import PSEUDO_LIKELIHOOD
from ebm.inverse.rows import Rows, listed, rows_of
from ebm.machine import Array
from ebm.progress import Progress, Update, showing
from ebm.units import Units

__all__ = ["Graph", "Selected", "activated", "activation", "decimated", "decimation"]


@dataclass(frozen=True, repr=False)
class Selected(Sparse):
    """A machine of few edges, and the graphs that led to it.

    Attributes
    ----------
    machine : BoltzmannMachine
        Of the graph that was chosen.
    n_edges : (k,) int64
        Of every graph on the way.
    log_likelihood : (k,) float64
        Σ_i ⟨log p(x_i | the others)⟩, nats, at its maximum.
    criterion : (k,) float64
        What chose: the tilted log-pseudo-likelihood, of which it is the largest, or EBIC, the least.
    chosen : int
    """

    machine: BoltzmannMachine
    n_edges: Array
    log_likelihood: Array
    criterion: Array
    chosen: int


class Graph:
    """The pseudo-likelihood of all units together, one coupling for both of a pair, of some pairs only.

    l2 is the strength of l2/2·Σ_{i<j} K²; 1/rows is a normal prior of standard deviation 1, which makes
    finite what would be infinite and moves the rest by little of its error.
    """

    def __init__(self, rows: Rows, l2: float) -> None:
        basis = rows.basis
        refuse_beyond_memory(
            32.0 * rows.codes.shape[0] * basis.size, f"a graph of {basis.n} units", "fewer rows"
        )
        self.rows, self.l2 = rows, l2
        self._states = [np.ascontiguousarray(rows.codes[:, i]).astype(np.int64) for i in range(basis.n)]
        self.K, self.h = np.zeros((basis.size, basis.size)), np.zeros(basis.size)

    def slopes(self, K: Array, h: Array) -> tuple[float, Array, Array]:
        """The loss Σ_i ⟨−log p⟩ with the prior; its derivatives by all couplings, symmetric, and biases."""
        rows, basis = self.rows, self.rows.basis
        eta = rows.design @ K
        eta += h
        total, residuals = 0.25 * self.l2 * float((K**2).sum()), np.empty_like(eta)
        for own, f, x in zip(basis.own, basis.contrasts, self._states, strict=True):
            total += float(rows.w @ PSEUDO_LIKELIHOOD.value(eta[:, own], x, f))
            residuals[:, own] = rows.w[:, None] * PSEUDO_LIKELIHOOD.slope(eta[:, own], x, f)
        by_K = rows.design.T @ residuals
        by_K = by_K + by_K.T + self.l2 * K
        by_K[basis.owners[:, None] == basis.owners] = 0.0
        return total, by_K, residuals.sum(0)

    def fit(self, pairs: Array) -> float:
        """Maximise over the couplings of some pairs, (n, n) bool, from where they are; what is reached."""
        from scipy.optimize import minimize

        basis = self.rows.basis
        allowed = pairs[basis.owners][:, basis.owners]
        a, b = np.nonzero(np.triu(allowed, 1))
        K, size = np.zeros_like(self.K), basis.size

        def objective(theta: Array) -> tuple[float, Array]:
            K[a, b] = K[b, a] = theta[size:]
            total, by_K, by_h = self.slopes(K, theta[:size])
            return total, np.append(by_h, by_K[a, b])

        found = minimize(
            objective,
            np.append(self.h, self.K[a, b]),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": 2000, "maxcor": 20, "ftol": 1e-15, "gtol": 1e-7, "maxfun": 5000},
        )
        self.K[:] = 0.0
        self.K[a, b] = self.K[b, a] = found.x[size:]
        self.h = found.x[:size]
        return -float(found.fun)

    def by_pair(self, numbers: Array) -> Array:
        """The Frobenius norm of each pair's block, (n, n)."""
        return norms(numbers, [own.start for own in self.rows.basis.own])

    def machine(self, K: Array, h: Array) -> BoltzmannMachine:
        """In the units' own coding."""
        return BoltzmannMachine(self.rows.basis.units, *self.rows.basis.in_units(K, h))


def _warn(rows: Rows) -> None:
    """Name the units that never change."""
    if len(rows.constant):
        line = f"data: {listed(rows.constant)} never changes: it gets no edge"
        warnings.warn(line, RuntimeWarning, stacklevel=3)


def _begin(rows: Rows) -> tuple[Graph, Array]:
    """The graph, and the pairs that may be coupled: of units that change."""
    pairs = ~np.eye(rows.basis.n, dtype=bool)
    pairs[rows.constant], pairs[:, rows.constant] = False, False
    if not pairs.any():
        raise EbmError("data: fewer than two units change from row to row: there are no edges to find")
    graph = Graph(rows, 1 / rows.n_effective)
    for own, f, x in zip(rows.basis.own, rows.basis.contrasts, rows.codes.T, strict=True):
        counts = np.bincount(x, rows.w, minlength=len(f)) * rows.n_effective + 0.5
        graph.h[own] = np.linalg.pinv(f) @ np.log(counts / counts.sum())
    return graph, pairs


def _count(pairs: Array) -> int:
    return int(np.triu(pairs, 1).sum())


def decimation(
    data: ArrayLike,
    units: Units | None = None,
    *,
    fraction: float = 0.1,
    weights: ArrayLike | None = None,
    n_effective: float | None = None,
    progress: Progress = None,
) -> Selected:
    """The network that is left where taking out weak couplings starts to cost: decimation.

    All couplings are fitted together by pseudo-likelihood (one number for both units of a pair, and a normal
    prior of one row's weight); the weakest are taken out and the others fitted again, until none is left.
    Chosen is the graph of the largest tilted log-pseudo-likelihood, that above the straight line from no edge
    to all of them, docs/math.md (14.5).

    Parameters
    ----------
    data : (n_rows, n_units)
        States of the units.
    units : Units, optional
        Of finitely many states; Ising or Bernoulli, by the data, when left out.
    fraction : float
        Of the couplings that are there, taken out at a time; at least one is.
    weights : (n_rows,), optional
        Row weights ≥ 0.
    n_effective : float, optional
        How many independent rows they are worth.
    progress : callable, bool or None
        As in `ebm.fit`.

    Returns
    -------
    Selected

    Raises
    ------
    EbmError
        Rows that are no states; more memory than is free.

    Examples
    --------
    >>> import numpy as np, ebm
    >>> from ebm.inverse import decimation
    >>> J = np.zeros((5, 5))
    >>> J[0, 1] = J[1, 0] = J[3, 4] = J[4, 3] = 0.6
    >>> decimation(ebm.sample(ebm.BoltzmannMachine(ebm.Ising(), J), 2000, seed=0).x).edges
    [(0, 1), (3, 4)]
    """
    fraction = as_number(fraction, "fraction", 0, 1)
    rows = rows_of(data, units, weights, n_effective)
    _warn(rows)
    with showing(progress, "decimation") as update:
        return decimated(rows, fraction, update)


def decimated(rows: Rows, fraction: float, update: Update = lambda done, line: None) -> Selected:
    """`decimation` of rows."""
    graph, pairs = _begin(rows)
    all_edges, none = _count(pairs), graph.fit(np.zeros_like(pairs))
    way = _Way(graph, least=False)
    while (n_edges := _count(pairs)) > 0:
        reached = graph.fit(pairs)
        share = n_edges / all_edges
        most = way.log_likelihood[0] if way.log_likelihood else reached
        way.add(n_edges, reached, reached - share * most - (1 - share) * none)
        update(1 - share, f"{n_edges} edges")
        i, j = np.nonzero(np.triu(pairs, 1))
        weakest = np.argsort(graph.by_pair(graph.K)[i, j], kind="stable")
        out = weakest[: max(1, int(fraction * len(i)))]
        pairs[i[out], j[out]] = pairs[j[out], i[out]] = False
    graph.fit(pairs)
    way.add(0, none, 0.0)
    return way.selected()


def activation(
    data: ArrayLike,
    units: Units | None = None,
    *,
    gamma: float = 0.25,
    fraction: float = 0.05,
    patience: int = 5,
    weights: ArrayLike | None = None,
    n_effective: float | None = None,
    progress: Progress = None,
) -> Selected:
    """The network of least EBIC among those that grow by the edges that promise most: activation.

    From no edge on, those by whose couplings the pseudo-likelihood (one number for both units of a pair, and
    a normal prior of one row's weight) rises the steepest are let in, and all are fitted again.

    Parameters
    ----------
    data : (n_rows, n_units)
        States of the units.
    units : Units, optional
        Of finitely many states; Ising or Bernoulli, by the data, when left out.
    gamma : float
        Of EBIC, the sum of all units', docs/math.md (14.6).
    fraction : float
        Of the edges that are there, let in at a time; at least one is.
    patience : int
        Steps without a smaller EBIC after which it ends.
    weights : (n_rows,), optional
        Row weights ≥ 0.
    n_effective : float, optional
        How many independent rows they are worth.
    progress : callable, bool or None
        As in `ebm.fit`.

    Returns
    -------
    Selected

    Raises
    ------
    EbmError
        Rows that are no states; more memory than is free.

    Examples
    --------
    >>> import numpy as np, ebm
    >>> from ebm.inverse import activation
    >>> J = np.zeros((5, 5))
    >>> J[0, 1] = J[1, 0] = J[3, 4] = J[4, 3] = 0.6
    >>> activation(ebm.sample(ebm.BoltzmannMachine(ebm.Ising(), J), 2000, seed=0).x).edges
    [(0, 1), (3, 4)]
    """
    gamma, fraction = as_number(gamma, "gamma", 0), as_number(fraction, "fraction", 0, 1)
    patience = as_count(patience, "patience")
    rows = rows_of(data, units, weights, n_effective)
    _warn(rows)
    with showing(progress, "activation") as update:
        return activated(rows, gamma, fraction, patience, update)


def activated(
    rows: Rows, gamma: float, fraction: float, patience: int, update: Update = lambda done, line: None
) -> Selected:
    """`activation` of rows."""
    graph, allowed = _begin(rows)
    basis, M = graph.rows.basis, graph.rows.n_effective
    widths = np.array([f.shape[1] for f in basis.contrasts])
    price = 2 * (np.log(M) + 2 * gamma * np.log(max(basis.n - 1, 1)))
    pairs, way = np.zeros_like(allowed), _Way(graph, least=True)
    while True:
        reached, n_edges = graph.fit(pairs), _count(pairs)
        numbers = float((pairs * np.outer(widths, widths)).sum() / 2)
        way.add(n_edges, reached, -2 * M * reached + numbers * price)
        update(n_edges / _count(allowed), f"{n_edges} edges")
        i, j = np.nonzero(np.triu(allowed & ~pairs, 1))
        if not len(i) or way.waited >= patience:
            return way.selected()
        steepest = np.argsort(-graph.by_pair(graph.slopes(graph.K, graph.h)[1])[i, j], kind="stable")
        some = steepest[: max(1, int(fraction * n_edges))]
        pairs[i[some], j[some]] = pairs[j[some], i[some]] = True


class _Way:
    """Graphs one after the other, and the best so far."""

    def __init__(self, graph: Graph, *, least: bool) -> None:
        self._graph, self._sign = graph, -1.0 if least else 1.0
        self.n_edges: list[int] = []
        self.log_likelihood: list[float] = []
        self._criterion: list[float] = []
        self._best, self._kept = 0, (graph.K, graph.h)

    def add(self, n_edges: int, log_likelihood: float, criterion: float) -> None:
        """The graph as it is now."""
        self.n_edges.append(n_edges)
        self.log_likelihood.append(log_likelihood)
        self._criterion.append(criterion)
        if len(self._criterion) == 1 or self._sign * (criterion - self._criterion[self._best]) > 0:
            self._best = len(self._criterion) - 1
            self._kept = self._graph.K.copy(), self._graph.h.copy()

    @property
    def waited(self) -> int:
        """Graphs since the best."""
        return len(self._criterion) - 1 - self._best

    def selected(self) -> Selected:
        """The best one, and the way."""
        numbers = np.array(self.n_edges), np.array(self.log_likelihood), np.array(self._criterion)
        return Selected(self._graph.machine(*self._kept), *numbers, self._best)
