"""Bits and spins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ebm.units.family import Array, Units, sigmoid, softplus

__all__ = ["Bernoulli", "Ising"]


@dataclass(frozen=True)
class Bernoulli(Units):
    """Bits, x in {0, 1}: A(I) = log(1 + e^I), mean 1/(1 + e^−I).

    Examples
    --------
    >>> import numpy as np
    >>> Bernoulli().mean(np.array([0.0]))
    array([0.5])
    """

    kind: ClassVar[int] = 0
    states: ClassVar[tuple[float, ...]] = (0.0, 1.0)  # type: ignore[misc]

    def cgf(self, I: Array) -> Array:
        return softplus(I)

    def mean(self, I: Array) -> Array:
        return sigmoid(I)

    def var(self, I: Array) -> Array:
        e = np.exp(-np.abs(I))
        return e / (1 + e) ** 2

    def sample(self, I: Array, u: Array) -> Array:
        return (u > sigmoid(-I)).astype(I.dtype)

    def link(self, mean: Array, floor: float = 1e-6) -> Array:
        p = np.clip(mean, floor, 1 - floor)
        return np.log(p) - np.log1p(-p)


@dataclass(frozen=True)
class Ising(Units):
    """Spins, x in {−1, +1}: A(I) = log 2 cosh I, mean tanh I.

    Examples
    --------
    >>> import numpy as np
    >>> Ising().cgf(np.array([0.0]))
    array([0.69314718])
    """

    kind: ClassVar[int] = 1
    states: ClassVar[tuple[float, ...]] = (-1.0, 1.0)  # type: ignore[misc]

    def cgf(self, I: Array) -> Array:
        return softplus(2 * I) - I

    def mean(self, I: Array) -> Array:
        return np.tanh(I)

    def var(self, I: Array) -> Array:
        e = np.exp(-2 * np.abs(I))  # 1 − tanh² without cancellation
        return 4 * e / (1 + e) ** 2

    def sample(self, I: Array, u: Array) -> Array:
        return np.where(u > sigmoid(-2 * I), 1, -1).astype(I.dtype)

    def link(self, mean: Array, floor: float = 1e-6) -> Array:
        return np.arctanh(np.clip(mean, 2 * floor - 1, 1 - 2 * floor))

    def _plainly(self, x: Array, strict: bool) -> bool:
        return super()._plainly(x, strict) and not _bits(x)

    def _inside(self, x: Array, strict: bool) -> Array:
        return super()._inside(x, strict) & ((x != 0) | (not _bits(x)))


def _bits(x: Array) -> bool:
    """Whether rows for spins are bits, 0 and 1, and not spins or means: then they are meant as states."""
    return bool(x.min(initial=1) == 0) and bool(np.all((x == 0) | (x == 1)))
