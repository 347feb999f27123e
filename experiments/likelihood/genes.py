"""805 sites of 4000 haplotypes (500 held out): an RBM against the Chow–Liu tree.

    python -m experiments.likelihood.genes [--budget 250]

The search (`experiments.likelihood.search`) takes its validation rows from the training rows; the machine is
then learnt from all of these. Plain Gibbs chains do not mix on such data: log Z is by the report of several
methods.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import ebm
from ebm.baselines import ChowLiu
from experiments.likelihood.data import genes
from experiments.likelihood.recipe import learn, settle
from experiments.likelihood.search import Grid, search

GRID: Grid = {
    "n_hidden": (256,), "rate": (0.2,), "updates": (4000,),
    "penalty": ({"l1": 3e-4}, {"l1": 1e-3}, {"l2": 3e-3}),
}  # fmt: skip
MODELS = Path(__file__).parent / "models"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--budget", type=float, default=250.0, help="seconds for log Z")
    options = parser.parse_args()
    begun, (train, test) = time.monotonic(), genes()
    valid, recipe, _ = search({"train": train[:-400], "valid": train[-400:]}, GRID)
    print(f"{recipe}: validation {valid:.2f}; {time.monotonic() - begun:.0f} s")
    begun = time.monotonic()
    machine = learn(recipe.at(recipe.updates(len(train) - 400), len(train)), train)
    print(f"learnt in {time.monotonic() - begun:.0f} s", flush=True)
    MODELS.mkdir(exist_ok=True)
    ebm.save(MODELS / "genes.npz", machine)
    settle(machine, train, test, options.budget)
    tree = float(ChowLiu.fit(train).log_likelihood(test).mean())
    print(f"Chow–Liu tree, test {tree:.3f}")


if __name__ == "__main__":
    main()
