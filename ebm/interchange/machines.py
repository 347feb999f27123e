"""The machine in what a file holds, whatever wrote it, and what can be said of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from ebm.boltzmann import BoltzmannMachine
from ebm.deep import DBM, DBN
from ebm.errors import EbmError, expect
from ebm.interchange import formats, read, recognised
from ebm.machine import Machine
from ebm.network import Network
from ebm.rbm import RBM, ConditionalRBM
from ebm.table import TableModel
from ebm.training import State
from ebm.units import Units

__all__ = ["Described", "described_file", "machine_in", "read_machine"]

_RBMS = (RBM, ConditionalRBM)


@runtime_checkable
class Fitted(Protocol):
    """An estimator that has learnt a machine."""

    machine_: Any


@runtime_checkable
class HoldsMachine(Protocol):
    """A machine with what a format says beside it, such as the names of its units."""

    machine: Any


def machine_in(found: object, where: str | os.PathLike[str]) -> Machine:
    """The machine in what was read: itself, that of a state, a table or an estimator; of a stack its top.

    Raises
    ------
    EbmError
        There is none.
    """
    if isinstance(found, DBN):
        found = found.top
    elif isinstance(found, Fitted):  # first: what is called machine in one is the name of a kind
        found = found.machine_
    elif isinstance(found, (TableModel, State, HoldsMachine)):
        found = found.machine
    if not isinstance(found, Machine):
        raise EbmError(
            f"{where}: a {type(found).__name__}; expected a machine, a stack or an estimator of one"
        )
    return found


def read_machine(
    path: str, format: str | None = None, options: dict[str, Any] | None = None
) -> RBM | ConditionalRBM | BoltzmannMachine | DBM:
    """The machine in a file of any of the formats that are known.

    Parameters
    ----------
    path : str
        A file of ebm or of another program, such as model.h5.
    format : str
        One of `ebm.interchange.formats`; found by the file's content when left out.
    options : table
        Of that format, such as { update = 1000 }.

    Raises
    ------
    EbmError
        As `ebm.interchange.read`; or the file holds no machine.
    """
    options = {} if options is None else expect(options, dict, "options", "a table of the format's options")
    found = machine_in(read(path, format, **options), path)
    if not isinstance(found, (RBM, ConditionalRBM, BoltzmannMachine, DBM)):
        raise EbmError(f"{path}: a {type(found).__name__}; expected an RBM, a DBM or a BoltzmannMachine")
    return found


class Described(NamedTuple):
    """What a file is.

    Attributes
    ----------
    facts : dict of str
        What holds of the whole: format, type, sizes, units, energy, provenance.
    arrays : dict of dict
        Of each array of parameters its shape, and mean, standard deviation, least and largest of its numbers.
    """

    facts: dict[str, str]
    arrays: dict[str, dict[str, Any]]


def described_file(path: str | os.PathLike[str], format: str | None = None, **options: Any) -> Described:
    """Say what a file of any of the formats is: type, sizes, units, energy, numbers, provenance.

    Examples
    --------
    >>> import tempfile, pathlib, ebm
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "machine.npz"
    >>> ebm.save(path, ebm.RBM.random(ebm.Bernoulli(), ebm.Potts(3), 4, 2))
    >>> described_file(path).facts["hidden"]
    '2 units, Potts(q=3)'
    """
    found = read(path, format, **options)
    entry = recognised(path) if format is None else formats()[format]
    told: Mapping[str, object] = {} if entry.facts is None else entry.facts(Path(path))
    facts = {"file": f"{path} ({os.path.getsize(path)} bytes)", "format": f"{entry.name}: {entry.title}"}
    model = found if isinstance(found, (Network, DBN)) else machine_in(found, path)
    facts["type"] = type(model).__name__ if model is found else f"{type(found).__name__} of {model!r}"
    facts |= _sizes(model)
    params = model.params
    facts["parameters"] = f"{sum(np.size(a) for a in params.values())}, {next(iter(params.values())).dtype}"
    if entry.energy:
        facts["energy"] = entry.energy
    facts |= {key: str(value) for key, value in told.items()}
    return Described(facts, {name: _numbers(np.asarray(a)) for name, a in params.items()})


def _sizes(model: Any) -> dict[str, str]:
    """Units and how many, layer by layer."""
    if isinstance(model, _RBMS):
        return {
            "visible": _layer(model.visible, model.n_visible),
            "hidden": _layer(model.hidden, model.n_hidden),
        }
    if isinstance(model, (DBM, DBN)):
        pairs = zip(model.layer_units, model.sizes, strict=True)
        return {f"layer {k}": _layer(units, n) for k, (units, n) in enumerate(pairs)}
    if isinstance(model, BoltzmannMachine):
        n = model.n_units
        hidden = f", {n - model.n_visible} of them hidden" if n > model.n_visible else ""
        stored = "sparse" if model.sparse else "dense"
        return {
            "units": _layer(model.units, n) + hidden,
            "couplings": f"{np.count_nonzero(model.params['J']) // 2} that are not 0, {stored}",
        }
    if isinstance(model, Network):
        return {f"layer {k + 1}": repr(layer.units) for k, layer in enumerate(model.layers())}
    return {}


def _layer(units: Units, n: int) -> str:
    return f"{n} unit{'s' * (n != 1)}, {units!r}"


def _numbers(values: np.ndarray) -> dict[str, Any]:
    """Shape, mean, standard deviation, ends, and the share of zeros."""
    found: dict[str, Any] = {"shape": " x ".join(map(str, values.shape)) or "1"}
    if values.size:
        wide = values.astype(np.float64, copy=False)
        found |= {"mean": float(wide.mean()), "std": float(wide.std())}
        found |= {"min": float(wide.min()), "max": float(wide.max()), "zeros": float((wide == 0).mean())}
    return found
