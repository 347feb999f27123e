"""Log-likelihoods, which rest on log Z."""

from __future__ import annotations

import math
import warnings

import numpy as np
from numpy.typing import ArrayLike

from ebm.arguments import is_finite
from ebm.errors import EbmError, TooLarge, short
from ebm.machine import Array, Conditionable, HasInputs, Machine, as_data, as_machine, require
from ebm.partition.estimate import Context, LogZ
from ebm.partition.given import log_z_given
from ebm.partition.importance import AIS
from ebm.partition.limits import MOST_STDERR
from ebm.partition.logz import log_z as _log_z  # the name is an argument of log_likelihood
from ebm.stream import AIS as _PURPOSE
from ebm.stream import Seed, Stream

__all__ = ["log_likelihood"]


def log_likelihood(
    machine: Machine, data: ArrayLike, log_z: LogZ | float | None = None, *, seed: Seed = 0
) -> Array:
    """log p(v) of each row, hidden units summed: nats per sample, (n,), docs/math.md (7.1).

    Of a machine with inputs it is log p(v | x), with a log Z for every row (`log_z_given`).

    Parameters
    ----------
    data : (n, n_visible)
    log_z : LogZ, float or None
        None: the package's own ``log_z(machine)``. Its error is the error of the mean over rows.
    seed : int, SeedSequence or Generator
        For what has to be estimated.

    Notes
    -----
    A fully connected machine's hidden units are summed exactly up to 2²⁰ states; beyond that by AIS of the
    machine conditioned on each row, with a warning when that adds more than 0.3 nats of standard error to
    the mean.

    Raises
    ------
    EbmError
        Rows of the wrong width, or that are no states of the machine: means have no probability.
    """
    known = None if log_z is None else as_log_z(log_z)
    machine = as_machine(machine, "log_likelihood: machine")
    rows = as_data(machine, data, strict=True)
    if isinstance(machine, HasInputs):
        if known is not None:
            raise EbmError("log_likelihood: log_z: expected None: there is one for every row of inputs")
        return -machine.free_energy(rows) - log_z_given(machine, rows[:, : machine.n_inputs], seed=seed).value
    if known is None:
        known = float(_log_z(machine, seed=seed))
    try:
        free_energy = machine.visible_free_energy(rows)
    except TooLarge:
        free_energy = -_sum_hidden_by_ais(machine, rows, seed)
    return -free_energy - known


def as_log_z(value: LogZ | float) -> float:
    """log Z that somebody knows, as a number."""
    if not (isinstance(value, LogZ) or is_finite(value)):
        raise EbmError(f"log_z: expected a LogZ, a number or None, got {short(value)}")
    return float(value)


def _sum_hidden_by_ais(machine: Machine, rows: Array, seed: Seed) -> Array:
    machine = require(machine, Conditionable, "log_likelihood")
    rng, out, variances = Stream(seed).split(_PURPOSE), np.empty(len(rows)), np.empty(len(rows))
    hidden = np.full(machine.n_units - machine.n_visible, np.nan)
    for n, row in enumerate(rows):
        rest, energy = machine.condition(np.concatenate([row, hidden]))
        summed = AIS().estimate(rest, rng.split(n), Context(base=rest.params["b"]))
        out[n], variances[n] = summed.value - energy, summed.stderr**2
    stderr = math.sqrt(variances.sum()) / len(rows)
    if stderr > MOST_STDERR:
        warnings.warn(
            f"log_likelihood: summing the hidden units by AIS adds a standard error of {stderr:.2f} nats to"
            " the mean",
            RuntimeWarning,
            stacklevel=3,
        )
    return out
