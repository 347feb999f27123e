"""Exact sums over a graph of small treewidth: log Z, marginals and independent samples."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ebm.arguments import as_count, as_number
from ebm.elimination.factors import integrate, take_factors
from ebm.elimination.plan import Plan, make_plan
from ebm.errors import NotSupported, expect
from ebm.graph import Graph, graph_of, states_of
from ebm.machine import Array, Base, Machine
from ebm.states import refuse_above
from ebm.stream import Stream

__all__ = ["Junction", "Marginals", "eliminate", "log_z_by_elimination"]

LIMIT = 22.0  # log2 of the most states of a message
_ALWAYS_KEPT = 2**25  # numbers of the pool that are kept from the first sum on
_MOST_KEPT = 2.0**29
_AT_ONCE = 2**24  # uniforms made at a time


@dataclass(frozen=True, eq=False)
class Marginals:
    """One- and two-point marginals of a pairwise model, as means of φ.

    Attributes
    ----------
    mean : (n_units·width,) float64
        ⟨φ⟩: of Bernoulli units P(x = 1), of Ising spins the magnetisation, of Potts units P(x = a).
    second : scipy.sparse.csr_array, float64
        ⟨φφᵀ⟩ of all coupled pairs of units; of Potts units P(xᵢ = a, xⱼ = c). Blocks are whole: an entry of
        J that is zero beside others that are not has its mean here.
    """

    mean: Array
    second: Any


class Junction:
    """A graph with all its units summed out: made by `eliminate`.

    Attributes
    ----------
    log_z : float
        log Z_β, nats; with clamped units the logarithm of the sum over the free ones.
    bits : float
        log2 states of the largest message; for units of two states, the treewidth of the order found.
    terms : float
        States of all tables: the work.
    """

    def __init__(
        self, graph: Graph, beta: float, base: Base, given: Array, limit: float, plan: Plan | None = None
    ) -> None:
        self._graph, self._beta, self._base, self._given, self._limit = graph, beta, base, given, limit
        self._rest, energy = graph.tempered(beta, base).condition(given)
        self._finite, self._gaussians = integrate(self._rest, limit)
        self._factors = take_factors(self._finite)
        self._plan = make_plan(self._factors, limit) if plan is None else plan
        self.bits, self.terms = self._plan.bits, self._plan.terms
        self._pool: Array | None = None
        self.log_z = self._sum(self._plan.pool <= _ALWAYS_KEPT) - energy
        if self._gaussians is not None:
            self.log_z += self._gaussians.log_integral()

    def __repr__(self) -> str:
        return f"Junction({self._graph.n_units} units, tables of 2^{self.bits:.3g}, log_z = {self.log_z:.6g})"

    def clamped(self, given: ArrayLike) -> Junction:
        """The same for other states of the same clamped units: the order is found already."""
        states = self._graph.as_given(given)
        same = np.array_equal(np.isnan(states), np.isnan(self._given))
        plan = self._plan if same else None
        return Junction(self._graph, self._beta, self._base, states, self._limit, plan)

    def _sum(self, keep: bool) -> float:
        from ebm.kernels.elimination import sum_out

        plan, factors = self._plan, self._factors
        pool, shifts = np.empty(plan.pool if keep else 0), np.empty(len(plan.unit))
        stack, message = np.empty(plan.stack), np.empty(plan.message)
        sum_out(plan.arrays, factors.unary, factors.theta, stack, message, pool, shifts)
        if keep:
            self._pool = pool
        return math.fsum(shifts)

    def _conditionals(self) -> Array:
        """The pool of conditionals, from which samples and marginals go down."""
        if self._pool is None:
            need = 8.0 * self._plan.pool
            seconds = 2e-8 * self._plan.terms / max(self._plan.pool, 1)
            refuse_above(_MOST_KEPT, self._plan.pool, seconds, need, "keeping the tables of an elimination")
            self._sum(True)
        assert self._pool is not None
        return self._pool

    def marginals(self) -> Marginals:
        """Exact ⟨φ⟩ of all units and ⟨φφᵀ⟩ of all coupled pairs; clamped units are as they are clamped.

        Raises
        ------
        TooLarge
            The tables to keep are above 4 GiB.
        NotSupported
            Gaussian units.

        Examples
        --------
        >>> import numpy as np, ebm
        >>> pair = ebm.BoltzmannMachine(ebm.Ising(), [[0.0, 0.5], [0.5, 0.0]])
        >>> found = eliminate(pair.graph()).marginals()
        >>> found.mean.round(12), found.second.toarray().round(4)  # tanh 0.5 = 0.4621
        (array([0., 0.]), array([[0.    , 0.4621],
               [0.4621, 0.    ]]))
        """
        if self._gaussians is not None:
            raise NotSupported("elimination: marginals of graphs with Gaussian units are not computed")
        from ebm.kernels.elimination import hand_down

        plan, factors, pool = self._plan, self._factors, self._conditionals()
        ones, twos = np.empty_like(factors.unary), np.empty_like(factors.theta)
        stack, message, fold = (np.empty(max(k, 1)) for k in (plan.stack, plan.message, plan.message))
        hand_down(plan.arrays, factors.unary, factors.theta, pool, stack, message, fold, ones, twos)
        mean = self._means(ones)
        return Marginals(mean, self._seconds(mean, twos))

    def _means(self, ones: Array) -> Array:
        graph, free = self._graph, np.repeat(np.isnan(self._given), self._graph.widths)
        mean = graph.encode(np.nan_to_num(self._given)[None])[0]
        parts, start = [np.empty(0)], 0
        for units, count in self._rest.blocks:
            phi = states_of(units)
            stop = start + count * len(phi)
            parts.append((ones[start:stop].reshape(count, -1) @ phi).ravel())
            start = stop
        mean[free] = np.concatenate(parts)
        return mean

    def _seconds(self, mean: Array, twos: Array) -> Any:
        """⟨φφᵀ⟩: from the tables where both units are free, which come in this order, else of the means."""
        from scipy.sparse import coo_array

        graph, free, begin = self._graph, np.isnan(self._given), 0
        start = np.cumsum(graph.widths) - graph.widths
        rows, columns, values = [np.empty(0, np.int64)], [np.empty(0, np.int64)], [np.empty(0)]
        for pairs in graph.pairs():
            one, two = (states_of(graph.blocks[k][0]) for k in (pairs.left, pairs.right))
            row = start[pairs.i][:, None, None] + np.arange(one.shape[1])[:, None]
            column = start[pairs.j][:, None, None] + np.arange(two.shape[1])
            value = mean[row] * mean[column]
            hot = (self._beta * pairs.J != 0).any((1, 2))  # at β = 0 there are no tables of pairs
            both = free[pairs.i] & free[pairs.j] & hot
            end = begin + int(both.sum()) * len(one) * len(two)
            table = twos[begin:end].reshape(-1, len(one), len(two))
            value[both] = np.einsum("est,sa,tc->eac", table, one, two, optimize=True)
            begin = end
            row, column = np.broadcast_arrays(row, column)
            rows += [row.ravel(), column.ravel()]
            columns += [column.ravel(), row.ravel()]
            values += [value.ravel(), value.ravel()]
        ends = np.concatenate(rows), np.concatenate(columns)
        return coo_array((np.concatenate(values), ends), shape=graph.J.shape).tocsr()

    def sample(self, n: int, rng: Stream) -> Array:
        """Draw n independent exact states of all units, (n, n_units) float64; advances rng by one.

        Raises
        ------
        TooLarge
            The tables to keep are above 4 GiB.

        Examples
        --------
        >>> import numpy as np, ebm
        >>> pair = ebm.BoltzmannMachine(ebm.Ising(), [[0.0, 9.0], [9.0, 0.0]])
        >>> eliminate(pair.graph(), given=[1, np.nan]).sample(3, ebm.Stream(0))
        array([[1., 1.],
               [1., 1.],
               [1., 1.]])
        """
        n = as_count(n, "n", 0)
        pool, (key, sweep) = self._conditionals(), rng.advance()
        out = np.broadcast_to(self._given, (n, self._graph.n_units)).copy()
        step = max(1, _AT_ONCE // max(1, self._graph.n_units))
        for start in range(0, n, step):
            rows = slice(start, min(start + step, n))
            out[rows] = self._draw(out[rows], pool, key, sweep, start)
        return out

    def _draw(self, x: Array, pool: Array, key: Any, sweep: int, first: int) -> Array:
        """Rows of clamped states filled up; row r takes the uniforms of chain first + r, unit by unit."""
        from ebm.kernels.elimination import draw_states
        from ebm.kernels.numbers.random import uniform_rows

        rows, free = np.empty(x.shape), np.isnan(self._given)
        uniform_rows(key, sweep, first, 0, rows)
        u = np.ascontiguousarray(rows.T[free])  # as the kernel reads it: all chains of a unit
        gaussian = np.zeros(len(u), bool) if self._gaussians is None else self._gaussians.mask
        plan, factors = self._plan, self._factors
        number = np.empty((len(plan.unit), len(x)), np.int32)
        place = np.flatnonzero(~gaussian)[plan.unit]
        if number.size:
            worth = number.size > 2**12
            draw_states(worth, plan.arrays, factors.unary, factors.theta, pool, place, u, number)
        rest = np.empty(u.shape)
        rest[place] = number
        for units, own, _ in self._rest.parts():
            if units.states is not None:
                rest[own] = np.asarray(units.states)[rest[own].astype(np.int64)]
        if self._gaussians is not None:
            phi = self._finite.encode(rest[~gaussian].T)
            rest[gaussian] = self._gaussians.draw(phi, u[gaussian].T).T
        x[:, free] = rest.T
        return x


def eliminate(
    graph: Graph,
    beta: float = 1.0,
    base: Base = None,
    given: ArrayLike | None = None,
    *,
    limit: float = LIMIT,
) -> Junction:
    """Sum out all units of a graph, one after the other: exact where its treewidth is small.

    Work and memory grow as 2^treewidth, not as 2^units: a chain of 10⁵ spins, a lattice 20 spins wide, an
    RBM with few units in one of its layers.

    Parameters
    ----------
    graph : Graph
        ``machine.graph()``.
    beta : float
        Inverse temperature.
    base : (entries of the state,), optional
        Inputs of the state's units at β = 0; None is zero.
    given : array_like, (n_state,) or (n_units,), optional
        Clamped units, NaN where free: the sum is over the others.
    limit : float
        log2 of the most states that a message may have; work tables have q times as many.

    Returns
    -------
    Junction

    Raises
    ------
    TooLarge
        The best order found has a larger table, or takes more than 2³³ terms.
    NotSupported
        Continuous units other than Gaussian.

    References
    ----------
    Dechter, "Bucket elimination" (1999); Lauritzen & Spiegelhalter (1988); Koller & Friedman,
    "Probabilistic Graphical Models" (2009), chapter 9.

    Examples
    --------
    >>> import numpy as np, scipy.sparse, ebm
    >>> n = 1000  # an open chain: Z = 2^n cosh(J)^(n - 1)
    >>> J = scipy.sparse.diags_array([np.full(n - 1, 0.7)] * 2, offsets=[1, -1])
    >>> chain = ebm.BoltzmannMachine(ebm.Ising(), J)
    >>> expected = n * np.log(2) + (n - 1) * np.log(np.cosh(0.7))
    >>> bool(abs(eliminate(chain.graph()).log_z - expected) < 1e-9)
    True
    """
    expect(graph, Graph, "graph", "a graph such as machine.graph()")
    return Junction(graph, beta, base, graph.as_given(given), as_number(limit, "limit", 0, 40))


def log_z_by_elimination(machine: Machine, beta: float = 1.0, base: Base = None) -> float:
    """log Z_β of a machine, nats, by elimination over its graph.

    Raises
    ------
    TooLarge
        Its treewidth is too large.
    NotSupported
        It has no graph, or units that cannot be summed.
    """
    return eliminate(graph_of(machine, "elimination"), beta, base).log_z
