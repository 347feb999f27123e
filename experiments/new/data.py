"""Real tables, each as rows for a user's file and rows that nothing of a run sees."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

__all__ = ["TABLES"]

SHARED = Path(__file__).parents[3] / "shared" / "data"
Parts = tuple[np.ndarray, np.ndarray]


def _fifth_apart(rows: np.ndarray) -> Parts:
    order, cut = np.random.default_rng(0).permutation(len(rows)), len(rows) // 5
    return rows[order[cut:]], rows[order[:cut]]


def _of_sklearn(name: str) -> np.ndarray:
    from sklearn import datasets

    load: Callable[[], dict[str, np.ndarray]] = vars(datasets)[f"load_{name}"]
    return load()["data"]


def _shared(name: str) -> dict[str, np.ndarray]:
    return dict(np.load(SHARED / f"{name}.npz", allow_pickle=False))


def _bits(name: str) -> Parts:
    """One of the binary tables that densities are compared on, with its own test rows."""
    found = _shared("debd")
    d = int(found[f"{name}_d"])
    train, test = (np.unpackbits(found[f"{name}_{part}"], axis=1)[:, :d] for part in ("train", "test"))
    return train, test


TABLES: dict[str, Callable[[], Parts]] = {
    "digits, pixels >= 8": lambda: _fifth_apart((_of_sklearn("digits") >= 8).astype(int)),
    "nltcs": lambda: _bits("nltcs"),
    "plants": lambda: _bits("plants"),
    "jester": lambda: _bits("jester"),
    "Ising chain in a field, spins": lambda: _fifth_apart(
        2 * _shared("qucumber_quantum")["tfim_samples"].astype(int) - 1
    ),
    "WW domains, 5000 rows": lambda: _fifth_apart(_shared("proteins")["WW"][:5000]),
    "iris": lambda: _fifth_apart(_of_sklearn("iris")),
    "wine": lambda: _fifth_apart(_of_sklearn("wine")),
    "breast cancer": lambda: _fifth_apart(_of_sklearn("breast_cancer")),
    "diabetes": lambda: _fifth_apart(_of_sklearn("diabetes")),
    "prostate": lambda: _fifth_apart(_shared("prostate")["X"]),
}
