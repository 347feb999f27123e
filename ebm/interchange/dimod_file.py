"""dimod's BinaryQuadraticModel as ``bqm.to_file()`` writes it, versions 1 and 2, read and written without
dimod.

The bytes "DIMODBQM", the version, the length of a header, the header (JSON), then numbers in the order of the
machine that wrote them: the offset, of each variable the number of neighbours before its own and its field,
of each neighbour its place and the coupling, and at the end the labels (JSON), unless they are 0, 1, ….
dimod's own reader runs no code either, but trusts the places in the file (a negative one ends the process);
here they are checked.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ebm.boltzmann import BoltzmannMachine
from ebm.errors import EbmError, short
from ebm.files import UNREADABLE, as_path, whole, write_atomic
from ebm.graph import HasGraph
from ebm.interchange.dimod_json import as_json, as_label, is_spin, vartype_of
from ebm.interchange.formats import Format
from ebm.interchange.quadratic import Named, Quadratic, facts_of, of_machine

__all__ = ["read", "read_named", "write"]

_MAGIC, _LABELS = b"DIMODBQM", b"VARS"
_HEADER = 2**26  # bytes of a header, at most: that of version 1 has the labels
_FLOATS, _INTEGERS = ("float64", "float32"), ("int32", "int64", "uint32", "uint64", "int16", "uint16")
_ALIGNED = 64


def read(path: str | Path) -> BoltzmannMachine:
    """Read a binary quadratic model: a machine of `Ising` or `Bernoulli` units.

    Examples
    --------
    >>> import tempfile, ebm
    >>> machine = ebm.BoltzmannMachine(ebm.Bernoulli(), [[0.0, 1.0], [1.0, 0.0]], [0.5, 0.0])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(f"{folder}/x.bqm", machine)
    ...     read(f"{folder}/x.bqm").energy([[1, 1]])
    array([-1.5])
    """
    return read_named(path).machine


def read_named(path: str | Path) -> Named:
    """As `read`, with the labels of the variables and the offset."""
    file = as_path(path)
    try:
        return _quadratic(str(path), whole(file)).named()
    except EbmError:
        raise
    except UNREADABLE as error:
        cause = (str(error).splitlines() or [type(error).__name__])[0]
        raise EbmError(f"{path}: truncated, damaged or no file of a BinaryQuadraticModel ({cause})") from None


def write(
    path: str | Path,
    machine: HasGraph | Named,
    *,
    names: Sequence[Hashable] | None = None,
    offset: float = 0.0,
) -> None:
    """Write a machine of spins, of bits, or of both (then all as spins): version 2, float64.

    Parameters
    ----------
    path : str or Path
    machine : Machine
        With a coupling graph; hidden units are variables like others, the last ones.
    names : sequence, optional
        Labels of the variables; numbers when left out.
    offset : float
        Added to the energy.
    """
    form = of_machine(machine, "a BinaryQuadraticModel", names=names, offset=offset)
    labels = [as_json(name) for name in form.names]
    named = labels != list(range(form.n))
    header = {
        "dtype": "float64", "itype": "int32", "ntype": "int64", "shape": [form.n, len(form.J)],
        "type": "BinaryQuadraticModel", "variables": named, "vartype": vartype_of(form),
    }  # fmt: skip
    one, other = np.r_[form.i, form.j], np.r_[form.j, form.i]
    order = np.lexsort((other, one))
    linear = np.empty(form.n, [("before", "<i8"), ("h", "<f8")])
    linear["before"] = np.searchsorted(one[order], np.arange(form.n))
    linear["h"] = form.h
    pairs = np.empty(len(one), [("other", "<i4"), ("Q", "<f8")])
    pairs["other"], pairs["Q"] = other[order], np.tile(form.Q, 2)[order]

    def written(file: BinaryIO) -> None:
        start = _MAGIC + bytes([2, 0])
        file.write(_padded(start, json.dumps(header, sort_keys=True).encode("ascii") + b"\n"))
        for part in (np.array(form.offset, "<f8"), linear, pairs):
            file.write(part.tobytes())
        if named:
            file.write(_padded(_LABELS, json.dumps(labels).encode("ascii")))

    write_atomic(path, written)


def _padded(start: bytes, data: bytes) -> bytes:
    """A section: its mark, the length of what follows, data, and spaces up to the next 64 bytes."""
    data += b" " * (-(len(start) + 4 + len(data)) % _ALIGNED)
    return start + struct.pack("<I", len(data)) + data


class _Bytes:
    """Bytes that are taken from the front; what is missing is said."""

    def __init__(self, path: str, data: bytes) -> None:
        self.path, self.data, self.at = path, data, 0

    def take(self, n: int, what: str) -> bytes:
        if not 0 <= n <= len(self.data) - self.at:
            left = len(self.data) - self.at
            raise EbmError(f"{self.path}: {what}: {n} bytes; expected at most {left}, which are left")
        self.at += n
        return self.data[self.at - n : self.at]

    def array(self, dtype: Any, n: int, what: str) -> np.ndarray:
        return np.frombuffer(self.take(n * np.dtype(dtype).itemsize, what), dtype)


def _quadratic(path: str, data: bytes) -> Quadratic:
    source = _Bytes(path, data)
    if source.take(len(_MAGIC), "the first bytes") != _MAGIC:
        raise EbmError(f"{path}: begins {short(data[:8])}; expected {_MAGIC!r}, of a BinaryQuadraticModel")
    version = source.take(2, "the version")[0]
    if version not in (1, 2):
        raise EbmError(f"{path}: version {version}; expected 1 or 2")
    header = json.loads(source.take(min(_length(source), _HEADER), "the header"))
    n, m = (_count(path, size) for size in header["shape"])
    real, place, before = (
        _dtype(path, header, key, known)
        for key, known in (("dtype", _FLOATS), ("itype", _INTEGERS), ("ntype", _INTEGERS))
    )
    offset = source.array(real, 1, "the offset")[0]
    linear = source.array([("before", before), ("h", real)], n, "fields") if n else np.zeros(0, [("h", real)])
    pairs = source.array([("other", place), ("Q", real)], 2 * m, "couplings")
    labels = header["variables"]
    if version == 2 and labels is not False:
        if source.take(4, "the labels") != _LABELS:
            raise EbmError(f"{path}: no labels after the couplings; expected {_LABELS!r}")
        labels = json.loads(source.take(_length(source), "the labels"))
    names = [as_label(label, f"{path}: labels") for label in labels] if labels else list(range(n))
    upper = _upper(path, linear["before"], pairs["other"].astype(np.int64), n) if n else slice(0)
    one = np.repeat(np.arange(n), _degrees(linear["before"], len(pairs))) if n else np.zeros(0, np.int64)
    ends = one[upper], pairs["other"].astype(np.int64)[upper]
    spin = is_spin(header["vartype"], f"{path}: vartype")
    return Quadratic.of_terms(spin, linear["h"], ends, pairs["Q"][upper], float(offset), names, path)


def _length(source: _Bytes) -> int:
    return int(struct.unpack("<I", source.take(4, "a length"))[0])


def _count(path: str, size: Any) -> int:
    if type(size) is not int or not 0 <= size < 2**40:
        raise EbmError(f"{path}: shape: {short(size)}; expected numbers of variables and of couplings")
    return size


def _dtype(path: str, header: Any, key: str, known: tuple[str, ...]) -> np.dtype:
    if header[key] not in known:
        raise EbmError(f"{path}: {key}: {short(header[key])}; expected one of {', '.join(known)}")
    return np.dtype(header[key])


def _degrees(before: np.ndarray, total: int) -> np.ndarray:
    return np.diff(before.astype(np.int64), append=total)


def _upper(path: str, before: np.ndarray, other: np.ndarray, n: int) -> np.ndarray:
    """Which couplings are those of a variable with a later one, of checked neighbourhoods."""
    degrees = _degrees(before, len(other))
    if before[0] != 0 or (degrees < 0).any() or degrees.sum() != len(other):
        raise EbmError(f"{path}: the numbers of neighbours do not add up; expected {len(other)} in order")
    if len(other) and not 0 <= other.min() <= other.max() < n:
        raise EbmError(f"{path}: a neighbour is variable {other.max()}; expected 0 to {n - 1}")
    one = np.repeat(np.arange(n), degrees)
    upper = one < other
    if 2 * np.count_nonzero(upper) != len(other) or (one == other).any():
        raise EbmError(f"{path}: couplings are not given once from each end; expected a symmetric list")
    low, high = np.sort(one[upper] * n + other[upper]), np.sort(other[~upper] * n + one[~upper])
    if (low != high).any():
        raise EbmError(f"{path}: couplings are not given once from each end; expected a symmetric list")
    return upper


def _recognise(path: Path, head: bytes) -> bool:
    return head.startswith(_MAGIC)


FORMAT = Format(
    name="dimod",
    title="dimod BQM, binary",
    suffixes=(".bqm",),
    recognise=_recognise,
    read=read,
    write=write,
    energy="E(x) = offset + sum h_i x_i + sum Q_ij x_i x_j, minimised: b = -h, J = -Q",
    facts=lambda path: facts_of(read_named(path)),
    named=read_named,
)
