"""Rules: estimates of the gradient of the mean log-likelihood, or of what stands for it."""

from ebm.learning.exact import Exact
from ebm.learning.restarted import FastPCD, RandomStart
from ebm.learning.rules import Batch, Carried, Rule
from ebm.learning.sampling import CD, PCD
from ebm.learning.sites import MinimumProbabilityFlow, PseudoLikelihood, RatioMatching

__all__ = [
    "CD",
    "PCD",
    "Batch",
    "Carried",
    "Exact",
    "FastPCD",
    "MinimumProbabilityFlow",
    "PseudoLikelihood",
    "RandomStart",
    "RatioMatching",
    "Rule",
]
