"""
What mutations cost
===================

The change of energy of every single mutation of a sequence.
"""

import ebm
from ebm import plots
from ebm.datasets import RNAFamily
from ebm.inverse import infer, mutation_scan

rows = RNAFamily("((((((....))))))", rows=1500).load().train
found = infer(rows, ebm.Potts(5), penalty=ebm.L2(0.01))
changes = mutation_scan(found.machine, rows[0])
figure = plots.mutation_map(changes, rows[0], "-ACGU").figure
