"""Training: a generator of states, and the loop around it for those who don't write one.

`State` holds all that changes while a machine learns, hence all that a checkpoint holds. Minibatches are a
function of (seed, step): a resumed run sees the same ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from ebm.errors import Diverged, EbmError
from ebm.learning import PCD, Batch, Carried, Rule
from ebm.machine import Array, Params, as_count, as_data, as_numbers
from ebm.optimisers import SGD, Memory, Optimiser, average_of, rate_at
from ebm.penalties import Constraint, Penalty
from ebm.selection import EarlyStopping, best_of, gain
from ebm.stream import EVALUATE, Seed, Stream

__all__ = [
    "History",
    "State",
    "begin",
    "check_finite",
    "choose",
    "evaluate",
    "fit",
    "steps_per_epoch",
    "train",
]

_EVALUATED = 2000  # rows that an evaluation looks at
Data: TypeAlias = ArrayLike | tuple[ArrayLike, ...]


@dataclass
class State:
    """All that changes while a machine learns.

    Attributes
    ----------
    machine : Machine or Network
    chains : dict of str to ndarray
        What the rule carries: persistent chains "x" (and "h", with which their next sweep begins: who puts
        other chains in place drops it), centring offsets.
    memory : dict of str to ndarray
        What the optimiser carries.
    rng : Stream
    step : int
        Updates made.
    """

    machine: Any
    chains: Carried
    memory: Memory
    rng: Stream
    step: int = 0


def begin(machine: Any, rule: Rule, optimiser: Optimiser, seed: Seed = 0) -> State:
    """The state before the first update."""
    rng = Stream(seed)
    return State(machine, rule.init(machine, rng), optimiser.init(machine.params), rng)


def _as_batch(data: Data, weights: ArrayLike | None) -> Batch:
    arrays = tuple(np.asarray(a) for a in data) if isinstance(data, tuple) else (np.asarray(data),)
    n = len(arrays[0])
    if n == 0 or any(len(a) != n for a in arrays):
        raise EbmError(f"data: expected arrays of as many rows, at least one, got {[len(a) for a in arrays]}")
    w = np.ones(n) if weights is None else as_numbers(weights, "weights").astype(np.float64)
    if w.shape != (n,) or not np.isfinite(w).all() or (w < 0).any() or w.sum() == 0:
        raise EbmError(f"weights: expected {n} finite numbers >= 0, not all zero")
    return (*arrays, w / w.mean())


def steps_per_epoch(n: int, batch_size: int) -> int:
    """Updates in a pass over n rows; refuses a batch size below 1."""
    return math.ceil(n / as_count(batch_size, "batch_size"))


def train(
    state: State,
    data: Data,
    rule: Rule,
    optimiser: Optimiser,
    batch_size: int,
    seed: Seed = 0,
    *,
    weights: ArrayLike | None = None,
    penalties: Sequence[Penalty] = (),
    constraints: Sequence[Constraint] = (),
) -> Iterator[State]:
    """Update a state for ever, yielding it after each step.

    Parameters
    ----------
    state : State
        Changed in place and yielded; made by `begin` or loaded from a checkpoint.
    data : array (n, n_visible), or a tuple of arrays for a supervised rule
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
    batch = _as_batch(data, weights)
    n = len(batch[0])
    if not isinstance(data, tuple):
        batch = (state.machine.store(batch[0]), *batch[1:])
    per_epoch = steps_per_epoch(n, batch_size)
    shuffles, order, epoch_of_order = Stream(seed).key, np.empty(0, np.int64), -1
    machine = state.machine
    while True:
        epoch, k = divmod(state.step, per_epoch)
        if epoch != epoch_of_order:
            source = np.random.SeedSequence(shuffles, spawn_key=(epoch,))
            order, epoch_of_order = np.random.default_rng(source).permutation(n), epoch
        rows = order[k * batch_size : (k + 1) * batch_size]
        part = tuple(a[rows] for a in batch)
        gradient, state.chains = rule.gradient(machine, part, state.chains, state.rng)
        share = part[-1].mean()  # a rule's phases are normalised: a batch counts by its mean weight
        if share != 1:
            gradient = {key: share * value for key, value in gradient.items()}
        for key in machine.couplings:
            for penalty in penalties:
                gradient[key] = gradient[key] - penalty.gradient(machine.params[key])
        optimiser.update(machine.params, gradient, state.memory, state.step / per_epoch)
        del gradient  # what it holds on to is used again in the next step
        for key in machine.couplings:
            for constraint in constraints:
                constraint.restrict(machine.params[key])
        machine.project()
        state.step += 1
        yield state


def check_finite(machine: Any, step: int) -> None:
    """Raise `Diverged` if a parameter is NaN or infinite."""
    for key, value in machine.params.items():
        if not np.isfinite(value).all():
            raise Diverged(f"parameter {key} became non-finite by step {step}: lower the rate")


def _some(rows: Array) -> Array:
    """At most `_EVALUATED` rows, spread evenly: always the same ones."""
    if len(rows) <= _EVALUATED:
        return rows
    return rows[np.linspace(0, len(rows) - 1, _EVALUATED).astype(np.int64)]


def evaluate(state: State, data: Array, heldout: Array | None = None) -> dict[str, float]:
    """Energies of data, held-out rows and chains: means and standard deviations over rows, nats.

    Free energies where the machine sums its hidden units out; where they are in its state, energies of
    completed states, whose difference is no free-energy gap. Draws, if any, are made beside the training's
    stream: evaluating changes nothing.
    """
    machine = state.machine
    rng = state.rng.split(EVALUATE).split(state.step)
    sets = {"train": _some(np.asarray(data))}
    if heldout is not None:
        sets["heldout"] = _some(np.asarray(heldout))
    row: dict[str, float] = {}
    energies = {name: machine.free_energy(machine.clamp(rows, rng)) for name, rows in sets.items()}
    if "x" in state.chains:
        energies["chains"] = machine.free_energy(state.chains["x"])
    for name, energy in energies.items():
        row[f"free_energy_{name}"] = float(energy.mean())
        row[f"free_energy_{name}_std"] = float(energy.std())
    if heldout is not None and machine.n_units == machine.n_visible:
        row["free_energy_gap"] = row["free_energy_heldout"] - row["free_energy_train"]
    return row


@dataclass
class History:
    """What `fit` saw: one dict per epoch; ``history["free_energy_train"]`` is a column, NaN where absent."""

    rows: list[dict[str, float]] = field(default_factory=list)

    def __getitem__(self, key: str) -> Array:
        return np.array([row.get(key, math.nan) for row in self.rows], np.float64)

    def __len__(self) -> int:
        return len(self.rows)


def fit(
    machine: Any,
    data: ArrayLike,
    *,
    rule: Rule | None = None,
    optimiser: Optimiser | None = None,
    epochs: int = 10,
    batch_size: int = 100,
    weights: ArrayLike | None = None,
    penalties: Sequence[Penalty] = (),
    constraints: Sequence[Constraint] = (),
    validation: ArrayLike | None = None,
    stopping: EarlyStopping | None = None,
    seed: Seed = 0,
) -> History:
    """Train a machine in place on rows of data.

    It ends as the machine that the validation rows like best: of the best one seen (`stopping`), else of the
    last and the averaged one (an optimiser `Averaged`); without validation rows as the averaged one if there
    is one, else the last.

    Parameters
    ----------
    machine : Machine
    data : (n, n_visible)
    rule : Rule, optional
        ``PCD()`` when left out.
    optimiser : Optimiser, optional
        ``SGD(0.05)`` when left out.
    epochs, batch_size : int
    weights : (n,), optional
        Row weights >= 0.
    penalties, constraints : sequences
        As in `train`.
    validation : (m, n_visible), optional
        Held-out rows whose free energy is followed.
    stopping : EarlyStopping, optional
        Needs validation rows; looks at them after every epoch.
    seed : int, SeedSequence or Generator

    Returns
    -------
    History
        A row per epoch: epoch, step, rate, and the energies of `evaluate`, nats per sample.

    Raises
    ------
    EbmError
        Data outside the units' domain; stopping without validation rows.
    Diverged
        Parameters became non-finite.

    Examples
    --------
    >>> import numpy as np, ebm
    >>> machine = ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 4, 2)
    >>> history = ebm.fit(machine, np.eye(4), epochs=3, batch_size=2)
    >>> history["epoch"]
    array([1., 2., 3.])
    """
    if stopping is not None and validation is None:
        raise EbmError("fit: stopping: needs validation rows")
    rule = PCD() if rule is None else rule
    optimiser = SGD(0.05) if optimiser is None else optimiser
    rows = as_data(machine, data)
    heldout = None if validation is None else as_data(machine, validation, "validation")
    history = History()
    per_epoch = steps_per_epoch(len(rows), batch_size)
    state = begin(machine, rule, optimiser, seed)
    if epochs < 1:
        return history
    steps = train(
        state, rows, rule, optimiser, batch_size, seed,
        weights=weights, penalties=penalties, constraints=constraints,
    )  # fmt: skip
    for state in steps:
        if state.step % per_epoch == 0:
            check_finite(machine, state.step)
            epoch = state.step // per_epoch
            facts = {"epoch": epoch, "step": state.step, "rate": rate_at(optimiser.rate, epoch - 1)}
            history.rows.append(facts | evaluate(state, rows, heldout))
            enough = (
                stopping is not None
                and heldout is not None
                and stopping.look(machine, state.memory, _some(rows), heldout)
            )
            if epoch == epochs or enough:
                break
    choose(state, heldout)
    return history


def choose(state: State, heldout: Array | None) -> str:
    """Put the machine in place that held-out rows prefer: "best", "average" or "last", which it returns.

    The best one that was remembered, where one was; else the averaged one, where there is one and the
    held-out rows, if any, do not prefer the last.
    """
    machine, rng = state.machine, state.rng.split(EVALUATE).split(state.step)
    best, average = best_of(state.memory), average_of(state.memory)
    name, params = ("best", best) if best else ("average", average)
    if not params:
        return "last"
    other = machine.copy()
    _replace(other, params)
    if not best and heldout is not None and gain(machine, other, _some(heldout), rng)[0] <= 0:
        return "last"
    _replace(machine, params)
    return name


def _replace(machine: Any, params: Params) -> None:
    for key, value in params.items():
        machine.params[key][:] = value
    machine.project()
