"""Rules: estimates of the gradient of the mean log-likelihood, or of what stands for it."""

from ebm.learning.conditional import Discriminative, Hybrid
from ebm.learning.exact import Exact
from ebm.learning.fields import TAP, MeanField
from ebm.learning.natural import NaturalGradient
from ebm.learning.restarted import FastPCD, RandomStart
from ebm.learning.rules import Carried, Rule
from ebm.learning.sampling import CD, PCD
from ebm.learning.sites import MinimumProbabilityFlow, PseudoLikelihood, RatioMatching
from ebm.learning.sparsity import SparseHidden

__all__ = [
    "CD",
    "PCD",
    "TAP",
    "Carried",
    "Discriminative",
    "Exact",
    "FastPCD",
    "Hybrid",
    "MeanField",
    "MinimumProbabilityFlow",
    "NaturalGradient",
    "PseudoLikelihood",
    "RandomStart",
    "RatioMatching",
    "Rule",
    "SparseHidden",
]
