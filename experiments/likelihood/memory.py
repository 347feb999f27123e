"""How much memory does learning from a file larger than it take?

    python -m experiments.likelihood.memory [--gigabytes 4.2] [--folder DIR]

Writes an .npy of random bits, one byte each, 784 to a row; one process learns an RBM 784-64 from 20 000 of
its rows in memory, another from the file, one epoch. Peak resident memory of both, and their rates.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import ebm

WIDTH, CHUNK = 784, 50_000


def write(path: Path, gigabytes: float) -> int:
    """A file of that size; its number of rows."""
    n, rng = int(gigabytes * 1e9) // WIDTH, np.random.default_rng(0)
    header = {"descr": "|u1", "fortran_order": False, "shape": (n, WIDTH)}
    with path.open("wb") as file:  # not through a map, whose pages a child process would be charged with
        np.lib.format.write_array_header_1_0(file, header)
        for k in range(0, n, CHUNK):
            size = min(CHUNK, n - k) * WIDTH
            file.write(np.unpackbits(rng.integers(0, 256, -(-size // 8), np.uint8))[:size].tobytes())
    return n


def learn(path: Path, n: int | None) -> None:
    """An epoch over the file, or over its first n rows in memory."""
    data = np.load(path, mmap_mode="r")
    data = data if n is None else np.array(data[:n])
    machine = ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), WIDTH, 64, dtype=np.float32)
    begun = time.monotonic()
    ebm.fit(machine, data, optimiser=ebm.SGD(0.01), epochs=1, batch_size=500)
    seconds = time.monotonic() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{len(data)} {peak:.0f} {len(data) / seconds:.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=4.2)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--learn", nargs=2, metavar=("PATH", "ROWS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.learn:
        path, n = options.learn
        learn(Path(path), int(n) or None)
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        path = Path(folder) / "rows.npy"
        write(path, options.gigabytes)
        print(f"file: {path.stat().st_size / 1e9:.2f} GB\n")
        print("| data | rows | peak, MiB | rows/s |\n|---|---|---|---|")
        for name, n in (("20 000 rows in memory", 20_000), ("the file, memory-mapped", 0)):
            command = [sys.executable, "-m", "experiments.likelihood.memory", "--learn", str(path), str(n)]
            found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
            print(f"| {name} | " + " | ".join(found) + " |", flush=True)


if __name__ == "__main__":
    main()
