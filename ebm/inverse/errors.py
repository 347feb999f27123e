"""Standard errors of couplings and biases in the units' own coding."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from ebm.inverse.joint import Places
from ebm.inverse.rows import Rows
from ebm.inverse.sitewise import Site
from ebm.machine import Array

__all__ = ["of_covariance", "of_information", "of_joint", "of_sites"]

_AT_ONCE = 2**22  # numbers


def _blocks(rows: Rows, numbers: int) -> list[slice]:
    """Rows in blocks: for each there are so many numbers."""
    at_once = max(1, _AT_ONCE // numbers)
    return [slice(start, start + at_once) for start in range(0, len(rows.w), at_once)]


def _scores(rows: Rows, site: Site, own: slice, some: slice) -> Array:
    """The score of each row by each number of a site, (m, r·P)."""
    assert site.slope is not None
    design = rows.design[some][:, site.columns]
    design[:, np.searchsorted(site.columns, own.start)] = 1.0
    slope = site.slope[some]
    found: Array = (slope[:, :, None] * design[:, None]).reshape(len(slope), -1)
    return found


def of_sites(rows: Rows, sites: list[Site]) -> tuple[Array, Array]:
    """Of the mean of both sites' couplings: their two estimates are correlated, each row moves both.

    Rows in blocks: for each there are as many numbers as couplings.
    """
    basis, size = rows.basis, rows.basis.size
    squares: tuple[Array, Array] | None = None
    there = np.zeros((size, size), bool)
    for own, site in zip(basis.own, sites, strict=True):
        there[own, site.columns] = True
    for some in _blocks(rows, 2 * size**2):
        w = rows.w[some]
        K, h = np.zeros((len(w), size, size)), np.zeros((len(w), size))
        for own, site in zip(basis.own, sites, strict=True):
            moved = (_scores(rows, site, own, some) @ site.inverse).reshape(len(w), *site.theta.shape)
            r, bias = own.stop - own.start, np.searchsorted(site.columns, own.start)
            h[:, own] = moved[:, :r, bias]
            K[:, own, site.columns] = moved[:, :r]
            K[:, own, own] = -moved[:, r:, bias, None] if len(site.theta) > r else 0.0
        squares = _added(squares, rows, w, (K + K.transpose(0, 2, 1)) / 2, h)
    J, b = _roots(rows, squares)
    held = np.array([not site.finite for site in sites])
    return np.maximum(J, of_information(rows, sites, held)) if held.any() else J, b


def of_information(rows: Rows, sites: list[Site], which: Array | None = None) -> Array:
    """What couplings may be where a prior holds them: no row says more, and none scatters.

    The width of the posterior in the quadratic model, H⁻¹/n, of the units `which`, all when left out; 0 of
    others.
    """
    which = np.ones(len(sites), bool) if which is None else which
    basis = rows.basis
    width = np.zeros((basis.size, basis.size))
    held = which[basis.owners]
    for own, site in zip(basis.own, sites, strict=True):
        assert site.inverse is not None
        wide = np.sqrt(site.inverse.diagonal() / rows.n_effective).reshape(site.theta.shape)
        r, bias = own.stop - own.start, np.searchsorted(site.columns, own.start)
        width[own, site.columns] = wide[:r]
        width[own, own] = wide[r:, bias] if len(wide) > r else 0.0
    width = np.where(held[:, None] | held, (width + width.T) / 2, 0.0)
    found: Array = np.abs(basis.turn) @ width @ np.abs(basis.turn).T
    return found


def of_joint(rows: Rows, places: Places, inverse: Array, sites: list[Site]) -> tuple[Array, Array]:
    """Of the minimum of the sum of all sites' losses."""
    basis = rows.basis
    squares: tuple[Array, Array] | None = None
    for some in _blocks(rows, 2 * basis.size**2 + places.total):
        w = rows.w[some]
        scores = np.zeros((len(w), places.total))
        for own, site in zip(basis.own, sites, strict=True):
            at = places.of(own, site.columns, int(np.searchsorted(site.columns, own.start))).ravel()
            scores[:, at] += _scores(rows, site, own, some)
        moved = scores @ inverse
        K = np.where(places.table >= 0, moved[:, places.table], 0.0)
        K[:, np.arange(basis.size), np.arange(basis.size)] = 0.0
        squares = _added(squares, rows, w, K, moved[:, : basis.size])
    return _roots(rows, squares)


def _added(
    squares: tuple[Array, Array] | None, rows: Rows, w: Array, K: Array, h: Array
) -> tuple[Array, Array]:
    """Mean squares of what rows move J and b by, with those of some more."""
    J, b = rows.basis.in_units(K, h)
    more = np.einsum("m,mij->ij", w, J**2), w @ b**2
    return more if squares is None else (squares[0] + more[0], squares[1] + more[1])


def _roots(rows: Rows, squares: tuple[Array, Array] | None) -> tuple[Array, Array]:
    assert squares is not None
    J, b = (np.sqrt(square / rows.n_effective) for square in squares)
    return _without_own(rows, J), b


def _without_own(rows: Rows, J: Array) -> Array:
    """nan where a unit would be coupled to itself, but not where a real unit has its precision."""
    owners = rows.basis.units.owners(rows.basis.n)
    same = owners[:, None] == owners
    J[same & ~rows.basis.real[owners]] = np.nan
    return J


def of_covariance(rows: Rows, places: Places, covariance: Array) -> tuple[Array, Array]:
    """Of all numbers' covariance, that of one row: biases of contrasts, then couplings."""
    basis = rows.basis
    by_pairs = np.zeros((len(basis.means),) * 2)
    widths = [states.shape[1] for states in basis.states]
    ends = np.cumsum([0, *widths])
    columns = [slice(int(a), int(b)) for a, b in pairwise(ends)]
    turn = np.zeros((len(basis.means), places.total))  # of b
    for i in range(basis.n):
        A = basis.turn[columns[i], basis.own[i]]
        turn[columns[i], basis.own[i]] = A
        for j in range(basis.n):
            block = places.table[basis.own[i], basis.own[j]]
            if i == j or block.min() < 0:
                continue
            B = basis.turn[columns[j], basis.own[j]]
            both = np.kron(A, B)  # of J_ij, row by row
            at = block.ravel()
            by_pairs[columns[i], columns[j]] = np.sqrt(
                np.einsum("ij,jk,ik->i", both, covariance[np.ix_(at, at)], both)
            ).reshape(widths[i], widths[j])
            mean = np.kron(np.eye(widths[i]), basis.means[columns[j]])
            turn[columns[i], at] -= mean @ both
    b = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", turn, covariance, turn), 0))
    root = np.sqrt(rows.n_effective)
    return _without_own(rows, by_pairs / root), b / root
