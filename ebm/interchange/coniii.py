"""ConIII's vector of multipliers: the fields, then the couplings of pairs (0,1), (0,2), …, (1,2), ….

E(s) = −Σ h_i s_i − Σ_{i<j} J_ij s_i s_j, with our signs: b = h. Spins are ±1, as ConIII has them unless told
otherwise. As a file: numbers in text, as ``numpy.savetxt`` writes them, one a line, or an ``.npy``.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from ebm.arguments import as_flag, as_numbers
from ebm.boltzmann import BoltzmannMachine
from ebm.datasets.lines import finite, lines_of, unlike
from ebm.errors import EbmError
from ebm.files import UNREADABLE, as_path, check_arrays, write_atomic
from ebm.graph import HasGraph
from ebm.interchange.formats import Format
from ebm.interchange.quadratic import Named, Quadratic, of_machine
from ebm.machine import Array

__all__ = ["from_coniii", "read", "to_coniii", "write"]


def from_coniii(multipliers: ArrayLike, spins: bool = True) -> BoltzmannMachine:
    """The machine of a vector of n fields and n(n − 1)/2 couplings.

    Parameters
    ----------
    multipliers : (n(n + 1)/2,) array_like
    spins : bool
        Units are ±1; else 0 and 1.

    Examples
    --------
    >>> from_coniii([0.1, 0.2, 0.3, 1.0, 0.0, -1.0]).energy([[1, -1, 1]])
    array([-0.2])
    """
    values = as_numbers(multipliers, "multipliers").astype(np.float64)
    if values.ndim != 1:
        raise EbmError(f"multipliers: expected one axis, fields then couplings, got shape {values.shape}")
    n = _units(len(values), "multipliers")
    upper = np.triu_indices(n, 1)
    spin = as_flag(spins, "spins")
    return Quadratic.of_terms(spin, -values[:n], upper, -values[n:], what="multipliers").named().machine


def to_coniii(machine: HasGraph | Named, spins: bool = True) -> Array:
    """The vector of a machine of spins and bits, all its units, hidden ones last; as spins unless told
    otherwise.

    Examples
    --------
    >>> import ebm
    >>> pair = ebm.BoltzmannMachine(ebm.Ising(), [[0.0, 1.0], [1.0, 0.0]], [0.5, 0.0])
    >>> to_coniii(pair)
    array([0.5, 0. , 1. ])
    """
    form = of_machine(machine, "a vector of ConIII", spin=as_flag(spins, "spins"))
    n = form.n
    J = np.zeros(n * (n - 1) // 2)
    J[form.i * (2 * n - form.i - 1) // 2 + form.j - form.i - 1] = form.J
    return np.concatenate([form.b, J])


def _units(size: int, what: str) -> int:
    n = (math.isqrt(8 * size + 1) - 1) // 2
    if size < 1 or n * (n + 1) // 2 != size:
        raise EbmError(f"{what}: {size} numbers; expected n + n(n - 1)/2, such as {n * (n + 1) // 2 or 1}")
    return n


def read(path: str | Path, spins: bool = True) -> BoltzmannMachine:
    """Read a vector from a text or an ``.npy`` file.

    Parameters
    ----------
    path : str or Path
    spins : bool
        Units are ±1; else 0 and 1.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(f"{folder}/chain.txt", from_coniii([0.5, 0.0, 1.0]))
    ...     read(f"{folder}/chain.txt").energy([[1, 1]])
    array([-1.5])
    """
    file = as_path(path)
    values = _from_npy(path, file) if file.suffix.lower() == ".npy" else _from_text(path, file)
    if values.ndim != 1 or values.dtype.kind not in "fiu" or not np.isfinite(values).all():
        raise EbmError(f"{path}: {values.dtype} {values.shape}; expected one axis of finite numbers")
    _units(len(values), str(path))
    return from_coniii(values, spins)


def _from_npy(path: str | Path, file: Path) -> np.ndarray:
    try:
        check_arrays(file)
        return np.asarray(np.load(file, allow_pickle=False))
    except EbmError:
        raise
    except UNREADABLE as error:
        cause = (str(error).splitlines() or [type(error).__name__])[0]
        raise EbmError(f"{path}: truncated, damaged or no .npy file ({cause})") from None


def _from_text(path: str | Path, file: Path) -> np.ndarray:
    values = []
    for number, cells in lines_of(str(path), file, "numbers, one a line", ("#",)):
        where = f"{path}: line {number}"
        if len(cells) != 1:
            raise unlike(where, cells, "one number")
        values.append(finite(cells[0], where, "the number"))
    return np.array(values)


def write(path: str | Path, machine: HasGraph | Named, *, spins: bool = True) -> None:
    """Write the vector of a machine, as text, or as an ``.npy`` by the suffix.

    Parameters
    ----------
    path : str or Path
    machine : Machine
        Of spins and bits, with a coupling graph.
    spins : bool
        For units of ±1; else of 0 and 1.
    """
    vector = to_coniii(machine, spins)
    if as_path(path).suffix.lower() == ".npy":
        write_atomic(path, lambda file: np.lib.format.write_array(file, vector, allow_pickle=False))
        return
    text = "".join(f"{value!r}\n" for value in vector.tolist())
    write_atomic(path, lambda file: file.write(text.encode()))


def _recognise(path: Path, head: bytes) -> bool:
    lines = head.split(b"\n")[:-1]
    rows = [line.split() for line in lines if line.strip() and not line.startswith(b"#")]
    return bool(rows) and all(len(row) == 1 and _is_number(row[0]) for row in rows)


def _is_number(cell: bytes) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False


FORMAT = Format(
    name="coniii",
    title="vector of ConIII",
    suffixes=(".coniii",),
    recognise=_recognise,
    read=read,
    write=write,
    energy="E(x) = -sum h_i x_i - sum_{i<j} J_ij x_i x_j: b = h, J = J",
)
