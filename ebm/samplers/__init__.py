"""Samplers, written against the machine protocol, and `sample`, which drives them."""

from ebm.samplers.clusters import SwendsenWang, Wolff
from ebm.samplers.direct import Direct
from ebm.samplers.drive import Samples, sample
from ebm.samplers.gibbs import Annealing, Gibbs
from ebm.samplers.metropolis import Metropolis
from ebm.samplers.population import Population, PopulationAnnealing
from ebm.samplers.tempering import Replicas, Tempering
from ebm.samplers.trajectory import Ladder, TrajectoryTempering, select_machines
from ebm.samplers.transitions import TemperedTransitions
from ebm.samplers.walkers import Sampler, Walkers

__all__ = [
    "Annealing",
    "Direct",
    "Gibbs",
    "Ladder",
    "Metropolis",
    "Population",
    "PopulationAnnealing",
    "Replicas",
    "Sampler",
    "Samples",
    "SwendsenWang",
    "TemperedTransitions",
    "Tempering",
    "TrajectoryTempering",
    "Walkers",
    "Wolff",
    "sample",
    "select_machines",
]
