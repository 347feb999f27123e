"""Inverse problems: which couplings made these rows, and how sure that is.

`infer` takes rows of units of finitely many states and gives `Couplings`: a `BoltzmannMachine` with standard
errors. Its `METHODS` are convex problems of one site each, exact maximum likelihood, and closed forms of the
first two moments. `ising_network` finds few edges, by lasso paths and EBIC.
"""

from ebm.inverse.couplings import Couplings
from ebm.inverse.infer import infer
from ebm.inverse.methods import METHODS
from ebm.inverse.network import Network, ising_network

__all__ = ["METHODS", "Couplings", "Network", "infer", "ising_network"]
