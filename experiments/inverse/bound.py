"""SK machines of 10 and 12 spins: errors of couplings beside the least there can be, by enumeration.

    python -m experiments.inverse.bound [--spins 10 12] [--betas …] [--out bound.jsonl]

Data sets are drawn exactly. √M·rms(ΔJ) over all of them stands beside the Fisher bound (maximum
likelihood) and beside each other method's own sandwich of the whole distribution; both are computed here,
apart from what the package does. Minimum probability flow of two states is RISE: compared once a machine.
Coverage: how often 95 % intervals hold the coupling. A row of `bound.jsonl` is one machine with one number of
samples; rows that are there are kept.
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

Array = np.ndarray
METHODS = {
    "maximum_likelihood": {"method": "maximum_likelihood"},
    "pseudo_likelihood": {"method": "pseudo_likelihood"},
    "joint pseudo_likelihood": {"method": "pseudo_likelihood", "symmetrise": "joint"},
    "rise": {"method": "rise"},
}
SETS = {100_000: 200, 1000: 100}  # data sets of so many samples
BETAS = (0.3, 0.5, 0.7, 1.0)


def sherrington_kirkpatrick(n: int, beta: float) -> Array:
    """Normal couplings of variance β²/n, the same at all β."""
    J = np.triu(np.random.default_rng(n).standard_normal((n, n)), 1)
    return beta / np.sqrt(n) * (J + J.T)


def spins(n: int) -> Array:
    """All states, (2^n, n)."""
    return 2.0 * (np.arange(2**n)[:, None] >> np.arange(n) & 1) - 1


def least(x: Array, p: Array) -> Array:
    """Variances of couplings for one row, by the inverse of the Fisher matrix, (pairs,)."""
    n = x.shape[1]
    i, j = np.triu_indices(n, 1)
    moments = np.hstack([x, x[:, i] * x[:, j]])
    centred = moments - p @ moments
    return np.linalg.inv((centred * p[:, None]).T @ centred).diagonal()[n:]


def sandwich(x: Array, p: Array, J: Array, name: str) -> Array:
    """Variances of couplings for one row, of the mean of both sites' estimates or of joint ones, (pairs,)."""
    n = x.shape[1]
    i, j = np.triu_indices(n, 1)
    place = np.zeros((n, n), int)  # in one vector of biases and couplings
    place[i, j] = place[j, i] = n + np.arange(len(i))
    np.fill_diagonal(place, np.arange(n))
    total = n + len(i)
    moved, scores, hessian = np.zeros((len(x), n, n)), np.zeros((len(x), total)), np.zeros((total, total))
    for k in range(n):
        design = x.copy()
        design[:, k] = 1.0
        z = x[:, k] * (x @ J[k])
        if "likelihood" in name:
            slope, bend = -x[:, k] * (1 - np.tanh(z)), 1 / np.cosh(z) ** 2
        else:
            slope, bend = -x[:, k] * np.exp(-z), np.exp(-z)
        score, H = slope[:, None] * design, (design * (p * bend)[:, None]).T @ design
        moved[:, k] = score @ np.linalg.inv(H)
        scores[:, place[k]] += score
        hessian[np.ix_(place[k], place[k])] += H
    if "joint" in name:
        return p @ (scores @ np.linalg.inv(hessian))[:, n:] ** 2
    return p @ ((moved[:, i, j] + moved[:, j, i]) / 2) ** 2


def measured(n: int, beta: float, samples: int, sets: int) -> dict[str, object]:
    """Errors of every method over data sets of one machine."""
    x, J = spins(n), sherrington_kirkpatrick(n, beta)
    p = np.exp(0.5 * np.einsum("ki,ij,kj->k", x, J, x))
    p /= p.sum()
    i, j = np.triu_indices(n, 1)
    truth = J[i, j]
    rng = np.random.default_rng([n, round(10 * beta), samples])
    wrong = {name: np.empty((sets, len(i))) for name in METHODS}
    stderr = {name: np.empty((sets, len(i))) for name in METHODS}
    said = 0
    flow, rise = (
        infer(x, ebm.Ising(), weights=p, n_effective=1, method=name) for name in ("probability_flow", "rise")
    )
    np.testing.assert_allclose(flow.stderr_J, rise.stderr_J, rtol=1e-9)
    for k in range(sets):
        counts = rng.multinomial(samples, p)
        some = counts > 0
        for name, how in METHODS.items():
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                found = infer(x[some], ebm.Ising(), weights=counts[some], n_effective=samples, **how)
            said += len(caught)
            wrong[name][k], stderr[name][k] = found.J[i, j] - truth, found.stderr_J[i, j]
    out: dict[str, object] = {"n": n, "beta": beta, "samples": samples, "sets": sets, "remarks": said}
    for name in METHODS:
        variance = least(x, p) if name == "maximum_likelihood" else sandwich(x, p, J, name)
        bound, rms = np.sqrt(variance.mean()), np.sqrt(samples * np.mean(wrong[name] ** 2))
        of_sets = samples * np.mean(wrong[name] ** 2, axis=1)
        inside = np.mean(np.abs(wrong[name]) < 1.959964 * stderr[name], axis=1)
        out[name] = {
            "root M rms": rms, "its error": of_sets.std(ddof=1) / np.sqrt(sets) / (2 * rms),
            "bound": bound, "ratio": rms / bound, "coverage": inside.mean(),
            "coverage error": inside.std(ddof=1) / np.sqrt(sets),
            "Fisher bound": np.sqrt(least(x, p).mean()),
        }  # fmt: skip
    return out


def main() -> None:
    """Measure what is not there yet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--spins", type=int, nargs="+", default=(10, 12))
    parser.add_argument("--betas", type=float, nargs="+", default=BETAS)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "bound.jsonl")
    chosen = parser.parse_args()
    lines = chosen.out.read_text().splitlines() if chosen.out.exists() else []
    rows = [json.loads(line) for line in lines]
    there = {(row["n"], row["beta"], row["samples"]) for row in rows}
    for n in chosen.spins:
        for samples, sets in SETS.items():
            for beta in chosen.betas:
                if (n, beta, samples) in there:
                    continue
                began = time.process_time()
                row = measured(n, beta, samples, sets) | {"seconds": time.process_time() - began}
                rows.append(json.loads(json.dumps(row, default=float)))
                with chosen.out.open("a") as file:
                    file.write(json.dumps(rows[-1]) + "\n")
    print("| N | β | M | method | √M·rms(ΔJ) | its bound | ratio | coverage |")
    print("|---|---|---|---|---|---|---|---|")
    for row in sorted(rows, key=lambda row: (row["n"], -row["samples"], row["beta"])):
        for name in METHODS:
            m = row[name]
            print(
                f"| {row['n']} | {row['beta']} | {row['samples']} | {name} |"
                f" {m['root M rms']:.4f} ± {m['its error']:.4f} | {m['bound']:.4f} | {m['ratio']:.3f} |"
                f" {100 * m['coverage']:.1f} ± {100 * m['coverage error']:.1f} |"
            )


if __name__ == "__main__":
    main()
