"""The classification RBM on MNIST, 50 000 / 10 000 / 10 000: discriminative and hybrid.

    python -m experiments.classification.labelled [--only discriminative hybrid ...] [--seed 0] [--epochs E]

Errors in per cent. The recipes were chosen on the validation rows; the test rows are looked at once, at the
end. Writes <recipe>.json (the curve and the errors) and <recipe>.png beside this file.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import ebm
from ebm.plots.style import HELDOUT, TRAIN
from experiments.classification.data import Part, mnist

HERE = Path(__file__).parent
UNITS = ebm.Mixed(((ebm.Bernoulli(), 784), (ebm.Potts(10), 1)))
MOMENTUM, PRETRAINING_RATE = 0.9, 0.03


@dataclass(frozen=True)
class Recipe:
    """What is varied; the rate falls to zero."""

    n_hidden: int
    rule: object
    rate: float
    epochs: int
    batch_size: int = 100
    pretraining: int = 0  # epochs that learn log p(x, y) before, by CD
    published: str = ""


RECIPES = {
    "discriminative": Recipe(500, ebm.Discriminative(dropout=0.3), 0.1, 150, published="1.81"),
    "discriminative-plain": Recipe(500, ebm.Discriminative(), 0.05, 100, published="1.81"),
    "hybrid": Recipe(
        1500, ebm.Hybrid(0.01, ebm.CD(), dropout=0.3), 0.1, 100, pretraining=30, published="1.28"
    ),
    "hybrid-no-pretraining": Recipe(1500, ebm.Hybrid(0.1, ebm.CD(), dropout=0.2), 0.1, 110, published="1.28"),
}


def rows_of(part: Part) -> np.ndarray:
    """Inputs and labels side by side, float32."""
    return np.column_stack([part[0], part[1].astype(np.float32)])


def error(machine: ebm.RBM, part: Part) -> float:
    """Per cent of the labels that are not the most probable one."""
    p = ebm.conditional_probabilities(machine, part[0])
    return float((p.argmax(1) != part[1]).mean() * 100)


def learn(recipe: Recipe, train: Part, valid: Part, seed: int, every: int = 5) -> tuple[ebm.RBM, list[dict]]:
    """The machine after the last epoch, and a row of errors after every fifth one."""
    rows = rows_of(train)
    machine = ebm.RBM.from_data(rows, recipe.n_hidden, visible=UNITS, scale=0.01, seed=seed)
    if recipe.pretraining:
        rate = ebm.Linear(PRETRAINING_RATE, 0.0, epochs=recipe.pretraining)
        ebm.fit(
            machine, rows, rule=ebm.CD(), optimiser=ebm.SGD(rate, momentum=MOMENTUM),
            epochs=recipe.pretraining, batch_size=recipe.batch_size, penalties=[ebm.L2(2e-4)], seed=seed,
            progress=lambda _, line: print(f"  pre-training: {line}", flush=True),
        )  # fmt: skip
        print(f"  pre-trained: validation {error(machine, valid):.2f}", flush=True)
    optimiser = ebm.SGD(ebm.Linear(recipe.rate, 0.0, epochs=recipe.epochs), momentum=MOMENTUM)
    state, per_epoch = ebm.begin(machine, recipe.rule, optimiser, seed), -(-len(rows) // recipe.batch_size)
    curve, start = [], time.perf_counter()
    for state in ebm.train(state, rows, recipe.rule, optimiser, recipe.batch_size, seed):  # noqa: B020
        epoch, rest = divmod(state.step, per_epoch)
        if rest == 0 and (epoch % every == 0 or epoch == recipe.epochs):
            ebm.machine.check_finite(machine, state.step)
            train_error = error(machine, (train[0][:10000], train[1][:10000]))
            seconds = time.perf_counter() - start
            row = {"epoch": epoch, "error_train": train_error, "error_validation": error(machine, valid)}
            curve.append(row | {"seconds": round(seconds, 1)})
            print(
                f"  epoch {epoch}: train {train_error:.2f}, validation {row['error_validation']:.2f}"
                f" ({seconds:.0f} s)", flush=True,
            )  # fmt: skip
        if epoch == recipe.epochs:
            break
    return machine, curve


def draw(name: str, curve: list[dict], test: float, published: str) -> None:
    """The errors against epochs."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.4, 3.4), layout="constrained")
    axes = figure.subplots()
    epochs = [row["epoch"] for row in curve]
    for key, label, look in (
        ("error_train", "training rows", TRAIN), ("error_validation", "validation rows", HELDOUT)
    ):  # fmt: skip
        axes.plot(epochs, [row[key] for row in curve], label=label, color=look.colour)
    axes.axhline(float(published), color="0.5", ls="--", lw=1, label=f"published, test rows: {published} %")
    axes.plot(epochs[-1], test, "k*", ms=9, label=f"test rows, once: {test:.2f} %", clip_on=False)
    axes.set(xlabel="epoch", ylabel="error (%)", ylim=(0, 4), title=f"Classification RBM on MNIST: {name}")
    axes.legend(fontsize=8)
    figure.savefig(HERE / f"{name}.png", dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=RECIPES, default=["discriminative", "hybrid"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, help="a trial of so many, which leaves the test rows alone")
    options = parser.parse_args()
    train, valid, test = mnist()
    for name in options.only:
        recipe = RECIPES[name]
        if options.epochs:
            recipe = replace(recipe, epochs=options.epochs)
        print(name, recipe, flush=True)
        start = time.perf_counter()
        machine, curve = learn(recipe, train, valid, options.seed)
        seconds = time.perf_counter() - start
        if options.epochs:
            continue
        found = {"recipe": repr(recipe), "seed": options.seed, "seconds": round(seconds), "curve": curve}
        found["error_test"] = error(machine, test)
        draw(name, curve, found["error_test"], recipe.published)
        (HERE / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n")
        print(f"{name}: test {found['error_test']:.2f} % ({recipe.published} published), {seconds:.0f} s")


if __name__ == "__main__":
    main()
