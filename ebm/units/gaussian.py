"""Real units, with variance 1 or with a precision that is learnt."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ebm.errors import EbmError, short
from ebm.units.family import LEAST, Array, Units

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
    positive: ClassVar[tuple[str, ...]] = ("precision",)
    redundant: ClassVar[str] = (
        "a hidden precision changes no probability that its columns of W and c do not; expected Gaussian()"
    )

    def __post_init__(self) -> None:
        if not isinstance(self.learn_precision, bool):
            raise EbmError(
                f"Gaussian: learn_precision: expected true or false, got {short(self.learn_precision)}"
            )

    def __repr__(self) -> str:
        return f"Gaussian({'learn_precision=True' if self.learn_precision else ''})"

    @property
    def learns(self) -> tuple[str, ...]:  # type: ignore[override]
        """("precision",) if it is learnt."""
        return ("precision",) if self.learn_precision else ()

    @property
    def precision(self) -> Any:
        """λ: 1, or an array, (n,), in units that are bound."""
        return self._values[0] if self._values else 1.0

    @property
    def normal(self) -> Any:
        return self.precision

    @property
    def tails(self) -> tuple[Any, Any]:
        return self.precision, self.precision

    def fitted(self, data: Array) -> dict[str, Any]:
        if not self.learns:
            return {}
        mean, variance = data.mean(0, dtype=np.float64), data.var(0, dtype=np.float64)
        least = (10 * np.finfo(np.float64).eps * mean) ** 2  # what rounding makes of a constant column
        return {"precision": 1 / np.where(variance > np.maximum(least, 1e-30), variance, LEAST)}

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

    def grad_theta(self, x: Array) -> dict[str, Array]:
        return {"precision": 0.5 * x * x} if self.learns else {}

    def mean_theta(self, I: Array) -> dict[str, Array]:
        mean = self.mean(I)
        return {"precision": 0.5 * (self.var(I) + mean * mean)} if self.learns else {}

    def theta_offsets(self, mu: Array) -> dict[str, Array]:
        return {"precision": mu} if self.learns else {}  # ½(v − μ)² instead of ½v²

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
