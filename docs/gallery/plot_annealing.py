"""
Annealing finds the ground state of a spin glass
================================================

Cool slowly, and the energy sinks to where no single spin wants to turn. The line is the mean ground state
of this size.
"""

import ebm
from ebm import plots
from ebm.datasets import sk

n = 100
machine, sampler, rng = ebm.BoltzmannMachine(ebm.Ising(), sk(n, seed=1)), ebm.Annealing(), ebm.Stream(0)
state = sampler.init(machine, 40, rng)
beta, energy, best = [], [], []
for _ in range(sampler.length):
    state, info = sampler.step(machine, state, rng)
    beta.append(info["beta"])
    energy.append(info["energy"].mean() / n)
    best.append(state.best_energy.min() / n)
figure = plots.annealing(beta, energy, best, reference=-0.7632 + 0.7 * n ** (-2 / 3)).figure
