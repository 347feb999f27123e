"""The loop of learning: whatever learns in epochs goes through a `Course`.

It looks at the machine at the end of epochs, notes the best one, stops, and keeps the better machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic

import numpy as np
from numpy.typing import ArrayLike

from ebm.arguments import as_count
from ebm.errors import EbmError, described, expect
from ebm.learning import CD, PCD, Rule
from ebm.machine import HasInputs, Machine, as_machine, check_finite, put
from ebm.optimisers import Optimiser
from ebm.optimisers.around import Averages
from ebm.optimisers.schedules import rate_at
from ebm.penalties import Constraint, Penalty
from ebm.progress import Progress, Update, showing
from ebm.rows import as_source
from ebm.selection import EarlyStopping
from ebm.stream import Seed
from ebm.training.health import check_sensible, extents, few, warn_idle
from ebm.training.history import History, Row
from ebm.training.judges import Judge, by_energies
from ebm.training.pace import steady
from ebm.training.state import M, State, begin
from ebm.training.steps import as_learnt, steps_per_epoch, train

__all__ = ["Course", "fit"]


@dataclass(frozen=True)
class Course(Generic[M]):
    """How long a machine learns, and who looks at it.

    Parameters
    ----------
    epochs : int
        At most.
    per_epoch : int
        Updates in each.
    judge : Judge
        Looks at the machine; says nothing, and prefers averages, when left out.
    stopping : EarlyStopping, optional
        Goes by the scores of the judge.
    every : int
        Epochs between looks; there is always one at the end.
    optimiser : Optimiser, optional
        Whose rate at the last update is in every row.
    update : callable, optional
        Called after every look with the fraction done and a line.
    rows : (n, n_visible), optional
        Of the data: learning stops when their energies leave any sensible range, and there is a warning in
        the end if many hidden units are idle.

    Examples
    --------
    A loop of one's own, which keeps the mean of the iterates:

    >>> import numpy as np, ebm
    >>> machine, rows = ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 4, 2), np.eye(4)
    >>> rule, optimiser = ebm.CD(), ebm.Averaged(ebm.SGD(0.1))
    >>> state, course = ebm.begin(machine, rule, optimiser), Course(epochs=3, per_epoch=2)
    >>> for row in course.run(state, ebm.train(state, rows, rule, optimiser, batch_size=2)):
    ...     print(row)
    {'epoch': 1, 'step': 2}
    {'epoch': 2, 'step': 4}
    {'epoch': 3, 'step': 6}
    >>> course.settle(state)
    'average'
    """

    epochs: int
    per_epoch: int
    judge: Judge[M] = field(default_factory=Judge)
    stopping: EarlyStopping | None = None
    every: int = 1
    optimiser: Optimiser | None = None
    update: Update | None = None
    rows: Any = None

    def __post_init__(self) -> None:
        as_count(self.epochs, "epochs", 0)

    def run(
        self, state: State[M], steps: Iterator[State[M]], stopped: Callable[[], bool] = lambda: False
    ) -> Iterator[Row]:
        """Learn to the end of the course, and yield what `look` says at the ends of epochs.

        Parameters
        ----------
        state : State
            At its beginning, or anywhere on the way.
        steps : iterator of State
            Such as `train` makes: each brings the state one update further, or several, but never across the
            end of an epoch.
        stopped : callable
            Asked after every step; True ends the loop at once.
        """
        self._begin(state)
        try:
            while not self.over(state):
                next(steps)
                at = state.step
                if at % (self.per_epoch * self.every) == 0 or at == self.epochs * self.per_epoch:
                    yield self.look(state)
                if stopped():
                    return
        except BaseException:  # Ctrl-C may fall anywhere in a step: the machine then follows its parameters
            state.machine.project()
            raise

    def over(self, state: State[M]) -> bool:
        """Whether the epochs are through, or the looks so far say that learning should stop."""
        enough = self.stopping is not None and self.stopping.enough(state.watch)
        return enough or state.step >= self.epochs * self.per_epoch

    def look(self, state: State[M]) -> Row:
        """A row of the history; the best machine is remembered.

        Raises
        ------
        Diverged
            Parameters became non-finite, or energies absurd.
        """
        check_finite(state.machine, state.step)
        epoch = state.step // self.per_epoch
        self._begin(state)
        if self.rows is not None and isinstance(state.machine, Machine):
            check_sensible(state.machine, few(self.rows), state.watch.start, state.step, f" (epoch {epoch})")
        row: Row = {"epoch": epoch, "step": state.step}
        if self.optimiser is not None:
            row["rate"] = rate_at(self.optimiser.rate, max(0, state.step - 1) / self.per_epoch)
        row |= self.judge.row(state)
        if self.stopping is not None and state.step > 0:
            self.stopping.note(state, self.judge.score(state, row, self.stopping))
        if self.update is not None:
            said = [f"epoch {epoch}/{self.epochs}", self.judge.line(row)]
            said[1:1] = [f"rate {row['rate']:.4g}"] if "rate" in row else []
            self.update(1.0 if self.over(state) else epoch / self.epochs, ", ".join(filter(None, said)))
        return row

    def _begin(self, state: State[M]) -> None:
        """Note what is sensible for this machine and these rows."""
        if self.rows is not None and isinstance(state.machine, Machine) and not state.watch.start:
            state.watch.start = extents(state.machine, few(self.rows))

    def settle(self, state: State[M]) -> str:
        """Put the machine in place that is to be kept: "best", "average" or "last", which it returns.

        The best one that was remembered, where one was; else the averaged one, where there is one and the
        judge prefers it to the last.

        Warns
        -----
        RuntimeWarning
            More than a quarter of its hidden units are dead or saturated.
        """
        kept = self._settle(state)
        if self.rows is not None and state.step > 0:
            warn_idle(state.machine, self.rows)
        return kept

    def _settle(self, state: State[M]) -> str:
        machine, best, average = state.machine, state.watch.best, state.memory.average
        if best is not None:
            put(machine, best.params)
            return "best"
        if average:
            other = machine.copy()
            put(other, average)
            if self.judge.prefers(state, other):
                put(machine, average)
                return "average"
        return "last"


def fit(
    machine: Machine,
    data: ArrayLike,
    *,
    rule: Rule[Machine] | None = None,
    optimiser: Optimiser | None = None,
    epochs: int = 10,
    batch_size: int = 100,
    weights: ArrayLike | None = None,
    penalties: Sequence[Penalty] = (),
    constraints: Sequence[Constraint] = (),
    validation: ArrayLike | None = None,
    stopping: EarlyStopping | None = None,
    seed: Seed = 0,
    progress: Progress = None,
    callback: Callable[[Row], object] | None = None,
) -> History:
    """Train a machine in place on rows of data.

    It ends as the machine that the validation rows like best: of the best one seen (`stopping`), else of the
    last and the averaged one (an optimiser `Averaged`); without validation rows as the averaged one if there
    is one, else the last.

    Parameters
    ----------
    machine : Machine
    data : (n, n_visible)
        An array, a memory map (`numpy.load(path, mmap_mode="r")`), which may be larger than memory, or a
        scipy.sparse matrix; of the last two only the rows of a batch are read at a time.
    rule : Rule, optional
        ``PCD()`` when left out; of a machine with inputs ``CD()``, whose chains begin at the rows.
    optimiser : Optimiser, optional
        ``SGD(0.05)`` when left out; of machines with real units at a rate that is stable for these rows, if
        that is less: a tenth of one over the curvature at the start, docs/math.md (5.7a).
    epochs : int
        Passes over the data.
    batch_size : int
        Rows of a minibatch.
    weights : (n,), optional
        Row weights >= 0.
    penalties : sequence of Penalty
        Added to every gradient, in their order.
    constraints : sequence of Constraint
        Restored after every update, in their order.
    validation : (m, n_visible), optional
        Held-out rows whose free energy is followed.
    stopping : EarlyStopping, optional
        Needs validation rows; looks at them after every epoch.
    seed : int, SeedSequence or Generator
        Of minibatches and chains.
    progress : callable, bool or None
        A function is called after every epoch with the fraction done and a line that says where learning is.
        None shows a bar on a terminal or in a notebook when learning takes long, True always, False never.
    callback : callable, optional
        Called after every epoch with the row of the history, a dict of numbers: for whoever keeps track of
        experiments, see docs/trackers.md. What it raises ends learning, with the machine of that epoch.

    Returns
    -------
    History
        A row per epoch: epoch, step, the rate of the last update, and energies, nats per sample: means and
        standard deviations over rows, of data, validation rows and persistent chains; of machines with exact
        hidden means, how many hidden units are dead (at the lower end in all rows) and saturated. For rules
        whose chains run by Gibbs sweeps, relaxation_time, in sweeps, at epochs 1, 2, 3, 4, 6, 8, 12, …, once
        the chains have made 512.

    Raises
    ------
    EbmError
        Data outside the units' domain; stopping without validation rows; arguments of a wrong kind.
    Diverged
        Parameters became non-finite, or free energies or precisions absurd.

    Warns
    -----
    RuntimeWarning
        More than a quarter of the hidden units are dead or saturated in the end. Once: the chains of the rule
        are too short for the relaxation time of the machine, which they then do not sample (Decelle,
        Furtlehner & Seoane 2021).

    Examples
    --------
    >>> import numpy as np, ebm
    >>> machine = ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 4, 2)
    >>> history = ebm.fit(machine, np.eye(4), epochs=3, batch_size=2)
    >>> history["epoch"]
    array([1., 2., 3.])
    """
    as_machine(machine, "machine")
    if callback is not None and not callable(callback):
        raise EbmError(f"callback: got {described(callback)}; expected a function of a row, or None")
    if rule is None:
        rule = CD() if isinstance(machine, HasInputs) else PCD()
    if stopping is not None:
        expect(stopping, EarlyStopping, "stopping", "EarlyStopping()")
    if stopping is not None and validation is None:
        raise EbmError("fit: stopping: needs validation rows")
    rows = _checked(machine, data, rule)
    optimiser = steady(machine, rows, 0.05) if optimiser is None else optimiser
    heldout = None if validation is None else as_learnt(machine, validation, rule, "validation")
    per_epoch = steps_per_epoch(len(rows), batch_size)
    judge = by_energies(rule, rows, heldout, per_epoch)
    state = begin(machine, rule, optimiser, seed)
    if heldout is not None and (isinstance(state.memory, Averages) or stopping is not None):
        machine.visible_free_energy(heldout[:1])  # what two machines are compared by: refused at once
    steps = train(
        state, rows, rule, optimiser, batch_size, seed,
        weights=weights, penalties=penalties, constraints=constraints,
    )  # fmt: skip
    with showing(progress, "fit") as update:
        course = Course(epochs, per_epoch, judge, stopping, optimiser=optimiser, update=update, rows=rows)
        history = History(list(_told(course.run(state, steps), callback)))
    course.settle(state)
    return history


def _told(rows: Iterator[Row], callback: Callable[[Row], object] | None) -> Iterator[Row]:
    """The rows, each told to somebody: a copy, which is theirs."""
    for row in rows:
        if callback is not None:
            callback(dict(row))
        yield row


def _checked(machine: Machine, data: ArrayLike, rule: object) -> Any:
    """Data of a machine: arrays are checked as a whole, others as their rows come."""
    source = as_source(data)
    if isinstance(source, np.ndarray):
        return as_learnt(machine, source, rule)
    if source.shape[1] != machine.n_visible:
        raise EbmError(f"data: expected shape (n, {machine.n_visible}), got {source.shape}")
    return source
