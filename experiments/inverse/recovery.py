"""Couplings of an Ising torus from 2000 independent samples: −log RMSE, beside those printed for EB-GFN.

    python -m experiments.inverse.recovery [--seeds 5] [--out recovery.jsonl]

Zhang et al., "Generative flow networks for discrete probabilistic modeling" (2022): p ∝ exp(xᵀ A x), A = σ
times the adjacency matrix; each pair stands twice, so that a pair's coupling is 2σ. RMSE is over A off its
diagonal. Samples: as many Swendsen–Wang chains, from a fair start.

Nothing is chosen by the truth. Estimates of 1600 rows compete by the pseudo-likelihood of the other 400, and
the winner is found again from all rows:

* sparse: pseudo-likelihood with L1 of λ = 0.2·√(log(N²/0.05)/M) (Lokhov et al. 2018), pairs that both sites
  couple; of these, found again with one coupling for both sites and a normal prior of standard deviation 1,
  those with |z| beyond what 5 % of data sets without couplings would have in any pair (Bonferroni); and once
  more with a normal prior as wide as they are on average;
* ridge: all pairs with L2 of 0.005 or 0.025;
* relevance: L2 of each pair by its variance in the step before, J² + stderr² (MacKay, "Bayesian
  interpolation", 1992), one to three steps from the better ridge, where that predicts better than sparse.

The bound: the Fisher matrix of the true edges and of all biases, from 20 000 samples. A row of
`recovery.jsonl` is one data set; rows that are there are kept.
"""

from __future__ import annotations

import argparse
import collections
import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.stats import norm

import ebm
from ebm.datasets import lattice
from ebm.inverse import Couplings, infer

Array = np.ndarray
PRINTED = {
    (10, 0.1): (6.1, 4.8), (10, 0.2): (5.1, 4.7), (10, 0.3): (3.4, 3.4), (10, 0.4): (2.6, 2.6),
    (10, 0.5): (2.3, 2.3), (9, -0.1): (5.7, 4.8), (9, -0.2): (5.1, 4.7),
}  # side and σ: EB-GFN, Gibbs  # fmt: skip
SAMPLES, SWEEPS, FALSE = 2000, 100, 0.05
RIDGES, STEPS, LEAST = (0.005, 0.025), 3, 1e-6


def machine_of(side: int, sigma: float) -> ebm.BoltzmannMachine:
    """p ∝ exp(xᵀ A x)."""
    return ebm.BoltzmannMachine(ebm.Ising(), 2 * sigma * lattice((side, side)).toarray())


def drawn(machine: ebm.BoltzmannMachine, count: int, seed: int) -> Array:
    """Samples of 2000 chains, independent if there are as many."""
    how = {
        "sampler": ebm.SwendsenWang(),
        "n_chains": SAMPLES,
        "burn_in": SWEEPS,
        "thin": 10,
        "progress": False,
    }
    return ebm.sample(machine, count, seed=seed, **how).x


def score(A: Array, truth: Array) -> float:
    """−log RMSE over pairs."""
    i, j = np.triu_indices(len(A), 1)
    return float(-0.5 * np.log(np.mean((A - truth)[i, j] ** 2)))


def refitted(x: Array, mask: Array, strength: float) -> Couplings:
    """Couplings of some pairs, one for both sites."""
    return infer(x, ebm.Ising(), penalty=ebm.L2(strength), mask=mask, symmetrise="joint")


def shrunk(x: Array, mask: Array, first: Array) -> Couplings:
    """Of some pairs, with a normal prior as wide as their first estimates."""
    return refitted(x, mask, 1 / (len(x) * np.mean(first[mask] ** 2)))


def sparse(x: Array) -> Couplings:
    """The pairs that L1 keeps and that are sure."""
    m, n = x.shape
    l1 = 0.2 * np.sqrt(np.log(n**2 / 0.05) / m)
    some = infer(x, ebm.Ising(), penalty=ebm.L1(l1), symmetrise="and")
    first = refitted(x, some.J != 0, 1 / m)
    sure = first.stderr_J > 0
    sure[sure] = np.abs(first.J[sure]) > norm.isf(FALSE / (n * (n - 1))) * first.stderr_J[sure]
    return shrunk(x, sure, first.J) if sure.any() else some


def ridges(x: Array, l2: float) -> Iterator[Couplings]:
    """All pairs; then again and again, each pair with a prior as wide as the last estimate says it is."""
    found = infer(x, ebm.Ising(), penalty=ebm.L2(l2))
    while True:
        yield found
        width = np.maximum(found.J**2 + np.nan_to_num(found.stderr_J, nan=1.0) ** 2, LEAST)
        found = infer(x, ebm.Ising(), penalty=ebm.L2(1 / len(x)), factors=2 / (width + width.T))


def inferred(x: Array) -> tuple[Array, str, dict[str, float]]:
    """A of the estimate that predicts best, its name, and how well all predicted."""
    learnt, held = x[: 4 * len(x) // 5], x[4 * len(x) // 5 :]
    scores = {"sparse": predicted(sparse(learnt), held)}
    tried = {l2: ridges(learnt, l2) for l2 in RIDGES}
    ways = {f"ridge {l2}": (l2, 0) for l2 in RIDGES}
    for name, (l2, _) in ways.items():
        scores[name] = predicted(next(tried[l2]), held)
    best = max(ways, key=scores.__getitem__)
    if scores[best] > scores["sparse"]:
        l2 = ways[best][0]
        for steps in range(1, STEPS + 1):
            ways[f"relevance {steps}"] = l2, steps
            scores[f"relevance {steps}"] = predicted(next(tried[l2]), held)
    won = max(scores, key=scores.__getitem__)
    if won == "sparse":
        return sparse(x).J / 2, won, scores
    l2, steps = ways[won]
    return next(itertools.islice(ridges(x, l2), steps, None)).J / 2, won, scores


def predicted(found: Couplings, x: Array) -> float:
    """Mean over rows of Σ_i log p(x_i | the others)."""
    return float(-np.logaddexp(0, -2 * x * (found.b + x @ found.J)).sum(1).mean())


def bound(machine: ebm.BoltzmannMachine) -> float | None:
    """−log RMSE of an estimate of the true edges that has the least variance."""
    J = machine.params["J"]
    x = drawn(machine, 10 * SAMPLES, seed=10_000).astype(np.float64)
    i, j = np.nonzero(np.triu(J))
    moments = np.hstack([x, x[:, i] * x[:, j]])
    moments -= moments.mean(0) * (np.arange(moments.shape[1]) >= len(J))  # of spins it is zero
    variance = np.linalg.inv(moments.T @ moments / len(x)).diagonal()[len(J) :] / SAMPLES
    pairs = len(J) * (len(J) - 1) / 2
    if variance.min() <= 0:  # pairs that were always alike: more samples are needed
        return None
    return float(-0.5 * np.log(variance.sum() / 4 / pairs))


def main() -> None:
    """Infer what is not there yet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "recovery.jsonl")
    chosen = parser.parse_args()
    lines = chosen.out.read_text().splitlines() if chosen.out.exists() else []
    rows = [json.loads(line) for line in lines]
    there = {(row["side"], row["sigma"], row["seed"]) for row in rows}
    for seed in range(chosen.seeds):
        for side, sigma in PRINTED:
            if (side, sigma, seed) in there:
                continue
            began, machine = time.process_time(), machine_of(side, sigma)
            x, truth = drawn(machine, SAMPLES, seed), machine.params["J"] / 2
            A, won, scores = inferred(x)
            true = truth != 0
            given = shrunk(x, true, refitted(x, true, 1 / SAMPLES).J).J / 2
            row = {
                "side": side, "sigma": sigma, "seed": seed, "score": score(A, truth), "won": won,
                "edges": int((A != 0).sum()) // 2, "right edges": int(((A != 0) & true).sum()) // 2,
                "true edges given": score(given, truth), "of no couplings": score(0 * A, truth),
                "held-out": scores,
            }  # fmt: skip
            if seed == 0:
                row["bound"] = bound(machine)
            row["seconds"] = time.process_time() - began
            rows.append(row)
            with chosen.out.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(json.dumps(row), flush=True)
    print("| torus | σ | EB-GFN | Gibbs | ours | won | edges (right) of | true edges given | bound | A = 0 |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for (side, sigma), (theirs, gibbs) in PRINTED.items():
        of = [row for row in rows if (row["side"], row["sigma"]) == (side, sigma)]
        scores, given = ([row[name] for row in of] for name in ("score", "true edges given"))
        spread = np.std(scores, ddof=1) / np.sqrt(len(of)) if len(of) > 1 else np.nan
        edges, right = (np.mean([row[name] for row in of]) for name in ("edges", "right edges"))
        least = f"{of[0]['bound']:.2f}" if of[0]["bound"] else "–"
        won = ", ".join(f"{name} {k}×" for name, k in collections.Counter(row["won"] for row in of).items())
        print(
            f"| {side}×{side} | {sigma} | {theirs} | {gibbs} | {np.mean(scores):.2f} ± {spread:.2f} | {won} |"
            f" {edges:.0f} ({right:.0f}) of {2 * side * side} | {np.mean(given):.2f} | {least} |"
            f" {of[0]['of no couplings']:.2f} |"
        )


if __name__ == "__main__":
    main()
