"""The schema of a table: which column is what, and rows of units for its rows and back."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ebm.arguments import as_array, as_choice
from ebm.errors import EbmError, expect, expect_all, nearest, printable, short
from ebm.table.cells import GAPS, Array, columns_of
from ebm.table.columns import Column, Real, column_from_dict
from ebm.table.guessing import column_of, gaps_said
from ebm.units import Mixed, Units

__all__ = ["Table"]


@dataclass(frozen=True)
class Table:
    """What the columns of a table are, and how they are rows of units.

    Columns are binary (a Bernoulli unit), categorical (Potts; labels are remembered), ordered, real (Gaussian
    units with learnt precisions, standardised: answers are in the user's units), counts, or constant (no
    unit). Gaps are NaN in rows.

    Parameters
    ----------
    columns : sequence of Column
        By `from_frame`.
    missing : sequence
        Texts and numbers that stand for gaps, beside None and NaN.
    notes : mapping of str to (str, str)
        Why a column is taken for what it is, and its gaps, for printing.

    Examples
    --------
    >>> import ebm
    >>> data = {"smokes": ["no", "yes", "no", "?"], "age": [31.0, 44.5, 59.0, 27.2], "rooms": [2, 3, 5, 2]}
    >>> table = ebm.Table.from_frame(data, types={"rooms": "real"})
    >>> print(table)
    column  type    what                        gaps       because
    smokes  binary  no, yes                     1 ('?' 1)  two labels
    age     real    mean 40.42, deviation 12.5             4 numbers
    rooms   real    mean 3, deviation 1.225                as asked
    >>> table.encode(data).shape
    (4, 3)
    """

    columns: tuple[Column, ...]
    missing: tuple[Any, ...] = GAPS
    notes: Mapping[str, tuple[str, str]] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        columns = expect_all(self.columns, Column, "Table: columns", "columns of a schema, by from_frame")
        object.__setattr__(self, "columns", columns)
        object.__setattr__(self, "missing", _as_missing(self.missing))
        if self.notes is not None:
            expect(self.notes, Mapping, "Table: notes", "pairs of texts by the names of columns, or None")
        double = [name for name in self.names if self.names.count(name) > 1]
        if double:
            raise EbmError(
                f"table: {self.names.count(double[0])} columns are named {double[0]!r}; expected one"
            )
        if not self._units():
            raise EbmError("table: no column varies; expected one at least that does")

    @classmethod
    def from_frame(
        cls,
        data: Any,
        types: Mapping[str, Any] | None = None,
        *,
        unseen: str = "refuse",
        missing: Sequence[Any] = GAPS,
    ) -> Table:
        """Make the schema of a table; what is not said of its columns is guessed, which `print` shows.

        Parameters
        ----------
        data : DataFrame, dict of columns, structured array, or path of a text file
            pandas, polars, or anything else with `columns`, items and `to_numpy`; a file begins with a line
            of names.
        types : mapping of str to str, list or mapping, optional
            Of some columns "binary", "categorical", "ordered", "real", "count", "constant" or "skip" (leave
            it out); a list of labels in their order; or with settings, such as ``{"type": "count", "most":
            10}`` (out of ten), ``{"type": "categorical", "labels": [...], "unseen": "other"}``.
        unseen : {"refuse", "other"}
            What labels are that categorical columns did not have here: refused, or a state of their own,
            "other".
        missing : sequence of str and number
            What stands for gaps, beside None and NaN.

        Raises
        ------
        EbmError
            One line that names column and row.
        """
        unseen = as_choice(unseen, ("refuse", "other"), "unseen")
        missing = _as_missing(missing)
        types = {} if types is None else expect(types, Mapping, "types", "kinds by the names of columns")
        cells = columns_of(data, missing)
        for name in types:
            if name not in cells:
                raise EbmError(f"types: no column {name!r}; {nearest(str(name), cells)}")
        if not len(next(iter(cells.values()))):
            raise EbmError("table: no rows; expected one at least")
        columns, notes = [], {}
        for name, own in cells.items():
            column, why = column_of(own, types.get(name), unseen == "other")
            if column is not None:
                columns.append(column)
                notes[name] = why, gaps_said(own)
        if not columns:
            raise EbmError("table: all columns are skipped; expected one at least that is not")
        return cls(tuple(columns), missing, notes)

    # What units they are.

    def _units(self) -> list[tuple[int, Units]]:
        """Numbers and types of the columns that have units."""
        return [(k, column.units) for k, column in enumerate(self.columns) if column.units is not None]

    def order(self) -> list[int]:
        """Numbers of the columns that the units stand for, units of one type side by side."""
        kinds = list(dict.fromkeys(units for _, units in self._units()))
        return [k for kind in kinds for k, units in self._units() if units == kind]

    @property
    def units(self) -> Units:
        """The types of the units: `Mixed`, or the one type that there is."""
        types = [units for _, units in self._units()]
        blocks = tuple((kind, types.count(kind)) for kind in dict.fromkeys(types))
        return blocks[0][0] if len(blocks) == 1 else Mixed(blocks)

    @property
    def n_units(self) -> int:
        """Units in a row."""
        return len(self._units())

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """A column by its name."""
        if name not in self.names:
            raise EbmError(f"no column {short(name)}; {nearest(str(name), self.names)}")
        return self.columns[self.names.index(name)]

    def unit(self, name: str) -> int:
        """The unit that stands for a column."""
        column = self.column(name)
        if column.units is None:
            raise EbmError(f"column {name!r} is constant and has no unit")
        return [self.columns[k].name for k in self.order()].index(name)

    def by_unit(self) -> list[Column]:
        """The columns that units stand for, in the order of units."""
        return [self.columns[k] for k in self.order()]

    # Rows.

    def encode(self, data: Any, *, without: Sequence[str] = (), ignore: Sequence[str] = ()) -> Array:
        """Rows of units, (n, n_units) float64, NaN in gaps.

        Columns are found by their names, in any order; others than those of the schema are not looked at.

        Parameters
        ----------
        data
            As of `from_frame`.
        without : sequence of str
            Columns that may be absent: they are all gaps then.
        ignore : sequence of str
            Columns that are not looked at: all gaps.

        Raises
        ------
        EbmError
            A column is absent; a cell is not what its column holds: its row, and what was expected.

        Warns
        -----
        UserWarning
            Half of a real column lies ten deviations from the mean or more: other units?
        """
        known = [name for name in self.names if name not in ignore]
        cells = columns_of(data, self.missing, known)
        n = len(next(iter(cells.values()))) if cells else 0
        absent = [name for name in known if name not in cells and name not in without]
        if absent:
            have = list(columns_of(data, self.missing))
            near = nearest(absent[0], [name for name in have if name not in self.names])
            raise EbmError(f"table: no column {absent[0]!r}; {near}")
        for column in self.columns:
            if column.units is None and column.name in cells:
                column.encode(cells[column.name])
        rows = np.full((n, self.n_units), np.nan)
        for i, column in enumerate(self.by_unit()):
            if column.name in cells:
                rows[:, i] = column.encode(cells[column.name])
                _look(column, rows[:, i])
        return rows

    def encode_one(self, given: Mapping[str, Any]) -> Array:
        """One row of units, (n_units,), from some cells by name; NaN where there is none."""
        for name in given:
            self.column(name)
        cells = {name: [value] for name, value in given.items()}
        rest = [name for name in self.names if name not in given]
        return self.encode(cells, without=rest)[0] if cells else np.full(self.n_units, np.nan)

    def decode(self, rows: Any, like: Any = None) -> Any:
        """The table that rows of units stand for: columns by name, in the table's order; gaps None or NaN.

        Parameters
        ----------
        rows : (n, n_units)
        like : DataFrame, optional
            A table whose class the answer shall have, made from a dict of columns.
        """
        x = np.asarray(as_array(rows, "rows"), np.float64)
        if x.ndim != 2 or x.shape[1] != self.n_units:
            raise EbmError(f"rows: expected shape (n, {self.n_units}), got {x.shape}")
        order, found = self.order(), {}
        for k, column in enumerate(self.columns):
            found[column.name] = column.decode(x[:, order.index(k)] if k in order else np.zeros(len(x)))
        if like is None or isinstance(like, (Mapping, np.ndarray, str)):
            return found
        return type(like)(found)

    def log_scale(self, rows: Array) -> Array:
        """What makes a log-density of rows one in the user's units, nats, (n,): of real cells that are there.

        log p(user's row) = log p(row) − this.
        """
        scales = np.array([column.log_scale for column in self.by_unit()])
        return np.where(np.isnan(rows), 0.0, scales).sum(1)

    # In words, and in files.

    def __str__(self) -> str:
        lines = [("column", "type", "what", "gaps", "because")]
        for column in self.columns:
            why, gaps = (self.notes or {}).get(column.name, ("", ""))
            lines.append((column.name, column.kind, column.about(), gaps, why))
        wide = [max(len(line[k]) for line in lines) for k in range(5)]
        text = "\n".join(
            "  ".join(cell.ljust(w) for cell, w in zip(line, wide, strict=True)).rstrip() for line in lines
        )
        return printable(text)

    def __repr__(self) -> str:
        return printable(f"Table({', '.join(f'{column.name}: {column.kind}' for column in self.columns)})")

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "columns": [column.to_dict() for column in self.columns],
            "missing": list(self.missing),
            "notes": {name: list(said) for name, said in (self.notes or {}).items()},
        }

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> Table:
        """The schema that `to_dict` wrote."""
        notes = {name: (str(why), str(gaps)) for name, (why, gaps) in table["notes"].items()}
        return cls(tuple(column_from_dict(c) for c in table["columns"]), tuple(table["missing"]), notes)


def _as_missing(missing: Any) -> tuple[Any, ...]:
    """What stands for gaps, checked."""
    return expect_all(missing, (str, int, float), "missing", "texts and numbers, such as ['NA', -1]")


def _look(column: Column, x: Array) -> None:
    if isinstance(column, Real) and column.far(x):
        warnings.warn(
            f"column {column.name!r}: half of the values lie ten deviations or more from {column.mean:.4g},"
            " the mean of the rows that the table was made from: other units?",
            UserWarning,
            stacklevel=4,
        )
