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
from experiments.likelihood.data import mnist_threshold

N_HIDDEN, EPOCHS = 16, 50


@dataclass(frozen=True)
class Recipe:
    """What is varied."""

    optimiser: object
    centred: bool = True
    inverted: bool = False
    polish: float = 0.0  # seconds of L-BFGS on the exact gradient


PUBLISHED = ebm.SGD(0.01)
BEST = ebm.SGD(ebm.Linear(0.2, 0.0, epochs=EPOCHS))
RECIPES = {
    "published": Recipe(PUBLISHED),
    "best": Recipe(BEST),
    "polish": Recipe(BEST, polish=140.0),
    "not-centred": Recipe(PUBLISHED, centred=False),
    "inverted": Recipe(PUBLISHED, inverted=True),
    "inverted-not-centred": Recipe(PUBLISHED, centred=False, inverted=True),
}


def start(rows: np.ndarray, seed: int) -> ebm.RBM:
    """The initial machine of Melchior, Fischer & Wiskott (2016)."""
    n_visible = rows.shape[1]
    limit = 4 * np.sqrt(6 / (n_visible + N_HIDDEN))
    W = np.random.default_rng(seed).uniform(-limit, limit, (n_visible, N_HIDDEN))
    mean = rows.mean(0, dtype=np.float64).clip(0.001, 0.999)
    arrays = (W, np.log(mean / (1 - mean)), np.zeros(N_HIDDEN))
    return ebm.RBM(ebm.Bernoulli(), ebm.Bernoulli(), *(a.astype(np.float32) for a in arrays))


def learn(recipe: Recipe, rows: np.ndarray, seed: int) -> ebm.RBM:
    """A machine learnt by PCD-1: batches of 100, 100 chains, 50 epochs."""
    machine = start(rows, seed)
    rule = ebm.PCD(n_chains=100, centred=recipe.centred)
    state = ebm.begin(machine, rule, recipe.optimiser, seed)
    if recipe.centred:  # offsets begin at the data's means and at ½
        state.chains |= {"offset.b": rows.mean(0), "offset.c": np.full(N_HIDDEN, 0.5, np.float32)}
    last = EPOCHS * len(rows) // 100
    steps = ebm.train(state, rows, rule, recipe.optimiser, 100, seed)
    while next(steps).step < last:
        pass
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
