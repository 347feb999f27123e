"""Counts up to a number that is known: how many of n bits are on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ebm.arguments import as_count
from ebm.units.family import Array, Units, sigmoid, softplus, whole_states

__all__ = ["Binomial"]


@dataclass(frozen=True)
class Binomial(Units):
    """Counts x in {0, …, n}: U(x) = −log C(n, x), A(I) = n log(1 + e^I); docs/math.md, section 1.

    The number of ones among n bits of one input: of n trials those that succeed, of n answers those that are
    right, a grey level out of n. ``Binomial(1)`` is a `Bernoulli`. Data are whole numbers.

    Parameters
    ----------
    n : int
        The largest count, 1 to 4096.

    Examples
    --------
    >>> import numpy as np
    >>> units = Binomial(4)
    >>> units.mean(np.array([0.0])), units.var(np.array([0.0]))
    (array([2.]), array([1.]))
    >>> np.exp(-units.potential(np.arange(5))).round()
    array([1., 4., 6., 4., 1.])
    """

    n: int = 1

    whole: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "n", as_count(self.n, "Binomial: n", 1, 4096))

    @property
    def states(self) -> tuple[float, ...]:  # type: ignore[override]
        """(0, …, n)."""
        return whole_states(self.n)

    def potential(self, x: Array) -> Array:
        from scipy.special import gammaln

        x = np.asarray(x, np.float64)
        return gammaln(x + 1) + gammaln(self.n - x + 1) - gammaln(self.n + 1.0)

    def cgf(self, I: Array) -> Array:
        return I.dtype.type(self.n) * softplus(I)

    def mean(self, I: Array) -> Array:
        return I.dtype.type(self.n) * sigmoid(I)

    def var(self, I: Array) -> Array:
        e = np.exp(-np.abs(I))
        return I.dtype.type(self.n) * e / (1 + e) ** 2

    def link(self, mean: Array, floor: float = 1e-6) -> Array:
        p = np.clip(mean / mean.dtype.type(self.n), floor, 1 - floor)
        return np.log(p) - np.log1p(-p)
