"""Fine-tuning, and the discriminative RBM, beside scikit-learn's MLPClassifier: epochs of one size and batch.

    python -m experiments.speed.network [--rounds 5] [--rows 10000]

Prints the medians of an epoch's seconds and the median ratio. Both are driven through their own public
functions: `ebm.train` with the rule that `fine_tune` uses, `MLPClassifier.partial_fit`, an epoch a call.
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

import ebm
from experiments.speed.peers import optional
from experiments.speed.problems import grey_digits
from experiments.speed.timing import Contender, at_one_and_two, blas, compare, ratio, threads

SIZES = (500,)
BATCH = 100
OPTIMISERS = {
    "SGD": ebm.SGD(0.01),
    "SGD, momentum": ebm.SGD(0.01, momentum=0.9),
    "SGD, Nesterov": ebm.SGD(0.01, momentum=0.9, nesterov=True),
    "Adam": ebm.Adam(0.001),
}


@contextlib.contextmanager
def _both(n: int) -> Iterator[None]:
    """ebm's and BLAS's threads at n."""
    with threads(ebm, n), blas(n):
        yield


def ours(x: np.ndarray, y: np.ndarray, optimiser: Any, n: int, sizes: tuple[int, ...] = SIZES) -> list:
    """Updates by back-propagation."""
    widths = [x.shape[1], *sizes]
    layers = [
        ebm.Layer.random(ebm.Bernoulli(), a, b, seed=k, dtype=np.float32)
        for k, (a, b) in enumerate(pairwise(widths))
    ]
    top = ebm.Layer.random(ebm.Potts(10), widths[-1], 1, dtype=np.float32)
    rule = ebm.BackPropagation()
    state = ebm.begin(ebm.Network([*layers, top]), rule, optimiser)
    steps = ebm.train(state, (x, y[:, None]), rule, optimiser, BATCH)

    def run(updates: int) -> None:
        for _ in range(updates):
            next(steps)

    return at_one_and_two("ebm", run, n, BATCH, _both)


def discriminative(x: np.ndarray, y: np.ndarray, optimiser: Any, n: int) -> list:
    """Updates of a classification RBM with 500 hidden units: the exact gradient of log p(y | x)."""
    rows = np.column_stack([x, y.astype(np.float32)])
    units = ebm.Mixed(((ebm.Bernoulli(), x.shape[1]), (ebm.Potts(10), 1)))
    machine, rule = ebm.RBM.from_data(rows, SIZES[0], visible=units), ebm.Discriminative()
    steps = ebm.train(ebm.begin(machine, rule, optimiser), rows, rule, optimiser, BATCH)

    def run(updates: int) -> None:
        for _ in range(updates):
            next(steps)

    return at_one_and_two("ebm", run, n, BATCH, _both)


def theirs(x: np.ndarray, y: np.ndarray, optimiser: Any, n: int, sizes: tuple[int, ...] = SIZES) -> list:
    """MLPClassifier: the same updates, with the penalty of 1e-4 that is its default (a pass of 1 in 20)."""
    module = optional("sklearn.neural_network")
    if module is None:
        return []
    settings: dict[str, Any] = {"solver": "adam", "learning_rate_init": 0.001}
    if isinstance(optimiser, ebm.SGD):
        settings = {
            "solver": "sgd", "learning_rate_init": 0.01, "momentum": optimiser.momentum,
            "nesterovs_momentum": optimiser.nesterov,
        }  # fmt: skip
    model = module.MLPClassifier(sizes, activation="logistic", batch_size=BATCH, random_state=0, **settings)
    model.partial_fit(x[:BATCH], y[:BATCH], classes=np.arange(10))

    def run(updates: int) -> None:
        for start in range(0, updates * BATCH, len(x)):
            model.partial_fit(x[: updates * BATCH - start], y[: updates * BATCH - start])

    return at_one_and_two("scikit-learn", run, n, BATCH, blas)


def contenders(name: str, kind: str, n_rows: int) -> tuple[list[Contender], list[Contender]]:
    """Ours and theirs, an epoch each, on pixels in [0, 1] or on standardised ones, of which none is zero."""
    x, y, _ = grey_digits(n_rows)
    n = n_rows // BATCH
    if kind == "RBM":
        return discriminative(x, y, OPTIMISERS[name], n), theirs(x, y, OPTIMISERS[name], n)
    if kind == "none zero":
        x = ((x - x.mean()) / x.std()).astype(np.float32)
    return ours(x, y, OPTIMISERS[name], n), theirs(x, y, OPTIMISERS[name], n)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    args = parser.parse_args()
    print(f"784-500-10, float32, batch {BATCH}, an epoch of {args.rows} rows of {grey_digits(1)[2]}")
    heads = [f"{who}, {n} thread{'s'[: n > 1]}" for who in ("ebm", "scikit-learn") for n in args.threads]
    print(f"| optimiser | pixels | {' | '.join(heads)} | ratio |\n{'|---' * (len(heads) + 3)}|")
    for name in OPTIMISERS:
        for kind in ("in [0, 1]", "none zero", "RBM"):
            mine, other = (
                [c for c in group if any(f", {n} thread" in c.name for n in args.threads)]
                for group in contenders(name, kind, args.rows)
            )
            compare(mine + other, args.rounds)
            seconds = " | ".join(f"{args.rows / c.rate:.3f} s" for c in mine + other)
            best = f"**{ratio(max(mine, key=lambda c: c.rate), other):.2f}**"
            what = "in [0, 1], classification RBM" if kind == "RBM" else kind
            print(f"| {name} | {what} | {seconds} | {best} |", flush=True)


if __name__ == "__main__":
    main()
