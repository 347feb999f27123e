"""
Few rows: the gap opens
=======================

Sixty rows are learnt by heart: training rows get likelier, held-out rows do not.
"""

import ebm
from ebm import plots
from ebm.datasets import Digits

digits = Digits(threshold=8).load()
few = digits.train[:60]
machine = ebm.RBM.from_data(few, n_hidden=40)
history = ebm.fit(machine, few, optimiser=ebm.SGD(0.1), epochs=120, batch_size=20, validation=digits.test)
figure = plots.free_energy_gap(history).figure
