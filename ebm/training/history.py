"""What was seen of a machine while it learnt."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from ebm.errors import EbmError, nearest
from ebm.machine import Array
from ebm.notebook import at_most, html_table

__all__ = ["History", "Row"]

Row: TypeAlias = dict[str, float]


class NoColumn(EbmError, KeyError):
    """A column that no row has."""

    __str__ = EbmError.__str__  # KeyError's shows the message in quotes


@dataclass
class History:
    """One dict per evaluation; ``history["free_energy_train"]`` is a column, NaN in rows that lack it.

    Examples
    --------
    >>> history = History([{"epoch": 1, "loss": 0.5}, {"epoch": 2}])
    >>> history["loss"]
    array([0.5, nan])
    >>> [row["epoch"] for row in history]
    [1, 2]
    """

    rows: list[Row] = field(default_factory=list)

    def __getitem__(self, key: str) -> Array:
        known = {name for row in self.rows for name in row}
        if self.rows and key not in known:
            raise NoColumn(f"history: no column {key!r}; {nearest(str(key), known)}")
        return np.array([row.get(key, math.nan) for row in self.rows], np.float64)

    @property
    def columns(self) -> list[str]:
        """Names of the columns that any row has."""
        return list(dict.fromkeys(key for row in self.rows for key in row))

    def __contains__(self, key: object) -> bool:
        return any(key in row for row in self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        columns = ", ".join(self.columns)
        return f"History({len(self)} rows of {columns})" if columns else "History(no rows)"

    def _repr_html_(self) -> str:
        columns = self.columns
        rows = [[self.rows[k].get(key, "") for key in columns] for k in at_most(len(self))]
        return html_table(f"{len(self)} evaluations", columns, rows)
