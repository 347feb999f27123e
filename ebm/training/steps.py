"""A step of learning, and the generator that makes them for ever.

Minibatches are a function of (seed, step): a resumed run sees the same ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from ebm.arguments import as_array, as_count, as_numbers
from ebm.errors import EbmError, described, expect, expect_all
from ebm.gaps import Gapped, as_gapped
from ebm.learning.gaps import gaps_beside, gradient_with_gaps
from ebm.learning.rules import Batch, Completes, Rule
from ebm.machine import Array, Machine, as_data, check_finite
from ebm.optimisers import Optimiser
from ebm.penalties import Constraint, Penalty, restrict
from ebm.rows import as_source
from ebm.stream import Seed, Stream
from ebm.training.health import check_sensible, extents, few
from ebm.training.state import M, State

__all__ = ["Data", "as_batch", "as_learnt", "complete", "partial_fit", "steps_per_epoch", "train"]

_OFTEN = 16  # updates with single batches between looks whether numbers are sensible

Data: TypeAlias = ArrayLike | tuple[ArrayLike, ...]


def as_batch(data: Data, weights: ArrayLike | None) -> tuple[Batch, float]:
    """The arrays that batches are taken from, the row weights among them, and the mean of these."""
    arrays = tuple(as_source(a) for a in (data if isinstance(data, tuple) else (data,)))
    if not all(a.shape for a in arrays):
        raise EbmError(f"data: got {described(data)}; expected rows of units, (n, n_visible)")
    n = len(arrays[0])
    if n == 0 or any(len(a) != n for a in arrays):
        raise EbmError(f"data: expected arrays of as many rows, at least one, got {[len(a) for a in arrays]}")
    if weights is None:
        return (*arrays, np.broadcast_to(1.0, n)), 1.0
    w = as_numbers(weights, "weights").astype(np.float64)
    if w.shape != (n,) or not np.isfinite(w).all() or (w < 0).any() or w.sum() == 0:
        raise EbmError(f"weights: expected {n} finite numbers >= 0, not all zero")
    return (*arrays, w), float(w.mean())


def as_learnt(machine: Machine, rows: Any, rule: object, what: str = "data") -> Array:
    """Rows of data of a machine, checked; NaN is a gap, or a unit that the rule does without."""
    rows = as_array(rows, what)
    if gaps_beside(rows, rule):
        as_gapped(machine, rows, what)
        return rows
    known = complete(rows, rule)
    if known is rows:
        return as_data(machine, rows, what)
    if not len(known):
        raise EbmError(f"{what}: no row has a label; expected some")
    as_data(machine, known, what)
    assert isinstance(rule, Completes)
    others = np.delete(np.arange(rows.shape[1]), rule.may_lack)
    lacking = np.isnan(rows[:, rule.may_lack])
    machine.units.taken(others).check(rows[np.ix_(lacking, others)], what)
    return rows


def stored(machine: Machine, rows: Array, rule: object) -> Any:
    """Rows of data, checked, in a form that batches are taken from."""
    rows = as_learnt(machine, rows, rule)
    return as_gapped(machine, rows) if gaps_beside(rows, rule) else machine.store(rows)


def complete(rows: Any, rule: object) -> Any:
    """The rows that have what the rule predicts; all where the rule takes no others, or there are none."""
    if not isinstance(rule, Completes) or not isinstance(rows, np.ndarray):
        return rows
    if rows.ndim != 2 or rows.dtype.kind != "f" or not -rows.shape[1] <= rule.may_lack < rows.shape[1]:
        return rows
    lacking = np.isnan(rows[:, rule.may_lack])
    return rows[~lacking] if lacking.any() else rows


def steps_per_epoch(n: int, batch_size: int) -> int:
    """Updates in a pass over n rows, of which there has to be one; refuses a batch size below 1."""
    if n == 0:
        raise EbmError("data: no rows; expected at least one")
    return math.ceil(n / as_count(batch_size, "batch_size"))


def train(
    state: State[M],
    data: Data,
    rule: Rule[M],
    optimiser: Optimiser,
    batch_size: int,
    seed: Seed = 0,
    *,
    weights: ArrayLike | None = None,
    penalties: Sequence[Penalty] = (),
    constraints: Sequence[Constraint] = (),
) -> Iterator[State[M]]:
    """Update a state for ever, yielding it after each step.

    Parameters
    ----------
    state : State
        Changed in place and yielded; made by `begin` or loaded from a checkpoint.
    data : array (n, n_visible), or a tuple of arrays for a supervised rule
        Or a memory map, or a scipy.sparse matrix: rows are then read as they are needed.
    rule, optimiser
    batch_size : int
    seed : int, SeedSequence or Generator
        Of the minibatches. Give an int to one that is to be resumed.
    weights : (n,), optional
        Row weights >= 0, used relative to their mean: weight 2 is a row that stands twice.
    penalties : sequence of L1, L2 or GroupLasso
    constraints : sequence of MaxNorm, NonNegative or Mask
        Restored after every update, in their order.

    Raises
    ------
    EbmError
        Arrays of different lengths, weights or a batch size that make no sense.

    Examples
    --------
    >>> import numpy as np, ebm
    >>> machine = ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 4, 2)
    >>> rule, optimiser = ebm.CD(), ebm.SGD(0.1)
    >>> state = ebm.begin(machine, rule, optimiser)
    >>> for state in ebm.train(state, np.eye(4), rule, optimiser, batch_size=2):
    ...     if state.step == 10:
    ...         break
    """
    penalties, constraints = _checked(state, rule, optimiser, penalties, constraints)
    batch, mean_weight = as_batch(data, weights)
    n = len(batch[0])
    machine = state.machine
    checked = isinstance(data, tuple) or not isinstance(batch[0], np.ndarray)
    if isinstance(machine, Machine) and not checked:
        batch = (stored(machine, batch[0], rule), *batch[1:])
        if isinstance(batch[0], Gapped):  # rows that say nothing teach nothing
            w = np.where(batch[0].gaps.all(1), 0.0, batch[-1])
            batch, mean_weight = (batch[0], w), float(w.mean())
    per_epoch = steps_per_epoch(n, batch_size)
    shuffles, order, epoch_of_order = Stream(seed).key, np.empty(0, np.int64), -1
    while True:
        epoch, k = divmod(state.step, per_epoch)
        if epoch != epoch_of_order:
            source = np.random.SeedSequence(shuffles, spawn_key=(epoch,))
            order, epoch_of_order = np.random.default_rng(source).permutation(n), epoch
        rows = order[k * batch_size : (k + 1) * batch_size]
        *part, w = (a[rows] for a in batch)
        batch_now = (*part, w / mean_weight)
        _update(state, batch_now, rule, optimiser, state.step / per_epoch, penalties, constraints)
        yield state


def partial_fit(
    state: State[M],
    data: Data,
    rule: Rule[M],
    optimiser: Optimiser,
    *,
    weights: ArrayLike | None = None,
    epoch: float = 0.0,
    penalties: Sequence[Penalty] = (),
    constraints: Sequence[Constraint] = (),
) -> State[M]:
    """Make one update with these rows: for data that come as a stream.

    Parameters
    ----------
    state : State
        Changed in place and returned; made by `begin`.
    data : array (n, n_visible), or a tuple of arrays for a supervised rule
        One batch.
    rule, optimiser, penalties, constraints
        As in `train`.
    weights : (n,), optional
        Row weights >= 0; only those within a batch are compared.
    epoch : float
        The time of a schedule: only who makes the rows knows what an epoch is.

    Raises
    ------
    EbmError
        Rows outside the units' domain, or weights that make no sense.
    Diverged
        Parameters became non-finite, or free energies or precisions absurd.

    Examples
    --------
    >>> import numpy as np, ebm
    >>> machine = ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 4, 2)
    >>> rule, optimiser = ebm.PCD(), ebm.SGD(0.1)
    >>> state = ebm.begin(machine, rule, optimiser)
    >>> for rows in (np.eye(4), 1 - np.eye(4)):
    ...     state = ebm.partial_fit(state, rows, rule, optimiser)
    >>> state.step
    2
    """
    penalties, constraints = _checked(state, rule, optimiser, penalties, constraints)
    (*arrays, w), mean_weight = as_batch(data, weights)
    machine = state.machine
    whole: Any = machine if isinstance(machine, Machine) and not isinstance(data, tuple) else None
    if whole is not None:
        arrays = [as_learnt(whole, arrays[0][:], rule)]
        state.watch.start = state.watch.start or extents(whole, few(arrays[0]))
    _update(state, (*arrays, w / mean_weight), rule, optimiser, epoch, penalties, constraints)
    check_finite(machine, state.step)
    if whole is not None and (state.step < _OFTEN or state.step % _OFTEN == 0):
        check_sensible(whole, few(arrays[0]), state.watch.start, state.step)
    return state


def _checked(
    state: object, rule: object, optimiser: object, penalties: object, constraints: object
) -> tuple[tuple[Penalty, ...], tuple[Constraint, ...]]:
    """Refuse arguments of a wrong kind; the penalties and constraints."""
    expect(state, State, "state", "a state that begin(machine, rule, optimiser) made")
    expect(rule, Rule, "rule", "a rule such as PCD()")
    expect(optimiser, Optimiser, "optimiser", "an optimiser such as SGD(0.05)")
    some = "a sequence of penalties such as [L2(0.001)]"
    others = "a sequence of constraints such as [NonNegative()]"
    return (
        expect_all(penalties, Penalty, "penalties", some),
        expect_all(constraints, Constraint, "constraints", others),
    )


def _update(
    state: State[M],
    batch: Batch,
    rule: Rule[M],
    optimiser: Optimiser,
    epoch: float,
    penalties: Sequence[Penalty],
    constraints: Sequence[Constraint],
) -> None:
    """One step of learning, in place."""
    machine = state.machine
    gradient, state.chains = gradient_with_gaps(rule, machine, batch, state.chains, state.rng)
    share = batch[-1].mean()  # a rule's phases are normalised: a batch counts by its mean weight
    if share != 1:
        gradient = {key: share * value for key, value in gradient.items()}
    for key in machine.couplings:
        if penalties:
            gradient[key] = np.require(gradient[key], requirements=("C", "W"))
        for penalty in penalties:
            penalty.subtract(gradient[key], machine.params[key])
    optimiser.update(machine.params, gradient, state.memory, epoch)
    del gradient  # what it holds on to is used again in the next step
    machine.project()
    if constraints:
        restrict(machine, constraints)
    state.step += 1
