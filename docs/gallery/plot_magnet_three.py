"""
A magnet at three temperatures
==============================

Hot: noise. Near the transition: islands of all sizes. Cold: one colour.
"""

import matplotlib.pyplot as plt

import ebm
from ebm.datasets import lattice

machine = ebm.BoltzmannMachine(ebm.Ising(), lattice((48, 48)))
figure, axes = plt.subplots(1, 3, figsize=(9, 3.2), layout="constrained")
for ax, T in zip(axes, (4.0, 2.27, 1.8), strict=True):
    x = ebm.sample(machine, 1, sampler=ebm.SwendsenWang(beta=1 / T), burn_in=100, seed=1).x[0]
    ax.imshow(x.reshape(48, 48), cmap="Greys", vmin=-1, vmax=1)
    ax.set(title=f"T = {T}", xticks=[], yticks=[])
