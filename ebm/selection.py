"""Which machine of a training run to keep: held-out rows decide.

What is remembered (the best parameters so far, their score, how long ago) is the `Watch` of a training
`State`, so that a run that is resumed decides alike.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal, Protocol

import numpy as np
from pydantic import Field

from ebm.errors import NotSupported, TooLarge, settings
from ebm.gaps import drawn_whole, opened
from ebm.learning.rules import predictor
from ebm.machine import (
    Array,
    Count,
    HasInputs,
    Machine,
    Parametrised,
    Params,
    moving_units,
    put,
    visible_units,
)
from ebm.partition import log_likelihood, log_z_ratio
from ebm.partition.likelihood import observed_free_energy
from ebm.parts import Arrays, Part
from ebm.scores import free_energy_gap, pseudo_likelihood
from ebm.stream import Stream

__all__ = ["EarlyStopping"]

_SWEEPS = 200  # of chains from held-out rows, for samples of two machines that are compared


@dataclass
class Best(Part):
    """The best machine so far."""

    params: Params
    score: float
    step: int


@dataclass
class Watch(Part):
    """What is remembered of the looks at a machine that learns.

    Attributes
    ----------
    best : Best or None
    waited : int
        Looks since the best one.
    warned : bool
        Whether it was said that learning has left equilibrium.
    ladder : dict of str to ndarray
        The replicas that follow the machine, where log Z is tracked.
    start : dict of str to ndarray
        How large energies and precisions were when learning began.
    """

    best: Best | None = None
    waited: int = 0
    warned: bool = False
    ladder: Arrays = field(default_factory=dict)
    start: Arrays = field(default_factory=dict)


class Watched(Protocol):
    """A state of learning, as far as stopping goes."""

    @property
    def machine(self) -> Parametrised:
        """What learns."""

    @property
    def watch(self) -> Watch:
        """What is remembered; changed in place."""

    @property
    def step(self) -> int:
        """Updates made."""


@settings
class EarlyStopping:
    """Keep the machine that held-out rows like best, and stop when none was better for long.

    Parameters
    ----------
    patience : int
        Evaluations without a better one after which learning stops.
    score : {"log_likelihood", "pseudo_likelihood", "free_energy_gap", "loss", "error"}, optional
        When left out: loss, the mean −log p(y | x), of a network or a rule that predicts y; else
        pseudo_likelihood; of machines that have none (real units, hidden units in the state) log_likelihood,
        where sums over all states are too large its gain upon the best machine so far, by Bennett's ratio.
        error is the part of wrong predictions.
        log_likelihood needs machines that are summed exactly, or evaluations that estimate log Z: a run whose
        ``log_likelihood`` is "ais" or "tempering". The gap, which only grows, has no best value: the last
        machine is kept whose gap is at most `limit`.
    limit : float
        Of the free-energy gap, nats per sample.

    References
    ----------
    Hinton, "A practical guide to training restricted Boltzmann machines" (2012), section 6, for the gap.
    """

    patience: Count = 5
    score: Literal["log_likelihood", "pseudo_likelihood", "free_energy_gap", "loss", "error"] | None = None
    limit: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0

    def note(self, state: Watched, score: float) -> bool:
        """Remember the machine if it is the best so far (more is better); True when learning should stop."""
        watch, best = state.watch, state.watch.best
        least = -np.inf if best is None else best.score
        if score > (-self.limit if self.score == "free_energy_gap" else least):
            params = {key: value.copy() for key, value in state.machine.params.items()}
            watch.best, watch.waited = Best(params, score, state.step), 0
        else:
            watch.waited += 1
        return self.enough(watch)

    def enough(self, watch: Watch) -> bool:
        """Whether the looks so far say that learning should stop."""
        return watch.waited >= self.patience

    def require(self, machine: Machine, train: Array, heldout: Array, log_z: float | None = None) -> None:
        """Raise what `measure` would, at once: for a score that the machine or the rows cannot have."""
        if self.score is None and not _has_pseudo_likelihood(machine):
            machine.visible_free_energy(heldout[:1])
            return
        if self.score == "log_likelihood" and log_z is None:
            machine.require_exact()
            log_z = 0.0
        self.measure(machine, train, heldout, log_z)

    def measure(
        self, machine: Machine, train: Array, heldout: Array, log_z: float | None = None, rule: object = None
    ) -> float:
        """The score of a machine, more being better.

        Parameters
        ----------
        train, heldout : (n, n_visible)
        log_z : float, optional
            Of the machine, nats, for the score that needs it; the exact sum when left out.
        rule : Rule, optional
            For the scores of predictions.

        Raises
        ------
        EbmError
            A score that the machine cannot have.
        """
        if self.score == "free_energy_gap":
            return -free_energy_gap(machine, train, heldout)
        predicts = predictor(rule)
        if self.score in ("loss", "error") or (self.score is None and predicts is not None):
            if predicts is None:
                what = f"is of a network, or of a rule that predicts; got {rule}"
                raise NotSupported(f"EarlyStopping: score: {self.score!r} {what}")
            loss, error = predicts.score(machine, heldout)
            return -error if self.score == "error" else -loss
        if self.score == "pseudo_likelihood" or (self.score is None and _has_pseudo_likelihood(machine)):
            return float(pseudo_likelihood(machine, heldout).mean())
        if log_z is None and not isinstance(machine, HasInputs):
            log_z = machine.exact(stats=False)[0]
        return float(log_likelihood(machine, heldout, log_z).mean())


def _has_pseudo_likelihood(machine: Machine) -> bool:
    return moving_units(machine).finite and machine.n_units == machine.n_visible


def scored(
    stopping: EarlyStopping,
    state: Watched,
    train: Array,
    heldout: Array,
    rng: Stream,
    log_z: float | None = None,
    rule: object = None,
) -> float:
    """`EarlyStopping.measure` of a machine that learns; where it would need exact sums, a gain upon the best.

    The gains add up: the score of a machine is its mean held-out log-likelihood up to a constant.
    """
    machine = state.machine
    assert isinstance(machine, Machine)
    if stopping.score is None and predictor(rule) is None and not _has_pseudo_likelihood(machine):
        try:
            machine.require_exact()
        except (TooLarge, NotSupported):
            best = state.watch.best
            if best is None:
                return 0.0
            other = machine.copy()
            put(other, best.params)
            return best.score + gain(other, machine, heldout, rng)[0]
    return stopping.measure(machine, train, heldout, log_z, rule)


def gain(machine: Machine, other: Machine, heldout: Array, rng: Stream) -> tuple[float, float]:
    """Mean held-out log-likelihood of `other` minus that of `machine`, nats per row, and its error.

    log Z of both exactly where that fits, else their ratio by Bennett's method from chains that start at the
    held-out rows.
    """
    if isinstance(machine, HasInputs):
        gains = log_likelihood(other, heldout, seed=rng.key) - log_likelihood(machine, heldout, seed=rng.key)
        return float(gains.mean()), float(gains.std(ddof=1) / np.sqrt(len(gains))) if len(gains) > 1 else 0.0
    rows, gaps = opened(visible_units(machine), heldout)
    after, before = (observed_free_energy(m, rows, gaps, rng) for m in (other, machine))
    free = float((before - after).mean())
    try:
        machine.require_exact()
        return free - (other.exact(stats=False)[0] - machine.exact(stats=False)[0]), 0.0
    except TooLarge:
        x = machine.clamp(drawn_whole(machine, heldout, rng), rng)
        ratio, stderr = log_z_ratio(machine, other, *(m.sweep(x, rng, _SWEEPS) for m in (machine, other)))
        return free - ratio, stderr
