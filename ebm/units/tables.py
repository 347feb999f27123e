"""Unit types as tables, as in files and configs."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np

from ebm.errors import EbmError, NotSupported, nearest
from ebm.units.family import TYPES, Units

__all__ = ["units_from_dict", "units_to_dict"]


def units_to_dict(units: Units) -> dict[str, Any]:
    """Return the table that names the type and its settings, as in files and configs.

    Raises
    ------
    NotSupported
        A type that is not the package's own: no file could say what its functions are.

    Examples
    --------
    >>> from ebm import Potts
    >>> units_to_dict(Potts(21))
    {'type': 'Potts', 'q': 21}
    """
    name = type(units).__name__
    if TYPES.get(name) is not type(units):
        raise NotSupported(f"{units}: {name} is no type that files know; expected one of {', '.join(TYPES)}")
    return {"type": name} | {f.name: _value(getattr(units, f.name)) for f in fields(units)}  # type: ignore[arg-type]


def _value(value: Any) -> Any:
    """A setting as JSON and TOML have it: blocks of Mixed as pairs of a table and a number."""
    if isinstance(value, tuple):
        return [_value(item) for item in value]
    if isinstance(value, Units):
        return units_to_dict(value)
    return value.item() if isinstance(value, np.generic) else value


def units_from_dict(table: dict[str, Any]) -> Units:
    """Make the unit type that `units_to_dict` wrote.

    Raises
    ------
    EbmError
        An unknown type or setting.
    """
    settings = dict(table)
    name = settings.pop("type", None)
    if name not in TYPES:
        raise EbmError(f"unit type {name!r}: {nearest(str(name), TYPES)}")
    if "blocks" in settings:
        settings["blocks"] = [_block(block) for block in settings["blocks"]]
    try:
        return TYPES[name](**settings)
    except TypeError:
        raise EbmError(f"{name} takes no setting {', '.join(map(repr, settings))}") from None


def _block(block: Any) -> tuple[Units, int]:
    """A block of Mixed, [table, number]."""
    if not isinstance(block, (list, tuple)) or len(block) != 2 or not isinstance(block[0], dict):
        raise EbmError(f"Mixed: blocks: expected pairs [{{type = ...}}, number], got {block!r}")
    return units_from_dict(block[0]), block[1]
