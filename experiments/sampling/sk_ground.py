"""Does annealing find the ground states of small Sherrington–Kirkpatrick glasses, every time?

    python -m experiments.sampling.sk_ground [--sizes 10 14 18 22] [--instances 25]

The truth is the least energy of all 2^N states: N spins are cut into two halves, whose energies and whose
one matrix product between them give the energies of all pairs of half states.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

import ebm
from ebm.datasets import sk
from ebm.states import enumerate_states

CHAINS = 32
SAMPLER = ebm.Annealing(1 / 1.5, 1 / 0.05, n_steps=100, n_sweeps=10, spacing="harmonic")
EQUAL = 1e-9  # nats; both energies are sums of the same N²/2 numbers in float64


def ground_energy(J: np.ndarray) -> float:
    """The least of −½ x·J·x over all x in {−1, 1}^N, by enumeration; the first spin is −1 without loss."""
    cut = len(J) // 2
    left = enumerate_states(ebm.Ising(), cut)[: 2 ** (cut - 1)]
    right = enumerate_states(ebm.Ising(), len(J) - cut)
    inside = [
        -0.5 * np.einsum("ni,ni->n", x @ K, x) for x, K in ((left, J[:cut, :cut]), (right, J[cut:, cut:]))
    ]
    return float(np.min(inside[0][:, None] + inside[1] - left @ J[:cut, cut:] @ right.T))


def row(n: int, instances: int) -> str:
    found, share, energies, exact_seconds, seconds = 0, [], [], 0.0, 0.0
    for seed in range(instances):
        J = sk(n, seed=1000 * n + seed)
        began = time.perf_counter()
        least = ground_energy(J)
        exact_seconds += time.perf_counter() - began
        machine = ebm.BoltzmannMachine(ebm.Ising(), J)
        began = time.perf_counter()
        best = ebm.sample(machine, CHAINS, sampler=SAMPLER, seed=seed).diagnostics["best_energy"]
        seconds += time.perf_counter() - began
        assert best.min() > least - EQUAL, "below the ground state: an energy is wrong"
        found += bool(best.min() < least + EQUAL)
        share.append(np.mean(best < least + EQUAL))
        energies.append(least / n)
    mean, least_share, energy = np.mean(share), np.min(share), np.mean(energies)
    return (
        f"| {n} | {found} of {instances} | {mean:.2f}, {least_share:.2f} | {energy:.4f} |"
        f" {exact_seconds / instances:.3f} | {seconds / instances:.3f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 14, 18, 22])
    parser.add_argument("--instances", type=int, default=25)
    args = parser.parse_args()
    ebm.sample(ebm.BoltzmannMachine(ebm.Ising(), sk(10)), CHAINS, sampler=SAMPLER)  # compiles
    heads = ["N", "ground states found", f"share of the {CHAINS} chains that found it: mean, least"]
    heads += ["mean energy per spin", "seconds of enumeration", "of annealing"]
    print("|", " | ".join(heads), "|\n|" + "---|" * len(heads))
    for n in args.sizes:
        print(row(n, args.instances), flush=True)


if __name__ == "__main__":
    main()
