"""What the columns of a table are: as they were said to be, or as their cells let one guess."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from ebm.arguments import as_count
from ebm.errors import EbmError, nearest, short
from ebm.table.cells import Cells, label_of
from ebm.table.columns import KINDS, Categorical, Column, Constant, Count, Real

__all__ = ["SKIP", "column_of"]

SKIP = "skip"
_FEW, _LABELS = 10, 50  # whole numbers that are an order, labels that are categories, where nobody says
_COUNTS = 30  # up to which whole numbers from 0 are counts
_HEAP, _ABOVE = 0.1, 5  # a value is a heap: of so many cells, and so many times the next commonest one
_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T].*)?")
_SETTINGS = {
    "binary": ("labels",),
    "categorical": ("labels", "unseen"),
    "ordered": ("labels",),
    "real": (),
    "count": ("most",),
    "constant": (),
    SKIP: (),
}


def column_of(cells: Cells, asked: Any, other: bool) -> tuple[Column | None, str]:
    """What a column is, None if it is to be left out, and why: "as asked", or what the guess is from.

    Parameters
    ----------
    cells : Cells
    asked : str, mapping, list or None
        A kind; or with settings, ``{"type": "count", "most": 10}``; or labels in their order.
    other : bool
        Whether categories have a state for labels that were never seen, where it is not said.
    """
    if asked is None:
        kind, why = _guess(cells)
        return _with_heap(cells, _made(cells, kind, {}, other), why)
    if isinstance(asked, (list, tuple)):
        asked = {"type": "ordered", "labels": asked}
    settings = dict(asked) if isinstance(asked, Mapping) else {"type": asked}
    kind = settings.pop("type", None)
    if not isinstance(kind, str) or kind not in _SETTINGS:
        known = nearest(str(kind), _SETTINGS)
        raise EbmError(f"types: column {cells.name!r}: unknown type {short(kind)}; {known}")
    for key in settings:
        if key not in _SETTINGS[kind]:
            takes = nearest(str(key), _SETTINGS[kind]) if _SETTINGS[kind] else "it takes none"
            raise EbmError(f"types: column {cells.name!r}: {kind}: unknown setting {short(key)}; {takes}")
    if kind == SKIP:
        return None, "as asked"
    return _with_heap(cells, _made(cells, kind, settings, other), "as asked")


def _with_heap(cells: Cells, column: Column | None, why: str) -> tuple[Column | None, str]:
    """The column and why; that a real one has a heap at one value, such as hours of who does not work, too.

    A Gaussian does not know heaps. Whether a cell is on it is a column of its own, given which the numbers
    are missing where it is: at random, since the other column says so.
    """
    if not isinstance(column, Real):
        return column, why
    x = cells.numbers()
    values, counts = np.unique(x[~np.isnan(x)], return_counts=True)
    if len(values) < 3:
        return column, why
    least, share = np.sort(counts)[-2:], counts.max() / counts.sum()
    if share < _HEAP or least[1] < _ABOVE * least[0] or least[1] < _FEW:
        return column, why
    heap = f"{values[counts.argmax()]:g}"
    what = f"{share:.0%} are {heap}, a heap: better a binary column of that, and here NaN instead of {heap}"
    return column, f"{why}; {what}"


def _guess(cells: Cells) -> tuple[str, str]:
    """The kind that cells look like, and what of them says so."""
    kind = cells.kind
    if kind == "empty":
        raise cells.refuse("all cells are missing; expected some, or types = {...: 'skip'}")
    if kind == "mixed":
        raise _mixture(cells)
    if kind == "wide":
        what = "whole numbers beyond 2^53, which floats do not tell apart; expected 'categorical' or 'skip'"
        raise cells.refuse(what)
    if kind == "numbers":
        cells.numbers()  # refuses infinities
    found = cells.distinct()
    if len(found) == 1:
        return "constant", "one value"
    if kind == "flags":
        return "binary", "flags"
    if kind == "texts":
        return _guess_texts(cells, found)
    whole = all(isinstance(value, int) for value in found)
    if whole and len(found) == 2:
        return "binary", "two whole numbers"
    if whole and len(found) <= _FEW and found[-1] - found[0] < _FEW and (found[0] > 0 or len(found) < _FEW):
        return "ordered", f"{len(found)} whole numbers"
    if whole and 0 <= found[0] <= 1 and found[-1] <= _COUNTS:
        return "count", f"whole numbers {found[0]} to {found[-1]}"
    return "real", f"{len(found)} numbers"


def _guess_texts(cells: Cells, found: list[str]) -> tuple[str, str]:
    if sum(bool(_DATE.fullmatch(text)) for text in found) > len(found) / 2:
        raise cells.refuse(f"{found[0]!r} looks like a date; expected numbers, 'categorical' or 'skip'")
    if len(found) > max(_LABELS, 2) or (len(found) > 2 and len(found) == (~cells.gaps).sum()):
        what = f"{len(found)} different texts in {len(cells)} rows"
        raise cells.refuse(f"{what}: names? expected types = {{...: 'skip'}} or 'categorical'")
    _check_alike(cells, found)
    return ("binary", "two labels") if len(found) == 2 else ("categorical", f"{len(found)} labels")


def _check_alike(cells: Cells, found: list[Any]) -> None:
    """Refuse labels that differ by case or space only, unless somebody lists them."""
    bare: dict[str, str] = {}
    for label in found:
        other = bare.setdefault(" ".join(str(label).split()).casefold(), label)
        if other != label:
            what = "differ by case or space only; expected one spelling, or both listed as labels"
            raise cells.refuse(f"labels {other!r} and {label!r} {what}")


def _mixture(cells: Cells) -> EbmError:
    """What is text among numbers, or a number among texts."""
    texts = np.array([isinstance(value, str) for value in cells.values])
    few = texts if texts.sum() <= (~cells.gaps).sum() / 2 else ~texts & ~cells.gaps
    row = int(few.argmax())
    what = ("text among numbers", "number among texts")[not texts[row]]
    return cells.refuse(
        f"{short(cells.values[row])} is a {what}; expected one kind, or it among what is missing", row
    )


def _made(cells: Cells, kind: str, settings: Mapping[str, Any], other: bool) -> Column | None:
    if kind == "real":
        return _real(cells)
    if kind == "count":
        return _count(cells, settings)
    if kind == "constant":
        found = cells.distinct()
        if len(found) != 1:
            raise cells.refuse(f"{len(found)} different values; expected one of a constant column")
        return Constant(cells.name, found[0])
    labels = tuple(settings["labels"]) if "labels" in settings else _labels(cells, kind)
    if kind != "categorical":
        return KINDS[kind](cells.name, labels)  # type: ignore[call-arg]
    unseen = settings.get("unseen", "other" if other else "refuse")
    if unseen not in ("other", "refuse"):
        raise EbmError(
            f"types: column {cells.name!r}: unseen: expected 'refuse' or 'other', got {short(unseen)}"
        )
    return Categorical(cells.name, labels, unseen == "other")


def _labels(cells: Cells, kind: str) -> tuple[Any, ...]:
    if cells.kind == "empty":
        raise cells.refuse("all cells are missing; expected some, or 'skip'")
    found = cells.distinct()
    if kind == "ordered":
        if any(isinstance(label, str) for label in found):
            raise cells.refuse("the order of texts is not known; expected them in their order, as a list")
        if all(isinstance(label, int) for label in found) and found[-1] - found[0] < 256:
            found = list(range(found[0], found[-1] + 1))  # with those that did not occur
    if kind == "binary" and len(found) != 2:
        raise cells.refuse(f"{len(found)} different values; expected 2 of a binary column")
    _check_alike(cells, found)
    return tuple(found)


def _real(cells: Cells) -> Column:
    x = cells.numbers()
    x = x[~np.isnan(x)]
    if not len(x):
        raise cells.refuse("all cells are missing; expected some, or 'skip'")
    with np.errstate(over="ignore"):
        mean, scale = float(x.mean()), float(x.std())
    if not np.isfinite(scale):
        raise cells.refuse(f"numbers up to {np.abs(x).max():.3g}, whose squares no float holds")
    if scale <= 1e-12 * abs(mean) or scale == 0:
        raise cells.refuse(f"the same number, {x[0]:g}, in all rows; expected 'constant' or 'skip'")
    return Real(cells.name, mean, scale)


def _count(cells: Cells, settings: Mapping[str, Any]) -> Column:
    x = cells.numbers()
    known = x[~np.isnan(x)]
    if not len(known):
        raise cells.refuse("all cells are missing; expected some, or 'skip'")
    bounded = settings.get("most") is not None
    most = as_count(settings["most"], f"types: column {cells.name!r}: most") if bounded else _end(known)
    if most > 4096:
        raise cells.refuse(f"counts up to {known.max():g}; expected up to 2000, else 'real'")
    column = Count(cells.name, most, bounded)
    column.encode(cells)  # refuses what is no count
    return column


def _end(counts: Any) -> int:
    """Where counts end that have no known bound: at twice the largest, far from all of them."""
    return max(10, 2 * int(counts.max()))


def gaps_said(cells: Cells) -> str:
    """How many cells are missing, and what says so: "12 ('NA' 10, '' 2)"."""
    if not cells.gaps.any():
        return ""
    said = Counter(cells.said).most_common(3)
    return f"{cells.gaps.sum()} ({', '.join(f'{label_of(text)} {n}' for text, n in said)})"
