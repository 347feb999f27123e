"""Unit types as tables, as in files and configs."""

from __future__ import annotations

from typing import Any

from ebm.errors import EbmError, nearest
from ebm.units.family import Units
from ebm.units.gaussian import Gaussian
from ebm.units.mixed import Mixed
from ebm.units.poisson import Poisson
from ebm.units.potts import Potts
from ebm.units.two_state import Bernoulli, Ising

__all__ = ["units_from_dict", "units_to_dict"]

_TYPES: dict[str, type[Units]] = {t.__name__: t for t in (Bernoulli, Ising, Gaussian, Potts, Poisson, Mixed)}


def units_to_dict(units: Units) -> dict[str, Any]:
    """Return the table that names the type and its settings, as in files and configs.

    Examples
    --------
    >>> units_to_dict(Potts(21))
    {'type': 'Potts', 'q': 21}
    """
    table: dict[str, Any] = {"type": type(units).__name__}
    if isinstance(units, Potts):
        table["q"] = int(units.q)
    if isinstance(units, Gaussian) and units.learn_precision:
        table["learn_precision"] = True
    if isinstance(units, Mixed):
        table["blocks"] = [[units_to_dict(own), n] for own, n in units.blocks]
    return table


def units_from_dict(table: dict[str, Any]) -> Units:
    """Make the unit type that `units_to_dict` wrote.

    Raises
    ------
    EbmError
        An unknown type or setting.
    """
    settings = dict(table)
    name = settings.pop("type", None)
    if name not in _TYPES:
        raise EbmError(f"unit type {name!r}: {nearest(str(name), _TYPES)}")
    if name == "Mixed":
        settings["blocks"] = [_block(block) for block in settings.get("blocks", ())]
    try:
        return _TYPES[name](**settings)
    except TypeError:
        raise EbmError(f"{name} takes no setting {', '.join(map(repr, settings))}") from None


def _block(block: Any) -> tuple[Units, int]:
    """A block of Mixed, [table, number]."""
    if not isinstance(block, (list, tuple)) or len(block) != 2 or not isinstance(block[0], dict):
        raise EbmError(f"Mixed: blocks: expected pairs [{{type = ...}}, number], got {block!r}")
    return units_from_dict(block[0]), block[1]
