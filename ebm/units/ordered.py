"""Ordered states, each told from the one below it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ebm.arguments import as_count
from ebm.units.family import Array, Units, whole_states

__all__ = ["Ordered"]

_MOST = 256  # states


@dataclass(frozen=True)
class Ordered(Units):
    """Ordered states x in {0, …, q−1}: φₐ(x) = 1 if x ≥ a, for a = 1 … q−1; docs/math.md (1.16)–(1.18).

    An input for each step from a state to the next, log p(x = a)/p(x = a−1) = Iₐ: adjacent-category logits,
    and A(I) = log Σₓ exp(I₁ + … + Iₓ). ``Ordered(2)`` is a `Bernoulli`. What can be said is what `Potts` says
    with a state less to say it of; what is learnt differs: whatever moves a unit up one step moves it up the
    others nearby, and weights that are held small make neighbouring states alike, not all states.

    Parameters
    ----------
    q : int
        Number of states, 2 to 256.

    References
    ----------
    Agresti, "Analysis of ordinal categorical data" (2010), chapter 4.

    Examples
    --------
    >>> import numpy as np
    >>> units = Ordered(4)
    >>> units.encode(np.array([2, 0]))
    array([1., 1., 0., 0., 0., 0.])
    >>> units.mean(np.zeros(3))
    array([0.75, 0.5 , 0.25])
    """

    q: int = 2

    whole: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "q", as_count(self.q, "Ordered: q", 2, _MOST))

    @property
    def width(self) -> int:  # type: ignore[override]
        """q − 1, one column of W per step."""
        return self.q - 1

    @property
    def states(self) -> tuple[float, ...]:  # type: ignore[override]
        """(0, …, q−1)."""
        return whole_states(self.q - 1)

    def encode(self, x: Array) -> Array:
        steps = np.asarray(x)[..., None] >= np.arange(1, self.q)
        return steps.reshape(*np.shape(x)[:-1], np.shape(x)[-1] * self.width).astype(_dtype(x))

    def decode(self, phi: Array) -> Array:
        return self._shares(phi).argmax(-1).astype(phi.dtype)

    def _shares(self, mean: Array) -> Array:
        """p(x) of every state, from means of φ: those of x ≥ a less those of x ≥ a + 1; (..., n, q)."""
        above = self._by_unit(mean)
        ends = np.ones((*above.shape[:-1], 1), above.dtype)
        return -np.diff(np.concatenate([ends, above, 0 * ends], -1), axis=-1)

    def link(self, mean: Array, floor: float = 1e-6) -> Array:
        log_p = np.log(np.maximum(self._shares(mean), floor))
        return np.diff(log_p, axis=-1).reshape(mean.shape)


def _dtype(x: Any) -> Any:
    """Of φ(x): float64 where x are integers."""
    return x.dtype if np.asarray(x).dtype.kind == "f" else np.float64
