"""
Rules of learning side by side
==============================

The same machine and steps, three estimates of the gradient, scored exactly.
"""

import matplotlib.pyplot as plt

import ebm
from ebm.datasets import BarsAndStripes

data = BarsAndStripes(3).load().train
figure, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
for rule in (ebm.CD(), ebm.PCD(), ebm.Exact()):
    machine, kl = ebm.RBM.from_data(data, 8, spread=1.0), []
    for seed in range(25):
        kl.append(ebm.kl_divergence(machine, data))
        ebm.fit(machine, data, rule=rule, optimiser=ebm.SGD(0.5), epochs=40, batch_size=len(data), seed=seed)
    ax.plot(range(0, 1000, 40), kl, label=type(rule).__name__)
ax.set(xlabel="epoch", ylabel="KL(data ‖ machine), nats")
ax.legend()
