"""Which sites touch: scores of couplings, and how many of the best are contacts."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ebm.arguments import as_count, as_flag, as_number, as_numbers
from ebm.boltzmann import BoltzmannMachine
from ebm.errors import EbmError, expect
from ebm.inverse.edges import norms
from ebm.inverse.mixed import MixedMachine
from ebm.machine import Array

__all__ = ["contact_pairs", "contact_scores", "ppv"]


def contact_scores(
    machine: BoltzmannMachine | MixedMachine, *, apc: bool = True, gap: int | None = None
) -> Array:
    """How strongly sites are coupled: Frobenius norms in the zero-sum gauge, docs/math.md (16.4).

    Parameters
    ----------
    machine : BoltzmannMachine
        Of any units, `Mixed` too; it is not changed.
    apc : bool
        Less the product of both sites' means over the mean of all (16.5), which takes out what a site has
        with all others.
    gap : int, optional
        A state whose couplings do not count, such as 0, the gap of an `Alignment`: the gauge is that of the
        others, so that nothing depends on it.

    Returns
    -------
    (n, n) float64
        Symmetric, 0 on the diagonal.

    Raises
    ------
    EbmError
        No such state.

    References
    ----------
    Ekeberg, Lövkvist, Lan, Weigt & Aurell, "Improved contact prediction in proteins" (2013); for the
    correction Dunn, Wahl & Gloor, "Mutual information without the influence of phylogeny or entropy
    dramatically improves residue contact prediction" (2008).

    Examples
    --------
    >>> import ebm
    >>> machine = ebm.BoltzmannMachine(ebm.Ising(), [[0, 2, 0], [2, 0, 1], [0, 1, 0]])
    >>> contact_scores(machine, apc=False)[1].tolist()
    [2.0, 0.0, 1.0]
    """
    machine = expect(machine, BoltzmannMachine, "machine", "a BoltzmannMachine, such as infer(rows).machine")
    apc, n = as_flag(apc, "apc"), machine.n_units
    J = (machine.J.toarray() if machine.sparse else machine.J).astype(np.float64)
    owners = machine.units.owners(n)
    states = np.bincount(owners) > 1  # columns are states, and no number
    if gap is not None:
        gap = as_count(gap, "gap", 0)
        most = np.bincount(owners).max()
        if gap >= most:
            raise EbmError(f"gap: expected a state from 0 to {most - 1}, got {gap}")
        counted = (np.arange(len(owners)) - np.searchsorted(owners, owners) != gap) | ~states[owners]
        J, owners = J[np.ix_(counted, counted)], owners[counted]
    starts = np.searchsorted(owners, np.arange(n))
    share = np.where(states, 1 / np.bincount(owners), 0.0)[:, None]
    for _ in range(2):  # rows, then columns
        J -= (share * np.add.reduceat(J, starts, 0))[owners]
        J = J.T
    found = norms(J, starts)
    found = (found + found.T) / 2  # the same but for rounding
    if apc and n > 1 and found.any():
        means = found.sum(0) / (n - 1)
        found = found - np.outer(means, means) / means.mean()
    np.fill_diagonal(found, 0.0)
    return found


def contact_pairs(scores: ArrayLike, n: int | None = None, *, separation: int = 5) -> Array:
    """Pairs of sites by falling score.

    Parameters
    ----------
    scores : (L, L) array
        Symmetric; pairs of NaN are left out.
    n : int, optional
        How many at most; all when left out.
    separation : int
        Pairs that are nearer along the chain, \\|i − j\\| < separation, are left out.

    Returns
    -------
    (k, 2) int64
        i < j.

    Examples
    --------
    >>> contact_pairs([[0, 1, 5], [1, 0, 3], [5, 3, 0]], 2, separation=1).tolist()
    [[0, 2], [1, 2]]
    """
    s = _square(scores, "scores")
    i, j = np.triu_indices(len(s), as_count(separation, "separation"))
    kept = ~np.isnan(s[i, j])
    i, j = i[kept], j[kept]
    order = np.argsort(-s[i, j], kind="stable")[: None if n is None else as_count(n, "n")]
    return np.stack([i[order], j[order]], 1)


def ppv(scores: ArrayLike, contacts: ArrayLike, *, cutoff: float = 8.0, separation: int = 5) -> Array:
    """The share of contacts among the best 1, 2, 3, … pairs: positive predictive value.

    Parameters
    ----------
    scores : (L, L) array
        Such as `contact_scores`.
    contacts : (L, L) array
        True where two sites touch; or distances, such as those of a `Structure`: below `cutoff` is a contact.
        Pairs whose distance is NaN, since a residue was not seen, are not ranked.
    cutoff : float
        Å.
    separation : int
        As in `contact_pairs`.

    Returns
    -------
    (k,) float64
        ``found[n - 1]`` is the share among the best n.

    Raises
    ------
    EbmError
        Shapes that do not fit; no pair to rank.

    Examples
    --------
    >>> distances = [[0, 4, 9], [4, 0, 5], [9, 5, 0]]
    >>> ppv([[0, 1, 2], [1, 0, 3], [2, 3, 0]], distances, separation=1).round(2).tolist()
    [1.0, 0.5, 0.67]
    """
    s, true, known = as_contacts(scores, contacts, cutoff)
    pairs = contact_pairs(np.where(known, s, np.nan), separation=separation)
    if not len(pairs):
        raise EbmError(f"separation: no pair of {len(s)} sites is {separation} apart and known")
    found: Array = np.cumsum(true[pairs[:, 0], pairs[:, 1]]) / np.arange(1, len(pairs) + 1)
    return found


def as_contacts(scores: ArrayLike, contacts: ArrayLike, cutoff: float) -> tuple[Array, Array, Array]:
    """Scores, which pairs touch, and of which this is known: (L, L) each."""
    s, c = _square(scores, "scores"), _square(contacts, "contacts")
    if s.shape != c.shape:
        raise EbmError(f"contacts: expected shape {s.shape}, as scores, got {c.shape}")
    if c.dtype == bool:
        return s, c, np.ones_like(c)
    cutoff = as_number(cutoff, "cutoff", 0)
    with np.errstate(invalid="ignore"):
        return s, c < cutoff, ~np.isnan(c)


def _square(value: ArrayLike, name: str) -> Array:
    array = as_numbers(value, name)
    if array.ndim != 2 or array.shape[0] != array.shape[1] or not len(array):
        raise EbmError(f"{name}: expected a square matrix of sites, got shape {array.shape}")
    if not np.array_equal(array, array.T, equal_nan=array.dtype.kind == "f"):
        raise EbmError(f"{name}: expected a symmetric matrix")
    return array
