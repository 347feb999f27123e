"""Doubly rectified units: two halves, each with a slope and a curvature of its own."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np

from ebm.arguments import is_finite
from ebm.errors import EbmError, short
from ebm.units.family import Array, Units
from ebm.units.relu import half_moments, half_quantile, log_half_integral

__all__ = ["DReLU"]

_NAMES = ("theta_plus", "theta_minus", "gamma_plus", "gamma_minus")
_TINY = 1e-300


@dataclass(frozen=True, repr=False)
class DReLU(Units):
    """Real x with U(x) = γ₊x²/2 − θ₊x above 0 and γ₋x²/2 − θ₋x below it; docs/math.md (1.12)–(1.14).

    With equal halves it is a Gaussian unit; with θ₊ > θ₋ it has two peaks, with θ₊ < θ₋ one that is sharp,
    and with very unequal γ it is nearly a `ReLU`: a layer that learns its potential chooses among them. The
    numbers learnt are, for every unit, ``params["h.theta_plus"]`` and so on, or "v." of visible units.

    Parameters
    ----------
    theta_plus, theta_minus : float
        θ₊ and θ₋; where learning begins if they are learnt.
    gamma_plus, gamma_minus : float
        γ₊ and γ₋, positive.
    learn : bool
        Make the four numbers parameters of the machine. An input added to both θ, and a factor on both θ, the
        root of both γ and the columns of W, change no probability of the other layer.

    Raises
    ------
    EbmError
        Numbers that are not finite, or γ that are not positive.

    References
    ----------
    Tubiana, Cocco & Monasson, "Learning protein constitutive motifs from sequence data" (2019).

    Examples
    --------
    >>> import numpy as np, ebm
    >>> DReLU(theta_plus=2.0, theta_minus=-2.0).mean(np.array([-1.0, 0.0, 1.0])).round(3)
    array([-2.939,  0.   ,  2.939])
    >>> machine = ebm.RBM.random(ebm.Bernoulli(), DReLU(learn=True), 4, 2)
    >>> sorted(machine.params)
    ['W', 'b', 'c', 'h.gamma_minus', 'h.gamma_plus', 'h.theta_minus', 'h.theta_plus']
    """

    theta_plus: float = 0.0
    theta_minus: float = 0.0
    gamma_plus: float = 1.0
    gamma_minus: float = 1.0
    learn: bool = False

    positive: ClassVar[tuple[str, ...]] = ("gamma_plus", "gamma_minus")

    def __post_init__(self) -> None:
        if not isinstance(self.learn, bool):
            raise EbmError(f"DReLU: learn: expected true or false, got {short(self.learn)}")
        for name in _NAMES:
            value = getattr(self, name)
            if not is_finite(value) or (name in self.positive and value <= 0):
                expected = "positive number" if name in self.positive else "number"
                raise EbmError(f"DReLU: {name}: expected a {expected}, got {short(value)}")

    def __repr__(self) -> str:
        given = [
            f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if getattr(self, f.name) != f.default
        ]
        return f"DReLU({', '.join(given)})"

    @property
    def learns(self) -> tuple[str, ...]:  # type: ignore[override]
        """The four numbers if they are learnt."""
        return _NAMES if self.learn else ()

    @property
    def _numbers(self) -> tuple[Any, Any, Any, Any]:
        """θ₊, θ₋, γ₊, γ₋: those bound, else the settings."""
        return self._values or (self.theta_plus, self.theta_minus, self.gamma_plus, self.gamma_minus)

    @property
    def tails(self) -> tuple[Any, Any]:
        _, _, above, below = self._numbers
        return below, above

    def potential(self, x: Array) -> Array:
        up, down, plus, minus = self._numbers
        return np.where(x > 0, (0.5 * plus * x - up) * x, (0.5 * minus * x - down) * x)

    def grad_theta(self, x: Array) -> dict[str, Array]:
        above, below = np.maximum(x, 0), np.minimum(x, 0)
        slopes = (-above, -below, 0.5 * above * above, 0.5 * below * below)
        return dict(zip(self.learns, slopes, strict=True)) if self.learn else {}

    def mean_theta(self, I: Array) -> dict[str, Array]:
        p, q, above, below = self._halves(I.astype(np.float64))
        slopes = -p * above[0], -q * below[0], 0.5 * p * _square(above), 0.5 * q * _square(below)
        return dict(zip(self.learns, slopes, strict=True)) if self.learn else {}

    def _sides(self, I: Array) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        """Above 0 and below it, the input and the scale of the `ReLU` that x or −x is there."""
        up, down, plus, minus = self._numbers
        s, t = np.asarray(plus, np.float64) ** -0.5, np.asarray(minus, np.float64) ** -0.5
        return ((I + up) * s, s), (-(I + down) * t, t)

    def _logs(self, I: Array) -> tuple[Array, Array]:
        """log ∫ exp(Ix − U(x)) dx above 0 and below it."""
        (y, s), (z, t) = self._sides(I)
        return log_half_integral(y) + np.log(s), log_half_integral(z) + np.log(t)

    def _halves(self, I: Array) -> tuple[Array, Array, tuple[Array, Array], tuple[Array, Array]]:
        """P(x > 0), P(x < 0), and mean and variance of x given either."""
        (y, s), (z, t) = self._sides(I)
        above, below = half_moments(y), half_moments(z)
        p, q = _shares(*self._logs(I))
        return p, q, (s * above[0], s * s * above[1]), (-t * below[0], t * t * below[1])

    def cgf(self, I: Array) -> Array:
        return np.logaddexp(*self._logs(I.astype(np.float64))).astype(I.dtype)

    def mean(self, I: Array) -> Array:
        p, q, above, below = self._halves(I.astype(np.float64))
        return (p * above[0] + q * below[0]).astype(I.dtype)

    def var(self, I: Array) -> Array:
        p, q, above, below = self._halves(I.astype(np.float64))
        between = p * q * (above[0] - below[0]) ** 2
        return (p * above[1] + q * below[1] + between).astype(I.dtype)

    def sample(self, I: Array, u: Array) -> Array:
        I64, u = I.astype(np.float64), u.astype(np.float64)
        (y, s), (z, t) = self._sides(I64)
        p, q = _shares(*self._logs(I64))
        down = u <= q
        # Of the half that u falls into: the probabilities in it nearer to 0 than x, and farther from it.
        nearer = np.where(down, (q - u) / q, (p - (1 - u)) / p)
        farther = np.where(down, u / q, (1 - u) / p)
        x = half_quantile(np.where(down, z, y), np.clip(nearer, 0, 1), np.minimum(farther, 1))
        return np.where(down, -t * x, s * x).astype(I.dtype)


def _shares(above: Array, below: Array) -> tuple[Array, Array]:
    """The probabilities of two halves whose integrals have these logarithms, never 0."""
    from scipy.special import expit

    return np.maximum(expit(above - below), _TINY), np.maximum(expit(below - above), _TINY)


def _square(moments: tuple[Array, Array]) -> Array:
    """The mean of x² given its mean and variance."""
    return moments[1] + moments[0] ** 2
