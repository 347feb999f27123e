"""Frequencies of letters with pseudocounts, and couplings of Potts units from them in closed form."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg.lapack import dpotrf, dpotri

from ebm.arguments import as_number, as_numbers
from ebm.boltzmann import BoltzmannMachine
from ebm.errors import EbmError, NotSupported, expect
from ebm.files import refuse_beyond_memory
from ebm.gauges import zero_sum
from ebm.inverse.couplings import Couplings
from ebm.machine import Array
from ebm.units import Units

__all__ = ["letter_frequencies", "potts_mean_field"]

_ROWS = 2**12  # encoded at a time


def letter_frequencies(
    rows: ArrayLike, units: Units, *, weights: ArrayLike | None = None, pseudocount: float = 0.0
) -> tuple[Array, Array]:
    """Frequencies of states and of pairs of states, docs/math.md (16.2).

    Parameters
    ----------
    rows : Alignment or (M, L) array
        States.
    units : Units
        Such as ``Potts(21)`` or `Mixed` of several.
    weights : (M,), optional
        Row weights ≥ 0.
    pseudocount : float
        λ, 0 to 1: the share of frequencies that is uniform and without correlation.

    Returns
    -------
    single : (L·q,) float64
        ⟨φ⟩.
    pairs : (L·q, L·q) float64
        ⟨φ φᵀ⟩; within a site it is diagonal.

    Raises
    ------
    EbmError
        Rows that are no states, weights that make no sense.
    NotSupported
        Units whose columns are not one a state.

    Examples
    --------
    >>> import ebm
    >>> single, pairs = letter_frequencies([[0, 1], [0, 0]], ebm.Potts(2), pseudocount=0.5)
    >>> single.tolist(), pairs[0, 2:].tolist()
    ([0.75, 0.25, 0.5, 0.5], [0.375, 0.375])
    """
    expect(units, Units, "units", "units such as Potts(21)")
    x, share = as_numbers(rows, "rows"), as_number(pseudocount, "pseudocount", 0, 1)
    if x.ndim != 2 or 0 in x.shape:
        raise EbmError(f"rows: expected sequences of sites, got shape {x.shape}")
    n = units.columns(x.shape[1])
    if not all(own.one_hot for own, _, _ in units.parts(x.shape[1])):
        raise NotSupported(f"letter_frequencies: {units}; expected Potts units, alone or Mixed")
    refuse_beyond_memory(32.0 * n**2, f"rows: pairs of {n} states", "fewer sites")
    x = units.check(x, "rows", strict=True)
    w = np.ones(len(x)) if weights is None else as_numbers(weights, "weights", (len(x),)).astype(np.float64)
    if not (np.isfinite(w).all() and w.min() >= 0 and w.sum() > 0):
        raise EbmError(f"weights: expected {len(x)} finite numbers >= 0, not all zero")
    w = w / w.sum()
    pairs = np.zeros((n, n))
    for start in range(0, len(x), _ROWS):
        phi = units.encode(x[start : start + _ROWS])
        pairs += (phi * w[start : start + _ROWS, None]).T @ phi
    owners = units.owners(x.shape[1])
    even = 1.0 / np.bincount(owners)[owners]
    flat = np.where(owners[:, None] == owners, np.diag(even), np.outer(even, even))
    pairs = (1 - share) * pairs + share * flat
    return pairs.diagonal().copy(), pairs


def potts_mean_field(
    rows: ArrayLike, units: Units, *, weights: ArrayLike | None = None, pseudocount: float = 0.5
) -> Couplings:
    """Couplings of Potts units in closed form, −C⁻¹, in the zero-sum gauge: docs/math.md (16.3).

    Right to first order in the couplings. Seconds where pseudo-likelihood takes minutes; contacts are ranked
    less well.

    Parameters
    ----------
    rows : Alignment or (M, L) array
        States.
    units : Units
        Such as ``Potts(21)`` or `Mixed` of several.
    weights : (M,), optional
        Such as `sequence_weights`.
    pseudocount : float
        Share of frequencies that is uniform, above 0 where states never come: there is no inverse of C else.

    Returns
    -------
    Couplings
        Without errors.

    Raises
    ------
    EbmError
        C has no inverse.

    References
    ----------
    Morcos et al., "Direct-coupling analysis of residue coevolution captures native contacts across many
    protein families" (2011).

    Examples
    --------
    >>> import numpy as np, ebm
    >>> from ebm.inverse import contact_pairs, contact_scores
    >>> J = np.zeros((9, 9))
    >>> J[:3, 3:6] = J[3:6, :3] = np.eye(3)
    >>> x = ebm.sample(ebm.BoltzmannMachine(ebm.Potts(3), J), 1000, seed=0).x
    >>> found = potts_mean_field(x, ebm.Potts(3), pseudocount=0.1)
    >>> contact_pairs(contact_scores(found.machine, apc=False), 1, separation=1).tolist()
    [[0, 1]]
    """
    single, pairs = letter_frequencies(rows, units, weights=weights, pseudocount=pseudocount)
    owners = units.owners(np.shape(rows)[1])
    kept = np.append(owners[1:] == owners[:-1], False)  # the last state of a site follows from the others
    C = (pairs - np.outer(single, single))[np.ix_(kept, kept)]
    if single.min() <= 0:
        site, state = _place(owners, int(single.argmin()))
        raise EbmError(f"rows: site {site} is never in state {state}; expected a pseudocount above 0")
    factor, failed = dpotrf(C, lower=1, overwrite_a=1)
    if failed:
        raise EbmError(
            "rows: correlations have no inverse: sites that are functions of each other, or fewer rows than"
            " states; expected a larger pseudocount"
        )
    inverse = np.tril(dpotri(factor, lower=1, overwrite_c=1)[0], -1)
    J, own = np.zeros_like(pairs), owners[kept]
    J[np.ix_(kept, kept)] = np.where(own[:, None] == own, 0.0, -inverse - inverse.T)
    log_p = np.log(single)
    last = np.flatnonzero(~kept)[np.unique(owners, return_inverse=True)[1]]
    b = log_p - log_p[last] - J @ single
    machine = BoltzmannMachine(units, J, b)
    zero_sum(machine)
    w = np.ones(len(np.asarray(rows))) if weights is None else np.asarray(weights, np.float64)
    return Couplings(machine, "potts_mean_field", float(w.sum() ** 2 / (w**2).sum()))


def _place(owners: Array, column: int) -> tuple[int, int]:
    site = int(owners[column])
    return site, column - int(np.searchsorted(owners, site))
