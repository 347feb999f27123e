"""Readouts and networks: layers of units used as activations, trained by back-propagation.

A layer's activation is its units' `mean`, and the loss of the last layer is −log p(y | I) of its units,
docs/math.md (8.1)–(8.3): softmax regression for one Potts unit, logistic regression for Bernoulli units,
least squares for Gaussian ones, Poisson regression for counts. Back-propagation is the chain rule over the
layers, dL/dW = dL/dI · dI/dW, with `Units.pull` for the step through an activation.
"""

from ebm.network.lbfgs import LBFGS
from ebm.network.model import Layer, Network
from ebm.network.rule import BackPropagation
from ebm.network.tuning import fine_tune, readout

__all__ = ["LBFGS", "BackPropagation", "Layer", "Network", "fine_tune", "readout"]
