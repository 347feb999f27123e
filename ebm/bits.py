"""Rows of two-state units, one bit each: the form in which both machines keep and multiply them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ebm.deferred import LikeArray
from ebm.units import Bernoulli, Ising, Units
from ebm.units.family import Array

__all__ = ["Bits", "as_bits", "lower_state", "stacked", "words_for"]


@dataclass(frozen=True, eq=False)
class Bits(LikeArray):
    """Rows of two-state units, never changed in place; to numpy they are the states, (n, n_units).

    Attributes
    ----------
    words : (n, ceil(n_units / 64)) uint64, contiguous
        Unit i is bit i % 64 of word i // 64; bits beyond the last unit are 0. Who makes bits owns the array
        and answers for its form: the sweeps do so at every draw.
    shape : tuple of int
        (n, n_units).
    low : float scalar
        The state that a bit of 0 stands for; a bit of 1 is the state 1. Its dtype is that of the states.
    """

    words: Array
    shape: tuple[int, int]
    low: Any

    def __len__(self) -> int:
        return len(self.words)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        x = np.asarray(self.x, dtype)
        x.flags.writeable = bool(copy)  # writing to it would change nothing here
        return x

    def __setitem__(self, place: Any, value: Any) -> None:
        raise TypeError("states kept as bits cannot be changed; take a copy: numpy.array(states)")

    def __getitem__(self, rows: Any) -> Any:
        if isinstance(rows, np.ndarray) and rows.ndim == 1:
            words = self.words[rows]
            return Bits(words, (len(words), self.shape[1]), self.low)
        return self.x[rows]

    @property
    def dtype(self) -> np.dtype:
        """Of the states."""
        return self.low.dtype

    @property
    def x(self) -> Array:
        """The states, (n, n_units)."""
        from ebm.kernels.layers.packing import unpack

        out = np.empty(self.shape, self.low.dtype)
        unpack(self.words, self.low, out)
        return out

    @property
    def columns(self) -> Array:
        """The bits turned over, (64·words, ceil(n / 64)) uint64: a row for each unit, a bit for each row."""
        from ebm.kernels.layers.packing import transpose_bits

        out = words_for(64 * self.words.shape[1], len(self.words))
        transpose_bits(self.words, out)
        return out


def words_for(n: int, n_units: int) -> Array:
    """Room for n rows of bits."""
    return np.empty((n, -(-n_units // 64)), np.uint64)


def lower_state(units: Units, dtype: Any) -> Any:
    """The state that a bit of 0 stands for, as a scalar of a dtype; None if the units are not two-state."""
    if not isinstance(units, (Bernoulli, Ising)):
        return None
    return np.dtype(dtype).type(units.states[0])


def as_bits(x: Any, units: Units, dtype: Any) -> Bits | None:
    """Rows of true states as bits; None for other units, and where there are other values.

    Parameters
    ----------
    x : (n, n_units)
        Numbers; they are compared in their own precision, so that nothing is rounded to a state.
    dtype
        Of the states that the bits stand for.
    """
    from ebm.kernels.layers.packing import pack

    low = lower_state(units, dtype)
    if low is None:
        return None
    if isinstance(x, Bits):
        if x.low == low:
            return x if x.low.dtype == low.dtype else Bits(x.words, x.shape, low)
        x = x.x
    own = np.dtype(np.float32 if np.can_cast(x.dtype, np.float32) else np.float64)
    words = words_for(*x.shape)
    same = pack(np.ascontiguousarray(x, own), own.type(low), words)
    return Bits(words, x.shape, low) if same else None


def stacked(states: list[Bits]) -> Bits:
    """The rows of all, one below the other."""
    words = np.concatenate([s.words for s in states])
    return Bits(words, (len(words), states[0].shape[1]), states[0].low)
