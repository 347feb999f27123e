"""
Which digits are taken for which?
=================================

A softmax on hidden means, and its mistakes.
"""

import ebm
from ebm import plots
from ebm.datasets import Digits

digits = Digits(threshold=8).load()
machine = ebm.RBM.from_data(digits.train, n_hidden=36)
rate = ebm.Linear(0.3, 0.0, 20)
ebm.fit(machine, digits.train, rule=ebm.PCD(centred=True), optimiser=ebm.SGD(rate), epochs=20, batch_size=50)
network = ebm.readout(machine, digits.train, digits.train_labels, epochs=40)
figure = plots.confusion(digits.test_labels, network.predict(digits.test)).figure
