"""Metropolis sampling, one unit at a time, of any machine."""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from ebm.errors import settings
from ebm.machine import Array, Count, Machine, Pairwise
from ebm.samplers.pairwise import as_numbers, is_pairwise, table_of, to_states
from ebm.samplers.walkers import Walkers, begin
from ebm.stream import Stream
from ebm.units import Gaussian, Units

__all__ = ["Metropolis"]

_PARALLEL = 2**15  # offers from which on sweeps run on several threads


@settings
class Metropolis:
    """Metropolis sampling at a fixed temperature: units are visited in order, each is offered another state.

    A unit of finitely many states is offered one of the others, all alike (a unit of two is offered to flip);
    a continuous one a Gaussian step. The offer x′ is taken with probability min(1, p_β(x′)/p_β(x)). Hidden
    units that a machine sums out are summed in both. A fully connected machine is swept by a kernel; any
    other by one `free_energy` of all chains per unit, so a sweep of an RBM costs n_visible products φ(v)·W
    and Gibbs sampling is far cheaper.

    Parameters
    ----------
    n_sweeps : int
        Sweeps per step.
    beta : float
        Inverse temperature.
    scale : float
        Standard deviation of the steps of continuous units, in those that the units have at input 0.

    Notes
    -----
    An offer of equal energy is always taken. Where all offers are (two-state units at β = 0, or without
    couplings and biases) a sweep flips every unit, for ever: p_β stays but is not approached. Use `Gibbs`
    there.

    References
    ----------
    Metropolis, Rosenbluth, Rosenbluth, Teller & Teller, "Equation of state calculations by fast computing
    machines" (1953), section II.

    Examples
    --------
    >>> import ebm
    >>> pair = ebm.BoltzmannMachine(ebm.Ising(), [[0.0, 1.0], [1.0, 0.0]])
    >>> x = ebm.sample(pair, 1000, sampler=ebm.Metropolis(2)).x
    >>> bool(abs((x[:, 0] == x[:, 1]).mean() - 0.8808) < 0.05)
    True
    """

    length: ClassVar[None] = None

    n_sweeps: Count = 1
    beta: Annotated[float, Field(allow_inf_nan=False)] = 1.0
    scale: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0

    def init(self, machine: Machine, n_chains: int, rng: Stream, given: Array | None = None) -> Walkers:
        """Start from independent fair units."""
        return begin(machine, n_chains, rng, given, self.beta)

    def step(self, machine: Machine, state: Walkers, rng: Stream) -> tuple[Walkers, dict[str, Any]]:
        """n_sweeps sweeps; info has beta and the fraction of offers taken, "acceptance" (NaN: none)."""
        free = np.ones(machine.n_units, bool) if state.free is None else state.free
        order, x = np.flatnonzero(free), state.x
        if is_pairwise(machine):
            x, accepted = _sweep_pairwise(machine, x, rng, self.n_sweeps, self.beta, order)
        else:
            x, accepted = _sweep_any(machine, x, rng, self.n_sweeps, self.beta, order, self.scale)
        state.chains = machine.start(x)
        state.time += 1
        offers = x.shape[0] * len(order) * self.n_sweeps
        return state, {"beta": self.beta, "acceptance": accepted / offers if offers else math.nan}


def _sweep_pairwise(
    machine: Pairwise, x: Array, rng: Stream, n: int, beta: float, order: Array
) -> tuple[Array, int]:
    """The states after n sweeps, and the number of offers taken; the same numbers as `_sweep_any`."""
    from ebm.kernels.metropolis import REFRESH, metropolis_sweeps

    units, dtype = machine.units, machine.dtype
    numbers, accepted = as_numbers(units, x), np.zeros(len(x), np.int64)
    couplings = _sparse_couplings(machine.J) if machine.sparse else _dense_couplings(machine.J)
    parallel = x.shape[0] * len(order) * n > _PARALLEL
    for k in range(0, n, REFRESH):
        count = min(REFRESH, n - k)
        fields = np.ascontiguousarray(machine.inputs(to_states(units, numbers, dtype)))
        metropolis_sweeps(
            parallel, numbers, fields, table_of(units).astype(dtype), couplings, np.full(len(x), beta),
            order, (*rng.advance(count), count), accepted,
        )  # fmt: skip
    return to_states(units, numbers, x.dtype), int(accepted.sum())


def _dense_couplings(J: Array) -> tuple[Array, ...]:
    none = np.empty(0, np.int64)
    return J, np.empty(0, J.dtype), none, none


def _sparse_couplings(J: Any) -> tuple[Array, ...]:
    return np.empty((0, 0), J.dtype), J.data, J.indices.astype(np.int64), J.indptr.astype(np.int64)


def _sweep_any(
    machine: Machine, x: Array, rng: Stream, n: int, beta: float, order: Array, scale: float = 1.0
) -> tuple[Array, int]:
    """The same by free energies alone: the definition."""
    from ebm.kernels.numbers.random import TILE, uniform_rows

    accepted, types = 0, [units for units, _, _ in machine.units.parts(machine.n_units)]
    x, u = x.copy(), np.empty((len(x), TILE))
    block = TILE if all(len(units.states or ()) == 2 for units in types) else TILE // 2
    energy = machine.free_energy(x, beta)
    kinds = {int(i): machine.units.one(i) for i in order}
    steps = {i: 0.0 if own.finite else scale * _deviation(own) for i, own in kinds.items()}
    for _ in range(n):
        key, sweep = rng.advance()
        for s, i in enumerate(order):
            r = s % block
            if r == 0:
                uniform_rows(key, sweep, 0, s // block * TILE, u)
            offer = x.copy()
            offer[:, i] = _offer(kinds[int(i)], x[:, i], u[:, TILE - block + r], steps[int(i)])
            other = machine.free_energy(offer, beta)
            taken = energy - other > np.log(u[:, r])
            x[taken, i] = offer[taken, i]
            energy = np.where(taken, other, energy)
            accepted += int(taken.sum())
    return x, accepted


def _deviation(units: Units) -> float:
    """The standard deviation of one unit at input 0: its scale, whatever the data are measured in."""
    return math.sqrt(float(units.var(np.zeros(1))[0]))


def _offer(units: Units, now: Array, u: Array, step: float) -> Array:
    """Another state of a unit, (n_chains,), drawn with u."""
    if units.states is None:
        return _folded(now + step * Gaussian().sample(np.zeros(len(u)), u), *units.interval)
    q = len(units.states)
    turned = (as_numbers(units, now) + 1 + (u * (q - 1)).astype(np.int64)) % q
    return to_states(units, turned, now.dtype)


def _folded(x: Array, low: float, high: float) -> Array:
    """x thrown back at the ends of the range, so that steps there and back are as likely as each other."""
    if high - low < math.inf:
        away = np.mod(x - low, 2 * (high - low))
        return low + np.minimum(away, 2 * (high - low) - away)
    return low + np.abs(x - low) if low > -math.inf else x if high == math.inf else high - np.abs(high - x)
