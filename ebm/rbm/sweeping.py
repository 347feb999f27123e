"""Sweeps of block Gibbs sampling: each layer is drawn given the other one.

The first half of the next sweep can be made ahead of its time, with a product that stands already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ebm.bits import Bits, as_bits, lower_state
from ebm.machine import Array
from ebm.rbm.chains import BlockChains
from ebm.rbm.products import WORTH, State, as_state, dot, values
from ebm.scratch import Scratch
from ebm.stream import Stream
from ebm.units import Bernoulli, Mixed, Units

if TYPE_CHECKING:
    from ebm.rbm.machine import RBM

__all__ = [
    "Layer",
    "Turned",
    "draw_ahead",
    "filled",
    "span",
    "sweep_layers",
]


_READS = 8  # products with the same W from which on a copy of Wᵀ pays


class Turned:
    """Wᵀ for products that read W turned over: a copy, once the same W is read so often that it has paid.

    Products of bits and of Potts states are the same to the bit with either: the same sums in the same order.
    BLAS, for real units, gives other bits for a copy: there none is made.
    """

    def __init__(self, pays: bool) -> None:
        self._pays = pays
        self._version: object = None
        self._reads = 0
        self._copy: Array | None = None

    def read(self, W: Array, version: object, n: int) -> tuple[Array, bool]:
        """What to multiply n more times with, and whether it is still to be turned over."""
        if not self._pays:
            return W, True
        if self._version is not version:
            self._version, self._reads, self._copy = version, 0, None
        self._reads += n
        if self._copy is None and self._reads > _READS:
            self._copy = np.ascontiguousarray(W.T)
        return (W, True) if self._copy is None else (self._copy, False)


class Layer(NamedTuple):
    """What a layer is drawn from, besides the other one: units, their inputs' constants, and who may change.

    Attributes
    ----------
    units : Units
    bias, base : (n_units·width,)
    first : int
        The position of its first unit among the uniforms of a sweep.
    n_units : int
    low : float scalar, optional
        The lower of two states, of bits.
    free : (n_units,) bool, optional
        Units that may change; all when None.
    """

    units: Units
    bias: Array
    base: Array
    first: int
    n_units: int
    low: Any
    free: Array | None = None

    def parts(self) -> Iterator[tuple[Layer, slice, slice]]:
        """Its units of one type each, with their places among the units and the columns."""
        first = self.first
        for units, own, columns in self.units.parts(self.n_units):
            free, n = None if self.free is None else self.free[own], own.stop - own.start
            bias, base, low = self.bias[columns], self.base[columns], lower_state(units, self.bias.dtype)
            yield Layer(units, bias, base, first, n, low, free), own, columns
            first += _rounded(n)


class Source(NamedTuple):
    """The other layer, which a layer is drawn given: its states, its couplings, their product if known.

    Attributes
    ----------
    state : State
    units : Units
    A : (n_units·width, m)
        Couplings; (m, n_units·width) if `turned`.
    turned : bool
    known : array, optional
        `dot` of the states and A.
    """

    state: State
    units: Units
    A: Array
    turned: bool = False
    known: Array | None = None

    def product(self, scratch: Scratch) -> Array:
        """What `known` is, made if need be."""
        if self.known is not None:
            return self.known
        return dot(self.state, self.units, self.A, scratch, self.turned)


def draw(
    layer: Layer,
    old: State | None,
    source: Source,
    beta: Array,
    uniforms: tuple[Any, int],
    scratch: Scratch,
) -> State:
    """Draw a layer given the other one, docs/math.md (2.2).

    Parameters
    ----------
    old : State, optional
        Its present states: where the layer's other units stay.
    source : Source
    beta : (n,)
    uniforms : tuple
        Key and sweep number.
    """
    from ebm.kernels.layers.potts import draw_potts_rows
    from ebm.kernels.layers.states import draw_state_rows
    from ebm.kernels.units.draw import KINDS, POTTS, draw_rows

    units, dtype = layer.units, source.A.dtype
    if isinstance(units, Mixed):
        return _draw_parts(layer, old, source, beta, uniforms, scratch)
    low = layer.low
    if low is not None and (layer.free is None or isinstance(old, Bits)):
        return _draw_bits(layer, low, old, source, beta, uniforms, scratch)
    out = units.as_states(np.zeros((len(beta), layer.n_units)), dtype)
    worth = out.size * units.width * 8 > WORTH
    inputs = source.product(scratch), layer.bias, layer.base
    scaled = units.kind in KINDS and np.ndim(units.scale) > 0
    if scaled:  # x = s·y with y of unit variance and input s·I
        inputs = inputs[0][:, : layer.n_units] * units.scale, *(a * units.scale for a in inputs[1:])
    if units.kind == POTTS:
        draw_potts_rows(worth, units.width, *inputs, beta, *uniforms, layer.first, out)
    elif units.kind in KINDS:
        draw_rows(worth, units.kind, *inputs, beta, *uniforms, layer.first, out)
    elif units.drawn_by_table:
        draw_state_rows(worth, units.table(), *inputs, beta, *uniforms, layer.first, out)
    else:
        _draw_uncompiled(units, *inputs, beta, uniforms, layer.first, out)
    if scaled:
        out *= units.scale
    if layer.free is not None and old is not None:
        out[:, ~layer.free] = values(old)[:, ~layer.free]
    return out


def _draw_uncompiled(
    units: Units,
    product: Array,
    bias: Array,
    base: Array,
    beta: Array,
    uniforms: tuple[Any, int],
    first: int,
    out: Array,
) -> None:
    """`draw_rows` by the units' own function, at the same uniforms."""
    from ebm.kernels.numbers.random import uniform_rows

    u, hot = np.empty(out.shape, bias.dtype), beta[:, None]
    uniform_rows(*uniforms, 0, first, u)
    out[:] = units.sample(hot * (bias + product[:, : len(bias)]) + (1 - hot) * base, u)


def _draw_parts(
    layer: Layer,
    old: State | None,
    source: Source,
    beta: Array,
    uniforms: tuple[Any, int],
    scratch: Scratch,
) -> Array:
    """`draw` of units of several types: each on its own columns of one product."""
    product = source.product(scratch)
    before = None if old is None else values(old)
    out = np.empty((len(beta), layer.n_units), source.A.dtype)
    for part, own, columns in layer.parts():
        kept = None if before is None else before[:, own]
        known = source._replace(known=np.ascontiguousarray(product[:, columns]))
        out[:, own] = values(draw(part, kept, known, beta, uniforms, scratch))
    return out


def _draw_bits(
    layer: Layer,
    low: Any,
    old: State | None,
    source: Source,
    beta: Array,
    uniforms: tuple[Any, int],
    scratch: Scratch,
) -> Bits:
    from ebm.kernels.layers.two_states import sample_layer

    n, A, state = len(beta), source.A, source.state
    words = np.empty((n, -(-layer.n_units // 64)), np.uint64)
    free = np.full(words.shape[1], ~np.uint64(0)) if layer.free is None else _mask(layer.free)
    if isinstance(state, Bits) and source.known is None:
        n_bits = state.shape[1]
        given = state.words, state.low, A, source.turned, np.empty((0, 0), A.dtype)
    else:
        n_bits, given = 0, (words[:0], low, A, source.turned, source.product(scratch))
    kept = old.words if isinstance(old, Bits) else words
    sample_layer(
        n * layer.n_units * (8 + n_bits // 16) > WORTH, given, layer.bias, layer.base, beta,
        A.dtype.type(1 - low), uniforms, layer.first, free, kept, words,
    )  # fmt: skip
    return Bits(words, (n, layer.n_units), low)


def _mask(chosen: Array) -> Array:
    """A bool mask as words."""
    packed = as_bits(chosen[None].astype(np.float64), Bernoulli(), np.float64)
    assert packed is not None
    return packed.words[0]


def span(units: Units, n: int) -> int:
    """Positions of n units among the uniforms of a sweep: a type begins at a multiple of what words want."""
    return sum(_rounded(own.stop - own.start) for _, own, _ in units.parts(n))


def _rounded(n: int) -> int:
    """n, or the next multiple of the uniforms that are made at once."""
    from ebm.kernels.numbers.random import TILE

    return -(-n // TILE) * TILE


def sweep_layers(
    machine: RBM,
    W: Array,
    chains: BlockChains,
    rng: Stream,
    n: int,
    beta: Array,
    base: Array,
    free: Array | None,
    turned: Turned,
    scratch: Scratch,
) -> None:
    """n times h given v, then v given h; the first h is the one drawn ahead, if there is one.

    Parameters
    ----------
    beta : (n_chains,)
    base : (n_visible·width,)
    free : (n_visible,) bool, optional
    """
    (v_layer, h_layer), version = machine.layers, machine.version
    visible, hidden = v_layer.units, h_layer.units
    v_layer = v_layer._replace(base=base, free=free)
    A, over = turned.read(W, version, n)
    for _ in range(n):
        uniforms, v, h = rng.advance(), chains.v, chains.h
        if h is None:
            wanted = chains.wants_product(version)
            known = chains.product(version, visible, W, scratch) if wanted else None
            given_v = Source(v, visible, W, known=known)
            h = draw(h_layer, None, given_v, beta, uniforms, scratch)
        given_h = Source(h, hidden, A, turned=over)
        chains.move(draw(v_layer, v, given_h, beta, uniforms, scratch))


def filled(machine: RBM, chains: BlockChains, gaps: Array, sweep: Callable[[], Any], n: int) -> Array:
    """States after n sweeps of chains of which each may change only in its own `gaps`, (n_chains, n_visible).

    Visible units are independent given the hidden ones: what a sweep draws for those that are held is put
    back, and the others are drawn as they would be. `sweep` sweeps the chains, of this machine or of one
    whose biases inputs shift.
    """
    held, mask = chains.v, as_bits(gaps, Bernoulli(), np.float32)
    for _ in range(n):
        sweep()
        drawn: Any = chains.v
        if isinstance(held, Bits) and isinstance(drawn, Bits):
            assert mask is not None
            words = (drawn.words & mask.words) | (held.words & ~mask.words)
            chains.move(Bits(words, held.shape, held.low))
        else:
            chains.move(as_state(np.where(gaps, values(drawn), values(held)), machine.visible, machine.dtype))
    return values(chains.v)


def draw_ahead(machine: RBM, W: Array, chains: BlockChains, rng: Stream, scratch: Scratch) -> None:
    """Draw the hidden states that the next sweep begins with, where φ(v)·W stands already.

    When the parameters change before that sweep, they are still states of the machine as it is now: the chain
    is then one of pairs (v, h), of which v moves first.
    """
    v_layer, h_layer = machine.layers
    if chains.has_product(machine.version):
        known = chains.product(machine.version, v_layer.units, W, scratch)
        source = Source(chains.v, v_layer.units, W, known=known)
        beta = np.ones(chains.n, W.dtype)
        chains.h = draw(h_layer, None, source, beta, rng.advance(), scratch)
