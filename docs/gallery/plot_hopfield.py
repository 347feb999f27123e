"""
A Hopfield network remembers
============================

Three digits are stored as couplings; a half-erased one falls back into its minimum.
"""

import matplotlib.pyplot as plt
import numpy as np

import ebm
from ebm.datasets import Digits

digits = Digits(threshold=8).load()
first = [np.flatnonzero(digits.train_labels == d)[0] for d in (0, 1, 4)]
stored = 2.0 * digits.train[first] - 1
J = stored.T @ stored / 64
np.fill_diagonal(J, 0)
machine = ebm.BoltzmannMachine(ebm.Ising(), J)
torn = stored.copy()
torn[:, 32:] = -1
figure, axes = plt.subplots(3, 3, figsize=(4.6, 4.6), layout="constrained")
back = machine.sweep(torn, ebm.Stream(0), 10, 20.0)
for row, x, title in zip(axes, (stored, torn, back), ("stored", "torn", "recalled"), strict=True):
    row[0].set_ylabel(title)
    for ax, v in zip(row, x, strict=True):
        ax.imshow(v.reshape(8, 8), cmap="Greys")
        ax.set(xticks=[], yticks=[])
