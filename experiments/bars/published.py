"""log Z of the published RBM of MNIST, 784 × 500 (`../shared/data/rbm_mnist_784x500.npz`), at the defaults.

    python -m experiments.bars.published [--seeds 0:5] [--model FILE] [--budget 115] [--out published.jsonl]

One line of JSON a run. Others say 451.1 ± 0.2.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np

import ebm

_DATA = Path(__file__).parents[3] / "shared" / "data" / "rbm_mnist_784x500.npz"


def machine(path: Path) -> ebm.Machine:
    """The published machine, in float32; or one that `ebm.save` wrote."""
    with np.load(path) as arrays:
        if {"W", "b", "c"} <= set(arrays):
            W, b, c = (arrays[key].astype(np.float32) for key in "Wbc")
            return ebm.RBM(ebm.Bernoulli(), ebm.Bernoulli(), W, b, c)
    return ebm.load(path)


def main() -> None:
    """Run the seeds, and print each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", default="0:5", help="first:end")
    parser.add_argument("--model", type=Path, default=_DATA)
    parser.add_argument("--budget", type=float, default=ebm.partition.report.Report().budget)
    parser.add_argument("--accuracy", type=float, default=ebm.partition.report.Report().accuracy)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "published.jsonl")
    chosen = parser.parse_args()
    model = machine(chosen.model)
    for seed in range(*map(int, chosen.seeds.split(":"))):
        begun, cpu = time.monotonic(), time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            found = ebm.log_z(model, seed=seed, budget=chosen.budget, accuracy=chosen.accuracy)
        row = {
            "model": chosen.model.name,
            "seed": seed,
            "value": round(found.value, 4),
            "stderr": round(found.stderr, 4),
            "method": found.method,
            "verdict": found.verdict,
            "reason": found.reason,
            "seconds": round(time.monotonic() - begun, 1),
            "cpu": round(time.process_time() - cpu, 1),
            "estimates": {
                key: [round(e["value"], 3), round(e["stderr"], 3), e.get("trouble", "")]
                for key, e in found.estimates.items()
            },
        }
        print(f"{found} in {row['seconds']} s ({row['cpu']} s of processor)", flush=True)
        with chosen.out.open("a") as file:
            file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
