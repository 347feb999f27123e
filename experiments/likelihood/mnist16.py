"""RBM 784-16 on MNIST at threshold 128, exact log Z: the published recipe, the best one, and centring.

    python -m experiments.likelihood.mnist16 [--only published best polish ...] [--seeds 3]

Test log-likelihoods, nats per row.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

import numpy as np

import ebm
from ebm.training import Course
from experiments.likelihood.data import mnist_threshold
from experiments.likelihood.recipe import melchior

N_HIDDEN, EPOCHS = 16, 50


@dataclass(frozen=True)
class Recipe:
    """What is varied."""

    optimiser: object
    n_chains: int = 100
    centred: bool = True
    standardised: bool = False
    inverted: bool = False
    polish: float = 0.0  # seconds of L-BFGS on the exact gradient


PUBLISHED = ebm.SGD(0.01)
BEST = ebm.Averaged(ebm.SGD(ebm.Linear(0.4, 0.0, epochs=EPOCHS)), start=0.8 * EPOCHS, every=10)
SMALL = ebm.Averaged(ebm.SGD(ebm.Linear(0.03, 0.0, epochs=EPOCHS)), start=0.8 * EPOCHS, every=10)
RECIPES = {
    "published": Recipe(PUBLISHED),
    "rate-falls": Recipe(ebm.SGD(ebm.Linear(0.2, 0.0, epochs=EPOCHS))),
    "best": Recipe(BEST, n_chains=500),
    "standardised": Recipe(SMALL, n_chains=500, standardised=True),
    "polish": Recipe(SMALL, n_chains=500, standardised=True, polish=180.0),
    "not-centred": Recipe(PUBLISHED, centred=False),
    "inverted": Recipe(PUBLISHED, inverted=True),
    "inverted-not-centred": Recipe(PUBLISHED, centred=False, inverted=True),
}


def learn(recipe: Recipe, rows: np.ndarray, seed: int) -> ebm.RBM:
    """A machine learnt by PCD-1: batches of 100, 50 epochs."""
    machine = melchior(rows, N_HIDDEN, seed, recipe.centred, recipe.inverted)
    rule = ebm.PCD(n_chains=recipe.n_chains, centred=recipe.centred, standardised=recipe.standardised)
    state = ebm.begin(machine, rule, recipe.optimiser, seed)
    if recipe.centred:  # offsets begin at the data's means and at ½
        state.chains.offsets = {"b": rows.mean(0), "c": np.full(N_HIDDEN, 0.5, np.float32)}
    course = Course(EPOCHS, len(rows) // 100)
    for _ in course.run(state, ebm.train(state, rows, rule, recipe.optimiser, 100, seed)):
        pass
    course.settle(state)  # the mean of the iterates, where there is one
    if recipe.polish:
        machine = ebm.RBM(
            machine.visible, machine.hidden, *(p.astype(float) for p in machine.params.values())
        )
        begun = time.monotonic()
        ebm.maximise(machine, rows, callback=lambda _: time.monotonic() - begun > recipe.polish)
    return machine


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=list(RECIPES), default=list(RECIPES))
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    train, test = mnist_threshold()
    print("| recipe | test, per seed | mean | train, mean | seconds, per seed |\n|---|---|---|---|---|")
    for name in options.only:
        recipe, found = RECIPES[name], []
        sets = [1 - train, 1 - test] if recipe.inverted else [train, test]
        for seed in range(options.seeds):
            begun = time.monotonic()
            machine = learn(recipe, sets[0], seed)
            seconds = time.monotonic() - begun
            log_z = machine.exact(stats=False)[0]
            found.append([float(ebm.log_likelihood(machine, x, log_z).mean()) for x in sets] + [seconds])
        fit, score, seconds = np.array(found).T
        each = ", ".join(f"{s:.3f}" for s in score)
        times = ", ".join(f"{s:.0f}" for s in seconds)
        print(f"| {name} | {each} | {score.mean():.3f} | {fit.mean():.3f} | {times} |", flush=True)


if __name__ == "__main__":
    main()
