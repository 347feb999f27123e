"""Networks of few edges: logistic regressions with an L1 penalty, one a unit, chosen by EBIC.

van Borkulo et al., "A new method for constructing networks from binary data" (2014), eLasso; Foygel & Drton,
"Extended Bayesian information criteria for Gaussian graphical models" (2010).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.sparse
from numpy.typing import ArrayLike

from ebm.arguments import as_choice, as_count, as_flag, as_number
from ebm.boltzmann import BoltzmannMachine
from ebm.errors import EbmError, NotSupported
from ebm.inverse.edges import Sparse
from ebm.inverse.lasso import Paths, largest_penalty, lasso_paths
from ebm.inverse.rows import Rows, listed, rows_of
from ebm.machine import Array
from ebm.progress import Progress, Update, showing
from ebm.units import Units

__all__ = ["RULES", "Network", "ising_network", "network_of", "penalties_of", "sparse_machine", "two_states"]

RULES = ("and", "or")
_TIE = 1e-12  # of EBIC, relative: as long as no edge has come it is the same at every penalty


@dataclass(frozen=True, repr=False)
class Network(Sparse):
    """A machine of few edges, and the path that led to it.

    Attributes
    ----------
    machine : BoltzmannMachine
        With the edges that were chosen; a coupling is the mean of what both units say of it.
    penalties : (k,) float64
        λ, falling.
    path : list of k csr_array, (n, n) float64
        Row i: slopes of unit i's regression on the others, in the units' own coding.
    intercepts : (k, n) float64
        Of the same; nan where a unit's path has ended.
    ebic : (k, n) float64
        Of each unit at each penalty; nan where its path has ended.
    chosen : (n,) int64
        The penalty of least EBIC, the largest of several.
    """

    machine: BoltzmannMachine
    penalties: Array
    path: list[scipy.sparse.csr_array]
    intercepts: Array
    ebic: Array
    chosen: Array


def ising_network(
    data: ArrayLike,
    units: Units | None = None,
    *,
    gamma: float = 0.25,
    n_penalties: int = 100,
    ratio: float = 0.01,
    rule: Literal["and", "or"] = "and",
    whole: bool = False,
    weights: ArrayLike | None = None,
    n_effective: float | None = None,
    progress: Progress = None,
) -> Network:
    """A sparse network of two-state units: of each unit's lasso path the regression of least EBIC.

    Parameters
    ----------
    data : (n_rows, n_units)
        States: 0 and 1, or −1 and +1.
    units : Units, optional
        Of two states that are numbers, ``Bernoulli()`` or ``Ising()``; by the data when left out.
    gamma : float
        Of EBIC = −2 log L + k log M + 2γ k log(n − 1), docs/math.md (14.2): 0 is BIC; larger is sparser.
    n_penalties : int
        Of the path, from the least that leaves no edge to `ratio` of it, evenly in the logarithm.
    ratio : float
    rule : {"and", "or"}
        An edge is there if both units' regressions have it, or if one has.
    whole : bool
        Follow every path to its end. Otherwise that of a unit ends where its EBIC has passed a minimum for
        good: where even without the shrinkage of the slopes that are there (14.3) it would
        lie beyond the least by what two edges cost.
    weights : (n_rows,), optional
        Row weights ≥ 0.
    n_effective : float, optional
        M, how many independent rows they are worth: where weights are counts, their sum. (Σw)²/Σw² when left
        out.
    progress : callable, bool or None
        As in `ebm.fit`.

    Returns
    -------
    Network
        A unit that never changes has no edge, with a warning that names it, as units that are copies of one
        another have.

    Raises
    ------
    EbmError
        Rows that are no states; more memory than is free: 9 bytes for each number of theirs, and some 100 MB
        a thread.
    NotSupported
        Units of more than two states.

    Examples
    --------
    >>> import numpy as np, ebm
    >>> from ebm.inverse import ising_network
    >>> J = np.zeros((5, 5))
    >>> J[0, 1] = J[1, 0] = J[3, 4] = J[4, 3] = 0.6
    >>> ising_network(ebm.sample(ebm.BoltzmannMachine(ebm.Ising(), J), 2000, seed=0).x).edges
    [(0, 1), (3, 4)]
    """
    gamma, whole = as_number(gamma, "gamma", 0), as_flag(whole, "whole")
    how = as_choice(rule, RULES, "rule")
    rows = rows_of(data, units, weights, n_effective)
    two_states(rows, "ising_network")
    with showing(progress, "ising_network") as update:
        return network_of(rows, gamma, penalties_of(rows, n_penalties, ratio), how, whole, update)


def network_of(
    rows: Rows,
    gamma: float,
    penalties: Array,
    rule: str,
    whole: bool = False,
    update: Update = lambda done, line: None,
) -> Network:
    """The network of rows of two-state units."""
    n, M = rows.basis.n, rows.n_effective
    price = float(np.log(M) + 2 * gamma * np.log(n - 1))
    found = lasso_paths(rows, penalties, price=None if whole else price / (2 * M), update=update)
    ebic = 2 * M * found.loss + found.n_edges * price
    chosen = (ebic <= np.nanmin(ebic, 0) * (1 + _TIE)).argmax(0)
    machine = sparse_machine(rows, found, chosen, rule)
    return Network(machine, penalties, found.slopes, found.intercepts, ebic, chosen)


def penalties_of(rows: Rows, n_penalties: int, ratio: float) -> Array:
    """From the least that leaves no edge to `ratio` of it, evenly in the logarithm."""
    n_penalties, ratio = as_count(n_penalties, "n_penalties"), as_number(ratio, "ratio")
    if not 0 < ratio < 1:
        raise EbmError(f"ratio: expected a number between 0 and 1, got {ratio!r}")
    largest = largest_penalty(rows)
    return np.geomspace(largest, largest * ratio, n_penalties)


def two_states(rows: Rows, what: str) -> None:
    """Refuse units of more than two numbers; name those that never change, and those that are copies."""
    rows.basis.half_ranges(what)
    if not rows.basis.plain:
        raise NotSupported(f"{what}: {rows.basis.units} units; expected numbers, such as Ising()")
    if len(rows.constant):
        _say(f"{listed(rows.constant)} never changes: it gets no edge, and a bias by half a row")
    turned = np.packbits((rows.codes != rows.codes[0]).T, axis=1)
    _, first, which = np.unique(turned, axis=0, return_index=True, return_inverse=True)
    copies = np.setdiff1d(np.flatnonzero(first[which.ravel()] != np.arange(rows.basis.n)), rows.constant)
    if len(copies):
        _say(
            f"{listed(copies)}: in every row the same as an earlier unit, or its opposite: the penalty alone"
            " decides about their couplings"
        )


def _say(line: str) -> None:
    warnings.warn(f"data: {line}", RuntimeWarning, stacklevel=4)


def sparse_machine(rows: Rows, found: Paths, chosen: Array, rule: str) -> BoltzmannMachine:
    """The machine of both units' slopes: log-odds are (upper − lower state)·(b + ΣJ x)."""
    basis, own = rows.basis, np.arange(rows.basis.n)
    ranges = np.array([np.ptp(states) for states in basis.states])
    J = np.zeros((basis.n, basis.n))
    for k in np.unique(chosen):
        some = np.flatnonzero(chosen == k)
        J[some] = found.slopes[k][some].toarray() / ranges[some, None]
    there = J != 0
    keep = there & there.T if rule == "and" else there | there.T
    J = np.where(keep, (J + J.T) / 2, 0.0)
    return BoltzmannMachine(basis.units, J, found.intercepts[chosen, own] / ranges)
