"""What gaps cost: an epoch of learning with 30 % of the cells missing, in one without gaps.

    python -m experiments.tables.speed

Interleaved epochs of persistent contrastive divergence in one process, medians of eleven; one thread each.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

import ebm
from experiments.likelihood.data import debd


def epochs(machine: ebm.Machine, rows: np.ndarray) -> Callable[[], float]:
    """What makes an epoch of learning, and says how long it took, s."""
    rule, optimiser = ebm.PCD(n_chains=100), ebm.SGD(0.01)
    state = ebm.begin(machine, rule, optimiser)
    steps = ebm.train(state, rows, rule, optimiser, 100)
    per_epoch = -(-len(rows) // 100)

    def epoch() -> float:
        begun = time.perf_counter()
        for _ in range(per_epoch):
            next(steps)
        return time.perf_counter() - begun

    return epoch


def main() -> None:
    """Print the table."""
    ebm.set_num_threads(1)
    print("| machine | without gaps, ms | with gaps, ms | ratio |\n|---|---|---|---|")
    for name, n_hidden in (("nltcs", 100), ("plants", 100), ("jester", 100), ("plants", 0)):
        rows = debd(name)["train"][:4000]
        gaps = np.random.default_rng(0).random(rows.shape) < 0.3
        lacking = np.where(gaps, np.nan, rows).astype(np.float32)
        both = []
        for data in (rows, lacking):
            if n_hidden:
                machine: ebm.Machine = ebm.RBM.from_data(data, n_hidden)
            else:
                machine = ebm.BoltzmannMachine.from_data(data)
            both.append(epochs(machine, data))
        times = np.array([[epoch() for epoch in both] for _ in range(12)])
        first, second = np.median(times[1:], axis=0) * 1e3
        kind = f"RBM {rows.shape[1]} × {n_hidden}" if n_hidden else f"fully connected, {rows.shape[1]}"
        print(f"| {name}, {kind} | {first:.0f} | {second:.0f} | {second / first:.2f} |", flush=True)


if __name__ == "__main__":
    main()
