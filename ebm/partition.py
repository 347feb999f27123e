"""log Z: exact, or by annealed importance sampling; and the log-likelihoods that rest on it.

All values are natural logarithms (nats). An estimate carries its standard error and the effective sample
size of its weights, or is not given.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from ebm.errors import EbmError, NotSupported, TooLarge
from ebm.machine import Array, Base, Machine, as_count, as_data, as_rows
from ebm.stream import AIS, Seed, Stream

__all__ = ["LogZ", "annealed_log_weights", "base_rate", "log_likelihood", "log_mean_exp", "log_z"]

_PILOT_CHAINS, _PILOT_SWEEPS = 500, 30
_LEAST_ESS = 10.0
_MOST_STDERR = 0.3


@dataclass(frozen=True)
class LogZ:
    """An estimate of log Z, nats.

    Attributes
    ----------
    value : float
    stderr : float
        Standard error; 0 when exact.
    lower, upper : float
        Stochastic bounds: P(lower > log Z + b) ≤ e^−b and its mirror; AIS alone bounds from below, so its
        upper bound is inf. Both equal the value when exact.
    method : str
        "exact" or "ais".
    estimates : dict
        Per estimator: value, stderr, ess (effective sample size of the weights), n_chains, n_temperatures.
    """

    value: float
    stderr: float
    lower: float
    upper: float
    method: str
    estimates: dict[str, dict[str, float]] = field(default_factory=dict)

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        error = "" if self.method == "exact" else f" ± {self.stderr:.3f}"
        return f"{self.value:.4f}{error} nats ({self.method})"


def log_mean_exp(log_weights: ArrayLike) -> tuple[float, float, float]:
    """Logarithm of the mean weight, its standard error, and the effective sample size.

    docs/math.md (6.2)–(6.4). The mean of the *log*-weights would be biased.

    Examples
    --------
    >>> value, stderr, ess = log_mean_exp([0.0, 0.0, 0.0])
    >>> round(value, 12), stderr, ess
    (0.0, 0.0, 3.0)
    """
    log_w = np.asarray(log_weights, np.float64)
    top = log_w.max()
    w = np.exp(log_w - top)
    mean, n = w.mean(), len(w)
    stderr = float(w.std(ddof=1) / mean / math.sqrt(n)) if n > 1 else math.inf
    return float(top + math.log(mean)), stderr, float(w.sum() ** 2 / (w**2).sum())


def base_rate(machine: Machine, data: Array) -> Array:
    """Inputs of the product measure with the means of `data`: the base of AIS, (n_units·width,).

    Parameters
    ----------
    data : (n, n_units)
        States of the machine; for an RBM, rows of data.
    """
    data = as_rows(data, machine.units, machine.n_units, "data")
    mean = machine.units.encode(data).mean(0, dtype=np.float64)
    return machine.units.link(mean, floor=0.5 / (len(data) + 1))


def _pilot_base(machine: Machine, rng: Stream) -> Array:
    """A base rate from short chains of the machine itself, for want of data.

    Any base gives a valid estimate; one near the marginals of p gives weights of small variance.
    """
    x = machine.sample0(_PILOT_CHAINS, rng, machine.params["b"])
    return base_rate(machine, machine.sweep(x, rng, _PILOT_SWEEPS))


def annealed_log_weights(
    machine: Machine,
    n_temperatures: int = 1000,
    n_chains: int = 100,
    *,
    base: Base = None,
    seed: Seed | Stream = 0,
    progress: Callable[[float], None] | None = None,
) -> Array:
    """Log-weights of annealed importance sampling from β = 0 to 1, docs/math.md (6.1).

    Parameters
    ----------
    n_temperatures : int
        Steps of β, equally spaced.
    n_chains : int
    base : (n_units·width,), optional
        Inputs of the product measure at β = 0; None is fair units.
    seed : int, SeedSequence, Generator or Stream
    progress : callable, optional
        Called with the fraction done.

    Returns
    -------
    ndarray, (n_chains,) float64
        Z is estimated by the mean of their exponentials.

    References
    ----------
    Neal, "Annealed importance sampling" (2001); Salakhutdinov & Murray (2008).
    """
    as_count(n_temperatures, "n_temperatures")
    as_count(n_chains, "n_chains")
    rng = seed if isinstance(seed, Stream) else Stream(seed)
    betas = np.linspace(0, 1, n_temperatures + 1)
    chains = machine.start(machine.sample0(n_chains, rng, base))
    log_w = np.full(n_chains, machine.log_z0(base))
    for k in range(1, n_temperatures + 1):
        before, after = machine.free_energy(chains, betas[k - 1 : k + 1, None], base)
        log_w += before - after
        if k < n_temperatures:
            machine.sweep(chains, rng, 1, betas[k], base)
        if progress is not None and k % 50 == 0:
            progress(k / n_temperatures)
    return log_w


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
        base = _pilot_base(machine, rng)
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


def log_likelihood(
    machine: Machine, data: ArrayLike, log_z: LogZ | float | None = None, *, seed: Seed = 0
) -> Array:
    """log p(v) of each row, hidden units summed: nats per sample, (n,), docs/math.md (7.1).

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
    if not isinstance(log_z, (LogZ, float, int, np.floating, type(None))):
        raise EbmError(f"log_z: expected a LogZ, a number or None, got {log_z!r}")
    rows = as_data(machine, data, strict=True)
    if log_z is None:
        log_z = _log_z(machine, seed=seed)
    try:
        free_energy = machine.visible_free_energy(rows)
    except TooLarge:
        free_energy = -_sum_hidden_by_ais(machine, rows, seed)
    return -free_energy - float(log_z)


_log_z = log_z  # the name is an argument of log_likelihood


def _sum_hidden_by_ais(machine: Any, rows: Array, seed: Seed) -> Array:
    if not hasattr(machine, "condition"):
        raise NotSupported(f"log_likelihood: {machine} can neither sum its hidden units nor be conditioned")
    rng, out, variances = Stream(seed).split(AIS), np.empty(len(rows)), np.empty(len(rows))
    hidden = np.full(machine.n_units - machine.n_visible, np.nan)
    for n, row in enumerate(rows):
        rest, energy = machine.condition(np.concatenate([row, hidden]))
        log_w = annealed_log_weights(rest, base=rest.b, seed=rng.split(n))
        out[n], variances[n], _ = log_mean_exp(log_w)
        out[n] -= energy
        variances[n] **= 2
    stderr = math.sqrt(variances.sum()) / len(rows)
    if stderr > _MOST_STDERR:
        warnings.warn(
            f"log_likelihood: summing the hidden units by AIS adds a standard error of {stderr:.2f} nats to"
            " the mean",
            RuntimeWarning,
            stacklevel=3,
        )
    return out
