"""Frequencies of states and of pairs of states, of rows and of running chains.

Every state of a unit has an indicator z, one in that state and else zero; of a unit of two states the upper
one alone. Chains are counted in integers, 64 to a word.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from ebm.arrays import row_blocks
from ebm.inverse.basis import Basis
from ebm.machine import Array
from ebm.units import Bernoulli, Mixed, Potts, Units

__all__ = ["Indicators", "moments_of"]


class Indicators:
    """The indicators of the states of all units of a layer.

    Parameters
    ----------
    basis : Basis
        Of units any function of whose states is one of their couplings (`saturated`).

    Attributes
    ----------
    units : Units
        Those that the indicators are φ of: Bernoulli where there are two states, else Potts.
    """

    def __init__(self, basis: Basis) -> None:
        self.n, self.counts = basis.n, [len(f) for f in basis.contrasts]
        kinds = [Bernoulli() if q == 2 else Potts(q) for q in self.counts]
        runs = [k for k in range(self.n) if k == 0 or kinds[k] != kinds[k - 1]]
        ends = [*runs[1:], self.n]
        self.units: Units = kinds[0]
        if len(runs) > 1:
            self.units = Mixed(tuple((kinds[a], b - a) for a, b in zip(runs, ends, strict=True)))
        self.owners = self.units.owners(self.n)
        self.size = len(self.owners)

    @cached_property
    def first(self) -> Array:
        """The first indicator beyond the unit of each one, (size,)."""
        found: Array = np.searchsorted(self.owners, self.owners, side="right")
        return found

    @cached_property
    def q(self) -> Array:
        """How many states the unit of each indicator has, (size,)."""
        return np.array(self.counts)[self.owners]

    def codes(self, x: Array) -> Array:
        """States of `units` as which state it is, (n_rows, n) int32."""
        return np.ascontiguousarray(x, np.int32)

    def bits(self, codes: Array) -> Array:
        """A row of bits for each indicator, a bit for each row of states: (size, words)."""
        from ebm.kernels.learning.pairs import state_bits

        found = np.zeros((self.size, -(-len(codes) // 64)), np.uint64)
        for own, places, columns in self.units.parts(self.n):
            if own.width > 1:
                state_bits(np.ascontiguousarray(codes[:, places]), own.width, found[columns])
            else:
                packed = np.packbits(codes[:, places].T > 0, axis=1, bitorder="little")
                found[columns].view(np.uint8)[:, : packed.shape[1]] = packed
        return found

    def count(self, codes: Array, counts: Array) -> None:
        """Write how often indicators i and j ≥ i are one together to counts, (size, size) int32."""
        from ebm.kernels.learning.pairs import count_pairs

        bits = self.bits(codes)
        count_pairs(bits.size * self.size > 2**20, bits, counts)

    def encode(self, codes: Array) -> Array:
        """The indicators themselves, (n_rows, size) float64."""
        return np.asarray(self.units.encode(codes), np.float64)


def moments_of(states: Indicators, codes: Array, w: Array) -> tuple[Array, Array]:
    """⟨z⟩ and ⟨z zᵀ⟩ of rows with weights that sum to one, float64."""
    mean, pairs = np.zeros(states.size), np.zeros((states.size,) * 2)
    for some in row_blocks(len(codes), states.size):
        z = states.encode(codes[some])
        weighted = z * w[some, None]
        mean += weighted.sum(0)
        pairs += weighted.T @ z
    return mean, pairs
