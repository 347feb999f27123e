"""Does trajectory tempering give the clusters of multimodal data their weights, where Gibbs fails?

    python -m experiments.trajectory mickey|genes [--train] [--seed 0] [--data /work/shared/data]

samples the machines under models/ (`--train` learns them first, with a fixed seed) by plain Gibbs and by
trajectory tempering, each from noise and from data; it prints the README's tables and draws the figure.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import ebm
from ebm.diagnostics import agreement
from ebm.samplers.trajectory import Rungs
from experiments.trajectory.data import FILES, SHARED, Map, load
from experiments.trajectory.figure import draw
from experiments.trajectory.learning import SETTINGS, Array, exact_draws, learn

HERE = Path(__file__).parent
LOOKS = 60  # at the chains, in the second half of a run
NAMES = ["free energy", *(f"component {k + 1}" for k in range(4))]


def paths(name: str) -> list[Path]:
    """The files of the ladder of a data set, the easiest machine first."""
    return sorted((HERE / "models").glob(f"{name}-*.npz"))


def save(name: str, machines: tuple[ebm.RBM, ...]) -> None:
    """Put a ladder, in float32, in place of the one under models/."""
    for path in paths(name):
        path.unlink()
    (HERE / "models").mkdir(exist_ok=True)
    for k, m in enumerate(machines):
        small = ebm.RBM(m.visible, m.hidden, *(m.params[key].astype(np.float32) for key in "Wbc"))
        ebm.save(HERE / "models" / f"{name}-{k:02d}.npz", small)


def watched(
    run: Callable[[int], Array], steps: int, machine: ebm.RBM, plane: Map, what: str
) -> tuple[Array, Array]:
    """The last states of a run, and free energy and components along its second half, (n, LOOKS, 5).

    `run(k)` takes k steps and returns the states.
    """
    begun, series = time.time(), []
    x = run(steps // 2)
    for _ in range(LOOKS):
        x = run(steps // 2 // LOOKS)
        series.append(np.column_stack([machine.free_energy(x), plane.places(x)]))
    print(f"{what}: {len(x)} chains, {steps} steps, {time.time() - begun:.0f} s", flush=True)
    return x, np.stack(series, axis=1)


def gibbs(machine: ebm.RBM, x: Array, sweeps: int, plane: Map, seed: int, what: str) -> tuple[Array, Array]:
    """So many sweeps from x."""
    rng, chains = ebm.Stream(seed), machine.start(x)

    def run(k: int) -> Array:
        machine.sweep(chains, rng, k)
        return chains.x

    return watched(run, sweeps, machine, plane, what)


def temper(
    rungs: tuple[Any, ...], x: Array, steps: int, plane: Map, seed: int, what: str
) -> tuple[Array, Array, Rungs]:
    """Trajectory tempering in ladders all rungs of which begin at the rows of x."""
    *below, machine = rungs
    sampler, rng = ebm.TrajectoryTempering(tuple(below)), ebm.Stream(seed)
    state = sampler.init(machine, len(x), rng)
    state.easier, state.chains = [m.start(x) for m in below], machine.start(x)

    def run(k: int) -> Array:
        for _ in range(k):
            sampler.step(machine, state, rng)
        return state.x

    return *watched(run, steps, machine, plane, what), state


def table(plane: Map, rows: Array, sets: dict[str, Array]) -> str:
    """Cluster weights of data and of every set: weight ± standard error (z of the difference)."""
    order = np.argsort(-plane.weights(rows))
    w = plane.weights(rows)[order]
    lines = ["| cluster | data | " + " | ".join(sets) + " |", "|---|---|" + "---|" * len(sets)]
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


def verdict(one: Array, other: Array) -> str:
    """What the package's own test says of two sets of chains, and the warning that it may give."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = str(agreement(one, other, names=NAMES))
    return "; ".join([found, *(str(w.message) for w in caught)])


def run(name: str, rows: Array, plane: Map, rungs: tuple[ebm.RBM, ...], args: argparse.Namespace) -> None:
    """Sample, print, draw."""
    machine, seed = rungs[-1], args.seed
    numbers = np.random.default_rng(seed)
    print(f"{len(rungs)} machines, the last one {machine}")
    noise = machine.sample0(args.ladders, ebm.Stream(seed))
    data = rows[numbers.permutation(len(rows))[: args.chains]]
    gibbs_noise, a = gibbs(machine, noise[: args.chains], args.sweeps, plane, seed + 1, "Gibbs from noise")
    gibbs_data, b = gibbs(machine, data, args.sweeps, plane, seed + 2, "Gibbs from data")
    tempered, c, state = temper(rungs, noise, args.steps, plane, seed + 3, "tempering from noise")
    control, d, _ = temper(rungs, data, args.steps, plane, seed + 4, "tempering from data")
    print("swaps accepted: " + " ".join(f"{rate:.2f}" for rate in state.acceptance))
    print(f"round trips of a ladder: {state.round_trips.sum() / len(noise):.1f}\n")
    sets = {
        "tempering from noise": tempered,
        "tempering from data": control,
        "Gibbs from noise": gibbs_noise,
        "Gibbs from data": gibbs_data,
        "exact draws": exact_draws(machine, 20_000, numbers),
    }
    print(table(plane, rows, sets))
    print("\nGibbs from noise and from data: " + verdict(a, b))
    print("tempering from noise and from data: " + verdict(c, d))
    shown = ("tempering from noise", "Gibbs from noise", "Gibbs from data")
    draw(HERE / f"{name}.png", plane, {"data": rows} | {key: sets[key] for key in shown})


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", choices=list(FILES))
    parser.add_argument("--train", action="store_true", help="learn the machines anew")
    parser.add_argument("--ladders", type=int, default=1000, help="ladders from noise")
    parser.add_argument("--chains", type=int, default=300, help="of Gibbs, and ladders from data")
    parser.add_argument("--steps", type=int, default=3000, help="of tempering")
    parser.add_argument("--sweeps", type=int, default=10_000, help="of plain Gibbs")
    parser.add_argument("--seed", type=int, default=0, help="of the sampling")
    parser.add_argument("--data", type=Path, default=SHARED, help="the folder of the data files")
    args = parser.parse_args()
    rows = load(args.name, args.data)
    plane = Map.of(rows)
    if args.train:
        begun = time.time()
        save(args.name, learn(rows, plane, SETTINGS[args.name]))
        print(f"learnt in {time.time() - begun:.0f} s")
    run(args.name, rows, plane, tuple(ebm.load(path) for path in paths(args.name)), args)


if __name__ == "__main__":
    main()
