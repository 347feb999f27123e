"""A 784-500-500-2000-10 network on MNIST, pre-trained as a stack of RBMs against random weights.

    python -m experiments.classification.dbn [--only pretrained random ...] [--seed 0] [--trial]

50 000 training, 10 000 validation rows; errors in per cent. The settings were chosen on the validation rows;
the test rows are looked at once, at the end. --trial takes few epochs and leaves the test rows alone.
Writes dbn-<name>.json (the curve and the errors) and dbn.png beside this file.
"""

from __future__ import annotations

import argparse
import json
import time
from itertools import pairwise
from pathlib import Path

import numpy as np

import ebm
from experiments.classification.data import mnist

HERE = Path(__file__).parent
SIZES = (500, 500, 2000)
EPOCHS, TUNED = 30, 120
RATE, TUNING_RATE, MOMENTUM, L2 = 0.1, 0.3, 0.9, 2e-4
DROPOUT = (0.2, 0.25, 0.25, 0.25)  # of the inputs of each layer
NAMES = {"pretrained": DROPOUT, "random": DROPOUT, "pretrained-plain": 0.0, "random-plain": 0.0}


def pretrained(x: np.ndarray, epochs: int, seed: int) -> list[ebm.Layer]:
    """Layers learnt one on the means of the other, by CD-1."""
    layers, rows = [], x
    for k, size in enumerate(SIZES):
        machine = ebm.RBM.from_data(rows, size, seed=seed + k)
        optimiser = ebm.SGD(ebm.Linear(RATE, 0.0, epochs=epochs), momentum=MOMENTUM)
        ebm.fit(
            machine,
            rows,
            rule=ebm.CD(),
            optimiser=optimiser,
            epochs=epochs,
            penalties=[ebm.L2(L2)],
            seed=seed,
        )
        error = ebm.scores.reconstruction_error(machine, rows[:2000])
        print(f"  layer {rows.shape[1]}-{size}: mean squared error {error:.4f}", flush=True)
        layers.append(ebm.Layer(machine.hidden, machine.W, machine.c))
        rows = np.concatenate([machine.mean_h(part) for part in np.array_split(rows, 25)])
    return layers


def random(seed: int) -> list[ebm.Layer]:
    """Uniform weights up to 4 sqrt(6 / (n_in + n_out)): Glorot & Bengio (2010), for logistic units."""
    rng, sizes = np.random.default_rng(seed), (784, *SIZES)
    layers = []
    for n, m in pairwise(sizes):
        W = (4 * np.sqrt(6 / (n + m)) * rng.uniform(-1, 1, (n, m))).astype(np.float32)
        layers.append(ebm.Layer(ebm.Bernoulli(), W, np.zeros(m, np.float32)))
    return layers


def top(seed: int) -> ebm.Layer:
    """The readout before learning."""
    W = 0.01 * np.random.default_rng(seed).normal(size=(SIZES[-1], 10))
    return ebm.Layer(ebm.Potts(10), W.astype(np.float32), np.zeros(10, np.float32))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=NAMES, default=list(NAMES)[:2])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--trial", action="store_true")
    options = parser.parse_args()
    (x, y), valid, test = mnist()
    epochs, tuned = (1, 2) if options.trial else (EPOCHS, TUNED)
    below = None
    for name in options.only:
        start = time.perf_counter()
        if name.startswith("pretrained"):
            below = below or (pretrained(x, epochs, options.seed), time.perf_counter() - start)
            layers, before = below
        else:
            layers, before = random(options.seed), 0.0
        network = ebm.Network([*layers, top(options.seed)], ebm.Bernoulli())
        start = time.perf_counter()
        history = ebm.fine_tune(
            network, x, y, optimiser=ebm.SGD(ebm.Linear(TUNING_RATE, 0.0, epochs=tuned), momentum=MOMENTUM),
            epochs=tuned, dropout=NAMES[name], validation=valid, seed=options.seed,
            progress=lambda _, line: print(f"  {line}", flush=True),
        )  # fmt: skip
        seconds = before + time.perf_counter() - start
        print(f"{name}: validation {100 * network.error(*valid):.2f} %, {seconds:.0f} s", flush=True)
        if options.trial:
            continue
        found = {
            "name": name,
            "seed": options.seed,
            "seconds": round(seconds),
            "seconds_pretraining": round(before),
        }
        found |= {"error_validation": 100 * network.error(*valid), "error_test": 100 * network.error(*test)}
        found["curve"] = history.rows
        (HERE / f"dbn-{name}.json").write_text(json.dumps(found, indent=1) + "\n")
        print(f"{name}: test {found['error_test']:.2f} %")
    if not options.trial:
        draw()


def draw() -> None:
    """Validation errors against epochs, of all runs that there are."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.4, 3.4), layout="constrained")
    axes = figure.subplots()
    for name in NAMES:
        path = HERE / f"dbn-{name}.json"
        if path.exists():
            found = json.loads(path.read_text())
            epochs = [row["epoch"] for row in found["curve"]]
            errors = [100 * row["error_validation"] for row in found["curve"]]
            label = f"{name}: validation {errors[-1]:.2f} %, test {found['error_test']:.2f} %"
            axes.plot(epochs, errors, label=label, ls="--" if "random" in name else "-")
    axes.set(xlabel="epoch of fine-tuning", ylabel="validation error (%)", ylim=(0.8, 3))
    axes.set_title("784-500-500-2000-10 on MNIST")
    axes.legend(fontsize=8)
    figure.savefig(HERE / "dbn.png", dpi=120)


if __name__ == "__main__":
    main()
