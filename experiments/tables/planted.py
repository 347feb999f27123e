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


def answers(model: ebm.TableModel, data: dict[str, Any], name: str) -> np.ndarray:
    """What a model says of a column of each row given the others: probabilities, of a real one means."""
    if isinstance(model.table.column(name), Real):
        return np.asarray(model.predict(data, name) / np.std(data[name]))
    shares = model.predict_proba(data, name)
    labels = [label for column in COLUMNS if column.name == name for label in column.decode(_states(column))]
    return np.stack([shares.get(label, np.zeros(len(data[name]))) for label in labels], 1)


def _states(column: Any) -> np.ndarray:
    return np.asarray(column.units.states)


def conditionals(
    true: ebm.TableModel, learnt: ebm.TableModel, again: ebm.TableModel, data: dict[str, Any]
) -> dict[str, list[float]]:
    """Root mean square errors of conditionals, what they are by chance, and the first over the second.

    By chance they are off by 1/√2 of how far two machines are apart that learnt from rows of their own.
    """
    found = {}
    for name in true.table.names:
        truth, one, other = (answers(model, data, name) for model in (true, learnt, again))
        off = float(np.sqrt(np.mean(np.square(one - truth))))
        chance = float(np.sqrt(np.mean(np.square(one - other)) / 2))
        found[name] = [round(off, 5), round(chance, 5), round(off / chance, 2)]
    return found


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
    train, test = true.sample(args.rows, seed=3 * args.seed), true.sample(args.test, seed=3 * args.seed + 1)
    best = true.score(test)
    began = time.perf_counter()
    learnt = ebm.TableModel.fit(train, HIDDEN, types=TYPES, seed=args.seed)
    seconds = time.perf_counter() - began
    print(learnt.table)
    again = ebm.TableModel.fit(
        true.sample(args.rows, seed=3 * args.seed + 2), HIDDEN, types=TYPES, seed=args.seed
    )
    own = learnt.score(test)
    gap, stderr = float((own - best).mean()), float((own - best).std() / len(best) ** 0.5)
    found = {
        "rows": args.rows, "seed": args.seed, "seconds": round(seconds, 1), "truth": float(best.mean()),
        "learnt": float(own.mean()), "gap": gap, "gap_stderr": stderr,
        "conditionals": conditionals(true, learnt, again, test), "coverage": coverage(learnt, test),
    }  # fmt: skip
    print(json.dumps(found, indent=1))
    if args.json:
        with args.json.open("a") as file:
            file.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
