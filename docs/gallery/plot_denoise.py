"""
Mend a picture
==============

A third of the pixels is unknown; the machine says how likely each of them is on.
"""

import matplotlib.pyplot as plt
import numpy as np

import ebm
from ebm.datasets import Digits

digits = Digits(threshold=8).load()
machine = ebm.RBM.from_data(digits.train, n_hidden=36)
rate = ebm.Linear(0.3, 0.0, 20)
ebm.fit(machine, digits.train, rule=ebm.PCD(centred=True), optimiser=ebm.SGD(rate), epochs=20, batch_size=50)
whole = digits.test[:8].astype(float)
torn = np.where(np.random.default_rng(0).random(whole.shape) < 0.35, np.nan, whole)
filled = ebm.impute(machine, torn, 50, n_sweeps=50).mean
figure, axes = plt.subplots(3, 8, figsize=(8, 3.2), layout="constrained")
for row, x in zip(axes, (whole, np.nan_to_num(torn, nan=0.5), filled), strict=True):
    for ax, v in zip(row, x, strict=True):
        ax.imshow(v.reshape(8, 8), cmap="Greys", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
for ax, name in zip(axes[:, 0], ("row", "torn", "mended"), strict=True):
    ax.set_ylabel(name)
