"""What every class promises, said to the type checker: this file is checked by mypy and never run.

A class that no longer satisfies its protocol makes `mypy` fail at the line below that names it.
"""

from ebm.boltzmann import BoltzmannMachine
from ebm.deep import DBM, DBN
from ebm.graph import HasGraph
from ebm.machine import (
    Bounded,
    Conditionable,
    Conditional,
    HasFeatures,
    HasHidden,
    Layered,
    Machine,
    MeanFielded,
    Pairwise,
    Parametrised,
)
from ebm.network import Network
from ebm.rbm import RBM

machines: tuple[type[Machine], ...] = (BoltzmannMachine, DBM, RBM)
parametrised: tuple[type[Parametrised], ...] = (BoltzmannMachine, DBM, DBN, Network, RBM)
with_a_graph: tuple[type[HasGraph], ...] = (BoltzmannMachine, DBM, RBM)
with_hidden_units: tuple[type[HasHidden], ...] = (BoltzmannMachine, DBM, RBM)
pairwise: tuple[type[Pairwise], ...] = (BoltzmannMachine,)
conditionable: tuple[type[Conditionable], ...] = (BoltzmannMachine,)
conditional: tuple[type[Conditional], ...] = (RBM,)
with_features: tuple[type[HasFeatures], ...] = (RBM,)
mean_fielded: tuple[type[MeanFielded], ...] = (DBM,)
layered: tuple[type[Layered], ...] = (DBM, DBN)
bounded: tuple[type[Bounded], ...] = (DBM, DBN)
