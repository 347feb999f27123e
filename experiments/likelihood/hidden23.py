"""RBMs with 23 hidden units, whose log Z is exact: DNA (the split of MADE), Mushrooms, NIPS.

    python -m experiments.likelihood.hidden23 [--only dna mushrooms nips]

The sets of Larochelle & Murray (2011). The search (`experiments.likelihood.search`) sees training and
validation rows; test log-likelihoods are nats per row. "refit": the settings found, learnt once more from
training and validation rows together; the machine that is saved, and compares with theirs, is the first.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

import ebm
from experiments.likelihood.data import debd
from experiments.likelihood.recipe import learn, score
from experiments.likelihood.search import Grid, search

SETS = {"dna": "dna_made", "mushrooms": "mushrooms", "nips": "nips"}
PUBLISHED = {"dna": -96.74, "mushrooms": -15.15, "nips": -277.37}
GRID: Grid = {
    "n_hidden": (23,),
    "course": (
        {"rate": 0.1, "updates": 1500},
        {"rate": 0.005, "updates": 1000, "standardised": True},
        {"rate": 1.6, "updates": 8000},
    ),
    "penalty": ({"l1": 3e-4}, {"l1": 3e-3}, {"l1": 1e-2}, {"l2": 3e-3}),
}
MODELS = Path(__file__).parent / "models"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=list(SETS), default=list(SETS))
    options = parser.parse_args()
    print("| set | published | train | valid | test | test, refit | rate | penalty | updates | seconds |")
    print("|---" * 10 + "|")
    for name in options.only:
        begun, sets = time.monotonic(), debd(SETS[name])
        sets.setdefault("test", debd(name)["test"])
        _, recipe, machine = search(sets, GRID)
        seconds = time.monotonic() - begun
        log_z = machine.exact(stats=False)[0]
        cells = [name, f"{PUBLISHED[name]}"]
        cells += [f"{score(machine, sets[part], log_z):.3f}" for part in ("train", "valid", "test")]
        updates, both = recipe.updates(len(sets["train"])), np.concatenate([sets["train"], sets["valid"]])
        again = learn(recipe.at(updates, len(both)), both)
        cells += [f"{score(again, sets['test'], again.exact(stats=False)[0]):.3f}"]
        cells += [f"{recipe.rate:g}", recipe.penalty, f"{updates:.0f}", f"{seconds:.0f}"]
        MODELS.mkdir(exist_ok=True)
        ebm.save(MODELS / f"hidden23-{name}.npz", machine)
        print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
