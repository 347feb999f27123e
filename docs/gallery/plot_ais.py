"""
AIS needs a long ladder
=======================

A magnet in a weak field, cooled too fast, freezes into the wrong phase: annealed importance sampling then
lies low, by more than its own error bar says.
"""

import matplotlib.pyplot as plt
import numpy as np

import ebm
from ebm.datasets import lattice

machine = ebm.BoltzmannMachine(ebm.Ising(), 0.7 * lattice((8, 8), periodic=False), np.full(64, 0.02))
exact = ebm.log_z(machine).value
lengths = [5, 10, 30, 100, 300, 1000]
runs = [ebm.log_z(machine, "ais", n_temperatures=n, n_chains=60, seed=1) for n in lengths]
figure, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
ax.errorbar(lengths, [r.value - exact for r in runs], [r.stderr for r in runs], fmt="o-", capsize=3)
ax.axhline(0, color="0.5", linestyle="--")
ax.set(xscale="log", xlabel="temperatures", ylabel="log Z − exact (nats)")
