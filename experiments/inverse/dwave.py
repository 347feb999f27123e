"""Couplings of `../shared/data/dwave62.npz`: 62 spins, 500 000 samples of a quantum annealer.

    python -m experiments.inverse.dwave [--out dwave.json]

Pseudo-likelihood and interaction screening with standard errors: seconds, memory, how far they agree.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path

import numpy as np

from ebm.inverse import infer

DATA = Path(__file__).parents[3] / "shared" / "data" / "dwave62.npz"


def main() -> None:
    """Infer by both, and compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "dwave.json")
    chosen = parser.parse_args()
    with np.load(DATA) as arrays:
        bits = np.unpackbits(arrays["X_packed"], axis=1)[:, :62]
        counts = arrays["counts"].astype(float)
    rows = np.where(bits > 0, np.int8(1), np.int8(-1))
    found, told = {}, []
    for method in ("pseudo_likelihood", "rise"):
        began, cpu = time.perf_counter(), time.process_time()
        found[method] = infer(rows, method=method, weights=counts, n_effective=counts.sum())
        told.append(
            {
                "method": method, "seconds": round(time.perf_counter() - began, 1),
                "processor": round(time.process_time() - cpu, 1), "repr": repr(found[method]),
                "edges beyond 5 sigma": len(found[method].edges(least_z=5)),
                "peak MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            }
        )  # fmt: skip
        print(json.dumps(told[-1]), flush=True)
    i, j = np.triu_indices(62, 1)
    one, other = found["pseudo_likelihood"], found["rise"]
    sigma = np.hypot(one.stderr_J, other.stderr_J)[i, j]
    z = (one.J - other.J)[i, j] / sigma
    told.append(
        {
            "rms of the difference over errors": float(np.sqrt(np.mean(z**2))),
            "largest": float(np.abs(z).max()),
        }
    )
    print(json.dumps(told[-1]))
    chosen.out.write_text(json.dumps(told, indent=2) + "\n")


if __name__ == "__main__":
    main()
