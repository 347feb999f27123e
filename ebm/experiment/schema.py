"""A JSON Schema of configs, for editors that complete and check them.

It is read from what the tables call, as configs themselves are: keys, types, ranges, defaults and meanings.
"""

from __future__ import annotations

import collections.abc
import inspect
import types
import typing
from collections.abc import Mapping
from typing import Annotated, Any

import pydantic

from ebm.experiment.calls import Table, tables_of, written
from ebm.experiment.config import TABLES
from ebm.experiment.meanings import meanings, summary

__all__ = ["schema"]

_LISTS = (list, tuple, collections.abc.Sequence)
Schema = dict[str, Any]


def schema() -> Schema:
    """The schema of a config, draft 2020-12.

    Examples
    --------
    >>> sorted(schema()["properties"])[:3]
    ['annealing', 'completion', 'data']
    """
    found = _Definitions()
    tables = {name: found.choice(choices, f"{name}.") for name, choices in TABLES.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A config of ebm",
        "type": "object",
        "properties": tables,
        "required": ["machine"],
        "additionalProperties": False,
        "$defs": found.made,
    }


class _Definitions:
    """The schemas of tables, each made once and referred to by its name."""

    def __init__(self) -> None:
        self.made: dict[str, Schema] = {}

    def choice(self, choices: Mapping[str, Table], place: str = "") -> Schema:
        """Of a table that may call any of several things."""
        references = [self._reference(f"{place}{name}", name, made) for name, made in sorted(choices.items())]
        if len(references) == 1:
            return references[0]
        return {"oneOf": [reference | {"required": ["type"]} for reference in references]}

    def _reference(self, key: str, name: str, made: Table) -> Schema:
        if key not in self.made:
            self.made[key] = {}  # what it holds may refer to it
            self.made[key] = self._table(name, made)
        return {"$ref": f"#/$defs/{key}"}

    def _table(self, name: str, made: Table) -> Schema:
        any_method = {"method": ""} if made.methods else {}
        parameters, said = made.parameters(any_method), meanings(made, any_method)
        properties: dict[str, Schema] = {"type": {"const": name}}
        for key, (hint, default) in parameters.items():
            about = self.value(hint)
            if key == "method" and made.methods:
                about = {"enum": list(made.methods)}
            if key in said:
                about = about | {"description": ": ".join(filter(None, said[key]))}
            if default is not None and default is not inspect.Parameter.empty:
                about = about | {"default": written(default)}
            properties[key] = about
        needed = [key for key, (_, default) in parameters.items() if default is inspect.Parameter.empty]
        return {
            "type": "object",
            "description": summary(made.function),
            "properties": properties,
            "required": needed,
            "additionalProperties": False,
        }

    def value(self, hint: Any) -> Schema:
        """Of a value, by its annotation; what TOML cannot say is left out."""
        choices = tables_of(hint)
        if not choices:
            return _plain(hint) or {}
        origin, inner = typing.get_origin(hint), typing.get_args(hint)
        if origin is Annotated:
            return self.value(inner[0])
        if origin in (typing.Union, types.UnionType):
            arms = [self.value(arm) if tables_of(arm) else _plain(arm) for arm in inner]
            return _any([arm for arm in arms if arm])
        if origin in _LISTS:
            return {"type": "array", "items": _any([self.value(arm) for arm in inner if arm is not ...])}
        return self.choice(choices)


def _any(arms: list[Schema]) -> Schema:
    return arms[0] if len(arms) == 1 else {"anyOf": arms}


def _plain(hint: Any) -> Schema | None:
    """Of numbers, text and lists of them; None for what stands in no config."""
    if hint is None or hint is type(None):
        return None
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        arms = [arm for arm in map(_plain, typing.get_args(hint)) if arm is not None]
        return _any(arms) if arms else None
    try:
        found = {k: v for k, v in pydantic.TypeAdapter(hint).json_schema().items() if k != "title"}
        if not found and typing.get_origin(hint) is Annotated:  # a function of ours checks it
            return _plain(typing.get_args(hint)[0])
        return found
    except pydantic.errors.PydanticUserError:  # of the schema, or of a type that it does not know
        return None
