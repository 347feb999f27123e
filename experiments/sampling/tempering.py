"""What a tempering step costs beside plain sweeps of as many chains.

python -m experiments.sampling.tempering
"""

import time
from collections.abc import Callable

import numpy as np

import ebm
from ebm.datasets import sk

LEVELS, LADDERS, SWEEPS, ROUNDS = 32, 64, 10, 15


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure(what: str, machine: ebm.Machine) -> str:
    """The median over rounds of the ratio of one tempering step to plain sweeps, by turns."""
    rng, betas = ebm.Stream(0), np.linspace(0.03, 1, LEVELS)
    sampler = ebm.Tempering(betas=tuple(betas), n_sweeps=SWEEPS, n_adapt=3)
    state = sampler.init(machine, LADDERS, rng)
    chains, beta = state.chains.copy(), state.row_betas
    each = []
    for _ in range(ROUNDS):
        plain = seconds(lambda: machine.sweep(chains, rng, SWEEPS, beta))
        each.append((seconds(lambda: sampler.step(machine, state, rng)), plain))
    step, plain = np.array(each[2:]).T
    ratio = np.median(step / plain)
    return f"| {what} | {1e3 * np.median(plain):.1f} | {1e3 * np.median(step):.1f} | {ratio:.3f} |"


def main() -> None:
    print(
        f"{LEVELS} replicas × {LADDERS} ladders, {SWEEPS} sweeps, one swap; {ebm.get_num_threads()} threads"
    )
    print("| machine | plain sweeps, ms | tempering step, ms | ratio (wanted ≤ 1.2) |\n|---|---|---|---|")
    rbm = ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 784, 500, scale=0.05)
    print(measure("RBM 784×500", rbm), flush=True)
    glass = ebm.BoltzmannMachine(ebm.Ising(), sk(500).astype(np.float32), np.zeros(500, np.float32))
    print(measure("SK N=500", glass), flush=True)


if __name__ == "__main__":
    main()
