"""Questions about a table when some of its cells are known, by the names of columns."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.arguments import as_count, as_number
from ebm.errors import EbmError, nearest, printable, short
from ebm.machine import Array
from ebm.samplers import sample
from ebm.stream import SAMPLE, Seed, Stream
from ebm.table.columns import Column, Constant, Count, Real

if TYPE_CHECKING:
    from ebm.table.model import TableModel

__all__ = ["Answer", "Given"]

_DRAWS = 4000  # where hidden states are too many to be summed


class Answer(float):
    """A number with its standard error, 0 where it is exact.

    Attributes
    ----------
    stderr : float
    """

    stderr: float

    def __new__(cls, value: float, stderr: float = 0.0) -> Answer:
        """Make it: a float is what it is before it is initialised."""
        made = super().__new__(cls, value)
        made.stderr = float(stderr)
        return made

    def __repr__(self) -> str:
        return printable(f"{float(self):.6g}" + (f" ± {self.stderr:.2g}" if self.stderr else ""))


class Given:
    """What a machine says of a table's columns when some cells are known: by `TableModel.given`.

    Answers are exact where the machine is an RBM of up to 2^14 hidden states; else they are of draws of Gibbs
    sampling with the known cells clamped, and say their standard error.
    """

    def __init__(self, model: TableModel, cells: dict[str, Any], seed: Seed) -> None:
        self._model, self._cells, self._seed = model, cells, seed
        self._row = model.table.encode_one(cells)
        self._drawn: Array | None = None

    def __repr__(self) -> str:
        known = ", ".join(f"{name}={short(value)}" for name, value in self._cells.items())
        return printable(f"Given({known})")

    def sample(self, n: int, *, seed: Seed = 0, like: Any = None) -> Any:
        """n rows with these cells, a dict of columns (or a table of the class of `like`)."""
        return self._model.table.decode(self._rows(as_count(n, "n"), seed), like)

    def _rows(self, n: int, seed: Seed) -> Array:
        if not np.isnan(self._row).any():
            return np.tile(self._row, (n, 1))
        if self._model.mixture:
            return self._model.mixture.draw(np.tile(self._row, (n, 1)), Stream(seed).split(SAMPLE))
        given = None if np.isnan(self._row).all() else self._row
        return np.asarray(sample(self._model.machine, n, given=given, seed=seed).x)[:, : len(self._row)]

    def probability(self, name: str, label: Any = None) -> Answer:
        """The probability that a column has a label, or a count; of a binary one the second by default."""
        column = self._free(name)
        if isinstance(column, Real):
            raise EbmError(f"probability: column {name!r} is real; expected a mean or an interval")
        if label is None:
            if column.kind != "binary":
                raise EbmError(f"probability: column {name!r} is {column.kind}; expected one of its labels")
            state = 1.0
        else:
            state = float(self._model.table.encode_one({name: label})[self._unit(name)])
        p = self._probabilities(name)
        return Answer(p[int(state)], self._error(p[int(state)]))

    def probabilities(self, name: str) -> dict[Any, Answer]:
        """The probability of each label, or count."""
        column = self._free(name)
        if isinstance(column, Real):
            raise EbmError(f"probabilities: column {name!r} is real; expected a mean or an interval")
        p = self._probabilities(name)
        labels = column.decode(np.arange(len(p), dtype=np.float64)).tolist()
        return {label: Answer(own, self._error(own)) for label, own in zip(labels, p, strict=True)}

    def _error(self, p: float) -> float:
        return 0.0 if self._model.mixture else math.sqrt(max(p * (1 - p), 1 / _DRAWS) / _DRAWS)

    def _probabilities(self, name: str) -> Array:
        i = self._unit(name)
        if self._model.mixture:
            return self._model.mixture.probabilities(self._row[None], i)[0]
        states = np.asarray(self._model.table.by_unit()[i].units.states)  # type: ignore[union-attr]
        return (self._draws()[:, i, None] == states).mean(0)

    def mean(self, name: str) -> Answer:
        """The mean of a real column or a count, in the user's units."""
        mean, variance = self._moments(name)
        return Answer(mean, 0.0 if self._model.mixture else math.sqrt(variance / _DRAWS))

    def std(self, name: str) -> float:
        """The standard deviation of a real column or a count, in the user's units."""
        return math.sqrt(self._moments(name)[1])

    def _moments(self, name: str) -> tuple[float, float]:
        column, i = self._numeric(name), self._unit(name)
        if self._model.mixture:
            mean, variance = (float(m[0]) for m in self._model.mixture.moments(self._row[None], i))
        else:
            x = self._draws()[:, i]
            mean, variance = float(x.mean()), float(x.var())
        if isinstance(column, Real):
            return column.mean + column.scale * mean, column.scale**2 * variance
        return mean, variance

    def interval(self, name: str, level: float = 0.95) -> tuple[float, float]:
        """The range from one quantile to the other between which a real column or a count is so often."""
        column, i = self._numeric(name), self._unit(name)
        tail = (1 - as_number(level, "level", 0, 1)) / 2
        if self._model.mixture:
            ends = self._model.mixture.quantile(self._row[None], i, [tail, 1 - tail])[0]
        else:
            ends = np.quantile(self._draws()[:, i], [tail, 1 - tail])
        low, high = column.decode(np.asarray(ends)).tolist()
        return low, high

    def _numeric(self, name: str) -> Column:
        column = self._free(name)
        if not isinstance(column, (Real, Count)):
            raise EbmError(
                f"column {name!r} is {column.kind}; expected a real one or a count, or its probabilities"
            )
        return column

    def _free(self, name: str) -> Column:
        column = self._model.table.column(name)
        if name in self._cells or isinstance(column, Constant):
            others = [n for n in self._model.table.names if n not in self._cells]
            raise EbmError(f"column {name!r} is given; {nearest('', others)}")
        return column

    def _unit(self, name: str) -> int:
        return self._model.table.unit(name)

    def _draws(self) -> Array:
        """Rows that questions share."""
        if self._drawn is None:
            self._drawn = self._rows(_DRAWS, self._seed)
        return self._drawn
