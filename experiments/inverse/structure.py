"""How many samples it takes to find every edge: RISE, logRISE and pseudo-likelihood with L1.

    python -m experiments.inverse.structure [--only SYSTEM ...] [--out structure.jsonl]

After Lokhov, Vuffray, Misra & Chertkov, "Optimal structure and parameter learning of Ising models" (2018):
all couplings are ±β, L1 of λ = c·√(log(N²/0.05)/M) with c = 0.4 (RISE), 0.8 (logRISE), 0.2
(pseudo-likelihood), the mean of what both sites say, an edge where it is β/2 or more. M* is the least
number of samples, on a grid of ratio √2, of which 45 of 45 data sets give all edges and no others: more than
95 % do, with 90 % confidence. Couplings without fields; biases are inferred all the same. Samples: exactly,
of 16 spins; of more, independent Gibbs chains of 300 sweeps. A row of `structure.jsonl` is an M* of one
system, β and method; rows that are there are kept.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from functools import cache
from pathlib import Path

import numpy as np

import ebm
from ebm.datasets import lattice, random_regular
from ebm.inverse import infer

Array = np.ndarray
FACTORS = {"rise": 0.4, "logrise": 0.8, "pseudo_likelihood": 0.2}
TRIALS, SWEEPS = 45, 300
LEAST, MOST = 64, 2**18  # samples
SYSTEMS = {
    "4×4 torus, ferromagnet": lambda: lattice((4, 4)),
    "4×4 torus, ±": lambda: lattice((4, 4), disorder="binary", seed=1),
    "3-regular, 16, ±": lambda: random_regular(16, 3, disorder="binary", seed=1),
    "3-regular, 32, ±": lambda: random_regular(32, 3, disorder="binary", seed=1),
    "3-regular, 64, ±": lambda: random_regular(64, 3, disorder="binary", seed=1),
}
BETAS = (0.3, 0.5, 0.7, 0.9)


@cache
def probabilities(name: str, beta: float) -> tuple[Array, Array]:
    """All states and their probabilities."""
    J = beta * SYSTEMS[name]().toarray()
    n = len(J)
    x = (2 * (np.arange(2**n)[:, None] >> np.arange(n) & 1) - 1).astype(np.int8)
    p = np.concatenate([np.exp(0.5 * ((part @ J) * part).sum(1)) for part in np.array_split(x, 64)])
    return x, p / p.sum()


def drawn(name: str, beta: float, count: int, trial: int) -> tuple[Array, Array]:
    """Distinct rows and how often each was drawn."""
    J = beta * SYSTEMS[name]().toarray()
    if len(J) <= 16:
        x, p = probabilities(name, beta)
        counts = np.random.default_rng([trial, count]).multinomial(count, p)
        return x[counts > 0], counts[counts > 0]
    machine = ebm.BoltzmannMachine(ebm.Ising(), J)
    how = {"sampler": ebm.Gibbs(), "n_chains": count, "burn_in": SWEEPS, "progress": False}
    x = ebm.sample(machine, count, seed=trial, **how).x
    return x, np.ones(len(x))


def finds(name: str, beta: float, method: str, count: int, trial: int) -> bool:
    """Whether a data set gives all edges and no others."""
    J = SYSTEMS[name]().toarray()
    x, counts = drawn(name, beta, count, trial)
    strength = FACTORS[method] * np.sqrt(np.log(len(J) ** 2 / 0.05) / count)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # units that never change
        found = infer(
            x, ebm.Ising(), method, penalty=ebm.L1(strength), weights=counts, n_effective=counts.sum()
        )
    return bool(np.array_equal(np.abs(found.J) >= beta / 2, J != 0))


def enough(name: str, beta: float, method: str, count: int) -> bool:
    """Whether all data sets do; ends at the first that does not."""
    return all(finds(name, beta, method, count, trial) for trial in range(TRIALS))


def least(name: str, beta: float, method: str, first: int) -> int | None:
    """M*, looked for from a guess; None beyond the most."""
    grid = [round(LEAST * 2 ** (k / 2)) for k in range(int(2 * np.log2(MOST / LEAST)) + 1)]
    k = int(np.searchsorted(grid, first))
    if enough(name, beta, method, grid[k]):
        while k > 0 and enough(name, beta, method, grid[k - 1]):
            k -= 1
        return grid[k]
    while k + 1 < len(grid):
        k += 1
        if enough(name, beta, method, grid[k]):
            return grid[k]
    return None


def slope(betas: Array, counts: Array) -> tuple[float, float]:
    """γ of M* ∝ e^(2γβ) by least squares of log M*, and its standard error, of residuals or of the grid."""
    design = np.stack([np.ones(len(betas)), 2 * betas], axis=1)
    y = np.log(counts)
    theta = np.linalg.lstsq(design, y, rcond=None)[0]
    freedom = max(len(y) - 2, 1)
    spread = max(np.sum((y - design @ theta) ** 2) / freedom, (np.log(2) / 2) ** 2 / 12)
    return float(theta[1]), float(np.sqrt(spread * np.linalg.inv(design.T @ design)[1, 1]))


def main() -> None:
    """Find what is not there yet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=tuple(SYSTEMS), default=tuple(SYSTEMS))
    parser.add_argument("--betas", type=float, nargs="+", default=BETAS)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "structure.jsonl")
    chosen = parser.parse_args()
    lines = chosen.out.read_text().splitlines() if chosen.out.exists() else []
    rows = [json.loads(line) for line in lines]
    there = {(row["system"], row["beta"], row["method"]): row["samples"] for row in rows}
    for name in chosen.only:
        for method in FACTORS:
            guess = 512
            for beta in chosen.betas:
                if (name, beta, method) not in there:
                    began = time.process_time()
                    count = least(name, beta, method, guess)
                    row = {"system": name, "beta": beta, "method": method, "samples": count}
                    row["seconds"] = time.process_time() - began
                    rows.append(row)
                    there[name, beta, method] = count
                    with chosen.out.open("a") as file:
                        file.write(json.dumps(row) + "\n")
                    print(json.dumps(row), flush=True)
                guess = there[name, beta, method] or MOST
    report(rows)


def report(rows: list[dict[str, object]]) -> None:
    """M* by β, and how it grows."""
    betas = sorted({row["beta"] for row in rows})
    print("| system | method | " + " | ".join(f"β = {beta}" for beta in betas) + " | γ from the least on |")
    print("|---|---" + "|---" * len(betas) + "|---|")
    for name in SYSTEMS:
        for method in FACTORS:
            of = {
                row["beta"]: row["samples"]
                for row in rows
                if (row["system"], row["method"]) == (name, method)
            }
            if not of:
                continue
            known = [beta for beta in betas if of.get(beta)]
            lowest = min(known, key=lambda beta: of[beta], default=0)
            rising = np.array([beta for beta in known if beta >= lowest])
            said = "–"
            if len(rising) >= 3:
                said = "{:.2f} ± {:.2f}".format(*slope(rising, np.array([of[beta] for beta in rising])))
            cells = [str(of[beta] or f"> {MOST}") if beta in of else "" for beta in betas]
            print(f"| {name} | {method} | " + " | ".join(cells) + f" | {said} |")


if __name__ == "__main__":
    main()
