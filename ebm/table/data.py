"""A user's table as the data of a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ebm.datasets import Data
from ebm.datasets.tables import Fold, Fraction, Seed, split_rows
from ebm.errors import EbmError, settings
from ebm.table.cells import GAPS
from ebm.table.schema import Table as Schema

__all__ = ["Table", "TableData"]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class TableData(Data):
    """Rows of units that stand for the rows of a table.

    Parameters
    ----------
    table : Table
        The schema.
    target : str or None
        The column that is to be predicted from the others.
    """

    table: Schema
    target: str | None = None

    def log_scale(self, rows: np.ndarray) -> np.ndarray:
        """What makes log-densities of rows those of the user's units, nats, (n,)."""
        return self.table.log_scale(rows)


@settings
class Table:
    """Your own table, of columns of several kinds, from a text file that begins with a line of names.

    Log-likelihoods of a run are those of rows in the user's units, and the model that it keeps answers in the
    user's columns.

    Parameters
    ----------
    path : str
        The file; ``~`` is the home directory.
    types : dict, optional
        What columns are, by their names, as of `Table.from_frame`: "binary", "categorical", "ordered",
        "real", "count", "constant", "skip", a list of labels in their order, or a table with settings; the
        others are guessed, and the run says what was.
    target : str, optional
        A column that is predicted from the others for the held-out rows; all are learnt alike.
    unseen : {"refuse", "other"}
        What labels are that the file has not: refused, or a state of their own.
    missing : list of str and number, optional
        What stands for gaps; the usual words when left out.
    test : float
        Fraction of test rows, in (0, 1).
    seed : int
        Of the split; it is stratified by the target where that has labels.
    fold : str, optional
        "i:k": test rows are the i-th of k parts, from 0, instead of a fraction: cross-validation.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "a.csv")
    ...     _ = file.write_text("ill,fever\\nyes,39.5\\nno,37\\nno,36.5\\nyes,40\\n")
    ...     data = Table(str(file), test=0.5).load()
    >>> data.table
    Table(ill: binary, fever: real)
    >>> data.train.shape
    (2, 2)
    """

    path: str
    types: dict[str, object] | None = None
    target: str | None = None
    unseen: Literal["refuse", "other"] = "refuse"
    missing: list[str | int | float] | None = None
    test: Fraction = 0.2
    seed: Seed = 0
    fold: Fold = None

    def load(self) -> TableData:
        """Return the split rows, float32, with the schema that they are encoded by."""
        missing = GAPS if self.missing is None else self.missing
        table = Schema.from_frame(self.path, self.types, unseen=self.unseen, missing=missing)
        rows = table.encode(self.path)
        if len(rows) < 2:
            raise EbmError(f"{self.path}: one row cannot be split into train and test; expected at least two")
        labels: Any = None
        if self.target is not None:
            i = table.unit(self.target)
            units = table.by_unit()[i].units
            if units is not None and units.finite and not np.isnan(rows[:, i]).any():
                labels = rows[:, i].astype(np.int64)
        train, test = split_rows(len(rows), self.test, self.seed, labels, self.path, self.fold)
        x = rows.astype(np.float32)
        name = Path(self.path).name
        return TableData(x[train], x[test], kind="table", name=name, table=table, target=self.target)
