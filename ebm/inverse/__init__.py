"""Inverse problems: which couplings made these rows, and how sure that is.

`infer` takes rows of two-state units and gives `Couplings`: a `BoltzmannMachine` with standard errors. Its
`METHODS` are closed forms of the first two moments, convex problems of one site each, and exact maximum
likelihood. `ising_network` finds few edges, by lasso paths and EBIC.
"""

from ebm.inverse.couplings import Couplings
from ebm.inverse.infer import METHODS, infer
from ebm.inverse.network import Network, ising_network

__all__ = ["METHODS", "Couplings", "Network", "infer", "ising_network"]
