"""Does trajectory tempering give the clusters of multimodal data their weights, where Gibbs fails?

    python -m experiments.trajectory mickey|genes [--train] [--seed 0]

samples the machines under models/ (`--train` learns them first, with a fixed seed): plain Gibbs from noise
and from data, and trajectory tempering from noise; it prints the README's tables and draws the figure.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from scipy.stats import ks_2samp

import ebm
from experiments.trajectory.data import FILES, Map, load
from experiments.trajectory.figure import draw
from experiments.trajectory.learning import exact_draws, learn

HERE = Path(__file__).parent
SWEEPS = 10_000  # of plain Gibbs
LEVEL = 0.001  # of the test that two sets of chains agree, all observables together


def paths(name: str) -> list[Path]:
    """The files of the ladder of a data set, the easiest machine first."""
    return sorted((HERE / "models").glob(f"{name}-*.npz"))


def save(name: str, machines: tuple[ebm.RBM, ...]) -> None:
    """Put a ladder in place of the one under models/."""
    for path in paths(name):
        path.unlink()
    (HERE / "models").mkdir(exist_ok=True)
    for k, machine in enumerate(machines):
        ebm.save(HERE / "models" / f"{name}-{k:02d}.npz", machine)


def gibbs(machine: ebm.RBM, x: np.ndarray, seed: int) -> np.ndarray:
    """The states after SWEEPS sweeps."""
    return machine.sweep(x, ebm.Stream(seed), SWEEPS)


def temper(
    ladder: tuple[ebm.RBM, ...], steps: int, n: int, plane: Map, seed: int, x: np.ndarray | None = None
) -> tuple[np.ndarray, ebm.samplers.Ladder]:
    """States of the last machine after so many steps of n independent ladders, from noise or from rows."""
    *below, machine = ladder
    sampler, rng = ebm.TrajectoryTempering(tuple(below)), ebm.Stream(seed)
    state, begun = sampler.init(machine, n, rng), time.time()
    if x is not None:
        state.easier, state.chains = [m.start(x) for m in below], machine.start(x)
    for k in range(steps):
        state, _ = sampler.step(machine, state, rng)
        if (k + 1) % (steps // 8) == 0:
            weights = ", ".join(f"{w:.3f}" for w in plane.weights(state.x))
            print(f"  step {k + 1}, {time.time() - begun:.0f} s: cluster weights {weights}", flush=True)
    return state.x, state


def disagreement(machine: ebm.RBM, plane: Map, one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """The largest Kolmogorov–Smirnov distance of energy and coordinates, and its corrected p-value.

    Every chain counts once, so the draws of a set are independent.
    """
    seen = [np.column_stack([machine.free_energy(x), plane.places(x)]) for x in (one, other)]
    tests = [ks_2samp(a, b) for a, b in zip(seen[0].T, seen[1].T, strict=True)]
    return max(t.statistic for t in tests), min(1.0, len(tests) * min(t.pvalue for t in tests))


def table(plane: Map, rows: np.ndarray, sets: dict[str, np.ndarray]) -> str:
    """Cluster weights of data and of every set: weight ± standard error (z of the difference)."""
    order = np.argsort(-plane.weights(rows))
    w = plane.weights(rows)[order]
    lines = [
        "| cluster | data | " + " | ".join(sets) + " |",
        "|---|---|" + "---|" * len(sets),
    ]
    cells = []
    for x in sets.values():
        u = plane.weights(x)[order]
        error = np.sqrt(np.maximum(u * (1 - u), 1 / len(x)) / len(x))
        z = (u - w) / np.sqrt(error**2 + w * (1 - w) / len(rows))
        cells.append([f"{a:.4f} ± {e:.4f} (z {s:+.1f})" for a, e, s in zip(u, error, z, strict=True)])
    for k in range(len(w)):
        error = np.sqrt(w[k] * (1 - w[k]) / len(rows))
        lines.append(f"| {k + 1} | {w[k]:.4f} ± {error:.4f} | " + " | ".join(c[k] for c in cells) + " |")
    return "\n".join(lines)


def run(name: str, *, train: bool, n: int, steps: int, seed: int) -> None:
    """Everything about one data set."""
    rows = load(name)
    plane = Map.of(rows)
    if train or not paths(name):
        begun = time.time()
        save(name, learn(name, rows, plane))
        print(f"learnt in {time.time() - begun:.0f} s")
    ladder = tuple(ebm.load(path) for path in paths(name))
    machine, n_chains = ladder[-1], 1000
    print(f"{len(ladder)} machines, the last one {machine}")
    numbers = np.random.default_rng(seed)
    some = rows[numbers.permutation(len(rows))[:n_chains]]
    begun = time.time()
    noise = gibbs(machine, machine.sample0(n_chains, ebm.Stream(seed)), seed + 1)
    data = gibbs(machine, some, seed + 2)
    print(f"Gibbs, {SWEEPS} sweeps of 2 × {n_chains} chains: {time.time() - begun:.0f} s")
    begun = time.time()
    tempered, state = temper(ladder, steps, n, plane, seed + 3)
    spent = time.time() - begun
    control, _ = temper(ladder, steps, n_chains, plane, seed + 4, some)
    print(f"\nTempering: {n} ladders, {steps} steps, {spent:.0f} s; swaps accepted")
    print("  ", ", ".join(f"{a:.2f}" for a in state.acceptance))
    print(f"  round trips per ladder: {state.round_trips.sum() / n:.1f}")
    sets = {"tempering from noise": tempered, "Gibbs from noise": noise, "Gibbs from data": data}
    if machine.n_hidden <= 14:
        sets["exact draws of the machine"] = exact_draws(machine, 20_000, numbers)
    print("\n" + table(plane, rows, sets) + "\n")
    for what, one, other in (("Gibbs", noise, data), ("tempering", tempered, control)):
        distance, p = disagreement(machine, plane, one, other)
        verdict = "disagree" if p < LEVEL else "no disagreement seen"
        print(f"{what} from noise and from data: KS distance {distance:.3f}, p {p:.2g}: {verdict}")
    draw(HERE / f"{name}.png", plane, {"data": rows} | sets)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", choices=list(FILES))
    parser.add_argument("--train", action="store_true", help="learn the machines anew")
    parser.add_argument("--ladders", type=int, default=2000)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0, help="of the sampling")
    args = parser.parse_args()
    run(args.name, train=args.train, n=args.ladders, steps=args.steps, seed=args.seed)


if __name__ == "__main__":
    main()
