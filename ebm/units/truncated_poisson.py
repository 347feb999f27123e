"""Counts without a bound that is known, as a machine can have them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ebm.arguments import as_count
from ebm.units.family import Array, Units, whole_states

__all__ = ["TruncatedPoisson"]


@dataclass(frozen=True)
class TruncatedPoisson(Units):
    """Counts x in {0, …, top}: U(x) = log x!, Poisson given that x ≤ top; docs/math.md, section 1.

    Counts of what has no known bound. A machine of `Poisson` units has no probabilities where a coupling of
    two counts is positive: e^{xWy} outgrows x! y!. With an end there always are, and far from it a unit given
    the others is a Poisson number of mean e^I. Choose `top` well above the largest count that should ever be
    drawn: twice that of the data does no harm. `Binomial` is for counts out of a known number.

    Parameters
    ----------
    top : int
        The largest count, 1 to 4096; time and memory of a draw go with it.

    References
    ----------
    Yang, Ravikumar, Allen & Liu, "On Poisson graphical models" (2013).

    Examples
    --------
    >>> import numpy as np
    >>> TruncatedPoisson(50).mean(np.array([0.0, 1.0])).round(4)
    array([1.    , 2.7183])
    >>> TruncatedPoisson(5).mean(np.array([0.0, 10.0])).round(4)
    array([0.9969, 4.9998])
    """

    top: int = 100

    whole: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "top", as_count(self.top, "TruncatedPoisson: top", 1, 4096))

    @property
    def states(self) -> tuple[float, ...]:  # type: ignore[override]
        """(0, …, top)."""
        return whole_states(self.top)

    def potential(self, x: Array) -> Array:
        from scipy.special import gammaln

        return gammaln(np.asarray(x, np.float64) + 1)
