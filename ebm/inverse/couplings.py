"""What was inferred: a machine, and how sure its numbers are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.stats import norm

from ebm.arguments import as_count
from ebm.boltzmann import BoltzmannMachine
from ebm.errors import EbmError, NotSupported
from ebm.inverse.edges import Inferred, called
from ebm.inverse.mixed import MixedMachine
from ebm.machine import Array
from ebm.notebook import html_table

__all__ = ["Couplings"]


@dataclass(frozen=True)
class Couplings(Inferred):
    """Couplings and biases inferred from rows, with their standard errors where the method has any.

    Attributes
    ----------
    machine : BoltzmannMachine, or MixedMachine
        Of the units of the data, float64: to sample, to score, to save. β is absorbed in J and b; those of
        Potts units are in the zero-sum gauge. Of rows with real units the second.
    method : str
    n_effective : float
        Rows, or what weighted rows are worth.
    stderr_J : (columns, columns) float64 or None
        Standard errors of J, nan where a unit would be coupled to itself. Columns: one a unit, q of a Potts
        unit.
    stderr_b : (columns,) float64 or None
    stderr_precision : (n_real,) float64 or None
        Of the precisions of real units; 0 where they were given.
    diagnostics : object, optional
        How it went: `Learnt` of the method boltzmann.
    """

    machine: BoltzmannMachine | MixedMachine
    method: str
    n_effective: float
    stderr_J: Array | None = None
    stderr_b: Array | None = None
    stderr_precision: Array | None = None
    diagnostics: Any = field(default=None, compare=False)

    @property
    def strengths(self) -> Array:
        """|J_ij| of every pair, (n_units, n_units): the Frobenius norm over both units' states.

        Real units are taken in their standard deviations given all others: of two of them it is their partial
        correlation.
        """
        return self._norms()

    def _errors(self) -> Array:
        if self.stderr_J is None:
            raise NotSupported(
                f"{self.method}: this estimate has no standard errors; expected pseudo_likelihood or rise,"
                " without L1 or GroupLasso"
            )
        return self.stderr_J

    @property
    def z(self) -> Array:
        """J over its standard errors; nan where a unit would be coupled to itself."""
        return self.J / self._errors()

    @property
    def p(self) -> Array:
        """Two-sided probability of a |z| as large without a coupling."""
        found: Array = 2 * norm.sf(np.abs(self.z))
        return found

    def intervals(self, level: float = 0.95) -> Array:
        """Lower and upper ends of confidence intervals of J, (2, columns, columns)."""
        if not 0 < level < 1:
            raise EbmError(f"level: expected a number between 0 and 1, got {level!r}")
        half = float(norm.ppf(0.5 + level / 2)) * self._errors()
        return np.stack([self.J - half, self.J + half])

    def edges(self, least_z: float = 0.0) -> list[dict[str, Any]]:
        """Pairs with |z| ≥ least_z by falling `strengths`: i, j, J, and stderr, z, p where there are errors.

        Of units with several columns J is their strength, and |z| the largest of their couplings'.
        """
        n = self.machine.n_units
        i, j = np.triu_indices(n, 1)
        single = len(self.b) == n
        strengths = self.strengths[i, j]
        values = {"i": i, "j": j, "J": self.J[i, j] if single else strengths}
        if single and self.stderr_J is not None:
            values |= {"stderr": self.stderr_J[i, j], "z": self.z[i, j], "p": self.p[i, j]}
        elif least_z > 0 or self.stderr_J is not None:
            units = self.machine.units
            starts = np.searchsorted(units.owners(n), np.arange(n))
            z = np.nan_to_num(np.abs(self.z) if least_z > 0 or self.stderr_J is not None else self._errors())
            values["z"] = np.maximum.reduceat(np.maximum.reduceat(z, starts, axis=0), starts, axis=1)[i, j]
        kept = [k for k in np.argsort(-strengths, kind="stable") if _z_of(values, k) >= least_z]
        return [{name: column[k].item() for name, column in values.items()} for k in kept]

    def to_frame(self, names: Sequence[str] | None = None) -> Any:
        """`edges` as a pandas DataFrame, with the names of units if given.

        Raises
        ------
        ImportError
            pandas is not installed.
        """
        import pandas

        frame = pandas.DataFrame(self.edges())
        units = called(names, self.machine.n_units)
        return frame.assign(i=[units[k] for k in frame["i"]], j=[units[k] for k in frame["j"]])

    def graph(self, names: Sequence[str] | None = None, least_z: float = 0.0) -> Any:
        """A networkx Graph: nodes with `bias`, edges with `weight` (J) and what else `edges` says.

        Raises
        ------
        ImportError
            networkx is not installed.
        """
        import networkx

        n = self.machine.n_units
        units = called(names, n)
        found = networkx.Graph()
        single = len(self.b) == n
        for i in range(n):
            found.add_node(units[i], **({"bias": float(self.b[i])} if single else {}))
        for edge in self.edges(least_z):
            i, j, J = edge.pop("i"), edge.pop("j"), edge.pop("J")
            if J:
                found.add_edge(units[i], units[j], weight=J, **edge)
        return found

    def plot(self, names: Sequence[str] | None = None, *, n: int = 30, ax: Any = None) -> Any:
        """The n strongest couplings with their 95 % intervals, as `ebm.plots.edges` draws them: Axes.

        Raises
        ------
        EbmError
            There are no couplings.
        """
        from ebm.plots import edges

        first, units = self.edges()[: as_count(n, "n")], called(names, self.machine.n_units)
        first = [edge for edge in first if edge["J"]]
        if not first:
            raise EbmError("plot: there are no couplings to draw")
        labels = [f"{units[edge['i']]} – {units[edge['j']]}" for edge in first]
        stderr = [edge["stderr"] for edge in first] if "stderr" in first[0] else None
        return edges(labels, [edge["J"] for edge in first], stderr, ax=ax)

    def __repr__(self) -> str:
        n, errors = self.machine.n_units, self.stderr_J
        largest = float(np.abs(self.J).max())
        spread = "" if errors is None else f", standard errors about {float(np.nanmedian(errors)):.2g}"
        return f"Couplings({n} units by {self.method}, largest |J| {largest:.3g}{spread})"

    def _repr_html_(self) -> str:
        first = self.edges()[:10]
        rows = [[f"{value:.4g}" for value in edge.values()] for edge in first]
        return html_table(repr(self), list(first[0]) if first else [], rows)


def _z_of(values: dict[str, Array], k: int) -> float:
    return abs(float(values["z"][k])) if "z" in values else math.inf
