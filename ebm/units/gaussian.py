"""Real units."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ebm.units.family import Array, Units

__all__ = ["Gaussian"]


@dataclass(frozen=True)
class Gaussian(Units):
    """Real x with unit variance: U(x) = x²/2, A(I) = I²/2 + log √(2π), mean I.

    Examples
    --------
    >>> import numpy as np
    >>> Gaussian().sample(np.array([2.0]), np.array([0.5]))
    array([2.])
    """

    kind: ClassVar[int] = 2

    def potential(self, x: Array) -> Array:
        return 0.5 * x * x

    def cgf(self, I: Array) -> Array:
        return 0.5 * I * I + 0.5 * math.log(2 * math.pi)

    def mean(self, I: Array) -> Array:
        return I

    def var(self, I: Array) -> Array:
        return np.ones_like(I)

    def sample(self, I: Array, u: Array) -> Array:
        from scipy.special import ndtri

        return (I + ndtri(u)).astype(I.dtype)

    def link(self, mean: Array, floor: float = 1e-6) -> Array:
        return mean
