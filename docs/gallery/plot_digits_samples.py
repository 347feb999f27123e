"""
Digits that nobody wrote
========================

Samples of an RBM after twenty passes over 1400 digits.
"""

import ebm
from ebm import plots
from ebm.datasets import Digits

digits = Digits(threshold=8).load()
machine = ebm.RBM.from_data(digits.train, n_hidden=36)
rate = ebm.Linear(0.3, 0.0, 20)
ebm.fit(machine, digits.train, rule=ebm.PCD(centred=True), optimiser=ebm.SGD(rate), epochs=20, batch_size=50)
figure = plots.samples(ebm.sample(machine, 40, seed=0).x, (8, 8), n=40).figure
