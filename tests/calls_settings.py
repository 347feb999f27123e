"""Valid calls of units and of classes of settings, as in `calls`."""

import numpy as np
from calls_inverse import call

import ebm
from ebm import SGD, Bernoulli, Ising

UNITS = {
    "Potts": call(q=3),
    "Ordered": call(q=3),
    "Binomial": call(n=3),
    "TruncatedPoisson": call(top=3),
    "Gaussian": call(learn_precision=True),
    "DReLU": call(theta_plus=0.0, theta_minus=0.0, gamma_plus=1.0, gamma_minus=1.0, learn=True),
    "Mixed": call(blocks=((Ising(), 2), (Bernoulli(), 1))),
}

WITHOUT_MACHINES = {  # classes of settings: those without an entry are called with their defaults
    "Averaged": call(optimiser=SGD(), start=0.0, decay=0.5, every=1),
    "Correlations": call(shape=(2, 2), connected=True, periodic=True),
    "StructureFactor": call(shape=(2, 2)),
    "Clipped": call(optimiser=SGD(), norm=1.0),
    "Constant": call(rate=0.1),
    "GroupLasso": call(strength=0.1),
    "L1": call(strength=0.1),
    "L2": call(strength=0.1),
    "InverseTime": call(rate=0.1, epochs=2.0),
    "Linear": call(start=0.1, stop=0.0, epochs=2.0),
    "Mask": call(kept=np.ones((2, 2), bool)),
    "MaxNorm": call(limit=1.0),
    "PerEpoch": call(rates=[0.1]),
    "Scaled": call(optimiser=SGD(), factors={"W": 1.0}),
    "SparseHidden": call(rule=ebm.CD(), target=0.1, strength=0.1, decay=0.5),
}
