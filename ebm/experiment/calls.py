"""A table is a call: its keys are the parameters of a class or a function, checked by their annotations.

A class with settings (`ebm.errors.settings`) checks its own and is built at once. Of a function the keys are
checked here, in the same words, and the call waits for what the run has to give. A nested table is an
argument: where an annotation asks for a protocol, such as `Optimiser`, any exported class that satisfies it.
"""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Any

import numpy as np
import pydantic

from ebm import datasets, learning, optimisers, penalties, samplers, selection, units
from ebm.errors import EbmError, complaint, described, nearest
from ebm.table import data

__all__ = ["Call", "Table", "build", "exported", "kinds", "tables_of", "written"]

_PACKAGES = (datasets, data, units, learning, optimisers, penalties, samplers, selection)
_SCALARS = (bool, int, float, str)


@dataclass(frozen=True)
class Table:
    """What a table of a config calls.

    Parameters
    ----------
    function : class or function
        Its parameters are the keys.
    given : tuple of str
        Parameters that the run gives: no keys.
    defaults : mapping
        Where the run's differ from those of the function; the entry says why.
    methods : mapping
        The classes that the argument ``method`` may name: the settings of the one named are keys too.
    """

    function: Callable[..., Any]
    given: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    methods: Mapping[str, Callable[..., Any]] = field(default_factory=dict, kw_only=True)

    def parameters(self, table: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
        """Annotation and default of each key, `inspect.Parameter.empty` where there is none."""
        known = _signature(self.function)
        for method in self.methods_of(table):
            known = known | _signature(method)
        return {
            name: (hint, self.defaults.get(name, default))
            for name, (hint, default) in known.items()
            if name not in self.given
        }

    def methods_of(self, table: Mapping[str, Any]) -> list[Callable[..., Any]]:
        """Those of `methods` whose settings are keys of a table: of the one it names, else of all."""
        if not self.methods:
            return []
        named = str(table.get("method", _signature(self.function)["method"][1]))
        return [self.methods[name] for name in ([named] if named in self.methods else self.methods)]


@dataclass(frozen=True)
class Call:
    """A function with the arguments of a table, every default written out; the run gives the others."""

    name: str
    function: Callable[..., Any]
    arguments: Mapping[str, Any]

    def __call__(self, *args: Any, **given: Any) -> Any:
        """Call it."""
        return self.function(*args, **{**self.arguments, **given})


@cache
def _signature(function: Callable[..., Any]) -> dict[str, tuple[Any, Any]]:
    parameters = inspect.signature(function).parameters
    if isinstance(function, type):
        hints = typing.get_type_hints(function, include_extras=True)
    else:  # not the annotation of what it returns, which may name what is not imported
        annotated = types.SimpleNamespace(__annotations__={p.name: p.annotation for p in parameters.values()})
        scope = inspect.unwrap(function).__globals__
        hints = typing.get_type_hints(annotated, scope, include_extras=True)
    named = (p for p in parameters.values() if p.kind is not p.VAR_KEYWORD)
    return {p.name: (hints[p.name], p.default) for p in named}


@cache
def exported() -> tuple[type, ...]:
    """The classes of settings that the packages export."""
    named = (vars(package)[name] for package in _PACKAGES for name in package.__all__)
    return tuple(c for c in named if isinstance(c, type) and dataclasses.is_dataclass(c))


def _arms(hint: Any) -> list[Any]:
    """The types within an annotation: the arms of a union, the items of a list; of `Rule[Machine]` Rule."""
    origin = typing.get_origin(hint)
    if isinstance(origin, type) and vars(origin).get("_is_protocol", False):
        return [origin]
    inner = typing.get_args(hint)[:1] if origin is Annotated else typing.get_args(hint)
    return [arm for part in inner for arm in _arms(part)] or [hint]


def kinds(hint: Any) -> dict[str, type]:
    """The classes that a table may build where an annotation asks for something, by name.

    Examples
    --------
    >>> from ebm.penalties import Constraint
    >>> sorted(kinds(list[Constraint]))
    ['Mask', 'MaxNorm', 'NonNegative']
    """
    wanted = [arm for arm in _arms(hint) if isinstance(arm, type) and arm is not object]
    known = (c for c in (*wanted, *exported()) if dataclasses.is_dataclass(c))
    return {c.__name__: c for c in known if any(_is_a(c, kind) for kind in wanted)}


def _is_a(cls: Any, kind: type) -> bool:
    """Whether instances of a class are of a kind; a protocol's attributes are looked for in the class."""
    if not vars(kind).get("_is_protocol", False):
        return issubclass(cls, kind)
    promised = {name for name in dir(kind) if not name.startswith("_")}
    return bool(promised) and promised <= {*dir(cls), *(f.name for f in dataclasses.fields(cls))}


def tables_of(hint: Any) -> dict[str, Table]:
    """The tables of what may stand where an annotation asks for something."""
    return {name: Table(made) for name, made in sorted(kinds(hint).items())}


def build(table: Mapping[str, Any], choices: Mapping[str, Table]) -> Any:
    """What a table names: an instance of a class, or the `Call` of a function.

    Where there is one choice, ``type`` may be left out.

    Raises
    ------
    EbmError
        One line: the key, what was expected, the nearest valid name.
    """
    only = next(iter(choices)) if len(choices) == 1 else None
    name = table.get("type", only)
    if name is None:
        raise EbmError(f"type: missing; expected one of: {', '.join(sorted(choices))}")
    if not isinstance(name, str) or name not in choices:
        raise EbmError(f"type: unknown type {name!r}; {nearest(str(name), choices)}")
    made = choices[name]
    parameters = made.parameters(table)
    arguments = {}
    for key, value in table.items():
        if key == "type":
            continue
        if key not in parameters:
            names = nearest(key, parameters) if parameters else "it takes none"
            raise EbmError(f"{key}: unknown key of {name}; {names}")
        arguments[key] = _argument(key, value, parameters[key][0])
    for key, (_, default) in parameters.items():
        if default is inspect.Parameter.empty and key not in arguments:
            raise EbmError(f"{key}: missing; {name} needs it")
    if isinstance(made.function, type):
        return made.function(**arguments)
    return Call(name, made.function, _checked(made, arguments))


def _argument(key: str, value: Any, hint: Any) -> Any:
    """A value of TOML as what an annotation asks for, unless that is to be refused by who takes it."""
    if isinstance(value, list):
        return [_argument(key, item, hint) for item in value]
    choices = tables_of(hint)
    if not choices:
        return value
    if isinstance(value, dict):
        try:
            return build(value, choices)
        except EbmError as error:
            raise EbmError(f"{key}: {error}") from None
    if not any(isinstance(value, arm) for arm in _arms(hint) if arm in _SCALARS):
        like = f'a table such as {{ type = "{next(iter(choices))}" }}'
        raise EbmError(f"{key}: got {described(value)}; expected {like}")
    return value


def _checked(made: Table, arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a function, strictly of its annotations, with the defaults of those left out."""
    parameters = made.parameters(arguments)
    fields: dict[str, Any] = {key: (parameters[key][0], ...) for key in arguments}
    config = pydantic.ConfigDict(strict=True, arbitrary_types_allowed=True)
    model = pydantic.create_model("arguments", __config__=config, **fields)
    try:
        given = dict(model(**arguments))
    except pydantic.ValidationError as error:
        raise EbmError(complaint(error)) from None
    return {key: default for key, (_, default) in parameters.items()} | given


def written(value: Any) -> Any:
    """What was built as TOML has it: every default written out, None left out."""
    if isinstance(value, Call):
        fields = dict(value.arguments)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    elif isinstance(value, (list, tuple)):
        return [written(item) for item in value]
    else:
        return np.dtype(value).name if isinstance(value, (type, np.dtype)) else value
    name = value.name if isinstance(value, Call) else type(value).__name__
    return {"type": name} | {key: written(item) for key, item in fields.items() if item is not None}
