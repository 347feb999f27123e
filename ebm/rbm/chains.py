"""Running chains of an RBM."""

from __future__ import annotations

from collections.abc import Callable

from ebm.bits import Bits, stacked
from ebm.machine import Array
from ebm.rbm.states import State, values

__all__ = ["BlockChains", "multiply_together"]


class _Kept:
    """φ(v)·W of some v, for the version of the parameters that it was made with."""

    __slots__ = ("product", "shared", "version")

    def __init__(self) -> None:
        self.version: object = None
        self.product: Array | None = None
        self.shared = False


class BlockChains:
    """Running chains of an RBM: v, and what is made from v and the parameters for as long as they stand.

    A sweep begins with the product φ(v)·W that the free energy of the same v needs, so annealed importance
    sampling costs two matrix products per temperature. Copies share it as long as they have the same v.

    Attributes
    ----------
    state : State
        v in the form that products want; replaced, never changed in place.
    h : State, optional
        Hidden states drawn already, with which the next sweep begins; gone when v changes.
    """

    h: State | None

    def __init__(self, state: State) -> None:
        self.state = state

    @property
    def x(self) -> Array:
        """The visible states, (n_chains, n_visible)."""
        return values(self._state)

    @property
    def state(self) -> State:
        """The visible states as bits where they can be."""
        return self._state

    @state.setter
    def state(self, state: State) -> None:
        self._state, self.h = state, None
        self._kept = _Kept()

    def copy(self) -> BlockChains:
        """Chains at the same states, which go their own way."""
        twin = BlockChains(self._state)
        twin._kept, twin.h = self._kept, self.h
        self._kept.shared = True
        return twin

    def take(self, rows: Array) -> BlockChains:
        """New chains at the states of these rows; a product that stands goes along."""
        taken = BlockChains(self._state[rows])
        if self._kept.product is not None:
            taken.set_product(self._kept.version, self._kept.product[rows])
        if self.h is not None:
            taken.h = self.h[rows]
        return taken

    def product(self, version: object, make: Callable[[State], Array]) -> Array:
        """φ(v)·W, made again when v or the parameters (their `version`) have changed."""
        kept = self._kept
        if kept.product is None or kept.version is not version:
            kept.version, kept.product = version, make(self._state)
        return kept.product

    def set_product(self, version: object, product: Array) -> None:
        """Take φ(v)·W as it was made elsewhere."""
        self._kept.version, self._kept.product = version, product

    def has_product(self, version: object) -> bool:
        """Whether φ(v)·W stands already."""
        return self._kept.version is version

    def wants_product(self, version: object) -> bool:
        """Whether φ(v)·W is worth keeping: it stands already, or a copy at the same v will ask for it."""
        return self._kept.shared or self._kept.version is version

    def __len__(self) -> int:
        return len(self._state)


def multiply_together(chains: list[BlockChains], version: object, make: Callable[[State], Array]) -> None:
    """One product for all chains of bits that lack theirs: its tables are made once."""
    lacking, states = [], []
    for c in chains:
        if isinstance(c.state, Bits) and not c.has_product(version):
            lacking.append(c)
            states.append(c.state)
    if len(lacking) < 2:
        return
    together, start = make(stacked(states)), 0
    for c in lacking:
        part, start = together[start : start + len(c)], start + len(c)
        c.set_product(version, part)
