"""Samplers, written against the machine protocol, and `sample`, which drives them."""

from ebm.samplers.drive import Samples, sample
from ebm.samplers.gibbs import Annealing, Gibbs
from ebm.samplers.trajectory import Ladder, TrajectoryTempering, select_machines
from ebm.samplers.walkers import Sampler, Walkers

__all__ = [
    "Annealing",
    "Gibbs",
    "Ladder",
    "Sampler",
    "Samples",
    "TrajectoryTempering",
    "Walkers",
    "sample",
    "select_machines",
]
