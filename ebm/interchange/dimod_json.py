"""dimod's BinaryQuadraticModel as JSON: ``json.dumps(bqm.to_serializable())``, read and written without
dimod.

It minimises E(x) = offset + Σ h_i x_i + Σ Q_ij x_i x_j: b = −h, J = −Q. SPIN variables are `Ising` units,
BINARY ones `Bernoulli` units. Labels may be texts, numbers and tuples of such.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ebm.boltzmann import BoltzmannMachine
from ebm.errors import EbmError, described, nearest, short
from ebm.files import UNREADABLE, as_path, whole, write_atomic
from ebm.graph import HasGraph
from ebm.interchange.formats import Format
from ebm.interchange.quadratic import Named, Quadratic, facts_of, of_machine
from ebm.machine import Array

__all__ = ["read", "read_named", "write"]

_SCHEMA = "3.0.0"
_VARTYPES = ("SPIN", "BINARY")
_DEPTH = 20  # of tuples in tuples


def read(path: str | Path) -> BoltzmannMachine:
    """Read a binary quadratic model: a machine of `Ising` or `Bernoulli` units.

    Examples
    --------
    >>> import tempfile, ebm
    >>> machine = ebm.BoltzmannMachine(ebm.Ising(), [[0.0, 1.0], [1.0, 0.0]], [0.5, 0.0])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(f"{folder}/bqm.json", machine, names=["a", ("b", 1)], offset=2.0)
    ...     machine, names, offset = read_named(f"{folder}/bqm.json")
    >>> machine.energy([[1, -1]]), names, offset
    (array([0.5]), ('a', ('b', 1)), 2.0)
    """
    return read_named(path).machine


def read_named(path: str | Path) -> Named:
    """As `read`, with the labels of the variables and the offset."""
    file = as_path(path)
    try:
        found = json.loads(whole(file))
        assert isinstance(found, dict)
    except EbmError:
        raise
    except (*UNREADABLE, AssertionError) as error:
        cause = (str(error).splitlines() or ["an object expected"])[0]
        raise EbmError(f"{path}: no JSON of a BinaryQuadraticModel ({cause})") from None
    return _quadratic(str(path), found).named()


def write(
    path: str | Path,
    machine: HasGraph | Named,
    *,
    names: Sequence[Hashable] | None = None,
    offset: float = 0.0,
) -> None:
    """Write a machine of spins, of bits, or of both (then all as spins) as dimod does.

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
    document = {
        "type": "BinaryQuadraticModel",
        "version": {"bqm_schema": _SCHEMA},
        "use_bytes": False,
        "index_type": "int64",
        "bias_type": "float64",
        "num_variables": form.n,
        "num_interactions": len(form.J),
        "variable_labels": [as_json(name) for name in form.names],
        "variable_type": vartype_of(form),
        "offset": form.offset,
        "info": {},
        "linear_biases": form.h.tolist(),
        "quadratic_biases": form.Q.tolist(),
        "quadratic_head": form.i.tolist(),
        "quadratic_tail": form.j.tolist(),
    }
    text = json.dumps(document, allow_nan=False)
    write_atomic(path, lambda file: file.write(text.encode()))


def vartype_of(form: Quadratic) -> str:
    """The name of a form's variables in dimod."""
    return "SPIN" if form.spin else "BINARY"


def is_spin(value: Any, where: str) -> bool:
    """Whether the name of a vartype is that of spins."""
    if value not in _VARTYPES:
        raise EbmError(f"{where}: {short(value)}; {nearest(str(value), _VARTYPES)}")
    return bool(value == "SPIN")


def as_label(value: Any, where: str, depth: int = 0) -> Hashable:
    """A label from JSON: lists are tuples."""
    if isinstance(value, list) and depth < _DEPTH:
        return tuple(as_label(part, where, depth + 1) for part in value)
    if not isinstance(value, (str, int, float, type(None))):
        raise EbmError(f"{where}: {described(value)}; expected a text, a number or a list of such")
    return value


def as_json(name: Hashable) -> Any:
    """A label for JSON: tuples are lists."""
    if isinstance(name, tuple):
        return [as_json(part) for part in name]
    if isinstance(name, np.generic):
        name = name.item()
    if not isinstance(name, (str, int, float, type(None))):
        raise EbmError(f"names: {short(name)}: expected a text, a number or a tuple of such")
    return name


def _quadratic(path: str, found: Mapping[str, Any]) -> Quadratic:
    if found.get("type") != "BinaryQuadraticModel":
        raise EbmError(f"{path}: type: {short(found.get('type'))}; expected 'BinaryQuadraticModel'")
    if found.get("use_bytes"):
        raise EbmError(f"{path}: use_bytes: its numbers are bytes, which JSON has not; expected lists")
    labels = found.get("variable_labels")
    if not isinstance(labels, list):
        raise EbmError(f"{path}: variable_labels: got {described(labels)}; expected a list")
    n = len(labels)
    h = _numbers(path, found, "linear_biases", n)
    i, j = (_places(path, found, key, n) for key in ("quadratic_head", "quadratic_tail"))
    Q = _numbers(path, found, "quadratic_biases", len(i))
    if len(j) != len(i):
        raise EbmError(f"{path}: quadratic_tail: {len(j)} places; expected {len(i)}, as the heads")
    offset = _numbers(path, {"offset": [found.get("offset")]}, "offset", 1)
    names = [as_label(label, f"{path}: variable_labels") for label in labels]
    spin = is_spin(found.get("variable_type"), f"{path}: variable_type")
    return Quadratic.of_terms(spin, h, (i, j), Q, float(offset[0]), names, path)


def _numbers(path: str, found: Mapping[str, Any], key: str, n: int) -> Array:
    values = found.get(key)
    good = isinstance(values, list) and all(
        isinstance(v, (int, float)) and not isinstance(v, bool) for v in values
    )
    if not good:
        raise EbmError(f"{path}: {key}: got {described(values)}; expected {n} numbers")
    assert isinstance(values, list)
    if len(values) != n:
        raise EbmError(f"{path}: {key}: {len(values)} numbers; expected {n}")
    try:
        array = np.array(values, np.float64)
    except OverflowError:
        array = np.array([np.inf])
    if not np.isfinite(array).all():
        raise EbmError(f"{path}: {key}: a number is NaN, infinite or beyond all floats; expected finite ones")
    return array


def _places(path: str, found: Mapping[str, Any], key: str, n: int) -> Array:
    values = found.get(key)
    good = isinstance(values, list) and all(type(v) is int and 0 <= v < n for v in values)
    if not good:
        raise EbmError(f"{path}: {key}: expected a list of places from 0 to {n - 1}")
    return np.array(values, np.int64)


def _recognise(path: Path, head: bytes) -> bool:
    return head.lstrip().startswith(b"{") and b'"BinaryQuadraticModel"' in head


FORMAT = Format(
    name="dimod-json",
    title="dimod BQM, JSON",
    suffixes=(".json",),
    recognise=_recognise,
    read=read,
    write=write,
    energy="E(x) = offset + sum h_i x_i + sum Q_ij x_i x_j, minimised: b = -h, J = -Q",
    facts=lambda path: facts_of(read_named(path)),
    named=read_named,
)
