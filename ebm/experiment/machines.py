"""The machines that a config may name: constructors, and what a run gives them of its data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from ebm.boltzmann import BoltzmannMachine
from ebm.checkpoint import load_machine
from ebm.datasets import Data, lattice, random_regular, sk
from ebm.deep import DBM, DBN
from ebm.experiment.calls import Call, Table
from ebm.experiment.work import Model
from ebm.interchange.machines import read_machine
from ebm.rbm import RBM
from ebm.table.data import TableData
from ebm.units import Gaussian, Ising, Mixed, Potts, Units
from ebm.units.tables import units_from_dict

__all__ = ["MACHINES", "make_machine"]

_OF_DATA = {"visible": None}  # units are those of the data where the table names none


@dataclass(frozen=True)
class MachineTable(Table):
    """A constructor's table; `make` calls it, with data if `of_data`."""

    make: Callable[[Call, Any], Model] = lambda call, data: call()  # Data, which some do without
    of_data: bool = True


def _units(call: Call, data: Data) -> Units:
    """The visible units of a table, else those of the data."""
    if call.arguments.get("visible") is not None:
        return call.arguments["visible"]
    if isinstance(data, TableData):
        return data.table.units
    return units_from_dict({"type": data.kind.capitalize()} | ({"q": data.n_states} if data.n_states else {}))


def _from_data(call: Call, data: Data) -> Model:
    return call(data.train, visible=_units(call, data))


def _with_label(call: Call, data: Data) -> Model:
    """The label is the last visible unit: Potts for classes, Gaussian for numbers."""
    rows = data.labelled().train
    label = Gaussian() if data.classes is None else Potts(data.classes)
    return call(rows, visible=Mixed(((_units(call, data), rows.shape[1] - 1), (label, 1))))


def _unlearnt(call: Call, data: Data) -> Model:
    """A network of these sizes, float32 as `DBN.greedy` makes it; the run's learning fills it."""
    hidden, sizes = call.arguments["hidden"], call.arguments["sizes"]
    units = pairwise([_units(call, data), *[hidden] * len(sizes)])
    counts = pairwise([data.train.shape[1], *sizes])
    return DBN([RBM.random(*u, *n, dtype=np.float32) for u, n in zip(units, counts, strict=True)])


def _of_couplings(call: Call, data: Data | None) -> Model:
    return BoltzmannMachine(Ising(), call())


def _couplings(function: Callable[..., object]) -> MachineTable:
    return MachineTable(function, make=_of_couplings, of_data=False)


_BY_RUN = ("rule", "optimiser", "epochs", "batch_size", "penalties", "seed", "learnt", "progress", "each")
MACHINES: dict[str, MachineTable] = {
    "RBM": MachineTable(RBM.from_data, ("data",), _OF_DATA, _from_data),
    "LabelledRBM": MachineTable(RBM.from_data, ("data", "visible"), {}, _with_label),
    "DBM": MachineTable(DBM.from_data, ("data",), _OF_DATA, _from_data),
    "DBN": MachineTable(DBN.greedy, ("data", *_BY_RUN), _OF_DATA, _unlearnt),
    "BoltzmannMachine": MachineTable(
        BoltzmannMachine.random, ("units", "n_visible"), {},
        lambda call, data: call(_units(call, data), data.train.shape[1]),
    ),
    "SK": _couplings(sk),
    "Lattice": _couplings(lattice),
    "RandomRegular": _couplings(random_regular),
    "Saved": MachineTable(load_machine, of_data=False),
    "File": MachineTable(read_machine, of_data=False),
}  # fmt: skip


def make_machine(call: Call, data: Data | None) -> Model:
    """The machine of a [machine] table, before training."""
    return MACHINES[call.name].make(call, data)
