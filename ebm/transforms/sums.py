"""Units that go: clamped, or summed out."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ebm.arguments import as_numbers
from ebm.boltzmann import BoltzmannMachine
from ebm.errors import EbmError, NotSupported
from ebm.files import refuse_beyond_memory
from ebm.machine import Array
from ebm.rbm import RBM
from ebm.states import n_states, refuse_above
from ebm.transforms.result import Pairwise, Transformed, as_fully, as_pairwise, matrix64, numbers64
from ebm.units import Units

__all__ = ["conditioned", "summed_out"]

_MOST = 2.0**20  # states of the neighbours of a unit
_NOTHING = 1e-12  # nats: a coupling of three that is rounding, of inputs of size 1


def conditioned(machine: Pairwise, given: ArrayLike) -> Transformed:
    """The machine of the units that are free, given the others, docs/math.md (3.6).

    Parameters
    ----------
    machine : RBM or BoltzmannMachine
    given : array_like, (n_units,)
        States of the clamped units, NaN where free.

    Returns
    -------
    Transformed
        Σ over the free units of exp(−E) is Z of the new machine times e^shift, which is what p(given) is made
        of.

    Examples
    --------
    >>> import numpy as np, ebm
    >>> pair = ebm.BoltzmannMachine(ebm.Ising(), [[0.0, 1.0], [1.0, 0.0]], [0.5, 0.0])
    >>> rest, shift = ebm.transforms.conditioned(pair, [1, np.nan])
    >>> rest.b, shift
    (array([1.]), 0.5)
    """
    machine = as_pairwise(machine)
    if isinstance(machine, RBM):
        W, b, c, theta = numbers64(machine)
        rest, energy = RBM(machine.visible, machine.hidden, W, b, c, theta=theta).condition(given)
        return Transformed(rest, -energy)
    J, b = matrix64(machine)
    left, energy = BoltzmannMachine(machine.units, J, b).condition(given)
    return Transformed(left, -energy)


def summed_out(machine: BoltzmannMachine, units: ArrayLike) -> Transformed:
    """The machine of the other units, exactly, where it is a machine of pairs: decimation.

    A unit leaves couplings among its neighbours behind, docs/math.md (18.6): of one neighbour a field, of two
    a coupling, of three or more only those of pairs where the others vanish, such as three spins without a
    field on the one that goes (the star and the triangle).

    Parameters
    ----------
    machine : BoltzmannMachine
        An RBM can be made one by `to_fully_connected`.
    units : array_like of int
        Those to sum out; the one with the fewest neighbours goes first.

    Returns
    -------
    Transformed

    Raises
    ------
    NotSupported
        What is left has couplings of three units or more; neighbours of three or more states in one column.

    References
    ----------
    Fisher, "Transformations of Ising models" (1959).

    Examples
    --------
    >>> import numpy as np, ebm
    >>> chain = ebm.BoltzmannMachine(ebm.Ising(), [[0.0, 1, 0], [1, 0, 1], [0, 1, 0]])
    >>> ends, shift = ebm.transforms.summed_out(chain, [1])
    >>> bool(np.isclose(np.tanh(ends.J[0, 1]), np.tanh(1) ** 2)), ends.n_units
    (True, 2)
    """
    machine = as_fully(machine)
    left = _as_units(units, machine.n_units)
    J, b = matrix64(machine)
    if machine.sparse:
        refuse_beyond_memory(24.0 * J.shape[0] ** 2, f"summed_out: {machine!r}, dense", "fewer units")
    J, b, shift = J.toarray() if machine.sparse else J.copy(), b.copy(), 0.0
    owners = machine.units.owners(machine.n_units)
    gone = np.zeros(machine.n_units, bool)
    while left:
        around = {i: _neighbours(J, machine.units.own(i), owners) for i in left}
        i = min(left, key=lambda i: len(around[i]))
        shift += _sum_out(machine.units, J, b, i, around[i])
        left.remove(i)
        gone[i] = True
    kept = ~gone[owners]
    J, n_visible = J[np.ix_(kept, kept)], int((~gone[: machine.n_visible]).sum())
    if machine.sparse:
        from scipy.sparse import csr_array

        J = csr_array(J)
    rest = machine.units.taken(~gone)
    return Transformed(BoltzmannMachine(rest, J, b[kept], n_visible=max(n_visible, 1)), shift)


def _as_units(units: ArrayLike, n: int) -> list[int]:
    places = as_numbers(units, "units")
    if places.ndim != 1 or places.dtype.kind not in "iu" or len(np.unique(places)) != len(places):
        raise EbmError(f"units: expected numbers of units, none twice, got {places.dtype} {places.shape}")
    if len(places) and not 0 <= places.min() <= places.max() < n:
        raise EbmError(f"units: expected 0 to {n - 1}, got {places.min()} to {places.max()}")
    if len(places) == n:
        raise EbmError("units: no unit is left")
    return [int(i) for i in places]


def _neighbours(J: Array, own: slice, owners: Array) -> list[int]:
    return [int(i) for i in np.unique(owners[(J[own] != 0).any(0)])]


def _indicators(units: Units, i: int) -> tuple[Array, Array]:
    """Of a unit: M and m with M·φ + m = whether it is in state 1, 2, …: (q − 1, width) and (q − 1,)."""
    unit = units.one(i)
    states: Any = unit.states
    if unit.one_hot:
        return np.eye(len(states))[1:], np.zeros(len(states) - 1)
    if len(states) == 2 and unit.width == 1:
        size = states[1] - states[0]
        return np.array([[1 / size]]), np.array([-states[0] / size])
    raise NotSupported(f"summed_out: {unit}: expected neighbours of two states, or transforms.to_potts first")


def _sum_out(units: Units, J: Array, b: Array, i: int, around: list[int]) -> float:
    """Sum unit i out of J and b, in place; what it adds to log Z."""
    own, table = units.own(i), units.one(i).table()
    near = units.taken(np.array(around)) if around else units
    what = f"summed_out: unit {i}, of {len(around)} neighbours,"
    refuse_above(_MOST, n_states(near, len(around)), 1e-7, 16 * _MOST, what)
    tables = [units.one(j).table().phi @ J[units.own(j), own] for j in around]
    inputs = b[own] * np.ones((1,) * len(around) + (1,))
    for axis, rows in enumerate(tables):  # the input of unit i for all states of its neighbours
        inputs = inputs + rows.reshape([-1 if k == axis else 1 for k in range(len(around))] + [len(b[own])])
    terms = inputs @ table.phi.T + table.log_weights
    top = terms.max(-1, keepdims=True)
    f = top[..., 0] + np.log(np.exp(terms - top).sum(-1))
    size = max(1.0, float(np.abs(f).max()))
    for axis in range(f.ndim):  # what each set of neighbours adds beyond its subsets, from state 0 on
        f = np.moveaxis(f, axis, 0)
        f = np.moveaxis(np.concatenate([f[:1], f[1:] - f[:1]]), 0, axis)
    _refuse_more_than_pairs(f, size, i, around)
    J[own] = 0
    J[:, own] = 0
    constant, places = float(f[(0,) * f.ndim]), [_indicators(units, j) for j in around]
    at = [units.own(j) for j in around]
    for k, (M, m) in enumerate(places):
        field = _part(f, {k})
        b[at[k]] += field @ M
        constant += float(field @ m)
    for k, l in itertools.combinations(range(len(around)), 2):
        (M, m), (N, n), pair = places[k], places[l], _part(f, {k, l})
        coupling = M.T @ pair @ N
        J[at[k], at[l]] += coupling
        J[at[l], at[k]] += coupling.T
        b[at[k]] += M.T @ (pair @ n)
        b[at[l]] += (m @ pair) @ N
        constant += float(m @ pair @ n)
    return constant


def _part(f: Array, axes: set[int]) -> Array:
    """What some neighbours add together: all others in state 0, these in another."""
    return f[tuple(slice(1, None) if axis in axes else 0 for axis in range(f.ndim))]


def _refuse_more_than_pairs(f: Array, size: float, i: int, around: list[int]) -> None:
    order = np.zeros(f.shape)
    for axis, q in enumerate(f.shape):  # how many of them are in another state than 0
        order += (np.arange(q) > 0).reshape([-1 if k == axis else 1 for k in range(f.ndim)])
    more = np.abs(np.where(order > 2, f, 0))
    if more.max(initial=0) > _NOTHING * size * 2**f.ndim:
        raise NotSupported(
            f"summed_out: unit {i} has {len(around)} neighbours and leaves couplings of three or more of"
            f" them, up to {more.max():.2g} nats; expected at most two neighbours, or none of those couplings"
        )
