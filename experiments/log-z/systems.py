"""Machines that are hard to sample, with log Z in closed form."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln, logsumexp

import ebm
from ebm.datasets import lattice, sk

CRITICAL = 0.5 * math.log(1 + math.sqrt(2))
SK_REFERENCE = (93.5365, 0.006)  # python -m experiments.log-z.reference


@dataclass(frozen=True)
class System:
    """A machine, its log Z, and the projections that tell its phases apart."""

    what: str
    make: Callable[[], ebm.Machine]
    log_z: Callable[[], float]
    order: Callable[[np.ndarray], np.ndarray]


def constant_rbm() -> ebm.RBM:
    """784 × 500 units, every weight 0.01: its state is the number of ones."""
    W = np.full((784, 500), 0.01, np.float32)
    b, c = np.full(784, -2.498, np.float32), np.full(500, -3.92, np.float32)
    return ebm.RBM(ebm.Bernoulli(), ebm.Bernoulli(), W, b, c)


def constant_rbm_log_z() -> float:
    """A sum over the number of ones."""
    m = np.arange(785)
    ways = gammaln(785) - gammaln(m + 1) - gammaln(785 - m)
    return float(logsumexp(ways - 2.498 * m + 500 * np.logaddexp(0, -3.92 + 0.01 * m)))


def mean_field_potts(q: int = 10, n: int = 100, K: float = 5.191) -> ebm.BoltzmannMachine:
    """Every pair of n units gains K/n where they agree."""
    J = np.kron(1 - np.eye(n), np.eye(q)) * (K / n)
    return ebm.BoltzmannMachine(ebm.Potts(q), J.astype(np.float32), np.zeros(n * q, np.float32))


def mean_field_potts_log_z(q: int = 10, n: int = 100, K: float = 5.191) -> float:
    """A sum over occupation numbers, state by state."""
    k = np.arange(n + 1)
    one = K / n * k * (k - 1) / 2 - gammaln(k + 1)
    total = one
    for _ in range(q - 1):
        total = np.array([logsumexp(total[: m + 1] + one[m::-1]) for m in range(n + 1)])
    return float(total[n] + gammaln(n + 1))


def curie_weiss(n: int, beta: float) -> ebm.BoltzmannMachine:
    """Every pair of n spins gains beta/n where they agree."""
    J = ((1 - np.eye(n)) * (beta / n)).astype(np.float32)
    return ebm.BoltzmannMachine(ebm.Ising(), J, np.zeros(n, np.float32))


def curie_weiss_log_z(n: int, beta: float) -> float:
    """A sum over the number of spins that are up."""
    k = np.arange(n + 1)
    ways = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    return float(logsumexp(ways + beta / n * ((2 * k - n) ** 2 - n) / 2))


def ising(side: int, K: float) -> ebm.BoltzmannMachine:
    """The square lattice with periodic borders."""
    J = lattice((side, side), J=K).astype(np.float32)
    return ebm.BoltzmannMachine(ebm.Ising(), J, np.zeros(side * side, np.float32))


def kaufman_log_z(side: int, K: float) -> float:
    """Kaufman (1949): log Z of the square lattice of side × side spins with periodic borders."""
    gamma = np.arccosh(np.cosh(2 * K) / np.tanh(2 * K) - np.cos(np.pi * np.arange(2 * side) / side))
    gamma[0] = 2 * K + math.log(math.tanh(K))
    half = 0.5 * side * gamma
    odd, even = half[1::2], half[0::2]
    terms = [np.logaddexp(odd, -odd).sum(), np.log(np.abs(2 * np.sinh(odd))).sum()]
    terms += [np.logaddexp(even, -even).sum(), np.log(np.abs(2 * np.sinh(even)) + 1e-300).sum()]
    signs = [1, 1, 1, np.sign(even[0])]
    return float(-math.log(2) + side * side / 2 * math.log(2 * math.sinh(2 * K)) + logsumexp(terms, b=signs))


def glass() -> ebm.BoltzmannMachine:
    """Sherrington-Kirkpatrick, 64 spins, seed 1, at beta = 2."""
    return ebm.BoltzmannMachine(ebm.Ising(), 2 * sk(64, seed=1))


def _magnetisation(x: np.ndarray) -> np.ndarray:
    return x.mean(1)


def _largest_state(x: np.ndarray) -> np.ndarray:
    return np.array([np.bincount(row.astype(int)).max() for row in x]) / x.shape[1]


def _overlap_with_ground(x: np.ndarray) -> np.ndarray:
    return np.abs(x @ np.linalg.eigh(sk(64, seed=1))[1][:, -1])


SYSTEMS = {
    "rbm": System("constant-weight RBM 784×500", constant_rbm, constant_rbm_log_z, _magnetisation),
    "potts": System("mean-field Potts q=10 N=100", mean_field_potts, mean_field_potts_log_z, _largest_state),
    "cw12": System(
        "Curie–Weiss N=1000 β=1.2",
        lambda: curie_weiss(1000, 1.2),
        lambda: curie_weiss_log_z(1000, 1.2),
        _magnetisation,
    ),
    "cw15": System(
        "Curie–Weiss N=1000 β=1.5",
        lambda: curie_weiss(1000, 1.5),
        lambda: curie_weiss_log_z(1000, 1.5),
        _magnetisation,
    ),
    "ising": System(
        "2-D Ising 32×32 at β_c",
        lambda: ising(32, CRITICAL),
        lambda: kaufman_log_z(32, CRITICAL),
        _magnetisation,
    ),
    "sk": System("SK N=64 β=2", glass, lambda: SK_REFERENCE[0], _overlap_with_ground),
}
