"""
Learning to the last nat
========================

Bars and stripes, 3 × 3, by the exact gradient: the divergence from data to machine falls and falls.
"""

import matplotlib.pyplot as plt

import ebm
from ebm.datasets import BarsAndStripes

data = BarsAndStripes(3).load().train
machine = ebm.RBM.from_data(data, 8, spread=1.0)
kl = []
for _ in range(60):
    kl.append(ebm.kl_divergence(machine, data))
    ebm.fit(machine, data, rule=ebm.Exact(), optimiser=ebm.Adam(0.05), epochs=10, batch_size=len(data))
figure, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
ax.semilogy(range(0, 600, 10), kl)
ax.set(xlabel="epoch", ylabel="KL(data ‖ machine), nats")
