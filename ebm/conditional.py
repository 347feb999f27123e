"""One visible unit given the others: class probabilities, regressions, and what is left without it.

A machine that sums its hidden units out gives p(v_i | the others) exactly: a softmax of free energies for a
unit of few states, an integral in one dimension for a real one. docs/math.md (4.11)–(4.15).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from ebm.arguments import as_array, as_place
from ebm.errors import EbmError, NotSupported
from ebm.machine import Array, Machine, TwoLayers, as_machine, as_rows, require

__all__ = [
    "conditional_log_likelihood",
    "conditional_moments",
    "conditional_probabilities",
    "marginal_free_energy",
]

_STEP = 0.25  # of the grid, in standard deviations: the rule errs by e^(−2(π/0.25)²)
_TAIL = 9.0  # standard deviations beyond the outermost means
_AT_ONCE = 2**22  # numbers worked on at a time


def conditional_probabilities(machine: Machine, x: ArrayLike, *, unit: int = -1) -> Array:
    """p(v_i = each of its states | the other visible units), docs/math.md (4.11).

    With a Potts unit of labels this is classification: p(y | x) in O(n_classes · n_hidden) operations.

    Parameters
    ----------
    machine : Machine
        With its hidden units summed out, such as an `RBM`.
    x : (n, n_visible − 1)
        The other units, in their order; Bernoulli and Ising values may be means.
    unit : int
        Which visible unit is left out of x; the last one by default.

    Returns
    -------
    ndarray, (n, n_states) float64
        Rows sum to 1.

    Raises
    ------
    NotSupported
        A unit with a continuum of states; hidden units in the machine's state.
    EbmError
        Rows of another length, or values outside the domain.

    References
    ----------
    Larochelle & Bengio, "Classification using discriminative restricted Boltzmann machines" (2008).

    Examples
    --------
    >>> import numpy as np, ebm
    >>> units = ebm.Mixed(((ebm.Bernoulli(), 1), (ebm.Potts(2), 1)))
    >>> W = np.array([[2.0], [0.0], [3.0]])
    >>> machine = ebm.RBM(units, ebm.Bernoulli(), W, np.zeros(3), [-2.0])
    >>> ebm.conditional_probabilities(machine, [[0], [1]]).round(3)
    array([[0.234, 0.766],
           [0.087, 0.913]])
    """
    i = _place(machine, unit)
    if not machine.units.one(i).finite:
        own = machine.units.one(i)
        raise NotSupported(f"unit {i}: {own} has a continuum of states; expected conditional_moments")
    parts = _few(_rows(machine, x, i), machine, np.asarray(machine.units.one(i).states).size)
    return np.concatenate([_softmax(-machine.site_energies(rows, i)) for rows in parts])


def marginal_free_energy(machine: Machine, x: ArrayLike, *, unit: int = -1) -> Array:
    """−log Σ exp(−F) over the states of one visible unit, nats, (n,): log p(x) = −that − log Z.

    Parameters
    ----------
    machine, x, unit
        As of `conditional_probabilities`.

    Raises
    ------
    NotSupported, EbmError
        As of `conditional_probabilities`.

    Examples
    --------
    >>> import numpy as np, ebm
    >>> units = ebm.Mixed(((ebm.Bernoulli(), 1), (ebm.Potts(2), 1)))
    >>> machine = ebm.RBM(units, ebm.Bernoulli(), np.zeros((3, 1)), np.zeros(3), [0.0])
    >>> ebm.marginal_free_energy(machine, [[0]]) == -np.log(4)
    array([ True])
    """
    i = _place(machine, unit)
    own = machine.units.one(i)
    if not own.finite:
        raise NotSupported(f"unit {i}: {own} has a continuum of states; expected one of finitely many")
    found = []
    for rows in _few(_rows(machine, x, i), machine, np.asarray(own.states).size):
        energies = machine.site_energies(rows, i)  # less a constant of the row, which F of the first tells
        below = energies[:, :1] - energies
        top = below.max(1)
        found.append(machine.free_energy(rows) - top - np.log(np.exp(below - top[:, None]).sum(1)))
    return np.concatenate(found)


def conditional_log_likelihood(machine: Machine, rows: ArrayLike, *, unit: int = -1) -> Array:
    """log p(v_i | the other visible units) of whole rows: nats per sample, (n,); a density for real units.

    Parameters
    ----------
    machine : RBM
        For a real unit, with hidden units of finitely many states.
    rows : (n, n_visible)
    unit : int
        Which visible unit is judged; the last one by default.

    Raises
    ------
    NotSupported, EbmError
        As of `conditional_moments`.

    Examples
    --------
    >>> import numpy as np, ebm
    >>> units = ebm.Mixed(((ebm.Bernoulli(), 1), (ebm.Gaussian(), 1)))
    >>> machine = ebm.RBM(units, ebm.Bernoulli(), [[0.0], [0.0]], [0.0, 1.0], [0.0])  # y ~ N(1, 1)
    >>> ebm.conditional_log_likelihood(machine, [[1, 1.0]]).round(4)  # −½ log 2π
    array([-0.9189])
    """
    i = _place(machine, unit)
    own, found = machine.units.one(i), []
    rows = as_rows(rows, machine.units, machine.n_visible, "rows")
    states, wide = _states(machine, i)
    width = 1.0 if own.finite else states[1] - states[0]
    for part in _few(rows, machine, len(states)):
        first = part.copy()
        first[:, i] = states[0]
        below = wide.site_energies(part, i, states)
        below = below[:, :1] - below
        top = below.max(1)
        log_sum = top + np.log(np.exp(below - top[:, None]).sum(1) * width) - machine.free_energy(first)
        found.append(-machine.free_energy(part) - log_sum)
    return np.concatenate(found)


def _few(rows: Array, machine: Machine, n_states: int) -> list[Array]:
    """The rows, a few at a time: so many that energies of all states of a unit fit."""
    step = max(1, _AT_ONCE // (n_states + sum(len(machine.params[key]) for key in machine.biases)))
    return [rows[k : k + step] for k in range(0, max(1, len(rows)), step)]


def conditional_moments(machine: Machine, x: ArrayLike, *, unit: int = -1) -> tuple[Array, Array]:
    """Mean and variance of one visible unit given the others: regression by a joint density, math.md (4.15).

    p(y | x) of a Gaussian unit is a mixture of Gaussians of one width, one for every state of the hidden
    units; the trapezoidal rule integrates it to rounding error.

    Parameters
    ----------
    machine : RBM
        With hidden units of finitely many states.
    x : (n, n_visible − 1)
        The other units, in their order.
    unit : int
        Which visible unit is left out of x.

    Returns
    -------
    mean, variance : ndarray, (n,) float64

    Raises
    ------
    NotSupported
        Real hidden units, or hidden units in the machine's state.

    Examples
    --------
    >>> import numpy as np, ebm
    >>> units = ebm.Mixed(((ebm.Bernoulli(), 1), (ebm.Gaussian(), 1)))
    >>> W = [[0.0], [2.0]]  # y is normal about 0 or 2, with variance 1
    >>> machine = ebm.RBM(units, ebm.Bernoulli(), W, [0.0, 0.0], [-2.0])
    >>> mean, variance = ebm.conditional_moments(machine, [[1]])
    >>> mean.round(6), variance.round(6)
    (array([1.]), array([2.]))
    """
    i = _place(machine, unit)
    states, wide = _states(machine, i)
    moments = []
    for rows in _few(_rows(machine, x, i), machine, len(states)):
        p = _softmax(-wide.site_energies(rows, i, states))
        mean = p @ states
        moments.append((mean, (p * np.square(states - mean[:, None])).sum(1)))
    return np.concatenate([m for m, _ in moments]), np.concatenate([v for _, v in moments])


def _place(machine: Machine, unit: int) -> int:
    n = as_machine(machine, "machine").n_visible
    if machine.n_units != n or not machine.sums_out:
        raise NotSupported(f"{machine} has its hidden units in its state; expected an RBM")
    return as_place(unit, n, "unit")


def _rows(machine: Machine, x: ArrayLike, i: int) -> Array:
    """Rows of all visible units, unit i in a state of its own."""
    x = as_array(x, "x")
    if x.ndim != 2 or x.shape[1] != machine.n_visible - 1:
        raise EbmError(f"x: expected shape (n, {machine.n_visible - 1}), got {x.shape}")
    own = machine.units.one(i)
    rows = np.insert(x, i, np.asarray(own.states)[0] if own.finite else 0.0, axis=1)
    return as_rows(rows, machine.units, machine.n_visible)


def _softmax(log_p: Array) -> Array:
    p = np.exp(log_p - log_p.max(1, keepdims=True))
    return p / p.sum(1, keepdims=True)


def _states(machine: Machine, i: int) -> tuple[Array, TwoLayers]:
    """The states of a unit, or a grid over them, and the machine, whose energies of them are wanted."""
    own, wide = machine.units.one(i), require(machine, TwoLayers, "conditional of one unit")
    return np.asarray(own.states) if own.finite else _grid(wide, i), wide


def _grid(machine: TwoLayers, i: int) -> Array:
    """A grid over all means that a Gaussian unit can have given hidden states, and the tails beyond."""
    own, hidden = machine.units.one(i), machine.hidden
    if own.normal is None:
        raise NotSupported(f"unit {i}: {own}: expected a Gaussian unit, or one of finitely many states")
    if not hidden.finite:
        raise NotSupported(f"conditional_moments: hidden {hidden}: expected units of finitely many states")
    at = machine.units.own(i).start
    row, base = machine.W[at].astype(np.float64), float(machine.b[at])
    low = high = base
    for part, _, columns in hidden.parts(machine.n_hidden):
        table = part.encode(np.asarray(part.states)[:, None])
        reached = row[columns].reshape(-1, part.width) @ table.T
        low, high = low + float(reached.min(1).sum()), high + float(reached.max(1).sum())
    variance = float(own.var(np.zeros(1))[0])
    scale = math.sqrt(variance)
    start, stop = variance * low - _TAIL * scale, variance * high + _TAIL * scale
    return np.linspace(start, stop, math.ceil((stop - start) / (_STEP * scale)) + 1)
