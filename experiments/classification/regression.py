"""Regression: DBNRegressor against Ridge and MLPRegressor, and whether its intervals cover what they say.

    python -m experiments.classification.regression [--only prostate diabetes synthetic] [--quick]

prostate: 20 random splits into 67 and 30 rows; diabetes: 5 folds; synthetic: 20 000 rows of Friedman's
function of ten features, ten splits into 16 000 and 4 000. All three with their defaults, Ridge and
MLPRegressor after a StandardScaler. Root mean squared errors in standard deviations of y, means over the
splits; the paired difference of the squared errors from the better of the other two, with its standard error
over the splits.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Iterator

import numpy as np
from sklearn.datasets import load_diabetes, make_friedman1
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, ShuffleSplit
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ebm.estimators import DBNRegressor
from experiments.classification.data import FOLDER

NINETY = 1.6448536269514722  # half of a 90 % interval, in standard deviations


def prostate() -> tuple[np.ndarray, np.ndarray]:
    """The prostate data of Stamey et al. (1989): 97 rows, 8 features."""
    with np.load(FOLDER / "prostate.npz") as file:
        return file["X"].astype(float), file["y"].astype(float)


SETS = {
    "prostate": (prostate, ShuffleSplit(20, test_size=30, random_state=0)),
    "diabetes": (lambda: load_diabetes(return_X_y=True), KFold(5, shuffle=True, random_state=0)),
    "synthetic": (
        lambda: make_friedman1(20_000, n_features=10, noise=1.0, random_state=0),
        ShuffleSplit(10, test_size=4000, random_state=0),
    ),
}
MODELS = {
    "Ridge": lambda: make_pipeline(StandardScaler(), Ridge()),
    "MLPRegressor": lambda: make_pipeline(StandardScaler(), MLPRegressor(random_state=0)),
    "DBNRegressor": lambda: DBNRegressor(random_state=0),
}


def splits(name: str, quick: bool) -> Iterator[tuple[np.ndarray, ...]]:
    """Training and test rows of every split, y in standard deviations."""
    load, how = SETS[name]
    x, y = load()
    y = (y - y.mean()) / y.std()
    for k, (train, test) in enumerate(how.split(x)):
        if quick and k == 2:
            return
        yield x[train], y[train], x[test], y[test]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--quick", action="store_true", help="two splits of each set")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", category=UserWarning, module="sklearn")
    for name in options.only:
        errors: dict[str, list[float]] = {model: [] for model in MODELS}
        seconds = dict.fromkeys(MODELS, 0.0)
        covered = []
        for x, y, x_test, y_test in splits(name, options.quick):
            for model, make in MODELS.items():
                start = time.perf_counter()
                fitted = make().fit(x, y)
                seconds[model] += time.perf_counter() - start
                errors[model].append(float(np.square(fitted.predict(x_test) - y_test).mean()))
                if model == "DBNRegressor":
                    mean, std = fitted.predict(x_test, return_std=True)
                    covered.append(float((np.abs(y_test - mean) < NINETY * std).mean()))
        better = min(("Ridge", "MLPRegressor"), key=lambda model: np.mean(errors[model]))
        gap = np.array(errors["DBNRegressor"]) - np.array(errors[better])
        stderr = gap.std(ddof=1) / np.sqrt(len(gap))
        said = ", ".join(
            f"{m} {np.sqrt(np.mean(e)):.4f} ({seconds[m] / len(e):.1f} s)" for m, e in errors.items()
        )
        print(f"{name}: root mean squared error {said}")
        inside = f"90 % intervals cover {np.mean(covered):.1%}"
        print(
            f"  squared error minus that of {better}: {gap.mean():+.5f} ± {stderr:.5f}; {inside}", flush=True
        )


if __name__ == "__main__":
    main()
