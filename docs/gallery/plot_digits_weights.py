"""
What hidden units look for
==========================

The weights of each hidden unit as a picture: strokes, and where there must be none.
"""

import ebm
from ebm import plots
from ebm.datasets import Digits

digits = Digits(threshold=8).load()
machine = ebm.RBM.from_data(digits.train, n_hidden=36)
rate = ebm.Linear(0.3, 0.0, 20)
ebm.fit(machine, digits.train, rule=ebm.PCD(centred=True), optimiser=ebm.SGD(rate), epochs=20, batch_size=50)
figure = plots.weights(machine.W, (8, 8), n=36).figure
