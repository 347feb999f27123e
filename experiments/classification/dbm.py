"""A deep Boltzmann machine 784-500-1000 on MNIST binarised once (sm08): its variational bound.

    python -m experiments.classification.dbm [--minutes 45] [--temperatures 20000] [--quick] [--model FILE]

Learnt jointly from small weights: persistent chains, mean-field positive phase, centred gradient, a rate
that falls to zero with the time, the mean of the last iterates. Then log Z by AIS and the bound on the test
rows, nats per row; and the unfolded network, fine-tuned on the grey digits with their labels. Writes
dbm.json, dbm.png (samples) and dbm-model.npz (3 MB, not committed) beside this file.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

import ebm
from ebm.partition.annealed import base_rate
from ebm.training import Course
from experiments.classification.data import mnist
from experiments.likelihood.data import mnist_sm08

HERE = Path(__file__).parent
HIDDEN = (500, 1000)
RATE, CHAINS, BATCH, L1 = 0.1, 500, 200, 1e-4
AVERAGED = 0.7  # part of learning after which the mean begins
TUNING_RATE, DROPOUT = 0.3, (0.2, 0.25, 0.25)  # of the network; dropout of the inputs of each layer


def learn(
    rows: np.ndarray, valid: np.ndarray, minutes: float, seed: int
) -> tuple[ebm.DBM, list[dict[str, float]]]:
    """The machine, and what was seen on the way."""
    machine = ebm.DBM.from_data(rows, HIDDEN, scale=0.01, seed=seed)
    rule = ebm.PCD(n_chains=CHAINS, positive="mean-field", centred=True)
    per_epoch = len(rows) // BATCH
    speed = _seconds_per_update(machine.copy(), rows, rule, seed)
    epochs = max(1.0, 60 * minutes / speed / per_epoch)
    print(f"  {1e3 * speed:.1f} ms an update, {epochs:.1f} epochs", flush=True)
    optimiser = ebm.Averaged(ebm.SGD(ebm.Linear(RATE, 0.0, epochs=epochs)), start=AVERAGED * epochs, every=10)
    state, last, curve = ebm.begin(machine, rule, optimiser, seed), round(epochs * per_epoch), []
    start = time.perf_counter()
    for state in ebm.train(state, rows, rule, optimiser, BATCH, seed, penalties=[ebm.L1(L1)]):  # noqa: B020
        if state.step % (5 * per_epoch) == 0:
            gap = float(bound(machine, rows[:1000]).mean() - bound(machine, valid[:1000]).mean())
            seconds = time.perf_counter() - start
            curve.append({"epoch": state.step / per_epoch, "gap": gap, "seconds": round(seconds)})
            print(f"  epoch {curve[-1]['epoch']:.0f}: gap {gap:.2f} nats, {seconds:.0f} s", flush=True)
        if state.step >= last:
            break
    Course(1, last).settle(state)
    return machine, curve


def bound(machine: ebm.DBM, rows: np.ndarray, log_z: float = 0.0) -> np.ndarray:
    """The variational bound of rows, a few at a time."""
    return np.concatenate([machine.log_likelihood_bound(part, log_z) for part in np.array_split(rows, 10)])


def _seconds_per_update(machine: ebm.DBM, rows: np.ndarray, rule: ebm.PCD, seed: int) -> float:
    optimiser = ebm.SGD(0.001)
    steps = ebm.train(ebm.begin(machine, rule, optimiser, seed), rows, rule, optimiser, BATCH, seed)
    for _ in range(5):
        next(steps)
    start = time.perf_counter()
    for _ in range(60):
        next(steps)
    return (time.perf_counter() - start) / 60


def draw(machine: ebm.DBM, seed: int) -> None:
    """Sixty-four rows that the machine makes: chains from the data's product, 2000 sweeps."""
    from matplotlib.figure import Figure

    rng = ebm.Stream(seed)
    x = machine.start(machine.sample0(64, rng, machine.params["b"]))
    machine.sweep(x, rng, 2000)
    images = np.asarray(x.x)[:, :784].reshape(8, 8, 28, 28).transpose(0, 2, 1, 3).reshape(224, 224)
    figure = Figure(figsize=(4, 4), layout="constrained")
    axes = figure.subplots()
    axes.imshow(images, cmap="gray_r")
    axes.set_axis_off()
    axes.set_title("DBM 784-500-1000: samples", fontsize=9)
    figure.savefig(HERE / "dbm.png", dpi=120)


def fine_tuned(machine: ebm.DBM, epochs: int, seed: int) -> tuple[ebm.Network, ebm.History]:
    """The unfolded network with a softmax of the digit, trained by back-propagation."""
    train, valid, _ = mnist()
    network = machine.unfold(ebm.Potts(10))
    optimiser = ebm.SGD(ebm.Linear(TUNING_RATE, 0.0, epochs=epochs), momentum=0.9)
    history = ebm.fine_tune(
        network, *train, optimiser=optimiser, epochs=epochs, dropout=DROPOUT, validation=valid, seed=seed,
        progress=lambda _, line: print(f"  {line}", flush=True),
    )  # fmt: skip
    return network, history


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=45, help="of learning")
    parser.add_argument("--temperatures", type=int, default=20000, help="of AIS")
    parser.add_argument("--epochs", type=int, default=100, help="of fine-tuning")
    parser.add_argument("--quick", action="store_true", help="a trial that leaves the test rows alone")
    parser.add_argument("--model", help="judge this machine, learnt before, instead of learning one")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.quick:
        options.minutes, options.temperatures, options.epochs = min(2, options.minutes), 2000, 2
    start = time.perf_counter()
    rows, test = mnist_sm08()
    found: dict[str, Any] = {"minutes": options.minutes, "seed": options.seed}
    if options.model:
        machine: Any = ebm.load(options.model)
    else:
        machine, found["curve"] = learn(rows[:50000], rows[50000:], options.minutes, options.seed)
        ebm.save(HERE / "dbm-model.npz", machine)
    base = base_rate(machine, machine.clamp(rows[:2000], ebm.Stream(options.seed)))
    log_z = ebm.log_z(machine, "ais", n_temperatures=options.temperatures, base=base, seed=options.seed)
    found |= {"log_z": float(log_z), "log_z_stderr": log_z.stderr}
    for name, part in (("validation", rows[50000:]), ("test", test)):
        if name == "test" and options.quick:
            continue
        found[f"bound_{name}"] = float(bound(machine, part, float(log_z)).mean())
        said = f"{found[f'bound_{name}']:.3f} ± {log_z.stderr:.3f} (log Z = {log_z})"
        print(f"bound on the {name} rows: {said}, {time.perf_counter() - start:.0f} s", flush=True)
    network, history = fine_tuned(machine, options.epochs, options.seed)
    found["error_validation"] = history.rows[-1]["error_validation"]
    if options.quick:
        return
    found["error_test"] = network.error(*mnist()[2])
    found["seconds"] = round(time.perf_counter() - start)
    print(f"fine-tuned: test error {found['error_test']:.2%}, {found['seconds']} s in all")
    (HERE / "dbm.json").write_text(json.dumps(found, indent=1) + "\n")
    draw(machine, options.seed)


if __name__ == "__main__":
    main()
