"""Units of q states, encoded one-hot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ebm.arguments import as_count
from ebm.errors import EbmError
from ebm.units.family import Array, Units

__all__ = ["Potts"]

_MOST = 2**24  # states whose numbers float32 has


@dataclass(frozen=True)
class Potts(Units):
    """States x in {0, …, q−1}, encoded one-hot: A(I) = log Σₐ e^Iₐ, mean softmax(I).

    Parameters
    ----------
    q : int
        Number of states, 2 to 2²⁴.

    Examples
    --------
    >>> import numpy as np
    >>> Potts(3).encode(np.array([2, 0]))
    array([0., 0., 1., 1., 0., 0.])
    """

    q: int = 2

    kind: ClassVar[int] = 3
    one_hot: ClassVar[bool] = True
    whole: ClassVar[bool] = True

    def __post_init__(self) -> None:
        as_count(self.q, "Potts: q", 2, _MOST)

    @property
    def interval(self) -> tuple[float, float]:
        return 0.0, self.q - 1.0

    @property
    def width(self) -> int:  # type: ignore[override]
        """q, one column of W per state."""
        return int(self.q)

    @property
    def states(self) -> tuple[float, ...]:  # type: ignore[override]
        """(0, …, q−1)."""
        return tuple(float(a) for a in range(self.q))

    def _split(self, I: Array) -> Array:
        return I.reshape(*I.shape[:-1], I.shape[-1] // self.q, self.q)

    def encode(self, x: Array) -> Array:
        return self._encode_as(x, np.float64)

    def _encode_as(self, x: Array, dtype: Any) -> Array:
        hot = x[..., None] == np.arange(self.q)
        return hot.reshape(*x.shape[:-1], x.shape[-1] * self.q).astype(dtype)

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
        from ebm.kernels.layers.potts import gather_rows

        W, x = np.ascontiguousarray(W), self._rows(x)
        out = np.empty((len(x), W.shape[1]), W.dtype)
        gather_rows(x.size * W.shape[1] > 2**20, x, self.width, W, out)
        return out

    def outer(self, x: Array, g: Array) -> Array:
        from ebm.kernels.layers.potts import scatter_rows

        g, x = np.ascontiguousarray(g), self._rows(x)
        out = np.empty((x.shape[1] * self.width, g.shape[1]), g.dtype)
        scatter_rows(x.size * g.shape[1] > 2**20, x, self.width, g, out)
        return out

    def total(self, x: Array, weights: Array) -> Array:
        places = (self._rows(x) + np.arange(x.shape[1]) * self.q).ravel()
        return np.bincount(places, np.repeat(weights, x.shape[1]), x.shape[1] * self.q)

    def _rows(self, x: Array) -> Array:
        """Rows of states as compiled code takes them: it would read beyond its arrays at any other state."""
        x = np.ascontiguousarray(x, np.int32)
        if x.size and (x.min() < 0 or x.max() >= self.q):
            raise EbmError(f"{self} takes {self._domain(True)}")
        return x

    def as_states(self, x: Array, dtype: Any) -> Array:
        return np.ascontiguousarray(x, np.int32)
