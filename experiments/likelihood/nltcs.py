"""A fully connected machine without hidden units on NLTCS (16 bits): one optimum, and who reaches it.

    python -m experiments.likelihood.nltcs

Exact log-likelihoods, nats per row, after each way of learning.
"""

from __future__ import annotations

import time

import numpy as np

import ebm
from experiments.likelihood.data import debd


def machine() -> ebm.BoltzmannMachine:
    """Where everybody starts."""
    return ebm.BoltzmannMachine(ebm.Bernoulli(), np.zeros((16, 16)), np.zeros(16))


def scores(m: ebm.BoltzmannMachine, sets: dict[str, np.ndarray]) -> list[float]:
    """Mean log-likelihood of every set."""
    log_z = m.exact(stats=False)[0]
    return [float(ebm.log_likelihood(m, rows, log_z).mean()) for rows in sets.values()]


def gradient_norm(rule: object, m: ebm.BoltzmannMachine, rows: np.ndarray, weights: np.ndarray) -> float:
    """Of a rule's exact gradient, each coupling once."""
    g = rule.gradient(m, (rows, weights), {}, ebm.Stream(0))[0]
    return float(np.sqrt(np.square(g["b"]).sum() + 0.5 * np.square(g["J"]).sum()))


def descend(rule: object, rows: np.ndarray, weights: np.ndarray, rate: float, n: int) -> ebm.BoltzmannMachine:
    """All rows in every step, with momentum."""
    m = machine()
    optimiser = ebm.SGD(rate, momentum=0.95)
    ebm.fit(m, rows, weights=weights, rule=rule, optimiser=optimiser, epochs=n, batch_size=len(rows))
    return m


def main() -> None:
    sets = debd("nltcs")
    train = sets["train"]
    rows, counts = np.unique(train, axis=0, return_counts=True)
    weights = counts.astype(float)
    print(f"{len(train)} rows, {len(rows)} distinct\n")
    print("| learning | train | valid | test | gradient norm | seconds |\n|---|---|---|---|---|---|")

    def line(name: str, m: ebm.BoltzmannMachine, begun: float, rule: object) -> None:
        seconds, norm = time.monotonic() - begun, gradient_norm(rule, m, rows, weights)
        cells = " | ".join(f"{s:.4f}" for s in scores(m, sets))
        print(f"| {name} | {cells} | {norm:.1e} | {seconds:.1f} |", flush=True)

    begun = time.monotonic()
    best = machine()
    found = ebm.maximise(best, rows, weights=weights, tolerance=1e-11)
    line(f"exact, L-BFGS and Newton ({found.n_evaluations} evaluations)", best, begun, ebm.Exact())
    for name, rule, rate, n in (
        ("pseudo-likelihood", ebm.PseudoLikelihood(), 0.1, 3000),
        ("minimum probability flow", ebm.MinimumProbabilityFlow(), 0.03, 6000),
        ("ratio matching", ebm.RatioMatching(), 0.3, 3000),
    ):
        begun = time.monotonic()
        line(f"{name}, its own gradient", descend(rule, rows, weights, rate, n), begun, rule)
    begun = time.monotonic()
    m, epochs = machine(), 50
    rule = ebm.PCD(n_chains=1000, centred=True)
    optimiser = ebm.Averaged(ebm.SGD(ebm.Linear(0.05, 0.0, epochs=epochs)), start=epochs / 2)
    ebm.fit(m, train, rule=rule, optimiser=optimiser, epochs=epochs, batch_size=100, validation=sets["valid"])
    line("PCD-1, centred, 1000 chains; exact gradient", m, begun, ebm.Exact())


if __name__ == "__main__":
    main()
