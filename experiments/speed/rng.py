"""Are the uniforms random as they are used? dieharder on the streams, in three orders of reading.

    python -m experiments.speed.rng [--tests 0,1,2,...] [--orders chain,chains,steps] [--key 1]

needs `dieharder` (Debian has it). Each uniform gives its leading 16 bits, two uniforms a word: those bits
decide units. The orders: along one chain (its units, then its next sweep), across chains (one unit in all
chains, then the next unit), across steps (one unit of one chain through its sweeps, then the next).
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ebm.kernels.numbers.random import uniform_rows

KEY = 0x9E3779B97F4A7C15
UNITS, CHAINS, SWEEPS = 1024, 256, 64
ORDERS = ("chain", "chains", "steps")
DEFAULT = "0,1,2,3,4,8,9,10,11,12,13,15,16,17,100,101,102,204,208,209"


def blocks(order: str, key: int) -> Iterator[np.ndarray]:
    """Uniforms (sweeps, chains, units) in one of the orders, for ever."""
    sweep = 0
    chains = 1 if order == "chain" else CHAINS
    while True:
        u = np.empty((SWEEPS, chains, UNITS), np.float32)
        for k in range(SWEEPS):
            uniform_rows(np.uint64(key), sweep + k, 0, 0, u[k])
        sweep += SWEEPS
        yield {"chain": u, "chains": u.transpose(0, 2, 1), "steps": u.transpose(1, 2, 0)}[order]


def write(order: str, key: int) -> None:
    """Write words to standard output until nobody reads."""
    out = sys.stdout.buffer
    try:
        for u in blocks(order, key):
            out.write((np.ascontiguousarray(u) * 65536).astype(np.uint16).tobytes())
    except BrokenPipeError:
        sys.stderr.close()


def judge(order: str, test: str, key: int) -> list[str]:
    """dieharder's lines for one test: name, p-value, assessment."""
    command = [sys.executable, "-m", "experiments.speed.rng", "--write", order, "--key", str(key)]
    source = subprocess.Popen(command, stdout=subprocess.PIPE)
    found = subprocess.run(
        ["dieharder", "-g", "200", "-d", test],
        stdin=source.stdout,
        capture_output=True,
        text=True,
        check=False,
    )
    assert source.stdout is not None
    source.stdout.close()
    source.wait()
    return [
        " | ".join(part.strip() for part in line.split("|"))
        for line in found.stdout.splitlines()
        if any(word in line for word in ("PASSED", "WEAK", "FAILED"))
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tests", default=DEFAULT, help="dieharder's numbers of tests")
    parser.add_argument("--orders", default=",".join(ORDERS))
    parser.add_argument("--key", default=KEY, type=lambda text: int(text, 0), help="the streams' 64-bit key")
    parser.add_argument("--out", type=Path, default=Path("runs/speed"))
    parser.add_argument("--write", choices=ORDERS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.write:
        write(args.write, args.key)
        return
    if shutil.which("dieharder") is None:
        raise SystemExit("dieharder is not installed: on Debian, apt install dieharder")
    args.out.mkdir(parents=True, exist_ok=True)
    lines = [
        "| order | test | ntup | tsamples | psamples | p-value | assessment |",
        "|---|---|---|---|---|---|---|",
    ]
    for order in args.orders.split(","):
        for test in args.tests.split(","):
            for line in judge(order, test, args.key):
                lines.append(f"| {order} | {line} |")
                print(lines[-1], flush=True)
            (args.out / "rng.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
