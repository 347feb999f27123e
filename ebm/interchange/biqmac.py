"""Biq Mac's quadratic 0-1 programs (``.bq``, ``.sparse``): min xᵀQx over bits, Q symmetric.

The first line is "n m"; m lines "i j q" follow, i and j from 1, each entry of Q once: an entry off the
diagonal stands for (i, j) and (j, i), so it counts twice: b_i = −Q_ii, J_ij = −2 Q_ij. Lines that begin with
# are comments. Beasley's files in the OR-Library look alike and are maximised: there all signs are turned.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ebm.arguments import as_flag
from ebm.boltzmann import BoltzmannMachine
from ebm.datasets.lines import finite, integers, lines_of, unlike
from ebm.errors import EbmError
from ebm.files import as_path, write_atomic
from ebm.graph import HasGraph
from ebm.interchange.comments import offset_in, offset_line
from ebm.interchange.formats import Format
from ebm.interchange.gset import as_text, edges, first_lines, is_list_of_entries
from ebm.interchange.quadratic import Named, Quadratic, facts_of, of_machine

__all__ = ["read", "read_named", "write"]

_MOST = 10**7  # variables


def read(path: str | Path, maximise: bool = False) -> BoltzmannMachine:
    """Read a quadratic 0-1 program: a machine of `Bernoulli` units.

    Parameters
    ----------
    path : str or Path
    maximise : bool
        xᵀQx is to be maximised, as in the OR-Library: b_i = Q_ii, J_ij = 2 Q_ij.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "two.bq"
    ...     _ = path.write_text("2 2\\n1 1 -1\\n1 2 3\\n")
    ...     read(path).energy([[1, 0], [1, 1]])
    array([-1.,  5.])
    """
    return read_named(path, maximise).machine


def read_named(path: str | Path, maximise: bool = False) -> Named:
    """As `read`, with the offset that a comment ``# offset=1.5`` says."""
    sign = -1.0 if as_flag(maximise, "maximise") else 1.0
    offset = 0.0
    sizes: list[int] | None = None
    ends: list[tuple[int, int]] = []
    values: list[float] = []
    seen: dict[tuple[int, int], int] = {}
    for number, cells in lines_of(str(path), as_path(path), "a quadratic program of Biq Mac"):
        where = f"{path}: line {number}"
        if cells[0].startswith("#"):
            offset += offset_in(cells, where)
            continue
        if sizes is None:
            sizes = _sizes(where, cells)
            continue
        i, j, q = _entry(where, cells, sizes[0])
        pair = (min(i, j), max(i, j))
        if len(ends) == sizes[1] or pair in seen:
            again = f"given before, line {seen[pair]}; expected it once" if pair in seen else "one too many"
            raise EbmError(f"{where}: the entry {i} {j}: {again}")
        seen[pair] = number
        ends.append(pair)
        values.append(q)
    if sizes is None or len(ends) < sizes[1]:
        expected = "'n m', the numbers of variables and entries" if sizes is None else f"{sizes[1]}"
        raise EbmError(f"{path}: ends after {len(ends)} entries; expected {expected}")
    low, high = np.array(ends, np.int64).reshape(-1, 2).T - 1
    Q = sign * np.array(values) * np.where(low == high, 1.0, 2.0)
    return Quadratic.of_terms(False, np.zeros(sizes[0]), (low, high), Q, offset, None, str(path)).named()


def _sizes(where: str, cells: list[str]) -> list[int]:
    sizes = integers(cells)
    if sizes is None or len(sizes) != 2:
        raise unlike(where, cells, "'n m', the numbers of variables and entries")
    n, m = sizes
    if not 1 <= n <= _MOST or not 0 <= m <= n * (n + 1) // 2:
        raise EbmError(
            f"{where}: {n} variables, {m} entries; expected 1 to {_MOST}, and at most n (n + 1)/2 entries"
        )
    return sizes


def _entry(where: str, cells: list[str], n: int) -> tuple[int, int, float]:
    pair = integers(cells[:2])
    if pair is None or len(cells) != 3:
        raise unlike(where, cells, "'i j q', two variables and a number")
    if not (1 <= pair[0] <= n and 1 <= pair[1] <= n):
        raise EbmError(f"{where}: the entry {pair[0]} {pair[1]}: expected variables 1 to {n}")
    return pair[0], pair[1], finite(cells[2], where, "the entry")


def write(path: str | Path, machine: HasGraph | Named, *, offset: float = 0.0) -> None:
    """Write a machine of bits, or of spins as bits, to be minimised.

    Parameters
    ----------
    path : str or Path
    machine : Machine
        With a coupling graph; hidden units are the last variables.
    offset : float
        Added to the energy; with what bits of spins add, it stands in a comment.
    """
    form = of_machine(machine, "a quadratic 0-1 program", spin=False, offset=offset)
    own = [(k, h) for k, h in enumerate(form.h.tolist(), 1) if h]
    lines = [offset_line("#", form.offset), f"{form.n} {len(own) + len(form.J)}\n"]
    lines += [f"{k} {k} {as_text(h)}\n" for k, h in own]
    lines += edges(form, 0.5 * form.Q)
    write_atomic(path, lambda file: file.writelines(line.encode() for line in lines))


def _recognise(path: Path, head: bytes) -> bool:
    if not is_list_of_entries(head):
        return False
    return path.suffix.lower() in FORMAT.suffixes or any(
        row[0] == row[1] for row in first_lines(head, b"#")[1:]
    )


FORMAT = Format(
    name="biqmac",
    title="quadratic 0-1 program of Biq Mac",
    suffixes=(".bq", ".sparse"),
    recognise=_recognise,
    read=read,
    write=write,
    energy="E(x) = x.Qx of 0 and 1, minimised: b_i = -Q_ii, J_ij = -2 Q_ij",
    facts=lambda path: facts_of(read_named(path)),
    named=read_named,
)
