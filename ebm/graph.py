"""A machine seen as a pairwise model over all its units, hidden ones included.

E(x) = −b·φ(x) − ½ φ(x)·J·φ(x) + U(x), with x all units side by side and J sparse, symmetric, without
couplings of a unit to itself: docs/math.md (3.1), and (4.1) with J = [[0, W], [Wᵀ, 0]]. What works on
couplings themselves (variable elimination, mean-field theory) is written against this, and so knows no
machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from ebm.arguments import as_clamped, as_number
from ebm.errors import EbmError, printable
from ebm.machine import Array, Base, Machine, Params, as_base, require
from ebm.units import Units

__all__ = ["Graph"]


@dataclass(frozen=True, eq=False)
class Pairs:
    """The coupled pairs of units between two blocks of a graph, or within one.

    Attributes
    ----------
    left, right : int
        The blocks.
    i, j : (n_pairs,) int64
        Numbers of the units in the graph, i < j.
    J : (n_pairs, width of left, width of right) float64
    """

    left: int
    right: int
    i: Array
    j: Array
    J: Array


@dataclass(frozen=True, eq=False)
class Graph:
    """A pairwise model: E(x) = −b·φ(x) − ½ φ(x)·J·φ(x) + U(x).

    Attributes
    ----------
    blocks : tuple of (Units, int)
        Types of the units and how many of each there are, in order.
    b : ndarray, (n_units·width,) float64
        Biases, in the flat axis of φ.
    J : scipy.sparse.csr_array, float64
        Symmetric couplings in the flat axis of φ, each pair twice, no explicit zeros.
    n_state : int
        The first so many units are the machine's state x; it sums the others out.

    Examples
    --------
    >>> import numpy as np, ebm
    >>> machine = ebm.RBM(ebm.Bernoulli(), ebm.Ising(), [[2.0], [0.0]], [0.1, 0.2], [0.3])
    >>> graph = machine.graph()
    >>> graph.n_units, graph.n_state, graph.J.toarray()[0]
    (3, 2, array([0., 0., 2.]))
    >>> graph.energy(np.array([[1, 0, -1]])), machine.energy([[1, 0]], [[-1]])
    (array([2.2]), array([2.2]))
    """

    blocks: tuple[tuple[Units, int], ...]
    b: Array
    J: Any
    n_state: int

    def __repr__(self) -> str:
        blocks = " + ".join(f"{n} × {units}" for units, n in self.blocks)
        return printable(f"Graph({blocks}, {self.J.nnz // 2} couplings)")

    @property
    def n_units(self) -> int:
        """Units, hidden ones included."""
        return sum(count for _, count in self.blocks)

    @property
    def widths(self) -> Array:
        """Entries of each unit in the flat axis, (n_units,)."""
        return np.repeat([u.width for u, _ in self.blocks], [n for _, n in self.blocks]).astype(np.int64)

    def parts(self) -> Iterator[tuple[Units, slice, slice]]:
        """Of each block: its type, its units, and their entries in the flat axis."""
        unit = entry = 0
        for units, count in self.blocks:
            size = count * units.width
            yield units, slice(unit, unit + count), slice(entry, entry + size)
            unit, entry = unit + count, entry + size

    def encode(self, x: Array) -> Array:
        """φ(x): (n, n_units) -> (n, n_units·width) float64."""
        columns = [units.encode(x[:, own]) for units, own, _ in self.parts()]
        return np.concatenate([np.empty((len(x), 0)), *columns], axis=1)

    def energy(self, x: Array) -> Array:
        """E(x) of rows of all units, (n,) nats."""
        phi = self.encode(x)
        potential = sum(units.potential(x[:, own]).sum(-1) for units, own, _ in self.parts())
        return potential - phi @ self.b - 0.5 * np.einsum("in,ni->n", self.J @ phi.T, phi)

    def tempered(self, beta: float = 1.0, base: Base = None) -> Graph:
        """The graph whose e^−E is the unnormalised p_β, docs/math.md (2.2); base: inputs of the state."""
        beta = as_number(beta, "beta")
        b = beta * self.b
        if base is not None:
            size = int(self.widths[: self.n_state].sum())
            b[:size] += (1 - beta) * as_base(base, size, np.float64)
        return Graph(self.blocks, b, beta * self.J, self.n_state)

    def as_given(self, given: ArrayLike | None) -> Array:
        """Clamped states of all units, (n_units,), NaN where free; from those of the state or of all."""
        states = np.full(self.n_units, np.nan)
        if given is None:
            return states
        values = as_clamped(given)
        if values.shape not in ((self.n_state,), (self.n_units,)):
            sizes = " or ".join(str(n) for n in sorted({self.n_state, self.n_units}))
            raise EbmError(f"given: expected {sizes} states, NaN where free, got shape {values.shape}")
        states[: len(values)] = values
        for units, own, _ in self.parts():
            units.check(states[own][~np.isnan(states[own])], "given", strict=True)
        return states

    def condition(self, given: Array) -> tuple[Graph, float]:
        """The graph of the free units (NaN in `given`) and the energy of the clamped ones, math.md (3.6)."""
        free = np.isnan(given)
        if free.all():
            return self, 0.0
        phi = self.encode(np.where(free, 0.0, given)[None])[0]
        columns = np.repeat(free, self.widths)
        phi[columns] = 0.0
        field = self.J @ phi
        potential = sum(
            u.taken(~free[own]).potential(given[own][~free[own]]).sum() for u, own, _ in self.parts()
        )
        energy = float(potential - phi @ self.b - 0.5 * phi @ field)
        blocks = tuple(
            (u.taken(free[own]), int(free[own].sum())) for u, own, _ in self.parts() if free[own].any()
        )
        J = self.J[columns][:, columns]
        return Graph(blocks, (self.b + field)[columns], J, int(free[: self.n_state].sum())), energy

    def pairs(self) -> Iterator[Pairs]:
        """The coupled pairs of units, each once, by pairs of blocks."""
        parts = list(self.parts())
        for a, (one, units_a, own) in enumerate(parts):
            for c, (two, units_c, other) in enumerate(parts[a:], a):
                blocks = self.J[own][:, other].tobsr((one.width, two.width))
                i = np.repeat(np.arange(blocks.shape[0] // one.width), np.diff(blocks.indptr))
                j, values = blocks.indices.astype(np.int64), blocks.data
                keep = (values != 0).any((1, 2)) & ((a < c) | (i < j))
                if keep.any():
                    yield Pairs(a, c, i[keep] + units_a.start, j[keep] + units_c.start, values[keep])


def states_of(units: Units) -> Array:
    """φ of all states of one unit, (q, width)."""
    return units.encode(np.asarray(units.states)[:, None])


def one_layer(units: Units, J: Any, b: Array) -> Graph:
    """The graph of units of one type, all of them in the state; J dense or sparse."""
    from scipy.sparse import csr_array

    couplings = csr_array(J, dtype=np.float64, copy=True)
    couplings.eliminate_zeros()
    n = units.count(len(b))
    return Graph(_blocks(units, n), b.astype(np.float64), couplings, n)


def _blocks(units: Units, n: int) -> tuple[tuple[Units, int], ...]:
    return tuple((own, places.stop - places.start) for own, places, _ in units.parts(n))


def two_layers(visible: Units, hidden: Units, W: Array, b: Array, c: Array) -> Graph:
    """The graph of two layers coupled to each other, of which the first is the state."""
    from scipy.sparse import block_array, csr_array

    across = csr_array(W, dtype=np.float64)
    J = block_array([[None, across], [across.T, None]], format="csr")
    n_v, n_h = visible.count(len(b)), hidden.count(len(c))
    blocks = _blocks(visible, n_v) + _blocks(hidden, n_h)
    return Graph(blocks, np.concatenate([b, c]).astype(np.float64), J, n_v)


@runtime_checkable
class HasGraph(Machine, Protocol):
    """With a coupling graph: all units, the hidden ones last, are a pairwise model."""

    def graph(self) -> Graph:
        """A copy of today's parameters, float64."""

    def moment_stats(self, second: Array, mean: Array) -> Params:
        """`stats` made of ⟨φφᵀ⟩ and ⟨φ⟩ over all units of the graph, (entries, entries) and (entries,)."""


def graph_of(machine: object, what: str) -> Graph:
    """The graph of a machine, or one line that it has none; `what` is what needs it."""
    return require(machine, HasGraph, what).graph()
