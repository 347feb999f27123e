"""Do the contenders sample what they should? Against exact enumeration, before any clock runs."""

from __future__ import annotations

import numpy as np
import scipy.sparse

import ebm
from experiments.speed import peers


def _exact(J: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    n = len(J)
    x = 1 - 2 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
    p = np.exp(0.5 * np.einsum("ni,ij,nj->n", x, J, x))
    return x, p / p.sum()


def _distance(x: np.ndarray, p: np.ndarray) -> tuple[float, float]:
    """Total variation between states ±1 and p, and what as many exact draws would have."""
    index = ((1 - x) // 2).astype(np.int64) @ (1 << np.arange(x.shape[1]))
    found = np.bincount(index, minlength=len(p)) / len(x)
    return 0.5 * np.abs(found - p).sum(), float(0.5 * np.sqrt(2 * p * (1 - p) / np.pi / len(x)).sum())


def report() -> str:
    """One line per sampler: its distance from the exact distribution, beside that of exact draws."""
    rng = np.random.default_rng(1)
    J = np.triu(rng.normal(size=(8, 8)) * 0.6, 1)
    J = (J + J.T).astype(np.float32)
    _, p = _exact(J)
    n, sweeps = 20_000, 60
    lines = []
    for name, matrix in (("dense", J), ("sparse", scipy.sparse.csr_array(J))):
        machine = ebm.BoltzmannMachine(ebm.Ising(), matrix, np.zeros(8, np.float32))
        x = machine.sweep(machine.sample0(n, ebm.Stream(0)), ebm.Stream(1), sweeps)
        lines.append((f"ebm, {name}", x))
    module = peers.optional("dwave.samplers.sa.simulated_annealing")
    if module is not None:
        i, j = np.triu_indices(8, 1)
        for rule in ("Gibbs", "Metropolis"):
            x = rng.choice(np.array([-1, 1], np.int8), (n, 8))
            weights = (-J[i, j].astype(float)).tolist()
            x, _ = module.simulated_annealing(
                n, [0.0] * 8, i.tolist(), j.tolist(), weights, sweeps, np.array([1.0]), 1, x,
                proposal_acceptance_criteria=rule,
            )  # fmt: skip
            lines.append((f"dwave-samplers {rule}", np.asarray(x)))
    rows = ["Samplers on 8 spins, total variation from the exact distribution (exact draws have about):"]
    for name, x in lines:
        found, expected = _distance(np.asarray(x), p)
        rows.append(f"  {name}: {found:.4f} ({expected:.4f})" + ("" if found < 2 * expected else "  WRONG"))
    rows.append(_rbm(rng))
    return "\n".join(rows) + "\n"


def _rbm(rng: np.random.Generator) -> str:
    """log Z of a small RBM by our enumeration and by AIS, ours and rbms's."""
    W = (0.4 * rng.normal(size=(12, 8))).astype(np.float32)
    b, c = np.zeros(12, np.float32), np.zeros(8, np.float32)
    machine = ebm.RBM(ebm.Bernoulli(), ebm.Bernoulli(), W, b, c)
    exact = ebm.log_z(machine, "exact").value
    text = f"log Z of a 12×8 RBM: exact {exact:.4f}, ebm AIS {ebm.log_z(machine, 'ais').value:.4f}"
    for contender in peers.rbms_ais(W, b, c, 1000, 1000)[:1]:
        text += f", rbms AIS {contender.run(1):.4f}"
    return text
