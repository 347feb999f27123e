"""Running chains of an RBM."""

from __future__ import annotations

from collections.abc import Callable

from ebm.machine import Array

__all__ = ["BlockChains"]


class BlockChains:
    """Running chains of an RBM: v, and φ(v)·W of these v for as long as they stand.

    A sweep begins with the product that the free energy of the same v needs, so annealed importance
    sampling costs two matrix products per temperature.
    """

    def __init__(self, v: Array) -> None:
        self._v = v
        self._product: tuple[int, Array] | None = None

    @property
    def x(self) -> Array:
        """The visible states, (n_chains, n_visible)."""
        return self._v

    @x.setter
    def x(self, v: Array) -> None:
        self._v = v
        self._product = None

    def product(self, version: int, make: Callable[[Array], Array]) -> Array:
        """φ(v)·W, made again when v or the parameters (their `version`) have changed."""
        if self._product is None or self._product[0] != version:
            self._product = version, make(self._v)
        return self._product[1]

    def __len__(self) -> int:
        return len(self._v)
