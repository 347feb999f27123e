"""Layers of units of several types."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn, Self

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
        Types and how many units of each there are: at least one block; not Mixed themselves. What blocks
        learn of their potentials is learnt: ``Gaussian(learn_precision=True)`` beside others has its
        precisions in a machine's ``params["v.precision"]``, one for each of its units.

    Raises
    ------
    EbmError
        No blocks, or what is no pair of a unit type and a number of at least 1.
    NotSupported
        Units in a block that are Mixed; asking the layer as a whole for what only a single type has (`width`,
        `states`, `kind`).

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
            if isinstance(as_units(units, "Mixed"), Mixed):
                raise NotSupported(f"Mixed: {units}: expected units of one type")
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
    def learns(self) -> tuple[str, ...]:  # type: ignore[override]
        """What any block learns."""
        return tuple(dict.fromkeys(name for units, _ in self.blocks for name in units.learns))

    @property
    def positive(self) -> tuple[str, ...]:  # type: ignore[override]
        """Those that are above 0."""
        return tuple({name for units, _ in self.blocks for name in units.positive if name in self.learns})

    @property
    def redundant(self) -> str:  # type: ignore[override]
        """Why a hidden layer does not learn what a block learns, if it does not."""
        return next((units.redundant for units, _ in self.blocks if units.learns and units.redundant), "")

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
        units, places, _ = self._part(i)
        return units.one(i - places.start)

    def own(self, i: int) -> slice:
        units, places, columns = self._part(i)
        at = columns.start + (i - places.start) * units.width
        return slice(at, at + units.width)

    def taken(self, rows: Array) -> Units:
        kept = np.zeros(self.n_units, bool)
        kept[rows] = True
        blocks = tuple((units.taken(kept[own]), int(kept[own].sum())) for units, own, _ in self.parts())
        some = tuple((units, n) for units, n in blocks if n)
        return Mixed(some) if some else self.blocks[0][0]

    def theta(self) -> dict[str, Any]:
        found: dict[str, list[Array]] = {name: [] for name in self.learns}
        for units, n in self.blocks:
            for name, value in units.theta().items():
                found[name].append(np.broadcast_to(value, (n,)))
        return {name: np.concatenate(values) for name, values in found.items()}

    def fitted(self, data: Array) -> dict[str, Any]:
        found: dict[str, list[Array]] = {name: [] for name in self.learns}
        for units, own, _ in self.parts():
            for name, value in units.fitted(data[:, own]).items():
                found[name].append(np.broadcast_to(value, (own.stop - own.start,)))
        return {name: np.concatenate(values) for name, values in found.items()}

    def learners(self, name: str, n: int = 0) -> tuple[Array, Array]:
        parts = [(own, columns) for units, own, columns in self.parts() if name in units.learns]
        return (
            np.concatenate([np.arange(own.start, own.stop) for own, _ in parts]),
            np.concatenate([np.arange(columns.start, columns.stop) for _, columns in parts]),
        )

    def bound(self, *values: Any) -> Self:
        """The layer at these values of `learns`, of which each block has its own: live arrays, not copies."""
        given, taken, blocks = dict(zip(self.learns, values, strict=True)), dict.fromkeys(self.learns, 0), []
        for units, n in self.blocks:
            own = []
            for name in units.learns:
                own.append(given[name][taken[name] : taken[name] + n])
                taken[name] += n
            blocks.append((units.bound(*own) if own else units, n))
        return type(self)(tuple(blocks))

    def _theta(self, function: Callable[[Units, slice, slice], dict[str, Array]]) -> dict[str, Array]:
        """What a function of each block gives for each number that is learnt, side by side."""
        parts = [function(*part) for part in self.parts()]
        return {name: np.concatenate([own[name] for own in parts if name in own], -1) for name in self.learns}

    def grad_theta(self, x: Array) -> dict[str, Array]:
        return self._theta(lambda units, own, _: units.grad_theta(x[..., own]))

    def mean_theta(self, I: Array) -> dict[str, Array]:
        return self._theta(lambda units, _, own: units.mean_theta(I[..., own]))

    def theta_offsets(self, mu: Array) -> dict[str, Array]:
        parts = [units.theta_offsets(mu[own]) for units, _, own in self.parts()]
        names = [name for name in self.learns if any(name in own for own in parts)]
        return {name: np.concatenate([own[name] for own in parts if name in own]) for name in names}

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
