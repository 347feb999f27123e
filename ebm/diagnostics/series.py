"""Numbers along chains, checked: what every diagnostic takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ebm.arguments import as_numbers
from ebm.errors import EbmError, expect_all

__all__ = ["as_names", "as_series", "is_constant", "like_input", "rounding"]

Array = NDArray[Any]
LEAST_STEPS = 4  # halves of two steps: the least of which arviz_stats takes a variance


def as_series(series: ArrayLike, what: str = "series", least_chains: int = 1) -> tuple[Array, bool]:
    """Series as (k, n_chains, n_steps) float64, and whether there was an axis of projections."""
    x = np.atleast_2d(as_numbers(series, what)).astype(np.float64)
    if x.ndim not in (2, 3) or 0 in x.shape:
        raise EbmError(
            f"{what}: expected (n_chains, n_steps) or (n_chains, n_steps, k), got {np.shape(series)}"
        )
    if len(x) < least_chains or x.shape[1] < LEAST_STEPS:
        raise EbmError(
            f"{what}: expected {least_chains} or more chains of {LEAST_STEPS} or more steps,"
            f" got {len(x)} of {x.shape[1]}"
        )
    if not np.isfinite(x).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(x))[0])
        raise EbmError(f"{what}: {x[place]} at chain {place[0]}, step {place[1]}; expected finite numbers")
    several = x.ndim == 3
    return np.ascontiguousarray(np.moveaxis(x, 2, 0) if several else x[None]), several


def as_names(names: Sequence[str] | str | None, k: int, several: bool) -> tuple[str, ...]:
    """A name for each of the k series."""
    if names is None:
        return tuple(f"series {j}" for j in range(k)) if several else ("series",)
    labels = (names,) if isinstance(names, str) else expect_all(names, str, "names", "a name for each series")
    if len(labels) != k:
        raise EbmError(f"names: expected {k}, one per series, got {len(labels)}")
    return labels


def rounding(x: Array) -> float:
    """The difference up to which numbers of the size of x may be equal ones, computed differently."""
    return float(8 * np.finfo(np.float64).eps * np.abs(x).max())


def is_constant(x: Array) -> bool:
    """Whether all numbers are the same, up to rounding."""
    return float(np.ptp(x)) <= rounding(x)


def like_input(values: Sequence[float], several: bool) -> Any:
    """A float for a single series, an array (k,) where there was an axis of projections."""
    return np.asarray(values, np.float64) if several else float(values[0])
