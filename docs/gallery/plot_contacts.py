"""
Contacts of an RNA
==================

Sites that pair up change together; couplings see which, and leave out the go-betweens.
"""

import numpy as np

import ebm
from ebm import plots
from ebm.datasets import RNAFamily
from ebm.inverse import contact_pairs, contact_scores, infer

family = RNAFamily("((((((....))))))", rows=1500)
found = infer(family.load().train, ebm.Potts(5), penalty=ebm.L2(0.01))
best = contact_pairs(contact_scores(found.machine), 6, separation=4)
contacts = np.zeros((16, 16), bool)
for i, j in family.pairs():
    contacts[i, j] = contacts[j, i] = True
figure = plots.contact_map(best, contacts).figure
