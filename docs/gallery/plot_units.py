"""
What units answer to an input
=============================

The mean of each kind of unit, given its input I: its activation as part of a network.
"""

import matplotlib.pyplot as plt
import numpy as np

import ebm

I = np.linspace(-4, 4, 201)
figure, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
for units in (ebm.Bernoulli(), ebm.Ising(), ebm.ReLU(), ebm.Binomial(3), ebm.Gaussian()):
    ax.plot(I, units.mean(I), label=repr(units))
ax.set(xlabel="input I", ylabel="mean", ylim=(-2, 4))
ax.legend()
