"""A machine with a schema: asked, and answering, in a user's columns, labels and units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ebm.arguments import as_choice, as_count, as_number
from ebm.conditional import conditional_log_likelihood, conditional_moments, conditional_probabilities
from ebm.errors import EbmError, NotSupported, expect, nearest, printable
from ebm.imputation import impute
from ebm.learning.rules import Rule
from ebm.machine import Array, Machine, as_machine
from ebm.optimisers import Optimiser
from ebm.partition import log_likelihood, log_z
from ebm.progress import Progress
from ebm.rbm import RBM
from ebm.stream import GAPS as OF_GAPS
from ebm.stream import Seed, Stream
from ebm.table.cells import GAPS
from ebm.table.climbing import Learning, learn
from ebm.table.columns import Column, Real
from ebm.table.given import Given
from ebm.table.mixture import Mixture, is_small
from ebm.table.schema import Table

__all__ = ["TableModel"]

_MOST_HIDDEN = 12  # whose states are summed in no time


class TableModel:
    """A machine and the table that it is of.

    Parameters
    ----------
    machine : Machine
        Whose visible units are the table's.
    table : Table
    log_z : float, optional
        log Z of the machine, nats, where it is known; else it is found when it is first needed.
    target : str, optional
        The column that `predict` predicts where none is named.

    Examples
    --------
    >>> import numpy as np, ebm
    >>> rng = np.random.default_rng(0)
    >>> ill = rng.random(400) < 0.3
    >>> data = {"ill": np.where(ill, "yes", "no"), "fever": 37 + 2 * ill + 0.3 * rng.normal(size=400)}
    >>> model = ebm.TableModel.fit(data, n_hidden=2)
    >>> model.given(ill="yes").mean("fever") > 38.5
    True
    >>> model.given(fever=39.2).probability("ill") > 0.9
    True
    """

    def __init__(
        self, machine: Machine, table: Table, log_z: float | None = None, target: str | None = None
    ) -> None:
        self.machine = as_machine(machine, "TableModel: machine")
        self.table = expect(table, Table, "TableModel: table", "a Table such as Table.from_frame(data)")
        if machine.n_visible != table.n_units:
            what = f"{machine.n_visible} visible units, the table {table.n_units} columns with one"
            raise EbmError(f"TableModel: the machine has {what}")
        self.target = target
        if target is not None:
            table.unit(expect(target, str, "TableModel: target", "the name of a column"))
        self._known = None if log_z is None else as_number(log_z, "TableModel: log_z")

    def __repr__(self) -> str:
        return printable(f"TableModel({self.machine}, {self.table!r})")

    @classmethod
    def fit(
        cls,
        data: Any,
        n_hidden: int | None = None,
        *,
        types: Mapping[str, Any] | None = None,
        unseen: str = "refuse",
        missing: Sequence[Any] = GAPS,
        table: Table | None = None,
        rule: Rule[Machine] | None = None,
        optimiser: Optimiser | None = None,
        epochs: int | None = None,
        batch_size: int = 100,
        seed: Seed = 0,
        progress: Progress = None,
    ) -> TableModel:
        """Learn a restricted machine from a table.

        Of few hidden units the exact likelihood is climbed, of rows with gaps that of what is known; where
        whole rows are few a tenth of them says where to stay. Of others, and where a rule, an optimiser or
        epochs are given, `ebm.fit` learns.

        Parameters
        ----------
        data, types, unseen, missing
            As of `Table.from_frame`.
        n_hidden : int, optional
            Hidden units: as many as columns, from 4 to 12, when left out.
        table : Table, optional
            The schema, in place of one that is made of `data`.
        rule : Rule, optional
            ``PCD(n_chains=200, centred=True)`` where samples are needed, when left out.
        optimiser : Optimiser, optional
            At a rate that is stable and falls to zero when left out.
        epochs : int, optional
            Passes over the rows: as many as make 10 000 updates when left out.
        batch_size, seed, progress
            As of `ebm.fit`.
        """
        batch_size = as_count(batch_size, "batch_size")
        if epochs is not None:
            as_count(epochs, "epochs")
        if table is None:
            table = Table.from_frame(data, types, unseen=unseen, missing=missing)
        rows = expect(table, Table, "table", "a Table such as Table.from_frame(data)").encode(data)
        n = min(max(table.n_units, 4), _MOST_HIDDEN) if n_hidden is None else as_count(n_hidden, "n_hidden")
        machine = RBM.from_data(rows, n, visible=table.units, spread=1.0, seed=seed, dtype=np.float64)
        learn(machine, rows, Learning(rule, optimiser, epochs, batch_size, seed, progress))
        return cls(machine, table)

    # What is known of the machine.

    @cached_property
    def mixture(self) -> Mixture | None:
        """The sum over hidden states, where they are few; None: the machine's own estimates."""
        return Mixture(self.machine) if is_small(self.machine) else None  # type: ignore[arg-type]

    @cached_property
    def log_z(self) -> float:
        """log Z of the machine, nats."""
        if self._known is not None:
            return self._known
        return self.mixture.log_z if self.mixture else float(log_z(self.machine))

    # Questions.

    def sample(self, n: int, *, seed: Seed = 0, like: Any = None) -> Any:
        """n new rows, a dict of columns, or a table of the class of `like`."""
        return self.given().sample(n, seed=seed, like=like)

    def score(self, data: Any) -> Array:
        """log p of each row, nats, (n,): of real columns the density in the user's units.

        Of a row with gaps it is that of the cells that are there.
        """
        rows = self.table.encode(data)
        return self._score(rows) - self.table.log_scale(rows)

    def _score(self, rows: Array) -> Array:
        if self.mixture:
            return self.mixture.log_likelihood(rows)
        return log_likelihood(self.machine, rows, self.log_z)

    def given(self, cells: Mapping[str, Any] | None = None, /, *, seed: Seed = 0, **named: Any) -> Given:
        """What is left when some cells are known, by the names of their columns.

        Parameters
        ----------
        cells : mapping, optional
            Names that are no words of Python's, or ``seed``, go here.
        seed : int
            Of answers that are drawn.

        Examples
        --------
        >>> import ebm
        >>> data = {"a": [0, 1, 0, 1] * 9, "b": ["x", "y", "x", "y"] * 9}
        >>> model = ebm.TableModel.fit(data, n_hidden=1)
        >>> model.given(a=1).probability("b", "y") > 0.9
        True
        """
        return Given(self, dict(cells or {}) | named, seed)

    def impute(self, data: Any, statistic: str = "mode", *, seed: Seed = 0, like: Any = None) -> Any:
        """The table with its gaps filled, a dict of columns; what was there stands as it is.

        Parameters
        ----------
        data
            A table of these columns.
        statistic : {"mode", "mean", "draw"}
            The likeliest label, of real columns the mean; the mean of counts, too; or a draw of all gaps of a
            row together, of which several, by seeds, are multiple imputations.
        seed : int
            Of what is drawn.
        like : DataFrame, optional
            A table whose class the answer shall have.
        """
        statistic = as_choice(statistic, ("mode", "mean", "draw"), "statistic")
        rows = self.table.encode(data)
        if not np.isnan(rows).any():
            return self.table.decode(rows, like)
        if not self.mixture:
            found = impute(self.machine, rows, seed=seed)
            if statistic == "draw":
                return self.table.decode(found.completed[0], like)
            return self.table.decode(self._filled(rows, statistic, found.mode, found.mean), like)
        if statistic == "draw":
            return self.table.decode(self.mixture.draw(rows, Stream(seed).split(OF_GAPS)), like)
        mode, mean = rows.copy(), rows.copy()
        for i, column in enumerate(self.table.by_unit()):
            some = np.isnan(rows[:, i])
            if not some.any():
                continue
            mean[some, i] = self.mixture.moments(rows[some], i)[0]
            if column.kind == "real":
                mode[some, i] = mean[some, i]
            else:
                mode[some, i] = self._state(i, self.mixture.probabilities(rows[some], i).argmax(1))
        return self.table.decode(self._filled(rows, statistic, mode, mean), like)

    def _state(self, i: int, places: Array) -> Array:
        """States of a unit by their places."""
        return np.asarray(self.table.by_unit()[i].units.states)[places]  # type: ignore[union-attr]

    def _filled(self, rows: Array, statistic: str, mode: Array, mean: Array) -> Array:
        """Rows with means in the gaps of real columns and, if asked for, of counts; with modes in others."""
        kinds = ("real", "count") if statistic == "mean" else ("real",)
        numeric = np.array([column.kind in kinds for column in self.table.by_unit()])
        return np.where(np.isnan(rows), np.where(numeric, mean, mode), rows)

    def anomaly(self, data: Any) -> tuple[Array, dict[str, Array]]:
        """How odd rows and cells are: −log p of each row, and of each cell given the others, nats.

        Returns
        -------
        rows : (n,)
        cells : dict of str to (n,)
            By column; NaN in gaps. Of real columns −log densities in the user's units.
        """
        rows = self.table.encode(data)
        if self.mixture:
            each = self.mixture.cells(rows)
        else:
            if np.isnan(rows).any():
                what = "expected an RBM of up to 2^14 hidden states"
                raise NotSupported(f"anomaly: cells of rows with gaps under {self.machine}; {what}")
            each = np.stack(
                [conditional_log_likelihood(self.machine, rows, unit=i) for i in range(rows.shape[1])], axis=1
            )
        columns = self.table.by_unit()
        cells = {c.name: c.log_scale - each[:, i] for i, c in enumerate(columns)}
        named = {name: cells.get(name, np.zeros(len(rows))) for name in self.table.names}
        return self.table.log_scale(rows) - self._score(rows), named

    def predict(self, data: Any, target: str | None = None) -> Array:
        """The likeliest label, or the mean, of a column of each row given the others, which may have gaps.

        The column itself is not looked at, and may be absent; the model's own target when left out.
        """
        column, rows, i = self._target(data, target)
        if isinstance(column, Real) or column.kind == "count":
            mean = self._moments(rows, i)[0]
            return column.decode(mean) if isinstance(column, Real) else mean
        return column.decode(self._probabilities(rows, i).argmax(1).astype(np.float64))

    def predict_proba(self, data: Any, target: str | None = None) -> dict[Any, Array]:
        """The probability of each label, or count, of a column of each row given the others."""
        column, rows, i = self._target(data, target)
        if isinstance(column, Real):
            raise EbmError(f"column {column.name!r} is real; expected predict, or predict_interval")
        p = self._probabilities(rows, i)
        labels = column.decode(np.arange(p.shape[1], dtype=np.float64)).tolist()
        return dict(zip(labels, p.T, strict=True))

    def predict_interval(self, data: Any, target: str, level: float = 0.95) -> tuple[Array, Array]:
        """Between which two quantiles a real column or a count of each row is so often, given the others."""
        column, rows, i = self._target(data, target)
        if not isinstance(column, Real) and column.kind != "count":
            raise EbmError(f"column {target!r} is {column.kind}; expected predict_proba")
        if not self.mixture:
            raise NotSupported(
                f"predict_interval: {self.machine}: expected an RBM of up to 2^14 hidden states"
            )
        ends = self.mixture.quantile(rows, i, [(1 - level) / 2, (1 + level) / 2])
        return column.decode(ends[:, 0]), column.decode(ends[:, 1])

    def _target(self, data: Any, target: str | None) -> tuple[Column, Array, int]:
        target = self.target if target is None else target
        if target is None:
            raise EbmError(f"predict: no column is named; {nearest('', self.table.names)}")
        column, i = self.table.column(target), self.table.unit(target)
        rows = self.table.encode(data, ignore=(target,))
        return column, rows, i

    def _probabilities(self, rows: Array, i: int) -> Array:
        if self.mixture:
            return self.mixture.probabilities(rows, i)
        others = np.delete(rows, i, 1)
        if np.isnan(others).any():
            n = len(self.table.by_unit()[i].units.states or ())  # type: ignore[union-attr]
            return impute(self.machine, rows).probabilities[:, i, :n]
        return conditional_probabilities(self.machine, others, unit=i)

    def _moments(self, rows: Array, i: int) -> tuple[Array, Array]:
        if self.mixture:
            return self.mixture.moments(rows, i)
        others = np.delete(rows, i, 1)
        if np.isnan(others).any():
            found = impute(self.machine, rows)
            return found.mean[:, i], found.variance[:, i]
        return conditional_moments(self.machine, others, unit=i)
