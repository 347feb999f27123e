"""Unit types: exponential families in their input.

A unit with input I has p(x | I) = exp(I·φ(x) − U(x) − A(I)), docs/math.md (1.1). The few functions below
are at once its Gibbs conditional, the hidden term of a free energy, the statistics of both phases of
learning, the activation of a network (`mean`) with its derivative (`pull`), and the loss of a readout:
−log p(y | I) = A(I) − I·φ(y) + U(y). For one Potts unit that loss is softmax regression: *the softmax is
the Boltzmann distribution of a single Potts unit*.

Shapes. A layer of n units with `width` columns each has inputs I of shape (..., n·width), states x of shape
(..., n). `width` is q for Potts and 1 for all others; weights act on φ(x), on that flat axis.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ebm.errors import EbmError, nearest

__all__ = ["Bernoulli", "Gaussian", "Ising", "Potts", "Units", "units_from_dict", "units_to_dict"]

Array: TypeAlias = NDArray[Any]


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
    """

    kind: ClassVar[int]
    width: int = 1
    states: tuple[float, ...] | None = None
    interval: ClassVar[tuple[float, float]] = (-math.inf, math.inf)

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
        if self.width > 1 and x.dtype.kind in "iu" and x.size and x.min() >= 0 and x.max() < self.width:
            return x  # colours: two passes will do
        ok = np.isfinite(x)
        if ok.all():
            ok = self._inside(x, strict)
        if not np.all(ok):
            place = tuple(int(i) for i in np.argwhere(~ok)[0])
            where = ", ".join(f"{n} {i}" for n, i in zip(("row", "column"), place, strict=False))
            raise EbmError(f"{what}: {x[place]} at {where}; {self} takes {self._domain(strict)}")
        return x

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


@dataclass(frozen=True)
class Bernoulli(Units):
    """Bits, x in {0, 1}: A(I) = log(1 + e^I), mean 1/(1 + e^−I).

    Examples
    --------
    >>> import numpy as np
    >>> Bernoulli().mean(np.array([0.0]))
    array([0.5])
    """

    kind: ClassVar[int] = 0
    states: ClassVar[tuple[float, ...]] = (0.0, 1.0)  # type: ignore[misc]
    interval: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def cgf(self, I: Array) -> Array:
        return softplus(I)

    def mean(self, I: Array) -> Array:
        return sigmoid(I)

    def var(self, I: Array) -> Array:
        e = np.exp(-np.abs(I))
        return e / (1 + e) ** 2

    def sample(self, I: Array, u: Array) -> Array:
        return (u > sigmoid(-I)).astype(I.dtype)

    def link(self, mean: Array, floor: float = 1e-6) -> Array:
        p = np.clip(mean, floor, 1 - floor)
        return np.log(p) - np.log1p(-p)


@dataclass(frozen=True)
class Ising(Units):
    """Spins, x in {−1, +1}: A(I) = log 2 cosh I, mean tanh I.

    Examples
    --------
    >>> import numpy as np
    >>> Ising().cgf(np.array([0.0]))
    array([0.69314718])
    """

    kind: ClassVar[int] = 1
    states: ClassVar[tuple[float, ...]] = (-1.0, 1.0)  # type: ignore[misc]
    interval: ClassVar[tuple[float, float]] = (-1.0, 1.0)

    def cgf(self, I: Array) -> Array:
        return softplus(2 * I) - I

    def mean(self, I: Array) -> Array:
        return np.tanh(I)

    def var(self, I: Array) -> Array:
        e = np.exp(-2 * np.abs(I))  # 1 − tanh² without cancellation
        return 4 * e / (1 + e) ** 2

    def sample(self, I: Array, u: Array) -> Array:
        return np.where(u > sigmoid(-2 * I), 1, -1).astype(I.dtype)

    def link(self, mean: Array, floor: float = 1e-6) -> Array:
        return np.arctanh(np.clip(mean, 2 * floor - 1, 1 - 2 * floor))


@dataclass(frozen=True)
class Gaussian(Units):
    """Real x with unit variance: U(x) = x²/2, A(I) = I²/2 + log √(2π), mean I.

    Examples
    --------
    >>> import numpy as np
    >>> Gaussian().sample(np.array([2.0]), np.array([0.5]))
    array([2.])
    """

    kind: ClassVar[int] = 2

    def potential(self, x: Array) -> Array:
        return 0.5 * x * x

    def cgf(self, I: Array) -> Array:
        return 0.5 * I * I + 0.5 * math.log(2 * math.pi)

    def mean(self, I: Array) -> Array:
        return I

    def var(self, I: Array) -> Array:
        return np.ones_like(I)

    def sample(self, I: Array, u: Array) -> Array:
        from scipy.special import ndtri

        return (I + ndtri(u)).astype(I.dtype)

    def link(self, mean: Array, floor: float = 1e-6) -> Array:
        return mean


@dataclass(frozen=True)
class Potts(Units):
    """Colours, x in {0, …, q−1}, encoded one-hot: A(I) = log Σₐ e^Iₐ, mean softmax(I).

    Parameters
    ----------
    q : int
        Number of states, at least 2.

    Examples
    --------
    >>> import numpy as np
    >>> Potts(3).encode(np.array([2, 0]))
    array([0., 0., 1., 1., 0., 0.])
    """

    q: int = 2

    kind: ClassVar[int] = 3

    def __post_init__(self) -> None:
        if not isinstance(self.q, (int, np.integer)) or isinstance(self.q, bool) or self.q < 2:
            raise EbmError(f"Potts: q: expected an integer >= 2, got {self.q!r}")

    @property
    def width(self) -> int:  # type: ignore[override]
        """q, one column of W per state."""
        return int(self.q)

    @property
    def states(self) -> tuple[float, ...]:  # type: ignore[override]
        """(0, …, q−1)."""
        return tuple(float(a) for a in range(self.q))

    def _split(self, I: Array) -> Array:
        return I.reshape(*I.shape[:-1], -1, self.q)

    def encode(self, x: Array) -> Array:
        return self._encode_as(x, np.float64)

    def _encode_as(self, x: Array, dtype: Any) -> Array:
        hot = x[..., None] == np.arange(self.q)
        return hot.reshape(*x.shape[:-1], -1).astype(dtype)

    def decode(self, phi: Array) -> Array:
        return self._split(phi).argmax(-1).astype(np.int32)

    def cgf(self, I: Array) -> Array:
        I = self._split(I)
        top = I.max(-1)
        return top + np.log(np.exp(I - top[..., None]).sum(-1))

    def _softmax(self, I: Array) -> Array:
        I = self._split(I)
        e = np.exp(I - I.max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True)

    def mean(self, I: Array) -> Array:
        return self._softmax(I).reshape(I.shape)

    def var(self, I: Array) -> Array:
        p = self.mean(I)
        return p * (1 - p)

    def pull(self, I: Array, g: Array) -> Array:
        p = self._softmax(I)
        g = self._split(g)
        return (p * (g - (p * g).sum(-1, keepdims=True))).reshape(I.shape)

    def sample(self, I: Array, u: Array) -> Array:
        cdf = np.cumsum(self._softmax(I)[..., :-1], -1)
        return (cdf < u[..., None]).sum(-1).astype(np.int32)

    def link(self, mean: Array, floor: float = 1e-6) -> Array:
        I = np.log(np.maximum(self._split(mean), floor))
        return (I - I.mean(-1, keepdims=True)).reshape(mean.shape)

    def dot(self, x: Array, W: Array) -> Array:
        from ebm.kernels.potts import gather_rows

        W, x = np.ascontiguousarray(W), self._colours(x)
        out = np.empty((len(x), W.shape[1]), W.dtype)
        gather_rows(x.size * W.shape[1] > 2**20, x, self.width, W, out)
        return out

    def outer(self, x: Array, g: Array) -> Array:
        from ebm.kernels.potts import scatter_rows

        g, x = np.ascontiguousarray(g), self._colours(x)
        out = np.empty((x.shape[1] * self.width, g.shape[1]), g.dtype)
        scatter_rows(x.size * g.shape[1] > 2**20, x, self.width, g, out)
        return out

    def total(self, x: Array, weights: Array) -> Array:
        places = (self._colours(x) + np.arange(x.shape[1]) * self.q).ravel()
        return np.bincount(places, np.repeat(weights, x.shape[1]), x.shape[1] * self.q)

    def _colours(self, x: Array) -> Array:
        """Rows of states as compiled code takes them: it would read beyond its arrays at any other colour."""
        x = np.ascontiguousarray(x, np.int32)
        if x.size and (x.min() < 0 or x.max() >= self.q):
            raise EbmError(f"{self} takes {self._domain(True)}")
        return x

    def _inside(self, x: Array, strict: bool) -> Array:
        return (x >= 0) & (x < self.q) & (x == np.floor(x))

    def _domain(self, strict: bool) -> str:
        return f"integers 0 to {self.q - 1}"

    def as_states(self, x: Array, dtype: Any) -> Array:
        return np.ascontiguousarray(x, np.int32)


_TYPES: dict[str, type[Units]] = {t.__name__: t for t in (Bernoulli, Ising, Gaussian, Potts)}


def units_to_dict(units: Units) -> dict[str, Any]:
    """Return the table that names the type and its settings, as in files and configs.

    Examples
    --------
    >>> units_to_dict(Potts(21))
    {'type': 'Potts', 'q': 21}
    """
    table: dict[str, Any] = {"type": type(units).__name__}
    if isinstance(units, Potts):
        table["q"] = int(units.q)
    return table


def units_from_dict(table: dict[str, Any]) -> Units:
    """Make the unit type that `units_to_dict` wrote.

    Raises
    ------
    EbmError
        An unknown type or setting.
    """
    settings = dict(table)
    name = settings.pop("type", None)
    if name not in _TYPES:
        raise EbmError(f"unit type {name!r}: {nearest(str(name), _TYPES)}")
    try:
        return _TYPES[name](**settings)
    except TypeError:
        raise EbmError(f"{name} takes no setting {', '.join(map(repr, settings))}") from None
