"""What was inferred: a machine, and how sure its numbers are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import norm

from ebm.boltzmann import BoltzmannMachine
from ebm.errors import EbmError, NotSupported
from ebm.machine import Array
from ebm.notebook import html_table

__all__ = ["Couplings"]


@dataclass(frozen=True)
class Couplings:
    """Couplings and biases inferred from rows, with their standard errors where the method has any.

    Attributes
    ----------
    machine : BoltzmannMachine
        Of the units of the data, float64: to sample, to score, to save. β is absorbed in J and b.
    method : str
    n_effective : float
        Rows, or what weighted rows are worth.
    stderr_J : (n, n) float64 or None
        Standard errors of J, nan on the diagonal.
    stderr_b : (n,) float64 or None
    """

    machine: BoltzmannMachine
    method: str
    n_effective: float
    stderr_J: Array | None = None
    stderr_b: Array | None = None

    @property
    def J(self) -> Array:
        """Couplings, (n, n): symmetric, zero on the diagonal."""
        J: Array = self.machine.params["J"]
        return J

    @property
    def b(self) -> Array:
        """Biases, (n,)."""
        b: Array = self.machine.params["b"]
        return b

    def _errors(self) -> Array:
        if self.stderr_J is None:
            raise NotSupported(f"{self.method}: has no standard errors; expected pseudo_likelihood or rise")
        return self.stderr_J

    @property
    def z(self) -> Array:
        """J over its standard errors, (n, n); nan on the diagonal."""
        return self.J / self._errors()

    @property
    def p(self) -> Array:
        """Two-sided probability of a |z| as large without a coupling, (n, n)."""
        found: Array = 2 * norm.sf(np.abs(self.z))
        return found

    def intervals(self, level: float = 0.95) -> Array:
        """Lower and upper ends of confidence intervals of J, (2, n, n)."""
        if not 0 < level < 1:
            raise EbmError(f"level: expected a number between 0 and 1, got {level!r}")
        half = float(norm.ppf(0.5 + level / 2)) * self._errors()
        return np.stack([self.J - half, self.J + half])

    def edges(self, least_z: float = 0.0) -> list[dict[str, Any]]:
        """Pairs with |z| ≥ least_z by falling |J|: i, j, J, and stderr, z, p where there are errors."""
        i, j = np.triu_indices(len(self.b), 1)
        values = {"i": i, "j": j, "J": self.J[i, j]}
        if self.stderr_J is not None:
            values |= {"stderr": self.stderr_J[i, j], "z": self.z[i, j], "p": self.p[i, j]}
        elif least_z > 0:
            self._errors()
        kept = [k for k in np.argsort(-np.abs(values["J"]), kind="stable") if _z_of(values, k) >= least_z]
        return [{name: column[k].item() for name, column in values.items()} for k in kept]

    def __repr__(self) -> str:
        n, errors = len(self.b), self.stderr_J
        largest = float(np.abs(self.J).max())
        spread = "" if errors is None else f", standard errors about {float(np.nanmedian(errors)):.2g}"
        return f"Couplings({n} units by {self.method}, largest |J| {largest:.3g}{spread})"

    def _repr_html_(self) -> str:
        first = self.edges()[:10]
        rows = [[f"{value:.4g}" for value in edge.values()] for edge in first]
        return html_table(repr(self), list(first[0]) if first else [], rows)


def _z_of(values: dict[str, Array], k: int) -> float:
    return abs(float(values["z"][k])) if "z" in values else math.inf
