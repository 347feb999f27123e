"""How a law fails: one line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from ebm.errors import EbmError, NotSupported

__all__ = ["Law", "holds", "near", "run"]

Law: TypeAlias = Callable[..., None]


def holds(condition: Any, line: str) -> None:
    """Fail with a line unless the condition holds."""
    if not condition:
        raise AssertionError(line)


def near(law: str, found: ArrayLike, expected: ArrayLike, atol: float = 0.0, rtol: float = 0.0) -> None:
    """Fail, saying where and by how much, unless every number is the expected one within the tolerance."""
    one, other = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    holds(one.shape == other.shape, f"{law}: shape {one.shape}, expected {other.shape}")
    with np.errstate(invalid="ignore"):
        off, allowed = np.abs(one - other), atol + rtol * np.abs(other)
    bad = ~(off <= allowed) & (one != other)
    if bad.any():
        place = np.unravel_index(np.argmax(np.where(bad, np.nan_to_num(off, nan=np.inf), -1.0)), one.shape)
        where = f" at {tuple(map(int, place))}" if place else ""
        raise AssertionError(
            f"{law}: {one[place]:.8g}{where}, expected {other[place]:.8g}: off by {off[place]:.2g},"
            f" allowed {allowed[place]:.2g}"
        )


def run(what: Any, laws: Sequence[Law], *args: Any) -> None:
    """Put a part to each law; what fails names the part. What it refuses is left out, but the first."""
    for k, law in enumerate(laws):
        try:
            law(what, *args)
        except NotSupported as refusal:
            holds(k, f"{what!r}: it refuses the first law: {refusal}")
        except (AssertionError, EbmError) as error:
            raise AssertionError(f"{what!r}: {error}") from None
