"""
A softmax is a Boltzmann machine of one unit
============================================

One Potts unit with energies E(a) = −I_a has p(a) = exp(I_a)/Σ exp(I_b). Lower the temperature and it makes
up its mind.
"""

import matplotlib.pyplot as plt
import numpy as np

import ebm

I = np.array([1.0, 0.2, -0.5, 2.0])
figure, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
for k, beta in enumerate((0.3, 1.0, 3.0)):
    p = np.exp(ebm.Potts(4).potential(np.arange(4)) * 0 + beta * I - ebm.Potts(4).cgf(beta * I))
    ax.bar(np.arange(4) + 0.25 * k - 0.25, p, 0.24, label=f"β = {beta}")
ax.set(xlabel="state a", ylabel="p(a)", xticks=range(4))
ax.legend()
