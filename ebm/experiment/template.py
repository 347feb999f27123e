"""A config written out to be edited: every key with its meaning, every default in sight.

What a config sets stands as it is; a default stands behind a mark, ``#key = value``, and is set by taking the
mark away. Meanings, types and defaults are read from what the tables call.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

import tomli_w

from ebm.experiment.calls import Table, tables_of, written
from ebm.experiment.config import NEEDED, TABLES
from ebm.experiment.meanings import Meaning, meanings, summary

__all__ = ["template"]

_WIDTH = 100
_BY_DEFAULT = {"rule": "PCD", "optimiser": "SGD"}  # of a run that trains and says nothing of them


def template(tables: Mapping[str, Mapping[str, Any]], head: Iterable[str] = ()) -> str:
    """The text of a config.

    Parameters
    ----------
    tables : mapping
        The tables as TOML has them, valid.
    head : iterable of str
        Paragraphs of the comment at the top.
    """
    lines = [line for text in (*head, _MARKS) for line in (*_comment(text), "#")][:-1]
    by_default = {name: {"type": kind} for name, kind in _BY_DEFAULT.items() if "train" in tables}
    every = by_default | dict(tables)
    for name in TABLES:
        if name in every:
            lines += _table(name, every[name], TABLES[name])
    others = [f"[{name}]" for name in TABLES if name not in every and set(NEEDED.get(name, ())) <= set(every)]
    if others:
        lines += ["", *_comment(f"Tables that could be added: {', '.join(others)}.")]
    return "\n".join(lines) + "\n"


_MARKS = "Lines such as #key = value are defaults: take the # away to change one."


def _comment(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent="# ", subsequent_indent=f"# {indent}", break_on_hyphens=False
    )


def _table(
    place: str, table: Mapping[str, Any], choices: Mapping[str, Table], item: bool = False
) -> list[str]:
    """The lines of a table, then those of the tables within it; `item` is of an array of tables."""
    kind = table.get("type", next(iter(choices)))
    made = choices[kind]
    known = meanings(made, table)
    lines = ["", f"[[{place}]]" if item else f"[{place}]", *_comment(summary(made.function))]
    if len(choices) > 1:
        others = ", ".join(sorted(name for name in choices if name != kind))
        lines += [f"type = {_inline(kind)}", *_comment(f"or: {others}", "    ")]
    within: list[str] = []
    for key, (hint, default) in made.parameters(table).items():
        inner = tables_of(hint)
        value = table.get(key)
        if isinstance(value, Mapping) and inner:
            within += _table(f"{place}.{key}", value, inner)
        elif inner and isinstance(value, list) and value and all(isinstance(v, Mapping) for v in value):
            for each in value:
                within += _table(f"{place}.{key}", each, inner, item=True)
        else:
            lines += _key(key, value, default, known.get(key))
            if key == "method":
                lines += [
                    line
                    for name, method in made.methods.items()
                    for line in _comment(f"    {name}: {summary(method)}", "        ")
                ]
    return lines + within


def _key(key: str, value: Any, default: Any, meaning: Meaning | None) -> list[str]:
    """What a key means; then the key as it is set, or its default behind a mark."""
    about = "" if meaning is None else ": ".join(filter(None, meaning))
    if value is None and default is None:
        return _comment(f"{key}, not set: {about}", "    ")
    line = f"#{key} = {_inline(written(default))}" if value is None else f"{key} = {_inline(value)}"
    return [*_comment(about, "    "), line]


def _inline(value: Any) -> str:
    """A value of TOML on one line."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_inline(item)}" for key, item in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_inline, value))}]"
    return tomli_w.dumps({"value": value}).removeprefix("value = ").strip()
