"""A config that fits a file of rows: kind of units, sizes, rates and epochs that work, and why.

What it proposes has been tried on the tables of experiments/new, each against independent columns and, of
bits, a Chow-Liu tree.
"""

from __future__ import annotations

import math
from typing import Any, Literal, TypeAlias

import numpy as np

from ebm.datasets import File
from ebm.datasets.reading import read_table
from ebm.errors import EbmError
from ebm.experiment.calls import written
from ebm.optimisers import Linear
from ebm.rbm import RBM
from ebm.table.cells import columns_of
from ebm.table.data import Table as TableFile
from ebm.training.pace import steady
from ebm.units import Gaussian

__all__ = ["Kind", "propose"]

Kind: TypeAlias = Literal["auto", "bernoulli", "ising", "gaussian", "potts"]
_UPDATES = 4000  # of learning
_SYMBOLS = 32  # up to which whole numbers are categories
_CLASSES = 100  # up to which whole numbers are classes
_EXACT = 16  # hidden units whose states are summed at every look


def propose(
    path: str, *, key: str | None = None, labels: str | int | None = None, kind: Kind = "auto"
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """The tables of a config for the rows of a file, and a paragraph for each choice.

    Parameters
    ----------
    path, key, labels
        As of `File`.
    kind : {"auto", "bernoulli", "ising", "gaussian", "potts"}
        What the numbers are; found in the numbers when left out.

    Raises
    ------
    EbmError
        Whatever is wrong with the file.
    """
    if kind == "auto" and key is None and _of_several_kinds(path):
        return _of_table(path, labels)
    table, y = read_table(path, key, labels, numbers=True)
    kind, said = _kind(table.values, kind)
    data: dict[str, Any] = {"type": "File", "path": path, "kind": kind}
    given = {"key": key, "labels": labels}
    data |= {name: value for name, value in given.items() if value is not None}
    if kind == "gaussian":
        data["standardise"] = True
    if y is not None and not _are_classes(y):
        data |= {"numbers": True, "standardise": True}
    rows = File(**{name: value for name, value in data.items() if name != "type"}).load().train
    n = len(rows)
    batch = min(100, max(10, n // 20))
    updates = _UPDATES * (4 if kind == "gaussian" else 1)
    epochs = min(2000, max(10, math.ceil(updates / math.ceil(n / batch))))
    tables = {"data": data} | _learning(rows, kind, batch, epochs)
    if y is not None:
        tables["readout"] = {
            "epochs": 100, "batch_size": min(50, batch),
            "optimiser": {"type": "Adam", "rate": _falling(0.02, 100)},
            "penalties": [{"type": "L2", "strength": 1e-3}],
        }  # fmt: skip
    return tables | {"sample": {"n": 500}, "plots": {}}, said


def _of_several_kinds(path: str) -> bool:
    """Whether a text file has names, and cells that are no numbers."""
    try:
        cells = columns_of(path)
    except EbmError:  # what is wrong with the file, reading it as numbers says
        return False
    return any(own.kind != "numbers" or own.gaps.any() for own in cells.values())


def _of_table(path: str, labels: str | int | None) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Tables of a config for columns of several kinds."""
    if isinstance(labels, int):
        raise EbmError(f"{path}: its columns have names; expected one of them as the labels, got {labels}")
    data: dict[str, Any] = {"type": "Table", "path": path} | ({"target": labels} if labels else {})
    loaded = TableFile(path, target=labels).load()
    said = [
        "Columns are of several kinds, which a Table is for; what is not said of them in types is guessed:"
    ]
    said += [f"  {line}" for line in str(loaded.table).splitlines()]
    rows = loaded.train
    n, d = len(rows), rows.shape[1]
    batch = min(100, max(10, n // 20))
    epochs = min(2000, max(10, math.ceil(4 * _UPDATES / math.ceil(n / batch))))
    machine = {"type": "RBM", "n_hidden": min(max(d, 4), _EXACT - 4), "spread": 1.0}
    whole = rows[~np.isnan(rows).any(1)]
    rate: dict[str, Any] = {"type": "SGD", "rate": _falling(0.01, epochs)}
    if len(whole):
        start = RBM.from_data(whole, machine["n_hidden"], visible=loaded.table.units, spread=1.0)
        rate = written(steady(start, whole, 0.05, schedule=lambda rate: Linear(rate, 0.0, epochs)))
    train: dict[str, Any] = {"epochs": epochs, "batch_size": batch, "evaluate_every": max(1, epochs // 20)}
    train |= {"log_likelihood": "exact"}
    train["stopping"] = {"type": "EarlyStopping", "patience": 5, "score": "log_likelihood"}
    rule = {"type": "PCD", "n_chains": 100, "centred": True}
    tables = {"data": data, "machine": machine, "rule": rule, "optimiser": rate, "train": train}
    return tables | {"log_z": {"method": "exact"}, "sample": {"n": 500}, "plots": {}}, said


def _kind(x: np.ndarray, kind: Kind) -> tuple[Kind, list[str]]:
    """What the numbers are, and a paragraph that says why."""
    values = np.unique(x)
    ends = f"{values[0]:g} to {values[-1]:g}"
    whole = bool((values == np.floor(values)).all()) and values[0] >= 0
    if kind != "auto":
        return kind, [f"The numbers, {ends}, are taken as {kind}, as asked for."]
    if np.isin(values, (0, 1)).all():
        return "bernoulli", ["All numbers are 0 or 1: units are Bernoulli, bits."]
    if np.isin(values, (-1, 1)).all():
        return "ising", ["All numbers are -1 or +1: units are Ising, spins."]
    if whole and values[-1] < _SYMBOLS:
        return "potts", [
            f"All numbers are whole, {ends}: units are Potts, categories without an order. For quantities use"
            ' kind = "gaussian" with standardise = true (ebm new --kind gaussian).'
        ]
    return "gaussian", [
        f"The numbers, {ends}, are taken as real: units are Gaussian with learnt variances, columns are"
        " standardised by the training rows, log-likelihoods those of standardised rows. For bits, value >="
        ' t: threshold = t and kind = "bernoulli".'
    ]


def _are_classes(y: np.ndarray) -> bool:
    return bool((y == np.floor(y)).all()) and y.min() >= 0 and y.max() < _CLASSES


def _falling(rate: float, epochs: int) -> dict[str, Any]:
    return {"type": "Linear", "start": rate, "stop": 0.0, "epochs": epochs}


def _learning(rows: np.ndarray, kind: Kind, batch: int, epochs: int) -> dict[str, dict[str, Any]]:
    """The machine, and how it learns."""
    d = rows.shape[1]
    every = max(1, epochs // 20)
    machine: dict[str, Any] = {"type": "RBM", "n_hidden": min(max(d, 8), 128)}
    train: dict[str, Any] = {"epochs": epochs, "batch_size": batch, "evaluate_every": every}
    rule = {"type": "PCD", "n_chains": 100, "centred": True}
    if kind == "gaussian":
        units = Gaussian(learn_precision=True)
        machine |= {"n_hidden": min(2 * d, _EXACT), "visible": written(units), "spread": 1.0}
        start = RBM.from_data(rows, machine["n_hidden"], visible=units, spread=1.0)
        optimiser = written(steady(start, rows, 0.05, schedule=lambda rate: Linear(rate, 0.0, epochs)))
    else:
        optimiser = {"type": "SGD", "rate": _falling(0.2, epochs)}
        train["penalties"] = [{"type": "L2", "strength": 1e-3}]
    exact = machine["n_hidden"] <= _EXACT
    train["stopping"] = {"type": "EarlyStopping", "patience": 5}
    if exact:
        train["log_likelihood"] = "exact"
        train["stopping"]["score"] = "log_likelihood"
    log_z = {"method": "exact"} if exact else {"method": "ais", "n_temperatures": 3000, "n_chains": 100}
    return {"machine": machine, "rule": rule, "optimiser": optimiser, "train": train, "log_z": log_z}
