"""Does a run killed with SIGKILL end with the same model?

Runs a config once without interruption; then again, killed at random moments and resumed each time; then
compares every array of the two model.npz files bit by bit:

    python -m experiments.resume [--config configs/digits.toml] [--kills 3] [--seed 0]
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

EBM = [sys.executable, "-m", "ebm"]


def call(*args: str, kill_after: float | None = None) -> tuple[float, int]:
    """Run ebm, perhaps kill it; return the seconds it lived and its exit code."""
    began = time.perf_counter()
    process = subprocess.Popen([*EBM, *args], stdout=subprocess.DEVNULL)
    try:
        process.wait(kill_after)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
    return time.perf_counter() - began, process.returncode


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", default="configs/digits.toml")
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--out", type=Path, default=Path("runs/resume"))
    args = parser.parse_args()
    shutil.rmtree(args.out, ignore_errors=True)
    whole, broken = str(args.out / "whole"), str(args.out / "broken")
    seconds, code = call("run", args.config, "--out", whole)
    print(f"uninterrupted: {seconds:.1f} s, exit code {code}")
    moments = random.Random(args.seed)
    for k in range(args.kills):
        command = ["run", args.config, "--out", broken] if k == 0 else ["resume", broken]
        lived, code = call(*command, kill_after=moments.uniform(0.1, 0.35) * seconds)
        steps = sorted(path.stem for path in Path(broken, "checkpoints").glob("*.npz"))
        print(f"killed after {lived:.1f} s (exit code {code}); checkpoints: {', '.join(steps) or 'none'}")
    _, code = call("resume", broken)
    print(f"resumed to the end: exit code {code}")
    with np.load(f"{whole}/model.npz") as one, np.load(f"{broken}/model.npz") as other:
        same = one.files == other.files and all(np.array_equal(one[k], other[k]) for k in one.files)
    steps = [len(Path(run, "metrics.jsonl").read_text().splitlines()) for run in (whole, broken)]
    print(f"model.npz: {'the same, to the bit' if same else 'DIFFERENT'}; lines of metrics: {steps}")
    sys.exit(0 if same and steps[0] == steps[1] else 1)


if __name__ == "__main__":
    main()
