"""Machine × operation × dtype × seed, against an enumerator; ``python -m experiments.campaigns grid``."""

from __future__ import annotations

import itertools
import random
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

from experiments.campaigns.tally import Tally
from experiments.campaigns.verdicts import judged

__all__ = ["run"]


def run(tally: Tally, n: int | None = None, seed: int = 0) -> None:
    """Try cells: machine by machine, until there are n (30 000 by default)."""
    wanted, tried = 30_000 if n is None else n, 0
    folder, tempfile.tempdir = tempfile.tempdir, None
    with tempfile.TemporaryDirectory(prefix="campaign-") as tempfile.tempdir:  # what cells write goes with it
        for kind, name, outcome, words in _cells(seed):
            tally.add(kind, outcome, f"{name} {words}")
            if outcome == "failed":
                print(f"{kind}: {name} {words}", flush=True)
            tried += 1
            if tried == wanted:
                break
    tempfile.tempdir = folder


# Machines of each type by turns, so that a run of any length has many of all.
_TURNS = ("RBM", "BM", "RBM", "DBM")


def _cells(first: int) -> Iterator[tuple[str, str, str, str]]:
    """Type and name of each cell, and what came of it."""
    from experiments.campaigns.grid.operations import Case, cells

    endless = {kind: _machines(kind, first) for kind in _TURNS}
    for kind in itertools.cycle(_TURNS):
        seed, name, make = next(endless[kind])
        made: list[Any] = []
        outcome, words = judged(lambda make=make, made=made: made.append(make()))
        if outcome != "right":
            yield kind, name, outcome, words
            continue
        for operation, cell in cells(Case(made[0], seed)):
            outcome, words = judged(cell)
            yield kind, f"{name}: {operation}", outcome, words


def _machines(kind: str, seed: int) -> Iterator[tuple[int, str, Callable[[], Any]]]:
    """Machines of a type, seed by seed, in random order."""
    from experiments.campaigns.grid.machines import all_machines

    while True:
        machines = all_machines(seed)[kind]
        random.Random(seed).shuffle(machines)
        for name, dtype, make in machines:
            yield seed, f"{kind} {name}, {dtype}, seed {seed}", make
        seed += 1
