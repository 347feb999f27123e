"""Samplers, written against the machine protocol, and `sample`, which drives them."""

from ebm.samplers.clusters import SwendsenWang, Wolff
from ebm.samplers.direct import Direct
from ebm.samplers.drive import sample
from ebm.samplers.gibbs import Annealing, Gibbs
from ebm.samplers.metropolis import Metropolis
from ebm.samplers.population import PopulationAnnealing
from ebm.samplers.samples import Samples
from ebm.samplers.tempering import Tempering
from ebm.samplers.trajectory import TrajectoryTempering, select_machines
from ebm.samplers.transitions import TemperedTransitions
from ebm.samplers.walkers import Sampler

__all__ = [
    "Annealing",
    "Direct",
    "Gibbs",
    "Metropolis",
    "PopulationAnnealing",
    "Sampler",
    "Samples",
    "SwendsenWang",
    "TemperedTransitions",
    "Tempering",
    "TrajectoryTempering",
    "Wolff",
    "sample",
    "select_machines",
]
