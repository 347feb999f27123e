"""Which rule learns digits best in a given time? CD-1, PCD, centred, standardised, tempered; five seeds.

    python -m experiments.sweep.learners [--seconds 15] [--workers 2] [--out learners]

How long an epoch takes is measured in turns, and each rule has as many epochs as fit. The rate is the best of
three on another split of the rows (data.seed = 1). The runs stay in `out`: `ebm compare OUT` reads them.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

import ebm
from ebm import experiment
from ebm.experiment import RunDirectory

CONFIG = Path(__file__).parent / "learners.toml"
RULES: dict[str, dict[str, Any]] = {
    "CD-1": {"type": "CD", "k": 1},
    "PCD": {"type": "PCD", "n_chains": 100},
    "centred": {"type": "PCD", "n_chains": 100, "centred": True},
    "standardised": {"type": "PCD", "n_chains": 100, "standardised": True},
    "tempered": {
        "type": "PCD", "n_chains": 100, "centred": True, "sampler": {"type": "Tempering", "n_replicas": 4},
    },
}  # fmt: skip
RATES = (0.03, 0.1, 0.3)
LOOKS = 10  # evaluations in a run


def seconds_per_epoch() -> dict[str, float]:
    """By rule, of processor time on one thread: the best of turns, which other work disturbs least."""
    data = ebm.datasets.Digits().load()
    took: dict[str, list[float]] = {name: [] for name in RULES}
    ebm.set_num_threads(1)
    for turn in range(12):
        for name, rule in RULES.items():
            made = experiment.config.build_config(
                {
                    "machine": {"type": "RBM", "n_hidden": 64},
                    "rule": rule,
                    "train": {},
                    "data": {"type": "Digits"},
                },
                name,
            )
            machine, began = ebm.RBM.from_data(data.train, 64), time.process_time()
            ebm.fit(machine, data.train, rule=made.rule, epochs=4, batch_size=50, progress=False)
            if turn:  # the first compiles
                took[name].append((time.process_time() - began) / 4)
    return {name: min(times) for name, times in took.items()}


def learnt(
    name: str, epochs: int, rate: float, seeds: list[int], split: int, out: Path, workers: int
) -> list[dict[str, float]]:
    """Test log-likelihood, log Z's verdict and seconds of runs with some seeds."""
    overrides = [
        f"optimiser.rate.epochs={epochs}", f"train.evaluate_every={max(1, epochs // LOOKS)}",
        f"data.seed={split}",
    ]  # fmt: skip
    grid = {
        "rule": [RULES[name]],
        "train.epochs": [epochs],
        "optimiser.rate.start": [rate],
        "train.seed": seeds,
    }
    found = experiment.sweep(CONFIG, grid, overrides=overrides, out=out, workers=workers)
    return [_score(run) for run in found.runs.values()]


def _score(run: RunDirectory) -> dict[str, float]:
    summary = json.loads((run.path / "summary.json").read_text())
    rows = {row["quantity"]: row["value"] for row in summary["table"]}
    value = next(value for key, value in rows.items() if key.startswith("log-likelihood, test"))
    return {"test": float(value.partition("±")[0]), "seconds": summary["seconds"]}


def main() -> None:
    """Calibrate, choose the rates, run, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("learners"))
    chosen = parser.parse_args()
    file = chosen.out.with_name(f"{chosen.out.name}.json")
    told = json.loads(file.read_text()) if file.exists() else {"seconds_per_epoch": seconds_per_epoch()}
    file.write_text(json.dumps(told, indent=2) + "\n")  # so that a second start has the same epochs
    rows = []
    for name, each in told["seconds_per_epoch"].items():
        epochs = LOOKS * round(chosen.seconds / each / LOOKS)
        choice = {
            rate: learnt(name, epochs, rate, [100], 1, chosen.out.with_name(f"{chosen.out.name}-rates"), 1)[
                0
            ]["test"]
            for rate in RATES
        }
        rate = max(choice, key=lambda rate: choice[rate])
        scores = [
            run["test"] for run in learnt(name, epochs, rate, list(range(5)), 0, chosen.out, chosen.workers)
        ]
        error = np.std(scores, ddof=1) / np.sqrt(len(scores))
        rows.append({"rule": name, "epochs": epochs, "rate": rate, "rates": choice, "test": scores})
        print(f"| {name} | {epochs} | {rate:g} | {np.mean(scores):.3f} ± {error:.3f} |", flush=True)
    file.write_text(json.dumps(told | {"rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
