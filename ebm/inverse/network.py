"""Networks of few edges: logistic regressions with an L1 penalty, one a unit, chosen by EBIC.

van Borkulo et al., "A new method for constructing networks from binary data" (2014), eLasso; Foygel & Drton,
"Extended Bayesian information criteria for Gaussian graphical models" (2010).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from ebm.arguments import as_choice, as_count, as_number
from ebm.boltzmann import BoltzmannMachine
from ebm.errors import EbmError
from ebm.inverse.rows import rows_of
from ebm.machine import Array
from ebm.units import Ising, Units

__all__ = ["Network", "ising_network"]

_TOLERANCE = 1e-13
_RULES = ("and", "or")
_LEAST = 1e-6  # penalty that a path begins with where no two units are correlated at all


@dataclass(frozen=True)
class Network:
    """A machine of few edges, and the path that led to it.

    Attributes
    ----------
    machine : BoltzmannMachine
        With the edges that were chosen; a coupling is the mean of what both units say of it.
    penalties : (k,) float64
        λ, falling.
    path : (k, n, n) float64
        Slopes of unit i's regression on the others, in the units' own coding; intercepts on the diagonal.
    ebic : (k, n) float64
        Of each unit at each penalty.
    chosen : (n,) int64
        The penalty of least EBIC.
    """

    machine: BoltzmannMachine
    penalties: Array
    path: Array
    ebic: Array
    chosen: Array

    @property
    def edges(self) -> list[tuple[int, int]]:
        """Pairs with a coupling."""
        i, j = np.nonzero(np.triu(self.machine.params["J"], 1))
        return list(zip(i.tolist(), j.tolist(), strict=True))

    def __repr__(self) -> str:
        return f"Network({self.machine.n_units} units, {len(self.edges)} edges)"


def ising_network(
    data: ArrayLike,
    units: Units | None = None,
    *,
    gamma: float = 0.25,
    n_penalties: int = 100,
    ratio: float = 0.01,
    rule: Literal["and", "or"] = "and",
    weights: ArrayLike | None = None,
) -> Network:
    """A sparse network of two-state units: of each unit's lasso path the regression of least EBIC.

    Parameters
    ----------
    data : (n_rows, n_units)
        States: 0 and 1, or −1 and +1.
    units : Units, optional
        ``Bernoulli()`` or ``Ising()``; by the data when left out.
    gamma : float
        Of EBIC = −2 log L + k log M + 2γ k log(n − 1): 0 is BIC; larger is sparser.
    n_penalties : int
        Of the path, from the least that leaves no edge to `ratio` of it, evenly in the logarithm.
    ratio : float
    rule : {"and", "or"}
        An edge is there if both units' regressions have it, or if one has.
    weights : (n_rows,), optional
        Row weights ≥ 0; M is then what they are worth.

    Returns
    -------
    Network

    Raises
    ------
    EbmError
        Rows that are no states, a unit that never changes.

    Examples
    --------
    >>> import numpy as np, ebm
    >>> from ebm.inverse import ising_network
    >>> J = np.zeros((5, 5))
    >>> J[0, 1] = J[1, 0] = J[3, 4] = J[4, 3] = 0.6
    >>> ising_network(ebm.sample(ebm.BoltzmannMachine(ebm.Ising(), J), 2000, seed=0).x).edges
    [(0, 1), (3, 4)]
    """
    from ebm.kernels.learning.lasso import lasso_path

    gamma, ratio = as_number(gamma, "gamma", 0), as_number(ratio, "ratio", 0)
    n_penalties = as_count(n_penalties, "n_penalties")
    if not 0 < ratio < 1:
        raise EbmError(f"ratio: expected a number between 0 and 1, got {ratio!r}")
    how = as_choice(rule, _RULES, "rule")
    rows = rows_of(data, units, weights)
    rows.basis.half_ranges("ising_network")
    units = rows.basis.units
    fixed = np.flatnonzero(np.abs(rows.mean) >= 1 - 1e-15)
    if len(fixed):
        raise EbmError(f"data: unit {fixed[0]} never changes; leave it out")
    n, M = rows.spins.shape[1], rows.n_effective
    x = rows.spins if isinstance(units, Ising) else (rows.spins + 1) / 2
    centred = x - rows.w @ x
    most = np.abs((centred * rows.w[:, None]).T @ rows.spins / 2)
    np.fill_diagonal(most, 0.0)
    largest = max(float(most.max()), _LEAST)
    penalties = np.geomspace(largest, largest * ratio, n_penalties)
    path, ebic = np.zeros((n_penalties, n, n)), np.empty((n_penalties, n))
    for i in range(n):
        others = np.flatnonzero(np.arange(n) != i)
        design = np.ascontiguousarray(np.vstack([np.ones(len(x)), x[:, others].T]))
        y, theta = np.ascontiguousarray(rows.spins[:, i]), np.zeros((n_penalties, n))
        if lasso_path(design, y, rows.w, penalties, theta, _TOLERANCE) < 0:
            raise EbmError(f"data: unit {i}: its regression did not settle; expected a larger ratio")
        loss = np.logaddexp(0, -y * (theta @ design)) @ rows.w
        k = (theta[:, 1:] != 0).sum(1)
        ebic[:, i] = 2 * M * loss + k * (np.log(M) + 2 * gamma * np.log(n - 1))
        path[:, i, i], path[:, i, others] = theta[:, 0], theta[:, 1:]
    chosen = ebic.argmin(0)
    return Network(_machine(units, path[chosen, np.arange(n)], how), penalties, path, ebic, chosen)


def _machine(units: Units, slopes: Array, rule: str) -> BoltzmannMachine:
    """The machine of both units' slopes; of a spin x the log-odds are 2 (b + ΣJ x)."""
    share = 0.5 if isinstance(units, Ising) else 1.0
    J, b = share * slopes, share * slopes.diagonal()
    there = J != 0
    keep = there & there.T if rule == "and" else there | there.T
    J = np.where(keep, (J + J.T) / 2, 0.0)
    np.fill_diagonal(J, 0.0)
    return BoltzmannMachine(units, J, b)
