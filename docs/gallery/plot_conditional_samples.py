"""
The other half of a digit
=========================

Given the upper half, many lower halves are possible: clamped units stay, the others are drawn.
"""

import numpy as np

import ebm
from ebm import plots
from ebm.datasets import Digits

digits = Digits(threshold=8).load()
machine = ebm.RBM.from_data(digits.train, n_hidden=36)
rate = ebm.Linear(0.3, 0.0, 20)
ebm.fit(machine, digits.train, rule=ebm.PCD(centred=True), optimiser=ebm.SGD(rate), epochs=20, batch_size=50)
given = digits.test[3].astype(float)
given[32:] = np.nan
figure = plots.samples(ebm.sample(machine, 24, given=given, seed=0).x, (8, 8), n=24).figure
