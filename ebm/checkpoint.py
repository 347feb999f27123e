"""Files: machines, networks, states, estimators and models of tables as .npz archives with a JSON header.

Nothing is executed when a file is read: arrays are plain (``allow_pickle=False``), the header is JSON. The
header says format version, unit types and the energy that the parameters belong to. Writes are atomic: a
temporary file in the same folder, flushed to disk, then renamed.
"""

from __future__ import annotations

import json
import os
import warnings
from typing import Any, BinaryIO, Protocol, TypeAlias, runtime_checkable

import numpy as np
import scipy.sparse

from ebm.arguments import as_count, check_rows
from ebm.boltzmann import BoltzmannMachine
from ebm.deep import DBM, DBN
from ebm.errors import EbmError, expect
from ebm.files import UNREADABLE, as_path, check_arrays, write_atomic
from ebm.learning import Carried
from ebm.machine import as_machine
from ebm.network import Layer, Network
from ebm.optimisers import Memory
from ebm.parts import Part, by_group
from ebm.rbm import RBM, ConditionalRBM
from ebm.selection import Watch
from ebm.stream import Stream
from ebm.table import Table, TableModel
from ebm.training import State
from ebm.units.tables import units_from_dict, units_to_dict

__all__ = ["load", "save"]

FORMAT = 2
_READ = (1, FORMAT)  # 1 had states of another layout; machines and networks are the same
_ENERGY = {
    "RBM": "E(v,h) = -b.phi(v) - c.phi(h) - phi(v).W.phi(h) + U(v) + U(h); p ~ exp(-E);"
    " U the potential of the unit types, with the numbers v.*, h.* that they learn",
    "ConditionalRBM": "E(v,h|x) = that of an RBM with biases b + x.A and c + x.B",
    "BoltzmannMachine": "E(x) = -b.phi(x) - 1/2 phi(x).J.phi(x); p ~ exp(-E)",
    "DBM": "E = -sum b_k.phi(x_k) - sum phi(x_k).W_k.phi(x_k+1) + U; even layers are the rows of W and b,"
    " odd ones its columns and c",
    "DBN": "p(v,h) = p(v|h1) ... p(top two), the top two an RBM; R, r recognise upwards, G, g generate down",
    "Network": "y = mean(b + phi(x).W) layer by layer; -log p(y|x) = cgf(I) - I.phi(y) + U(y)",
}
Arrays = dict[str, np.ndarray]
Model: TypeAlias = RBM | ConditionalRBM | BoltzmannMachine | DBM | DBN | Network


@runtime_checkable
class Estimator(Protocol):
    """What scikit-learn asks of one; those of `ebm.estimators` have a place in a file."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters as given."""


def write_arrays(path: str | os.PathLike[str], arrays: Arrays) -> None:
    """Write named arrays as an .npz archive, atomically."""

    def write(file: BinaryIO) -> None:
        np.savez(file, **arrays)  # type: ignore[arg-type]

    write_atomic(path, write)


def read_arrays(path: str | os.PathLike[str]) -> Arrays:
    """Read an .npz archive of plain arrays.

    Raises
    ------
    EbmError
        The file is missing, truncated, foreign or holds pickles.
    """
    path = as_path(path)
    if not path.exists():
        raise EbmError(f"{path}: no such file")
    if path.is_dir():
        raise EbmError(f"{path}: a directory; expected an .npz file")
    try:
        check_arrays(path)
        with np.load(path, allow_pickle=False) as archive:
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise EbmError(f"{path}: a single array; expected an .npz archive")
            return {name: archive[name] for name in archive.files}
    except EbmError:
        raise
    except UNREADABLE as error:
        reason = "holds Python objects" if "allow_pickle" in str(error) else "truncated, or not an .npz file"
        raise EbmError(f"{path}: {reason}; expected an .npz archive written by ebm") from None


def _pack_machine(machine: object) -> tuple[dict[str, Any], Arrays]:
    if not isinstance(machine, Model):
        raise EbmError(f"save: expected a machine, a network or a State, got {type(machine).__name__}")
    arrays = {f"params.{key}": value for key, value in machine.params.items()}
    header: dict[str, Any] = {"type": type(machine).__name__}
    if isinstance(machine, (RBM, ConditionalRBM)):
        header |= {"visible": units_to_dict(machine.visible), "hidden": units_to_dict(machine.hidden)}
    elif isinstance(machine, (DBM, DBN)):
        header |= {"layers": [units_to_dict(u) for u in machine.layer_units], "sizes": list(machine.sizes)}
    elif isinstance(machine, BoltzmannMachine):
        header |= {
            "units": units_to_dict(machine.units),
            "n_visible": machine.n_visible,
            "sparse": machine.sparse,
        }
        if machine.sparse:
            J = machine.J
            arrays |= {"J.indices": J.indices, "J.indptr": J.indptr}
    else:
        header |= {
            "inputs": units_to_dict(machine.inputs),
            "layers": [units_to_dict(u) for u in machine.layer_units],
        }
    header["energy"] = _ENERGY[header["type"]]
    return header, arrays


def _unpack_machine(header: dict[str, Any], arrays: Arrays) -> Model:
    kind = header["type"]
    if kind in ("RBM", "ConditionalRBM"):
        visible, hidden = units_from_dict(header["visible"]), units_from_dict(header["hidden"])
        learnt = [f"{side}.{name}" for side, u in (("v", visible), ("h", hidden)) for name in u.learns]
        theta = {key: arrays[f"params.{key}"] for key in learnt}
        if kind == "ConditionalRBM":
            return ConditionalRBM(visible, hidden, *(arrays[f"params.{k}"] for k in "WbcAB"), theta=theta)
        return RBM(visible, hidden, *(arrays[f"params.{k}"] for k in "Wbc"), theta=theta)
    if kind == "BoltzmannMachine":
        J, b = arrays["params.J"], arrays["params.b"]
        if header["sparse"]:
            check_rows(J, arrays["J.indices"], arrays["J.indptr"], len(b), len(b))
            J = scipy.sparse.csr_array((J, arrays["J.indices"], arrays["J.indptr"]), shape=(len(b), len(b)))
        return BoltzmannMachine(units_from_dict(header["units"]), J, b, n_visible=header["n_visible"])
    if kind == "Network":
        units = [units_from_dict(u) for u in header["layers"]]
        if units[-1].learns:
            units[-1] = units[-1].bound(*(arrays[f"params.y.{name}"] for name in units[-1].learns))
        layers = [Layer(u, arrays[f"params.W{k}"], arrays[f"params.b{k}"]) for k, u in enumerate(units)]
        return Network(layers, units_from_dict(header["inputs"]))
    if kind in ("DBM", "DBN"):
        made = DBM if kind == "DBM" else DBN
        units = [units_from_dict(u) for u in header["layers"]]
        return made.restored(
            units, header["sizes"], {k[7:]: v for k, v in arrays.items() if k[:7] == "params."}
        )
    raise EbmError(f"unknown machine type {kind!r}")


def _pack(what: object) -> tuple[dict[str, Any], Arrays]:
    """Header and arrays of a machine, a network, a state or an estimator."""
    if isinstance(what, Estimator):
        return _pack_estimator(what)
    if isinstance(what, TableModel):
        own, arrays = _pack(what.machine)
        return own | {"table": what.table.to_dict() | {"target": what.target}}, arrays
    state = what if isinstance(what, State) else None
    machine, arrays = _pack_machine(state.machine if state else what)
    header: dict[str, Any] = {"machine": machine}
    if state is not None:
        for name, part in {"chains": state.chains, "memory": state.memory, "watch": state.watch}.items():
            part = expect(part, Part, f"save: {name} of the state", "a part of learning such as Carried()")
            arrays |= {f"{name}/{key}": value for key, value in part.pack().items()}
        header["state"] = {"step": state.step, "key": state.rng.key, "counter": state.rng.counter}
    return header, arrays


def _pack_estimator(estimator: Estimator) -> tuple[dict[str, Any], Arrays]:
    from ebm.estimators.files import described  # scikit-learn, which takes long to load

    table, arrays, parts = described(estimator)
    table["parts"] = {}
    for name, part in parts.items():
        table["parts"][name], arrays_of_part = _pack(part)
        arrays |= {f"{name}/{key}": value for key, value in arrays_of_part.items()}
    return {"estimator": table}, arrays


def _unpack(header: dict[str, Any], arrays: Arrays, version: int) -> Any:
    if "estimator" in header:
        return _unpack_estimator(header["estimator"], arrays, version)
    machine = _unpack_machine(header["machine"], arrays)
    if "table" in header:
        table = header["table"]
        return TableModel(as_machine(machine, "machine"), Table.from_dict(table), target=table["target"])
    if "state" not in header:
        return machine
    if version != FORMAT:
        raise EbmError(
            f"a state of learning in format {version}, of an earlier version of ebm; this one reads format"
            f" {FORMAT}: start the run anew, or take the machine alone (ebm.checkpoint.load_machine)"
        )
    numbers, (_, parts) = header["state"], by_group(arrays)
    return State(
        machine,
        Carried.unpack(parts["chains"]),
        Memory.unpack(parts["memory"]),
        Stream.restore(numbers["key"], numbers["counter"]),
        as_count(numbers["step"], "step", 0),
        Watch.unpack(parts["watch"]),
    )


def _unpack_estimator(header: dict[str, Any], arrays: Arrays, version: int) -> Any:
    from ebm.estimators.files import restored  # as above

    plain, groups = by_group(arrays)
    parts = {}
    for name, table in header["parts"].items():
        if version == FORMAT or "state" not in table:
            parts[name] = _unpack(table, groups[name], version)
        else:
            warnings.warn(
                f"{header['type']}: saved by an earlier version of ebm, whose state of learning is not read:"
                " partial_fit goes on from the machine as it is, with fresh chains and a fresh optimiser",
                stacklevel=5,
            )
    for state in [part for part in parts.values() if isinstance(part, State)]:
        own = [name for name, part in parts.items() if type(part) is type(state.machine)]
        parts |= dict.fromkeys(own, state.machine)  # what partial_fit moves is what predicts
    return restored(header, plain, parts)


def save(path: str | os.PathLike[str], what: Any) -> None:
    """Write a machine, a network, a training `State`, an estimator or a model of a table, atomically.

    Parameters
    ----------
    path : path-like
        By custom ending in .npz.
    what : RBM, ConditionalRBM, BoltzmannMachine, DBM, DBN, Network, State or estimator
        An estimator of `ebm.estimators`.

    Raises
    ------
    EbmError
        Another type.
    OSError
        The file cannot be written; what was there before stays.

    Examples
    --------
    >>> import tempfile, pathlib, ebm
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "machine.npz"
    >>> ebm.save(path, ebm.RBM.random(ebm.Bernoulli(), ebm.Potts(3), 4, 2))
    >>> ebm.load(path)
    RBM(Bernoulli(), Potts(q=3), 4 × 2, float32)
    """
    header, arrays = _pack(what)
    header |= {"format": FORMAT, "arrays": sorted(arrays)}
    text = json.dumps(header, sort_keys=True).encode()
    write_arrays(path, {"header": np.frombuffer(text, np.uint8), **arrays})


def load(path: str | os.PathLike[str]) -> Any:
    """Read what `save` wrote: a machine, a network, a `State`, an estimator or a model of a table.

    Raises
    ------
    EbmError
        The file is missing, truncated, foreign, holds pickles, is of a later format, or holds a state of
        learning in an earlier one: one line. (An estimator of an earlier format is read without it, and a
        warning says so.)
    """
    return _load(path)


def _load(path: str | os.PathLike[str], *, machine_only: bool = False) -> Any:
    arrays = read_arrays(path)
    try:
        header = json.loads(arrays.pop("header").tobytes().decode())
        version = header["format"]
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
        raise EbmError(f"{path}: no ebm header; expected a file written by ebm.save") from None
    if version not in _READ:
        raise EbmError(f"{path}: format {version}; this version of ebm reads format {FORMAT}: update ebm")
    try:
        missing = sorted(set(header["arrays"]) - arrays.keys())
        if missing:
            raise EbmError(f"incomplete: no array {missing[0]!r}; expected a file of ebm.save")
        if machine_only:
            header.pop("state", None)
            header.pop("table", None)
        return _unpack(header, arrays, version)
    except EbmError as error:
        raise EbmError(f"{path}: {error}") from None
    except KeyError as error:
        raise EbmError(f"{path}: incomplete: no {error.args[0]!r}; expected a file of ebm.save") from None
    except (TypeError, ValueError, IndexError, AttributeError, RecursionError, OverflowError):
        raise EbmError(
            f"{path}: incomplete or changed: its header does not fit; expected a file of ebm.save"
        ) from None


def load_machine(path: str | os.PathLike[str]) -> RBM | ConditionalRBM | BoltzmannMachine | DBM:
    """The machine in a file: the one saved, or the one of a training `State` or of a table.

    Parameters
    ----------
    path : str
        A file of `ebm.save`, such as runs/digits/model.npz.

    Raises
    ------
    EbmError
        As `load`; or the file holds a network.
    """
    machine = _load(path, machine_only=True)
    if not isinstance(machine, (RBM, ConditionalRBM, BoltzmannMachine, DBM)):
        expected = "expected an RBM, a ConditionalRBM, a DBM or a BoltzmannMachine"
        raise EbmError(f"{path}: a {type(machine).__name__}; {expected}")
    return machine
