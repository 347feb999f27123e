"""What changes while a machine learns, as small dataclasses that a file can hold.

The state of a training is made of parts: what the rule carries, the optimiser's memory, what is watched. Each
is a dataclass of arrays, numbers, dicts of arrays and other parts, knows by itself how to become named arrays
and back, and is known in a file by the name of its class.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, ClassVar, Self, TypeAlias, TypeVar

import numpy as np

from ebm.errors import EbmError, described, nearest
from ebm.machine import Array

__all__ = ["Arrays", "Part", "by_group", "part_of"]

Arrays: TypeAlias = dict[str, Array]
_TYPE = "type"  # the entry that holds the name of the class


class Part:
    """The base of all parts; a subclass is a dataclass, whose fields are what is packed.

    A field is an array, a number, None, a dict of arrays, or another part. The module of a subclass has to be
    imported before a file that holds one is read.

    Raises
    ------
    TypeError
        Where the subclass is made: another module has a part of that name.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Counts(Part):
    ...     seen: int
    >>> Part.unpack(Counts(3).pack())
    Counts(seen=3)
    """

    _known: ClassVar[dict[str, type[Part]]] = {}

    def __init_subclass__(cls) -> None:
        other = Part._known.get(cls.__name__)
        if other is not None and other.__module__ != cls.__module__:
            raise TypeError(f"part {cls.__name__}: {other.__module__} has one of that name; expected another")
        Part._known[cls.__name__] = cls

    def pack(self) -> Arrays:
        """Everything as named arrays; what stands in a dict or in a part as ``field/name``.

        Raises
        ------
        EbmError
            A field is none of what a part is made of.
        """
        out: Arrays = {_TYPE: np.array(type(self).__name__)}
        for entry in fields(self):  # type: ignore[arg-type]  # subclasses are dataclasses
            value = getattr(self, entry.name)
            if isinstance(value, Part):
                value = value.pack()
            if isinstance(value, Mapping):
                out |= {f"{entry.name}/{key}": self._plain(entry.name, item) for key, item in value.items()}
            elif value is not None:
                out[entry.name] = self._plain(entry.name, value)
        return out

    def _plain(self, name: str, value: Any) -> Array:
        """An array that a file holds without pickles."""
        array = np.asarray(value)
        if array.dtype.hasobject:
            what = f"{type(self).__name__}: {name}: {described(value)}"
            raise EbmError(
                f"{what} has no place in a file; expected an array, a number, a dict of arrays or a part"
            )
        return array

    @classmethod
    def unpack(cls, arrays: Mapping[str, Array]) -> Self:
        """The part that was packed.

        Raises
        ------
        EbmError
            It is no part of this kind, or of a class that is not known here.
        """
        plain, groups = by_group(arrays)
        name = str(plain.pop(_TYPE))
        made = Part._known.get(name)
        if made is None:
            raise EbmError(
                f"part {name!r}: import the module that defines it first; {nearest(name, Part._known)}"
            )
        if not issubclass(made, cls):
            raise EbmError(f"part {name!r}: expected a {cls.__name__}")
        values: dict[str, Any] = {key: a.item() if a.ndim == 0 else a for key, a in plain.items()}
        values |= {key: Part.unpack(group) if _TYPE in group else group for key, group in groups.items()}
        return made(**values)


def by_group(arrays: Mapping[str, Array]) -> tuple[Arrays, dict[str, Arrays]]:
    """Arrays apart: those by themselves, and those whose name is ``group/name``, by group."""
    plain: Arrays = {}
    groups: dict[str, Arrays] = {}
    for key, value in arrays.items():
        first, slash, rest = key.partition("/")
        if slash:
            groups.setdefault(first, {})[rest] = value
        else:
            plain[key] = value
    return plain, groups


P = TypeVar("P", bound=Part)


def part_of(kind: type[P], part: object, who: object) -> P:
    """A part as the kind that its owner made, or one line that another one made it."""
    if not isinstance(part, kind):
        raise EbmError(f"{who!r}: got {described(part)}; expected the {kind.__name__} that its init makes")
    return part
