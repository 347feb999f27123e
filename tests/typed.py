"""What every class promises, said to the type checker: this file is checked by mypy and never run.

A class that no longer satisfies its protocol makes `mypy` fail at the line below that names it.
"""

from ebm.boltzmann import BoltzmannMachine
from ebm.deep import DBM, DBN, UpDown
from ebm.graph import HasGraph
from ebm.learning import (
    CD,
    PCD,
    TAP,
    Discriminative,
    Exact,
    FastPCD,
    Hybrid,
    MeanField,
    MinimumProbabilityFlow,
    NaturalGradient,
    PseudoLikelihood,
    RandomStart,
    RatioMatching,
    Rule,
    SparseHidden,
)
from ebm.learning.rules import Predicts, Sweeps
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
    Reconstructs,
)
from ebm.network import BackPropagation, Network
from ebm.optimisers import SGD, Adam, AdamW, Averaged, Clipped, Optimiser, RMSprop, Scaled
from ebm.penalties import L1, L2, Constraint, GroupLasso, Mask, MaxNorm, NonNegative, Penalty
from ebm.rbm import RBM

machines: tuple[type[Machine], ...] = (BoltzmannMachine, DBM, RBM)
parametrised: tuple[type[Parametrised], ...] = (BoltzmannMachine, DBM, DBN, Network, RBM)
with_a_graph: tuple[type[HasGraph], ...] = (BoltzmannMachine, DBM, RBM)
with_hidden_units: tuple[type[HasHidden], ...] = (BoltzmannMachine, DBM, RBM)
pairwise: tuple[type[Pairwise], ...] = (BoltzmannMachine,)
conditionable: tuple[type[Conditionable], ...] = (BoltzmannMachine, DBM, RBM)
conditional: tuple[type[Conditional], ...] = (BoltzmannMachine, RBM)
with_features: tuple[type[HasFeatures], ...] = (RBM,)
reconstructing: tuple[type[Reconstructs], ...] = (DBM, DBN, RBM)
mean_fielded: tuple[type[MeanFielded], ...] = (DBM,)
layered: tuple[type[Layered], ...] = (DBM, DBN)
bounded: tuple[type[Bounded], ...] = (DBM, DBN)

rules: tuple[type[Rule[Machine]], ...] = (
    CD, PCD, TAP, Discriminative, Exact, FastPCD, Hybrid, MeanField, MinimumProbabilityFlow, NaturalGradient,
    PseudoLikelihood, RandomStart, RatioMatching, SparseHidden,
)  # fmt: skip
of_networks: tuple[type[Rule[Network]], ...] = (BackPropagation,)
of_stacks: tuple[type[Rule[DBN]], ...] = (UpDown,)
predict: tuple[type[Predicts], ...] = (Discriminative, Hybrid)
sweep: tuple[type[Sweeps], ...] = (CD, PCD, RandomStart, SparseHidden, Hybrid)
optimisers: tuple[type[Optimiser], ...] = (SGD, Adam, AdamW, Averaged, Clipped, RMSprop, Scaled)
penalties: tuple[type[Penalty], ...] = (L1, L2, GroupLasso)
constraints: tuple[type[Constraint], ...] = (Mask, MaxNorm, NonNegative)
