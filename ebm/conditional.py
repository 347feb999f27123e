"""One visible unit given the others: class probabilities, regressions, and what is left without it.

A machine that sums its hidden units out gives p(v_i | the others) exactly: a softmax of free energies for a
unit of few states, an integral in one dimension for a real one. docs/math.md (4.11)–(4.15).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from ebm.arguments import as_array, as_place
from ebm.arrays import row_blocks
from ebm.errors import EbmError, NotSupported
from ebm.machine import Array, Machine, TwoLayers, as_data, as_machine, require

__all__ = [
    "cell_scores",
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
        Hidden units that are in its state are summed: few, where they do not come in layers.
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
        A unit with a continuum of states.
    TooLarge
        More than 2²⁰ states of hidden units to be summed.
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
    states = np.asarray(machine.units.one(i).states)
    parts = _few(_rows(machine, x, i), machine, len(states))
    return np.concatenate([_softmax(-_energies(machine, rows, i, states)) for rows in parts])


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
    states = np.asarray(own.states)
    for rows in _few(_rows(machine, x, i), machine, len(states)):
        first = rows.copy()
        first[:, i] = states[0]
        below = -_energies(machine, rows, i, states)  # less a constant of the row, which F of the first tells
        below -= below[:, :1].copy()
        top = below.max(1)
        log_sum = top + np.log(np.exp(below - top[:, None]).sum(1))
        found.append(machine.visible_free_energy(first) - log_sum)
    return np.concatenate(found)


def conditional_log_likelihood(machine: Machine, rows: ArrayLike, *, unit: int = -1) -> Array:
    """log p(v_i | the other visible units) of whole rows: nats per sample, (n,); a density for real units.

    Parameters
    ----------
    machine : RBM
        For a real unit, with hidden units that are Gaussian or of finitely many states.
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
    rows = as_data(machine, rows, "rows")
    states = _states(machine, i, rows)
    width = 1.0 if own.finite else states[1] - states[0]
    for part in _few(rows, machine, len(states)):
        first = part.copy()
        first[:, i] = states[0]
        below = -_energies(machine, part, i, states)
        below -= below[:, :1].copy()
        top = below.max(1)
        log_sum = top + np.log(np.exp(below - top[:, None]).sum(1) * width)
        log_sum -= machine.visible_free_energy(first)
        found.append(-machine.visible_free_energy(part) - log_sum)
    return np.concatenate(found)


def cell_scores(machine: Machine, rows: ArrayLike) -> Array:
    """−log p(v_i | the other visible units) of every cell: nats, (n, n_visible); how odd each of them is.

    Which cell makes a row unlikely: a large one is not what the rest of the row leads to expect. Of real
    units it is of a density, and may be negative. A row's sum is minus its log pseudo-likelihood.

    Parameters
    ----------
    machine : Machine
        As of `conditional_log_likelihood`.
    rows : (n, n_visible)
        States.

    Raises
    ------
    NotSupported, EbmError
        As of `conditional_log_likelihood`.

    Examples
    --------
    >>> import numpy as np, ebm
    >>> J = np.array([[0.0, 2.0, 0.0], [2.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    >>> machine = ebm.BoltzmannMachine(ebm.Ising(), J)  # two units agree, the third is free
    >>> ebm.cell_scores(machine, [[1, 1, 1], [1, -1, 1]]).round(2)
    array([[0.02, 0.02, 0.69],
           [4.02, 4.02, 0.69]])
    """
    rows = as_data(machine, rows, "rows", strict=True)
    found = np.empty(rows.shape)
    all_seen = machine.n_units == machine.n_visible
    for part in row_blocks(len(rows), sum(value.size for value in machine.params.values())):
        own = rows[part]
        chains = machine.start(own) if all_seen else None
        for i in range(rows.shape[1]):
            unit = machine.units.one(i)
            if chains is None or not unit.finite:
                found[part, i] = -conditional_log_likelihood(machine, own, unit=i)
                continue
            energies = machine.site_energies(chains, i)
            index = np.searchsorted(np.asarray(unit.states), own[:, i])
            found[part, i] = -np.log(_softmax(-energies)[np.arange(len(own)), index])
    return found


def _few(rows: Array, machine: Machine, n_states: int) -> list[Array]:
    """The rows, a few at a time: so many that energies of all states of a unit fit."""
    step = max(1, _AT_ONCE // (n_states + sum(len(machine.params[key]) for key in machine.biases)))
    return [rows[k : k + step] for k in range(0, max(1, len(rows)), step)]


def conditional_moments(machine: Machine, x: ArrayLike, *, unit: int = -1) -> tuple[Array, Array]:
    """Mean and variance of one visible unit given the others: regression by a joint density, math.md (4.15).

    p(y | x) of a Gaussian unit is a mixture of Gaussians of one width, one for every state of the hidden
    units that are finite; the trapezoidal rule integrates it to rounding error.

    Parameters
    ----------
    machine : RBM
        For a real unit, with hidden units that are Gaussian or of finitely many states.
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
        A unit, or hidden units, that are real and not Gaussian.

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
    given = _rows(machine, x, i)
    states = _states(machine, i, given)
    moments = []
    for rows in _few(given, machine, len(states)):
        p = _softmax(-_energies(machine, rows, i, states))
        mean = p @ states
        moments.append((mean, (p * np.square(states - mean[:, None])).sum(1)))
    return np.concatenate([m for m, _ in moments]), np.concatenate([v for _, v in moments])


def _place(machine: Machine, unit: int) -> int:
    return as_place(unit, as_machine(machine, "machine").n_visible, "unit")


def _rows(machine: Machine, x: ArrayLike, i: int) -> Array:
    """Rows of all visible units, unit i in a state of its own."""
    x = as_array(x, "x")
    if x.ndim != 2 or x.shape[1] != machine.n_visible - 1:
        raise EbmError(f"x: expected shape (n, {machine.n_visible - 1}), got {x.shape}")
    own = machine.units.one(i)
    rows = np.insert(x, i, np.asarray(own.states)[0] if own.finite else 0.0, axis=1)
    return as_data(machine, rows, "x")


def _softmax(log_p: Array) -> Array:
    p = np.exp(log_p - log_p.max(1, keepdims=True))
    return p / p.sum(1, keepdims=True)


def _energies(machine: Machine, rows: Array, i: int, states: Array) -> Array:
    """−log p(v) with v_i in each of the states, (n, n_states), less a constant of the row."""
    if not machine.units.one(i).finite:
        return _wide(machine).site_energies(rows, i, states)
    if machine.n_units == machine.n_visible:
        return machine.site_energies(rows, i)
    moved = np.repeat(rows, len(states), axis=0)
    moved[:, i] = np.tile(states, len(rows))
    return machine.visible_free_energy(moved).reshape(len(rows), len(states))


def _states(machine: Machine, i: int, rows: Array) -> Array:
    """The states of a unit, or a grid over them."""
    own = machine.units.one(i)
    if own.finite:
        return np.asarray(own.states)
    return _grid(_wide(machine), i, rows)


def _wide(machine: Machine) -> TwoLayers:
    return require(machine, TwoLayers, "conditional of a real unit", "an RBM")


def _grid(machine: TwoLayers, i: int, rows: Array) -> Array:
    """A grid over all means that a Gaussian unit can have given hidden states, and the tails beyond.

    Given v and the hidden units of finitely many states it is normal. Normal hidden units, summed out, take
    W²/λ from its precision and add W·I/λ to its input, I theirs without it.
    """
    own, hidden = machine.units.one(i), machine.hidden
    if own.normal is None:
        raise NotSupported(f"unit {i}: {own}: expected a Gaussian unit, or one of finitely many states")
    at = machine.units.own(i).start
    row = machine.W[at].astype(np.float64)
    others = np.array(rows if len(rows) else np.zeros((1, machine.n_visible)), np.float64)
    others[:, i] = 0.0
    inputs = machine.c + machine.units.dot(others, machine.W)
    precision, low = 1 / float(own.var(np.zeros(1))[0]), np.full(len(others), float(machine.b[at]))
    high = low.copy()
    for part, _, columns in hidden.parts(machine.n_hidden):
        if part.normal is not None:
            precision -= float((row[columns] ** 2 / part.normal).sum())
            moved = inputs[:, columns] @ (row[columns] / part.normal)
            low, high = low + moved, high + moved
        elif part.finite:
            table = part.encode(np.asarray(part.states)[:, None])
            reached = row[columns].reshape(-1, part.width) @ table.T
            low, high = low + float(reached.min(1).sum()), high + float(reached.max(1).sum())
        else:
            expected = "expected Gaussian units, or units of finitely many states"
            raise NotSupported(f"conditional_moments: hidden {part}: {expected}")
    if precision <= 0:
        raise EbmError(f"unit {i}: {machine} is not normalisable")
    scale = precision**-0.5
    start = low.min() / precision - _TAIL * scale
    stop = high.max() / precision + _TAIL * scale
    return np.linspace(start, stop, math.ceil((stop - start) / (_STEP * scale)) + 1)
