"""Couplings of `../shared/data/dwave62.npz`: 62 spins, 500 000 samples of a quantum annealer.

    python -m experiments.inverse.dwave [--out dwave.json]

Pseudo-likelihood and interaction screening with standard errors: seconds, memory, how far they agree. Without
a penalty a logarithm moves no minimum: logRISE is RISE.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path

import numpy as np

from ebm.inverse import Couplings, infer

DATA = Path(__file__).parents[3] / "shared" / "data" / "dwave62.npz"


def main() -> None:
    """Infer by all, and compare."""
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
    for method in ("pseudo_likelihood", "rise", "logrise"):
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
    told.append({"beside pseudo-likelihood": _apart(found["pseudo_likelihood"], found["rise"])})
    same = float(np.abs(found["logrise"].J - found["rise"].J).max())
    told.append({"largest difference of logrise from rise": same})
    print(json.dumps(told[-2:]))
    chosen.out.write_text(json.dumps(told, indent=2) + "\n")


def _apart(one: Couplings, other: Couplings) -> dict[str, float]:
    """Differences of couplings over the errors of both together."""
    i, j = np.triu_indices(62, 1)
    sigma = [found.stderr_J[i, j] for found in (one, other) if found.stderr_J is not None]
    z = (one.J - other.J)[i, j] / np.hypot(*sigma)
    return {
        "rms of the difference over errors": float(np.sqrt(np.mean(z**2))),
        "largest": float(np.abs(z).max()),
        "pairs beyond 3": int((np.abs(z) > 3).sum()),
    }


if __name__ == "__main__":
    main()
