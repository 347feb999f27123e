"""What a unit type is asked for."""

from __future__ import annotations

import math
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ebm.errors import EbmError

__all__ = ["Array", "Part", "Units"]

Array: TypeAlias = NDArray[Any]
Part: TypeAlias = tuple["Units", slice, slice]


def softplus(x: Array) -> Array:
    """log(1 + e^x), stable over the whole range."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def sigmoid(x: Array) -> Array:
    """1 / (1 + e^−x), stable over the whole range."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


class Units:
    """What the package asks of a unit type; the concrete ones are final.

    Attributes
    ----------
    kind : int
        Its number in the compiled switch of `ebm.kernels.draw`.
    width : int
        Columns of W per unit.
    states : tuple of float or None
        The values x can take, ascending; None if continuous.
    interval : tuple of float
        The range in which data may lie (used as means), wider than `states`.
    learns : tuple of str
        Numbers of its potential that are parameters of a machine.
    """

    kind: ClassVar[int]
    width: int = 1
    states: tuple[float, ...] | None = None
    interval: ClassVar[tuple[float, float]] = (-math.inf, math.inf)
    learns: tuple[str, ...] = ()

    @property
    def finite(self) -> bool:
        """Whether x takes finitely many states."""
        return self.states is not None

    def columns(self, n: int) -> int:
        """Columns of W of a layer of n units."""
        return n * self.width

    def count(self, columns: int) -> int:
        """Units in a layer of so many columns of W; 0 if there is no such layer."""
        return 0 if columns % self.width else columns // self.width

    def parts(self, n: int) -> list[Part]:
        """Of n units, those of one type: the type, their places among the units, and among the columns."""
        return [(self, slice(0, n), slice(0, self.columns(n)))]

    def one(self, i: int) -> Units:
        """The type of unit i of a layer."""
        return self

    def own(self, i: int) -> slice:
        """The columns of unit i of a layer."""
        return slice(i * self.width, (i + 1) * self.width)

    def taken(self, rows: Array) -> Units:
        """The type of some of the units of a layer, by a mask or numbers: with their learnt potentials."""
        return self

    def encode(self, x: Array) -> Array:
        """φ(x): (..., n) -> (..., n·width); the identity here."""
        return x

    def decode(self, phi: Array) -> Array:
        """The states whose encoding is phi: (..., n·width) -> (..., n)."""
        return phi

    def potential(self, x: Array) -> Array:
        """U(x): (..., n) -> (..., n), nats; zero for units with finitely many states."""
        return np.zeros(x.shape)

    def cgf(self, I: Array) -> Array:
        """A(I) = log Σₓ exp(I·φ(x) − U(x)): (..., n·width) -> (..., n), nats; docs/math.md (1.2)."""
        raise NotImplementedError

    def mean(self, I: Array) -> Array:
        """⟨φ⟩ = A′(I), docs/math.md (1.3): (..., n·width) -> the same shape."""
        raise NotImplementedError

    def var(self, I: Array) -> Array:
        """Var φ = A″(I) (Potts: its diagonal), docs/math.md (1.4): shape of I."""
        raise NotImplementedError

    def pull(self, I: Array, g: Array) -> Array:
        """A″(I)·g, the derivative of `mean` applied to g, docs/math.md (1.5): shape of I."""
        return self.var(I) * g

    def sample(self, I: Array, u: Array) -> Array:
        """The quantile function of p(x | I) at u in (0, 1): I (..., n·width), u (..., n) -> (..., n)."""
        raise NotImplementedError

    def link(self, mean: Array, floor: float = 1e-6) -> Array:
        """The input whose mean is `mean`, kept `floor` away from the ends: (..., n·width), same shape."""
        raise NotImplementedError

    def spread(self, mean: Array) -> Array:
        """Variances of φ in a layer of units with these means, at least 1/20 of the largest: (n·width,)."""
        variance = self.var(self.link(mean))
        return np.maximum(variance, variance.max(initial=0) / 20)

    def dot(self, x: Array, W: Array) -> Array:
        """φ(x)·W: (..., n) and (n·width, m) -> (..., m)."""
        return x @ W

    def outer(self, x: Array, g: Array) -> Array:
        """φ(x)ᵀ·g: (n_rows, n) and (n_rows, m) -> (n·width, m)."""
        return x.T @ g

    def total(self, x: Array, weights: Array) -> Array:
        """Σ weights φ(x) over rows: (n_rows, n) and (n_rows,) -> (n·width,) float64."""
        return weights @ self.encode(x)

    def check(self, x: Any, what: str = "data", *, strict: bool = False) -> Array:
        """Return x as an array, or say which value is outside the unit's domain.

        Parameters
        ----------
        x : array_like
            States, (..., n); unless `strict`, Bernoulli and Ising values may be means, between the states.
        what : str
            The name of x in the message.
        strict : bool
            Take states only.

        Raises
        ------
        EbmError
            NaN, infinities, text, or a value outside the domain: the first one and its place.
        """
        x = np.asarray(x)
        if x.dtype.kind not in "biuf":
            raise EbmError(f"{what}: expected numbers, got an array of {x.dtype}")
        if self._plainly(x, strict):
            return x
        ok = self._well_places(x, strict)
        if not np.all(ok):
            place = tuple(int(i) for i in np.argwhere(~ok)[0])
            where = ", ".join(f"{n} {i}" for n, i in zip(("row", "column"), place, strict=False))
            units = self.one(place[-1]) if place else self
            raise EbmError(f"{what}: {x[place]} at {where}; {units} takes {units._domain(strict)}")
        return x

    def _well_places(self, x: Array, strict: bool) -> Array:
        """Where values are finite; if all are, where they lie in the domain."""
        ok = np.isfinite(x)
        return self._inside(x, strict) if ok.all() else ok

    def _well(self, x: Array, strict: bool) -> bool:
        """Whether all of x lies in the domain."""
        return self._plainly(x, strict) or bool(np.all(self._well_places(x, strict)))

    def _plainly(self, x: Array, strict: bool) -> bool:
        """Whether a quick look says that all is well: at the least and the largest value, which NaN fails."""
        if not x.size or (strict and self.states is not None):
            return False
        low, high = x.min(), x.max()
        within = self.interval[0] <= low and high <= self.interval[1]
        return bool(within and -math.inf < low and high < math.inf)

    def _inside(self, x: Array, strict: bool) -> Array:
        if strict and self.states is not None:
            return np.isin(x, self.states)
        return (x >= self.interval[0]) & (x <= self.interval[1])

    def _domain(self, strict: bool) -> str:
        if self.states is None:
            return "finite numbers"
        pair = f"{self.states[0]:g} and {self.states[-1]:g}"
        return pair if strict else f"{pair}, or means between them"

    def as_states(self, x: Array, dtype: Any) -> Array:
        """x in the dtype that states are kept in: `dtype`, or int32 for Potts."""
        return np.ascontiguousarray(x, dtype)
