"""Products with rows that are mostly zeros, such as images of digits: the zeros are skipped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from ebm.machine import Array

__all__ = ["Nonzeros", "Take"]

Take: TypeAlias = Callable[[str, tuple[int, ...], Any], Array]  # name, shape, dtype: memory to write into
_PRODUCTS = 2**19  # multiplications from which on skipping zeros is worth several threads
_FEW = 0.35  # of the elements, nonzero, up to which products that skip zeros are faster than BLAS


class Nonzeros:
    """Rows that are mostly zeros, as their nonzero elements: products with them skip the zeros."""

    def __init__(self, y: Array, take: Take) -> None:
        from ebm.kernels.layers.nonzero import find

        self._shape, self._take = y.shape, take
        self._starts = take("starts", (len(y) + 1,), np.int64)
        self._columns = take("columns", (y.size + 1,), np.int32)
        self._values = take("values", (y.size + 1,), y.dtype)
        find(y, self._starts, self._columns, self._values)

    @classmethod
    def worth(cls, y: Array, W: Array, take: Take) -> Nonzeros | None:
        """The nonzero elements of y if products with W are faster so, which their number decides."""
        from ebm.kernels.layers.nonzero import VECTORS

        some = y[:: max(1, len(y) // 8)]  # a look at a few rows first
        if W.shape[1] * W.itemsize < 64 * VECTORS or np.count_nonzero(some) >= 2 * _FEW * some.size:
            return None
        found = cls(y, take)
        return found if found._starts[-1] < _FEW * y.size else None

    def dot(self, W: Array, out: Array) -> None:
        """out ← y·W."""
        from ebm.kernels.layers.nonzero import add_product

        zero, one = W.dtype.type(0), W.dtype.type(1)
        worth = int(self._starts[-1]) * W.shape[1] > _PRODUCTS
        add_product(worth, self._starts, self._columns, self._values, W, zero, one, out)

    def turned(self) -> Callable[[Array, Array, float, float], None]:
        """A function that does out ← keep·out + scale·yᵀg."""
        from ebm.kernels.layers.nonzero import add_product, turn

        count = int(self._starts[-1])
        tops = self._take("tops", (self._shape[1] + 1,), np.int64)
        rows, values = (
            self._take(name, (self._shape[0] * self._shape[1] + 1,), dtype)
            for name, dtype in (("rows", np.int32), ("turned", self._values.dtype))
        )
        turn(self._starts, self._columns, self._values, tops, rows, values)

        def add(g: Array, out: Array, keep: float, scale: float) -> None:
            real, worth = out.dtype.type, count * out.shape[1] > _PRODUCTS
            add_product(worth, tops, rows, values, g, real(keep), real(scale), out)

        return add
