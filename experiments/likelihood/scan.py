"""Learning rate × rule on MNIST 784-16: how robust is centring, and which rule wins per second?

    python -m experiments.likelihood.scan [--epochs 3]

Every rule at every rate from the same start, the rate falling to zero; exact log-likelihoods of the test
rows, nats per row. The figure is scan.png: left the end of learning against the rate, right the course of
each rule at its best rate against seconds.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import ebm
from experiments.likelihood.data import mnist_threshold
from experiments.likelihood.recipe import melchior, score

HERE = Path(__file__).parent
RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.4, 0.8, 1.6)
RULES = {
    "CD-1": ebm.CD(),
    "CD-1, centred": ebm.CD(centred=True),
    "PCD-1, 100 chains": ebm.PCD(),
    "PCD-1, centred, 100 chains": ebm.PCD(centred=True),
    "PCD-1, centred, 500 chains": ebm.PCD(n_chains=500, centred=True),
    "PCD-1, standardised, 500 chains": ebm.PCD(n_chains=500, standardised=True),
    "tempering, centred, 20 × 5": ebm.PCD(
        n_chains=20, centred=True, sampler=ebm.Tempering(n_replicas=5, n_adapt=16)
    ),
}
MARKS = ("o-", "s-", "^--", "D--", "v-.", "P-", "x:")
LOOKS = 10


def course(rule: Any, rate: float, epochs: int, rows: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Seconds of learning and test log-likelihood at each look, (2, LOOKS); NaN once it diverged."""
    machine = melchior(rows, 16, 0, rule.centred or rule.standardised)
    optimiser = ebm.SGD(ebm.Linear(rate, 0.0, epochs=epochs))
    state = ebm.begin(machine, rule, optimiser, 0)
    steps = ebm.train(state, rows, rule, optimiser, 100, 0)
    each = epochs * -(-len(rows) // 100) // LOOKS
    found, spent = np.full((2, LOOKS), np.nan), 0.0
    for look in range(LOOKS):
        begun = time.monotonic()
        for _ in range(each):
            next(steps)
        spent += time.monotonic() - begun
        if not all(np.isfinite(p).all() for p in machine.params.values()):
            break
        found[:, look] = spent, score(machine, test, machine.exact(stats=False)[0])
    return found


def draw(found: np.ndarray) -> Figure:
    """Both panels."""
    figure = Figure(figsize=(11, 5.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for (name, courses), mark in zip(zip(RULES, found, strict=True), MARKS, strict=True):
        last = courses[:, 1, -1]
        best = int(np.nanargmax(last))
        left.plot(RATES, last, mark, label=f"{name}; best at {RATES[best]:g}", ms=5)
        right.plot(*courses[best], mark, ms=4)
    left.set(xscale="log", xlabel="learning rate at the start", ylabel="test log-likelihood, nats per row")
    right.set(xlabel="seconds of learning", title="each at its best rate")
    left.set_title("at the end of learning")
    for axes, floor in ((left, -205), (right, -175)):
        axes.set_ylim(floor, -134)
        axes.grid(alpha=0.25)
    figure.legend(loc="outside lower center", ncols=3, fontsize=8)
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--epochs", type=int, default=3)
    options = parser.parse_args()
    train, test = mnist_threshold()
    test, found = test[::2], np.empty((len(RULES), len(RATES), 2, LOOKS))
    print("| rule | " + " | ".join(f"{r:g}" for r in RATES) + " | seconds |")
    print("|---" * (len(RATES) + 2) + "|")
    for row, (name, rule) in zip(found, RULES.items(), strict=True):
        for k, rate in enumerate(RATES):
            with np.errstate(all="ignore"):
                row[k] = course(rule, rate, options.epochs, train, test)
        cells = " | ".join("diverged" if np.isnan(x) else f"{x:.2f}" for x in row[:, 1, -1])
        print(f"| {name} | {cells} | {np.nanmedian(row[:, 0, -1]):.1f} |", flush=True)
    draw(found).savefig(HERE / "scan.png", dpi=100)


if __name__ == "__main__":
    main()
