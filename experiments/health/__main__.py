"""Do the verdicts of `ebm.health` agree with how machines were trained, and with long runs?

    python -m experiments.health [NAME ...] [--long] [--figures FOLDER] [--rows FILE]

NAME: digits-cd1, digits-pcd, published, ours, genes, trajectory; all when left out. With --long plain chains
are then run for many more sweeps, and where they are in the end is said. Rows go to the .jsonl file.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np

import ebm
from ebm.checkup.distances import Yardstick
from ebm.datasets import Digits
from ebm.experiment.directory import finite
from experiments.likelihood.data import FOLDER, genes, mnist_sm08

MODELS = Path(__file__).parents[1]
CHAINS, LONG, MANY = 100, 8192, 32_768  # of a long run; sweeps of a large machine, of digits
Case: TypeAlias = tuple[ebm.RBM, np.ndarray, np.ndarray]  # a machine, its rows, and new ones


def digits(rule: object, rate: object, epochs: int) -> Case:
    """An RBM of 128 hidden units learnt on the bits of scikit-learn's digits."""
    data = Digits(threshold=8.0, test=0.2, seed=0).load()
    machine = ebm.RBM.from_data(data.train, 128, seed=0)
    how = {"batch_size": 100, "seed": 0, "progress": False}
    ebm.fit(machine, data.train, rule=rule, optimiser=ebm.SGD(rate), epochs=epochs, **how)
    return machine, data.train, data.test


def published() -> Case:
    """The machine of Salakhutdinov & Murray (2008), CD-25."""
    with np.load(FOLDER / "rbm_mnist_784x500.npz") as file:
        W, b, c = (file[key] for key in "Wbc")
    return ebm.RBM(ebm.Bernoulli(), ebm.Bernoulli(), W, b, c), *mnist_sm08()


def kept(path: str, data: Callable[[], tuple[np.ndarray, np.ndarray]]) -> Case:
    """One of ours."""
    return ebm.load(MODELS / path), *data()


MACHINES: dict[str, Callable[[], Case]] = {
    "digits-cd1": lambda: digits(ebm.CD(k=1), 0.3, 1500),
    "digits-pcd": lambda: digits(ebm.PCD(k=10, n_chains=500), ebm.Linear(0.1, 0.0, 300), 300),
    "published": published,
    "ours": lambda: kept("likelihood/models/mnist500-sm08-60.npz", mnist_sm08),
    "genes": lambda: kept("likelihood/models/genes.npz", genes),
    "trajectory": lambda: kept("trajectory/models/genes-12.npz", genes),
}


def long_run(name: str, machine: ebm.RBM, rows: np.ndarray) -> dict[str, object]:
    """Plain chains from noise and from data, for long: where they are in the end."""
    order, rng = np.random.default_rng(1).permutation(len(rows)), ebm.Stream(1)
    yardstick = Yardstick(machine, rows[order[CHAINS : CHAINS + 1000]])
    chains = machine.start(np.concatenate([machine.sample0(CHAINS, rng), rows[order[:CHAINS]]]))
    sweeps = MANY if name.startswith("digits") else LONG
    machine.sweep(chains, rng, sweeps)
    out: dict[str, object] = {"sweeps": sweeps, "chains": CHAINS}
    for start, own in (("noise", slice(CHAINS)), ("data", slice(CHAINS, None))):
        away, energy = yardstick.distances(chains.x[own])["statistics"], machine.free_energy(chains.x[own])
        error = energy.std(ddof=1) / CHAINS**0.5
        out[start] = {"statistics": away.value, "stderr": away.stderr}
        out[start] |= {"energy": energy.mean(), "energy_stderr": error}
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", choices=[[], *MACHINES], default=[])
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--figures", type=Path)
    parser.add_argument("--rows", type=Path, default=Path(__file__).parent / "rows.jsonl")
    options = parser.parse_args()
    for name in options.names or MACHINES:
        machine, rows, test = MACHINES[name]()
        load, begun, cpu = os.getloadavg()[0], time.monotonic(), time.process_time()
        found = ebm.health(machine, rows, heldout=test, progress=False)
        seconds, cpu = time.monotonic() - begun, time.process_time() - cpu
        print(f"\n{name}, {seconds:.0f} s, {cpu:.0f} of a core, at a load of {load:.1f}\n{found}", flush=True)
        z, seen, truth = found.log_z, found.approach, found.reference
        row = {
            "name": name, "machine": found.machine, "seconds": seconds, "cpu_seconds": cpu, "load": load,
            "verdict": found.verdict, "reason": found.reason, "k": found.k, "tau": found.relaxation_time,
            "sweeps": seen.times[-1], "settled": seen.settled,
            "reference": truth.method, "trouble": truth.trouble,
            "log_z": z.value, "log_z_stderr": z.stderr, "log_z_verdict": z.verdict,
            "scores": found.scores, "page": found.rows,
        }  # fmt: skip
        if options.figures:
            found.figures(str(options.figures / name))
        if options.long:
            row["long"] = long_run(name, machine, rows)
            print(f"long: {row['long']}", flush=True)
        with options.rows.open("a", encoding="utf-8") as file:
            file.write(json.dumps(finite(row), ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
