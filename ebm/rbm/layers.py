"""What an RBM's sweeps and statistics work on: states of a layer, their products, draws, running chains.

A layer of Bernoulli or Ising units in true states is kept as one bit a unit, and its products are sums of
rows (`ebm.kernels.layers.bits`). Everything else, means in [0, 1] included, is an array, and its products
belong to the units. In a sweep of block Gibbs sampling a layer is drawn given the other one; the first half
of the next sweep can be made ahead of its time, with a product that stands already.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ebm.bits import Bits, as_bits, lower_state, stacked
from ebm.deferred import Deferred
from ebm.errors import EbmError
from ebm.machine import Array, Params, as_weights, read_only
from ebm.scratch import Scratch
from ebm.stream import Stream
from ebm.units import Bernoulli, Mixed, Units

if TYPE_CHECKING:
    from ebm.rbm.machine import RBM

__all__ = [
    "WORTH",
    "BlockChains",
    "State",
    "Turned",
    "as_state",
    "dot",
    "dot_vector",
    "draw_ahead",
    "layer_cgf",
    "padded",
    "span",
    "statistics",
    "statistics_of_chains",
    "sweep_layers",
    "values",
]


WORTH = 2**17  # vector operations, or 64 units drawn, from which on a kernel is worth several threads


State: TypeAlias = Bits | Array


def as_state(x: Array, units: Units, dtype: Any) -> State:
    """Rows of states, of the right shape, in the form that this module works on."""
    bits = as_bits(x, units, dtype)
    return units.as_states(x, dtype) if bits is None else bits


def values(state: State) -> Array:
    """The states as an array, (n, n_units)."""
    return state.x if isinstance(state, Bits) else state


def padded(scratch: Scratch, name: str, n: int, m: int, dtype: Any) -> Array:
    """Room for n rows of m numbers, and at least one vector more in each.

    The width is an odd number of vectors: rows a power of two apart would share few places in a cache.
    """
    return scratch.take(name, (n, (-(-m // 64) * 4 + 1) * 16), dtype)


def dot(state: State, units: Units, A: Array, scratch: Scratch, turned: bool = False) -> Array:
    """φ(x)·A for A (n·width, m): (n, m), with columns of no meaning added; if `turned`, φ(x)·Aᵀ."""
    from ebm.kernels.layers.bits import product

    m, n = A.shape[0 if turned else 1], len(state.words if isinstance(state, Bits) else state)
    out = padded(scratch, "product", n, m, A.dtype)
    if isinstance(state, Bits):
        worth, zero, one = len(out) * A.size > 64 * WORTH, A.dtype.type(0), A.dtype.type(1)
        product(worth, state.words, state.n_units, A, turned, state.low, zero, one, out)
    else:
        out[:, :m] = units.dot(state, A.T if turned else A)
    return out


def dot_vector(state: State, units: Units, a: Array) -> Array:
    """φ(x)·a in float64, (n,)."""
    from ebm.kernels.layers.bits import dot_vector

    if not isinstance(state, Bits):
        return units.encode(state) @ a.astype(np.float64)
    out = np.empty(len(state.words))
    long = np.zeros(64 * state.words.shape[1])
    long[: len(a)] = a
    dot_vector(state.words, state.low, long, out)
    return out


def layer_cgf(units: Units, product: Array, bias: Array, beta: Array, out: Array) -> None:
    """Σ cgf(β (bias + product)) over a layer, for every row and temperature, math.md (4.4).

    Parameters
    ----------
    product : (n, ≥ n_units·width)
    beta, out : (k, n) float64
        `out` is overwritten.
    """
    from ebm.kernels.units.cgf import cgf_rows
    from ebm.kernels.units.draw import KINDS

    if isinstance(units, Mixed):
        out[:] = 0
        part = np.empty_like(out)
        for own, _, columns in units.parts():
            layer_cgf(own, np.ascontiguousarray(product[:, columns]), bias[columns], beta, part)
            out += part
    elif units.kind not in KINDS:
        I = bias.astype(np.float64) + product[:, : len(bias)]
        for level, sums in zip(beta, out, strict=True):
            sums[:] = units.cgf(level[:, None] * I).sum(-1)
    elif np.ndim(s := units.scale) > 0:  # A(I) = A₁(s·I) + log s, math.md (1.8)
        cgf_rows(
            out.size * len(bias) > 2**15, units.kind, 1, product[:, : len(bias)] * s, bias * s, beta, out
        )
        out += np.log(s, dtype=np.float64).sum()
    else:
        cgf_rows(out.size * len(bias) > 2**15, units.kind, units.width, product, bias, beta, out)


def statistics_of_chains(
    parts: list[tuple[BlockChains, Array | None, float]],
    version: object,
    layers: tuple[Units, Units],
    params: dict[str, Array],
    scratch: Scratch,
) -> tuple[dict[str, Any], Params]:
    """`statistics` of chains, their weights (None: the mean) and the factors of these."""
    visible, hidden = layers
    multiply_together([chains for chains, _, _ in parts], version, visible, params["W"], scratch)
    weights = [factor * as_weights(given, c._n) for c, given, factor in parts]
    rows = [
        (c.state, c.product(version, visible, params["W"], scratch), w)
        for (c, _, _), w in zip(parts, weights, strict=True)
    ]
    return statistics(rows, visible, hidden, params, scratch)


def statistics(
    parts: list[tuple[State, Array, Array]],
    visible: Units,
    hidden: Units,
    params: dict[str, Array],
    scratch: Scratch,
) -> tuple[dict[str, Any], Params]:
    """Σ weights (φ(v)⟨φ(h)⟩ᵀ, φ(v), ⟨φ(h)⟩) over all rows of all parts, docs/math.md (4.5), (4.8).

    Of bits, the first is a `Deferred`. And the last two of the first part alone, which centring wants.
    Numbers θ of visible potentials have the statistics −∂U/∂θ, of hidden ones ∂A/∂θ.

    Parameters
    ----------
    parts : list of (v, φ(v)·W, weights)
        The products as `dot` made them; weights (n,) float64.
    """
    W, b, c = params["W"], params["b"], params["c"]
    mean_h, sums_h = _weighted_means(parts, hidden, c, scratch)
    states = [v for v, _, _ in parts]
    pairs: Any
    if all(isinstance(v, Bits) for v in states):
        sums_v = np.stack([_total_bits(v, w) for v, _, w in parts])
        pairs = _outer_bits(states, mean_h, W)
    else:
        start, pairs, sums_v = 0, np.zeros_like(W), np.empty((len(parts), len(b)))
        for k, (v, _, weights) in enumerate(parts):
            rows, v = mean_h[start : start + len(weights), : len(c)], values(v)
            pairs += visible.outer(v, rows)
            sums_v[k] = visible.total(v, weights)
            start += len(weights)
    together = {"b": sums_v.sum(0), "c": sums_h.sum(0)}
    for v, product, w in parts:
        slopes = (
            {f"v.{name}": d for name, d in visible.grad_theta(values(v)).items()} if visible.learns else {}
        )
        if hidden.learns:
            inputs = (c + product[:, : len(c)]).astype(np.float64)
            slopes |= {f"h.{name}": d for name, d in hidden.mean_theta(inputs).items()}
        for key, d in slopes.items():
            together[key] = together.get(key, 0.0) - w @ d
    first = {"b": sums_v[0], "c": sums_h[0]}
    return {"W": pairs} | _as(W.dtype, together), _as(W.dtype, first)


def _as(dtype: Any, arrays: Params) -> Params:
    return {key: value.astype(dtype) for key, value in arrays.items()}


def _weighted_means(
    parts: list[tuple[State, Array, Array]], hidden: Units, c: Array, scratch: Scratch
) -> tuple[Array, Array]:
    """weights·⟨φ(h)⟩ for the rows of all parts, one below the other, and each part's sum in float64."""
    from ebm.kernels.layers.two_states import mean_layer

    n, start = sum(len(weights) for _, _, weights in parts), 0
    out, sums = padded(scratch, "means", n, len(c), c.dtype), np.zeros((len(parts), len(c)))
    low = lower_state(hidden, c.dtype)
    for (_, product, weights), total in zip(parts, sums, strict=True):
        rows = out[start : start + len(weights)]
        w = weights.astype(c.dtype)
        if low is None:
            rows[:, : len(c)] = w[:, None] * hidden.mean(c + product[:, : len(c)])
            total += rows[:, : len(c)].sum(0, dtype=np.float64)
        else:
            mean_layer(rows.size * 8 > WORTH, product, len(c), c, low, w, rows, total)
        start += len(weights)
    return out, sums


def _total_bits(state: Any, weights: Array) -> Array:
    """Σ weights φ(v), float64."""
    from ebm.kernels.layers.bits import weighted_sum

    total = np.empty(64 * state.words.shape[1])
    weighted_sum(state.words, state.low, weights, total)
    return total[: state.n_units]


def _outer_bits(states: list[Any], mean_h: Array, W: Array) -> Deferred:
    """φ(v)ᵀ·mean_h for rows of bits; the bits of the samples are the inner dimension."""
    from ebm.kernels.layers.bits import product

    both = stacked(states)
    low, n, real = both.low, len(both), W.dtype.type
    by_unit, worth = both.columns[: both.n_units], n * W.size > 64 * WORTH

    def add(out: Array, keep: float, scale: float) -> None:
        product(worth, by_unit, n, mean_h[:n], False, low, real(keep), real(scale), out)

    return Deferred(W.shape, W.dtype, add)


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
    _fitting: object

    def __init__(self, state: State, units: Units) -> None:
        self.state, self._units = state, units

    @property
    def x(self) -> Array:
        """The visible states, (n_chains, n_visible), read-only: to change them, start other chains."""
        return read_only(values(self._state))

    def __repr__(self) -> str:
        shape = values(self._state).shape
        return f"BlockChains({shape[0]} chains of {shape[1]} visible units)"

    def fit(self, machine: RBM) -> None:
        """Look at chains that somebody brings: whether they are of such a machine.

        Raises
        ------
        EbmError
            They are those of another one.
        """
        state, h = self._state, self.h
        if h is None and self._fitting is machine.lows:  # an object of its own in each machine: seen before
            return
        same = self._units is machine.visible or self._units == machine.visible
        if isinstance(state, Bits):
            same = same and state.low.dtype == machine.dtype
        if h is not None:
            same = same and h.shape == (self._n, machine.n_hidden)
        if not same or state.shape[1] != machine.n_visible:
            raise EbmError(
                f"chains of {state.shape[1]} × {self._units}, {state.dtype}; expected those that start of"
                f" {machine!r} makes"
            )
        self._fitting = machine.lows

    @property
    def state(self) -> State:
        """The visible states as bits where they can be."""
        return self._state

    @state.setter
    def state(self, state: State) -> None:
        self._fitting = None
        self.move(state)

    def move(self, state: State) -> None:
        """Go to states that a sweep has drawn."""
        self._n = len(state.words if isinstance(state, Bits) else state)
        self._state, self.h = state, None
        self._kept = _Kept()

    def copy(self) -> BlockChains:
        """Chains at the same states, which go their own way."""
        twin = BlockChains(self._state, self._units)
        twin._kept, twin.h = self._kept, self.h
        self._kept.shared = True
        return twin

    def take(self, rows: Array) -> BlockChains:
        """New chains at the states of these rows; a product that stands goes along."""
        taken = BlockChains(self._state[rows], self._units)
        if self._kept.product is not None:
            taken.set_product(self._kept.version, self._kept.product[rows])
        if self.h is not None:
            taken.h = self.h[rows]
        return taken

    def product(self, version: object, units: Units, W: Array, scratch: Scratch) -> Array:
        """φ(v)·W as `dot` makes it, again when v or the parameters (their `version`) have changed."""
        kept = self._kept
        if kept.product is None or kept.version is not version:
            kept.version, kept.product = version, dot(self._state, units, W, scratch)
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
        return self._n


def multiply_together(
    chains: list[BlockChains], version: object, units: Units, W: Array, scratch: Scratch
) -> None:
    """One product for all chains of bits that lack theirs: its tables are made once."""
    lacking, states = [], []
    for c in chains:
        if isinstance(c.state, Bits) and not c.has_product(version):
            lacking.append(c)
            states.append(c.state)
    if len(lacking) < 2:
        return
    together, start = dot(stacked(states), units, W, scratch), 0
    for c in lacking:
        part, start = together[start : start + len(c)], start + len(c)
        c.set_product(version, part)


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


@dataclass(frozen=True)
class Layer:
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


@dataclass(frozen=True)
class Source:
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
        known = replace(source, known=np.ascontiguousarray(product[:, columns]))
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
        n_bits = state.n_units
        given = state.words, state.low, A, source.turned, np.empty((0, 0), A.dtype)
    else:
        n_bits, given = 0, (words[:0], low, A, source.turned, source.product(scratch))
    kept = old.words if isinstance(old, Bits) else words
    sample_layer(
        n * layer.n_units * (8 + n_bits // 16) > WORTH, given, layer.bias, layer.base, beta,
        A.dtype.type(1 - low), uniforms, layer.first, free, kept, words,
    )  # fmt: skip
    return Bits(words, layer.n_units, low)


def _mask(chosen: Array) -> Array:
    """A bool mask as words."""
    packed = as_bits(chosen[None].astype(np.float64), Bernoulli(), np.float64)
    assert packed is not None
    return packed.words[0]


def span(units: Units, n: int) -> int:
    """Positions of n units among the uniforms of a sweep: a type begins at a multiple of what words want."""
    return sum(_rounded(own.stop - own.start) for _, own, _ in units.parts(n))


def _hidden_layer(machine: RBM) -> Layer:
    c = machine.params["c"]
    return Layer(machine.hidden, c, np.zeros_like(c), machine.span, machine.n_hidden, machine.lows[1])


def _rounded(n: int) -> int:
    """n, or the next multiple of the uniforms that are made at once."""
    from ebm.kernels.numbers.random import TILE

    return -(-n // TILE) * TILE


def sweep_layers(
    machine: RBM,
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
    params, version, visible = machine.params, machine.version, machine.visible
    h_layer = _hidden_layer(machine)
    v_layer = Layer(visible, params["b"], base, 0, machine.n_visible, machine.lows[0], free)
    W, over = turned.read(params["W"], version, n)
    for _ in range(n):
        uniforms, v, h = rng.advance(), chains.state, chains.h
        if h is None:
            wanted = chains.wants_product(version)
            known = chains.product(version, visible, params["W"], scratch) if wanted else None
            given_v = Source(v, visible, params["W"], known=known)
            h = draw(h_layer, None, given_v, beta, uniforms, scratch)
        given_h = Source(h, machine.hidden, W, turned=over)
        chains.move(draw(v_layer, v, given_h, beta, uniforms, scratch))


def draw_ahead(machine: RBM, chains: BlockChains, rng: Stream, scratch: Scratch) -> None:
    """Draw the hidden states that the next sweep begins with, where φ(v)·W stands already.

    When the parameters change before that sweep, they are still states of the machine as it is now: the chain
    is then one of pairs (v, h), of which v moves first.
    """
    visible, W = machine.visible, machine.params["W"]
    if chains.has_product(machine.version):
        known = chains.product(machine.version, visible, W, scratch)
        source = Source(chains.state, visible, W, known=known)
        beta = np.ones(len(chains), W.dtype)
        chains.h = draw(_hidden_layer(machine), None, source, beta, rng.advance(), scratch)
