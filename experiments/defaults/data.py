"""Real tables with classes: scikit-learn's own, and those of ../shared/data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["TABLES", "table"]

Table = tuple[NDArray[np.float64], NDArray[np.int64]]

_SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
_ROWS = 1500  # of a table that has more: a random part


def _binned(y: NDArray[np.float64]) -> NDArray[np.int64]:
    """Thirds of a target."""
    return np.digitize(y, np.quantile(y, (1 / 3, 2 / 3)))


def _of_sklearn(name: str, bins: bool = False) -> Table:
    from sklearn import datasets

    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    return X, _binned(y) if bins else y


def _pixels(name: str) -> Table:
    with np.load(_SHARED / f"{name}.npz") as file:
        return file["X_train"], file["y_train"]


def _bits(name: str, column: int) -> Table:
    """A table of bits; a column of it is the class."""
    with np.load(_SHARED / "debd.npz") as file:
        x = np.unpackbits(file[f"{name}_train"], axis=1)[:, : int(file[f"{name}_d"])]
    return np.delete(x, column, 1), x[:, column]


def _genes() -> Table:
    with np.load(_SHARED / "genes_1kg_805snp.npz") as file:
        x = np.unpackbits(file["X_packed"], axis=1)[:, : int(file["n_features"])]
    column = 437  # half of the haplotypes have it
    near = np.arange(column - 100, column + 100)
    return x[:, near[near != column]], x[:, column]


def _protein() -> Table:
    """Sites of a domain, one-hot; the class is whether its most variable site has its commonest residue."""
    with np.load(_SHARED / "proteins.npz") as file:
        x = file["WW"]
    variety = [len(np.unique(c)) for c in x.T]
    column = int(np.argmax(variety))
    residue = np.bincount(x[:, column]).argmax()
    sites = np.delete(x, column, 1)
    return np.eye(21)[sites].reshape(len(x), -1), (x[:, column] == residue).astype(np.int64)


def _prostate() -> Table:
    with np.load(_SHARED / "prostate.npz") as file:
        return file["X"], _binned(file["y"])


TABLES: dict[str, Callable[[], Table]] = {
    "iris": lambda: _of_sklearn("iris"),
    "wine": lambda: _of_sklearn("wine"),
    "breast cancer": lambda: _of_sklearn("breast_cancer"),
    "digits": lambda: _of_sklearn("digits"),
    "diabetes, thirds": lambda: _of_sklearn("diabetes", bins=True),
    "prostate, thirds": _prostate,
    "optdigits": lambda: _pixels("optdigits"),
    "usps": lambda: _pixels("usps"),
    "mnist": lambda: _pixels("mnist"),
    "nltcs": lambda: _bits("nltcs", 3),
    "plants": lambda: _bits("plants", 7),
    "mushrooms": lambda: _bits("mushrooms", 103),
    "dna": lambda: _bits("dna", 84),
    "genes": _genes,
    "WW domains": _protein,
}


def table(name: str) -> Table:
    """Rows and classes, at most 1500 rows."""
    X, y = TABLES[name]()
    rows = np.random.default_rng(0).permutation(len(X))[:_ROWS]
    return np.asarray(X[rows], np.float64), np.asarray(y[rows]).astype(np.int64)
