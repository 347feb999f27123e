"""Samplers, written against the machine protocol, and `sample`, which drives them."""

from ebm.samplers.clusters import SwendsenWang, Wolff
from ebm.samplers.direct import Direct
from ebm.samplers.drive import Samples, sample
from ebm.samplers.gibbs import Annealing, Gibbs
from ebm.samplers.metropolis import Metropolis
from ebm.samplers.population import PopulationAnnealing
from ebm.samplers.tempering import Tempering
from ebm.samplers.trajectory import TrajectoryTempering, select_machines
from ebm.samplers.transitions import TemperedTransitions
from ebm.samplers.walkers import Sampler

# The samplers by name: what configs and the command line may ask for. One more is its file and a line here.
SAMPLERS: dict[str, type[Sampler]] = {
    "Annealing": Annealing,
    "Direct": Direct,
    "Gibbs": Gibbs,
    "Metropolis": Metropolis,
    "PopulationAnnealing": PopulationAnnealing,
    "SwendsenWang": SwendsenWang,
    "TemperedTransitions": TemperedTransitions,
    "Tempering": Tempering,
    "TrajectoryTempering": TrajectoryTempering,  # takes machines, which a config cannot hold
    "Wolff": Wolff,
}

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
