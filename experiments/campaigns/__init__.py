"""Campaigns: many machines, inputs, layouts and kills, each tried in one command; see README.md."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from experiments.campaigns.tally import Tally

__all__ = ["CAMPAIGNS"]

sys.path.append(str(Path(__file__).parents[2] / "tests"))  # whose modules import each other as pytest has it

Campaign = Callable[["Tally", "int | None", int], None]  # a tally, how many tries (None: all), a seed


def _grid(tally: Tally, n: int | None, seed: int) -> None:
    from experiments.campaigns import grid

    grid.run(tally, n, seed)


def _fuzz(tally: Tally, n: int | None, seed: int) -> None:
    from experiments.campaigns.fuzz import attempt
    from experiments.campaigns.workers import supervise

    supervise(attempt, 100_000 if n is None else n, seed, tally)


def _odd(tally: Tally, n: int | None, seed: int) -> None:
    from experiments.campaigns import odd

    odd.run(tally, n, seed)


def _layouts(tally: Tally, n: int | None, seed: int) -> None:
    from experiments.campaigns import layouts

    layouts.run(tally, n, seed)


def _kills(tally: Tally, n: int | None, seed: int) -> None:
    from experiments.campaigns import kills

    kills.run(tally, n, seed)


def _interchange(tally: Tally, n: int | None, seed: int) -> None:
    from experiments.campaigns import interchange

    interchange.run(tally, n, seed)


CAMPAIGNS: dict[str, Campaign] = {
    "grid": _grid,
    "fuzz": _fuzz,
    "odd": _odd,
    "layouts": _layouts,
    "kills": _kills,
    "interchange": _interchange,
}
