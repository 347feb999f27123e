"""`python -m experiments.defaults`: features, densities and classifiers at their defaults, as tables."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import ebm
from ebm.estimators import BoltzmannMachineDensity, RBMClassifier, RBMTransformer
from experiments.defaults.data import TABLES, table

_SEEDS, _FOLDS = (0, 1, 2), 3
_LIMIT = 1e3  # of a weight in units of the features' standard deviations: nothing sensible is there


def _accuracy(X: Any, y: Any, seed: int, *steps: Any) -> float:
    """Cross-validated, of a logistic regression at the end of a pipeline."""
    model = make_pipeline(*steps, LogisticRegression(max_iter=300))
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=seed)
    return float(cross_val_score(model, X, y, cv=folds, error_score="raise").mean())


def features(names: Iterable[str] = TABLES) -> int:
    """The cost of features to a logistic regression; returns on how many tables it is at most .03."""
    print("| table | rows × columns | raw features | RBM of raw | of standardised | cost, raw | s a fit |")
    print("|---|---|---|---|---|---|---|")
    good = 0
    for name in names:
        X, y = table(name)
        raw, own, standard = (np.empty(len(_SEEDS)) for _ in range(3))
        start = 0.0
        for k, seed in enumerate(_SEEDS):
            raw[k] = _accuracy(X, y, seed, StandardScaler())
            begin = time.perf_counter()
            own[k] = _accuracy(X, y, seed, RBMTransformer(random_state=seed))
            start += time.perf_counter() - begin
            standard[k] = _accuracy(X, y, seed, StandardScaler(), RBMTransformer(random_state=seed))
        cost = raw.mean() - min(own.mean(), standard.mean())
        good += cost <= 0.03
        seconds = start / (len(_SEEDS) * _FOLDS)
        means = f"{raw.mean():.3f} | {own.mean():.3f} | {standard.mean():.3f}"
        print(f"| {name} | {len(X)} × {X.shape[1]} | {means} | {cost:+.3f} | {seconds:.1f} |", flush=True)
    return good


def _variants(X: Any) -> dict[str, Any]:
    """The table as it is, standardised, and in other units of measurement."""
    found = {"raw": X, "standardised": StandardScaler().fit_transform(X)}
    if not np.isin(X, (0, 1)).all():
        found |= {"× 1e-6": 1e-6 * X, "× 1e6": 1e6 * X}
    return found


def _estimators(X: Any) -> dict[str, Callable[[], Any]]:
    """Every estimator at its defaults, and with every kind of unit that fits the rows."""
    bits = bool(np.isin(X, (0, 1)).all())
    visible = [ebm.Bernoulli()] if bits else [ebm.Gaussian(), ebm.Gaussian(learn_precision=True)]
    hidden = (ebm.Bernoulli(), ebm.Ising(), ebm.Potts(3), ebm.Gaussian(), ebm.ReLU())
    found: dict[str, Callable[[], Any]] = {
        "transformer": RBMTransformer(random_state=0).fit,
        "density": BoltzmannMachineDensity(random_state=0).fit,
    }
    for v in visible:
        for h in hidden:
            found[f"transformer, {v}, {h}"] = RBMTransformer(32, visible=v, hidden=h, random_state=0).fit
    for mode in ("discriminative", "hybrid", "generative"):
        found[f"classifier, {mode}"] = RBMClassifier(64, mode=mode, n_iter=20, random_state=0).fit
    return found


def stability(names: Iterable[str] = TABLES) -> int:
    """Learning of every estimator with every kind of unit; returns how many did not end well."""
    print("| table | fits | largest weight × deviation | refused or stopped |")
    print("|---|---|---|---|")
    bad = 0
    for name in names:
        X, y = table(name)
        rows = np.random.default_rng(0).permutation(len(X))[:200]
        worst, stopped, fits = 0.0, [], 0
        for scaled, part in _variants(X[rows]).items():
            for what, learn in _estimators(part).items():
                fits += 1
                try:
                    machine = learn(part, y[rows]).machine_
                except ebm.EbmError as error:
                    stopped.append(f"{what}, {scaled}: {error}")
                    continue
                worst = max(worst, float(np.abs(machine.W).max()))
        bad += len(stopped) + (worst > _LIMIT)
        print(f"| {name} | {fits} | {worst:.2g} | {'; '.join(stopped) or 'none'} |", flush=True)
    return bad


def main() -> None:
    """Both tables."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    warnings.simplefilter("ignore", RuntimeWarning)
    good = features()
    print(f"\n{good} of {len(TABLES)} tables cost at most .03.\n", flush=True)
    bad = stability()
    print(f"\n{bad} fits did not end well.")


if __name__ == "__main__":
    main()
