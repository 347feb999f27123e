"""
Couplings from data, with errors
================================

Rows drawn from a known machine, couplings inferred from them: on the diagonal within their errors.
"""

import ebm
from ebm import plots
from ebm.datasets import random_regular
from ebm.inverse import infer

J = random_regular(12, 3, J=0.5, disorder="gaussian", seed=1).toarray()
rows = ebm.sample(ebm.BoltzmannMachine(ebm.Ising(), J), 1500, seed=0).x
found = infer(rows)
figure = plots.couplings(J, found.machine.J, found.stderr_J).figure
