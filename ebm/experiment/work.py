"""What the stages of a run share: the config as objects, the machine, the data, and what is found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
from pydantic import Field

from ebm.datasets import Data, DataSet
from ebm.deep import DBN
from ebm.errors import settings
from ebm.experiment.calls import Call
from ebm.experiment.directory import RunDirectory
from ebm.experiment.report import Report
from ebm.learning import Rule
from ebm.machine import Array, Layered, Machine
from ebm.network import Network
from ebm.optimisers import Optimiser
from ebm.penalties import Constraint, Penalty
from ebm.selection import EarlyStopping
from ebm.units import Mixed, Units

__all__ = ["Config", "Count", "Model", "Plots", "Train", "Work", "data_units", "heldout_of", "rows_for"]

Count = Annotated[int, Field(ge=1, lt=2**31)]
Natural = Annotated[int, Field(ge=0, lt=2**31)]
Model: TypeAlias = Machine | DBN


@settings
class Train:
    """How long to train, and how often to look: what `ebm.fit` takes, and what is a run's own.

    Parameters
    ----------
    epochs, batch_size, seed, penalties, constraints
        As in `ebm.fit`.
    stopping : EarlyStopping, optional
        Looks at held-out rows at each evaluation; the best machine seen is kept. A log-likelihood is that of
        the evaluation, which may be estimated, else exact.
    repeat : int
        How often each row occurs in an epoch: where hidden units are sampled given the data, so many
        samples of them.
    evaluate_every : int
        Epochs between evaluations; each writes a line of metrics and a checkpoint.
    log_likelihood : {"none", "exact", "ais", "tempering"}
        What each evaluation computes beside the energies; tempering is one ladder that goes along.
    n_temperatures : int
        Of that AIS.
    kl : bool
        The exact KL divergence from the distribution of the training rows at each evaluation.
    """

    epochs: Count = 10
    batch_size: Count = 100
    repeat: Count = 1
    seed: Natural = 0
    evaluate_every: Count = 1
    penalties: Sequence[Penalty] = ()
    constraints: Sequence[Constraint] = ()
    log_likelihood: Literal["none", "exact", "ais", "tempering"] = "none"
    n_temperatures: Count = 300
    stopping: EarlyStopping | None = None
    kl: bool = False


@settings
class Plots:
    """Whether figures are drawn.

    Parameters
    ----------
    enabled : bool
        Draw what the run has numbers for, into figures/.
    """

    enabled: bool = True


@dataclass(frozen=True)
class Config:
    """A config read, checked and built: an object per table, None where the table is absent.

    `machine` and `stages` are calls that wait for what the run has to give.
    """

    source: str
    machine: Call
    rule: Rule
    optimiser: Optimiser
    data: DataSet | None = None
    train: Train | None = None
    plots: Plots | None = None
    stages: Mapping[str, Call] = field(default_factory=dict)


@dataclass
class Work:
    """A run in the middle of its work."""

    config: Config
    machine: Model
    data: Data | None
    run: RunDirectory
    report: Report
    summary: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, Array] = field(default_factory=dict)
    readout: Network | None = None

    @property
    def rows(self) -> Data:
        """The data, in a stage that is there only if there are some."""
        assert self.data is not None
        return self.data

    @property
    def energies(self) -> Machine:
        """The machine that has an energy: of a stack of directed layers, the top."""
        return self.machine.top if isinstance(self.machine, DBN) else self.machine

    @property
    def heldout(self) -> Array | None:
        """Held-out rows, None where the data has none of their own."""
        return heldout_of(self.data)


def heldout_of(data: Data | None) -> Array | None:
    """The test rows, None where they are the training rows."""
    return None if data is None or np.array_equal(data.test, data.train) else data.test


def rows_for(machine: Model, data: Data | None) -> Data | None:
    """The data, with the label as a last column if that is the machine's last visible unit."""
    if data is None or isinstance(machine, DBN) or not isinstance(machine.units, Mixed):
        return data
    return data.labelled() if machine.n_visible == data.train.shape[1] + 1 else data


def data_units(machine: Model) -> Units:
    """The type of the visible units."""
    return machine.layer_units[0] if isinstance(machine, Layered) else machine.units
