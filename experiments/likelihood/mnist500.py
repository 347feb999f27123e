"""RBM 784-500 on MNIST: what is learnt in 12 and in 60 minutes, and the published recipe; log Z settled.

    python -m experiments.likelihood.mnist500 sm08-12

or sm08-60, threshold-published, threshold-60, published.

sm08 is the one binarisation of Salakhutdinov & Murray (2008), whose machine (CD-25) is "published": it is
scored like the others. "threshold-published" is the recipe of Melchior, Fischer & Wiskott (2016). Machines
learn from all 60 000 rows and are saved in models/; `--only-score` reads them from there. Test
log-likelihoods are nats per row; log Z by the report of several methods within a budget.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

import ebm
from experiments.likelihood.data import FOLDER, mnist_sm08, mnist_threshold
from experiments.likelihood.recipe import Recipe, learn, melchior, relax, settle

MODELS = Path(__file__).parent / "models"
MANY: dict[str, Any] = {"rate": 0.25, "n_chains": 1000, "batch_size": 200, "l1": 1e-4}
RECIPES = {
    "sm08-12": Recipe(500, epochs=80, **MANY),
    "sm08-60": Recipe(500, epochs=250, **MANY),
    "threshold-published": Recipe(500, rate=0.01, epochs=200, n_chains=100, average=None, falls=False),
    "threshold-60": Recipe(500, epochs=120, **MANY),
}
# Weights below the first number are dropped afterwards, the others learnt further with a smaller penalty.
RELAXED = dict.fromkeys(
    ("sm08-60", "threshold-60"), (0.01, Recipe(500, epochs=40, **MANY | {"rate": 0.15, "l1": 2e-5}))
)


def published() -> ebm.RBM:
    """The machine of Salakhutdinov & Murray (2008)."""
    with np.load(FOLDER / "rbm_mnist_784x500.npz") as file:
        arrays = (file[key].astype(np.float32) for key in "Wbc")
        return ebm.RBM(ebm.Bernoulli(), ebm.Bernoulli(), *arrays)


def machine_of(name: str, train: np.ndarray, seed: int, only_score: bool) -> tuple[ebm.RBM, float]:
    """A machine, and the seconds that it took to learn."""
    path = MODELS / f"mnist500-{name}.npz"
    if name == "published" or only_score:
        return (published() if name == "published" else ebm.load(path)), 0.0
    begun, recipe = time.monotonic(), RECIPES[name]
    first = melchior(train, 500, seed) if name == "threshold-published" else None
    machine = learn(recipe, train, seed, first)
    if name in RELAXED:
        machine = relax(machine, *RELAXED[name], train, seed)
    seconds = time.monotonic() - begun
    MODELS.mkdir(exist_ok=True)
    ebm.save(path, machine)
    return machine, seconds


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=[*RECIPES, "published"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--budget", type=float, default=280.0, help="seconds for log Z")
    parser.add_argument("--only-score", action="store_true", help="read the machine from models/")
    options = parser.parse_args()
    train, test = (mnist_threshold if options.what.startswith("threshold") else mnist_sm08)()
    machine, seconds = machine_of(options.what, train, options.seed, options.only_score)
    print(f"{options.what}: learnt in {seconds:.0f} s", flush=True)
    settle(machine, train, test, options.budget)


if __name__ == "__main__":
    main()
