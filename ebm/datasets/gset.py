"""Graphs for Max-Cut in the format of the G-set, and the value of a cut.

A text file says "n m" (vertices, edges) in its first line and "i j w" in each of the m lines that follow:
two vertices, counted from 1, and the weight of the edge between them, 1 where it is left out. Lines that
begin with # are comments, as in the files of Biq Mac. The graphs themselves come from G. Rinaldi's generator
*rudy*; Helmberg & Rendl, "A spectral bundle method for semidefinite programming" (2000), are the first to
use the set.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.arguments import as_numbers, well_indexed
from ebm.datasets.lines import finite, integers, lines_of, unlike
from ebm.datasets.reading import read_array, read_table
from ebm.errors import EbmError
from ebm.files import as_path

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["cut_value", "read_gset"]

_MOST = 10**8  # vertices; 0.8 GB


@dataclass(frozen=True)
class _Edges:
    """Edges as they were read, from 0, and where each stands."""

    path: str
    n: int
    ends: np.ndarray  # (m, 2) int64
    weights: np.ndarray  # (m,) float64
    where: Callable[[int], str]
    first: int  # the number of the first vertex in the file


def read_gset(path: str | Path, name: str | None = None) -> csr_array:
    """Read a graph: the matrix W of its weights, of which Max-Cut asks for the heaviest cut.

    The maximum cut is the ground state of the Ising machine with couplings −W:
    cut(x) = ½ (Σ_{i<j} W_ij − E(x)), E(x) = Σ_{i<j} W_ij x_i x_j.

    Parameters
    ----------
    path : str or Path
        A text file of the G-set, plain or ``.gz``; or an ``.npz`` with an array ``{name}_ij`` of edges,
        (m, 2) integers from 0, one ``{name}_w`` of their integer weights, (m,), and perhaps an ``index``
        whose rows begin [number in the name, vertices]; without one the largest vertex is the last.
    name : str, optional
        The graph in an ``.npz``, such as "G1".

    Returns
    -------
    scipy.sparse.csr_array of float64, (n, n)
        Symmetric, zero diagonal, sorted indices; an edge of weight 0 is none.

    Raises
    ------
    EbmError
        For a file that is missing, damaged or cut short, and for a line that is no edge, a vertex beyond n,
        a self-loop, an edge given twice (in either order): one line with the file, its line (an array's
        row), and what was expected.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import ebm
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "triangle"
    ...     _ = path.write_text("3 3\\n1 2 1\\n1 3 1\\n2 3 1\\n")
    ...     W = read_gset(path)
    >>> samples = ebm.sample(ebm.BoltzmannMachine(ebm.Ising(), -W), 10, sampler=ebm.Annealing())
    >>> float(cut_value(W, samples.diagnostics["best_x"]).max())
    2.0
    """
    file = as_path(path)
    if file.suffix.lower() == ".npz":
        return _matrix(_from_archive(path, name))
    if name is not None:
        raise EbmError(f"{path}: a text file holds one graph; expected no name, got {name!r}")
    return _matrix(_from_text(str(path), file))


def cut_value(W: Any, x: Any) -> Any:
    """Return the weight of the edges whose ends differ: Σ_{i<j} W_ij [x_i ≠ x_j].

    Parameters
    ----------
    W : scipy.sparse array or array_like, (n, n)
        Symmetric weights; the diagonal counts for nothing.
    x : array_like, (n,) or (k, n)
        The side of each vertex: spins, bits or any labels (more than two make a k-cut).

    Returns
    -------
    float or ndarray of float64, (k,)

    Raises
    ------
    EbmError
        If x does not have a value for each vertex.

    Examples
    --------
    >>> W = np.array([[0, 2, 1], [2, 0, 0], [1, 0, 0]])
    >>> cut_value(W, [[1, -1, 1], [1, -1, -1]])
    array([2., 3.])
    """
    from scipy.sparse import coo_array, issparse, triu

    W = well_indexed(W, "cut_value: W") if issparse(W) else as_numbers(W, "cut_value: W")
    if W.ndim != 2 or W.shape[0] != W.shape[1]:
        raise EbmError(f"cut_value: W: expected a square matrix, got shape {W.shape}")
    upper = triu(coo_array(W.astype(np.float64)), 1)
    n, x = upper.shape[0], as_numbers(x, "cut_value: x")
    if x.ndim not in (1, 2) or x.shape[-1] != n:
        raise EbmError(f"cut_value: x: expected shape ({n},) or (k, {n}), got {x.shape}")
    (i, j), weights = upper.coords, upper.data
    cuts = [float(weights @ (row[i] != row[j])) for row in np.atleast_2d(x)]
    return cuts[0] if x.ndim == 1 else np.array(cuts)


# Text.


def _from_text(path: str, file: Path) -> _Edges:
    lines = lines_of(path, file, "a text file of the G-set, or an .npz", ("#",))
    number, cells = next(lines, (1, []))
    n, m = _sizes(f"{path}: line {number}", cells)
    ends: list[tuple[int, int]] = []
    weights: list[float] = []
    places: list[int] = []
    for number, cells in lines:
        if len(ends) == m:
            raise EbmError(f"{path}: line {number}: another edge; expected {m}, as the first line says")
        i, j, w = _edge(f"{path}: line {number}", cells)
        ends.append((i, j))
        weights.append(w)
        places.append(number)
    if len(ends) < m:
        raise EbmError(
            f"{path}: line {number}: ends after {len(ends)} edges; expected {m}, as the first line says"
        )
    return _Edges(
        path, n, np.array(ends, np.int64).reshape(m, 2) - 1, np.array(weights, np.float64),
        lambda k: f"line {places[k]}", 1,
    )  # fmt: skip


def _sizes(where: str, cells: list[str]) -> tuple[int, int]:
    sizes = integers(cells)
    if sizes is None or len(sizes) != 2:
        raise unlike(where, cells, "'n m', the numbers of vertices and edges")
    n, m = sizes
    _check_vertices(where, n)
    if not 0 <= m <= n * (n - 1) // 2:
        raise EbmError(f"{where}: {m} edges; expected 0 to {n * (n - 1) // 2} between {n} vertices")
    return n, m


def _edge(where: str, cells: list[str]) -> tuple[int, int, float]:
    ends = integers(cells[:2])
    if ends is None or len(cells) not in (2, 3):
        raise unlike(where, cells, "'i j' or 'i j w', two vertices and a weight")
    return ends[0], ends[1], finite(cells[2], where, "the weight") if len(cells) == 3 else 1.0


# Archives.


def _from_archive(path: str | Path, name: str | None) -> _Edges:
    if name is None:
        raise EbmError(f"{path}: an .npz may hold many graphs; expected a name, such as 'G1'")
    table, weights = read_table(path, f"{name}_ij", f"{name}_w", ",")
    assert weights is not None
    where = lambda k: f"{name}_ij, row {k} (from 0)"  # noqa: E731
    if table.values.shape[1] != 2:
        raise EbmError(
            f"{path}: {name}_ij has {table.values.shape[1]} columns; expected 2, the ends of an edge"
        )
    with np.errstate(invalid="ignore"):
        ends = table.values.astype(np.int64)
    odd = (ends != table.values).any(axis=1)
    if odd.any():
        raise EbmError(f"{path}: {where(int(odd.argmax()))}: expected two whole numbers, the ends of an edge")
    n = _vertices(path, name)
    largest = int(ends.max()) + 1
    return _Edges(str(path), largest if n is None else n, ends, weights.astype(np.float64), where, 0)


def _vertices(path: str | Path, name: str) -> int | None:
    """What the index of an archive says of the number of vertices; None if there is no index."""
    with np.load(as_path(path), allow_pickle=False) as archive:
        if "index" not in archive.files:
            return None
    index = read_array(path, "index")
    number = re.search(r"[0-9]{1,15}$", name)
    rows = index[index[:, 0] == int(number.group())] if number and index.shape[1] > 1 else index[:0]
    if len(rows) != 1:
        expected = f"one row [number, vertices, ...] for {name!r}"
        raise EbmError(f"{path}: index: expected {expected}, found {len(rows)}")
    return int(rows[0, 1])


# Checks.


def _matrix(edges: _Edges) -> csr_array:
    """The symmetric matrix of checked edges."""
    from scipy.sparse import csr_array

    ends, n, first = edges.ends, edges.n, edges.first
    _check_vertices(edges.path, n)
    beyond = np.any((ends < 0) | (ends >= n), axis=1)
    _refuse(edges, beyond, f"expected vertices {first} to {n - 1 + first}")
    i, j = np.sort(ends, axis=1).T
    _refuse(edges, i == j, "a self-loop; expected two different vertices")
    pair = i * n + j
    again = np.ones(len(pair), bool)
    again[np.unique(pair, return_index=True)[1]] = False  # the first of each pair is none
    if again.any():
        before = int((pair == pair[again.argmax()]).argmax())
        _refuse(edges, again, f"given before, {edges.where(before)}; expected it once")
    kept = edges.weights != 0
    i, j, w = i[kept], j[kept], edges.weights[kept]
    W = csr_array((np.r_[w, w], (np.r_[i, j], np.r_[j, i])), shape=(n, n))
    W.sort_indices()
    return W


def _check_vertices(where: str, n: int) -> None:
    if not 1 <= n <= _MOST:
        raise EbmError(f"{where}: {n} vertices; expected 1 to {_MOST}")


def _refuse(edges: _Edges, bad: np.ndarray, what: str) -> None:
    """Complain of the first bad edge, if there is one."""
    if bad.any():
        k = int(bad.argmax())
        i, j = edges.ends[k] + edges.first
        raise EbmError(f"{edges.path}: {edges.where(k)}: the edge {i} {j}: {what}")
