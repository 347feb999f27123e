"""The laws of samplers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ebm.boltzmann import BoltzmannMachine
from ebm.errors import EbmError, expect
from ebm.machine import Array, Machine
from ebm.samplers import Sampler
from ebm.stream import Stream
from ebm.testing.exactly import States, is_sample, states_of, total_variation, tv_limit
from ebm.testing.verdict import holds, near, run
from ebm.units import Ising

__all__ = ["check_sampler", "small_machine"]

_CHAINS = 6000
_STEPS = 50  # of a sampler that goes on for ever


def small_machine() -> BoltzmannMachine:
    """Five spins with couplings and fields of both signs, coupled strongly."""
    rng = np.random.default_rng(0)
    J = np.triu(0.6 * rng.normal(size=(5, 5)), 1)
    return BoltzmannMachine(Ising(), J + J.T, 0.4 * rng.normal(size=5))


def check_sampler(sampler: Sampler, machine: Machine | None = None, *, beta: float = 1.0) -> None:
    """Put a sampler to its laws.

    From wherever it starts, its walkers reach p_β: after 50 steps, or its `length`. Clamped units stay, the
    others follow the conditional distribution. The same seed gives the same walkers, another one others.

    Parameters
    ----------
    sampler : Sampler
        Settings with which 50 steps, or its length, forget the start on this machine.
    machine : Machine, optional
        Small; five Ising spins when left out.
    beta : float
        The inverse temperature that its walkers' x are meant to be at.

    Raises
    ------
    AssertionError
        A law does not hold.

    Examples
    --------
    >>> import ebm
    >>> ebm.testing.check_sampler(ebm.Gibbs(beta=0.5), beta=0.5)
    """
    expect(sampler, Sampler, "check_sampler", "a sampler such as Gibbs()")
    machine = small_machine() if machine is None else machine
    run(sampler, _LAWS, machine, states_of(machine), beta)


def _walk(
    sampler: Sampler, machine: Machine, n: int, seed: int, given: Array | None = None, steps: int = _STEPS
) -> Array:
    rng = Stream(seed)
    state: Any = sampler.init(machine, n, rng, given)
    for _ in range(steps if sampler.length is None else sampler.length):
        if not state.done:
            state, _info = sampler.step(machine, state, rng)
    return state.x


def reaches_p(sampler: Sampler, machine: Machine, states: States, beta: float) -> None:
    """Independent walkers become samples of p_β."""
    x = _walk(sampler, machine, _CHAINS, 1)
    holds(x.shape == (_CHAINS, machine.n_units), f"walkers have x of shape {x.shape}")
    is_sample(machine, x, "walkers", states, beta)


def holds_what_is_given(sampler: Sampler, machine: Machine, states: States, beta: float) -> None:
    """Clamped units stay; the others are samples of p_β given them."""
    given = np.full((_CHAINS, machine.n_units), np.nan)
    given[:, 0] = machine.sample0(1, Stream(0))[0, 0]
    try:
        x = _walk(sampler, machine, _CHAINS, 2, given)
    except EbmError as error:
        holds("\n" not in str(error), "what a sampler refuses it refuses in one line")
        return
    near("a clamped unit", x[:, 0], given[:, 0])
    if machine.units.finite:
        p = np.where(states.x[:, 0] == given[0, 0], states.p(machine, beta), 0.0)
        p /= p.sum()
        off, limit = total_variation(machine, x, p), tv_limit(p, _CHAINS)
        holds(off < limit, f"given a unit: total variation {off:.3g} from p given it, allowed {limit:.3g}")


def repeats(sampler: Sampler, machine: Machine, states: States, beta: float) -> None:
    """A function of the seed."""
    one, same, other = (_walk(sampler, machine, 50, seed, steps=5) for seed in (3, 3, 4))
    near("the same seed", same, one)
    holds(np.any(other != one), "another seed gives the same walkers")


_LAWS = (reaches_p, holds_what_is_given, repeats)
