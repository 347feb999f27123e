"""Counts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ebm.units.family import Array, Units

__all__ = ["Poisson"]

_TOP = {"f": 88.0, "d": 709.0}  # the largest whole inputs whose e^I is finite


@dataclass(frozen=True)
class Poisson(Units):
    """Counts, x in {0, 1, 2, …}: U(x) = log x!, A(I) = mean = variance = e^I; docs/math.md, section 1.

    A readout of networks, where it is Poisson regression; machines refuse it. Inputs beyond the range of
    e^I count as its end, so that nothing overflows.

    Examples
    --------
    >>> import numpy as np
    >>> Poisson().mean(np.array([0.0])), Poisson().sample(np.array([1.0]), np.array([0.5]))
    (array([1.]), array([3.]))
    """

    kind: ClassVar[int] = 4
    whole: ClassVar[bool] = True

    @property
    def interval(self) -> tuple[float, float]:
        return 0.0, math.inf

    def potential(self, x: Array) -> Array:
        from scipy.special import gammaln

        return gammaln(np.asarray(x, np.float64) + 1)

    def cgf(self, I: Array) -> Array:
        return np.exp(np.minimum(I, I.dtype.type(_TOP.get(I.dtype.char, _TOP["d"]))))

    def mean(self, I: Array) -> Array:
        return self.cgf(I)

    def var(self, I: Array) -> Array:
        return self.cgf(I)

    def sample(self, I: Array, u: Array) -> Array:
        from scipy.special import pdtr, pdtrik

        # pdtrik inverts the cdf continued to real x; its rounding decides at a step, so the cdf is asked.
        mean, u = self.mean(np.asarray(I, np.float64)), np.asarray(u, np.float64)
        x = np.ceil(pdtrik(u, mean))
        below = np.maximum(x - 1, 0)
        return np.where(pdtr(below, mean) >= u, below, x).astype(I.dtype)

    def link(self, mean: Array, floor: float = 1e-6) -> Array:
        return np.log(np.maximum(mean, floor))
