"""scikit-learn's example of RBM features for digits, with the import swapped.

    python -m experiments.classification.digits [--repeats 3]

The 1797 digits of 8 × 8 pixels and four copies moved by one pixel, a fifth of the rows for testing; 100 hidden
units, rate 0.06, ten passes, and a logistic regression on the features. Test accuracies and seconds of
learning the RBM, medians over the repeats, both imports in turn.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import BernoulliRBM

from ebm.estimators import RBMTransformer


def nudged() -> tuple[np.ndarray, np.ndarray]:
    """Digits in [0, 1] with copies moved left, right, up and down, (8985, 64), and their classes."""
    x, y = load_digits(return_X_y=True)
    images = np.pad(x.reshape(-1, 8, 8), ((0, 0), (1, 1), (1, 1)))
    places = ((1, 1), (1, 0), (1, 2), (0, 1), (2, 1))
    moved = np.concatenate([images[:, i : i + 8, j : j + 8].reshape(-1, 64) for i, j in places])
    return moved / moved.max(), np.tile(y, len(places))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    x, y = nudged()
    parts = train_test_split(x, y, test_size=0.2, random_state=0)
    x_train, x_test, y_train, y_test = parts
    rbms = {
        "BernoulliRBM": BernoulliRBM(n_components=100, learning_rate=0.06, n_iter=10, random_state=0),
        "RBMTransformer": RBMTransformer(n_components=100, learning_rate=0.06, n_iter=10, random_state=0),
    }
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in rbms}
    RBMTransformer(n_components=100, n_iter=1).fit(x_train)  # compiled code is loaded
    for _ in range(options.repeats):
        for name, rbm in rbms.items():
            start = time.perf_counter()
            rbm = clone(rbm).fit(x_train)
            seconds = time.perf_counter() - start
            readout = LogisticRegression(C=6000, max_iter=2000).fit(rbm.transform(x_train), y_train)
            found[name].append((readout.score(rbm.transform(x_test), y_test), seconds))
    plain = LogisticRegression(C=100, max_iter=2000).fit(x_train, y_train).score(x_test, y_test)
    print(f"logistic regression on pixels: {plain:.4f}")
    for name, values in found.items():
        accuracy, seconds = np.median(values, axis=0)
        print(f"{name}: accuracy {accuracy:.4f}, {seconds:.2f} s")


if __name__ == "__main__":
    main()
