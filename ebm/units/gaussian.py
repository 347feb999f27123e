"""Real units, with variance 1 or with a precision that is learnt."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ebm.errors import EbmError
from ebm.units.family import Array, Units

__all__ = ["Gaussian"]

_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


@dataclass(frozen=True, repr=False)
class Gaussian(Units):
    """Real x: U(x) = λx²/2, A(I) = I²/2λ + log √(2π/λ), mean I/λ, variance 1/λ; docs/math.md (1.8).

    The precision λ is 1 unless it is learnt. A machine whose visible units learn theirs keeps them in its
    ``params["v.precision"]``, one for each unit, and its units' functions are those at these precisions.

    Parameters
    ----------
    learn_precision : bool
        Make the precisions parameters of the machine.

    Examples
    --------
    >>> import numpy as np
    >>> Gaussian().sample(np.array([2.0]), np.array([0.5]))
    array([2.])
    >>> Gaussian(learn_precision=True).bound(np.array([4.0])).mean(np.array([2.0]))
    array([0.5])
    """

    learn_precision: bool = False

    kind: ClassVar[int] = 2
    precision: ClassVar[Any] = 1.0  # an array, (n,), in units that are bound

    def __post_init__(self) -> None:
        if not isinstance(self.learn_precision, bool):
            raise EbmError(f"Gaussian: learn_precision: expected true or false, got {self.learn_precision!r}")

    def __repr__(self) -> str:
        return f"Gaussian({'learn_precision=True' if self.learn_precision else ''})"

    @property
    def learns(self) -> tuple[str, ...]:  # type: ignore[override]
        """("precision",) if it is learnt."""
        return ("precision",) if self.learn_precision else ()

    def bound(self, precision: Any) -> Gaussian:
        """The unit type whose functions are those at these precisions, (n,): the live array, not a copy."""
        twin = Gaussian(self.learn_precision)
        object.__setattr__(twin, "precision", precision)
        return twin

    def taken(self, rows: Array) -> Gaussian:
        return self.bound(self.precision[rows]) if np.ndim(self.precision) else self

    def one(self, i: int) -> Gaussian:
        return self.taken(np.array([i]))

    @property
    def scale(self) -> Any:
        """The standard deviation λ^−½: x = scale·y with y of unit variance and input scale·I."""
        return self.precision**-0.5

    @property
    def log_scale(self) -> Any:
        """log λ^−½, nats."""
        return -0.5 * np.log(self.precision) if np.ndim(self.precision) else -0.5 * math.log(self.precision)

    def potential(self, x: Array) -> Array:
        return 0.5 * self.precision * x * x

    def grad_theta(self, x: Array) -> Array:
        """∂U/∂λ = x²/2: (..., n) -> (..., n)."""
        return 0.5 * x * x

    def cgf(self, I: Array) -> Array:
        y = self.scale * I
        return 0.5 * y * y + (_HALF_LOG_2PI + self.log_scale)

    def mean(self, I: Array) -> Array:
        return I / self.precision

    def var(self, I: Array) -> Array:
        return np.ones_like(I) / self.precision

    def sample(self, I: Array, u: Array) -> Array:
        from scipy.special import ndtri

        return (self.scale * (self.scale * I + ndtri(u))).astype(I.dtype)

    def link(self, mean: Array, floor: float = 1e-6) -> Array:
        return mean * self.precision
