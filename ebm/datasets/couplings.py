"""Couplings of spin models: symmetric matrices J with zero diagonal, for E(x) = -b·x - ½ x·J·x.

Each bond counts once in the energy: J[i, j] = J[j, i] is its strength. The sparse ones are
`scipy.sparse.csr_array` in float64 with sorted indices and without stored zeros. All are functions of their
arguments alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, get_args

import numpy as np
from pydantic import Field

from ebm.arguments import as_array, as_choice, as_count, as_flag, as_number
from ebm.errors import EbmError, expect_all, short

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["from_edges", "lattice", "random_regular", "sk"]

Seed: TypeAlias = Annotated[int, Field(ge=0)] | np.random.SeedSequence | np.random.Generator
Units: TypeAlias = Annotated[int, Field(ge=1)]  # how many of them
Strength: TypeAlias = Annotated[float, Field(allow_inf_nan=False)]
Disorder: TypeAlias = Literal["none", "gaussian", "binary"]


def _generator(seed: Seed) -> np.random.Generator:
    """numpy's generator of a seed: these numbers are those that others draw from it."""
    if not isinstance(seed, np.random.SeedSequence | np.random.Generator):
        as_count(seed, "seed", 0)
    return np.random.default_rng(seed)


def _strengths(m: int, J: float, disorder: str, seed: Seed, where: str) -> np.ndarray:
    """Return one strength per bond: J, J·N(0, 1), or J·(±1)."""
    as_choice(disorder, get_args(Disorder), f"{where}: disorder")
    J, rng = as_number(J, f"{where}: J"), _generator(seed)
    if disorder == "gaussian":
        return J * rng.standard_normal(m)
    if disorder == "binary":
        return J * (2.0 * rng.integers(0, 2, m) - 1.0)
    return np.full(m, float(J))


def _symmetric(i: np.ndarray, j: np.ndarray, w: np.ndarray, n: int) -> csr_array:
    """Return the matrix of distinct bonds; a bond of strength 0 is none."""
    from scipy.sparse import csr_array

    i, j, w = i[w != 0], j[w != 0], w[w != 0]
    J = csr_array((np.r_[w, w], (np.r_[i, j], np.r_[j, i])), shape=(n, n))
    J.sort_indices()  # today's scipy has done so on the way; it does not promise to
    return J


def sk(n: Units, seed: Seed = 0) -> np.ndarray:
    """Return Sherrington-Kirkpatrick couplings: J_ij = J_ji drawn from N(0, 1/n).

    The spin glass transition of Ising spins is at temperature 1. Source: Sherrington & Kirkpatrick (1975),
    Phys. Rev. Lett. 35, 1792.

    Parameters
    ----------
    n : int
        Number of units, 1 or more.
    seed : int, SeedSequence or Generator
        Of the draws.

    Returns
    -------
    ndarray of float64, (n, n)
        Symmetric, zero diagonal.

    Raises
    ------
    EbmError
        If n is no positive integer.

    Examples
    --------
    >>> J = sk(100, seed=1)
    >>> bool((J == J.T).all()), round(float(J.var() * 100), 1)
    (True, 1.0)
    """
    n = as_count(n, "sk: n", 1)
    upper = np.triu(_generator(seed).standard_normal((n, n)) / np.sqrt(n), 1)
    return upper + upper.T


def lattice(
    shape: Units | Annotated[Sequence[Units], Field(min_length=1)],
    *,
    J: Strength = 1.0,
    periodic: bool = True,
    disorder: Disorder = "none",
    seed: Seed = 0,
) -> csr_array:
    """Return the nearest-neighbour couplings of a d-dimensional grid.

    Units are numbered in C order: of ``shape=(a, b)``, the site (r, c) is unit r·b + c. Along a periodic
    side of length 2 the two neighbours of a site are one and the same, and **that pair is one bond, counted
    once**; along a side of length 1 there is no bond, for it would join a site to itself. So for sides of 1
    and 2, periodic and open are the same.

    Parameters
    ----------
    shape : int or sequence of int
        The sides, each 1 or more; an int is a chain (or ring).
    J : float
        Strength of the bonds, J > 0 being ferromagnetic; their scale under disorder.
    periodic : bool
        Join the ends of every side.
    disorder : {"none", "gaussian", "binary"}
        Each bond is J, J·N(0, 1), or J·(±1) with even odds (Edwards-Anderson).
    seed : int, SeedSequence or Generator
        Of the disorder.

    Returns
    -------
    scipy.sparse.csr_array of float64, (n, n)
        n is the product of the sides; symmetric, zero diagonal, sorted indices.

    Raises
    ------
    EbmError
        For a side below 1, an unknown disorder or a J that is not finite.

    Examples
    --------
    >>> lattice(4).toarray()
    array([[0., 1., 0., 1.],
           [1., 0., 1., 0.],
           [0., 1., 0., 1.],
           [1., 0., 1., 0.]])
    """
    sides = [
        as_count(side, "lattice: shape", 1)
        for side in (shape if isinstance(shape, list | tuple) else (shape,))
    ]
    if not sides:
        raise EbmError("lattice: shape: expected at least one side, got none")
    site = np.arange(int(np.prod(sides))).reshape(sides)
    starts, ends = [], []
    for axis, side in enumerate(sides):
        here, there = site, np.roll(site, -1, axis)
        if (
            not as_flag(periodic, "lattice: periodic") or side <= 2
        ):  # the wrapping bond would be absent, a double or a loop
            inside = np.arange(side - 1)
            here, there = here.take(inside, axis), there.take(inside, axis)
        starts.append(here.ravel())
        ends.append(there.ravel())
    i, j = np.concatenate(starts), np.concatenate(ends)
    return _symmetric(i, j, _strengths(len(i), J, disorder, seed, "lattice"), site.size)


def random_regular(
    n: Units,
    degree: Annotated[int, Field(ge=0)],
    *,
    J: Strength = 1.0,
    disorder: Disorder = "none",
    seed: Seed = 0,
) -> csr_array:
    """Return couplings on a random simple graph in which every unit has `degree` neighbours.

    The configuration model: the n·degree ends of bonds are paired at random. Up to degree 3 a pairing with
    a loop or a double bond is thrown away and drawn again (one in e² = 7.4 succeeds at degree 3), which
    makes every simple graph equally likely. Beyond, where that takes e^((degree²-1)/4) tries, the few bad
    bonds are switched with random good ones, which is not exactly uniform. A dense graph is the complement
    of a sparse one.

    Sources: Bollobás (1980), Eur. J. Combin. 1, 311; McKay & Wormald (1990), J. Algorithms 11, 52.

    Parameters
    ----------
    n : int
        Number of units, 1 or more.
    degree : int
        Neighbours of each, 0 to n - 1, with n·degree even.
    J : float
        Strength of the bonds; their scale under disorder.
    disorder : {"none", "gaussian", "binary"}
        Each bond is J, J·N(0, 1), or J·(±1) with even odds.
    seed : int, SeedSequence or Generator
        Of graph and disorder.

    Returns
    -------
    scipy.sparse.csr_array of float64, (n, n)
        Symmetric, zero diagonal, sorted indices; `degree` entries in each row.

    Raises
    ------
    EbmError
        If there is no such graph, the disorder is unknown or J is not finite.

    Examples
    --------
    >>> J = random_regular(10, 3, seed=1)
    >>> set(J.sum(axis=0).tolist())
    {3.0}
    """
    n, degree = as_count(n, "random_regular: n", 1), as_count(degree, "random_regular: degree", 0)
    if degree >= n:
        raise EbmError(
            f"random_regular: {n} units cannot have {degree} neighbours each; expected at most {n - 1}"
        )
    if n * degree % 2:
        near = f"n = {n + 1} or degree = {degree - 1}"
        raise EbmError(
            f"random_regular: n·degree = {n}·{degree} is odd; expected an even product, such as {near}"
        )
    rng = _generator(seed)
    if 2 * degree > n - 1:
        i, j = _graph(n, n - 1 - degree, rng)
        absent = np.triu(np.ones((n, n), bool), 1)
        absent[np.minimum(i, j), np.maximum(i, j)] = False
        i, j = np.nonzero(absent)
    else:
        i, j = _graph(n, degree, rng)
    return _symmetric(i, j, _strengths(len(i), J, disorder, rng, "random_regular"), n)


def _graph(n: int, degree: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of the bonds of a random simple regular graph of density up to one half."""
    ends = np.repeat(np.arange(n), degree)
    tries = 300 if degree <= 3 else 1  # at degree 3 all 300 fail once in 1e19
    while True:
        for _ in range(tries):
            i, j = rng.permutation(ends).reshape(2, -1)
            key = np.minimum(i, j) * n + np.maximum(i, j)
            bad = np.ones(len(i), bool)
            bad[np.unique(key, return_index=True)[1]] = False  # the first of each pair is kept
            bad |= i == j
            if not bad.any():
                return i, j
        if _repair(i, j, bad, n, rng):
            return i, j


def _repair(i: np.ndarray, j: np.ndarray, bad: np.ndarray, n: int, rng: np.random.Generator) -> bool:
    """Switch each bad bond with random good ones, in place; False if one finds no partner (draw again)."""

    def key(a: int, b: int) -> int:
        return min(a, b) * n + max(a, b)

    ok = ~bad
    present = set((np.minimum(i, j) * n + np.maximum(i, j))[ok].tolist())
    for e in np.flatnonzero(bad):
        for f in rng.integers(0, len(i), 1000):
            a, b, c, d = int(i[e]), int(j[e]), int(i[f]), int(j[f])
            if not ok[f] or a == c or b == d:
                continue
            if key(a, c) in present or key(b, d) in present:
                continue
            present.remove(key(c, d))  # bonds (a, b), (c, d) become (a, c), (b, d): every degree is kept
            present.update((key(a, c), key(b, d)))
            j[e], i[f], j[f] = c, b, d
            ok[e] = True
            break
        else:
            return False
    return True


def from_edges(edges: Any, n: int | None = None, *, sparse: bool = True) -> csr_array | np.ndarray:
    """Return the couplings that a list of weighted edges describes.

    Parameters
    ----------
    edges : sequence of (i, j, w), or array of shape (m, 3)
        Each bond once, in either order: units i and j, counted from 0, and the strength w.
        Strength 0 is no bond.
    n : int, optional
        Number of units; by default one more than the largest index.
    sparse : bool
        Return a sparse matrix, else a dense one.

    Returns
    -------
    scipy.sparse.csr_array or ndarray, of float64, (n, n)
        Symmetric, zero diagonal; sorted indices.

    Raises
    ------
    EbmError
        For a row that is no (i, j, w), an index that is no integer in 0..n-1, a self-loop, a pair given
        twice (also as (i, j) and (j, i)), a weight that is not finite, or no edges and no n; the line names
        the first such edge.

    Examples
    --------
    >>> from_edges([(0, 1, 0.5), (2, 1, -1)], sparse=False)
    array([[ 0. ,  0.5,  0. ],
           [ 0.5,  0. , -1. ],
           [ 0. , -1. ,  0. ]])
    """
    table = _edge_table(edges)
    if n is None and not len(table):
        raise EbmError("from_edges: no edges and no n; expected at least one of them")
    ends, w = table[:, :2], table[:, 2]
    n = int(ends.max()) + 1 if n is None else as_count(n, "from_edges: n", 1)
    _refuse_edge(table, np.any((ends < 0) | (ends >= n), axis=1), f"an index outside 0..{n - 1}")
    i, j = ends.astype(np.int64).T
    _refuse_edge(table, i == j, "a self-loop; expected two different units")
    again = np.ones(len(i), bool)
    again[np.unique(np.minimum(i, j) * n + np.maximum(i, j), return_index=True)[1]] = False
    _refuse_edge(table, again, "a pair that was given before; expected each pair once, in either order")
    _refuse_edge(table, ~np.isfinite(w), "a weight that is not finite")
    J = _symmetric(i, j, w, n)
    return J if as_flag(sparse, "from_edges: sparse") else J.toarray()


def _edge_table(edges: Any) -> np.ndarray:
    """Return the edges as float64, (m, 3), with whole numbers for ends."""
    if not isinstance(edges, np.ndarray):
        edges = list(expect_all(edges, object, "from_edges: edges", "rows (i, j, w)"))
        shapes = (as_array(edge, f"from_edges: edge {k}").shape for k, edge in enumerate(edges))
        odd = next((k for k, shape in enumerate(shapes) if shape != (3,)), None)
        if odd is not None:
            raise EbmError(f"from_edges: edge {odd} (from 0) is {short(edges[odd])}; expected (i, j, w)")
    try:
        table = np.asarray(edges, np.float64)
    except (TypeError, ValueError, OverflowError):
        raise EbmError(
            "from_edges: the edges hold something that is no number; expected rows (i, j, w)"
        ) from None
    if table.size == 0:
        table = table.reshape(0, 3)
    if table.ndim != 2 or table.shape[1] != 3:
        raise EbmError(f"from_edges: the edges have shape {table.shape}; expected (m, 3), rows (i, j, w)")
    ends = table[:, :2]
    _refuse_edge(
        table, ~(np.isfinite(ends) & (ends == np.round(ends))).all(axis=1), "an index that is no integer"
    )
    return table


def _refuse_edge(table: np.ndarray, bad: np.ndarray, what: str) -> None:
    """Complain of the first bad edge, if there is one."""
    if bad.any():
        k = int(bad.argmax())
        i, j, w = table[k]
        raise EbmError(f"from_edges: edge {k} (from 0), ({i:g}, {j:g}, {w:g}), has {what}")
