"""Missing cells predicted: nats per missing bit, beside neighbours, regressions and the pairwise machine.

    python -m experiments.tables.imputation [--only nltcs plants jester]

First 4000 training and 600 test rows; 30 % of the test cells are missing at random (generator 0). Machines
learn from whole training rows, as the others do; "with gaps" from rows of which 30 % are missing too.
Calibration: cells in ten bins of the predicted probability, the deviation of the part that is 1 from the mean
prediction, in standard errors. The missing cells of a row hang together (one hidden cause moves twenty of
them), so rows, not cells, are what is independent: the variance of a bin's sum of (bit − p) is the sum over
rows of the square of the row's own sum. Binomial errors, which take cells as independent, stand beside.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer

import ebm
from experiments.likelihood.data import debd
from experiments.likelihood.recipe import Recipe, learn

RECIPES = {
    "nltcs": Recipe(100, 0.4, 150, l1=2e-4),
    "plants": Recipe(100, 0.3, 60, l2=5e-4 / 3),  # of that and 5e-4, by the validation rows
    "jester": Recipe(100, 0.3, 60, l2=2e-3 / 3),  # of that and 2e-3
}
_HEAD = (
    "| set | missing bits | method | nats per missing bit | worst of 10 bins, errors (rows) "
    "| errors (cells) | largest deviation | seconds |"
)


class Scores(NamedTuple):
    """Mean −log p of the missing bits, and the largest deviation of a bin in three units."""

    nats: float
    rows: float
    cells: float
    deviation: float


def scored(p: np.ndarray, truth: np.ndarray, gaps: np.ndarray) -> Scores:
    """How good and how calibrated the predictions of the missing bits are."""
    row = np.nonzero(gaps)[0]
    p, bit = np.clip(p[gaps], 1e-3, 1 - 1e-3), truth[gaps]
    nats = -np.where(bit == 1, np.log(p), np.log1p(-p)).mean()
    bins = np.minimum((10 * p).astype(int), 9)
    found = []
    for k in np.unique(bins):
        own = bins == k
        off = bit[own] - p[own]
        of_rows = np.sqrt((np.bincount(row[own], off) ** 2).sum())
        of_cells = np.sqrt((p[own] * (1 - p[own])).sum())
        total = abs(off.sum())
        found.append((total / of_rows, total / of_cells, total / own.sum()))
    return Scores(float(nats), *(float(x) for x in np.max(found, axis=0)))


def filled(imputer: Any, train: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """What one of scikit-learn's says."""
    return imputer.fit(train).transform(rows)


def by_rbm(name: str, train: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """What the RBM of a set says."""
    return ebm.impute(learn(RECIPES[name], train), rows).probabilities[:, :, 1]


def by_pairs(train: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """What the pairwise machine of exact maximum likelihood says."""
    found = ebm.inverse.infer(train, ebm.Bernoulli(), method="maximum_likelihood")
    return ebm.impute(found.machine, rows).probabilities[:, :, 1]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=list(RECIPES), default=list(RECIPES))
    chosen = parser.parse_args()
    print(_HEAD + "\n|---|---|---|---|---|---|")
    for name in chosen.only:
        parts = debd(name)
        train, test = parts["train"][:4000], parts["test"][:600]
        gaps = np.random.default_rng(0).random(test.shape) < 0.3
        rows = np.where(gaps, np.nan, test)
        lacking = np.where(np.random.default_rng(1).random(train.shape) < 0.3, np.nan, train).astype(
            np.float32
        )

        methods: dict[str, Callable[[], np.ndarray]] = {
            "KNNImputer(20)": partial(filled, KNNImputer(n_neighbors=20), train, rows),
            "IterativeImputer": partial(filled, IterativeImputer(random_state=0), train, rows),
            "RBM": partial(by_rbm, name, train, rows),
            "RBM, training rows with gaps": partial(by_rbm, name, lacking, rows),
        }
        if name == "nltcs":
            trees = ExtraTreesRegressor(50, min_samples_leaf=5, random_state=0)
            many = IterativeImputer(trees, max_iter=5, random_state=0)
            methods["IterativeImputer(ExtraTrees)"] = partial(filled, many, train, rows)
            methods["pairwise machine, exact"] = partial(by_pairs, train, rows)
        for method, run in methods.items():
            begun = time.process_time()
            found = scored(run(), test, gaps)
            spent = time.process_time() - begun
            print(
                f"| {name} | {gaps.sum()} | {method} | {found.nats:.4f} | {found.rows:.1f} | "
                f"{found.cells:.1f} | {found.deviation:.3f} | {spent:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
