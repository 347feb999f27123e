"""Rectified units: normal numbers, given that they are positive."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ebm.units.family import Array, Units

__all__ = ["ReLU"]

_HALF_LOG_2PI, _HALF_LOG_HALF_PI = 0.5 * math.log(2 * math.pi), 0.5 * math.log(math.pi / 2)
_ROOT_HALF = math.sqrt(0.5)
_FAR, _FRACTIONS, _NEWTON = (
    3.0,
    40,
    6,
)  # inputs below −_FAR by a continued fraction; steps of it, and to a quantile


def log_half_integral(I: Array) -> Array:
    """log ∫₀^∞ exp(Ix − x²/2) dx, stable over the whole range: (1.9)."""
    from scipy.special import erfcx, log_ndtr

    below = _HALF_LOG_HALF_PI + np.log(erfcx(_ROOT_HALF * np.maximum(-I, 0)))
    return np.where(I < 0, below, 0.5 * I * I + log_ndtr(np.maximum(I, 0)) + _HALF_LOG_2PI)


def half_moments(I: Array) -> tuple[Array, Array]:
    """Mean and variance of x ≥ 0 with density ∝ exp(Ix − x²/2), to a few units of rounding.

    With t = −I the mean is the continued fraction 1/(t + 2/(t + 3/(t + …))), which loses nothing where
    I + φ(I)/Φ(I) is a difference of like numbers (Abramowitz & Stegun 26.2.14).
    """
    t = np.maximum(-I, _FAR)
    rest = np.zeros_like(t)
    for k in range(_FRACTIONS, 2, -1):
        rest = k / (t + rest)
    tail = 2 / (t + rest)
    far = 1 / (t + tail)
    near = np.maximum(I, -_FAR)
    ratio = np.exp(-log_half_integral(near))  # the density at 0
    mean = near + ratio
    return np.where(I < -_FAR, far, mean), np.where(I < -_FAR, far * (tail - far), 1 - ratio * mean)


def half_quantile(I: Array, below: Array, above: Array) -> Array:
    """x ≥ 0 with density ∝ exp(Ix − x²/2) where the probability below it is `below`, above it `above`.

    Both are wanted, as one of them may be too close to 1 to tell the other.
    """
    I, below, above = np.broadcast_arrays(I, below, above)
    out, near = np.empty(I.shape), I >= 0
    out[near] = _near_quantile(I[near], below[near], above[near])
    out[~near] = _far_quantile(-I[~near], below[~near], above[~near])
    return out


def _near_quantile(I: Array, below: Array, above: Array) -> Array:
    """Of I ≥ 0: the normal quantile, from the nearer side."""
    from scipy.special import ndtr, ndtri

    low, high = ndtr(-I) + below * ndtr(I), above * ndtr(I)
    return np.maximum(I + np.where(low < 0.5, ndtri(low), -ndtri(high)), 0)


def _far_quantile(t: Array, below: Array, above: Array) -> Array:
    """Of I = −t < 0: Newton's method on −log of the probability above x, which is convex in x.

    It is tx + x²/2 + log(M(t)/M(t + x)) with M a scaled erfc; steps from above the root never pass it.
    """
    from scipy.special import erfcx

    first, root = erfcx(_ROOT_HALF * t), math.sqrt(math.pi / 2)
    aim = np.where(below < 0.5, -np.log1p(-np.minimum(below, 0.5)), -np.log(above))
    x = np.minimum(aim * first * root, 2 * aim / (t + np.sqrt(t * t + 2 * aim)))
    for _ in range(_NEWTON):
        here = erfcx(_ROOT_HALF * (t + x))
        x -= (x * (t + 0.5 * x) - np.log(here / first) - aim) * here * root
    return np.maximum(x, 0)


@dataclass(frozen=True)
class ReLU(Units):
    """Real x ≥ 0: U(x) = x²/2, A(I) = I²/2 + log Φ(I) + log √2π; docs/math.md (1.9)–(1.11).

    A normal number of mean I and variance 1, given that it is not negative. The mean is a soft max(I, 0).

    References
    ----------
    Tubiana & Monasson, "Emergence of compositional representations in restricted Boltzmann machines" (2017).

    Examples
    --------
    >>> import numpy as np
    >>> ReLU().mean(np.array([-10.0, 0.0, 10.0])).round(3)
    array([ 0.098,  0.798, 10.   ])
    """

    @property
    def interval(self) -> tuple[float, float]:
        return 0.0, math.inf

    @property
    def tails(self) -> tuple[Any, Any]:
        return math.inf, 1.0

    def potential(self, x: Array) -> Array:
        return 0.5 * np.square(x)

    def cgf(self, I: Array) -> Array:
        return log_half_integral(I.astype(np.float64)).astype(I.dtype)

    def mean(self, I: Array) -> Array:
        return half_moments(I.astype(np.float64))[0].astype(I.dtype)

    def var(self, I: Array) -> Array:
        return half_moments(I.astype(np.float64))[1].astype(I.dtype)

    def sample(self, I: Array, u: Array) -> Array:
        u = u.astype(np.float64)
        return half_quantile(I.astype(np.float64), u, 1 - u).astype(I.dtype)
