"""log Z and test log-likelihood of the machines that lie in `models/`, measured again.

    python -m experiments.likelihood.again [--only plants,genes] [--accuracy 0.01] [--budget 300] [--out FILE]

A line of JSON a machine; a file that is there is gone on with. Then the table.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np

import ebm
from experiments.likelihood.data import debd, genes, mnist_sm08, mnist_threshold

MODELS = Path(__file__).parent / "models"


def rows_of(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Training and test rows of the set that a machine was learnt from."""
    kind, _, which = name.partition("-")
    if kind == "mnist500":
        return (mnist_threshold if which.startswith("threshold") else mnist_sm08)()
    if kind == "genes":
        return genes()
    parts = debd(which)
    return parts["train"], parts["test"]


def measured(path: Path, accuracy: float, budget: float) -> dict[str, object]:
    """One machine."""
    machine, (train, test) = ebm.load(path), rows_of(path.stem)
    begun = time.monotonic()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the verdict is in the table
        found = ebm.log_z(machine, data=train, accuracy=accuracy, budget=budget)
    return {
        "model": path.stem,
        "log_z": round(found.value, 4),
        "stderr": round(found.stderr, 4),
        "method": found.method,
        "verdict": found.verdict,
        "reason": found.reason,
        "test": round(float(ebm.log_likelihood(machine, test, found).mean()), 4),
        "seconds": round(time.monotonic() - begun, 1),
        "estimates": {
            key: [round(e["value"], 3), round(e["stderr"], 3), e.get("trouble", "")]
            for key, e in found.estimates.items()
        },
    }


def main() -> None:
    """Measure what is not in the file yet, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="parts of the names of models, with commas")
    parser.add_argument("--accuracy", type=float, default=0.01)
    parser.add_argument("--budget", type=float, default=300.0)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "again.jsonl")
    chosen = parser.parse_args()
    rows = [json.loads(line) for line in chosen.out.read_text().splitlines()] if chosen.out.exists() else []
    done = {row["model"] for row in rows}
    for part in chosen.only.split(","):
        for path in sorted(MODELS.glob(f"*{part}*.npz" if part else "*.npz")):
            if path.stem not in done:
                done.add(path.stem)
                rows.append(measured(path, chosen.accuracy, chosen.budget))
                with chosen.out.open("a") as file:
                    file.write(json.dumps(rows[-1]) + "\n")
    print("| model | log Z | ± | test | by | verdict | seconds |\n|---|---|---|---|---|---|---|")
    for row in rows:
        why = f": {row['reason']}" if row["verdict"] == "do not trust" else ""
        numbers = f"{row['log_z']:.3f} | {row['stderr']:.3f} | {row['test']:.3f}"
        print(
            f"| {row['model']} | {numbers} | {row['method']} | {row['verdict']}{why} | {row['seconds']:.0f} |"
        )


if __name__ == "__main__":
    main()
