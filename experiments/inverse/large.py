"""2000 spins with three neighbours each, couplings ±1, from 10 000 samples: `ising_network`.

    python -m experiments.inverse.large [--beta 0.5] [--n 2000] [--rows 10000] [--out large.json]

The samples are those of `ebm.sample`: its chains are as long as their measured autocorrelation asks, and its
diagnostics stand in the table. Edges are right where the graph has them; F1 of those, seconds, memory.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path

import numpy as np
import scipy.sparse

import ebm
from ebm.inverse import ising_network


def regular(n: int, degree: int, rng: np.random.Generator) -> np.ndarray:
    """A random graph of that degree, as pairs: matched anew until none is there twice or a loop."""
    while True:
        pairs = np.sort(rng.permutation(np.repeat(np.arange(n), degree)).reshape(-1, 2), 1)
        for _ in range(1000):
            key = pairs[:, 0] * n + pairs[:, 1]
            _, first, counts = np.unique(key, return_index=True, return_counts=True)
            bad = np.ones(len(pairs), bool)
            bad[first[counts >= 1]] = False
            bad |= pairs[:, 0] == pairs[:, 1]
            if not bad.any():
                return pairs
            some = np.flatnonzero(bad)
            some = np.union1d(some, rng.choice(len(pairs), len(some) + 1))
            pairs[some] = np.sort(rng.permutation(pairs[some].ravel()).reshape(-1, 2), 1)


def main() -> None:
    """Sample, find the edges, and count."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--beta", type=float, default=0.5)
    parser.add_argument("--n", type=int, default=2000)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--gamma", type=float, default=0.25)
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    n, rng = chosen.n, np.random.default_rng(0)
    pairs = regular(n, 3, rng)
    signs = chosen.beta * rng.choice([-1.0, 1.0], len(pairs))
    J = scipy.sparse.csr_array((signs, (pairs[:, 0], pairs[:, 1])), (n, n))
    began = time.perf_counter()
    drawn = ebm.sample(ebm.BoltzmannMachine(ebm.Ising(), J + J.T), chosen.rows, seed=1, progress=False)
    told: dict[str, object] = {"beta": chosen.beta, "units": n, "rows": chosen.rows}
    told |= {"sampling, seconds": round(time.perf_counter() - began, 1), "sampling": str(drawn.diagnostics)}
    x = np.asarray(drawn.x, np.int8)
    del drawn
    print(json.dumps(told), flush=True)
    ising_network(x[:200, :10])  # compiles
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    began, cpu = time.perf_counter(), time.process_time()
    found = ising_network(x, gamma=chosen.gamma)
    told |= {"seconds": round(time.perf_counter() - began, 1)}
    told |= {"processor": round(time.process_time() - cpu, 1), "peak before, GiB": round(before, 2)}
    told |= {"peak, GiB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)}
    truth, edges = set(map(tuple, pairs.tolist())), set(found.edges)
    told |= {"edges": len(truth), "found": len(edges), "right": len(truth & edges)}
    told |= {"F1": round(2 * len(truth & edges) / (len(truth) + len(edges)), 5)}
    told |= {"penalties followed, mean": round(float(np.isfinite(found.ebic).sum(0).mean()), 1)}
    J_true = (J + J.T).toarray()
    told |= {"signs right": all(J_true[e] * found.machine.J[e] > 0 for e in truth & edges)}
    print(json.dumps(told, indent=2))
    if chosen.out is not None:
        chosen.out.write_text(json.dumps(told, indent=2) + "\n")


if __name__ == "__main__":
    main()
