"""What a column is: binary, categorical, ordered, real, a count, or always the same; and as which unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np

from ebm.arguments import as_count, as_flag, as_number
from ebm.errors import EbmError, nearest, short
from ebm.table.cells import Array, Cells, label_of, number_of
from ebm.units import Bernoulli, Binomial, Gaussian, Potts, TruncatedPoisson, Units
from ebm.units import Ordered as OrderedUnits

__all__ = [
    "KINDS",
    "Binary",
    "Categorical",
    "Column",
    "Constant",
    "Count",
    "Ordered",
    "Real",
    "column_from_dict",
]

_FAR = 10.0  # deviations beyond which half of a column is not what the table was made from
_NAMED = 8  # labels that are shown


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes
    ----------
    name : str
    kind : str
        What `Table.from_frame` calls it.
    units : Units or None
        Of its unit; None where it has none.
    log_scale : float
        Of real columns: log of how much of the user's units one of the machine's is.
    """

    name: str

    kind: ClassVar[str] = ""
    log_scale: ClassVar[float] = 0.0

    @property
    def units(self) -> Units | None:
        """The type of its unit."""
        return None

    def encode(self, cells: Cells) -> Array:
        """States, (n,) float64, NaN in gaps."""
        raise NotImplementedError

    def decode(self, x: Array) -> Array:
        """What states, or means of real columns, are for the user; None or NaN in gaps."""
        raise NotImplementedError

    def about(self) -> str:
        """What there is to say of it, in a few words."""
        return ""

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        own = {f.name: vars(self)[f.name] for f in fields(self)}
        return {"type": self.kind} | {k: list(v) if isinstance(v, tuple) else v for k, v in own.items()}


@dataclass(frozen=True)
class _Labelled(Column):
    """Labels, one a state."""

    labels: tuple[Any, ...] = ()

    least: ClassVar[int] = 2

    def __post_init__(self) -> None:
        name = f"column {self.name!r}: labels"
        if isinstance(self.labels, str) or not isinstance(self.labels, Sequence):
            raise EbmError(f"{name}: expected a list of labels, got {short(self.labels)}")
        labels = tuple(label_of(label) for label in self.labels)
        for label in labels:
            if not isinstance(label, (str, bool, int, float)) or label != label:
                raise EbmError(f"{name}: expected texts, numbers or flags, got {short(label)}")
        if len(set(labels)) != len(labels) or len(labels) < self.least:
            raise EbmError(f"{name}: expected {self.least} or more that differ, got {short(labels)}")
        object.__setattr__(self, "labels", labels)

    def _places(self) -> dict[Any, int]:
        """The states of labels, of what they are written as in a text, of texts the numbers that they are."""
        written: dict[Any, int] = {str(label): k for k, label in enumerate(self.labels)}
        read = {text: number_of(text) for text in written}
        written |= {number: written[text] for text, number in read.items() if number is not None}
        return written | {label: k for k, label in enumerate(self.labels)}

    def encode(self, cells: Cells) -> Array:
        x, places = np.full(len(cells), np.nan), self._places()
        for row, label in enumerate(cells.labels()):
            if label is None:
                continue
            place = places.get(label)
            x[row] = self._unseen(cells, row, label) if place is None else place
        return x

    def _unseen(self, cells: Cells, row: int, label: Any) -> int:
        names = [str(known) for known in self.labels]
        like = next((n for n in names if _bare(n) == _bare(label)), None)
        near = f"did you mean {like!r}?" if like else nearest(str(label), names)[:200]
        raise cells.refuse(f"unknown label {short(label)}; {near}", row)

    def decode(self, x: Array) -> Array:
        labels = np.array([*self.labels, None], object)
        found = labels[np.where(np.isnan(x), len(self.labels), np.nan_to_num(x)).astype(int)]
        if not np.isnan(x).any():
            kinds = {type(label) for label in self.labels}
            if kinds in ({bool}, {int}, {str}):
                return found.astype(next(iter(kinds)))
        return found

    def about(self) -> str:
        shown = ", ".join(str(label) for label in self.labels[:_NAMED])
        return shown if len(self.labels) <= _NAMED else f"{shown}, … ({len(self.labels)})"


def _bare(label: Any) -> str:
    """A label without spaces about it and capitals."""
    return " ".join(str(label).split()).casefold()


@dataclass(frozen=True)
class Binary(_Labelled):
    """Two labels, the second of which is the unit's 1."""

    kind: ClassVar[str] = "binary"

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.labels) != 2:
            raise EbmError(f"column {self.name!r}: binary: expected 2 labels, got {len(self.labels)}")

    @property
    def units(self) -> Units:
        return Bernoulli()


@dataclass(frozen=True)
class Categorical(_Labelled):
    """Labels without an order; with `other`, one state more for labels that were never seen."""

    other: bool = False

    kind: ClassVar[str] = "categorical"

    def __post_init__(self) -> None:
        super().__post_init__()
        as_flag(self.other, f"column {self.name!r}: other")
        if self.other and "other" in self.labels:
            raise EbmError(f"column {self.name!r}: a label is 'other' already; expected unseen = 'refuse'")

    @property
    def units(self) -> Units:
        return Potts(len(self.labels) + self.other)

    def _unseen(self, cells: Cells, row: int, label: Any) -> int:
        return len(self.labels) if self.other else super()._unseen(cells, row, label)

    def _places(self) -> dict[Any, int]:
        return super()._places() | ({"other": len(self.labels)} if self.other else {})

    def decode(self, x: Array) -> Array:
        if not self.other:
            return super().decode(x)
        return Categorical(self.name, (*self.labels, "other")).decode(x)

    def about(self) -> str:
        return super().about() + ", or other" * self.other


@dataclass(frozen=True)
class Ordered(_Labelled):
    """Labels in their order."""

    kind: ClassVar[str] = "ordered"

    @property
    def units(self) -> Units:
        return OrderedUnits(len(self.labels))

    def about(self) -> str:
        return super().about().replace(", ", " < ")


@dataclass(frozen=True)
class Real(Column):
    """Numbers: the unit's are these less `mean`, over `scale`: those of the rows it was made from."""

    mean: float = 0.0
    scale: float = 1.0

    kind: ClassVar[str] = "real"

    def __post_init__(self) -> None:
        as_number(self.mean, f"column {self.name!r}: mean")
        if as_number(self.scale, f"column {self.name!r}: scale", 0) == 0:
            raise EbmError(f"column {self.name!r}: scale: expected a positive number, got 0")

    @property
    def units(self) -> Units:
        return Gaussian(learn_precision=True)

    @property
    def log_scale(self) -> float:  # type: ignore[override]
        return float(np.log(self.scale))

    def encode(self, cells: Cells) -> Array:
        return (cells.numbers() - self.mean) / self.scale

    def far(self, x: Array) -> bool:
        """Whether half of the states lie where none of those were that the table was made from."""
        known = x[~np.isnan(x)]
        return bool(len(known) and np.median(np.abs(known)) > _FAR)

    def decode(self, x: Array) -> Array:
        return np.asarray(x, np.float64) * self.scale + self.mean

    def about(self) -> str:
        return f"mean {self.mean:.4g}, deviation {self.scale:.4g}"


@dataclass(frozen=True)
class Count(Column):
    """Whole numbers 0 to `most`: how many of so many if `bounded`, else how many, with an end far away."""

    most: int = 1
    bounded: bool = False

    kind: ClassVar[str] = "count"

    def __post_init__(self) -> None:
        as_count(self.most, f"column {self.name!r}: most", 1, 4096)
        as_flag(self.bounded, f"column {self.name!r}: bounded")

    @property
    def units(self) -> Units:
        return Binomial(self.most) if self.bounded else TruncatedPoisson(self.most)

    def encode(self, cells: Cells) -> Array:
        x = cells.numbers()
        bad = ~np.isnan(x) & ~((x >= 0) & (x == np.floor(x)) & (x <= self.most))
        if bad.any():
            row = int(bad.argmax())
            raise cells.refuse(f"{x[row]:g} is no count; expected a whole number, 0 to {self.most}", row)
        return x

    def decode(self, x: Array) -> Array:
        whole = bool((x == np.rint(x)).all())  # neither gaps nor means
        return np.rint(x).astype(np.int64) if whole else np.asarray(x, np.float64)

    def about(self) -> str:
        return f"of {self.most}" if self.bounded else f"truncated at {self.most}"


@dataclass(frozen=True)
class Constant(Column):
    """The same in all rows: it has no unit, and every answer has it."""

    value: Any = None

    kind: ClassVar[str] = "constant"

    def encode(self, cells: Cells) -> Array:
        for row, label in enumerate(cells.labels()):
            if label is not None and label != self.value and number_of(str(label)) != self.value:
                what = f"{short(label)}; all rows that the table was made from have {short(self.value)}"
                raise cells.refuse(what, row)
        return np.zeros(len(cells))

    def decode(self, x: Array) -> Array:
        return np.full(len(x), self.value, object if isinstance(self.value, str) else None)

    def about(self) -> str:
        return f"always {self.value}"


KINDS: dict[str, type[Column]] = {c.kind: c for c in (Binary, Categorical, Ordered, Real, Count, Constant)}


def column_from_dict(table: dict[str, Any]) -> Column:
    """The column that `to_dict` wrote.

    Raises
    ------
    EbmError
        An unknown type or setting.
    """
    settings = dict(table)
    kind = settings.pop("type", None)
    if kind not in KINDS:
        raise EbmError(f"column of type {kind!r}: {nearest(str(kind), KINDS)}")
    if isinstance(settings.get("labels"), list):
        settings["labels"] = tuple(settings["labels"])
    try:
        return KINDS[kind](**settings)
    except TypeError:
        raise EbmError(f"column of type {kind}: unknown settings among {', '.join(settings)}") from None
