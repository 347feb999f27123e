"""Refusals: every complaint of the package is one clear line.

A complaint says what was wrong, where, what was expected, and the nearest valid choice. This module lies
below all others and imports none of them.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable
from typing import Any, TypeVar, cast, dataclass_transform

import numpy as np

__all__ = ["Diverged", "EbmError", "NotSupported", "TooLarge", "nearest", "settings"]


class EbmError(ValueError):
    """Something the caller can put right: bad data, a bad setting, a bad file. The message is one line."""


class TooLarge(EbmError):
    """An exact computation beyond its stated limit; the message estimates its time and memory."""


class Diverged(EbmError):
    """Parameters became NaN or infinite while learning."""


class NotSupported(EbmError):
    """A machine lacks what a rule, a sampler or a score needs."""


def nearest(name: str, choices: Iterable[str]) -> str:
    """Return the help to append when `name` is none of `choices`.

    Parameters
    ----------
    name : str
        The unknown name.
    choices : iterable of str
        The valid ones.

    Returns
    -------
    str
        ``"did you mean 'x'?"`` when one is close, else the list of choices.

    Examples
    --------
    >>> nearest("n_chain", ["k", "n_chains"])
    "did you mean 'n_chains'?"
    """
    choices = sorted(choices)
    close = difflib.get_close_matches(name, choices, n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else f"expected one of: {', '.join(choices)}"


T = TypeVar("T")


def _plain(value: Any) -> Any:
    """Turn a numpy scalar into Python's own, so that strict validation takes it."""
    return value.item() if isinstance(value, np.generic) else value


@dataclass_transform(frozen_default=True)
def settings(cls: type[T]) -> type[T]:
    """Make a frozen dataclass of hyper-parameters whose types and ranges are checked by pydantic.

    The same class serves the Python user and a table of a TOML file. A violation raises `EbmError` with
    one line. Types are strict: ``"5"`` is no integer, ``True`` is no number; an int is a float.

    Examples
    --------
    >>> import ebm
    >>> ebm.CD(k=0)
    Traceback (most recent call last):
    ebm.errors.EbmError: CD: k: Input should be greater than or equal to 1, got 0
    """
    import pydantic

    config = pydantic.ConfigDict(strict=True, arbitrary_types_allowed=True)
    made = pydantic.dataclasses.dataclass(frozen=True, config=config)(cls)
    inner = made.__init__

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        names = [f.name for f in dataclasses.fields(self)]
        for name in kwargs:
            if name not in names:
                raise EbmError(f"{cls.__name__}: {name}: unknown setting; {nearest(name, names)}")
        try:
            inner(self, *map(_plain, args), **{k: _plain(v) for k, v in kwargs.items()})
        except pydantic.ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = first["loc"][0] if first["loc"] else "?"
            where = names[place] if isinstance(place, int) and place < len(names) else place
            message = str(first["msg"]).removeprefix("Value error, ")
            got = f", got {first['input']!r}" if first["type"] not in ("missing", "value_error") else ""
            raise EbmError(f"{cls.__name__}: {where}: {message}{got}") from None

    made.__init__ = __init__  # type: ignore[method-assign]
    return cast(type[T], made)
