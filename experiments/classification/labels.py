"""What pre-training is worth when labels are few: 784-1024-10 on MNIST, 60 000 to 100 labels.

    python -m experiments.classification.labels [--only 10000 1000 100 60000] [--draws 5] [--trial]

An RBM 784-1024 learnt from the 60 000 images without their labels, or random weights, below a softmax; both
are fine-tuned with the same settings on class-balanced draws of labelled rows. Per cent of the 10 000 test
rows that are right, means over the draws. --trial draws from the first 50 000 rows and judges by the last
10 000 of the training file instead. Writes labels.json and labels.png beside this file.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

import ebm
from experiments.classification.data import Part, mnist

HERE = Path(__file__).parent
HIDDEN, EPOCHS = 1024, 30
PUBLISHED = {60000: (98.73, 98.20), 10000: (97.27, 94.73), 1000: (93.65, 88.71), 100: (81.70, 76.02)}
# rows in a batch, epochs, and dropout of the pixels and of the hidden units
SETTINGS = {
    60000: (100, 60, (0.2, 0.3)),
    10000: (50, 80, (0.2, 0.4)),
    1000: (20, 150, (0.2, 0.5)),
    100: (10, 300, (0.2, 0.5)),
}
RATE = 0.1


def pretrained(x: np.ndarray, seed: int) -> ebm.Layer:
    """The layer of an RBM learnt by CD-1."""
    machine = ebm.RBM.from_data(x, HIDDEN, seed=seed)
    optimiser = ebm.SGD(ebm.Linear(0.1, 0.0, epochs=EPOCHS), momentum=0.9)
    ebm.fit(
        machine, x, rule=ebm.CD(), optimiser=optimiser, epochs=EPOCHS, penalties=[ebm.L2(2e-4)], seed=seed
    )
    return ebm.Layer(machine.hidden, machine.W, machine.c)


def random(seed: int) -> ebm.Layer:
    """Uniform weights up to 4 sqrt(6 / (n_in + n_out)): Glorot & Bengio (2010), for logistic units."""
    W = 4 * np.sqrt(6 / (784 + HIDDEN)) * np.random.default_rng(seed).uniform(-1, 1, (784, HIDDEN))
    return ebm.Layer(ebm.Bernoulli(), W.astype(np.float32), np.zeros(HIDDEN, np.float32))


def balanced(y: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Numbers of n rows, as many of each class; all rows where n is their number."""
    if n == len(y):
        return np.arange(n)
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.choice(np.flatnonzero(y == k), n // 10, replace=False) for k in range(10)])


def correct(layer: ebm.Layer, rows: Part, test: Part, n: int, seed: int) -> float:
    """Per cent of the test rows that a fine-tuned network has right."""
    batch, epochs, dropout = SETTINGS[n]
    top = ebm.Layer(ebm.Potts(10), np.zeros((HIDDEN, 10), np.float32), np.zeros(10, np.float32))
    network = ebm.Network([layer, top], ebm.Bernoulli())
    optimiser = ebm.SGD(ebm.Linear(RATE, 0.0, epochs=epochs), momentum=0.9)
    ebm.fine_tune(
        network, *rows, optimiser=optimiser, epochs=epochs, batch_size=batch, dropout=dropout, seed=seed
    )
    return 100 * (1 - network.error(*test))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", type=int, choices=PUBLISHED, default=[100, 1000, 10000, 60000])
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--trial", action="store_true")
    options = parser.parse_args()
    first, second, test = mnist()
    x, y = (np.concatenate(pair) for pair in zip(first, second, strict=True))
    start, found = time.perf_counter(), {}
    low = pretrained(x, 0)
    print(f"pre-trained in {time.perf_counter() - start:.0f} s", flush=True)
    if options.trial:
        (x, y), test = first, second
    for n in options.only:
        start, right = time.perf_counter(), {"RBM": [], "random": []}
        for draw in range(1 if n == 60000 else options.draws):
            rows = balanced(y, min(n, len(y)), draw)
            part = x[rows], y[rows]
            right["RBM"].append(correct(low, part, test, n, draw))
            right["random"].append(correct(random(draw), part, test, n, draw))
        seconds = time.perf_counter() - start
        found[n] = right | {"seconds": round(seconds)}
        said = ", ".join(
            f"{name} {np.mean(v):.2f} ± {np.std(v) / len(v) ** 0.5:.2f}" for name, v in right.items()
        )
        print(f"{n} labels: {said} (published {PUBLISHED[n]}), {seconds:.0f} s", flush=True)
    if not options.trial:
        (HERE / "labels.json").write_text(json.dumps(found, indent=1) + "\n")
        draw_figure(found)


def draw_figure(found: dict[int, dict[str, list[float]]]) -> None:
    """Errors against the number of labels, ours and published."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.4, 3.4), layout="constrained")
    axes, ns = figure.subplots(), sorted(found)
    for name, k, look in (("RBM", 0, "o-"), ("random", 1, "s--")):
        axes.plot(ns, [100 - np.mean(found[n][name]) for n in ns], look, label=f"{name} weights at the start")
        axes.plot(
            ns,
            [100 - PUBLISHED[n][k] for n in ns],
            look[0],
            mfc="none",
            color="0.5",
            label=f"published: {name}",
        )
    axes.set(
        xscale="log", yscale="log", xlabel="labels", ylabel="test error (%)", title="784-1024-10 on MNIST"
    )
    axes.set_yticks([1, 2, 5, 10, 20], ["1", "2", "5", "10", "20"])
    axes.set_xticks(ns, [f"{n:,}".replace(",", " ") for n in ns])
    axes.minorticks_off()
    axes.legend(fontsize=8)
    figure.savefig(HERE / "labels.png", dpi=120)


if __name__ == "__main__":
    main()
