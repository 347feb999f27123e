"""The user's own data as a data table: read, cut at a threshold, checked and split."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from ebm.datasets.reading import Table, first_cell, read_table
from ebm.datasets.tables import Data, Fold, Fraction, Seed, split_rows
from ebm.errors import EbmError, settings

__all__ = ["File"]

Finite = Annotated[float, Field(allow_inf_nan=False)]

EXPECTED = {
    "auto": "values in [0, 1], or only -1 and +1",
    "bernoulli": "values in [0, 1]",
    "ising": "only -1 and +1",
    "gaussian": "real numbers",
    "potts": "integers 0, 1, 2, ...",
}


def _valid(kind: str, x: np.ndarray) -> np.ndarray:
    """Return the mask of the values that a kind of unit admits."""
    if kind == "bernoulli":
        return (x >= 0) & (x <= 1)
    if kind == "ising":
        return (x == 1) | (x == -1)
    if kind == "potts":
        return (x >= 0) & (x == np.floor(x)) & (x < 2**31)
    return np.ones(x.shape, bool)


def _kind(table: Table, kind: str) -> str:
    """Return the kind of the values, found (``auto``) or checked."""
    x = table.values
    if table.alphabet is not None and kind == "auto":
        return "potts"
    for choice in ("bernoulli", "ising") if kind == "auto" else (kind,):
        if _valid(choice, x).all():
            return choice
    bad = ~_valid("bernoulli" if kind == "auto" else kind, x)
    if kind == "auto" and (bad & (x != -1)).any():
        bad &= x != -1  # among spins, the odd value is the one to show
    at = first_cell(bad)
    others = "".join(f" or kind = {k!r}" for k in ("gaussian", "potts") if k != kind)
    raise EbmError(
        f"{table.path}: {table.where(*at)}: found {float(x[at]):g}, and values from {float(x.min()):g} "
        f"to {float(x.max()):g}; expected {EXPECTED[kind]}: choose threshold = t (bits: value >= t){others}"
    )


def _standardised(x: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Numbers less the means of the training rows, over their standard deviations; of a constant, 0."""
    deviations = x[train].std(0)
    return (x - x[train].mean(0)) / np.where(deviations > 0, deviations, 1.0)


@settings
class File:
    """Your own data, from a .npy, .npz, .csv or FASTA file.

    Parameters
    ----------
    path : str
        The file; ``~`` is the home directory. A .csv may begin with a line of names.
    key : str, optional
        The array in a .npz; by default ``X`` or ``x``, else the only 2-D one.
    labels : str or int, optional
        Where the labels are, integers: the name of a .csv column, another array of a .npz, or the index of a
        column (from 0; -1 is the last). A column of labels is no part of the data.
    numbers : bool
        The labels are real numbers, to be predicted by regression, and not classes.
    threshold : float, optional
        Make bits, ``value >= threshold`` (for ``kind="ising"``, -1 and +1); by default values stay.
    kind : {"auto", "bernoulli", "ising", "gaussian", "potts"}
        What the numbers are, see `Data`. ``auto`` takes values in [0, 1] as bernoulli, only -1 and +1 as
        ising, those of an alignment as potts, and refuses the rest: whether 0..255 are symbols, real numbers
        or grey values to cut is not for us to guess.
    standardise : bool
        Real numbers, those of ``kind="gaussian"`` and labels that are `numbers`, are taken less the mean of
        the training rows, over their standard deviation; a machine learnt from them is one of rows in these
        units, and scores rows as they were wrongly: a `Table` as data keeps the units in the model's file.
    test : float
        Fraction of test rows, in (0, 1).
    seed : int
        Of the split; it is stratified by label where there are labels and rows enough.
    fold : str, optional
        "i:k": test rows are the i-th of k parts, from 0, instead of a fraction: cross-validation.
    image_shape : [height, width], optional
        To draw rows as images.
    delimiter : str, optional
        Between the cells of a .csv; by default that of its first lines, see `read_array`.

    Raises
    ------
    EbmError
        For a setting of wrong type or range; by `load`, for what `read_array` refuses, labels that are no
        integers, values that are not of the kind, a single row, or an image shape of another size.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(folder + "/a.npy", np.tile([[1, -1, 1]], (10, 1)))
    ...     data = File(folder + "/a.npy").load()
    >>> data.kind, data.train.shape, data.test.shape
    ('ising', (8, 3), (2, 3))
    """

    path: str
    key: str | None = None
    labels: str | int | None = None
    numbers: bool = False
    threshold: Finite | None = None
    kind: Literal["auto", "bernoulli", "ising", "gaussian", "potts"] = "auto"
    standardise: bool = False
    test: Fraction = 0.2
    seed: Seed = 0
    fold: Fold = None
    image_shape: list[int] | tuple[int, ...] | None = None
    delimiter: Annotated[str, Field(pattern=r'^[^"\r\n]$')] | None = None

    def load(self) -> Data:
        """Return the split rows: float32, or int64 symbols for ``kind="potts"``."""
        table, y = read_table(self.path, self.key, self.labels, self.delimiter, self.numbers)
        n, d = table.values.shape
        if n < 2:
            raise EbmError(f"{self.path}: one row cannot be split into train and test; expected at least two")
        shape = self._image_shape(d)
        if self.threshold is not None:
            bits = (table.values >= self.threshold).astype(np.float32)
            table = dataclasses.replace(table, values=2 * bits - 1 if self.kind == "ising" else bits)
        kind = _kind(table, self.kind)
        x = table.values.astype(np.int64 if kind == "potts" else np.float32)
        train, test = split_rows(n, self.test, self.seed, None if self.numbers else y, self.path, self.fold)
        if self.standardise:
            if kind != "gaussian" and (y is None or not self.numbers):
                raise EbmError(f"{self.path}: standardise is for real numbers; found {kind} values")
            x = _standardised(table.values, train).astype(np.float32) if kind == "gaussian" else x
            y = _standardised(y, train) if y is not None and self.numbers else y
        y_train, y_test = (None, None) if y is None else (y[train], y[test])
        n_states = len(table.alphabet or range(int(x.max()) + 1)) if kind == "potts" else None
        return Data(x[train], x[test], y_train, y_test, kind, n_states, shape, Path(self.path).name)

    def _image_shape(self, d: int) -> tuple[int, int] | None:
        shape = self.image_shape
        if shape is None:
            return None
        if len(shape) != 2 or min(shape) < 1 or shape[0] * shape[1] != d:
            expected = f"expected image_shape = [h, w] with h·w = {d}"
            raise EbmError(f"{self.path}: rows have {d} values; {expected}, got {list(shape)}")
        return shape[0], shape[1]
