"""
Are the chains where the data are?
==================================

Free energies of rows and of the sampler's chains, while the machine learns: they should stay together.
"""

import ebm
from ebm import plots
from ebm.datasets import Digits

digits = Digits(threshold=8).load()
machine = ebm.RBM.from_data(digits.train, n_hidden=36)
rate = ebm.Linear(0.3, 0.0, 20)
history = ebm.fit(
    machine, digits.train, rule=ebm.PCD(centred=True), optimiser=ebm.SGD(rate), epochs=20, batch_size=50,
    validation=digits.test,
)  # fmt: skip
figure = plots.energy_curves(history).figure
