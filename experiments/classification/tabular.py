"""Small digits: RBMClassifier and DBNClassifier against MLPClassifier and SVC with their defaults.

    python -m experiments.classification.tabular [--only usps optdigits] [--trial]

USPS (7291 and 2007 rows of 256 pixels) and optdigits (3823 and 1797 of 64), pixels in [0, 1] for all four.
Per cent of the test rows that are right. The settings of ours were chosen by --trial: a fifth of the training
rows is held out, the test rows are left alone.
"""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC

from ebm.estimators import DBNClassifier, RBMClassifier
from experiments.classification.data import FOLDER, Part

MODELS = {
    "MLPClassifier": lambda: MLPClassifier(random_state=0),
    "SVC": lambda: SVC(),
    "RBMClassifier": lambda: RBMClassifier(1000, dropout=0.1, n_iter=150, batch_size=20, random_state=0),
    "DBNClassifier": lambda: DBNClassifier(
        (1000,),
        dropout=(0.1, 0.3),
        n_iter_pretraining=50,
        learning_rate_pretraining=0.1,
        max_iter=150,
        batch_size=50,
        learning_rate_init=0.01,
        random_state=0,
    ),
}


def load(name: str) -> tuple[Part, Part]:
    """Training and test rows, pixels in [0, 1]."""
    low, high = (-1000.0, 1000.0) if name == "usps" else (0.0, 16.0)
    with np.load(FOLDER / f"{name}.npz") as file:
        parts = [
            ((file[f"X_{p}"] - low).astype(np.float32) / np.float32(high - low), file[f"y_{p}"].astype(int))
            for p in ("train", "test")
        ]
    return parts[0], parts[1]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=["usps", "optdigits"], default=["usps", "optdigits"])
    parser.add_argument("--trial", action="store_true", help="hold out a fifth of the training rows instead")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", category=UserWarning, module="sklearn")
    for name in options.only:
        train, test = load(name)
        if options.trial:
            order = np.random.default_rng(0).permutation(len(train[0]))
            cut = len(order) // 5
            train, test = ((train[0][rows], train[1][rows]) for rows in (order[cut:], order[:cut]))
        for model, make in MODELS.items():
            start = time.perf_counter()
            right = 100 * make().fit(*train).score(*test)
            error = np.sqrt(right * (100 - right) / len(test[0]))
            print(
                f"{name}: {model} {right:.2f} ± {error:.2f} % ({time.perf_counter() - start:.0f} s)",
                flush=True,
            )


if __name__ == "__main__":
    main()
