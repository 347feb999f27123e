"""
The heat capacity of a small magnet
===================================

Energy fluctuates most at the transition. One run of tempering gives all temperatures.
"""

import matplotlib.pyplot as plt
import numpy as np

import ebm
from ebm.datasets import lattice

machine = ebm.BoltzmannMachine(ebm.Ising(), lattice((8, 8)))
result = ebm.thermodynamics(machine, np.linspace(1.2, 4, 29), n_ladders=8, budget=4)
figure, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
ax.errorbar(result.temperature, result.heat_capacity / 64, result.heat_capacity_stderr / 64, fmt="o-", ms=3)
ax.axvline(2.269, color="0.6", linestyle="--")
ax.set(xlabel="T", ylabel="heat capacity per spin")
