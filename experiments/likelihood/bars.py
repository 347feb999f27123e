"""Bars and stripes 4×4, 16 hidden units: how near the maximum, and the rise and fall of CD-1.

    python -m experiments.likelihood.bars [--seeds 3]

Log-likelihoods are sums over the 30 distinct rows, exact; their maximum is −30 log 30 = −102.036. The figure
follows CD-1, PCD-1 and PCD over tempering (Fischer & Igel, "Empirical analysis of the divergence of Gibbs
sampling based learning algorithms for restricted Boltzmann machines", 2010).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import ebm
from ebm.datasets import BarsAndStripes

HERE = Path(__file__).parent
UPDATES, LOOKS = 40_000, 80
TEMPERED = ebm.PCD(n_chains=60, centred=True, sampler=ebm.Tempering(n_replicas=6, n_adapt=16))
RULES = {
    "CD-1": (ebm.CD(), ebm.SGD(0.1)),
    "PCD-1": (ebm.PCD(n_chains=30), ebm.SGD(0.1)),
    "PCD-1, centred, rate to 0": (
        ebm.PCD(n_chains=500, centred=True),
        ebm.SGD(ebm.Linear(0.05, 0.0, epochs=UPDATES)),
    ),
    "tempering, centred, rate to 0": (TEMPERED, ebm.SGD(ebm.Linear(0.15, 0.0, epochs=UPDATES))),
}


def score(machine: ebm.RBM, rows: np.ndarray) -> float:
    """The sum of the exact log-likelihoods."""
    return float(ebm.log_likelihood(machine, rows, machine.exact(stats=False)[0]).sum())


def curve(rule: object, optimiser: object, rows: np.ndarray, seed: int) -> np.ndarray:
    """The score along learning, (LOOKS + 1,); every update sees all 30 rows."""
    machine = ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 16, 16, scale=0.1, seed=seed)
    state, found = ebm.begin(machine, rule, optimiser, seed), [score(machine, rows)]
    for state in ebm.train(state, rows, rule, optimiser, len(rows), seed):  # noqa: B020
        if state.step % (UPDATES // LOOKS) == 0:
            found.append(score(machine, rows))
        if state.step == UPDATES:
            return np.array(found)
    raise AssertionError


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    rows = BarsAndStripes(4).load().train.astype(np.float32)
    best = -len(rows) * np.log(len(rows))
    print(f"{len(rows)} rows, maximum {best:.3f}\n")
    print("| rule | last, per seed | best along the way | seconds |\n|---|---|---|---|")
    figure = Figure(figsize=(7.5, 4.6), layout="constrained")
    axes = figure.subplots()
    looks = np.linspace(0, UPDATES, LOOKS + 1)
    for (name, (rule, optimiser)), dash in zip(RULES.items(), ("-", "--", "-.", ":"), strict=True):
        begun = time.monotonic()
        curves = np.array([curve(rule, optimiser, rows, seed) for seed in range(options.seeds)])
        seconds = (time.monotonic() - begun) / options.seeds
        last = ", ".join(f"{c[-1]:.2f}" for c in curves)
        print(f"| {name} | {last} | {curves.max():.2f} | {seconds:.0f} each |", flush=True)
        axes.plot(looks, np.median(curves, 0), dash, label=name)
    axes.axhline(best, color="black", lw=0.8)
    axes.text(UPDATES, best + 1, "maximum", ha="right", va="bottom")
    axes.set(xlabel="updates", ylabel="log-likelihood, sum over 30 rows, nats", ylim=(-260, -90))
    axes.legend(loc="lower right")
    axes.grid(alpha=0.25)
    figure.savefig(HERE / "bars.png", dpi=100)


if __name__ == "__main__":
    main()
