"""Parameters and rows in every layout; ``python -m experiments.campaigns layouts``."""

from __future__ import annotations

import functools
from typing import Any

from experiments.campaigns.tally import Tally
from experiments.campaigns.verdicts import judged
from experiments.campaigns.workers import supervise

__all__ = ["run"]


@functools.cache
def _cells() -> list[tuple[str, Any]]:
    from tests import layouts

    names = list(layouts.MACHINES)
    return [*layouts.cells(names, tuple(layouts.OPERATIONS)), *layouts.cells_of_rows(names)]


def run(tally: Tally, n: int | None = None, seed: int = 0) -> None:
    """Try every cell, or n of them that are spread over all."""
    every = len(_cells())
    supervise(
        functools.partial(_attempt, every / min(n or every, every)), min(n or every, every), seed, tally
    )


def _attempt(stride: float, seed: int, number: int) -> tuple[str, str, str]:
    name, cell = _cells()[int(number * stride)]
    found: list[str] = []
    outcome, words = judged(lambda: found.append(cell()))
    kind = "rows" if " rows " in name else "parameters"
    return kind, "refused" if found == ["refused"] else outcome, f"{name}: {words}"
