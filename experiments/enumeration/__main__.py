"""How long does exact log Z take?

python -m experiments.enumeration
"""

from __future__ import annotations

import time

import numpy as np

import ebm
from ebm.datasets import sk


def median_seconds(machine: object, repeats: int = 3) -> float:
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        ebm.log_z(machine, "exact")
        times.append(time.perf_counter() - began)
    return float(np.median(times))


def main() -> None:
    bits = ebm.Bernoulli()
    machines = {
        "RBM 64 × 16, 2^16 states": ebm.RBM.random(bits, bits, 64, 16, scale=0.5, dtype=np.float32),
        "RBM 784 × 20, 2^20 states": ebm.RBM.random(bits, bits, 784, 20, scale=0.1, dtype=np.float32),
        "fully connected, 20 spins, 2^20 states": ebm.BoltzmannMachine(ebm.Ising(), sk(20)),
        "fully connected, 24 spins, 2^24 states": ebm.BoltzmannMachine(ebm.Ising(), sk(24)),
    }
    print("| machine | seconds, median of 3 |\n|---|---|")
    for name, machine in machines.items():
        machine.exact(stats=False)  # compiles
        print(f"| {name} | {median_seconds(machine):.2f} |")
    for machine in (
        ebm.RBM.random(bits, bits, 784, 40),
        ebm.BoltzmannMachine(ebm.Ising(), sk(40)),
    ):
        try:
            ebm.log_z(machine, "exact")
        except ebm.TooLarge as refusal:
            print(f"\nRefused: {refusal}")


if __name__ == "__main__":
    main()
