"""Unit types: exponential families in their input.

A unit with input I has p(x | I) = exp(I·φ(x) − U(x) − A(I)), docs/math.md (1.1). The few functions below
are at once its Gibbs conditional, the hidden term of a free energy, the statistics of both phases of
learning, the activation of a network (`mean`) with its derivative (`pull`), and the loss of a readout:
−log p(y | I) = A(I) − I·φ(y) + U(y). For one Potts unit that loss is softmax regression: *the softmax is
the Boltzmann distribution of a single Potts unit*.

Shapes. A layer of n units with `width` columns each has inputs I of shape (..., n·width), states x of shape
(..., n). `width` is q for Potts and 1 for all others; weights act on φ(x), on that flat axis. In a layer of
units of several types, `Mixed`, the columns of its blocks stand side by side.
"""

from ebm.units.binomial import Binomial
from ebm.units.drelu import DReLU
from ebm.units.family import Units
from ebm.units.gaussian import Gaussian
from ebm.units.mixed import Mixed
from ebm.units.ordered import Ordered
from ebm.units.poisson import Poisson
from ebm.units.potts import Potts
from ebm.units.relu import ReLU
from ebm.units.truncated_poisson import TruncatedPoisson
from ebm.units.two_state import Bernoulli, Ising

__all__ = [
    "Bernoulli",
    "Binomial",
    "DReLU",
    "Gaussian",
    "Ising",
    "Mixed",
    "Ordered",
    "Poisson",
    "Potts",
    "ReLU",
    "TruncatedPoisson",
    "Units",
]
