"""Annealed importance sampling."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ebm.machine import Array, Base, Machine, as_count, as_rows
from ebm.stream import Seed, Stream

__all__ = ["annealed_log_weights", "base_rate", "pilot_base"]

_PILOT_CHAINS, _PILOT_SWEEPS = 500, 30


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
