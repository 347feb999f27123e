"""The package's random numbers as Python sees them: a key and a counter.

Nothing draws from a global generator. A `Stream` is handed to whatever is random; every call that draws
advances the counter by its number of sweeps, and the numbers themselves are a function of (key, counter,
position, chain): see `ebm.kernels.numbers.random`. Two integers are therefore all that a checkpoint stores.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

import numpy as np
from numpy.random import Generator, SeedSequence
from numpy.typing import DTypeLike, NDArray
from pydantic import Field

from ebm.errors import EbmError, expect

__all__ = ["Stream"]

# Streams of their own for each purpose, so that one seed may serve them all: indices for `Stream.split`.
WEIGHTS, SAMPLE, AIS, EVALUATE, RELAX, GAPS = (2**40 + i for i in range(6))

Seed: TypeAlias = Annotated[int, Field(ge=0, lt=2**31)] | SeedSequence | Generator


class Stream:
    """A counter-based stream of uniforms.

    Parameters
    ----------
    seed : int, numpy.random.SeedSequence or numpy.random.Generator
        A Generator is advanced by one draw.

    Attributes
    ----------
    key : int
        64 bits, from the seed.
    counter : int
        The number of the next sweep.

    Raises
    ------
    EbmError
        The seed is of another type, or a negative integer.

    Examples
    --------
    >>> rng = Stream(0)
    >>> a, b = rng.uniform(2, 3), rng.uniform(2, 3)
    >>> bool((a == b).any()), rng.counter
    (False, 2)
    """

    __slots__ = ("counter", "key")

    def __init__(self, seed: Seed = 0) -> None:
        if isinstance(seed, Generator):
            seed = int(seed.integers(2**63))
        if isinstance(seed, (int, np.integer)) and not isinstance(seed, bool):
            if seed < 0:
                raise EbmError(f"seed: expected an integer >= 0, got {seed}")
            seed = SeedSequence(int(seed))
        if not isinstance(seed, SeedSequence):
            raise EbmError(f"seed: expected an int, SeedSequence or Generator, got {type(seed).__name__}")
        self.key = int(seed.generate_state(1, np.uint64)[0])
        self.counter = 0

    @classmethod
    def restore(cls, key: int, counter: int) -> Stream:
        """Make the stream that a checkpoint stored."""
        if not (0 <= key < 2**64 and 0 <= counter < 2**63):
            raise EbmError(f"stream: expected a key below 2⁶⁴ and a counter below 2⁶³, got {key}, {counter}")
        stream = cls.__new__(cls)
        stream.key, stream.counter = int(key), int(counter)
        return stream

    def split(self, index: int) -> Stream:
        """Return the `index`-th independent stream derived from this one's key; this one is not advanced."""
        return Stream(SeedSequence(entropy=self.key, spawn_key=(index,)))

    def advance(self, n: int = 1) -> tuple[np.uint64, int]:
        """Reserve n sweep numbers; return the key and the first of them, as kernels take them."""
        first = self.counter
        self.counter += n
        return np.uint64(self.key), first

    def uniform(self, n_chains: int, n: int, dtype: DTypeLike = np.float64) -> NDArray:
        """Return (n_chains, n) uniforms in (0, 1), float32 or float64; advances the counter by one."""
        from ebm.kernels.numbers.random import uniform_rows

        u = np.empty((n_chains, n), dtype)
        key, sweep = self.advance()
        uniform_rows(key, sweep, 0, 0, u)
        return u

    def permutation(self, n: int) -> NDArray[np.int64]:
        """Return a random order of 0..n-1; advances the counter by one."""
        return np.argsort(self.uniform(1, n)[0], kind="stable")

    def __repr__(self) -> str:
        return f"Stream(key={self.key:#x}, counter={self.counter})"


def as_stream(rng: Any) -> Stream:
    """What random numbers come from, or one line that it is none."""
    return expect(rng, Stream, "rng", "a stream of random numbers such as Stream(0)")
