"""Max-Cut: G-set and Biq Mac ``.mc`` (rudy's format), as machines whose ground state is the heaviest cut.

E(x) = Σ_{i<j} W_ij x_i x_j of spins: J = −W, b = 0, and cut(x) = ½ (Σ_{i<j} W_ij − E(x)). Vertices count from
1 in the file, from 0 here. `ebm.datasets.read_gset` reads the weights themselves.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ebm.boltzmann import BoltzmannMachine
from ebm.datasets import read_gset
from ebm.datasets.lines import integers
from ebm.errors import EbmError
from ebm.files import write_atomic
from ebm.graph import HasGraph
from ebm.interchange.formats import Format
from ebm.interchange.quadratic import Named, Quadratic, of_machine

__all__ = ["read", "write"]


def read(path: str | Path) -> BoltzmannMachine:
    """Read a graph: a machine of `Ising` units with J = −W.

    Examples
    --------
    >>> import pathlib, tempfile, ebm
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "triangle.mc"
    ...     _ = path.write_text("3 3\\n1 2 1\\n1 3 1\\n2 3 1\\n")
    ...     machine = read(path)
    >>> samples = ebm.sample(machine, 10, sampler=ebm.Annealing())
    >>> 0.5 * (3 - samples.diagnostics["best_energy"].min())
    np.float64(2.0)
    """
    from scipy.sparse import triu

    W = read_gset(path)
    upper = triu(W, 1).tocoo()
    return Quadratic.of_terms(True, np.zeros(W.shape[0]), upper.coords, upper.data).named().machine


def write(path: str | Path, machine: HasGraph | Named) -> None:
    """Write the couplings of a machine of spins without fields as the weights W = −J of a graph.

    Raises
    ------
    EbmError
        Fields, or the constants of bits: a cut has none.
    """
    form = cut_form(path, machine)
    lines = [f"{form.n} {len(form.J)}\n", *edges(form, form.Q)]
    write_atomic(path, lambda file: file.writelines(line.encode() for line in lines))


def cut_form(path: str | Path, machine: HasGraph | Named) -> Quadratic:
    """The form of a machine that is a graph to be cut: of spins without fields."""
    form = of_machine(machine, "a graph for Max-Cut", spin=True)
    field = np.abs(form.b) > 1e-12 * max(1.0, float(np.abs(form.J).max(initial=0.0)))
    if field.any():
        at = int(field.argmax())
        raise EbmError(
            f"{path}: unit {at} has the field {form.b[at]:.6g}; the weights of a cut have none: expected"
            " b = 0, or the formats biqmac, qubo or dimod"
        )
    return form


def edges(form: Quadratic, weights: np.ndarray, mark: str = "") -> list[str]:
    """Lines "i j w", vertices from 1; whole numbers without a point."""
    return [
        f"{mark}{i + 1} {j + 1} {as_text(w)}\n"
        for i, j, w in zip(form.i.tolist(), form.j.tolist(), weights.tolist(), strict=True)
    ]


def as_text(value: float) -> str:
    """All digits of a number; a whole one without a point.

    Examples
    --------
    >>> as_text(-2.0), as_text(0.1)
    ('-2', '0.1')
    """
    return str(int(value)) if value == int(value) and abs(value) < 2**53 else repr(value)


def first_lines(head: bytes, comment: bytes) -> list[list[str]]:
    """Cells of the lines in the first bytes of a file, without the last one, which may be cut."""
    lines = head.splitlines()[: -1 if len(head) >= 4096 else None]
    if not head.isascii():
        return []
    return [line.decode().split() for line in lines if line.strip() and not line.lstrip().startswith(comment)]


def is_list_of_entries(head: bytes) -> bool:
    """Whether a text begins "n m" and goes on with lines "i j w"."""
    lines = first_lines(head, b"#")
    sizes = integers(lines[0]) if lines and len(lines[0]) == 2 else None
    return sizes is not None and all(
        len(row) in (2, 3) and integers(row[:2]) is not None for row in lines[1:]
    )


def _recognise(path: Path, head: bytes) -> bool:
    return is_list_of_entries(head) and all(row[0] != row[1] for row in first_lines(head, b"#")[1:])


FORMAT = Format(
    name="gset",
    title="Max-Cut: G-set, Biq Mac .mc",
    suffixes=(".mc", ".rud", ".rudy", ".gset"),
    recognise=_recognise,
    read=read,
    write=write,
    energy="E(x) = sum_{i<j} W_ij x_i x_j of +-1: J = -W; cut = (sum W - E)/2",
)
