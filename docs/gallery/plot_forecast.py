"""
Go on with a series
===================

A conditional RBM has seen a noisy swing; it draws many futures.
"""

import matplotlib.pyplot as plt
import numpy as np

import ebm

rng, t = np.random.default_rng(0), np.arange(300)
series = np.column_stack([np.sin(t / 6), np.cos(t / 6)]) + 0.1 * rng.normal(size=(300, 2))
machine = ebm.ConditionalRBM.from_data(
    ebm.lagged(series, 3), 6, 2, visible=ebm.Gaussian(learn_precision=True)
)
ebm.fit(machine, ebm.lagged(series, 3), rule=ebm.CD(), epochs=60, optimiser=ebm.Adam(0.01), batch_size=50)
ahead = ebm.forecast(machine, series, 30, lags=3, n_paths=200)
low, high = ahead.bands(0.9)
figure, ax = plt.subplots(figsize=(7, 3.2), layout="constrained")
ax.plot(t[-60:], series[-60:, 0])
ax.plot(300 + np.arange(30), ahead.mean[:, 0])
ax.fill_between(300 + np.arange(30), low[:, 0], high[:, 0], alpha=0.25, label="90 %")
ax.set(xlabel="time", ylabel="first column")
ax.legend()
