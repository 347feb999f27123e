"""The restricted Boltzmann machine: a visible and a hidden layer, couplings between them only.

E(v, h) = −b·φ(v) − c·φ(h) − φ(v)·W·φ(h) + U(v) + U(h), docs/math.md (4.1). Given one layer the units of the
other are independent, so a Gibbs sweep is two blocks, and either layer can be summed out in closed form. The
state is x = v. Any pair of unit types will do; Gaussian with Gaussian has an analytic log Z. Of a conditional
machine the state is inputs and v, and the inputs never move.
"""

from ebm.rbm.conditional import ConditionalRBM
from ebm.rbm.machine import RBM

__all__ = ["RBM", "ConditionalRBM"]
