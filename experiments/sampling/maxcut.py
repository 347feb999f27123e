"""How close to the best known cuts of the G-set does annealing come, and how soon?

    python -m experiments.sampling.maxcut [--graphs G1 G22 ...] [--seconds 60] [--data PATH]
    python -m experiments.sampling.maxcut --compare    # schedules at the same number of sweeps

One rule for all graphs: the temperature falls by equal steps from s to s/20, where s² is the mean over the
vertices of Σ_j w_ij² (the field of random neighbours), ten sweeps at each. How many steps there are is what
the time allows: a short run measures the speed first, and its time is counted. With --steps there are that
many, and the cuts are the same on every machine.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import ebm
from ebm.datasets import cut_value, read_array, read_gset

DATA = Path("/work/shared/data/gset.npz")
GRAPHS = ["G1", "G6", "G11", "G14", "G18", "G22", "G27", "G32", "G35", "G39", "G43", "G48"]
COMPARED = ["G1", "G11", "G14", "G22", "G39"]
RANGES = [(1.0, 20), (1.5, 30), (0.6, 12), (1.0, 5)]  # T from the first times s, falling by the second
N_SWEEPS = 10  # at each temperature
PILOT = 20  # steps on which the speed is measured
RESERVE = 0.8  # of the time left that is planned for: others may share the machine


@dataclass(frozen=True)
class Found:
    """What one run found: the best cut of every chain, and what that took."""

    cuts: np.ndarray
    seconds: float
    cpu_seconds: float  # of all threads
    sampler: ebm.Annealing


def scale(W: Any) -> float:
    """The root mean square of Σ_j w_ij s_j at random spins s."""
    return float(np.sqrt((W.data**2).sum() / W.shape[0]))


def schedule(
    W: Any, n_steps: int, *, spacing: str = "harmonic", hot: float = 1.0, ratio: float = 20
) -> ebm.Annealing:
    """T from hot·s down to hot·s / ratio."""
    start = 1 / (hot * scale(W))
    return ebm.Annealing(start, ratio * start, n_steps=n_steps, n_sweeps=N_SWEEPS, spacing=spacing)


def anneal(W: Any, sampler: ebm.Annealing, n_chains: int, seed: int) -> Found:
    """Anneal chains of the machine with couplings −W, in float32: its fields are small integers."""
    machine = ebm.BoltzmannMachine(ebm.Ising(), -W.astype(np.float32))
    began, worked = time.perf_counter(), time.process_time()
    samples = ebm.sample(machine, n_chains, sampler=sampler, seed=seed)
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - worked
    cuts = cut_value(W, samples.diagnostics["best_x"])
    from_energy = (W.sum() / 2 - samples.diagnostics["best_energy"]) / 2
    assert np.allclose(cuts, from_energy, atol=0.01), "the kept energy is not that of the kept state"
    return Found(cuts, seconds, cpu_seconds, sampler)


def within(W: Any, seconds: float, n_chains: int, seed: int) -> Found:
    """The best found in about so many seconds, those of a pilot included."""
    pilot = anneal(W, schedule(W, PILOT), n_chains, seed + 1)
    n_steps = int(RESERVE * (seconds - pilot.seconds) / pilot.seconds * PILOT)
    found = anneal(W, schedule(W, max(2, n_steps)), n_chains, seed)
    seconds, cpu_seconds = found.seconds + pilot.seconds, found.cpu_seconds + pilot.cpu_seconds
    return Found(found.cuts, seconds, cpu_seconds, found.sampler)


def best_known(data: Path) -> dict[str, int]:
    """The best known cuts, column 3 of the index; where it has none (-1), column 4, the best of 2013."""
    return {f"G{row[0]}": int(row[3] if row[3] > 0 else row[4]) for row in read_array(data, "index")}


def table(args: argparse.Namespace) -> None:
    known = best_known(args.data)
    heads = ["graph", "vertices, edges", "best known", "found", "gap, %", "mean gap of the chains, %"]
    heads += ["chains that found it", "sweeps", "seconds", "of CPU"]
    print("|", " | ".join(heads), "|\n|" + "---|" * len(heads))
    for name in args.graphs:
        W = read_gset(args.data, name)
        anneal(W, schedule(W, 2), args.chains, 0)  # compiles
        if args.steps:
            found = anneal(W, schedule(W, args.steps), args.chains, args.seed)
        else:
            found = within(W, args.seconds, args.chains, args.seed)
        top, mean = found.cuts.max(), found.cuts.mean()
        print(
            f"| {name} | {W.shape[0]}, {W.nnz // 2} | {known[name]} | {top:.0f} |"
            f" {100 * (1 - top / known[name]):.3f} | {100 * (1 - mean / known[name]):.3f} |"
            f" {np.sum(found.cuts == top)} of {args.chains} | {found.sampler.n_steps * N_SWEEPS} |"
            f" {found.seconds:.1f} | {found.cpu_seconds:.1f} |",
            flush=True,
        )


def compare(args: argparse.Namespace) -> None:
    """Schedules at the same number of sweeps: the mean gap over chains says more than the best of them."""
    known, n_steps = best_known(args.data), args.steps or 300
    choices = {f"{s}, T from s to s/20": {"spacing": s} for s in ("harmonic", "geometric", "linear")}
    choices |= {
        f"harmonic, T from {hot:g} s to {hot / ratio:.2g} s": {"hot": hot, "ratio": ratio}
        for hot, ratio in RANGES[1:]
    }
    graphs = {name: read_gset(args.data, name) for name in args.graphs}
    print(f"| {n_steps * N_SWEEPS} sweeps, mean gap of {args.chains} chains, % |", " | ".join(graphs), "|")
    print("|---|" + "---|" * len(graphs))
    for what, settings in choices.items():
        gaps = []
        for name, W in graphs.items():
            cuts = anneal(W, schedule(W, n_steps, **settings), args.chains, args.seed).cuts
            gap = 100 * (1 - cuts / known[name])
            gaps.append(f"{gap.mean():.3f} ± {gap.std() / np.sqrt(len(gap)):.3f}")
        print(f"| {what} |", " | ".join(gaps), "|", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--graphs", nargs="+", help=f"default: {' '.join(GRAPHS)}")
    parser.add_argument("--seconds", type=float, default=60, help="for each graph")
    parser.add_argument("--steps", type=int, help="temperatures, instead of what the time allows")
    parser.add_argument("--chains", type=int, default=128, help="64 share a word; default 128")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, default=DATA, help="the G-set as one .npz")
    parser.add_argument("--compare", action="store_true", help="compare schedules")
    args = parser.parse_args()
    args.graphs = args.graphs or (COMPARED if args.compare else GRAPHS)
    compare(args) if args.compare else table(args)


if __name__ == "__main__":
    main()
