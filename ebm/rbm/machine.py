"""The machine itself: layers, energies, block Gibbs sweeps, and the machine protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ebm.arguments import (
    as_array,
    as_count,
    as_flag,
    as_float_type,
    as_number,
    as_numbers,
    as_place,
)
from ebm.arrays import Owned, row_blocks, sound
from ebm.bits import Bits, as_bits, lower_state
from ebm.errors import EbmError, printable
from ebm.gaps import as_mask, marginal_rows
from ebm.graph import Graph, two_layers
from ebm.machine import (
    Array,
    Base,
    Count,
    FloatType,
    Params,
    Positive,
    Scan,
    as_base,
    as_beta,
    as_free,
    as_rows,
    as_sweeps,
)
from ebm.rbm.chains import BlockChains
from ebm.rbm.conditioning import conditioned
from ebm.rbm.enumeration import has_density, require_sum, sum_machine
from ebm.rbm.parameters import (
    centred,
    curvatures,
    first_values,
    random_weights,
    standardised,
    take_parameters,
    uncentred,
)
from ebm.rbm.products import as_state, dot_vector, layer_cgf, values
from ebm.rbm.sites import conditional, site_contrast, site_energies
from ebm.rbm.statistics import statistics_of_chains
from ebm.rbm.sweeping import Layer, Turned, draw_ahead, filled, span, sweep_layers
from ebm.scratch import Scratch
from ebm.stream import Seed, Stream, as_stream
from ebm.units import Bernoulli, Units
from ebm.units.family import as_units, bound

__all__ = ["RBM"]


class RBM:
    """A restricted Boltzmann machine with any unit types.

    Parameters
    ----------
    visible, hidden : Units
        ``Bernoulli()``, ``Ising()``, ``Gaussian()``, ``Potts(q)``, your own, or `Mixed` of these.
    W : array_like, (n_visible·width, n_hidden·width)
        Couplings; float32 if all three arrays are, else float64. Copied.
    b : array_like, (n_visible·width,)
        Visible biases.
    c : array_like, (n_hidden·width,)
        Hidden biases.
    theta : mapping of str to array_like, (n_visible,) or (n_hidden,), optional
        Numbers of potentials that units learn, by the names that they have among the parameters, such as
        ``{"v.precision": [4.0, 1.0]}`` of visible units ``Gaussian(learn_precision=True)``; what is left out
        has the units' first values.

    Raises
    ------
    EbmError
        Shapes that do not fit, values that are not finite, or not positive where they have to be.
    NotSupported
        Counts; hidden units whose learnt numbers would be redundant, such as precisions.

    References
    ----------
    Smolensky (1986); Hinton, "Training products of experts by minimizing contrastive divergence" (2002).

    Examples
    --------
    >>> import numpy as np, ebm
    >>> machine = ebm.RBM(ebm.Bernoulli(), ebm.Bernoulli(), np.zeros((3, 2)), np.zeros(3), np.zeros(2))
    >>> log_z, stats = machine.exact()
    >>> round(log_z, 4), stats["b"]
    (3.4657, array([0.5, 0.5, 0.5]))
    """

    couplings, biases, share = ("W",), ("b", "c"), 1.0
    sums_out = True
    scans: tuple[Scan, ...] = ("auto", "chromatic")
    hidden_biases = ("c", slice(None))

    def __init__(
        self,
        visible: Units,
        hidden: Units,
        W: ArrayLike,
        b: ArrayLike,
        c: ArrayLike,
        *,
        theta: Mapping[str, ArrayLike] | None = None,
    ) -> None:
        self._params = take_parameters(visible, hidden, W, b, c, theta)
        self._visible, self._hidden = visible, hidden
        self._n_visible, self._n_hidden = visible.count(len(self.b)), hidden.count(len(self.c))
        self.span = span(visible, self._n_visible)
        self.lows = lower_state(visible, self.dtype), lower_state(hidden, self.dtype)
        self._tie()
        self.version = object()
        self._scratch = Scratch()
        self._turned = Turned(hidden.finite)

    def _tie(self) -> None:
        """Let units work with the arrays of `params`: new ones, or written apart, as joblib does."""
        self._visible = bound(self._visible, self._params, "v")
        self._hidden = bound(self._hidden, self._params, "h")
        b, c = self._params["b"], self._params["c"]
        self.layers = (
            Layer(self._visible, b, np.zeros_like(b), 0, self._n_visible, self.lows[0]),
            Layer(self._hidden, c, np.zeros_like(c), self.span, self._n_hidden, self.lows[1]),
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._tie()

    @classmethod
    def random(
        cls,
        visible: Units,
        hidden: Units,
        n_visible: int,
        n_hidden: int,
        *,
        scale: float = 0.01,
        seed: Seed = 0,
        dtype: FloatType = np.float32,
    ) -> RBM:
        """Make a machine with normal weights of standard deviation `scale` and zero biases.

        float32, as of `from_data`, takes half the time of float64, which is for exact work.
        """
        visible, hidden = as_units(visible, "visible"), as_units(hidden, "hidden")
        rows = visible.columns(as_count(n_visible, "n_visible"))
        columns = hidden.columns(as_count(n_hidden, "n_hidden"))
        W = random_weights(rows, columns, scale, seed)
        dtype = as_float_type(dtype)
        return cls(visible, hidden, *(a.astype(dtype) for a in (W, np.zeros(rows), np.zeros(columns))))

    @classmethod
    def from_data(
        cls,
        data: ArrayLike,
        n_hidden: Count,
        *,
        visible: Units = Bernoulli(),
        hidden: Units = Bernoulli(),
        scale: Positive = 0.01,
        spread: Positive | None = None,
        seed: Seed = 0,
        dtype: FloatType = np.float32,
    ) -> RBM:
        """Make a machine that starts as the product of the data's marginals.

        Visible biases are the inputs whose means are the data's, kept half a row away from the ends, and
        precisions that are learnt start at one over the data's variances; hidden biases are zero, weights
        normal with standard deviation `scale` (Hinton 2012, section 8).

        With a `spread`, weights have the size, in place of `scale`, with which the inputs of hidden units
        differ by so much from row to row, whatever the data are measured in, and biases are such that these
        inputs are 0 on the average: hidden means are features from the start. They differ by less where units
        are noisier than the data, and where the layers would order by themselves, without data.

        Parameters
        ----------
        data : array_like, (n, n_visible)
        n_hidden : int
            Hidden units.
        visible, hidden : Units
            The types of the two layers' units.
        scale : float
            Standard deviation of the weights.
        spread : float, optional
            In place of `scale`: by how much the inputs of hidden units differ from row to row.
        seed : int
            Of the weights.
        dtype : {"float32", "float64"}
            Of the parameters.
        """
        data = as_units(visible, "visible").check(marginal_rows(as_array(data, "data")))
        if data.ndim != 2 or 0 in data.shape:
            raise EbmError(f"data: expected rows of units, got shape {data.shape}")
        scale = scale if spread is None else 1.0
        machine = cls.random(visible, hidden, data.shape[1], n_hidden, scale=scale, seed=seed, dtype=dtype)
        first_values(machine, data, spread)
        machine.project()
        return machine

    @property
    def params(self) -> Owned:
        """W, b, c and what units learn: live arrays; whoever changes them calls `project`."""
        return self._params

    @property
    def visible(self) -> Units:
        """The type of the visible units."""
        return self._visible

    @property
    def hidden(self) -> Units:
        """The type of the hidden units."""
        return self._hidden

    @property
    def n_visible(self) -> int:
        """Visible units."""
        return self._n_visible

    @property
    def n_hidden(self) -> int:
        """Hidden units."""
        return self._n_hidden

    @property
    def units(self) -> Units:
        """The type of the units in x: the visible one."""
        return self._visible

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the parameters."""
        return self.params["W"].dtype

    n_units = property(lambda self: self.n_visible, doc="Units in x.")
    W = property(lambda self: self.params["W"], doc="Couplings, (n_visible·width, n_hidden·width).")
    b = property(lambda self: self.params["b"], doc="Visible biases.")
    c = property(lambda self: self.params["c"], doc="Hidden biases.")

    def copy(self) -> RBM:
        """An independent machine with the same parameters."""
        theta = {key: value for key, value in self.params.items() if key not in ("W", "b", "c")}
        return RBM(self.visible, self.hidden, self.W, self.b, self.c, theta=theta)

    def __repr__(self) -> str:
        size = f"{self.n_visible} × {self.n_hidden}"
        return printable(f"RBM({self.visible}, {self.hidden}, {size}, {self.dtype})")

    def graph(self) -> Graph:
        """All units, the hidden ones last, as a pairwise model: a copy of today's parameters, float64."""
        own = {key: value.astype(np.float64) for key, value in self.params.items()}
        layers = bound(self.visible, own, "v"), bound(self.hidden, own, "h")
        return two_layers(*layers, *(own[key] for key in "Wbc"))

    def moment_stats(self, second: Array, mean: Array) -> Params:
        """`stats` made of ⟨φφᵀ⟩ and ⟨φ⟩ over all units, the hidden ones last."""
        n = len(self.b)
        found = {"W": second[:n, n:], "b": mean[:n], "c": mean[n:]}
        return {key: value.astype(self.dtype) for key, value in found.items()}

    def inputs_h(self, v: ArrayLike) -> Array:
        """Inputs of the hidden units, c + φ(v)·W, math.md (4.2): (n, n_visible) -> (n, n_hidden·width)."""
        return self.c + self.product(self._chains(v))[:, : len(self.c)]

    def inputs_v(self, h: ArrayLike) -> Array:
        """Inputs of the visible units, b + φ(h)·Wᵀ: (n, n_hidden) -> (n, n_visible·width)."""
        h = self.hidden.as_states(as_rows(h, self.hidden, self.n_hidden, "h"), self.dtype)
        return self.b + self.hidden.dot(h, self.W.T)

    def _blocks(self, v: Any) -> list[slice]:
        """Rows of data in blocks by what is made for each of them; one of chains, and of what is no rows."""
        held = isinstance(v, (BlockChains, Bits)) or v.ndim != 2
        return row_blocks(0 if held else len(v), sum(self._params["W"].shape))

    @staticmethod
    def _given(x: Any) -> Any:
        """Chains and bits as they are, of anything else the array that it holds."""
        return x if isinstance(x, (BlockChains, Bits)) else as_array(x, "x")

    def _by_rows(self, function: Callable[[Any], Array], v: Any) -> Array:
        """A function of rows of data, of some of them at a time."""
        v = self._given(v)
        blocks = self._blocks(v)
        if len(blocks) == 1:
            return function(v)
        first = function(v[blocks[0]])
        out = np.empty((len(v), *first.shape[1:]), first.dtype)
        out[blocks[0]] = first
        for k in blocks[1:]:
            out[k] = function(v[k])
        return out

    def mean_h(self, v: ArrayLike) -> Array:
        """⟨φ(h)⟩ given v, (n, n_hidden·width)."""
        return self._by_rows(lambda rows: self.hidden.mean(self.inputs_h(rows)), v)

    def mean_v(self, h: ArrayLike) -> Array:
        """⟨φ(v)⟩ given h, (n, n_visible·width)."""
        return self.visible.mean(self.inputs_v(h))

    def sample_h(self, v: ArrayLike, rng: Stream) -> Array:
        """Draw h given v, (n, n_hidden)."""
        I = self.inputs_h(v)
        return self.hidden.sample(I, as_stream(rng).uniform(len(I), self.n_hidden, self.dtype))

    def sample_v(self, h: ArrayLike, rng: Stream) -> Array:
        """Draw v given h, (n, n_visible)."""
        I = self.inputs_v(h)
        return self.visible.sample(I, as_stream(rng).uniform(len(I), self.n_visible, self.dtype))

    def reconstruct(self, v: ArrayLike) -> Array:
        """Means of v given the hidden means of v, (n, n_visible·width)."""
        return self._by_rows(lambda rows: self.visible.mean(self.b + self.mean_h(rows) @ self.W.T), v)

    def energy(self, v: ArrayLike, h: ArrayLike) -> Array:
        """E(v, h), docs/math.md (4.1): (n,) float64, nats."""
        v, h = as_rows(v, self.visible, self.n_visible, "v"), as_rows(h, self.hidden, self.n_hidden, "h")
        if len(v) != len(h) and 1 not in (len(v), len(h)):
            raise EbmError(f"h: expected {len(v)} rows, as of v, got {len(h)}")
        phi_v, phi_h = self.visible.encode(v), self.hidden.encode(h)
        potential = self.visible.potential(v).sum(-1) + self.hidden.potential(h).sum(-1)
        W, b, c = (p.astype(np.float64) for p in (self.W, self.b, self.c))
        return potential - phi_v @ b - phi_h @ c - np.einsum("ni,ni->n", phi_v @ W, phi_h)

    def start(self, x: ArrayLike) -> BlockChains:
        """Make running chains from visible states, (n_chains, n_visible); x is copied."""
        x = x if isinstance(x, Bits) else as_array(x, "x")
        if x.shape[1:] == (self._n_visible,) and x.dtype.kind in "biuf":
            bits = as_bits(x, self._visible, self._params["W"].dtype)
            if bits is not None:  # states, so there is nothing left to check
                return BlockChains(bits, self._visible, self.lows)
        means = as_rows(x, self.visible, self.n_visible)
        return BlockChains(self._visible.as_states(means, self.dtype).copy(), self._visible, self.lows)

    def carry(self, chains: BlockChains, rng: Stream) -> tuple[Any, Any]:
        """v and, where φ(v)·W stands, h to begin the next sweep with, else None: v then moves first."""
        draw_ahead(self, self._params["W"], self._chains(chains), rng, self._scratch)
        return chains.v, chains.h

    def restart(self, x: Any, ahead: Any = None) -> BlockChains:
        """Running chains from what `carry` returned; they may have become NaN with the parameters."""
        n, shape = x.shape[0], x.shape if ahead is None else ahead.shape
        if x.shape != (n, self._n_visible) or (ahead is not None and shape != (n, self._n_hidden)):
            raise EbmError(f"chains: {x.shape} and {shape} do not fit {self}")
        h = None if ahead is None else self._state(ahead, 1)
        chains = BlockChains(self._state(x, 0), self._visible, self.lows)
        chains.h = h
        return chains

    def _state(self, x: Any, layer: int) -> Any:
        """States of a layer in the form that products want."""
        low, units = self.lows[layer], self.layers[layer].units
        if isinstance(x, Bits) and low is not None and x.low.dtype == low.dtype and x.low == low:
            return x
        return as_state(x, units, self._params["W"].dtype)

    def store(self, data: Array) -> Any:
        """Rows of data, to be indexed by rows and then started: as bits where they are states of two."""
        data = as_array(data, "data")
        if data.shape[1:] != (self.n_visible,) or data.dtype.kind not in "biuf":
            as_rows(data, self.visible, self.n_visible, "data")  # says what is wrong
        bits = as_bits(data, self.visible, self.dtype)
        return data if bits is None else bits

    def _chains(self, x: Any) -> BlockChains:
        if not isinstance(x, BlockChains):
            return self.start(x)
        if x.fitting is not self.lows:  # an object of its own in each machine: else seen before, or made here
            x.fit(self)
        return x

    def product(self, chains: BlockChains) -> Array:
        """φ(v)·W with columns added to make a multiple of 64, kept in the chains."""
        return chains.product(self.version, self._visible, self._params["W"], self._scratch)

    def free_energy(self, x: Any, beta: ArrayLike = 1.0, base: Base = None) -> Array:
        """F_β(v), hidden units summed, docs/math.md (4.4): nats, float64.

        beta is a scalar, (n,) or (k, n), and so is the result, (n,) or (k, n); base are the visible inputs
        at β = 0, (n_visible·width,), None for zero.
        """
        if isinstance(x, BlockChains):
            return self._free_energy(x, beta, base)
        x = self._given(x)
        blocks = self._blocks(x)
        if len(blocks) == 1:
            return self._free_energy(x, beta, base)
        beta = as_beta(beta, len(x))
        return np.concatenate([self._free_energy(x[k], beta[..., k], base) for k in blocks], axis=-1)

    def _free_energy(self, x: Any, beta: ArrayLike, base: Base) -> Array:
        chains, visible, b, c = self._chains(x), self._visible, self._params["b"], self._params["c"]
        product = chains.product(self.version, visible, self._params["W"], self._scratch)
        state, beta = chains.v, as_beta(beta, chains.n)
        rows = np.atleast_2d(beta)
        energy = np.empty(rows.shape)
        layer_cgf(self._hidden, product, c, rows, energy)
        energy += rows * dot_vector(state, visible, b)
        if base is not None:
            energy += (1 - rows) * dot_vector(state, visible, as_base(base, len(b), np.float64))
        np.negative(energy, out=energy)
        if not visible.bare:
            energy += visible.potential(values(state)).sum(-1, dtype=np.float64)
        return energy.reshape(beta.shape)

    def sweep(
        self,
        x: Any,
        rng: Stream,
        n: int = 1,
        beta: ArrayLike = 1.0,
        base: Base = None,
        free: Array | None = None,
        scan: Scan = "auto",
    ) -> Any:
        """n sweeps of block Gibbs sampling: h given v, then v given h.

        Parameters
        ----------
        x : (n_chains, n_visible) or Chains
            Chains are changed in place; an array is left alone.
        rng : Stream
            Advanced by n.
        beta : scalar or (n_chains,)
        base : (n_visible·width,), optional
        free : bool mask, (n_visible,), optional
            Visible units that may change.
        scan : {"auto", "chromatic"}
            Layer by layer is the chromatic scan of this machine, and its only one.

        Raises
        ------
        NotSupported
            Another scan.
        """
        chains = self._chains(x)
        W, b = self._params["W"], self._params["b"]
        n, hot, cold, free = as_sweeps(self, b, n, chains.n, beta, base, free, rng, scan)
        sweep_layers(self, W, chains, rng, n, hot, cold, free, self._turned, self._scratch)
        return chains if isinstance(x, BlockChains) else values(chains.v)

    def fill(self, x: Array, gaps: Array, rng: Stream, n: int = 1) -> Array:
        """n sweeps of the units `gaps`, (n_chains, n_visible) bool, of states x; the others are held."""
        chains = self.start(x)
        mask = as_mask(gaps, (chains.n, self._n_visible))
        rng = as_stream(rng)
        return filled(self, chains, mask, lambda: self.sweep(chains, rng), as_count(n, "n", 0))

    def local_inputs(self, x: Any, rng: Stream) -> Array:
        """Inputs of the visible units given hidden units drawn given x, (n, n_visible·width)."""
        return self.inputs_v(self.sample_h(x, rng))

    def stats(self, x: Any, weights: Array | None = None) -> Params:
        """−∂F/∂ params, the weighted sum over rows, docs/math.md (4.5), (4.8)."""
        return {key: np.asarray(value) for key, value in self._statistics((x, weights, 1.0))[0].items()}

    def contrast(
        self, x: Any, weights: Array | None, y: Any, others: Array | None = None
    ) -> tuple[Params, Params]:
        """stats(x, weights) − stats(y, others), where that of W may be `Deferred`; the first of b and c."""
        return self._statistics((x, weights, 1.0), (y, others, -1.0))

    def _statistics(self, *parts: tuple[Any, Array | None, float]) -> tuple[dict[str, Any], Params]:
        chains = [(self._chains(x), weights, factor) for x, weights, factor in parts]
        return statistics_of_chains(chains, self.version, self.layers, self._params, self._scratch)

    def site_energies(self, x: Any, i: int, states: Array | None = None) -> Array:
        """F of v with v_i in each of `states` (its own): (n, n_states), nats, less a constant of the row."""
        chains, i = self._chains(x), as_place(i, self.n_visible, "unit i")
        own, product = self.visible.own(i), self.product(chains)
        at = self.W[own], self.b[own], self.c
        return site_energies(self.visible.one(i), self.hidden, values(chains.v)[:, i], product, *at, states)

    def site_contrast(self, x: Any, weights: Array) -> Params:
        """Σ weights (stats of v with one unit changed − stats of v), weights (n, n_visible, n_states)."""
        chains = self._chains(x)
        v, product = values(chains.v), self.product(chains)
        return site_contrast(self.visible, self.hidden, v, product, self.params, weights)

    def conditional(self, x: Any, i: int, weights: Array, scale: Array | None = None) -> tuple[Params, Array]:
        """∂/∂params of Σ weights log p(v_i | the others), and log p of each row, nats, math.md (4.11).

        scale: factors of the states, (n, n_visible), such as a mask of dropout; 1 for units of q states.
        """
        chains, layers, i = (
            self._chains(x),
            (self.visible, self.hidden),
            as_place(i, self.n_visible, "unit i"),
        )
        v = values(chains.v) if scale is None else chains.x * as_numbers(scale, "scale", chains.x.shape)
        weights = sound(as_numbers(weights, "weights", (len(v),)), np.float64)
        return conditional(layers, v, i, self.params, weights, self._scratch)

    def posterior_stats(self, v: Array, weights: Array | None = None) -> Params:
        """The same as `stats`: the hidden units are summed already."""
        return self.stats(v, weights)

    def visible_free_energy(self, v: Array) -> Array:
        """The same as `free_energy`."""
        return self.free_energy(v)

    def clamp(self, v: Array, rng: Stream, n: int = 10) -> Array:
        """Data are states: v itself."""
        return v

    def condition(self, given: ArrayLike) -> tuple[RBM, float]:
        """The machine of the free visible units given the others, docs/math.md (3.6).

        Parameters
        ----------
        given : (n_visible,)
            States of the clamped units, NaN for the free ones.

        Returns
        -------
        machine : RBM
            With the same hidden units, whose inputs the clamped units shift.
        energy : float
            What the clamped units add to its energy, nats.

        Examples
        --------
        >>> import numpy as np, ebm
        >>> pair = ebm.RBM(ebm.Bernoulli(), ebm.Bernoulli(), [[2.0], [1.0]], [0.5, 0.0], [0.0])
        >>> rest, energy = pair.condition([1, np.nan])
        >>> rest.c, energy
        (array([2.]), -0.5)
        """
        left, energy = conditioned(self, given)
        return RBM(**left), energy

    def curvature(self, v: ArrayLike) -> dict[str, float]:
        """Of each parameter, what no eigenvalue of its Fisher matrix is much above, docs/math.md (5.7a).

        Gradient ascent by a rate below two over it does not overshoot, as far as rows v show.
        """
        return curvatures(self, as_rows(v, self.visible, self.n_visible, "v"))

    def project(self) -> None:
        """Keep learnt potentials in range; products kept in running chains are made again."""
        self._params.check()
        self.version = object()
        self._tie()

    def centre(self, gradient: Params, offsets: Params) -> Params:
        """The gradient in centred coordinates, offsets μ = offsets["b"], λ = offsets["c"], math.md (5.4)."""
        return centred(gradient, self.visible, offsets["b"], offsets["c"], self._scratch)

    def standardise(self, gradient: Params, offsets: Params) -> Params:
        """Centred gradients over the variances of units with those means, docs/math.md (5.6a)."""
        return standardised(gradient, self.visible.spread(offsets["b"]), self.hidden.spread(offsets["c"]))

    def uncentre(self, step: Params, offsets: Params) -> Params:
        """A step in centred coordinates as a step of the parameters, docs/math.md (5.4)."""
        return uncentred(step, self.visible, offsets["b"], offsets["c"])

    def sample0(self, n: int, rng: Stream, base: Base = None) -> Array:
        """Draw v at β = 0: independent, with inputs `base`."""
        n, cold = as_count(n, least=0), as_base(base, len(self.b), self.dtype)
        I = np.broadcast_to(cold, (n, len(self.b)))
        return self.visible.sample(I, as_stream(rng).uniform(n, self.n_visible, self.dtype))

    def log_z0(self, base: Base = None) -> float:
        """log Z at β = 0, docs/math.md (2.3)."""
        cold = as_base(base, len(self.b), np.float64)
        return float(self.visible.cgf(cold).sum() + self.hidden.cgf(np.zeros(len(self.c))).sum())

    def exact(self, beta: float = 1.0, *, stats: bool = True) -> tuple[float, Params]:
        """(log Z_β, expected stats), summing the layer with fewer states, docs/math.md (4.6)–(4.7).

        Without `stats` the expectations are left out (an empty dict), in half the time.

        Raises
        ------
        TooLarge
            More than 2³³ terms (states of the smaller layer × inputs of the other).
        """
        return sum_machine(
            self.visible, self.hidden, self.params, as_number(beta, "beta"), as_flag(stats, "stats")
        )

    def require_exact(self) -> None:
        """Raise `TooLarge` if `exact` would."""
        require_sum(self.visible, self.hidden, self.params)

    def normalisable(self, beta: float = 1.0, free: Array | None = None) -> bool:
        """False where couplings of real units outgrow their potentials: of normal units, a singular value of
        λ^−½·βW of 1 or more. Of the rows of W that count are those of a mask of visible units `free`."""
        visible, W, free = self.visible, as_number(beta, "beta") * self.W, as_free(free, self.n_visible)
        if free is not None:
            visible, W = visible.taken(free), W[free[visible.owners(self.n_visible)]]
        return has_density(visible, self.hidden, W)
