"""EBIC networks beside an oracle that is slow: the definition, written out with scikit-learn.

    python -m experiments.inverse.oracle [--out oracle.json]

20 generated sets, of 5 to 15 units in both codings, and three real ones of `../shared/data/debd.npz`. The
oracle solves every regression anew by `LogisticRegression(solver="saga")`, intercept unpenalised, over the
same penalties, adds up EBIC, takes each unit's least, and keeps the edges that both units have.
"""

from __future__ import annotations

import argparse
import json
import warnings
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

import ebm
from ebm.inverse import ising_network

DATA = Path(__file__).parents[3] / "shared" / "data" / "debd.npz"
_ZERO = 1e-7  # a slope below is one that saga has not yet brought to zero


def network(
    x: np.ndarray, gamma: float, n_penalties: int, ratio: float, rule: str = "and"
) -> tuple[set[tuple[int, int]], np.ndarray]:
    """The edges, and each unit's EBIC at each penalty: rows of two states, the upper one 1."""
    M, n = x.shape
    upper = x > 0
    slopes = np.abs(x.T @ (upper - upper.mean(0))) / M  # of the loss, without any edge
    np.fill_diagonal(slopes, 0)
    penalties = np.geomspace(slopes.max(), ratio * slopes.max(), n_penalties)
    ebic, there = np.empty((n_penalties, n)), np.zeros((n_penalties, n, n), bool)
    for i in range(n):
        others = np.arange(n) != i
        for k, penalty in enumerate(penalties):
            model = LogisticRegression(
                C=1 / (penalty * M), l1_ratio=1.0, solver="saga", tol=1e-8, max_iter=20_000, random_state=0
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model.fit(x[:, others], upper[:, i])
            there[k, i, others] = np.abs(model.coef_[0]) > _ZERO
            if not there[k, i].any():  # saga stops before the intercept, its only number then, is the best
                model.intercept_[:] = np.log(upper[:, i].mean() / (1 - upper[:, i].mean()))
            log_p = model.predict_log_proba(x[:, others])[np.arange(M), upper[:, i].astype(int)].sum()
            edges = there[k, i].sum()
            ebic[k, i] = -2 * log_p + edges * np.log(M) + 2 * gamma * edges * np.log(n - 1)
    chosen = there[ebic.argmin(0), np.arange(n)]
    both = chosen & chosen.T if rule == "and" else chosen | chosen.T
    return set(zip(*(place.tolist() for place in np.nonzero(np.triu(both, 1))), strict=True)), ebic


def generated() -> list[tuple[str, np.ndarray]]:
    """Rows of random networks."""
    made = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        n, m = int(rng.integers(5, 16)), int(rng.choice([200, 500, 1000, 2000, 5000]))
        i, j = np.triu_indices(n, 1)
        some = rng.choice(len(i), n, replace=False)
        J = np.zeros((n, n))
        J[i[some], j[some]] = rng.uniform(0.3, 0.8, n) * rng.choice([-1, 1], n)
        machine = ebm.BoltzmannMachine(ebm.Ising(), J + J.T, 0.3 * rng.normal(size=n))
        x = np.asarray(ebm.sample(machine, m, seed=seed, progress=False).x)
        made.append((f"seed {seed}", x if seed % 2 else (x + 1) / 2))
    return made


def real() -> list[tuple[str, np.ndarray]]:
    """Rows of debd: nltcs, and the columns of two others that change most."""
    found = []
    with np.load(DATA) as arrays:
        for name, n, m in (("nltcs", 16, 16_181), ("plants", 12, 5000), ("voting", 12, 1214)):
            d = int(arrays[f"{name}_d"])
            x = np.unpackbits(arrays[f"{name}_train"], axis=1)[:m, :d].astype(float)
            found.append((name, x[:, np.sort(np.argsort(-x.var(0), kind="stable")[:n])]))
    return found


def main() -> None:
    """Compare the edges of all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "oracle.json")
    parser.add_argument("--penalties", type=int, default=30)
    parser.add_argument("--real", action="store_true", help="the real sets alone, in minutes")
    chosen, told = parser.parse_args(), []
    for name, x in real() if chosen.real else generated() + real():
        expected, ebic = network(x, 0.25, chosen.penalties, 0.01)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = ising_network(x, n_penalties=chosen.penalties)
        apart = np.nanmax(np.abs(found.ebic - ebic) / np.abs(ebic))
        told.append({"set": name, "units": x.shape[1], "rows": len(x), "edges": len(expected)})
        told[-1] |= {"same": set(found.edges) == expected, "EBIC apart, relative": float(f"{apart:.1e}")}
        told[-1] |= {"same penalties": bool((found.chosen == (ebic < ebic.min(0) + 1e-6).argmax(0)).all())}
        print(json.dumps(told[-1]), flush=True)
    lines = ",\n  ".join(json.dumps(line) for line in told)
    chosen.out.write_text(f"[\n  {lines}\n]\n")


if __name__ == "__main__":
    main()
