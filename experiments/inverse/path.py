"""Lasso paths of a network of 100 spins, 5000 rows, 100 penalties: `ising_network` beside scikit-learn.

    python -m experiments.inverse.path [--out path.json]

scikit-learn's time is that of ten of the 10 000 regressions; processor time, one thread.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

import ebm
from ebm.inverse import ising_network


def main() -> None:
    """Time both."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "path.json")
    chosen = parser.parse_args()
    rng, n = np.random.default_rng(0), 100
    i, j = np.triu_indices(n, 1)
    there = rng.choice(len(i), 150, replace=False)
    J = np.zeros((n, n))
    J[i[there], j[there]] = 0.4 * rng.choice([-1, 1], 150)
    x = ebm.sample(ebm.BoltzmannMachine(ebm.Ising(), J + J.T), 5000, seed=1, progress=False).x
    ising_network(x[:200, :10])  # compiles
    began = time.process_time()
    found = ising_network(x, whole=True)
    told: dict[str, object] = {"ours, seconds": time.process_time() - began, "edges": len(found.edges)}
    began = time.process_time()
    same = ising_network(x).edges == found.edges
    told |= {"ours to EBIC's minimum, seconds": time.process_time() - began, "same edges": same}
    for solver in ("liblinear", "saga"):
        seconds, worst, fits = 0.0, 0.0, [(k, unit) for k in range(4, 100, 19) for unit in (3, 50)]
        for k, unit in fits:
            others = np.arange(n) != unit
            how = {"l1_ratio": 1.0} if solver == "saga" else {"penalty": "l1", "intercept_scaling": 1000.0}
            model = LogisticRegression(
                C=1 / (found.penalties[k] * 5000),
                solver=solver,
                tol=1e-7,
                max_iter=5000,
                random_state=0,
                **how,
            )
            began = time.process_time()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model.fit(x[:, others], x[:, unit])
            seconds += time.process_time() - began
            worst = max(worst, float(np.abs(model.coef_[0] - found.path[k].toarray()[unit, others]).max()))
        told[solver] = {"seconds for all": seconds / len(fits) * 100 * n, "largest difference": worst}
    print(json.dumps(told, indent=2))
    chosen.out.write_text(json.dumps(told, indent=2) + "\n")


if __name__ == "__main__":
    main()
