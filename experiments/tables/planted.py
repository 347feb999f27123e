"""A table with known truth: 20 000 rows of a planted machine, learnt, and held to it on other rows.

    python -m experiments.tables.planted [--rows 20000] [--test 4000] [--seed 0] [--json planted.json]

Columns: three binary ones, one of 3 and one of 7 states, one ordered, two real ones (in units of their own),
a count out of ten and one without a bound. The truth is an RBM of four hidden units, whose likelihood and
every conditional are exact sums over 16 hidden states.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

import ebm
from ebm.table.columns import Binary, Categorical, Count, Ordered, Real

HIDDEN = 4
COLUMNS = (
    Binary("smokes", ("no", "yes")), Binary("sex", ("f", "m")), Binary("urban", (False, True)),
    Categorical("blood", ("A", "B", "0")), Categorical("region", tuple("abcdefg")),
    Ordered("health", ("poor", "fair", "good", "very good")), Real("income", 30000.0, 8000.0),
    Real("height", 1.7, 0.1), Count("teeth", 10, True), Count("visits", 40, False),
)  # fmt: skip
TYPES: dict[str, Any] = {
    "health": ["poor", "fair", "good", "very good"], "visits": "count", "teeth": {"type": "count", "most": 10}
}  # fmt: skip


def truth(seed: int) -> ebm.TableModel:
    """The planted machine."""
    table, rng = ebm.Table(COLUMNS), np.random.default_rng(seed)
    units = table.units
    n = units.columns(table.n_units)
    W, b = rng.normal(0, 1.2, (n, HIDDEN)), rng.normal(0, 0.3, n)
    for i, column in enumerate(table.by_unit()):
        own = units.own(i)
        if column.kind == "count":
            W[own] *= 0.5
            b[own] = 0.5 if column.name == "visits" else 0.0
    precision = np.array([4.0, 2.0])
    machine = ebm.RBM(
        units, ebm.Bernoulli(), W, b, rng.normal(0, 0.3, HIDDEN), theta={"v.precision": precision}
    )
    return ebm.TableModel(machine, table)


def conditionals(true: ebm.TableModel, learnt: ebm.TableModel, data: dict[str, Any]) -> dict[str, float]:
    """How far conditionals are off: probabilities, rms over rows and labels; means in deviations."""
    off = {}
    for column in true.table.columns:
        name = column.name
        if isinstance(column, Real):
            a, b = true.predict(data, name), learnt.predict(data, name)
            off[name] = float(np.sqrt(np.mean(np.square((a - b) / np.std(data[name])))))
        else:
            p, q = true.predict_proba(data, name), learnt.predict_proba(data, name)
            both = [np.square(own - q.get(label, 0.0)) for label, own in p.items()]
            off[name] = float(np.sqrt(np.mean(both)))
    return off


def coverage(learnt: ebm.TableModel, data: dict[str, Any]) -> dict[str, float]:
    """How often a real column lies in its 95 % interval given the others."""
    found = {}
    for column in learnt.table.columns:
        if isinstance(column, Real):
            low, high = learnt.predict_interval(data, column.name)
            found[column.name] = float(np.mean((low <= data[column.name]) & (data[column.name] <= high)))
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=20000)
    parser.add_argument("--test", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    true = truth(args.seed)
    train, test = true.sample(args.rows, seed=args.seed), true.sample(args.test, seed=args.seed + 1)
    best = true.score(test)
    began = time.perf_counter()
    learnt = ebm.TableModel.fit(train, HIDDEN, types=TYPES, seed=args.seed)
    seconds = time.perf_counter() - began
    print(learnt.table)
    own = learnt.score(test)
    gap, stderr = float((own - best).mean()), float((own - best).std() / len(best) ** 0.5)
    found = {
        "rows": args.rows, "seed": args.seed, "seconds": round(seconds, 1), "truth": float(best.mean()),
        "learnt": float(own.mean()), "gap": gap, "gap_stderr": stderr,
        "conditionals": conditionals(true, learnt, test), "coverage": coverage(learnt, test),
    }  # fmt: skip
    print(json.dumps(found, indent=1))
    if args.json:
        with args.json.open("a") as file:
            file.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
