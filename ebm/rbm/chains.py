"""Running chains of an RBM."""

from __future__ import annotations

from ebm.machine import Array

__all__ = ["BlockChains"]


class BlockChains:
    """Running chains of an RBM: v, and φ(v)·W of these v for as long as they stand.

    A sweep begins with the product that the free energy of the same v needs, so annealed importance
    sampling costs two matrix products per temperature.
    """

    def __init__(self, v: Array) -> None:
        self._v = v
        self.product: Array | None = None

    @property
    def x(self) -> Array:
        """The visible states, (n_chains, n_visible)."""
        return self._v

    @x.setter
    def x(self, v: Array) -> None:
        self._v = v
        self.product = None

    def __len__(self) -> int:
        return len(self._v)

    def permute(self, order: Array) -> None:
        """Reorder the chains; nothing is computed again."""
        self._v = self._v[order]
        if self.product is not None:
            self.product = self.product[order]
