"""What shrinks couplings, or forbids them: as the methods of inverse problems take it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from ebm.arguments import as_numbers
from ebm.errors import EbmError, NotSupported, settings, short
from ebm.inverse.basis import Basis
from ebm.machine import Array
from ebm.penalties import L1, L2, GroupLasso

__all__ = ["NONE", "Firth", "Penalties", "Shrinkage", "shrinkage_of"]


@settings
class Firth:
    """Jeffreys' prior of each unit given the others, ½ log det of its information; docs/math.md (13.8).

    The bias of order 1/rows is taken away, and where some units tell others' states without fail, couplings
    that would be infinite are finite. Of the method pseudo_likelihood and units of finitely many states; no
    other penalty beside it.

    References
    ----------
    Firth, "Bias reduction of maximum likelihood estimates" (1993); Heinze & Schemper, "A solution to the
    problem of separation in logistic regression" (2002).

    Examples
    --------
    >>> import numpy as np
    >>> from ebm.inverse import Firth, infer
    >>> rows = np.array([[0, 0], [0, 0], [1, 1], [1, 1], [1, 1]])
    >>> found = infer(rows, penalty=Firth())
    >>> bool(2 < found.J[0, 1] < 4)
    True
    """


Penalties: TypeAlias = L1 | L2 | GroupLasso | Firth | Sequence[L1 | L2 | GroupLasso | Firth] | None


@dataclass(frozen=True)
class Shrinkage:
    """l1·Σ|K| + l2/2·ΣK² + group·Σ_pairs |K_ij|, on couplings only.

    Attributes
    ----------
    l1, l2, group : float
    factors : (n, n) float64, optional
        By which the strengths of a pair are multiplied.
    allowed : (n, n) bool, optional
        Pairs that may be coupled.
    firth : bool
        Jeffreys' prior in place of these strengths.
    """

    l1: float = 0.0
    l2: float = 0.0
    group: float = 0.0
    factors: Array | None = None
    allowed: Array | None = None
    firth: bool = False

    @property
    def smooth(self) -> bool:
        """Whether Newton's method is enough."""
        return self.l1 == self.group == 0

    @property
    def free(self) -> bool:
        """Whether nothing is penalised."""
        return self.smooth and self.l2 == 0

    def with_prior(self, n_effective: float) -> Shrinkage:
        """With the normal prior of standard deviation 1 on every coupling: L2 of 1/rows."""
        return replace(self, l2=max(self.l2, 1 / n_effective), firth=False)

    def others(self, i: int, n: int) -> Array:
        """Units that unit i may be coupled to."""
        may = np.ones(n, bool) if self.allowed is None else self.allowed[i].copy()
        may[i] = False
        return np.flatnonzero(may)

    def of(self, i: int, others: Array) -> Array:
        """Factors of the pairs (i, j)."""
        return np.ones(len(others)) if self.factors is None else self.factors[i, others]

    def taken(self, units: Array) -> Shrinkage:
        """Of some of the units."""
        pairs = np.ix_(units, units)
        return replace(
            self,
            factors=None if self.factors is None else self.factors[pairs],
            allowed=None if self.allowed is None else self.allowed[pairs],
        )


NONE = Shrinkage()


def shrinkage_of(
    penalty: Penalties, factors: ArrayLike | None, mask: ArrayLike | None, basis: Basis
) -> Shrinkage:
    """Penalties and masks as users hand them in, checked.

    Raises
    ------
    EbmError
        Other penalties, or one twice; factors below 0, of another shape, or not symmetric; masks, too.
    NotSupported
        L1 of units of more than two states.
    """
    parts = [] if penalty is None else list(penalty) if isinstance(penalty, Sequence) else [penalty]
    strengths = dict.fromkeys((L1, L2, GroupLasso), 0.0)
    firth = [part for part in parts if isinstance(part, Firth)]
    if firth and len(parts) > 1:
        raise EbmError("penalty: Firth() stands alone; expected it, or L1, L2, GroupLasso")
    for part in parts if not firth else []:
        if isinstance(part, Firth) or type(part) not in strengths:
            raise EbmError(f"penalty: expected L1, L2, GroupLasso or Firth, got {short(part)}")
        if strengths[type(part)]:
            raise EbmError(f"penalty: {type(part).__name__} is there twice")
        strengths[type(part)] = float(part.strength)
    if strengths[L1] and any(f.shape[1] > 1 for f in basis.contrasts):
        raise NotSupported("penalty: L1 of units of several columns: expected GroupLasso, of whole pairs")
    return Shrinkage(
        strengths[L1],
        strengths[L2],
        strengths[GroupLasso],
        None if factors is None else _of_pairs(factors, "factors", basis.n, np.float64),
        None if mask is None else _of_pairs(mask, "mask", basis.n, np.bool_),
        bool(firth),
    )


def _of_pairs(values: ArrayLike, what: str, n: int, dtype: type) -> Array:
    """A symmetric matrix over units, of numbers ≥ 0."""
    found = as_numbers(values, what, (n, n))
    if dtype is np.bool_ and not np.isin(found, (0, 1)).all():
        raise EbmError(f"{what}: expected 0 and 1: which pairs may be coupled")
    if not (np.isfinite(found).all() and found.min() >= 0):
        raise EbmError(f"{what}: expected finite numbers >= 0")
    if not np.array_equal(found, found.T):
        i, j = np.argwhere(found != found.T)[0]
        raise EbmError(
            f"{what}: expected a symmetric matrix, got {found[i, j]} and {found[j, i]} at ({i}, {j})"
        )
    return found.astype(dtype)
