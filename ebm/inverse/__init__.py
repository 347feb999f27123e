"""Inverse problems: which couplings made these rows, and how sure that is.

`infer` takes rows of two-state units and gives `Couplings`: a `BoltzmannMachine` with standard errors. Its
`METHODS` are closed forms of the first two moments, and convex problems of one site each.
"""

from ebm.inverse.couplings import Couplings
from ebm.inverse.infer import METHODS, infer

__all__ = ["METHODS", "Couplings", "infer"]
