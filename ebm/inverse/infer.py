"""`infer`: rows to couplings, by any of the methods."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from ebm.arguments import as_choice, as_number
from ebm.boltzmann import BoltzmannMachine
from ebm.errors import EbmError
from ebm.inverse import closed
from ebm.inverse.couplings import Couplings
from ebm.inverse.likelihood import maximum_likelihood
from ebm.inverse.sitewise import PSEUDO_LIKELIHOOD, SCREENING, Loss, Site, solve
from ebm.inverse.spins import Rows, in_units, spins_of
from ebm.machine import Array
from ebm.units import Bernoulli, Units

__all__ = ["METHODS", "infer"]

_Closed: TypeAlias = Callable[[Rows], tuple[Array, Array]]
_CLOSED: dict[str, _Closed] = {
    "pairs": closed.pairs,
    "naive_mean_field": closed.naive_mean_field,
    "tap": closed.tap,
    "sessak_monasson": closed.sessak_monasson,
    "bethe": closed.bethe,
}
_SITEWISE: dict[str, Loss] = {"pseudo_likelihood": PSEUDO_LIKELIHOOD, "rise": SCREENING}
METHODS = (*_CLOSED, *_SITEWISE, "maximum_likelihood")
_AT_ONCE = 2**22  # numbers


def infer(
    data: ArrayLike,
    units: Units | None = None,
    method: str = "pseudo_likelihood",
    *,
    weights: ArrayLike | None = None,
    n_effective: float | None = None,
    l2: float = 0.0,
) -> Couplings:
    """Couplings and biases of a fully connected machine of two-state units, from its samples.

    Parameters
    ----------
    data : (n_rows, n_units)
        States: −1 and +1, or 0 and 1.
    units : Units, optional
        ``Ising()`` or ``Bernoulli()``; by the data when left out.
    method : str
        "pseudo_likelihood" (Besag 1975): each unit given the others, sandwich errors; "rise", interaction
        screening (Vuffray, Misra, Lokhov & Chertkov 2016), too. "maximum_likelihood" sums over all states, of
        22 units at most, and has the errors of the Fisher matrix. Closed forms without errors: "pairs",
        "naive_mean_field", "tap", "sessak_monasson", "bethe" (exact on trees).
    weights : (n_rows,), optional
        Row weights ≥ 0.
    n_effective : float, optional
        How many independent rows they are worth, for the errors: where weights are counts, their sum. When
        left out (Σw)²/Σw², which is the number of rows where there are no weights.
    l2 : float
        Strength of l2/2·ΣK², K couplings of spins, for each unit or in all; errors are then those of the
        penalised estimate and know nothing of its bias.

    Returns
    -------
    Couplings

    Raises
    ------
    EbmError
        Rows that are no states, an unknown method; estimates at infinity: a unit that never changes or that
        others determine (`l2` makes them finite).
    NotSupported
        Units of more than two states.
    TooLarge
        Too many units for maximum_likelihood.

    Examples
    --------
    >>> import numpy as np, ebm
    >>> from ebm.inverse import infer
    >>> pair = ebm.BoltzmannMachine(ebm.Ising(), [[0.0, 0.5], [0.5, 0.0]])
    >>> found = infer(ebm.sample(pair, 4000, seed=1).x)
    >>> bool(abs(found.J[0, 1] - 0.5) < 4 * found.stderr_J[0, 1]), bool(found.p[0, 1] < 1e-6)
    (True, True)
    """
    method = as_choice(method, METHODS, "method")
    l2 = as_number(l2, "l2", 0)
    rows, units = spins_of(data, units, weights)
    if n_effective is not None:
        rows = replace(rows, n_effective=as_number(n_effective, "n_effective", 1))
    if method in _CLOSED:
        if l2:
            raise EbmError(f"infer: l2: {method}, a closed form, takes none")
        K, h = _CLOSED[method](rows)
        errors: tuple[Array | None, Array | None] = (None, None)
    elif method == "maximum_likelihood":
        K, h, covariance = maximum_likelihood(rows, l2)
        errors = _errors_of(covariance / rows.n_effective, len(h), isinstance(units, Bernoulli))
    else:
        fixed = np.flatnonzero(np.abs(rows.mean) >= 1)
        if len(fixed) and not l2:
            raise EbmError(f"data: unit {fixed[0]} never changes; leave it out, or take l2 > 0, such as 0.01")
        sites = solve(rows, _SITEWISE[method], l2)
        K = np.array([site.theta for site in sites])
        h = K.diagonal().copy()
        np.fill_diagonal(K, 0.0)
        K = (K + K.T) / 2
        errors = _errors(rows, sites, isinstance(units, Bernoulli))
    J, b = in_units(units, K, h)
    return Couplings(BoltzmannMachine(units, J, b), method, rows.n_effective, *errors)


def _errors(rows: Rows, sites: list[Site], bits: bool) -> tuple[Array, Array]:
    """Standard errors of the mean of both sites' couplings, and of biases, in the units' own coding.

    The two estimates of a coupling are correlated: each row moves both, by its influence. Rows in blocks: for
    each there are n² numbers.
    """
    n = rows.s.shape[1]
    own, variance_J, variance_b = np.arange(n), np.zeros((n, n)), np.zeros(n)
    for start in range(0, len(rows.w), at_once := max(1, _AT_ONCE // n**2)):
        some = slice(start, start + at_once)
        s, w = rows.s[some], rows.w[some]
        influence = np.stack([_influence(s, site.slope[some], site, i) for i, site in enumerate(sites)], 1)
        h = influence[:, own, own]
        K = (influence + influence.transpose(0, 2, 1)) / 2
        K[:, own, own] = 0.0
        if bits:
            K, h = 4 * K, 2 * h - 2 * K.sum(2)
        variance_J += np.einsum("m,mij->ij", w, K**2)
        variance_b += w @ h**2
    variance_J[own, own] = np.nan
    return np.sqrt(variance_J / rows.n_effective), np.sqrt(variance_b / rows.n_effective)


def _errors_of(covariance: Array, n: int, bits: bool) -> tuple[Array, Array]:
    """Standard errors of couplings and biases, from the covariance of (fields, pairs i < j) of spins."""
    i, j = np.triu_indices(n, 1)
    deviation = np.sqrt(covariance.diagonal())
    J = np.full((n, n), np.nan)
    J[i, j] = J[j, i] = deviation[n:] * (4 if bits else 1)
    if not bits:
        return J, deviation[:n]
    turn = np.zeros((n, len(covariance)))  # b = 2 h − 2 Σ_j K
    turn[np.arange(n), np.arange(n)] = 2.0
    turn[i, n + np.arange(len(i))] = turn[j, n + np.arange(len(i))] = -2.0
    return J, np.sqrt(np.einsum("ij,jk,ik->i", turn, covariance, turn))


def _influence(s: Array, slope: Array, site: Site, i: int) -> Array:
    """How each row moves each number of a site, (m, n)."""
    design = s.copy()
    design[:, i] = 1.0
    found: Array = (design @ site.inverse) * slope[:, None]
    return found
