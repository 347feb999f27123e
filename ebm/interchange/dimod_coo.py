"""dimod's coordinate text: ``# vartype=SPIN``, then lines "i j value", couplings, and "i i value", fields.

It minimises E(x) = Σ h_i x_i + Σ Q_ij x_i x_j: b = −h, J = −Q. Labels are numbers from 0, kept as names. An
offset stands in a comment, ``# offset=1.5``, which dimod skips. dimod writes six decimals; here all digits
are written.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from pathlib import Path

import numpy as np

from ebm.boltzmann import BoltzmannMachine
from ebm.datasets.lines import finite, integers, lines_of, unlike
from ebm.errors import EbmError
from ebm.files import as_path, write_atomic
from ebm.graph import HasGraph
from ebm.interchange.comments import offset_in, offset_line
from ebm.interchange.dimod_json import is_spin, vartype_of
from ebm.interchange.formats import Format
from ebm.interchange.quadratic import Named, Quadratic, facts_of, of_machine

__all__ = ["read", "read_named", "write"]

_HEADER = re.compile(r"\s*#.*?vartype[:=]\s*([-_.a-zA-Z0-9]+)")
_TRIPLET = re.compile(rb"\s*\d+\s+\d+\s+[+-]?[\d.]+([eE][+-]?\d+)?\s*")


def read(path: str | Path, vartype: str | None = None) -> BoltzmannMachine:
    """Read a binary quadratic model: a machine of `Ising` or `Bernoulli` units.

    Parameters
    ----------
    path : str or Path
    vartype : {"SPIN", "BINARY"}, optional
        Of a file that does not say.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "chain.coo"
    ...     _ = path.write_text("# vartype=SPIN\\n0 0 0.5\\n0 1 -1\\n1 2 -1\\n")
    ...     read(path).energy([[-1, 1, 1], [1, 1, 1]])
    array([-0.5, -1.5])
    """
    return read_named(path, vartype).machine


def read_named(path: str | Path, vartype: str | None = None) -> Named:
    """As `read`, with the numbers that are the labels of the variables."""
    file, given = as_path(path), vartype
    h: dict[int, float] = {}
    ends: list[tuple[int, int]] = []
    Q: list[float] = []
    offset = 0.0
    for number, cells in lines_of(str(path), file, "dimod's coordinates"):
        where = f"{path}: line {number}"
        if cells[0].startswith("#"):
            said = _HEADER.match(" ".join(cells))
            if said and given is not None and said[1] != given:
                raise EbmError(f"{where}: vartype {said[1]}; expected {given}, as was said before")
            given = said[1] if said else given
            offset += offset_in(cells, where)
            continue
        pair = integers(cells[:2])
        if pair is None or len(cells) != 3 or min(pair) < 0:
            raise unlike(where, cells, "'i j value', two numbers of variables from 0, and a value")
        value = finite(cells[2], where, "the value")
        for place in pair:
            h.setdefault(place, 0.0)
        if pair[0] == pair[1]:
            h[pair[0]] += value
        else:
            ends.append((pair[0], pair[1]))
            Q.append(value)
    if given is None:
        raise EbmError(f"{path}: vartype: the file does not say; expected 'SPIN' or 'BINARY'")
    names = sorted(h)
    at = np.searchsorted(names, np.array(ends, np.int64).reshape(-1, 2))
    fields = np.array([h[name] for name in names])
    spin = is_spin(given, f"{path}: vartype")
    form = Quadratic.of_terms(spin, fields, (at[:, 0], at[:, 1]), np.array(Q), offset, names, str(path))
    return form.named()


def write(
    path: str | Path,
    machine: HasGraph | Named,
    *,
    names: Sequence[Hashable] | None = None,
    offset: float = 0.0,
) -> None:
    """Write a machine of spins, of bits, or of both (then all as spins).

    Parameters
    ----------
    path : str or Path
    machine : Machine
        With a coupling graph; hidden units are variables like others, the last ones.
    names : sequence of int, optional
        Numbers of the variables, from 0; 0, 1, … when left out.
    offset : float
        Added to the energy; a comment in the file.
    """
    form = of_machine(machine, "dimod's coordinates", names=names, offset=offset)
    bad = next((name for name in form.names if not isinstance(name, (int, np.integer)) or name < 0), None)
    if bad is not None:
        raise EbmError(
            f"{path}: names: {bad!r}; coordinates hold numbers from 0: leave names out, or use JSON"
        )
    lines = [f"# vartype={vartype_of(form)}\n", offset_line("#", form.offset)]
    lines += [f"{name} {name} {value!r}\n" for name, value in zip(form.names, form.h.tolist(), strict=True)]
    lines += [
        f"{form.names[i]} {form.names[j]} {value!r}\n"
        for i, j, value in zip(form.i.tolist(), form.j.tolist(), form.Q.tolist(), strict=True)
    ]
    write_atomic(path, lambda file: file.writelines(line.encode() for line in lines))


def _recognise(path: Path, head: bytes) -> bool:
    lines = [line for line in head.splitlines()[:20] if line.strip()]
    if any(_HEADER.match(line.decode("latin1")) for line in lines):
        return True
    return path.suffix.lower() == ".coo" and bool(lines) and _TRIPLET.fullmatch(lines[0]) is not None


FORMAT = Format(
    name="dimod-coo",
    title="dimod BQM, coordinates",
    suffixes=(".coo",),
    recognise=_recognise,
    read=read,
    write=write,
    energy="E(x) = sum h_i x_i + sum Q_ij x_i x_j, minimised: b = -h, J = -Q",
    facts=lambda path: facts_of(read_named(path)),
    named=read_named,
)
