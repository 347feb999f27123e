"""The tables of a config that are not classes of the package already: machines from data, and stages."""

from __future__ import annotations

import os
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import scipy.sparse
from pydantic import Field

from ebm import datasets
from ebm.boltzmann import BoltzmannMachine as _BoltzmannMachine
from ebm.checkpoint import load_machine
from ebm.deep import DBM as _DBM
from ebm.deep import DBN as _DBN
from ebm.errors import EbmError, settings
from ebm.optimisers import SGD, Adam
from ebm.penalties import L1, L2, GroupLasso, MaxNorm, NonNegative
from ebm.rbm import RBM as _RBM
from ebm.samplers import Annealing as _Annealing
from ebm.samplers import (
    Direct,
    Gibbs,
    Metropolis,
    PopulationAnnealing,
    SwendsenWang,
    TemperedTransitions,
    Tempering,
    Wolff,
)
from ebm.selection import EarlyStopping
from ebm.stream import Stream
from ebm.units import Bernoulli, Gaussian, Ising, Mixed, Potts, Units

Count = Annotated[int, Field(ge=1, lt=2**31)]
Natural = Annotated[int, Field(ge=0, lt=2**31)]
Seed = Annotated[int, Field(ge=0)]
AnySampler = (
    Gibbs | Metropolis | Tempering | TemperedTransitions | PopulationAnnealing | SwendsenWang | Wolff | Direct
)
Part = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def _units_of(data: Any) -> Units:
    if data.kind == "potts":
        return Potts(data.n_states)
    return {"bernoulli": Bernoulli(), "ising": Ising(), "gaussian": Gaussian()}[data.kind]


@settings
class RBM:
    """`ebm.RBM.from_data`; the visible units are those of the data.

    Parameters
    ----------
    n_hidden : int
    hidden : Units
    learn_precision : bool
        Of Gaussian data: learn the precision of each visible unit.
    scale : float
        Standard deviation of the first weights.
    seed : int
    dtype : {"float32", "float64"}
    """

    n_hidden: Count
    hidden: Bernoulli | Ising | Gaussian | Potts = Bernoulli()
    learn_precision: bool = False
    scale: Positive = 0.01
    seed: Seed = 0
    dtype: Literal["float32", "float64"] = "float32"

    needs_data: ClassVar[bool] = True

    def build(self, data: Any) -> _RBM:
        """The machine before training."""
        visible = _units_of(data)
        if self.learn_precision:
            if not isinstance(visible, Gaussian):
                raise EbmError(f"RBM: learn_precision: expected gaussian data, got {data.kind}")
            visible = Gaussian(learn_precision=True)
        return _RBM.from_data(
            data.train, self.n_hidden, visible=visible, hidden=self.hidden, scale=self.scale,
            seed=self.seed, dtype=np.dtype(self.dtype),
        )  # fmt: skip


@settings
class LabelledRBM:
    """An RBM of p(x, y) whose last visible unit is the label y: Potts for classes, Gaussian for numbers.

    It predicts by p(y | x), and learns by the rules `Discriminative` and `Hybrid`, or as a density. Given the
    hidden units a number has the variance 1: its unit is to be small beside what the machine should explain.

    Parameters
    ----------
    n_hidden, hidden, scale, seed, dtype
        As of an RBM.
    """

    n_hidden: Count
    hidden: Bernoulli | Ising | Potts = Bernoulli()
    scale: Positive = 0.01
    seed: Seed = 0
    dtype: Literal["float32", "float64"] = "float32"

    needs_data: ClassVar[bool] = True

    def build(self, data: Any) -> _RBM:
        """The machine before training."""
        rows = data.labelled().train
        own = Gaussian() if data.classes is None else Potts(data.classes)
        return _RBM.from_data(
            rows, self.n_hidden, visible=Mixed(((_units_of(data), rows.shape[1] - 1), (own, 1))),
            hidden=self.hidden, scale=self.scale, seed=self.seed, dtype=np.dtype(self.dtype),
        )  # fmt: skip


@settings
class DBN:
    """A deep belief network, `ebm.DBN.greedy`: an RBM for each hidden layer, learnt one on the other.

    [rule], [optimiser] and [train] are those of every layer; first weights and batches follow from its seed.

    Parameters
    ----------
    sizes : list of int
        Units of the hidden layers, from the lowest.
    hidden : Bernoulli or Ising
    """

    sizes: Annotated[list[Count], Field(min_length=1)]
    hidden: Bernoulli | Ising = Bernoulli()

    needs_data: ClassVar[bool] = True

    def build(self, data: Any) -> _DBN:
        """A network of these sizes that has learnt nothing."""
        counts = [data.train.shape[1], *self.sizes]
        units = [_units_of(data)] + [self.hidden] * len(self.sizes)
        layers = zip(pairwise(units), pairwise(counts), strict=True)
        return _DBN([_RBM.random(*pair, *n, dtype=np.float32) for pair, n in layers])


@settings
class DBM:
    """A deep Boltzmann machine, `ebm.DBM.from_data`, whose layers learn together.

    Parameters
    ----------
    sizes : list of int
        Units of the hidden layers, from the lowest: at least two.
    scale, seed, dtype
        As of an RBM.
    """

    sizes: Annotated[list[Count], Field(min_length=2)]
    scale: Positive = 0.01
    seed: Seed = 0
    dtype: Literal["float32", "float64"] = "float32"

    needs_data: ClassVar[bool] = True

    def build(self, data: Any) -> _DBM:
        """The machine before training."""
        return _DBM.from_data(
            data.train, self.sizes, visible=_units_of(data), scale=self.scale, seed=self.seed,
            dtype=np.dtype(self.dtype),
        )  # fmt: skip


@settings
class BoltzmannMachine:
    """A fully connected machine over the data's units and hidden ones, with random couplings.

    Parameters
    ----------
    n_hidden : int
    cut : list of [first, stop, first, stop]
        Pairs of ranges of units that are not coupled; the couplings are then kept sparse.
    """

    n_hidden: Natural = 0
    scale: Positive = 0.01
    cut: list[list[Natural]] | None = None
    seed: Seed = 0
    dtype: Literal["float32", "float64"] = "float64"

    needs_data: ClassVar[bool] = True

    def build(self, data: Any) -> _BoltzmannMachine:
        """The machine before training."""
        units = _units_of(data)
        w, n_visible = units.width, data.train.shape[1]
        n = n_visible + self.n_hidden
        u = Stream(self.seed).uniform(n * w, n * w)
        J = np.triu(self.scale * Gaussian().sample(np.zeros_like(u), u))
        for i in range(n):
            J[i * w : (i + 1) * w, i * w : (i + 1) * w] = 0
        for pair in self.cut or []:
            if len(pair) != 4 or max(pair) > n:
                raise EbmError(
                    f"BoltzmannMachine: cut: expected [first, stop, first, stop] up to {n}, got {pair}"
                )
            a, b, c, d = (w * k for k in pair)
            J[a:b, c:d] = 0
            J[c:d, a:b] = 0
        J = (J + J.T).astype(self.dtype)
        return _BoltzmannMachine(
            units,
            scipy.sparse.csr_array(J) if self.cut else J,
            np.zeros(n * w, self.dtype),
            n_visible=n_visible,
        )


@settings
class SK:
    """A Sherrington–Kirkpatrick spin glass, `ebm.datasets.sk`."""

    n: Annotated[int, Field(ge=2)]
    seed: Seed = 0

    def build(self, data: Any) -> _BoltzmannMachine:
        """The machine."""
        return _BoltzmannMachine(Ising(), datasets.sk(self.n, self.seed))

    @property
    def ground_state(self) -> float:
        """Mean ground-state energy per spin at this size, −0.7632 + 0.70 n^(−2/3) (Boettcher 2005)."""
        return float(-0.7632 + 0.70 * self.n ** (-2 / 3))


@settings
class Lattice:
    """An Ising model on a hypercubic lattice, `ebm.datasets.lattice`."""

    shape: Annotated[list[Count], Field(min_length=1)]
    J: float = 1.0
    periodic: bool = True
    disorder: Literal["none", "gaussian", "binary"] = "none"
    seed: Seed = 0

    def build(self, data: Any) -> _BoltzmannMachine:
        """The machine."""
        couplings = datasets.lattice(
            tuple(self.shape), J=self.J, periodic=self.periodic, disorder=self.disorder, seed=self.seed
        )
        return _BoltzmannMachine(Ising(), couplings)


@settings
class Saved:
    """A machine from a file of `ebm.save`."""

    path: str

    def build(self, data: Any) -> Any:
        """The machine."""
        return load_machine(os.path.expanduser(self.path))


@settings
class Train:
    """How long to train, and how often to look.

    Parameters
    ----------
    epochs, batch_size : int
    repeat : int
        How often each row occurs in an epoch: where hidden units are sampled given the data, so many
        samples of them.
    seed : int
        Of the minibatches and of the chains.
    evaluate_every : int
        Epochs between evaluations; each writes a line of metrics and a checkpoint.
    penalties : list of L1, L2 or GroupLasso
    constraints : list of MaxNorm or NonNegative
    log_likelihood : {"none", "exact", "ais", "tempering"}
        What each evaluation computes beside the energies; tempering is one ladder that goes along.
    temperatures : int
        Of that AIS.
    stopping : EarlyStopping, optional
        Looks at held-out rows at each evaluation; the best machine seen is kept. A log-likelihood is that of
        the evaluation, which may be estimated, else exact.
    kl : bool
        The exact KL divergence from the distribution of the training rows at each evaluation.
    """

    epochs: Count
    batch_size: Count = 100
    repeat: Count = 1
    seed: Seed = 0
    evaluate_every: Count = 1
    penalties: list[L1 | L2 | GroupLasso] = Field(default_factory=list)
    constraints: list[MaxNorm | NonNegative] = Field(default_factory=list)
    log_likelihood: Literal["none", "exact", "ais", "tempering"] = "none"
    temperatures: Count = 300
    stopping: EarlyStopping | None = None
    kl: bool = False


@settings
class LogZ:
    """log Z of the machine at the end, `ebm.log_z`."""

    method: Literal[
        "auto", "exact", "report", "ais", "reverse_ais", "bennett", "mbar", "thermodynamic", "population"
    ] = "auto"
    temperatures: Count = 1000
    chains: Count = 100
    accuracy: Positive = 0.05
    rounds: Count = 4
    seed: Seed = 0


@settings
class Readout:
    """Readouts of the labels: on the data, on hidden means, and with all layers fine-tuned.

    Classes are read by a softmax, numbers by least squares.

    Parameters
    ----------
    epochs, batch_size, optimiser, penalties, seed
        Of the readouts alone.
    fine_tune_epochs, fine_tune_optimiser, fine_tune_penalties
        Of all layers by back-propagation.
    dropout : float or list of float
        Of fine-tuning, as in `ebm.BackPropagation`.
    """

    epochs: Count = 100
    batch_size: Count = 50
    optimiser: Adam | SGD = Adam(0.01)
    penalties: list[L1 | L2] = Field(default_factory=list)
    fine_tune_epochs: Natural = 50
    fine_tune_optimiser: Adam | SGD = Adam(0.001)
    fine_tune_penalties: list[L1 | L2] = Field(default_factory=list)
    dropout: Part | list[Part] = 0.0
    seed: Seed = 0


@settings
class Sample:
    """Samples of the machine at the end, `ebm.sample`."""

    n: Count = 500
    sampler: AnySampler = Gibbs()
    seed: Seed = 0


@settings
class Completion:
    """Given the first `given` visible units of each row of data, the probability of the others."""

    given: Count


@settings
class Traces:
    """Energies of Gibbs chains at several β, from fair units."""

    betas: Annotated[list[Positive], Field(min_length=1)]
    sweeps: Count = 200
    chains: Count = 64
    seed: Seed = 0


@settings
class Annealing:
    """A ramp of simulated annealing; the best energy reached is reported per unit."""

    start: Positive = 0.1
    stop: Positive = 5.0
    n_steps: Annotated[int, Field(ge=2)] = 100
    n_sweeps: Count = 10
    spacing: Literal["linear", "geometric"] = "linear"
    chains: Count = 64
    seed: Seed = 0

    @property
    def sampler(self) -> _Annealing:
        """Its sampler."""
        return _Annealing(self.start, self.stop, self.n_steps, self.n_sweeps, self.spacing)


@settings
class Plots:
    """Whether figures are drawn."""

    enabled: bool = True
