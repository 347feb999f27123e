"""How often 95 % intervals hold the true coupling: Boltzmann learning, and estimates with penalties.

    python -m experiments.inverse.coverage [--spins 6] [--betas 0.5 1] [--sets 100] [--out coverage.jsonl]

SK machines as in `bound`, 1000 rows, drawn exactly; of all pairs. A penalty L2(1/M) is the normal prior of
standard deviation 1; errors with a penalty are those of the penalised estimate's scatter and know nothing of
its bias. A row of `coverage.jsonl` is one machine by one method; rows that are there are kept.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np

import ebm
from ebm.inverse import infer
from experiments.inverse.bound import sherrington_kirkpatrick, spins

SAMPLES = 1000
PENALTIES = {"none": None, "L2(1/M)": 1 / SAMPLES, "L2(0.01)": 0.01, "L2(0.03)": 0.03}
METHODS = {
    **{f"maximum_likelihood, {name}": ("maximum_likelihood", l2) for name, l2 in PENALTIES.items()},
    **{f"pseudo_likelihood, {name}": ("pseudo_likelihood", l2) for name, l2 in PENALTIES.items()},
    "boltzmann, none": ("boltzmann", None),
    "boltzmann, L2(0.01)": ("boltzmann", 0.01),
}


def measured(n: int, beta: float, name: str, sets: int) -> dict[str, object]:
    """Coverage over data sets of one machine."""
    x, J = spins(n), sherrington_kirkpatrick(n, beta)
    p = np.exp(0.5 * np.einsum("ki,ij,kj->k", x, J, x))
    p /= p.sum()
    i, j = np.triu_indices(n, 1)
    rng = np.random.default_rng([n, round(10 * beta), SAMPLES])  # the same data for all methods
    method, l2 = METHODS[name]
    inside, z, said = np.empty((sets, len(i))), np.empty((sets, len(i))), 0
    for k in range(sets):
        counts = rng.multinomial(SAMPLES, p)
        some = counts > 0
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = infer(
                x[some], ebm.Ising(), method, weights=counts[some], n_effective=SAMPLES, seed=k,
                penalty=None if l2 is None else ebm.L2(l2),
            )  # fmt: skip
        said += len(caught)
        low, high = found.intervals()[:, i, j]
        inside[k] = (low <= J[i, j]) & (J[i, j] <= high)
        z[k] = (found.J[i, j] - J[i, j]) / found.stderr_J[i, j]
    of_sets = inside.mean(1)
    return {
        "n": n, "beta": beta, "method": name, "sets": sets, "remarks": said, "coverage": of_sets.mean(),
        "coverage error": of_sets.std(ddof=1) / np.sqrt(sets), "rms z": np.sqrt(np.mean(z**2)),
        "largest bias": np.abs(z.mean(0)).max(),
    }  # fmt: skip


def main() -> None:
    """Measure what is not there yet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--spins", type=int, default=6)
    parser.add_argument("--betas", type=float, nargs="+", default=(0.5, 1.0))
    parser.add_argument("--sets", type=int, default=100)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "coverage.jsonl")
    chosen = parser.parse_args()
    lines = chosen.out.read_text().splitlines() if chosen.out.exists() else []
    rows = [json.loads(line) for line in lines]
    there = {(row["n"], row["beta"], row["method"]) for row in rows}
    for name in METHODS:
        for beta in chosen.betas:
            if (chosen.spins, beta, name) in there:
                continue
            began = time.process_time()
            row = measured(chosen.spins, beta, name, chosen.sets)
            row["seconds"] = round(time.process_time() - began, 1)
            rows.append(json.loads(json.dumps(row, default=float)))
            with chosen.out.open("a") as file:
                file.write(json.dumps(rows[-1]) + "\n")
    print("| N | β | method | 95 % intervals hold, % | rms z | largest bias of a pair, standard errors |")
    print("|---|---|---|---|---|---|")
    for row in rows:
        print(
            f"| {row['n']} | {row['beta']} | {row['method']} | {100 * row['coverage']:.1f} ±"
            f" {100 * row['coverage error']:.1f} | {row['rms z']:.2f} | {row['largest bias']:.2f} |"
        )


if __name__ == "__main__":
    main()
