"""Log-likelihoods, which rest on log Z."""

from __future__ import annotations

import math
import warnings

import numpy as np
from numpy.typing import ArrayLike

from ebm.arguments import as_array, is_finite
from ebm.errors import EbmError, TooLarge, short
from ebm.gaps import as_gapped, has_gaps
from ebm.machine import (
    Array,
    Conditionable,
    HasInputs,
    Machine,
    TwoLayers,
    as_data,
    as_machine,
    inputs_of,
    require,
)
from ebm.partition.estimate import Context, LogZ
from ebm.partition.given import log_z_given
from ebm.partition.importance import AIS
from ebm.partition.limits import MOST_STDERR
from ebm.partition.logz import log_z as _log_z  # the name is an argument of log_likelihood
from ebm.states import n_states
from ebm.stream import AIS as _PURPOSE
from ebm.stream import Seed, Stream

__all__ = ["log_likelihood"]

_MOST = 2**16  # states that are summed for each row


def log_likelihood(
    machine: Machine, data: ArrayLike, log_z: LogZ | float | None = None, *, seed: Seed = 0
) -> Array:
    """log p(v) of each row, hidden units summed: nats per sample, (n,), docs/math.md (7.1).

    Of a machine with inputs it is log p(v | x), with a log Z for every row (`log_z_given`).

    Parameters
    ----------
    data : (n, n_visible)
        NaN where a unit was not observed: the likelihood is then that of the observed part.
    log_z : LogZ, float or None
        None: the package's own ``log_z(machine)``. Its error is the error of the mean over rows.
    seed : int, SeedSequence or Generator
        For what has to be estimated.

    Notes
    -----
    A fully connected machine's hidden units are summed exactly up to 2²⁰ states, and gaps (of an RBM, or its
    hidden units, whichever have fewer) up to 2¹⁶; beyond that by AIS of the machine conditioned on each row,
    with a warning when that adds more than 0.3 nats of standard error to the mean.

    Raises
    ------
    EbmError
        Rows of the wrong width, or that are no states of the machine: means have no probability.
    """
    known = None if log_z is None else as_log_z(log_z)
    machine = as_machine(machine, "log_likelihood: machine")
    if isinstance(machine, HasInputs) and known is not None:
        raise EbmError("log_likelihood: log_z: expected None: there is one for every row of inputs")
    rows, gaps = as_observed(machine, data)
    n_inputs = inputs_of(machine)
    seen = ~gaps[:, n_inputs:].all(1)
    out = np.zeros(len(rows))  # what says nothing has probability 1
    out[seen] = -observed_free_energy(machine, rows[seen], gaps[seen], seed)
    if isinstance(machine, HasInputs):
        out[seen] -= log_z_given(machine, rows[seen, :n_inputs], seed=seed).value
    else:
        out[seen] -= float(_log_z(machine, seed=seed)) if known is None else known
    return out


def as_log_z(value: LogZ | float) -> float:
    """log Z that somebody knows, as a number."""
    if not (isinstance(value, LogZ) or is_finite(value)):
        raise EbmError(f"log_z: expected a LogZ, a number or None, got {short(value)}")
    return float(value)


def as_observed(machine: Machine, data: ArrayLike, what: str = "data") -> tuple[Array, Array]:
    """Rows of states with some state in each gap, and where the gaps are: both (n, n_visible).

    Raises
    ------
    EbmError
        Rows of the wrong width; what was observed is no state.
    """
    rows = as_array(data, what)
    if not has_gaps(rows):
        return as_data(machine, rows, what, strict=True), np.zeros(rows.shape, bool)
    found = as_gapped(machine, rows, what, once=True, strict=True)
    return found.x, found.gaps


def observed_free_energy(machine: Machine, x: Array, gaps: Array, seed: Seed | Stream = 0) -> Array:
    """−log Σ over hidden units and gaps of exp(−E), nats, (n,): of the observed part of each row.

    x, gaps: as `as_observed` makes them. What cannot be summed is estimated, as in `log_likelihood`.
    """
    out, some = np.empty(len(x)), gaps.any(1)
    whole, lacking = np.flatnonzero(~some), np.flatnonzero(some)
    try:
        out[whole] = machine.visible_free_energy(x[whole]) if len(whole) else 0.0
    except TooLarge:
        lacking = np.arange(len(x))
    if len(lacking):
        rows = np.where(gaps[lacking], np.nan, x[lacking])
        out[lacking] = -_sum_rest(machine, rows, seed)
    return out


def _sums_fast(rest: Machine) -> bool:
    """Whether all states of a machine that is left can be summed for each of many rows."""
    q = n_states(rest.units, rest.n_units)
    if isinstance(rest, TwoLayers):
        q = min(q, n_states(rest.hidden, rest.n_hidden))
    if rest.n_units > rest.n_visible or not math.isfinite(q):
        return False
    return q <= _MOST


def _sum_rest(machine: Machine, rows: Array, seed: Seed | Stream) -> Array:
    """log Σ over what is not known in each row, NaN and hidden units, of exp(−E)."""
    machine = require(machine, Conditionable, "log_likelihood")
    rng = (seed if isinstance(seed, Stream) else Stream(seed)).split(_PURPOSE)
    out, variances = np.empty(len(rows)), np.zeros(len(rows))
    hidden = np.full(machine.n_units - machine.n_visible, np.nan)
    for n, row in enumerate(rows):
        rest, energy = machine.condition(np.concatenate([row, hidden]))
        if _sums_fast(rest):
            out[n] = rest.exact(stats=False)[0] - energy
            continue
        summed = AIS().estimate(rest, rng.split(n), Context(base=rest.params["b"]))
        out[n], variances[n] = summed.value - energy, summed.stderr**2
    stderr = math.sqrt(variances.sum()) / len(rows)
    if stderr > MOST_STDERR:
        warnings.warn(
            f"log_likelihood: summing what is not known by AIS adds a standard error of {stderr:.2f} nats to"
            " the mean",
            RuntimeWarning,
            stacklevel=3,
        )
    return out
