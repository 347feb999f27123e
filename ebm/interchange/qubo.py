"""qbsolv's ``.qubo``: min Σ v_i x_i + Σ v_ij x_i x_j over bits; b = −v, J = −v.

"c" begins a comment; "p qubo 0 maxNodes nNodes nCouplers" the program; lines "i i v" are fields, "i j v" with
i < j couplings; variables count from 0.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ebm.boltzmann import BoltzmannMachine
from ebm.datasets.lines import finite, integers, lines_of, unlike
from ebm.errors import EbmError
from ebm.files import as_path, write_atomic
from ebm.graph import HasGraph
from ebm.interchange.comments import offset_in, offset_line
from ebm.interchange.formats import Format
from ebm.interchange.gset import as_text, first_lines
from ebm.interchange.quadratic import Named, Quadratic, facts_of, of_machine

__all__ = ["read", "read_named", "write"]

_MOST = 10**7  # variables


def read(path: str | Path) -> BoltzmannMachine:
    """Read a QUBO: a machine of `Bernoulli` units, one for each of the maxNodes variables.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "two.qubo"
    ...     _ = path.write_text("c a pair\\np qubo 0 2 1 1\\n0 0 -1\\n0 1 3\\n")
    ...     read(path).energy([[1, 0], [1, 1]])
    array([-1.,  2.])
    """
    return read_named(path).machine


def read_named(path: str | Path) -> Named:
    """As `read`, with the offset that a comment ``c offset=1.5`` says."""
    offset, number = 0.0, 0
    sizes: list[int] | None = None
    h: dict[int, float] = {}
    Q: dict[tuple[int, int], float] = {}
    for number, cells in lines_of(str(path), as_path(path), "a .qubo of qbsolv"):
        where = f"{path}: line {number}"
        if cells[0].startswith("c"):
            offset += offset_in(cells, where)
        elif sizes is None:
            sizes = _sizes(where, cells)
        else:
            i, j, value = _entry(where, cells, sizes[0])
            again = i in h if i == j else (i, j) in Q
            if again:
                raise EbmError(f"{where}: the entry {i} {j}: given before; expected it once")
            if i == j:
                h[i] = value
            else:
                Q[i, j] = value
    if sizes is None or (len(h), len(Q)) != (sizes[1], sizes[2]):
        expected = "a line 'p qubo 0 maxNodes nNodes nCouplers'"
        if sizes is not None:
            expected = f"{sizes[1]} and {sizes[2]}, as the line 'p' says"
        raise EbmError(f"{path}: ends after {len(h)} fields, {len(Q)} couplings; expected {expected}")
    fields = np.zeros(sizes[0])
    fields[list(h)] = list(h.values())
    low, high = np.array(list(Q), np.int64).reshape(-1, 2).T
    return Quadratic.of_terms(
        False, fields, (low, high), np.array(list(Q.values())), offset, None, str(path)
    ).named()


def _sizes(where: str, cells: list[str]) -> list[int]:
    sizes = integers(cells[3:])
    if cells[:2] != ["p", "qubo"] or sizes is None or len(sizes) != 3:
        raise unlike(where, cells, "'p qubo 0 maxNodes nNodes nCouplers'")
    n, fields, couplings = sizes
    if cells[2] not in ("0", "unconstrained"):
        raise EbmError(f"{where}: the topology {cells[2][:20]!r}; expected 0, an unconstrained program")
    if not 1 <= n <= _MOST or not 0 <= fields <= n or not 0 <= couplings <= n * (n - 1) // 2:
        raise EbmError(
            f"{where}: {n} variables, {fields} fields, {couplings} couplings; expected 1 to {_MOST}"
            " variables, at most n fields and n (n - 1)/2 couplings"
        )
    return sizes


def _entry(where: str, cells: list[str], n: int) -> tuple[int, int, float]:
    pair = integers(cells[:2])
    if pair is None or len(cells) != 3:
        raise unlike(where, cells, "'i j v', two variables and a number")
    i, j = pair
    if not 0 <= i <= j < n:
        raise EbmError(f"{where}: the entry {i} {j}: expected variables 0 to {n - 1}, the smaller one first")
    return i, j, finite(cells[2], where, "the entry")


def write(path: str | Path, machine: HasGraph | Named, *, offset: float = 0.0) -> None:
    """Write a machine of bits, or of spins as bits.

    Parameters
    ----------
    path : str or Path
    machine : Machine
        With a coupling graph; hidden units are the last variables.
    offset : float
        Added to the energy; with what bits of spins add, it stands in a comment.
    """
    form = of_machine(machine, "a QUBO", spin=False, offset=offset)
    own = [(k, h) for k, h in enumerate(form.h.tolist()) if h]
    lines = [offset_line("c", form.offset), f"p qubo 0 {form.n} {len(own)} {len(form.J)}\n"]
    lines += [f"{k} {k} {as_text(h)}\n" for k, h in own]
    lines += [
        f"{i} {j} {as_text(v)}\n"
        for i, j, v in zip(form.i.tolist(), form.j.tolist(), form.Q.tolist(), strict=True)
    ]
    write_atomic(path, lambda file: file.writelines(line.encode() for line in lines))


def _recognise(path: Path, head: bytes) -> bool:
    lines = first_lines(head, b"c")
    return bool(lines) and lines[0][:2] == ["p", "qubo"]


FORMAT = Format(
    name="qubo",
    title="QUBO of qbsolv",
    suffixes=(".qubo",),
    recognise=_recognise,
    read=read,
    write=write,
    energy="E(x) = sum v_i x_i + sum_{i<j} v_ij x_i x_j of 0 and 1, minimised: b = -v, J = -v",
    facts=lambda path: facts_of(read_named(path)),
    named=read_named,
)
