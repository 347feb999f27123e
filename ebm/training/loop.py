"""The loop of learning, for those who don't write one: it evaluates, stops, and keeps the better machine."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ebm.errors import EbmError
from ebm.learning import PCD, Rule
from ebm.machine import Array, as_data, check_finite, put
from ebm.optimisers import SGD, Optimiser
from ebm.optimisers.around import average_of
from ebm.optimisers.schedules import rate_at
from ebm.penalties import Constraint, Penalty
from ebm.rows import as_source
from ebm.selection import EarlyStopping, best_of, gain
from ebm.stream import EVALUATE, Seed
from ebm.training.equilibrium import Equilibrium
from ebm.training.steps import State, begin, steps_per_epoch, train

__all__ = ["History", "choose", "described", "evaluate", "fit", "keep", "some"]

_EVALUATED = 2000  # rows that an evaluation looks at


def some(rows: Any) -> Array:
    """At most `_EVALUATED` rows, spread evenly: always the same ones."""
    if len(rows) <= _EVALUATED:
        return rows[:]
    return rows[np.linspace(0, len(rows) - 1, _EVALUATED).astype(np.int64)]


def evaluate(
    state: State, data: Array, heldout: Array | None = None, rule: Rule | None = None
) -> dict[str, float]:
    """Energies of data, held-out rows and chains: means and standard deviations over rows, nats.

    Free energies where the machine sums its hidden units out; where they are in its state, energies of
    completed states, whose difference is no free-energy gap. The k of ``PCD(k="auto")`` is "sweeps". Draws,
    if any, are made beside the training's stream: evaluating changes nothing.
    """
    machine = state.machine
    rng = state.rng.split(EVALUATE).split(state.step)
    sets = {"train": some(as_source(data))}
    if heldout is not None:
        sets["heldout"] = some(as_source(heldout))
    row: dict[str, float] = {}
    if rule is not None and hasattr(rule, "score"):
        for name, rows in (sets if heldout is None else sets | {"heldout": heldout}).items():
            row[f"loss_{name}"], row[f"error_{name}"] = rule.score(machine, rows)
    energies = {name: machine.free_energy(machine.clamp(rows, rng)) for name, rows in sets.items()}
    if "x" in state.chains:
        energies["chains"] = machine.free_energy(state.chains["x"])
    for name, energy in energies.items():
        row[f"free_energy_{name}"] = float(energy.mean())
        row[f"free_energy_{name}_std"] = float(energy.std())
    if heldout is not None and machine.n_units == machine.n_visible:
        row["free_energy_gap"] = row["free_energy_heldout"] - row["free_energy_train"]
    if "sweeps" in state.chains:
        row["sweeps"] = int(state.chains["sweeps"])
    return row


def described(row: dict[str, float]) -> list[str]:
    """What a row of an evaluation says, in words: what there is of errors, the gap, likelihoods."""
    said = [f"rate {row['rate']:.4g}"]
    if "error_heldout" in row:
        said.append(f"held-out error {row['error_heldout']:.2%}")
    elif "error_train" in row:
        said.append(f"training error {row['error_train']:.2%}")
    if "free_energy_gap" in row:
        said.append(f"gap {row['free_energy_gap']:+.3f} nats")
    for key, name in (
        ("log_likelihood_heldout", "held-out"),
        ("log_likelihood_train", "train"),
        ("kl", "KL"),
    ):
        if key in row:
            said.append(f"{name} {row[key]:.3f} nats")
    return said


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
    progress: Callable[[float, str], object] | None = None,
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
    progress : callable, optional
        Called after every epoch with the fraction done and a line that says where learning is.

    Returns
    -------
    History
        A row per epoch: epoch, step, rate, and the energies of `evaluate`, nats per sample. For rules whose
        chains run by Gibbs sweeps, relaxation_time, in sweeps, at epochs 1, 2, 3, 4, 6, 8, 12, …, once the
        chains have made 512.

    Raises
    ------
    EbmError
        Data outside the units' domain; stopping without validation rows.
    Diverged
        Parameters became non-finite.

    Warns
    -----
    RuntimeWarning
        Once: the chains of the rule are too short for the relaxation time of the machine, which they then do
        not sample (Decelle, Furtlehner & Seoane 2021).

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
    rows = _checked(machine, data)
    heldout = None if validation is None else as_data(machine, validation, "validation")
    history = History()
    per_epoch = steps_per_epoch(len(rows), batch_size)
    state, equilibrium = begin(machine, rule, optimiser, seed), Equilibrium(rule, per_epoch)
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
            history.rows.append(facts | evaluate(state, rows, heldout, rule) | equilibrium.look(state, rows))
            enough = (
                stopping is not None
                and heldout is not None
                and stopping.look(state, some(rows), heldout, rule=rule)
            )
            if progress is not None:
                done = 1.0 if enough else epoch / epochs
                progress(done, ", ".join([f"epoch {epoch}/{epochs}", *described(history.rows[-1])]))
            if epoch == epochs or enough:
                break
    choose(state, heldout, rule)
    return history


def _checked(machine: Any, data: ArrayLike) -> Any:
    """Data of a machine: arrays are checked as a whole, others as their rows come."""
    source = as_source(data)
    if isinstance(source, np.ndarray):
        return as_data(machine, source)
    if source.shape[1] != machine.n_visible:
        raise EbmError(f"data: expected shape (n, {machine.n_visible}), got {source.shape}")
    return source


def choose(state: State, heldout: Array | None, rule: Rule | None = None) -> str:
    """Put the machine in place that held-out rows prefer: "best", "average" or "last", which it returns.

    The best one that was remembered, where one was; else the averaged one, where there is one and the
    held-out rows, if any, do not prefer the last.
    """
    machine, rng = state.machine, state.rng.split(EVALUATE).split(state.step)

    def prefer(other: Any) -> bool:
        if heldout is None:
            return True
        if rule is not None and hasattr(rule, "score"):
            return rule.score(other, heldout)[0] < rule.score(machine, heldout)[0]
        return gain(machine, other, some(heldout), rng)[0] > 0

    return keep(state, prefer)


def keep(state: State, prefer: Callable[[Any], bool]) -> str:
    """Put the best machine or network in place that was remembered, else the averaged one if preferred.

    ``prefer(other)`` says whether `other` is better than the last one. Returns "best", "average" or "last".
    """
    machine = state.machine
    best, average = best_of(state.memory), average_of(state.memory)
    name, params = ("best", best) if best else ("average", average)
    if not params:
        return "last"
    if not best:
        other = machine.copy()
        put(other, params)
        if not prefer(other):
            return "last"
    put(machine, params)
    return name
