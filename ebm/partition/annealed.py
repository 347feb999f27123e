"""Annealed importance sampling: forward, in reverse, and conditioned on data.

A path of inverse temperatures 0 = β_0 < … < β_K = 1 joins a product measure, whose Z is known, to the
machine. Walked upwards from exact samples at β = 0, the mean weight estimates Z and the log of it falls
short of log Z on average; walked downwards from exact samples of the machine, it estimates 1/Z and errs
upwards. Whatever the number of temperatures, neither is biased before the logarithm is taken: few
temperatures cost variance.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ebm.errors import EbmError
from ebm.machine import Array, Base, Machine, as_count, as_rows
from ebm.partition.estimate import MOST_STDERR, log_mean_exp
from ebm.stream import Seed, Stream

__all__ = [
    "annealed_log_weights",
    "base_rate",
    "even_betas",
    "pilot_base",
    "raise_log_likelihood",
    "raise_rows",
    "reverse_log_weights",
]

_PILOT_CHAINS, _PILOT_SWEEPS = 500, 30
_EVEN_CHAINS, _EVEN_STEPS = 50, 100  # of the run that measures how the weights vary along the path
_UNIFORM = 0.1  # share of the temperatures that is spread evenly, whatever was measured
_ROWS = 1000  # data rows × chains that RAISE anneals at a time

Progress = Callable[..., object] | None


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


def pilot_base(machine: Machine, rng: Stream) -> Array:
    """A base rate from short chains of the machine itself, for want of data.

    Any base gives a valid estimate; one near the marginals of p gives weights of small variance.
    """
    x = machine.sample0(_PILOT_CHAINS, rng, machine.params["b"])
    return base_rate(machine, machine.sweep(x, rng, _PILOT_SWEEPS))


def even_betas(machine: Machine, n_temperatures: int, *, base: Base = None, seed: Seed | Stream = 0) -> Array:
    """Inverse temperatures from 0 to 1 between which the log-weights vary equally, (n_temperatures + 1,).

    A short run measures σ(β), the standard deviation over chains of ∂F/∂β; steps are made in proportion to
    1/σ. One temperature in ten is spread evenly, against what the short run may have missed.

    Examples
    --------
    >>> import ebm
    >>> betas = even_betas(ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 8, 4), 10)
    >>> len(betas), bool((betas[1:] > betas[:-1]).all())
    (11, True)
    """
    as_count(n_temperatures, "n_temperatures")
    coarse, spread = np.linspace(0, 1, _EVEN_STEPS + 1), []
    chains = machine.start(machine.sample0(_EVEN_CHAINS, rng := _stream(seed), base))
    for k in range(1, _EVEN_STEPS + 1):
        before, after = machine.free_energy(chains, coarse[k - 1 : k + 1, None], base)
        spread.append(float((before - after).std()))
        machine.sweep(chains, rng, 1, coarse[k], base)
    density = np.array(spread) + 1e-300
    share = np.cumsum((1 - _UNIFORM) * density / density.sum() + _UNIFORM / _EVEN_STEPS)
    betas = np.interp(np.linspace(0, 1, n_temperatures + 1), np.concatenate([[0], share / share[-1]]), coarse)
    betas[0], betas[-1] = 0.0, 1.0
    return betas


def annealed_log_weights(
    machine: Machine,
    n_temperatures: int = 1000,
    n_chains: int = 100,
    *,
    base: Base = None,
    betas: Array | None = None,
    seed: Seed | Stream = 0,
    progress: Progress = None,
) -> Array:
    """Log-weights of annealed importance sampling from β = 0 to 1, docs/math.md (6.1).

    Parameters
    ----------
    n_temperatures : int
        Steps of β, equally spaced.
    n_chains : int
    base : (n_units·width,), optional
        Inputs of the product measure at β = 0; None is fair units.
    betas : (n_temperatures + 1,), optional
        The path itself, from 0 to 1, such as `even_betas` makes; `n_temperatures` is then not used.
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
    as_count(n_chains, "n_chains")
    path, rng = _path(n_temperatures, betas), _stream(seed)
    chains = machine.start(machine.sample0(n_chains, rng, base))
    return machine.log_z0(base) + _anneal(machine, chains, path, rng, base, progress)


def reverse_log_weights(
    machine: Machine,
    x: Array,
    n_temperatures: int = 1000,
    *,
    base: Base = None,
    betas: Array | None = None,
    seed: Seed | Stream = 0,
    progress: Progress = None,
) -> Array:
    """Log-weights of annealing from samples of the machine down to β = 0.

    Parameters
    ----------
    x : (n_chains, n_units)
        Samples of the machine: exact ones for a bound.
    n_temperatures, base, betas, seed, progress
        As of `annealed_log_weights`; the path is walked from its end.

    Returns
    -------
    ndarray, (n_chains,) float64
        1/Z is estimated by the mean of exp(−log-weight), so log Z by −log mean exp(−log_weights): an upper
        bound in probability if x are exact.

    References
    ----------
    Burda, Grosse & Salakhutdinov, "Accurate and conservative estimates of MRF log-likelihood using reverse
    annealing" (2015), section 3.
    """
    path = _path(n_temperatures, betas)
    chains = machine.start(as_rows(x, machine.units, machine.n_units))
    gained = _anneal(machine, chains, path[::-1], _stream(seed), base, progress)
    return machine.log_z0(base) - gained


def raise_log_likelihood(
    machine: Machine,
    data: Array,
    n_temperatures: int = 1000,
    n_chains: int = 10,
    *,
    base: Base = None,
    betas: Array | None = None,
    seed: Seed | Stream = 0,
    progress: Progress = None,
) -> tuple[Array, Array]:
    """log p(v) of each row under the annealed model: what AIS with these temperatures would generate.

    The annealed model is normalised, so the estimate, unbiased before the logarithm, errs downwards: it
    overstates no likelihood. With many temperatures the annealed model becomes the machine.

    Parameters
    ----------
    data : (n, n_units)
        States of the machine: data of a fully connected machine with hidden units must be completed first.
    n_chains : int
        Annealed from each row.
    n_temperatures, base, betas, seed, progress
        As of `annealed_log_weights`.

    Returns
    -------
    value, stderr : (n,) float64
        Nats. The standard error of a row is that of its own chains. It is also how much too low a row's value
        is on average, stderr²/2, which a mean over rows does not average out. Weights have long tails: of few
        chains both are too small more often than a normal error would be.

    Warns
    -----
    RuntimeWarning
        The standard errors are above 0.3 nats (root mean square over rows): too few chains count.

    References
    ----------
    Burda, Grosse & Salakhutdinov (2015), section 4 (RAISE).
    """
    rows = raise_rows(
        machine, data, n_temperatures, n_chains, base=base, betas=betas, seed=seed, progress=progress
    )
    if rows.trouble:
        warnings.warn(f"raise_log_likelihood: {rows.trouble}", RuntimeWarning, stacklevel=2)
    return rows.value, rows.stderr


@dataclass(frozen=True)
class RaiseRows:
    """What `raise_log_likelihood` returns, and whether to believe it."""

    value: Array
    stderr: Array
    n_chains: int

    @property
    def ess(self) -> float:
        """Chains of a row that count: (6.4) of weights with the mean variance of rows."""
        n = self.n_chains
        return float(n / (1 + (n - 1) * np.square(self.stderr).mean()))

    @property
    def mean_stderr(self) -> float:
        """Of the mean over rows: their noise, and the mean of what the logarithm takes from each."""
        variance = np.square(self.stderr)
        return float(np.hypot(np.sqrt(variance.sum()) / len(variance), variance.mean() / 2))

    @property
    def trouble(self) -> str:
        """One line, or nothing."""
        size = float(np.sqrt(np.square(self.stderr).mean()))
        if size <= MOST_STDERR:
            return ""
        return (
            f"standard errors of {size:.2f} nats: of {self.n_chains} chains a row {self.ess:.1f} count;"
            " take more temperatures or chains"
        )


def raise_rows(
    machine: Machine,
    data: Array,
    n_temperatures: int = 1000,
    n_chains: int = 10,
    *,
    base: Base = None,
    betas: Array | None = None,
    seed: Seed | Stream = 0,
    progress: Progress = None,
) -> RaiseRows:
    """`raise_log_likelihood`, which leaves the warning to its caller."""
    rows = as_rows(data, machine.units, machine.n_units, "data", strict=True)
    as_count(n_chains, "n_chains", 2)
    path = _path(n_temperatures, betas)[::-1]
    rng, log_z0, at_once = _stream(seed), machine.log_z0(base), max(1, _ROWS // n_chains)
    value, stderr = np.empty(len(rows)), np.empty(len(rows))
    for k in range(0, len(rows), at_once):
        some = rows[k : k + at_once]
        chains = machine.start(np.repeat(some, n_chains, axis=0))
        ends = -machine.free_energy(chains, 1.0, base) - log_z0
        log_w = ends + _anneal(machine, chains, path, rng, base, None)
        for r, own in enumerate(log_w.reshape(len(some), n_chains)):
            value[k + r], stderr[k + r], _ = log_mean_exp(own)
        if progress is not None:
            progress((k + len(some)) / len(rows))
    return RaiseRows(value, stderr, n_chains)


def _anneal(machine: Machine, chains: Any, path: Array, rng: Stream, base: Base, progress: Progress) -> Array:
    """Σ_k F at β_{k−1} − F at β_k along a path of temperatures, a sweep after each step but the last."""
    log_w, last = np.zeros(len(chains)), len(path) - 1
    for k in range(1, last + 1):
        before, after = machine.free_energy(chains, path[k - 1 : k + 1, None], base)
        log_w += before - after
        if k < last:
            machine.sweep(chains, rng, 1, path[k], base)
        if progress is not None and k % 50 == 0:
            progress(k / last)
    return log_w


def _path(n_temperatures: int, betas: Array | None) -> Array:
    """The inverse temperatures of a path, evenly spaced if none are given; any but 0 … 1 joins other ends."""
    if betas is None:
        return np.linspace(0, 1, as_count(n_temperatures, "n_temperatures") + 1)
    path = np.asarray(betas, np.float64)
    if path.ndim != 1 or len(path) < 2 or path[0] != 0 or path[-1] != 1 or not (np.diff(path) >= 0).all():
        raise EbmError("betas: expected inverse temperatures that ascend from 0 to 1")
    return path


def _stream(seed: Seed | Stream) -> Stream:
    return seed if isinstance(seed, Stream) else Stream(seed)
