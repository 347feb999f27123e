"""Samplers, written against the machine protocol, and `sample`, which drives them."""

from ebm.samplers.clusters import SwendsenWang, Wolff
from ebm.samplers.drive import Samples, sample
from ebm.samplers.gibbs import Annealing, Gibbs
from ebm.samplers.metropolis import Metropolis
from ebm.samplers.walkers import Sampler, Walkers

__all__ = [
    "Annealing",
    "Gibbs",
    "Metropolis",
    "Sampler",
    "Samples",
    "SwendsenWang",
    "Walkers",
    "Wolff",
    "sample",
]
