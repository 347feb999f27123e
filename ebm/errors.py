"""Refusals: every complaint of the package is one clear line.

A complaint says what was wrong, where, what was expected, and the nearest valid choice. This module lies
below all others and imports none of them.
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import re
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar, cast, dataclass_transform

import numpy as np

__all__ = ["Diverged", "EbmError", "InUse", "NotSupported", "TooLarge"]


_PLAIN = str.maketrans(
    {
        "×": "x",
        "±": "+-",
        "−": "-",
        "–": "-",
        "→": "->",
        "β": "beta",
        "…": "...",
        "·": "*",
        "≥": ">=",
        "½": "1/2",
    }
)
_LONGEST = 600  # characters of a message
_ADDRESS = re.compile(r" object at 0x[0-9a-fA-F]+")


def printable(text: str) -> str:
    """Text that standard output can show: ASCII in place of what its encoding lacks.

    Examples
    --------
    >>> printable("6 × 4")
    '6 × 4'
    """
    encoding = sys.stdout.encoding if sys.stdout is not None and sys.stdout.encoding else "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_PLAIN).encode(encoding, "replace").decode(encoding)
    return text


def one_line(text: str) -> str:
    """Text without what ends a line or moves a cursor, which files may hold, and without its middle if long.

    Where an object stands in memory, as others' messages say, is left out too.

    Examples
    --------
    >>> one_line("a" + chr(10) + "b") == "a" + chr(92) + "nb"
    True
    """
    text = _ADDRESS.sub("", text)
    if not text.isprintable():
        text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST // 2]} … {text[-_LONGEST // 2 :]}"
    return text


class EbmError(ValueError):
    """Something the caller can put right: bad data, a bad setting, a bad file. The message is one line."""

    def __init__(self, message: object = "") -> None:
        super().__init__(one_line(str(message)))

    def __str__(self) -> str:
        return printable(str(self.args[0]))


class TooLarge(EbmError):
    """An exact computation beyond its stated limit; the message estimates its time and memory."""


class Diverged(EbmError):
    """Parameters became NaN or infinite while learning."""


class InUse(EbmError):
    """The directory is that of another run, or another process works in it."""


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
    if not choices:
        return "there are none"
    close = difflib.get_close_matches(name, choices, n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else f"expected one of: {', '.join(choices)}"


T = TypeVar("T")


def described(value: Any) -> str:
    """Return what a wrong argument is, in a few words.

    Examples
    --------
    >>> described(0.1), described(EbmError), described("CD"), described([1, 2])
    ('the number 0.1', 'the class EbmError', "'CD'", 'a list')
    """
    if value is None or isinstance(value, (str, bool)):
        return repr(value) if len(repr(value)) < 60 else f"{repr(value)[:50]}…'"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if isinstance(value, int) and abs(value) >= 10**30:
        return f"an integer of {value.bit_length()} bits"
    if isinstance(value, (int, float, np.number)):
        return f"the number {value}"
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}" if value.ndim < 9 else f"an array of {value.ndim} axes"
    name = type(value).__name__
    if name in ("function", "builtin_function_or_method", "method"):
        return f"the function {value.__name__}"
    vowels = "AEFHILMNORSX" if name[:2].isupper() else "AEIOUaeiou"  # an SGD, as it is spelt
    return f"{'an' if name[0] in vowels else 'a'} {name}"


def imported(module: str, who: str, extra: str) -> Any:
    """Import an optional package, or say which extra of ours installs it.

    Examples
    --------
    >>> imported("pandas_of_mine", "to_dataframe", "interchange")
    Traceback (most recent call last):
    ebm.errors.EbmError: to_dataframe needs pandas_of_mine: pip install 'boltzmann-machines[interchange]'
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        needed = module.partition(".")[0]
        raise EbmError(f"{who} needs {needed}: pip install 'boltzmann-machines[{extra}]'") from None


def expect(value: Any, kind: type[T] | tuple[type[T], ...], name: str, expected: str) -> T:
    """Return `value`, or refuse an argument of a wrong kind in one line.

    Parameters
    ----------
    value : object
        What the caller gave.
    kind : type or tuple of types
        What it must be an instance of: classes, or protocols that are ``runtime_checkable``.
    name : str
        The argument.
    expected : str
        What to give instead, with an example: ``"an optimiser such as SGD(0.05)"``.

    Raises
    ------
    EbmError

    Examples
    --------
    >>> import ebm
    >>> expect(0.1, ebm.Units, "visible", "units such as Bernoulli()")
    Traceback (most recent call last):
    ebm.errors.EbmError: visible: got the number 0.1; expected units such as Bernoulli()
    >>> expect(ebm.Ising, ebm.Units, "visible", "units such as Bernoulli()")
    Traceback (most recent call last):
    ebm.errors.EbmError: visible: got the class Ising; expected an instance: Ising()
    """
    if isinstance(value, kind) and not isinstance(value, type):
        return value
    if isinstance(value, type) and _makes(value, kind):
        expected = f"an instance: {value.__name__}()"
    raise EbmError(f"{name}: got {described(value)}; expected {expected}")


def expect_all(values: Any, kind: type[T] | tuple[type[T], ...], name: str, expected: str) -> tuple[T, ...]:
    """Return several arguments of one kind, as `expect` one.

    Examples
    --------
    >>> import ebm
    >>> expect_all(ebm.L2(0.1), ebm.Penalty, "penalties", "a sequence of penalties such as [L2(0.001)]")
    Traceback (most recent call last):
    ebm.errors.EbmError: penalties: got an L2; expected a sequence of penalties such as [L2(0.001)]
    """
    found: list[T] = []
    try:
        if isinstance(values, (str, Mapping)):
            raise TypeError
        for value in values:
            found.append(expect(value, kind, name, expected))
    except EbmError:
        raise
    except Exception:  # others' containers raise what they like
        raise EbmError(f"{name}: got {described(values)}; expected {expected}") from None
    return tuple(found)


def _makes(cls: type, kind: Any) -> bool:
    """Whether instances of a class are of a kind; a protocol's attributes are looked for in the class."""
    try:
        return issubclass(cls, kind)
    except TypeError:  # a protocol with members that are no methods
        return isinstance(cls, kind)


def one_of(names: Collection[str]) -> Any:
    """Return the mark of an annotated text that has to be one of some names: those that there are then.

    Examples
    --------
    >>> one_of({"blue", "black"}).func("blu")
    Traceback (most recent call last):
    ValueError: unknown 'blu'; did you mean 'blue'?
    """
    import pydantic

    def check(name: str) -> str:
        if name not in names:
            raise ValueError(f"unknown {name!r}; {nearest(name, names)}")
        return name

    return pydantic.AfterValidator(check)


def _plain(value: Any) -> Any:
    """Turn a numpy scalar into Python's own, so that strict validation takes it."""
    return value.item() if isinstance(value, np.generic) else value


def complaint(error: Any, names: Sequence[str] = ()) -> str:
    """Say in one line what pydantic has found first: the argument, what was expected, what was got.

    `names` are those of positional arguments.
    """
    first = error.errors(include_url=False)[0]
    place = first["loc"][0] if first["loc"] else "?"
    where = names[place] if isinstance(place, int) and place < len(names) else place
    message = str(first["msg"]).removeprefix("Value error, ")
    if first["type"] == "iteration_error":  # with the name of what somebody's container raised
        message = "Input should be a valid sequence"
    got = f", got {short(first['input'])}" if first["type"] not in ("missing", "value_error") else ""
    return f"{where}: {message}{got}"


def short(value: Any) -> str:
    """A value as it is written, where that is one short line."""
    try:
        written = repr(value) if _can_be_written(value) else ""
    except Exception:  # somebody's own class
        return described(value)
    plain = 0 < len(written) < 300 and "\n" not in written and " at 0x" not in written  # an address
    return written if plain else described(value)


def _can_be_written(value: Any, depth: int = 0) -> bool:
    """Whether repr may be asked: too deep it ends the stack, and scipy follows indices that lead anywhere."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, (list, tuple, set, frozenset)):
        return depth < 9 and len(value) < 99 and all(_can_be_written(item, depth + 1) for item in value)
    if isinstance(value, np.ndarray):
        return value.dtype != object
    return not type(value).__module__.startswith("scipy.")


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
        for name, value in [*zip(names, args, strict=False), *kwargs.items()]:
            if isinstance(value, type):  # has a protocol's methods, so it would pass for an instance
                raise EbmError(f"{cls.__name__}: {name}: got {described(value)}; expected an instance")
        try:
            inner(self, *map(_plain, args), **{k: _plain(v) for k, v in kwargs.items()})
        except pydantic.ValidationError as error:
            raise EbmError(f"{cls.__name__}: {complaint(error, names)}") from None

    made.__init__ = __init__  # type: ignore[method-assign]
    return cast(type[T], made)
