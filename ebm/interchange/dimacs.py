"""Edge lists like those of DIMACS: graphs with weights, as machines whose ground state is the heaviest cut.

"c" begins a comment; "p edge n m" (or col, cut, maxcut) the graph; m lines "e i j" or "e i j w" (or "a i j
w") its edges, vertices from 1, w = 1 where it is left out. As of the G-set, J = −W. An edge that comes again,
as "e 1 2" and "e 2 1" in many files of colourings, counts once where the weights agree, and is refused
where they do not.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ebm.boltzmann import BoltzmannMachine
from ebm.datasets.lines import finite, integers, lines_of, unlike
from ebm.errors import EbmError
from ebm.files import as_path, write_atomic
from ebm.graph import HasGraph
from ebm.interchange.formats import Format
from ebm.interchange.gset import cut_form, edges, first_lines
from ebm.interchange.quadratic import Named, Quadratic

__all__ = ["read", "write"]

_MOST = 10**7  # vertices
_PROBLEMS = ("edge", "edges", "col", "cut", "maxcut", "max-cut", "graph")
_MARKS = ("e", "a")


def read(path: str | Path) -> BoltzmannMachine:
    """Read a graph: a machine of `Ising` units with J = −W.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "path.dimacs"
    ...     _ = path.write_text("c a path\\np edge 3 2\\ne 1 2 2\\ne 2 3\\n")
    ...     read(path).energy([[1, -1, 1], [1, -1, -1]])
    array([-3., -1.])
    """
    sizes: list[int] | None = None
    found: dict[tuple[int, int], float] = {}
    lines = 0
    for number, cells in lines_of(str(path), as_path(path), "an edge list of DIMACS"):
        where = f"{path}: line {number}"
        if cells[0].startswith("c"):
            continue
        if sizes is None:
            sizes = _sizes(where, cells)
            continue
        i, j, w = _edge(where, cells, sizes[0])
        if found.setdefault((i, j), w) != w:
            raise EbmError(f"{where}: the edge {i} {j}: given before with another weight; expected it once")
        lines += 1
    if sizes is None or sizes[1] not in (lines, len(found)):
        expected = "a line 'p edge n m'" if sizes is None else f"{sizes[1]}, as the line 'p' says"
        raise EbmError(f"{path}: ends after {lines} edges; expected {expected}")
    low, high = np.array(list(found), np.int64).reshape(-1, 2).T - 1
    W = np.array(list(found.values()))
    return Quadratic.of_terms(True, np.zeros(sizes[0]), (low, high), W, what=str(path)).named().machine


def _sizes(where: str, cells: list[str]) -> list[int]:
    sizes = integers(cells[2:])
    if cells[0] != "p" or len(cells) != 4 or cells[1] not in _PROBLEMS or sizes is None:
        raise unlike(where, cells, "'p edge n m', the numbers of vertices and edges")
    if not 1 <= sizes[0] <= _MOST or sizes[1] < 0:
        raise EbmError(f"{where}: {sizes[0]} vertices, {sizes[1]} edges; expected 1 to {_MOST} vertices")
    return sizes


def _edge(where: str, cells: list[str], n: int) -> tuple[int, int, float]:
    pair = integers(cells[1:3])
    if cells[0] not in _MARKS or pair is None or len(cells) not in (3, 4):
        raise unlike(where, cells, "'e i j' or 'e i j w', two vertices and a weight")
    i, j = sorted(pair)
    if not 1 <= i < j <= n:
        raise EbmError(f"{where}: the edge {pair[0]} {pair[1]}: expected two different vertices, 1 to {n}")
    return i, j, finite(cells[3], where, "the weight") if len(cells) == 4 else 1.0


def write(path: str | Path, machine: HasGraph | Named) -> None:
    """Write the couplings of a machine of spins without fields as the weights W = −J of a graph.

    Raises
    ------
    EbmError
        Fields: a cut has none.
    """
    form = cut_form(path, machine)
    lines = [f"p edge {form.n} {len(form.J)}\n", *edges(form, form.Q, "e ")]
    write_atomic(path, lambda file: file.writelines(line.encode() for line in lines))


def _recognise(path: Path, head: bytes) -> bool:
    lines = first_lines(head, b"c")
    return bool(lines) and lines[0][0] == "p" and len(lines[0]) == 4 and lines[0][1] in _PROBLEMS


FORMAT = Format(
    name="dimacs",
    title="edge list of DIMACS",
    suffixes=(".dimacs", ".col", ".clq", ".edge"),
    recognise=_recognise,
    read=read,
    write=write,
    energy="E(x) = sum_{i<j} W_ij x_i x_j of +-1: J = -W; cut = (sum W - E)/2",
)
