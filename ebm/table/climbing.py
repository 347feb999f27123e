"""Learning a table's machine: the exact likelihood climbed where it can be summed, else by samples."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ebm.errors import TooLarge
from ebm.learning import PCD
from ebm.learning.rules import Rule
from ebm.machine import Array, Machine, put
from ebm.maximum import maximise
from ebm.optimisers import Linear, Optimiser
from ebm.partition import log_likelihood
from ebm.penalties import L2
from ebm.progress import Progress, showing
from ebm.rbm import RBM
from ebm.stream import Seed
from ebm.table.observed import climb_observed, fits
from ebm.training import fit
from ebm.training.pace import steady

__all__ = ["Learning", "climb", "learn"]

_UPDATES = 10000  # of learning by samples, where nobody says how long
_STEPS, _PATIENCE = 1000, 30  # of the climb; without a better machine for the rows held out
_SHARE, _LEAST = 0.1, 100  # of rows held out, where there are so many
_PLENTY = 30  # rows a parameter, from which on nothing is learnt by heart and none is held out
_PRIOR = 0.03  # the precision of a normal prior on couplings, which n rows outweigh


class Learning(NamedTuple):
    """What somebody said of how to learn; None where nobody did."""

    rule: Rule[Machine] | None
    optimiser: Optimiser | None
    epochs: int | None
    batch_size: int
    seed: Seed
    progress: Progress


def learn(machine: RBM, rows: Array, how: Learning) -> None:
    """Learn rows, in place: by the climb, unless something is said of rules, or it cannot be done."""
    said, gaps = not (how.rule is how.optimiser is how.epochs is None), np.isnan(rows).any()
    if gaps and not said and fits(machine, rows):
        held, rest = _parted(machine, rows)
        climb_observed(machine, rest, _PRIOR / len(rest), held, _PATIENCE)
    elif said or gaps or not _summed(machine):
        _by_samples(machine, rows, how)
    else:
        climb(machine, rows, how.progress)


def _summed(machine: RBM) -> bool:
    try:
        machine.require_exact()
    except TooLarge:
        return False
    return True


def _parted(machine: RBM, rows: Array) -> tuple[Array, Array]:
    """Rows that say where to stay, none where there are plenty, and those that are learnt from."""
    order = np.random.default_rng(0).permutation(len(rows))
    few = _LEAST <= len(rows) < _PLENTY * sum(value.size for value in machine.params.values())
    n = int(_SHARE * len(rows)) if few else 0
    return rows[order[:n]], rows[order[n:]]


def climb(machine: RBM, rows: Array, progress: Progress = None) -> None:
    """Climb the likelihood of nine rows in ten, and stay where the tenth likes it best; of many, of all."""
    held, rest = _parted(machine, rows)
    n = len(held)
    best, at, kept = -math.inf, 0, {key: value.copy() for key, value in machine.params.items()}
    step = 0
    with showing(progress, "fit") as update:

        def look(objective: float) -> bool:
            nonlocal best, at, step
            step += 1
            update(min(1.0, step / _STEPS), "")
            score = objective
            if n:
                score = float(log_likelihood(machine, held, machine.exact(stats=False)[0]).mean())
            if score > best:
                best, at = score, step
                for key, value in machine.params.items():
                    kept[key][:] = value
            return bool(n) and step - at >= _PATIENCE

        prior = L2(_PRIOR / len(rest))
        maximise(machine, rest, penalties=[prior], max_iterations=_STEPS, tolerance=1e-4, callback=look)
    put(machine, kept)


def _by_samples(machine: RBM, rows: Array, how: Learning) -> None:
    per_epoch = math.ceil(len(rows) / how.batch_size)
    epochs = max(1, math.ceil(_UPDATES / per_epoch)) if how.epochs is None else how.epochs
    optimiser = how.optimiser
    if optimiser is None:
        optimiser = steady(machine, rows, 0.05, schedule=lambda rate: Linear(rate, 0.0, epochs=epochs))
    rule = PCD(n_chains=200, centred=True) if how.rule is None else how.rule
    fit(
        machine, rows, rule=rule, optimiser=optimiser, epochs=epochs, batch_size=how.batch_size,
        seed=how.seed, progress=how.progress,
    )  # fmt: skip
