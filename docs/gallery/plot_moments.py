"""
Do the moments agree?
=====================

Means and pairs of the samples against those of the data: a machine is learnt when they lie on the line.
"""

import numpy as np

import ebm
from ebm import plots
from ebm.datasets import Digits

digits = Digits(threshold=8).load()
machine = ebm.RBM.from_data(digits.train, n_hidden=36)
rate = ebm.Linear(0.3, 0.0, 20)
ebm.fit(machine, digits.train, rule=ebm.PCD(centred=True), optimiser=ebm.SGD(rate), epochs=20, batch_size=50)
v, x = digits.train, ebm.sample(machine, 500, seed=0).x
i, j = np.triu_indices(64, 1)
pairs = [(rows[:, i] * rows[:, j]).mean(0) for rows in (v, x)]
figure = plots.moments(v.mean(0), x.mean(0), *pairs)[0].figure
