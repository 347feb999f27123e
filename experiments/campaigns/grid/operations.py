"""What machines are asked in the grid: each operation is a cell, right where the definition says so too."""

from __future__ import annotations

from collections.abc import Iterator

from experiments.campaigns.grid.case import Case, Cell
from experiments.campaigns.grid.changes import files, machines
from experiments.campaigns.grid.moves import estimates, moves, samplers
from experiments.campaigns.grid.numbers import energies, scores, slopes, sums
from experiments.campaigns.grid.sites import units

__all__ = ["Case", "cells"]


def cells(case: Case) -> Iterator[tuple[str, Cell]]:
    """The operations on a machine, by name."""
    for family in (
        energies,
        sums,
        slopes,
        scores,
        units,
        machines,
        files,
        moves,
        samplers,
        estimates,
    ):
        yield from family(case)
