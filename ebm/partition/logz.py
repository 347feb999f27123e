"""log Z: exact, or estimated. All values are natural logarithms (nats)."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Literal

from ebm.errors import EbmError, TooLarge
from ebm.machine import Base, Machine
from ebm.partition.annealed import annealed_log_weights, pilot_base
from ebm.partition.estimate import LogZ, log_mean_exp
from ebm.stream import AIS, Seed, Stream

__all__ = ["log_z"]

_LEAST_ESS = 10.0
_MOST_STDERR = 0.3


def log_z(
    machine: Machine,
    method: Literal["auto", "exact", "ais"] = "auto",
    *,
    seed: Seed = 0,
    n_temperatures: int = 1000,
    n_chains: int = 100,
    base: Base = None,
    progress: Callable[[float], None] | None = None,
) -> LogZ:
    """The logarithm of the partition function, nats.

    Parameters
    ----------
    method : {"auto", "exact", "ais"}
        "exact" enumerates or raises; "ais" estimates; "auto" is exact where that fits, else AIS.
    seed : int, SeedSequence or Generator
    n_temperatures, n_chains : int
        Of AIS.
    base : (n_units·width,), optional
        Where AIS starts, such as ``base_rate(machine, data)``; when left out, the marginals of short
        chains of the machine.
    progress : callable, optional
        Called with the fraction done.

    Returns
    -------
    LogZ

    Raises
    ------
    TooLarge
        Method "exact" beyond its limit.
    EbmError
        An unknown method, or counts below 1.

    Warns
    -----
    RuntimeWarning
        AIS weights with an effective sample size below 10 or a standard error above 0.3: no estimate. A
        machine that is not normalisable: inf.

    Examples
    --------
    >>> import numpy as np, ebm
    >>> machine = ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 4, 3, seed=1)
    >>> exact, ais = ebm.log_z(machine), ebm.log_z(machine, "ais")
    >>> exact.method, bool(abs(exact.value - ais.value) < 0.01)
    ('exact', True)
    """
    if method not in ("auto", "exact", "ais"):
        raise EbmError(f"log_z: method: expected auto, exact or ais, got {method!r}")
    if method != "ais":
        try:
            value, _ = machine.exact(stats=False)
            entry = {"value": value, "stderr": 0.0}
            return LogZ(value, 0.0, value, value, "exact", {"exact": entry})
        except TooLarge:
            if method == "exact":
                raise
    if not machine.normalisable():
        warnings.warn(f"log_z: {machine} is not normalisable", RuntimeWarning, stacklevel=2)
        return LogZ(math.inf, 0.0, math.inf, math.inf, "exact", {})
    rng = Stream(seed).split(AIS)
    if base is None:
        base = pilot_base(machine, rng)
    log_w = annealed_log_weights(machine, n_temperatures, n_chains, base=base, seed=rng, progress=progress)
    value, stderr, ess = log_mean_exp(log_w)
    if not (ess >= _LEAST_ESS and stderr <= _MOST_STDERR):  # NaN too
        warnings.warn(
            f"log_z: AIS with {n_temperatures} temperatures and {n_chains} chains: standard error"
            f" {stderr:.2f}, effective sample size {ess:.1f}: no estimate; take more temperatures",
            RuntimeWarning,
            stacklevel=2,
        )
    entry = {
        "value": value,
        "stderr": stderr,
        "ess": ess,
        "n_chains": float(n_chains),
        "n_temperatures": float(n_temperatures),
    }
    return LogZ(value, stderr, value, math.inf, "ais", {"ais": entry})
