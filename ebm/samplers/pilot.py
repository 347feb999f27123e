"""How long chains remember: their autocorrelation time, measured while they burn in.

Energies alone can be blind. Symmetric phases have one energy, so chains that never leave theirs look well
mixed. So the free energy is joined by overlaps: (φ(x) − m)·(φ(r) − m), with r a few states that the chains
have reached and m their mean. If the states are spread by λ_1 ≥ λ_2 ≥ … along their principal components, r
lies along each with variance λ_i, so that an overlap owes it λ_i²/Σλ² of its own variance: what spreads
chains most is what an overlap sees most, without an eigenproblem. Components proper would also depend on
rounding where they are degenerate. Overlaps of finitely many states are sums of integers, exact in any order.
"""

from __future__ import annotations

import math
import warnings
from typing import NamedTuple

import numpy as np

from ebm.diagnostics import autocorrelation_time
from ebm.diagnostics.series import rounding
from ebm.machine import Array, Machine
from ebm.samplers.walkers import Sampler, Walkers, advance
from ebm.stream import Stream

__all__ = ["Memory", "directions", "evenly", "measure"]

_PILOT = 64  # first length of the chains on which burn-in and thinning are measured, steps
_PILOT_LIMIT = 8192
_TRUSTED = 50  # autocorrelation times of the free energy that a chain must span
_CROSSED = 10  # and of overlaps, which are often slower: enough to forget, many more than stuck chains span
_OVERLAPS = 2  # each alone tells the phase of its r from all others
_STATES = 64  # of which the mean is taken, at least


class Memory(NamedTuple):
    """The longest autocorrelation time, of what, and the steps that were made to find it."""

    tau: float
    slowest: str
    steps: int

    @property
    def thin(self) -> int:
        """Twice the time, up to the longest to be trusted: chains that are stuck gain nothing by waiting."""
        if math.isnan(self.tau):
            return 1
        return math.ceil(min(2 * self.tau, self.steps / _CROSSED))


def measure(
    machine: Machine, sampler: Sampler, state: Walkers, rng: Stream, *, apart: bool
) -> tuple[Memory, Walkers]:
    """Run until the chains span enough autocorrelation times of the free energy and of overlaps.

    Each window of steps is as long as all steps before it, and is judged by itself. Chains of different
    conditions (`apart`) have different means: each is taken about its own.
    """
    steps = window = _PILOT // 2
    state, states = _walk(machine, sampler, state, rng, window)
    while True:
        at = directions(machine, states, _OVERLAPS)
        state, states, series = _observe(machine, sampler, state, rng, window, at)
        steps += window
        if apart:
            series = np.stack([_about_own_means(one) for one in series])
        energy = autocorrelation_time(series[0], warn=False)
        last = steps >= _PILOT_LIMIT
        if window >= _TRUSTED * energy or last:
            overlap = max(autocorrelation_time(one, warn=False) for one in series[1:])
            memory = Memory(energy, "free energy", steps)
            if overlap > energy:
                memory = Memory(overlap, "overlap", steps)
            if last and not window >= _TRUSTED * energy:  # NaN too
                _warn("the free energy", energy, steps, _TRUSTED)
            elif last and window < _CROSSED * overlap:
                _warn("overlaps between states", overlap, steps, _CROSSED)
            if last or window >= _CROSSED * overlap:
                return memory, state
        window = steps


def _about_own_means(one: Array) -> Array:
    """(n_chains, n) without the mean of each chain: zero, not rounding, of a chain that stands still."""
    about = one - one.mean(1, keepdims=True)
    return np.where(np.abs(about) <= rounding(one), 0.0, about)


def _warn(what: str, tau: float, steps: int, factor: int) -> None:
    warnings.warn(
        f"sample: the autocorrelation time of {what} is about {tau:.0f} steps; chains of {steps} steps are"
        f" too short to trust (expected {factor} times as many)",
        RuntimeWarning,
        stacklevel=5,
    )


def _looks(n: int, n_chains: int) -> list[int]:
    """Steps, of n, after which states are looked at: as many as make enough of them."""
    looks = min(n, math.ceil(_STATES / n_chains))
    return [math.ceil(n * k / looks) for k in range(1, looks + 1)]


def _walk(machine: Machine, sampler: Sampler, state: Walkers, rng: Stream, n: int) -> tuple[Walkers, Array]:
    """n steps, and states met on the way."""
    states, done = [], 0
    for step in _looks(n, len(state.x)):
        state = advance(sampler, machine, state, rng, step - done)
        states.append(state.x.copy())
        done = step
    return state, np.concatenate(states)


def _observe(
    machine: Machine, sampler: Sampler, state: Walkers, rng: Stream, n: int, at: Array
) -> tuple[Walkers, Array, Array]:
    """`_walk`, and the free energy and the overlaps of each chain at each step, (k, n_chains, n)."""
    n_chains, states = len(state.x), []
    looks = set(_looks(n, n_chains))
    series = np.empty((n, 1 + at.shape[1], n_chains))
    for k in range(n):
        state, _ = sampler.step(machine, state, rng)
        target = state.target
        x = target.x
        series[k, 0] = machine.free_energy(target)
        series[k, 1:] = machine.units.dot(x, at).T
        if k + 1 in looks:
            states.append(x.copy())
    return state, np.concatenate(states), np.ascontiguousarray(series.transpose(1, 2, 0))


def evenly(n: int, most: int) -> Array:
    """At most `most` of n row numbers, spread evenly."""
    return np.linspace(0, n - 1, min(n, most)).astype(np.int64)


def directions(machine: Machine, states: Array, most: int) -> Array:
    """φ(r) − m of a few of the states, times their number so that it is an integer: (n_units·width, k)."""
    phi = np.asarray(machine.units.encode(states), np.float64)
    few = phi[evenly(len(phi), most)]
    return np.ascontiguousarray((len(phi) * few - phi.sum(0)).T)
