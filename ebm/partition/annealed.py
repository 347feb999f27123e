"""Annealed importance sampling: forward, in reverse, and conditioned on data.

A path of inverse temperatures 0 = β_0 < … < β_K = 1 joins a product measure, whose Z is known, to the
machine. Walked upwards from exact samples at β = 0, the mean weight estimates Z and the log of it falls
short of log Z on average; walked downwards from exact samples of the machine, it estimates 1/Z and errs
upwards. Whatever the number of temperatures, neither is biased before the logarithm is taken: few
temperatures cost variance.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ebm.arguments import as_count, as_numbers
from ebm.errors import EbmError
from ebm.machine import Array, Base, Machine, as_machine, as_rows
from ebm.partition.estimate import Context, log_mean_exp
from ebm.progress import Progress, Update, showing
from ebm.stream import Seed, Stream

__all__ = [
    "annealed_log_weights",
    "base_rate",
    "even_betas",
    "near",
    "path_of",
    "pilot_base",
    "reverse_log_weights",
    "stream_of",
    "walk",
]

_PILOT_CHAINS, _PILOT_SWEEPS = 500, 30
_EVEN_CHAINS, _EVEN_STEPS = 50, 100  # of the run that measures how the weights vary along the path
_TRIAL, _TRIAL_STEPS, _TRIAL_CHAINS = 77, 100, 100  # of paths from two measures, before one is taken
_UNIFORM = 0.1  # share of the temperatures that is spread evenly, whatever was measured


def base_rate(machine: Machine, data: Array) -> Array:
    """Inputs of the product measure with the means of `data`: the base of AIS, (n_units·width,).

    Parameters
    ----------
    data : (n, n_units)
        States of the machine; for an RBM, rows of data.
    """
    machine = as_machine(machine, "base_rate: machine")
    data = as_rows(data, machine.units, machine.n_units, "data")
    mean = machine.units.encode(data).mean(0, dtype=np.float64)
    return machine.units.link(mean, floor=0.5 / (len(data) + 1))


def pilot_base(machine: Machine, rng: Stream) -> Array:
    """A base rate from short chains of the machine itself, for want of data.

    Any base gives a valid estimate; one near the marginals of p gives weights of small variance.
    """
    x = machine.sample0(_PILOT_CHAINS, rng, machine.params["b"])
    return base_rate(machine, machine.sweep(x, rng, _PILOT_SWEEPS))


def near(machine: Machine, rng: Stream, context: Context) -> Base:
    """A product measure near the machine: the one given, else that of the data or of short chains, or none.

    Marginals measured in one phase lead every path into that phase, and what is missed makes Z too small. So
    they are taken where a short path from them comes out higher than one from the uniform measure, or as
    high and with less than half its error.
    """
    if context.base is not None:
        return context.base
    if context.data is None:
        base = pilot_base(machine, rng)
    else:
        base = base_rate(machine, machine.clamp(context.data, rng))
    trial = rng.split(_TRIAL)
    (low, one), (high, other) = (
        _trial(machine, start, trial.split(k)) for k, start in enumerate((base, None))
    )
    error = math.hypot(one, other)
    return base if low - high > (-error if one < other / 2 else error) else None


def _trial(machine: Machine, base: Base, rng: Stream) -> tuple[float, float]:
    """log Z by a short run of AIS, and its standard error."""
    betas = even_betas(machine, _TRIAL_STEPS, base=base, seed=rng)
    log_w = annealed_log_weights(machine, n_chains=_TRIAL_CHAINS, base=base, betas=betas, seed=rng)
    value, stderr, _ = log_mean_exp(log_w)
    return value, stderr


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
    chains = machine.start(machine.sample0(_EVEN_CHAINS, rng := stream_of(seed), base))
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
    progress : bool or callable, optional
        As everywhere, `ebm.progress`.

    Returns
    -------
    ndarray, (n_chains,) float64
        Z is estimated by the mean of their exponentials.

    References
    ----------
    Neal, "Annealed importance sampling" (2001); Salakhutdinov & Murray (2008).
    """
    machine = as_machine(machine, "annealed_log_weights: machine")
    n_chains = as_count(n_chains, "n_chains")
    path, rng = path_of(n_temperatures, betas), stream_of(seed)
    chains = machine.start(machine.sample0(n_chains, rng, base))
    with showing(progress, "annealing") as update:
        return machine.log_z0(base) + walk(machine, chains, path, rng, base, update)


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
    path = path_of(n_temperatures, betas)
    chains = machine.start(as_rows(x, machine.units, machine.n_units))
    with showing(progress, "annealing") as update:
        return machine.log_z0(base) - walk(machine, chains, path[::-1], stream_of(seed), base, update)


def walk(machine: Machine, chains: Any, path: Array, rng: Stream, base: Base, update: Update | None) -> Array:
    """Σ_k F at β_{k−1} − F at β_k along a path of temperatures, a sweep after each step but the last."""
    log_w, last = np.zeros(len(chains)), len(path) - 1
    for k in range(1, last + 1):
        before, after = machine.free_energy(chains, path[k - 1 : k + 1, None], base)
        log_w += before - after
        if k < last:
            machine.sweep(chains, rng, 1, path[k], base)
        if update is not None and k % 50 == 0:
            update(k / last, "")
    return log_w


def path_of(n_temperatures: int, betas: Array | None) -> Array:
    """The inverse temperatures of a path, evenly spaced if none are given; any but 0 … 1 joins other ends."""
    if betas is None:
        return np.linspace(0, 1, as_count(n_temperatures, "n_temperatures") + 1)
    path = as_numbers(betas, "betas").astype(np.float64)
    if path.ndim != 1 or len(path) < 2 or path[0] != 0 or path[-1] != 1 or not (np.diff(path) >= 0).all():
        raise EbmError("betas: expected inverse temperatures that ascend from 0 to 1")
    return path


def stream_of(seed: Seed | Stream) -> Stream:
    """The stream itself, or one from a seed."""
    return seed if isinstance(seed, Stream) else Stream(seed)
