"""Machine × operation × dtype × seed, against an enumerator; ``python -m experiments.campaigns grid``."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from typing import Any

from experiments.campaigns.tally import Tally
from experiments.campaigns.verdicts import judged

__all__ = ["run"]


def run(tally: Tally, n: int | None = None, seed: int = 0) -> None:
    """Try cells: seed by seed, machine by machine, until there are n (30 000 by default)."""
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


def _cells(first: int) -> Iterator[tuple[str, str, str, str]]:
    """Kind and name of each cell, and what came of it."""
    from experiments.campaigns.grid.machines import all_machines
    from experiments.campaigns.grid.operations import Case, cells

    seed = first
    while True:
        machines = list(all_machines(seed))
        random.Random(seed).shuffle(machines)  # so that the first few are of all kinds
        for name, dtype, make in machines:
            kind = name.partition(" ")[0]
            made: list[Any] = []
            outcome, words = judged(lambda make=make, made=made: made.append(make()))
            if outcome != "right":
                yield kind, f"{name}, {dtype}, seed {seed}", outcome, words
                continue
            for operation, cell in cells(Case(made[0], seed)):
                outcome, words = judged(cell)
                yield kind, f"{name}, {dtype}, seed {seed}: {operation}", outcome, words
        seed += 1
