"""ebm: Boltzmann machines and their kin.

Sampling, learning, log Z and readouts, each held to exact enumeration. The public names are below; they are
imported when first used, so that ``import ebm`` itself loads nothing heavy.

Examples
--------
>>> import ebm
>>> machine = ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), n_visible=6, n_hidden=4)
>>> round(float(ebm.log_z(machine)), 1)
6.9
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_WHERE = {
    "boltzmann": ["BoltzmannMachine"],
    "checkpoint": ["load", "save"],
    "conditional": [
        "conditional_log_likelihood",
        "conditional_moments",
        "conditional_probabilities",
        "marginal_free_energy",
    ],
    "deep": ["DBM", "DBN", "UpDown", "up_down"],
    "errors": ["Diverged", "EbmError", "NotSupported", "TooLarge"],
    "gauges": ["rescaled", "zero_sum"],
    "graph": ["Graph"],
    "kernels.threads": ["get_num_threads", "set_num_threads"],
    "learning": [
        "CD",
        "PCD",
        "TAP",
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
        "SparseHidden",
    ],
    "machine": ["Chains", "Machine"],
    "maximum": ["Maximum", "maximise"],
    "network": ["LBFGS", "BackPropagation", "Layer", "Network", "fine_tune", "readout"],
    "optimisers": [
        "SGD",
        "Adam",
        "AdamW",
        "Averaged",
        "Clipped",
        "Constant",
        "InverseTime",
        "Linear",
        "PerEpoch",
        "RMSprop",
        "Scaled",
    ],
    "penalties": ["L1", "L2", "GroupLasso", "Mask", "MaxNorm", "NonNegative"],
    "partition": ["LogZ", "annealed_log_weights", "base_rate", "log_likelihood", "log_z", "log_z_ratio"],
    "rbm": ["RBM"],
    "samplers": [
        "Annealing",
        "Direct",
        "Gibbs",
        "Metropolis",
        "PopulationAnnealing",
        "Samples",
        "SwendsenWang",
        "TemperedTransitions",
        "Tempering",
        "TrajectoryTempering",
        "Wolff",
        "sample",
        "select_machines",
    ],
    "scores": ["free_energy_gap", "kl_divergence", "pseudo_likelihood", "reconstruction_error"],
    "selection": ["EarlyStopping"],
    "stream": ["Stream"],
    "thermal": ["Thermodynamics", "thermodynamics"],
    "training": ["History", "State", "begin", "fit", "partial_fit", "train"],
    "units": ["Bernoulli", "Gaussian", "Ising", "Mixed", "Poisson", "Potts", "Units"],
}
_MODULES = (
    "baselines",
    "datasets",
    "diagnostics",
    "elimination",
    "plots",
    *(m for m in _WHERE if "." not in m),
)
_NAMES = {name: module for module, names in _WHERE.items() for name in names}

__all__ = ["__version__", *sorted(_NAMES)]

if TYPE_CHECKING:
    from ebm.boltzmann import BoltzmannMachine as BoltzmannMachine
    from ebm.checkpoint import load as load
    from ebm.checkpoint import save as save
    from ebm.conditional import conditional_log_likelihood as conditional_log_likelihood
    from ebm.conditional import conditional_moments as conditional_moments
    from ebm.conditional import conditional_probabilities as conditional_probabilities
    from ebm.conditional import marginal_free_energy as marginal_free_energy
    from ebm.deep import DBM as DBM
    from ebm.deep import DBN as DBN
    from ebm.deep import UpDown as UpDown
    from ebm.deep import up_down as up_down
    from ebm.errors import Diverged as Diverged
    from ebm.errors import EbmError as EbmError
    from ebm.errors import NotSupported as NotSupported
    from ebm.errors import TooLarge as TooLarge
    from ebm.gauges import rescaled as rescaled
    from ebm.gauges import zero_sum as zero_sum
    from ebm.graph import Graph as Graph
    from ebm.kernels.threads import get_num_threads as get_num_threads
    from ebm.kernels.threads import set_num_threads as set_num_threads
    from ebm.learning import CD as CD
    from ebm.learning import PCD as PCD
    from ebm.learning import TAP as TAP
    from ebm.learning import Discriminative as Discriminative
    from ebm.learning import Exact as Exact
    from ebm.learning import FastPCD as FastPCD
    from ebm.learning import Hybrid as Hybrid
    from ebm.learning import MeanField as MeanField
    from ebm.learning import MinimumProbabilityFlow as MinimumProbabilityFlow
    from ebm.learning import NaturalGradient as NaturalGradient
    from ebm.learning import PseudoLikelihood as PseudoLikelihood
    from ebm.learning import RandomStart as RandomStart
    from ebm.learning import RatioMatching as RatioMatching
    from ebm.learning import SparseHidden as SparseHidden
    from ebm.machine import Chains as Chains
    from ebm.machine import Machine as Machine
    from ebm.maximum import Maximum as Maximum
    from ebm.maximum import maximise as maximise
    from ebm.network import LBFGS as LBFGS
    from ebm.network import BackPropagation as BackPropagation
    from ebm.network import Layer as Layer
    from ebm.network import Network as Network
    from ebm.network import fine_tune as fine_tune
    from ebm.network import readout as readout
    from ebm.optimisers import SGD as SGD
    from ebm.optimisers import Adam as Adam
    from ebm.optimisers import AdamW as AdamW
    from ebm.optimisers import Averaged as Averaged
    from ebm.optimisers import Clipped as Clipped
    from ebm.optimisers import Constant as Constant
    from ebm.optimisers import InverseTime as InverseTime
    from ebm.optimisers import Linear as Linear
    from ebm.optimisers import PerEpoch as PerEpoch
    from ebm.optimisers import RMSprop as RMSprop
    from ebm.optimisers import Scaled as Scaled
    from ebm.partition import LogZ as LogZ
    from ebm.partition import annealed_log_weights as annealed_log_weights
    from ebm.partition import base_rate as base_rate
    from ebm.partition import log_likelihood as log_likelihood
    from ebm.partition import log_z as log_z
    from ebm.partition import log_z_ratio as log_z_ratio
    from ebm.penalties import L1 as L1
    from ebm.penalties import L2 as L2
    from ebm.penalties import GroupLasso as GroupLasso
    from ebm.penalties import Mask as Mask
    from ebm.penalties import MaxNorm as MaxNorm
    from ebm.penalties import NonNegative as NonNegative
    from ebm.rbm import RBM as RBM
    from ebm.samplers import Annealing as Annealing
    from ebm.samplers import Direct as Direct
    from ebm.samplers import Gibbs as Gibbs
    from ebm.samplers import Metropolis as Metropolis
    from ebm.samplers import PopulationAnnealing as PopulationAnnealing
    from ebm.samplers import Samples as Samples
    from ebm.samplers import SwendsenWang as SwendsenWang
    from ebm.samplers import TemperedTransitions as TemperedTransitions
    from ebm.samplers import Tempering as Tempering
    from ebm.samplers import TrajectoryTempering as TrajectoryTempering
    from ebm.samplers import Wolff as Wolff
    from ebm.samplers import sample as sample
    from ebm.samplers import select_machines as select_machines
    from ebm.scores import free_energy_gap as free_energy_gap
    from ebm.scores import kl_divergence as kl_divergence
    from ebm.scores import pseudo_likelihood as pseudo_likelihood
    from ebm.scores import reconstruction_error as reconstruction_error
    from ebm.selection import EarlyStopping as EarlyStopping
    from ebm.stream import Stream as Stream
    from ebm.thermal import Thermodynamics as Thermodynamics
    from ebm.thermal import thermodynamics as thermodynamics
    from ebm.training import History as History
    from ebm.training import State as State
    from ebm.training import begin as begin
    from ebm.training import fit as fit
    from ebm.training import partial_fit as partial_fit
    from ebm.training import train as train
    from ebm.units import Bernoulli as Bernoulli
    from ebm.units import Gaussian as Gaussian
    from ebm.units import Ising as Ising
    from ebm.units import Mixed as Mixed
    from ebm.units import Poisson as Poisson
    from ebm.units import Potts as Potts
    from ebm.units import Units as Units


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        value = getattr(importlib.import_module(f"ebm.{_NAMES[name]}"), name)
    elif name in _MODULES:
        value = importlib.import_module(f"ebm.{name}")
    else:
        raise AttributeError(f"module 'ebm' has no attribute {name!r}")
    globals()[name] = value  # the next access does not come here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_NAMES, *_MODULES})
