"""How time per update and memory grow with units, chains and batch.

    python -m experiments.speed.growth [--out runs/speed]

Draws growth.png: dense machines (10² to 10⁴ units), sparse ones (10³ to 10⁶), chains (1 to 4096), batches (10
to 2000). Dashed: sgemm of the same work, as a limit. Prints the memory of a sparse machine of 10⁶ spins and
3·10⁶ couplings with 64 chains.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import ebm
from experiments.speed.problems import digits, regular, sherrington_kirkpatrick


def seconds(run: Callable[[int], Any], n: int) -> float:
    """Median time of a unit of work."""
    run(1)
    times = []
    for _ in range(5):
        began = time.perf_counter()
        run(n)
        times.append((time.perf_counter() - began) / n)
    return float(np.median(times))


def sweep_ns(J: Any, chains: int) -> float:
    """ns per unit update, and all threads."""
    machine = ebm.BoltzmannMachine(ebm.Ising(), J, np.zeros(J.shape[0], np.float32))
    rng = ebm.Stream(0)
    running = machine.start(machine.sample0(chains, rng))
    work = J.shape[0] * chains
    n = max(1, int(2e7 / work / (1 + J.shape[0] / 500 if isinstance(J, np.ndarray) else 1)))
    return 1e9 * seconds(lambda k: machine.sweep(running, rng, k), n) / work


def sgemm_ns(n: int, chains: int) -> float:
    """ns per unit of J·S."""
    J = sherrington_kirkpatrick(n)
    S = np.ones((n, chains), np.float32)
    return 1e9 * seconds(lambda k: [J @ S for _ in range(k)], 2) / (n * chains)


def memory() -> float:
    """Peak GB of a process that makes, starts and sweeps a million spins in 64 chains."""
    J = regular(1_000_000, 6)
    machine = ebm.BoltzmannMachine(ebm.Ising(), J)
    rng = ebm.Stream(0)
    x = np.random.default_rng(0).choice(np.array([-1, 1], np.int8), (64, 1_000_000))
    chains = machine.start(x)
    del x, J
    machine.sweep(chains, rng, 2)
    print(f"state of 10⁶ spins in 64 chains: {chains.data.nbytes / 1e6:.1f} MB")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("runs/speed"))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {}
    # First: a process begins with the peak of the one that made it.
    command = [sys.executable, "-c", "from experiments.speed.growth import memory; print(memory())"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found["memory, GB"] = float(text.split()[-1])
    print(text)
    dense = [100, 300, 1000, 3000, 10_000]
    found["dense, 256 chains"] = [(n, sweep_ns(sherrington_kirkpatrick(n), 256)) for n in dense]
    found["dense, 1 chain"] = [(n, sweep_ns(sherrington_kirkpatrick(n), 1)) for n in dense]
    time.sleep(0.1)
    found["sgemm, 256 columns"] = [(n, sgemm_ns(n, 256)) for n in dense]
    sparse = [1000, 10_000, 100_000, 1_000_000]
    found["sparse, 64 chains"] = [(n, sweep_ns(regular(n), 64)) for n in sparse]
    found["sparse, 1 chain"] = [(n, sweep_ns(regular(n), 1)) for n in sparse]
    chains, J, graph = [1, 4, 16, 64, 256, 1024, 4096], sherrington_kirkpatrick(500), regular(5000)
    found["dense N = 500"] = [(c, sweep_ns(J, c)) for c in chains]
    found["sparse N = 5000"] = [(c, sweep_ns(graph, c)) for c in chains]
    X, _ = digits(4000)
    found["RBM 784×500, CD-1"] = []
    for batch in (10, 30, 100, 300, 1000, 2000):
        rule, optimiser = ebm.CD(), ebm.SGD(0.01)
        state = ebm.begin(ebm.RBM.from_data(X, 500), rule, optimiser)
        steps = ebm.train(state, X, rule, optimiser, batch)
        per_sample = seconds(lambda k, s=steps: [next(s) for _ in range(k)], max(2, 2000 // batch)) / batch
        found["RBM 784×500, CD-1"].append((batch, 1e6 * per_sample))
    draw(found, args.out / "growth.png")
    (args.out / "growth.json").write_text(json.dumps(found, indent=1))


def draw(found: dict[str, Any], path: Path) -> None:
    """Four panels, both axes logarithmic."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    panels = [
        ("units", "ns per update", ["dense, 256 chains", "dense, 1 chain", "sgemm, 256 columns"]),
        ("units", "ns per update", ["sparse, 64 chains", "sparse, 1 chain"]),
        ("chains", "ns per update", ["dense N = 500", "sparse N = 5000"]),
        ("batch", "µs per sample", ["RBM 784×500, CD-1"]),
    ]
    figure, axes = plt.subplots(1, 4, figsize=(15, 3.8), layout="constrained")
    for axis, (x, y, names) in zip(axes, panels, strict=True):
        for name in names:
            style = "--" if "sgemm" in name else "o-"
            axis.loglog(*zip(*found[name], strict=True), style, label=name, ms=4)
        axis.set(xlabel=x, ylabel=y)
        axis.legend(fontsize=8, frameon=False)
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
