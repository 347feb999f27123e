"""Runs of tables: scores in the user's units, the schema in the model's file, and a column predicted."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ebm.datasets import Data
from ebm.experiment.work import Model, Work
from ebm.machine import Array, as_machine
from ebm.table import TableModel
from ebm.table.columns import Real
from ebm.table.data import TableData

__all__ = ["in_users_units", "kept", "predicted", "told", "whole_rows"]


def in_users_units(data: Data | None, rows: Array, log_p: Array) -> Array:
    """Log-densities of rows as those of what the user has: of standardised columns, of these as they were."""
    return log_p - data.log_scale(rows) if isinstance(data, TableData) else log_p


def kept(machine: Model, data: Data | None) -> Any:
    """What a run's model file holds: the machine, of a table with its schema."""
    if not isinstance(data, TableData):
        return machine
    return TableModel(as_machine(machine, "machine"), data.table, target=data.target)


def told(work: Work) -> None:
    """Say what the columns of a table were taken for."""
    if isinstance(work.data, TableData):
        for line in str(work.data.table).splitlines():
            work.report.line(line)


def whole_rows(rows: Array) -> Array:
    """Rows without gaps."""
    return rows if rows.dtype.kind != "f" else rows[~np.isnan(rows).any(1)]


def predicted(work: Work) -> None:
    """The target of a table, from the other columns of the held-out rows."""
    data = work.rows
    if not isinstance(data, TableData) or data.target is None:
        return
    i, column = data.table.unit(data.target), data.table.column(data.target)
    known = data.test[~np.isnan(data.test[:, i])]
    truth = data.table.decode(known)
    guess = kept(work.machine, data).predict(truth, data.target)
    true = np.asarray(truth[data.target])
    name = f"p({data.target} | the others)"
    what = f"{'training' if work.heldout is None else 'held-out'} error"
    if isinstance(column, Real) or column.kind == "count":
        error = math.sqrt(float(np.square(guess - true).mean()))
        units = f"root mean square, units of {data.target}"
        work.report.row(f"{what}, mean of {name}", error, units, digits=4)
    else:
        error = float((guess != true).mean())
        stderr = math.sqrt(error * (1 - error) / len(true))
        likeliest = f"{what}, the likeliest of {name}"
        work.report.row(likeliest, 100 * error, "% of rows", 100 * stderr, digits=2)
    work.summary.setdefault("heldout_error", {})[name] = error
