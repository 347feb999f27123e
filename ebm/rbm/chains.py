"""Running chains of an RBM."""

from __future__ import annotations

from collections.abc import Callable

from ebm.machine import Array
from ebm.rbm.states import State, values

__all__ = ["BlockChains"]


class BlockChains:
    """Running chains of an RBM: v, and what is made from v and the parameters for as long as they stand.

    A sweep begins with the product φ(v)·W that the free energy of the same v needs, so annealed importance
    sampling costs two matrix products per temperature; and it needs W transposed.

    Attributes
    ----------
    state : State
        v in the form that products want; replaced, never changed in place.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._product: tuple[int, Array] | None = None
        self._transposed: tuple[int, Array] | None = None

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
        self._state = state
        self._product = None

    def copy(self) -> BlockChains:
        """Chains at the same states, which go their own way."""
        twin = BlockChains(self._state)
        twin._product, twin._transposed = self._product, self._transposed
        return twin

    def product(self, version: int, make: Callable[[State], Array]) -> Array:
        """φ(v)·W, made again when v or the parameters (their `version`) have changed."""
        if self._product is None or self._product[0] != version:
            self._product = version, make(self._state)
        return self._product[1]

    def has_product(self, version: int) -> bool:
        """Whether φ(v)·W stands already."""
        return self._product is not None and self._product[0] == version

    def transposed(self, version: int, make: Callable[[], Array]) -> Array:
        """Wᵀ, made again when the parameters have changed."""
        if self._transposed is None or self._transposed[0] != version:
            self._transposed = version, make()
        return self._transposed[1]

    def __len__(self) -> int:
        return len(self._state)
