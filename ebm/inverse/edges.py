"""What was inferred: a machine; and of a selection of edges tables and graphs of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ebm.boltzmann import BoltzmannMachine
from ebm.errors import EbmError
from ebm.inverse.mixed import MixedMachine
from ebm.machine import Array
from ebm.notebook import html_table

__all__ = ["Inferred", "Sparse", "called", "norms"]


class Inferred:
    """A machine whose couplings were inferred from rows.

    Attributes
    ----------
    machine : BoltzmannMachine, or MixedMachine
        Of the units of the data, float64: to sample, to score, to save. β is absorbed in J and b. Of rows
        with real units the second.
    """

    machine: BoltzmannMachine | MixedMachine

    @property
    def J(self) -> Array:
        """Couplings, (columns, columns): symmetric, zero where a unit would be coupled to itself."""
        J: Array = self.machine.params["J"]
        return J

    @property
    def b(self) -> Array:
        """Biases, (columns,)."""
        b: Array = self.machine.params["b"]
        return b

    def _norms(self) -> Array:
        """|J_ij| of every pair, (n_units, n_units): the Frobenius norm over both units' states.

        Real units are taken in their standard deviations given all others: of two of them it is their partial
        correlation.
        """
        machine, n = self.machine, self.machine.n_units
        J = self.J
        if isinstance(machine, MixedMachine):
            J = J * np.outer(machine.spread, machine.spread)
        return norms(J, np.searchsorted(machine.units.owners(n), np.arange(n)))


def norms(J: Array, starts: Sequence[int] | Array) -> Array:
    """The Frobenius norm of each pair's block of a matrix, whose units' columns begin at `starts`."""
    squares = np.add.reduceat(np.add.reduceat(J**2, starts, axis=0), starts, axis=1)
    found: Array = np.sqrt(squares)
    return found


class Sparse(Inferred):
    """A machine of few edges."""

    @property
    def strengths(self) -> Array:
        """J_ij of every pair of units that are numbers, |J_ij| of others, (n_units, n_units)."""
        return self.J if len(self.b) == self.machine.n_units else self._norms()

    def plot(self, names: Sequence[str] | None = None, *, ax: Any = None) -> Any:
        """The network, as `ebm.plots.network` draws it: Axes."""
        from ebm.plots import network

        return network(self.strengths, list(map(str, called(names, self.machine.n_units))), ax=ax)

    @property
    def edges(self) -> list[tuple[int, int]]:
        """Pairs with a coupling, in their order."""
        i, j = np.nonzero(np.triu(self.strengths, 1))
        return list(zip(i.tolist(), j.tolist(), strict=True))

    def table(self, names: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """The edges by falling |J|: i, j, J; units by their names, if there are some."""
        units, strengths = called(names, self.machine.n_units), self.strengths
        found = [{"i": units[i], "j": units[j], "J": float(strengths[i, j])} for i, j in self.edges]
        return sorted(found, key=lambda edge: -abs(edge["J"]))

    def to_frame(self, names: Sequence[str] | None = None) -> Any:
        """`table` as a pandas DataFrame.

        Raises
        ------
        ImportError
            pandas is not installed.
        """
        import pandas

        return pandas.DataFrame(self.table(names), columns=["i", "j", "J"])

    def graph(self, names: Sequence[str] | None = None) -> Any:
        """A networkx Graph of all units, edges with `weight` (J).

        Raises
        ------
        ImportError
            networkx is not installed.
        """
        import networkx

        found = networkx.Graph()
        found.add_nodes_from(called(names, self.machine.n_units))
        found.add_weighted_edges_from(tuple(edge.values()) for edge in self.table(names))
        return found

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.machine.n_units} units, {len(self.edges)} edges)"

    def _repr_html_(self) -> str:
        rows = [[f"{value:.4g}" for value in edge.values()] for edge in self.table()[:10]]
        return html_table(repr(self), ["i", "j", "J"], rows)


def called(names: Sequence[str] | None, n: int) -> list[Any]:
    """Names of n units: their numbers where there are none."""
    found = list(range(n)) if names is None else list(names)
    if len(found) != n:
        raise EbmError(f"names: expected {n}, one for each unit, got {len(found)}")
    return found
