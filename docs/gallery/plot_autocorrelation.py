"""
How long do chains remember?
============================

The autocorrelation time of the magnetisation near the transition: Gibbs sweeps beside clusters.
"""

import matplotlib.pyplot as plt
import numpy as np

import ebm
from ebm.datasets import lattice
from ebm.diagnostics import autocorrelation_time

figure, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
sizes = [4, 6, 8, 12, 16]
for sampler in (ebm.Gibbs(beta=0.4407), ebm.SwendsenWang(beta=0.4407)):
    tau = []
    for L in sizes:
        machine, rng = ebm.BoltzmannMachine(ebm.Ising(), lattice((L, L))), ebm.Stream(L)
        state, series = sampler.init(machine, 16, rng), []
        for _ in range(1500):
            state, _ = sampler.step(machine, state, rng)
            series.append(np.abs(state.x.mean(1)))
        tau.append(autocorrelation_time(np.array(series)[200:].T, warn=False))
    ax.loglog(sizes, tau, "o-", label=type(sampler).__name__)
ax.set(xlabel="L", ylabel="autocorrelation time (sweeps)", xticks=sizes, xticklabels=sizes)
ax.legend()
