"""log Z of machines with inputs: one for every row of them."""

from __future__ import annotations

import math
import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ebm.arguments import as_count, as_numbers
from ebm.errors import EbmError, TooLarge
from ebm.machine import Array, HasInputs, require
from ebm.partition.annealed import path_of
from ebm.partition.limits import MOST_STDERR
from ebm.stream import AIS, Seed, Stream

__all__ = ["LogZGiven", "log_z_given"]


class LogZGiven(NamedTuple):
    """log Z(x) of rows of inputs, nats.

    Attributes
    ----------
    value, stderr : ndarray, (n,)
        With its standard error, 0 where exact.
    exact : bool
        Whether it is an exact sum.
    """

    value: Array
    stderr: Array
    exact: bool


def log_z_given(
    machine: HasInputs, x: ArrayLike, *, n_temperatures: int = 200, n_chains: int = 100, seed: Seed = 0
) -> LogZGiven:
    """log Z(x) of each row of inputs: exact where that fits, else by annealing, docs/math.md (4.23).

    All rows are annealed together, n_chains for each that differs, from visible units that see the inputs and
    no hidden units.

    Parameters
    ----------
    machine : machine with inputs, such as a ConditionalRBM
    x : (n, n_inputs)
    n_temperatures, n_chains : int
    seed : int, SeedSequence or Generator

    Raises
    ------
    NotSupported
        A machine without inputs: that is `log_z`.

    Warns
    -----
    RuntimeWarning
        The standard error of a row is above 0.3 nats: more temperatures.

    Examples
    --------
    >>> import ebm
    >>> machine = ebm.ConditionalRBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 2, 4, 3)
    >>> ebm.log_z_given(machine, [[0.0, 0.0], [1.0, 2.0]]).value.round()
    array([5., 5.])
    """
    machine = require(machine, HasInputs, "log_z_given", "log_z")
    x = as_numbers(x, "x")
    try:
        machine.require_exact()
    except TooLarge:
        pass
    else:
        value = machine.exact_given(x, stats=False)[0]
        return LogZGiven(value, np.zeros(len(value)), True)
    if x.ndim != 2:
        raise EbmError(f"x: expected rows of inputs, (n, {machine.n_inputs}), got shape {x.shape}")
    distinct, which = np.unique(x, axis=0, return_inverse=True)
    path, rng = path_of(n_temperatures, None), Stream(seed).split(AIS)
    log_w = machine.annealed_given(distinct, path, as_count(n_chains, "n_chains", 2), rng)
    top = log_w.max(1)
    w = np.exp(log_w - top[:, None])
    value, stderr = top + np.log(w.mean(1)), w.std(1, ddof=1) / w.mean(1) / math.sqrt(w.shape[1])
    if stderr.max(initial=0) > MOST_STDERR:
        warnings.warn(
            f"log_z_given: a standard error of {stderr.max():.2f} nats; take more temperatures than"
            f" {n_temperatures}",
            RuntimeWarning,
            stacklevel=2,
        )
    return LogZGiven(value[which.reshape(-1)], stderr[which.reshape(-1)], False)
