"""
Two replicas of a spin glass
============================

P(q), the overlap of independent states: one peak when hot, weight everywhere when cold.
"""

import matplotlib.pyplot as plt

import ebm
from ebm.datasets import sk

machine = ebm.BoltzmannMachine(ebm.Ising(), sk(48, seed=3))
T = [0.4, 0.8, 1.6]
result = ebm.thermodynamics(machine, T, n_ladders=8, budget=4)
figure, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
for t, density in zip(T, result.overlap.density, strict=True):
    ax.plot(result.overlap.q, density, label=f"T = {t}")
ax.set(xlabel="overlap q", ylabel="P(q)")
ax.legend()
