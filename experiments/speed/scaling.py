"""Two threads against one: our speed-up beside that of a kernel that only computes, in the same rounds.

On a shared host two threads seldom do twice the work of one; what a kernel without memory traffic gains is
what there is to gain.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit, prange

import ebm
from ebm.kernels import JIT
from ebm.kernels.numbers.memory import peek, workspace
from ebm.kernels.numbers.random import TILE, uniform_block
from ebm.kernels.threads import shared
from experiments.speed import ours
from experiments.speed.problems import digits, lattice, sherrington_kirkpatrick
from experiments.speed.timing import Contender, compare

_TILES = 64


@njit(**JIT)
def _uniforms(t, n, like):
    keep, u = workspace(TILE * 4)
    total = 0.0
    for k in range(n):
        uniform_block(u, np.uint64(t), k, 0, 0, like, 4)
        total += peek(u, like)  # looked at, or the compiler would leave the work out
    return total + 0 * keep[0]


@shared
def _compute(n, out):
    for t in prange(_TILES):
        out[t] = _uniforms(t, n, out[t])


def compute() -> list[Contender]:
    """Uniforms that stay in registers and one cache line."""
    out = np.zeros(_TILES, np.float32)
    return ours.with_threads("compute", lambda n: _compute(True, n, out), 20_000, 1.0)


def works() -> dict[str, Callable[[], list[Contender]]]:
    """Work of at least 5 ms a call on one thread, by name."""

    def dense(n: int, chains: int, beta: float) -> Any:
        J = sherrington_kirkpatrick(n)
        return ours.sweeps(J, beta, ours.warm(J, beta, chains, 30), max(1, int(4e7 / (n * chains))))

    def sparse(chains: int) -> Any:
        graph = lattice(256, 0.4407)
        return ours.sweeps(graph, 1.0, ours.warm(graph, 1.0, chains, 30), max(1, int(3e7 / chains / 256**2)))

    def rbm() -> Any:
        X, _ = digits(20_000)
        return ours.updates(ebm.RBM.from_data(X, 500), X, ebm.CD(), 500, 16)

    return {
        "dense N=500, β=1, 1024 chains": lambda: dense(500, 1024, 1.0),
        "dense N=2000, β=1, 256 chains": lambda: dense(2000, 256, 1.0),
        "dense N=2000, β=3, 256 chains": lambda: dense(2000, 256, 3.0),
        "2-D Ising 256², β_c, 128 chains": lambda: sparse(128),
        "2-D Ising 256², β_c, 1 chain, 457 sweeps": lambda: sparse(1),
        "RBM 784×500, CD-1, batch 500": rbm,
    }


def lines(rounds: int) -> list[dict]:
    """Lines for the table: speed-ups in place of rates."""
    found = []
    for name, make in works().items():
        own, other = make(), compute()
        compare(own + other, rounds)
        mine, limit = (np.array(two.rates) / np.array(one.rates) for one, two in (own, other))
        found.append(
            {
                "work": name,
                "ours_1": 1.0,
                "ours_2": float(np.median(mine)),
                "against": "speed-up of a compute-only kernel",
                "theirs": float(np.median(limit)),
                "unit": "×",
                "ratio": float(np.median(mine) / np.median(limit)),
                "wanted": 0.85,
            }
        )
    return found
