"""Layers of units of several types."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from ebm.arguments import as_count
from ebm.errors import EbmError, NotSupported, printable, short
from ebm.units.family import Array, Part, Units, as_units

__all__ = ["Mixed"]


@dataclass(frozen=True, repr=False)
class Mixed(Units):
    """Units of several types side by side in one layer; their columns of W stand in the same order.

    The units are independent given their inputs, so every function is that of each type on its own columns,
    and A(I) of the layer is the sum. States are kept as floats, those of Potts units too.

    Parameters
    ----------
    blocks : sequence of (Units, int)
        Types and how many units of each there are: at least one block; not Mixed themselves, and
        without potentials that are learnt.

    Raises
    ------
    EbmError
        No blocks, or what is no pair of a unit type and a number of at least 1.
    NotSupported
        Units in a block that are Mixed or learn; asking the layer as a whole for what only a single type has
        (`width`, `states`, `kind`).

    Examples
    --------
    >>> import numpy as np
    >>> from ebm.units import Bernoulli, Potts
    >>> labelled = Mixed(((Bernoulli(), 2), (Potts(3), 1)))
    >>> labelled
    Mixed(2 × Bernoulli() + 1 × Potts(q=3))
    >>> labelled.encode(np.array([[1.0, 0.0, 2.0]]))
    array([[1., 0., 0., 0., 1.]])
    """

    blocks: tuple[tuple[Units, int], ...]

    def __post_init__(self) -> None:
        try:
            blocks = tuple((units, n) for units, n in self.blocks)
        except Exception:  # others' containers raise what they like
            raise EbmError(f"Mixed: expected pairs (units, number), got {short(self.blocks)}") from None
        if not blocks:
            raise EbmError("Mixed: expected at least one block")
        for units, n in blocks:
            if isinstance(as_units(units, "Mixed"), Mixed) or units.learns:
                raise NotSupported(f"Mixed: {units}: expected units of one type that learn no potential")
            as_count(n, f"Mixed: {units}: number of units")
        object.__setattr__(self, "blocks", tuple((units, int(n)) for units, n in blocks))

    def __repr__(self) -> str:
        return printable(f"Mixed({' + '.join(f'{n} × {units}' for units, n in self.blocks)})")

    def _refuse(self, what: str) -> NoReturn:
        raise NotSupported(f"{self}: units of several types have no common {what}; expected one type")

    @property
    def kind(self) -> int:  # type: ignore[override]
        """Raises NotSupported: each block has its own."""
        self._refuse("kind")

    @property
    def width(self) -> int:  # type: ignore[override]
        """Raises NotSupported: each block has its own."""
        self._refuse("width")

    @property
    def states(self) -> tuple[float, ...] | None:  # type: ignore[override]
        """Raises NotSupported: each block has its own."""
        self._refuse("states")

    @property
    def finite(self) -> bool:
        return all(units.finite for units, _ in self.blocks)

    @property
    def bare(self) -> bool:
        return all(units.bare for units, _ in self.blocks)

    @property
    def n_units(self) -> int:
        """Units of all blocks."""
        return sum(n for _, n in self.blocks)

    @property
    def n_columns(self) -> int:
        """Columns of W of all blocks."""
        return sum(units.columns(n) for units, n in self.blocks)

    def columns(self, n: int) -> int:
        if n != self.n_units:
            raise EbmError(f"{self}: expected {self.n_units} units, got {n}")
        return self.n_columns

    def count(self, columns: int) -> int:
        return self.n_units if columns == self.n_columns else 0

    def parts(self, n: int = 0) -> list[Part]:
        """The blocks, whatever n."""
        found, unit, column = [], 0, 0
        for units, count in self.blocks:
            end, last = unit + count, column + units.columns(count)
            found.append((units, slice(unit, end), slice(column, last)))
            unit, column = end, last
        return found

    def _part(self, i: int) -> Part:
        return next(part for part in self.parts() if i < part[1].stop)

    def one(self, i: int) -> Units:
        return self._part(i)[0]

    def own(self, i: int) -> slice:
        units, places, columns = self._part(i)
        at = columns.start + (i - places.start) * units.width
        return slice(at, at + units.width)

    def taken(self, rows: Array) -> Units:
        kept = np.zeros(self.n_units, bool)
        kept[rows] = True
        blocks = tuple((units, int(kept[own].sum())) for units, own, _ in self.parts())
        some = tuple((units, n) for units, n in blocks if n)
        return Mixed(some) if some else self.blocks[0][0]

    def _join(self, function: Callable[[Units, slice, slice], Array], axis: int = -1) -> Array:
        """What a function of each block and its places among units and columns gives, side by side."""
        return np.concatenate([function(*part) for part in self.parts()], axis)

    def encode(self, x: Array) -> Array:
        return self._join(lambda units, own, _: units.encode(x[..., own]))

    def decode(self, phi: Array) -> Array:
        return self._join(lambda units, _, own: units.decode(phi[..., own]).astype(phi.dtype))

    def potential(self, x: Array) -> Array:
        return self._join(lambda units, own, _: units.potential(x[..., own]))

    def cgf(self, I: Array) -> Array:
        return self._join(lambda units, _, own: units.cgf(I[..., own]))

    def mean(self, I: Array) -> Array:
        return self._join(lambda units, _, own: units.mean(I[..., own]))

    def var(self, I: Array) -> Array:
        return self._join(lambda units, _, own: units.var(I[..., own]))

    def pull(self, I: Array, g: Array) -> Array:
        return self._join(lambda units, _, own: units.pull(I[..., own], g[..., own]))

    def sample(self, I: Array, u: Array) -> Array:
        return self._join(
            lambda units, own, columns: units.sample(I[..., columns], u[..., own]).astype(I.dtype)
        )

    def link(self, mean: Array, floor: float = 1e-6) -> Array:
        return self._join(lambda units, _, own: units.link(mean[..., own], floor))

    def spread(self, mean: Array) -> Array:
        return self._join(lambda units, _, own: units.spread(mean[own]))

    def dot(self, x: Array, W: Array) -> Array:
        return sum(units.dot(x[..., own], W[columns]) for units, own, columns in self.parts())  # type: ignore[return-value]

    def outer(self, x: Array, g: Array) -> Array:
        return self._join(lambda units, own, _: units.outer(x[:, own], g), axis=0)

    def total(self, x: Array, weights: Array) -> Array:
        return self._join(lambda units, own, _: units.total(x[:, own], weights))

    def _plainly(self, x: Array, strict: bool) -> bool:
        if x.shape[-1:] != (self.n_units,):
            return False
        return all(units._well(x[..., own], strict) for units, own, _ in self.parts())

    def _inside(self, x: Array, strict: bool) -> Array:
        if x.shape[-1:] != (self.n_units,):
            raise EbmError(f"{self}: expected rows of {self.n_units} units, got shape {x.shape}")
        return self._join(lambda units, own, _: units._inside(x[..., own], strict))

    def _domain(self, strict: bool) -> str:
        return "; ".join(f"{units}: {units._domain(strict)}" for units, _ in self.blocks)

    def as_states(self, x: Array, dtype: Any) -> Array:
        return np.ascontiguousarray(x, dtype)
