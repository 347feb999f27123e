"""ebm, through its public functions."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

import ebm
from experiments.speed.timing import Contender, at_one_and_two, threads


def with_threads(name: str, run: Any, n: int, work: float) -> list[Contender]:
    """One contender on one thread and one on two."""
    return at_one_and_two(name, run, n, work, partial(threads, ebm))


def warm(J: Any, beta: float, n_chains: int, n: int) -> np.ndarray:
    """States after n sweeps from fair spins."""
    machine = ebm.BoltzmannMachine(ebm.Ising(), J, np.zeros(J.shape[0], np.float32))
    return machine.sweep(machine.sample0(n_chains, ebm.Stream(0)), ebm.Stream(1), n, beta)


def sweeps(J: Any, beta: float, x: np.ndarray, n: int) -> list[Contender]:
    """Sweeps of running chains of a fully connected machine from states x."""
    machine = ebm.BoltzmannMachine(ebm.Ising(), J, np.zeros(J.shape[0], np.float32))
    rng, chains = ebm.Stream(0), machine.start(x)

    def run(k: int) -> None:
        machine.sweep(chains, rng, k, beta)

    return with_threads("ebm", run, n, float(x.size))


def updates(machine: ebm.RBM, X: np.ndarray, rule: Any, batch: int, n: int) -> list[Contender]:
    """Updates of an RBM by SGD."""
    optimiser = ebm.SGD(0.01)
    steps = ebm.train(ebm.begin(machine, rule, optimiser), X, rule, optimiser, batch)

    def run(k: int) -> None:
        for _ in range(k):
            next(steps)

    return with_threads("ebm", run, n, batch)


def ais(machine: ebm.RBM, n_temperatures: int, n_chains: int) -> list[Contender]:
    """Annealed importance sampling."""

    def run(_: int) -> Any:
        return ebm.annealed_log_weights(machine, n_temperatures, n_chains)

    return with_threads("ebm", run, 1, 1.0)
