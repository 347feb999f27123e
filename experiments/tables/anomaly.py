"""`python -m experiments.tables.anomaly [--set NAME] [--seeds N]`: what is out of the ordinary, as a table.

A model sees half of the rows of one class, and scores the other half and all rows of other classes: the area
under the ROC curve of telling the two apart. Ours at one recipe: `BoltzmannMachineDensity` at its defaults,
whose visible units are Gaussian with learnt precisions; of optdigits, counts 0 … 16, they are Binomial(16).
"""

from __future__ import annotations

import argparse
import csv
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import LocalOutlierFactor
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM

import ebm
from ebm.estimators import BoltzmannMachineDensity

Array = np.ndarray[Any, Any]
ROWS = Path(__file__).with_name("anomaly.csv")
DATA = Path(os.environ.get("EBM_DATA", Path(__file__).parents[3] / "shared" / "data"))
OURS = "Boltzmann machine"


def _digits(name: str) -> tuple[Array, Array]:
    """All rows and classes of a set of digits."""
    with np.load(DATA / f"{name}.npz") as file:
        x, y = (np.concatenate([file[f"{k}_train"], file[f"{k}_test"]]) for k in "Xy")
    return x.astype(np.float64), y


def rows_of(name: str) -> tuple[Array, Array]:
    """The rows that are ordinary, and those that are not."""
    if name == "breast cancer, benign":
        x, y = load_breast_cancer(return_X_y=True)
        return x[y == 1], x[y == 0]
    if name == "wine, the second":
        x, y = load_wine(return_X_y=True)
        return x[y == 1], x[y != 1]
    (kind, own, others), all_others = name.split(" "), "others"
    x, y = _digits(kind)
    return x[y == int(own)], x[(y != int(own)) if others == all_others else (y == int(others))]


SETS = (
    "breast cancer, benign",
    "wine, the second",
    "optdigits 8 others",
    "optdigits 3 5",
    "usps 7 others",
    "usps 4 9",
)


def _mixture(x: Array, seed: int) -> GaussianMixture:
    """Of 1 to 5 components with full covariances, by BIC."""
    made = [GaussianMixture(k, reg_covar=1e-3, random_state=seed).fit(x) for k in range(1, 6)]
    return min(made, key=lambda model: model.bic(x))


def scores_of(name: str, x: Array, test: Array, visible: ebm.Units | None, seed: int) -> Array:
    """How ordinary the rows of `test` are, by a model of the rows x."""
    if name == OURS:
        return BoltzmannMachineDensity(visible=visible, random_state=seed).fit(x).score_samples(test)
    if name == "isolation forest":
        return IsolationForest(random_state=seed).fit(x).score_samples(test)
    scaler = StandardScaler().fit(x)
    x, test = scaler.transform(x), scaler.transform(test)
    if name == "Gaussian mixture":
        return _mixture(x, seed).score_samples(test)
    model = LocalOutlierFactor(novelty=True) if name == "LOF" else OneClassSVM(nu=0.1)
    return model.fit(x).score_samples(test)


MODELS = (OURS, "isolation forest", "LOF", "one-class SVM", "Gaussian mixture")


def _one(name: str, seed: int) -> list[list[Any]]:
    """A line for each model: set, seed, model, AUC, seconds."""
    ordinary, odd = rows_of(name)
    visible = ebm.Binomial(16) if name.startswith("optdigits") else None
    order = np.random.default_rng(seed).permutation(len(ordinary))
    train, held = np.array_split(ordinary[order], 2)
    test, truth = np.concatenate([held, odd]), np.repeat([1, 0], [len(held), len(odd)])
    found = []
    for model in MODELS:
        start = time.perf_counter()
        auc = roc_auc_score(truth, scores_of(model, train, test, visible, seed))
        found.append([name, seed, model, f"{auc:.4f}", f"{time.perf_counter() - start:.1f}"])
        print(*found[-1], sep=", ", flush=True)
    return found


def table(lines: list[list[str]]) -> None:
    """Means over seeds, the best in bold, as Markdown."""
    print(f"| ordinary, against | {' | '.join(MODELS)} |\n|{'---|' * (len(MODELS) + 1)}")
    good = 0
    for name in dict.fromkeys(line[0] for line in lines):
        mean = [np.mean([float(auc) for n, _, m, auc, _ in lines if (n, m) == (name, own)]) for own in MODELS]
        good += mean[0] >= max(mean) - 0.01
        cells = (f"**{m:.4f}**" if m == max(mean) else f"{m:.4f}" for m in mean)
        print(f"| {name} | {' | '.join(cells)} |")
    print(f"\nOurs best or within .01 on {good}.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", choices=SETS, action="append")
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    lines = [line for name in given.set or SETS for seed in range(given.seeds) for line in _one(name, seed)]
    if not given.set:
        with ROWS.open("w", newline="") as file:
            csv.writer(file).writerows([["set", "seed", "model", "auc", "seconds"], *lines])
    table(lines)


if __name__ == "__main__":
    main()
