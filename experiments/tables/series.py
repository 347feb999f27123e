"""Time series that statsmodels ships: one step ahead beside persistence and VAR, bands n steps ahead.

    pip download --no-deps statsmodels && unzip statsmodels*.whl 'statsmodels/datasets/*' -d FOLDER
    python -m experiments.tables.series FOLDER/statsmodels/datasets

The last quarter of each series is the test part. Passes and penalty are chosen before it: by the
log-likelihoods of three parts in a row, each by machines that have learnt what is before that part.
"""

from __future__ import annotations

import csv
import itertools
import json
import sys
import warnings
from pathlib import Path

import numpy as np

import ebm

HERE = Path(__file__).with_name("series.json")
TEST, FOLDS = 0.75, (0.55, 0.7, 0.85, 1.0)  # of the series; of what is before the test part
EPOCHS, L2, SEEDS, HIDDEN = (100, 500), (0.0, 0.02, 0.1), (0, 1), 5
COVER, STEPS, PATHS = (0.5, 0.8, 0.9, 0.95), 8, 400


def table(path):
    """Columns of a CSV file by name."""
    head, *rows = csv.reader(path.open(encoding="utf-8-sig"))
    return dict(zip(head, np.array(rows, float).T, strict=True))


def macrodata(folder):
    """United States by quarters, 1959–2009: growth of four numbers, inflation, changes of two rates."""
    at = table(folder / "macrodata" / "macrodata.csv")
    growth = [100 * np.diff(np.log(at[key])) for key in ("realgdp", "realcons", "realinv", "realdpi")]
    return np.stack([*growth, at["infl"][1:], np.diff(at["tbilrate"]), np.diff(at["unemp"])], 1), None, 2


def elnino(folder):
    """Sea surface temperature by months, 1950–2010, with the season as inputs."""
    at = table(folder / "elnino" / "elnino.csv")
    series = np.stack(list(at.values())[1:], 1).reshape(-1, 1)
    month = 2 * np.pi * np.arange(len(series)) / 12
    return series, np.stack([np.sin(month), np.cos(month)], 1), 3


def sunspots(folder):
    """Roots of the yearly numbers of sunspots, 1700–2008."""
    return np.sqrt(table(folder / "sunspots" / "sunspots.csv")["SUNACTIVITY"])[:, None], None, 9


SERIES = {f.__name__: f for f in (macrodata, elnino, sunspots)}


def learnt(rows, n_outputs, epochs, l2, seed):
    """A machine of five hidden units, by the exact gradient."""
    machine = ebm.ConditionalRBM.from_data(
        rows,
        rows.shape[1] - n_outputs,
        HIDDEN,
        visible=ebm.Gaussian(learn_precision=True),
        scale=0.3,
        seed=seed,
    )
    penalties = [ebm.L2(l2)] if l2 else ()
    ebm.fit(
        machine, rows, rule=ebm.Exact(), optimiser=ebm.Adam(0.003), epochs=epochs, batch_size=50,
        penalties=penalties, seed=seed, progress=False,
    )  # fmt: skip
    return machine


def least_squares(rows, n_outputs):
    """Coefficients of a VAR and the covariance of its residuals."""
    x, y = np.c_[np.ones(len(rows)), rows[:, :-n_outputs]], rows[:, -n_outputs:]
    B = np.linalg.lstsq(x, y, rcond=None)[0]
    left = y - x @ B
    return B, left.T @ left / max(1, len(x) - x.shape[1])


def var_paths(B, covariance, past, inputs, rng):
    """Paths of a VAR with normal errors, (PATHS, steps, n_outputs)."""
    n = past.shape[1]
    state, noise = np.repeat(past.reshape(1, -1), PATHS, 0), np.linalg.cholesky(covariance)
    paths = np.empty((PATHS, STEPS, n))
    for t in range(STEPS):
        now = np.broadcast_to(inputs[t], (PATHS, inputs.shape[1]))
        x = np.concatenate([np.ones((PATHS, 1)), state, now], 1)
        paths[:, t] = x @ B + rng.normal(size=(PATHS, n)) @ noise.T
        state = np.concatenate([state[:, n:], paths[:, t]], 1)
    return paths


def inside(paths, truth):
    """Which values lie in the bands, (levels, steps, n_outputs)."""
    ends = [np.quantile(paths, [(1 - c) / 2, (1 + c) / 2], axis=0) for c in COVER]
    return np.array([(low <= truth) & (truth <= high) for low, high in ends])


def one(name, folder):
    """The numbers of a series."""
    values, inputs, lags = SERIES[name](folder)
    n, d = values.shape
    cut = int(TEST * n)
    values = (values - values[:cut].mean(0)) / values[:cut].std(0)
    known = np.empty((n, 0)) if inputs is None else inputs
    folds = [int(f * cut) for f in FOLDS]

    def rows(start, stop):
        return ebm.lagged(values, lags, inputs=inputs, start=start, stop=stop)

    scores = {}
    for epochs, l2 in itertools.product(EPOCHS, L2):
        found = [
            ebm.log_likelihood(learnt(rows(lags, start), d, epochs, l2, s), rows(start, stop)).mean()
            for start, stop in itertools.pairwise(folds)
            for s in SEEDS
        ]
        scores[epochs, l2] = float(np.mean(found))
    epochs, l2 = max(scores, key=scores.get)
    train, test = rows(lags, cut), rows(cut, n)
    x, y = test[:, :-d], test[:, -d:]
    B, covariance = least_squares(train, d)
    errors = {
        "persistence": (values[cut - 1 : n - 1] - y) ** 2,
        "VAR": (np.c_[np.ones(len(x)), x] @ B - y) ** 2,
    }
    machines = [learnt(train, d, epochs, l2, s) for s in SEEDS]
    errors["ConditionalRBM"] = np.mean([(m.means(x) - y) ** 2 for m in machines], 0)
    gain = (errors["VAR"] - errors["ConditionalRBM"]).mean(1)
    in_bands = {"VAR": [], "ConditionalRBM": []}
    for t in range(cut, n - STEPS + 1):
        truth, past, ahead = values[t : t + STEPS], values[t - lags : t], known[t : t + STEPS]
        rng = np.random.default_rng(t)
        in_bands["VAR"].append(inside(var_paths(B, covariance, past, ahead, rng), truth))
        made = ebm.forecast(
            machines[0],
            past,
            STEPS,
            lags=lags,
            n_paths=PATHS,
            inputs=None if inputs is None else ahead,
            seed=t,
        )
        in_bands["ConditionalRBM"].append(inside(made.paths, truth))
    cover = {key: np.mean(hits, 0).mean(-1) for key, hits in in_bands.items()}
    return {
        "series": name, "times": n, "columns": d, "lags": lags, "epochs": epochs, "l2": l2, "tested": len(y),
        "mse": {key: float(e.mean()) for key, e in errors.items()},
        "gain_stderr": float(gain.std(ddof=1) / np.sqrt(len(gain))),
        "log_likelihood": float(np.mean([ebm.log_likelihood(m, test).mean() for m in machines])),
        "cover": {k: dict(zip(map(str, COVER), v.round(3).tolist(), strict=True)) for k, v in cover.items()},
    }  # fmt: skip


def main(folder, names):
    """Print and keep the tables."""
    warnings.simplefilter("ignore", RuntimeWarning)
    found = {row["series"]: row for row in json.loads(HERE.read_text())} if HERE.exists() else {}
    for name in names or SERIES:
        found[name] = one(name, Path(folder))
        HERE.write_text(json.dumps(list(found.values()), indent=1) + "\n")
    for row in found.values():
        print(
            row["series"],
            row["lags"],
            row["epochs"],
            row["l2"],
            {k: round(v, 4) for k, v in row["mse"].items()},
        )
        for key, levels in row["cover"].items():
            print("  ", key, {c: (v[0], v[3], v[7], round(float(np.mean(v)), 3)) for c, v in levels.items()})


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
