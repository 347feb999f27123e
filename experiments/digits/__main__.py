"""How good are p(x) and the features of an RBM on scikit-learn's 8x8 digits?

Runs configs/digits.toml and configs/digits-grey.toml on several splits of the data and prints averages:

    python -m experiments.digits [--splits 0 1 2] [--out runs/digits-splits]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from ebm import experiment

CONFIGS = Path(__file__).parents[2] / "configs"
TARGETS = {  # what was asked for, held-out error in %
    "digits": {"softmax on the data": 6.8},
    "digits-grey": {"softmax on the data": 3.0, "both layers fine-tuned": 2.7},
}


def summary(name: str, split: int, out: Path, *overrides: str) -> dict:
    """The summary of one run, computed unless it is there."""
    directory = out / f"{name}-{split}"
    if not (directory / "summary.json").exists():
        settings = [f"data.seed={split}", *overrides]
        experiment.run(CONFIGS / f"{name}.toml", settings, out=directory, overwrite=directory.exists())
    return json.loads((directory / "summary.json").read_text())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--splits", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=Path("runs/digits-splits"))
    args = parser.parse_args()
    lines = [f"| what, mean over splits {args.splits} | measured | each | reference |", "|---|---|---|---|"]
    for name, targets in TARGETS.items():
        runs = [summary(name, split, args.out) for split in args.splits]
        for kind in runs[0]["heldout_error"]:
            errors = 100 * np.array([run["heldout_error"][kind] for run in runs])
            each = ", ".join(f"{e:.2f}" for e in errors)
            target = targets.get(kind, "")
            lines.append(f"| {name}: held-out error, {kind}, % | {errors.mean():.2f} | {each} | {target} |")
        if "log_likelihood_test" in runs[0]:
            scores = np.array([run["log_likelihood_test"] for run in runs])
            trees = np.array([run["baselines"]["Chow–Liu tree"] for run in runs])
            each = ", ".join(f"{s:.2f}" for s in scores)
            lines.append(f"| {name}: test log-likelihood, nats per row | {scores.mean():.2f} | {each} | |")
            gain = scores - trees
            better = ", ".join(f"{d:.2f}" for d in gain)
            lines.append(
                f"| {name}: above a Chow–Liu tree by, nats per row | {gain.mean():.2f} | {better} | 2.5 |"
            )
    small = "machine.n_hidden=16", "train.log_likelihood=exact"
    ais = summary("digits", args.splits[0], args.out / "small", *small)["log_z"]
    exact = summary("digits", args.splits[0], args.out / "small-exact", *small, "log_z.method=exact")["log_z"]
    error = f"{ais['value'] - exact['value']:+.3f} | ± {ais['stderr']:.3f}"
    lines.append(f"| digits, 16 hidden: AIS − exact log Z, nats | {error} | within 0.3 |")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
