"""Running chains of an RBM: the visible states, and what is made from them for as long as they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebm.bits import Bits, stacked
from ebm.errors import EbmError
from ebm.machine import Array, read_only
from ebm.rbm.products import State, dot, values
from ebm.scratch import Scratch
from ebm.units import Units

if TYPE_CHECKING:
    from ebm.rbm.machine import RBM

__all__ = [
    "BlockChains",
    "multiply_together",
]


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
    v : State
        The visible states, as bits where they can be. Replaced by `move`, never changed in place.
    n : int
        Chains.
    h : State, optional
        Hidden states drawn already, with which the next sweep begins; gone when v changes.
    """

    v: State
    n: int
    h: State | None

    def __init__(self, v: State, units: Units, fitting: object = None) -> None:
        self._units = units
        self.fitting = fitting  # `lows` of the machine that made them or has looked at them
        self.move(v)

    @property
    def x(self) -> Array:
        """The visible states, (n_chains, n_visible), read-only: to change them, start other chains."""
        return read_only(values(self.v))

    def __repr__(self) -> str:
        shape = values(self.v).shape
        return f"BlockChains({shape[0]} chains of {shape[1]} visible units)"

    def fit(self, machine: RBM) -> None:
        """Look at chains that somebody brings: whether they are of such a machine.

        Raises
        ------
        EbmError
            They are those of another one.
        """
        state, h, (visible, hidden) = self.v, self.h, machine.layers
        same = self._units is visible.units or self._units == visible.units
        if isinstance(state, Bits):
            same = same and state.low.dtype == machine.lows[0].dtype
        if h is not None:
            same = same and h.shape == (self.n, hidden.n_units)
        if not same or state.shape[1] != visible.n_units:
            raise EbmError(
                f"chains of {state.shape[1]} × {self._units}, {state.dtype}; expected those that start of"
                f" {machine!r} makes"
            )
        self.fitting = machine.lows

    def move(self, v: State) -> None:
        """Go to states that a sweep has drawn."""
        self.v, self.n, self.h = v, v.shape[0], None
        self._kept = _Kept()

    def copy(self) -> BlockChains:
        """Chains at the same states, which go their own way."""
        twin = BlockChains(self.v, self._units, self.fitting)
        twin._kept, twin.h = self._kept, self.h
        self._kept.shared = True
        return twin

    def take(self, rows: Array) -> BlockChains:
        """New chains at the states of these rows; a product that stands goes along."""
        taken = BlockChains(self.v[rows], self._units, self.fitting)
        if self._kept.product is not None:
            taken.set_product(self._kept.version, self._kept.product[rows])
        if self.h is not None:
            taken.h = self.h[rows]
        return taken

    def product(self, version: object, units: Units, W: Array, scratch: Scratch) -> Array:
        """φ(v)·W as `dot` makes it, again when v or the parameters (their `version`) have changed."""
        kept = self._kept
        if kept.product is None or kept.version is not version:
            kept.version, kept.product = version, dot(self.v, units, W, scratch)
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
        return self.n


def multiply_together(
    chains: list[BlockChains], version: object, units: Units, W: Array, scratch: Scratch
) -> None:
    """One product for all chains of bits that lack theirs: its tables are made once."""
    lacking, states = [], []
    for c in chains:
        if isinstance(c.v, Bits) and not c.has_product(version):
            lacking.append(c)
            states.append(c.v)
    if len(lacking) < 2:
        return
    together, start = dot(stacked(states), units, W, scratch), 0
    for c in lacking:
        part, start = together[start : start + c.n], start + c.n
        c.set_product(version, part)
