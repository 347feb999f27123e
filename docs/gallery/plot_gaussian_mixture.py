"""
Three hills by Gaussian units
=============================

An RBM of Gaussian visible and binary hidden units is a mixture of Gaussians of equal width.
"""

import matplotlib.pyplot as plt
import numpy as np

import ebm

rng = np.random.default_rng(0)
centres = np.array([[-2.0, 0.0], [2.0, 1.0], [0.0, -2.0]])
rows = centres[rng.integers(0, 3, 900)] + 0.6 * rng.normal(size=(900, 2))
machine = ebm.RBM.from_data(rows, 4, visible=ebm.Gaussian(learn_precision=True))
ebm.fit(
    machine, rows, rule=ebm.CD(5), epochs=200, optimiser=ebm.Adam(ebm.Linear(0.02, 0.0, 200)), batch_size=100
)
u = np.linspace(-4, 4, 120)
grid = np.stack(np.meshgrid(u, u), -1).reshape(-1, 2)
figure, ax = plt.subplots(figsize=(5, 4), layout="constrained")
ax.contourf(u, u, np.exp(-machine.free_energy(grid)).reshape(120, 120), 20, cmap="Blues")
ax.plot(*rows[:300].T, ".", ms=3, color="#b94a00", alpha=0.6)
ax.set(xlabel="first column", ylabel="second column", aspect="equal")
