"""Which settings of several runs differ, and which of a run's are not the defaults."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from ebm.errors import EbmError
from ebm.experiment.calls import Table, tables_of, written
from ebm.experiment.config import TABLES

__all__ = ["ABSENT", "changed", "differing", "setting_text", "short_names", "telling"]

ABSENT = "—"  # what a run shows for a setting that it has not


def setting_text(value: Any) -> str:
    """A value of a config, short.

    Examples
    --------
    >>> setting_text([{"type": "L2", "strength": 0.001}]), setting_text(0.1), setting_text(True)
    ('[L2(strength=0.001)]', '0.1', 'true')
    """
    if value is None:
        return ABSENT
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    if isinstance(value, Mapping):
        inner = ", ".join(f"{k}={setting_text(v)}" for k, v in value.items() if k != "type")
        return f"{value.get('type', '')}({inner})"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(setting_text, value))}]"
    return str(value)


def differing(tables: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The settings that differ, and their values in each run: None where it has none.

    What only another type has is no difference of its own: of CD beside PCD the rule's type differs, and not
    the number of chains, which CD lacks.

    Parameters
    ----------
    tables : sequence of mappings
        Resolved configs.

    Examples
    --------
    >>> differing([{"rule": {"type": "CD", "k": 1}}, {"rule": {"type": "PCD", "k": 1, "n_chains": 9}}])
    {'rule.type': ['CD', 'PCD']}
    """
    return _walk("", list(tables))


def _walk(prefix: str, tables: Sequence[Mapping[str, Any] | None]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    known: dict[str, dict[str, None]] = {}  # the keys of each kind
    for table in tables:
        if table is not None:
            known.setdefault(_kind(table), {}).update(dict.fromkeys(table))
    for key in dict.fromkeys(key for keys in known.values() for key in keys if key != "type"):
        has = [table is not None and key in known[_kind(table)] for table in tables]
        values = [table.get(key) if table is not None else None for table in tables]
        heads = [_head(value) for value in values]
        if len({head for head, its in zip(heads, has, strict=True) if its}) > 1:
            typed = all(isinstance(v, Mapping) and "type" in v for v in values if v is not None)
            found[f"{prefix}{key}.type" if typed else f"{prefix}{key}"] = heads
        inner = [value if isinstance(value, Mapping) else None for value in values]
        if any(inner):
            found |= _walk(f"{prefix}{key}.", inner)
    return found


def _kind(table: Mapping[str, Any]) -> str:
    """What decides which keys a table may have: its type, and the method of log Z."""
    return f"{table.get('type')} {table.get('method')}"


def _head(value: Any) -> Any:
    """What stands for a value: of a table its type."""
    if isinstance(value, Mapping):
        value = value.get("type", "given")
    return setting_text(value) if isinstance(value, (list, tuple, Mapping)) else value


def telling(values: Mapping[str, Sequence[Any]], keys: Sequence[str]) -> list[str]:
    """Those settings, in their order, that tell runs apart where the ones before do not; others go along.

    Examples
    --------
    >>> telling({"rule": ["CD", "PCD"], "epochs": [620, 530]}, ["rule", "epochs"])
    ['rule']
    """
    kept: list[str] = []
    known = 1
    for key in keys:
        rows = zip(*(map(setting_text, values[k]) for k in (*kept, key)), strict=True)
        if (apart := len(set(rows))) > known:
            kept.append(key)
            known = apart
    return kept


def short_names(keys: Sequence[str]) -> dict[str, str]:
    """The settings by the last part of their names, where that tells them apart.

    Examples
    --------
    >>> short_names(["data.seed", "train.seed", "rule.type"])
    {'data.seed': 'data.seed', 'train.seed': 'train.seed', 'rule.type': 'rule'}
    """
    last = {key: key.removesuffix(".type").rpartition(".")[2] for key in keys}
    many = list(last.values())
    return {key: name if many.count(name) == 1 else key for key, name in last.items()}


def changed(tables: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """The settings of a run that are not the defaults: key, value, default (None where there is none).

    Examples
    --------
    >>> changed({"rule": {"type": "CD", "k": 5}})
    [('rule.type', 'CD', None), ('rule.k', 5, 1)]
    """
    found: list[tuple[str, Any, Any]] = []
    for name, table in tables.items():
        if isinstance(table, Mapping):
            found += _changed(f"{name}.", table, TABLES.get(name, {}))
    return found


def _changed(
    prefix: str, table: Mapping[str, Any], choices: Mapping[str, Table]
) -> list[tuple[str, Any, Any]]:
    only = next(iter(choices)) if len(choices) == 1 else None
    kind = table.get("type", only)
    made = choices.get(kind) if isinstance(kind, str) else None
    found: list[tuple[str, Any, Any]] = []
    if "type" in table and only is None:
        found.append((f"{prefix}type", kind, None))
    try:
        known = made.parameters(table) if made is not None else {}
    except EbmError:
        known = {}
    for key, value in table.items():
        if key == "type":
            continue
        hint, default = known.get(key, (None, inspect.Parameter.empty))
        default = None if default is inspect.Parameter.empty else written(default)
        if value == default:
            continue
        if isinstance(value, Mapping) and hint is not None:
            found += _changed(f"{prefix}{key}.", value, tables_of(hint))
        else:
            found.append((f"{prefix}{key}", value, default))
    return found
