"""Pickles, read without running them: a machine of ours executes the few instructions that build data.

`pickle` looks up names and calls what it finds. Here a name stays a name: `Record(name, …)` has the arguments
that it would have been called with and the state that it would have been given, and nothing is imported or
called. Names must be on the list that a format gives; another one ends the reading. Opcodes are split by
`pickletools`, which only reads. What numpy and torch would have made of their records is made here of
bytes, by `as_array`.
"""

from __future__ import annotations

import math
import pickletools
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ebm.errors import EbmError, short

__all__ = ["NUMPY", "Record", "as_array", "recorded"]

# Names by which numpy's arrays and numbers are pickled, of versions 1 and 2.
NUMPY = frozenset(
    {
        "numpy.ndarray",
        "numpy.dtype",
        "_codecs.encode",
        *(
            f"numpy.{core}.{name}"
            for core in ("core", "_core")
            for name in ("multiarray._reconstruct", "multiarray.scalar", "numeric._frombuffer")
        ),
    }
)
_MOST = 10**6  # instructions: a model has a few thousand
_CONSTANTS: dict[str, Any] = {
    "NONE": None, "NEWTRUE": True, "NEWFALSE": False,
    "EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_SET": set,
}  # fmt: skip
_VALUES = {
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT",
    "STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8",
    "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8",
}  # fmt: skip
_MARK = object()


@dataclass(eq=False)
class Record:
    """What a pickle would have made: a name, what it would have been called with, the state it would have.

    Attributes
    ----------
    name : str
        Module and class or function.
    args : tuple
        Empty where the name itself is meant.
    state : object
        Of an object of Python a dict of its attributes.
    items : dict
        What would have been put into it.
    """

    name: str
    args: tuple[Any, ...] = ()
    state: Any = None
    items: dict[Any, Any] = field(default_factory=dict)

    def attribute(self, name: str) -> Any:
        """An attribute that it would have.

        Raises
        ------
        EbmError
        """
        if not isinstance(self.state, Mapping) or name not in self.state:
            raise EbmError(f"{self.name}: no attribute {name!r}; expected one")
        return self.state[name]


def recorded(data: bytes, names: Collection[str], what: str) -> Any:
    """What a pickle holds: plain values, lists, tuples, dicts, and `Record` where it names something.

    Parameters
    ----------
    data : bytes
    names : collection of str
        Names that may occur, ``module.name``; those that end in ``.*`` stand for all of a module and below.
    what : str
        For the message of a refusal.

    Raises
    ------
    EbmError
        Another name, which is said; what is damaged; what builds no data.
    """
    try:
        return _Reader(names, what).run(data)
    except EbmError:
        raise
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        why = " ".join(str(error).split())[:120]
        raise EbmError(f"{what}: truncated or damaged pickle ({why}); expected a whole file") from None


class _Reader:
    """Stack and memo of one pickle."""

    def __init__(self, names: Collection[str], what: str) -> None:
        self.names, self.what = names, what
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self, data: bytes) -> Any:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(data)):
            if count > _MOST:
                raise EbmError(f"{self.what}: more than {_MOST} instructions; expected a model")
            name = opcode.name
            if name == "STOP":
                return self.stack.pop()
            if name in _CONSTANTS:
                made = _CONSTANTS[name]
                self.stack.append(made() if isinstance(made, type) else made)
            elif name in _VALUES:
                self.stack.append(argument)
            elif name in _ACTIONS:
                _ACTIONS[name](self, argument)
            elif name not in ("PROTO", "FRAME"):
                raise EbmError(f"{self.what}: the instruction {name}; expected data alone")
        raise EbmError(f"{self.what}: truncated pickle; expected a whole file")

    def above_mark(self) -> list[Any]:
        """What was put since the last mark; the mark goes with it."""
        for k in range(len(self.stack) - 1, -1, -1):
            if self.stack[k] is _MARK:
                found = self.stack[k + 1 :]
                del self.stack[k:]
                return found
        raise ValueError("no mark")

    def named(self, name: str) -> Record:
        """A record of a name, if it is on the list."""
        if name not in self.names and not any(n[-1] == "*" and name.startswith(n[:-1]) for n in self.names):
            raise EbmError(
                f"{self.what}: it names {short(name)}, which is not run; expected a model's own parts"
            )
        return Record(name)

    def call(self, function: Any, args: Any) -> Any:
        """What a call would have made: a record of it."""
        if not isinstance(function, Record) or not isinstance(args, tuple):
            raise ValueError("a call of something that has no name")
        if function.name == "collections.OrderedDict":
            return dict(args[0]) if args else {}
        if function.name.endswith("._reconstructor"):  # how classes were pickled by Python 2
            return Record(args[0].name)
        if function.name == "_codecs.encode":
            return str(args[0]).encode("latin-1")
        return Record(function.name, args)

    def fill(self, pairs: list[Any]) -> None:
        """Put keys and values into the dict, or the record, on top."""
        target = self.stack[-1]
        into = target.items if isinstance(target, Record) else target
        if not isinstance(into, dict) or len(pairs) % 2:
            raise ValueError("items of something that is no dict")
        into.update(zip(pairs[::2], pairs[1::2], strict=True))

    def extend(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, list):
            target.extend(values)
        elif isinstance(target, set):
            target.update(values)
        elif not isinstance(target, Record):
            raise ValueError("values for something that is no list")

    def build(self, state: Any) -> None:
        """Give the state to the record on top; an OrderedDict's attributes are no part of it."""
        target = self.stack[-1]
        if isinstance(target, Record):
            target.state = state
        elif not isinstance(target, dict):
            raise ValueError("a state of something that has none")


def _tuple(n: int) -> Callable[[_Reader, Any], None]:
    def act(reader: _Reader, _: Any) -> None:
        if len(reader.stack) < n or _MARK in reader.stack[-n:]:
            raise ValueError("a tuple of less than there is")
        found = tuple(reader.stack[-n:])
        del reader.stack[-n:]
        reader.stack.append(found)

    return act


def _stack_global(reader: _Reader, _: Any) -> None:
    name, module = reader.stack.pop(), reader.stack.pop()
    reader.stack.append(reader.named(f"{module}.{name}"))


def _reduce(reader: _Reader, _: Any) -> None:
    args = reader.stack.pop()
    reader.stack.append(reader.call(reader.stack.pop(), args))


def _newobj_ex(reader: _Reader, _: Any) -> None:
    reader.stack.pop()
    _reduce(reader, None)


def _instance(reader: _Reader, name: str) -> None:
    args = tuple(reader.above_mark())
    reader.stack.append(reader.call(reader.named(name.replace(" ", ".", 1)), args))


def _object(reader: _Reader, _: Any) -> None:
    function, *args = reader.above_mark()
    reader.stack.append(reader.call(function, tuple(args)))


def _persistent(reader: _Reader, _: Any) -> None:
    reader.stack.append(Record("persistent", (reader.stack.pop(),)))


def _append(reader: _Reader, _: Any) -> None:
    value = reader.stack.pop()
    reader.extend([value])


def _set_item(reader: _Reader, _: Any) -> None:
    value, key = reader.stack.pop(), reader.stack.pop()
    reader.fill([key, value])


def _dict(reader: _Reader, _: Any) -> None:
    pairs = reader.above_mark()
    reader.stack.append({})
    reader.fill(pairs)


def _pop_mark(reader: _Reader, _: Any) -> None:
    reader.above_mark()


def _put(reader: _Reader, place: Any) -> None:
    reader.memo[len(reader.memo) if place is None else int(place)] = reader.stack[-1]


_ACTIONS: dict[str, Callable[[_Reader, Any], None]] = {
    "MARK": lambda reader, _: reader.stack.append(_MARK),
    "POP": lambda reader, _: reader.stack.pop(),
    "POP_MARK": _pop_mark,
    "DUP": lambda reader, _: reader.stack.append(reader.stack[-1]),
    "TUPLE": lambda reader, _: reader.stack.append(tuple(reader.above_mark())),
    "EMPTY_TUPLE": lambda reader, _: reader.stack.append(()),
    "TUPLE1": _tuple(1),
    "TUPLE2": _tuple(2),
    "TUPLE3": _tuple(3),
    "LIST": lambda reader, _: reader.stack.append(reader.above_mark()),
    "FROZENSET": lambda reader, _: reader.stack.append(frozenset(reader.above_mark())),
    "DICT": _dict,
    "APPEND": _append,
    "APPENDS": lambda reader, _: reader.extend(reader.above_mark()),
    "ADDITEMS": lambda reader, _: reader.extend(reader.above_mark()),
    "SETITEM": _set_item,
    "SETITEMS": lambda reader, _: reader.fill(reader.above_mark()),
    "GLOBAL": lambda reader, name: reader.stack.append(reader.named(name.replace(" ", ".", 1))),
    "STACK_GLOBAL": _stack_global,
    "INST": _instance,
    "OBJ": _object,
    "REDUCE": _reduce,
    "NEWOBJ": _reduce,
    "NEWOBJ_EX": _newobj_ex,
    "BUILD": lambda reader, _: reader.build(reader.stack.pop()),
    "BINPERSID": _persistent,
    "PUT": _put,
    "BINPUT": _put,
    "LONG_BINPUT": _put,
    "MEMOIZE": _put,
    "GET": lambda reader, place: reader.stack.append(reader.memo[int(place)]),
    "BINGET": lambda reader, place: reader.stack.append(reader.memo[int(place)]),
    "LONG_BINGET": lambda reader, place: reader.stack.append(reader.memo[int(place)]),
}


def as_array(value: Any, what: str) -> np.ndarray:
    """The array or the number that a record of numpy's stands for, of plain numbers.

    Raises
    ------
    EbmError
        It is none, or of objects, or its bytes are not as many as its shape asks for.
    """
    if isinstance(value, (int, float)):
        return np.asarray(value)
    if isinstance(value, (list, tuple)) and all(isinstance(x, (int, float)) for x in value):
        return np.asarray(value, np.float64)
    try:
        if isinstance(value, Record) and value.name.endswith("multiarray.scalar"):
            return _of_bytes(value.args[1], value.args[0], (), False, what)
        if isinstance(value, Record) and value.name.endswith("numeric._frombuffer"):
            data, dtype, shape, order = value.args
            return _of_bytes(data, dtype, shape, order == "F", what)
        if isinstance(value, Record) and value.name.endswith("multiarray._reconstruct"):
            _, shape, dtype, fortran, data = value.state
            return _of_bytes(data, dtype, shape, bool(fortran), what)
    except (ValueError, TypeError, LookupError):
        pass
    raise EbmError(f"{what}: expected an array of numbers")


def _of_bytes(data: Any, dtype: Any, shape: Any, fortran: bool, what: str) -> np.ndarray:
    """An array of its bytes, which Python 2 had as text."""
    if isinstance(data, str):
        data = data.encode("latin-1")
    kind = np.dtype(str(dtype.args[0]))
    if dtype.state is not None and dtype.state[1] in ("<", ">"):
        kind = kind.newbyteorder(dtype.state[1])
    sizes = tuple(int(n) for n in shape)
    if kind.kind not in "biuf" or min(sizes, default=0) < 0 or math.prod(sizes) * kind.itemsize != len(data):
        raise EbmError(f"{what}: {len(data)} bytes; expected {kind} of shape {sizes}")
    return (
        np.frombuffer(data, kind).reshape(sizes, order="F" if fortran else "C").astype(kind.newbyteorder("="))
    )
