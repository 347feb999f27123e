"""A restricted machine of some units given others: inputs shift the biases."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ebm.arguments import as_array, as_clamped, as_count, as_flag, as_float_type, as_number, as_numbers
from ebm.arrays import Owned, float_dtype, parameter, row_blocks
from ebm.errors import EbmError, NotSupported, printable
from ebm.gaps import as_mask, opened, refuse_empty, refuse_unknown_inputs
from ebm.machine import (
    Array,
    Base,
    Count,
    FloatType,
    Params,
    Positive,
    Scan,
    as_beta,
    as_rows,
    as_sweeps,
    as_weights,
)
from ebm.rbm.inputs import InputChains, annealed_rows, drawn_rows, linear_start, sums_of_rows
from ebm.rbm.machine import RBM
from ebm.rbm.parameters import random_weights
from ebm.rbm.products import dot, values
from ebm.rbm.sites import site_changes, site_energies
from ebm.rbm.statistics import statistics_of_chains
from ebm.rbm.sweeping import Source, draw, filled
from ebm.scratch import Scratch
from ebm.stream import Seed, Stream, as_stream
from ebm.units import Bernoulli, Gaussian, Mixed, Units
from ebm.units.family import as_units

__all__ = ["ConditionalRBM"]


class ConditionalRBM:
    """p(v | x): a restricted Boltzmann machine whose biases inputs x shift, docs/math.md (4.21).

    A row is x, then v: wherever a machine takes rows of data or states, this one takes both side by side.
    Inputs are numbers of any kind, held as they are; every rule, sampler and score is of v given them. Lagged
    values as inputs (`ebm.lagged`) make it a model of a time series, labels one of images of a class. NaN
    among v is a unit that was not observed; inputs have no gaps.

    Parameters
    ----------
    visible, hidden : Units
        The types of v and of the hidden units.
    W : array_like, (n_outputs·width, n_hidden·width)
        Couplings of v and the hidden units.
    b, c : array_like
        Biases of v and of the hidden units: their inputs at x = 0.
    A : array_like, (n_inputs, n_outputs·width)
        What inputs add to b: direct, or autoregressive, couplings.
    B : array_like, (n_inputs, n_hidden·width)
        What inputs add to c.
    theta : mapping, optional
        Numbers of potentials that units learn, as of `RBM`.

    Raises
    ------
    EbmError
        Shapes that do not fit, or values that are not finite.

    References
    ----------
    Taylor, Hinton & Roweis, "Modeling human motion using binary latent variables" (2007); Mnih, Larochelle &
    Hinton, "Conditional restricted Boltzmann machines for structured output prediction" (2011).

    Examples
    --------
    >>> import numpy as np, ebm
    >>> x = np.random.default_rng(0).normal(size=(500, 1))
    >>> v = np.sign(x) * [1, 1, -1]
    >>> rows = np.hstack([x, v])
    >>> machine = ebm.ConditionalRBM.from_data(rows, 1, 2, visible=ebm.Ising())
    >>> _ = ebm.fit(machine, rows, rule=ebm.CD(), epochs=5)
    >>> machine.means([[2.0], [-2.0]]).round()
    array([[ 1.,  1., -1.],
           [-1., -1.,  1.]])
    """

    couplings, biases, share = ("W", "A", "B"), ("b", "c"), 1.0
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
        A: ArrayLike,
        B: ArrayLike,
        *,
        theta: Any = None,
    ) -> None:
        dtype = float_dtype(*(as_numbers(a, name) for a, name in zip((W, b, c, A, B), "WbcAB", strict=True)))
        self._core = RBM(visible, hidden, np.asarray(W, dtype), b, c, theta=theta)
        core, A = self._core.params, as_numbers(A, "A")
        if A.ndim != 2 or not len(A):
            raise EbmError(f"A: expected shape (n_inputs, n_outputs·width), one input or more, got {A.shape}")
        dtype, self._n_inputs = core["W"].dtype, len(A)
        into = {
            "A": parameter(A, (len(A), len(core["b"])), dtype, "A"),
            "B": parameter(B, (len(A), len(core["c"])), dtype, "B"),
        }
        self._params = Owned({key: core[key] for key in "Wbc"} | into | core)
        self._scratch = Scratch()
        self._bind()

    @classmethod
    def random(
        cls,
        visible: Units,
        hidden: Units,
        n_inputs: int,
        n_outputs: int,
        n_hidden: int,
        *,
        scale: float = 0.01,
        seed: Seed = 0,
        dtype: FloatType = np.float32,
    ) -> ConditionalRBM:
        """Make a machine with normal weights of standard deviation `scale` and zero biases."""
        core = RBM.random(visible, hidden, n_outputs, n_hidden, scale=scale, seed=seed, dtype=dtype)
        n, columns = as_count(n_inputs, "n_inputs"), len(core.b) + len(core.c)
        into = np.hsplit(random_weights(n, columns, scale, Stream(seed).split(1).key), [len(core.b)])
        dtype = as_float_type(dtype)
        return cls(visible, hidden, *(a.astype(dtype) for a in (core.W, core.b, core.c, *into)))

    @classmethod
    def from_data(
        cls,
        rows: ArrayLike,
        n_inputs: Count,
        n_hidden: Count,
        *,
        visible: Units = Bernoulli(),
        hidden: Units = Bernoulli(),
        scale: Positive = 0.01,
        seed: Seed = 0,
        dtype: FloatType = np.float32,
    ) -> ConditionalRBM:
        """Make a machine that starts as the best independent units whose inputs are linear in x.

        For real units that is least squares, with lagged values a vector autoregression; logistic regression
        for two-state ones. Weights to hidden units are normal, those of inputs per standard deviation.

        Parameters
        ----------
        rows : array_like, (n, n_inputs + n_outputs)
            Inputs, then the units that they shift, of which NaN were not observed.
        n_inputs : int
        n_hidden : int
        visible, hidden : Units
        scale : float
            Standard deviation of the weights to hidden units.
        seed : int
        dtype : {"float32", "float64"}
        """
        visible, n_inputs = as_units(visible, "visible"), as_count(n_inputs, "n_inputs")
        rows = as_array(rows, "rows")
        if rows.ndim != 2 or rows.shape[1] <= n_inputs or not len(rows):
            raise EbmError(f"rows: expected {n_inputs} inputs and some outputs in each, got {rows.shape}")
        refuse_unknown_inputs(rows, n_inputs, "rows")
        x, n_outputs = Gaussian().check(rows[:, :n_inputs], "rows: inputs"), rows.shape[1] - n_inputs
        v, gaps = opened(visible, rows[:, n_inputs:], "rows: outputs")
        refuse_empty(gaps, "rows: outputs")
        made = cls.random(visible, hidden, n_inputs, n_outputs, n_hidden, scale=scale, seed=seed)
        b, A, theta = linear_start(visible, x, v, gaps)
        spread = x.std(0, dtype=np.float64)
        B = made.params["B"] / np.where(spread > 0, spread, 1.0)[:, None]
        dtype, (W, c) = as_float_type(dtype), (made.params[key] for key in "Wc")
        arrays = (a.astype(dtype) for a in (W, b, c - x.mean(0) @ B, A, B))
        return cls(
            visible, hidden, *arrays, theta={f"v.{k}": np.asarray(t, dtype) for k, t in theta.items()} or None
        )

    @property
    def params(self) -> Owned:
        """W, b, c, A, B and what units learn: live arrays; whoever changes them calls `project`."""
        return self._params

    @property
    def visible(self) -> Units:
        """The type of the units that inputs shift."""
        return self._core.visible

    @property
    def hidden(self) -> Units:
        """The type of the hidden units."""
        return self._core.hidden

    @property
    def units(self) -> Units:
        """The types of the units in a row: real inputs, then those that they shift."""
        return self._units

    @property
    def n_inputs(self) -> int:
        """Inputs, the first units of a row."""
        return self._n_inputs

    @property
    def n_outputs(self) -> int:
        """Units that inputs shift, the last of a row."""
        return self._core.n_visible

    @property
    def n_visible(self) -> int:
        """Units in a row of data: inputs and outputs."""
        return self.n_inputs + self.n_outputs

    n_units = property(lambda self: self.n_visible, doc="Units in x: inputs and outputs.")

    @property
    def n_hidden(self) -> int:
        """Hidden units."""
        return self._core.n_hidden

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the parameters."""
        return self._core.dtype

    def __repr__(self) -> str:
        sizes = f"{self.n_outputs} × {self.n_hidden} given {self.n_inputs}"
        return printable(f"ConditionalRBM({self.visible}, {self.hidden}, {sizes}, {self.dtype})")

    def copy(self) -> ConditionalRBM:
        """An independent machine with the same parameters."""
        theta = {key: value for key, value in self.params.items() if key not in tuple("WbcAB")}
        return ConditionalRBM(
            self.visible, self.hidden, *(self.params[key] for key in "WbcAB"), theta=theta or None
        )

    def project(self) -> None:
        """Keep learnt potentials in range; what running chains keep is made again."""
        self._params.check()
        self._core.params.share({key: self._params[key] for key in self._core.params})
        self._core.project()
        self._bind()

    def _bind(self) -> None:
        """The units of a row, those of v with the potentials that they have learnt."""
        parts = [(own, p.stop - p.start) for own, p, _ in self._core.visible.parts(self.n_outputs)]
        self._units = Mixed(((Gaussian(), self.n_inputs), *parts))

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.project()  # joblib writes arrays that are shared apart

    def _inputs(self, x: ArrayLike) -> Array:
        """Rows of inputs, checked."""
        x = as_numbers(x, "x")
        if x.ndim != 2 or x.shape[1] != self.n_inputs or not np.isfinite(x).all():
            raise EbmError(f"x: expected finite inputs, (n, {self.n_inputs}), got shape {x.shape}")
        return x.astype(self.dtype)

    def start(self, x: ArrayLike) -> InputChains:
        """Make running chains from rows, inputs and outputs; x is copied."""
        return self.restart(as_rows(as_array(x, "x"), self.units, self.n_units))

    def carry(self, chains: InputChains, rng: Stream) -> tuple[Array, None]:
        """The rows; every sweep draws hidden units anew."""
        return np.array(self._chains(chains).x), None

    def restart(self, x: Array, ahead: Array | None = None) -> InputChains:
        """Running chains from what `carry` returned; they may have become NaN with the parameters."""
        if x.ndim != 2 or x.shape[1] != self.n_units:
            raise EbmError(f"chains: expected shape (n, {self.n_units}), got {x.shape}")
        rows = self._core.restart(x[:, self.n_inputs :])
        return InputChains(np.array(x[:, : self.n_inputs], self.dtype), rows)

    def store(self, data: Array) -> Array:
        """Rows of data as they are."""
        return data

    def _chains(self, x: Any) -> InputChains:
        """Running chains with what inputs add, and with the product that an RBM's functions take."""
        chains = x if isinstance(x, InputChains) else self.start(x)
        core, c = self._core, self._params["c"]
        if chains.inputs.shape[1] != self.n_inputs or chains.inputs.dtype != self.dtype:
            raise EbmError(f"{chains!r}; expected those that start of {self!r} makes")
        core._chains(chains.rows)
        chains.shift(core.version, self._params["A"], self._params["B"])
        if not chains.rows.has_product(core.version):
            product = dot(chains.rows.v, core.visible, self._params["W"], self._scratch)
            product[:, : len(c)] += chains.to_hidden
            chains.rows.set_product(core.version, product)
        return chains

    def _product(self, chains: InputChains) -> Array:
        """φ(v)·W + x·B."""
        return self._core.product(chains.rows)

    def mean_h(self, x: ArrayLike) -> Array:
        """⟨φ(h)⟩ given a row, (n, n_hidden·width)."""
        c = self._params["c"]
        return self.hidden.mean(c + self._product(self._chains(x))[:, : len(c)])

    def free_energy(self, x: Any, beta: ArrayLike = 1.0, base: Base = None) -> Array:
        """F_β(v | x), hidden units summed, docs/math.md (4.22): nats, float64.

        −log p(v | x) is that plus log Z(x). beta and base as of `RBM.free_energy`.
        """
        if isinstance(x, InputChains):
            return self._free_energy(self._chains(x), beta, base)
        x = as_rows(x, self.units, self.n_units)
        blocks = row_blocks(len(x), sum(len(self._params[key]) for key in self.biases))
        if len(blocks) == 1:
            return self._free_energy(self._chains(x), beta, base)
        beta = as_beta(beta, len(x))
        return np.concatenate([self._free_energy(self._chains(x[k]), beta[..., k], base) for k in blocks], -1)

    def _free_energy(self, chains: InputChains, beta: ArrayLike, base: Base) -> Array:
        phi = self.visible.encode(values(chains.rows.v)).astype(np.float64)
        along = np.einsum("ni,ni->n", phi, chains.to_visible)
        return self._core.free_energy(chains.rows, beta, base) - as_beta(beta, len(chains)) * along

    def visible_free_energy(self, v: Array) -> Array:
        """The same as `free_energy`."""
        return self.free_energy(v)

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
        """n sweeps of block Gibbs sampling: h given x and v, then v given x and h. Inputs never move.

        Parameters
        ----------
        x : (n_chains, n_units) or Chains
        rng : Stream
        n, beta, base, free, scan
            As of `RBM.sweep`; free masks the units of a row.
        """
        chains, core = self._chains(x), self._core
        W, b, (v_layer, h_layer) = self._params["W"], self._params["b"], core.layers
        n, hot, cold, free = as_sweeps(self, b, n, len(chains), beta, base, free, rng, scan)
        v_layer = v_layer._replace(base=cold, free=None if free is None else free[self.n_inputs :])
        for _ in range(n):
            uniforms, rows, product = rng.advance(), chains.rows, self._product(chains)
            given = Source(rows.v, core.visible, W, known=product)
            h = draw(h_layer, None, given, hot, uniforms, self._scratch)
            field = dot(h, core.hidden, W, self._scratch, turned=True)
            field[:, : len(b)] += chains.to_visible
            given = Source(h, core.hidden, W, turned=True, known=field)
            rows.move(draw(v_layer, rows.v, given, hot, uniforms, self._scratch))
            self._chains(chains)
        return chains if isinstance(x, InputChains) else np.array(chains.x)

    def fill(self, x: Array, gaps: Array, rng: Stream, n: int = 1) -> Array:
        """n sweeps of the outputs among `gaps`, (n_chains, n_units) bool, of rows x; the others are held."""
        chains, rng = self.start(x), as_stream(rng)
        own = as_mask(gaps, (len(chains), self.n_units))[:, self.n_inputs :]
        v = filled(self._core, chains.rows, own, lambda: self.sweep(chains, rng), as_count(n, "n", 0))
        return np.concatenate([chains.inputs, v], axis=1)

    def local_inputs(self, x: Any, rng: Stream) -> Array:
        """Inputs of the units in a row given hidden units drawn given the row: x itself of what is given."""
        chains, c = self._chains(x), self._params["c"]
        I = c + self._product(chains)[:, : len(c)]
        h = self.hidden.sample(I, rng.uniform(len(chains), self.n_hidden, self.dtype))
        return np.concatenate([chains.inputs, self._core.inputs_v(h) + chains.to_visible], axis=1)

    def stats(self, x: Any, weights: Array | None = None) -> Params:
        """−∂F/∂ params, the weighted sum over rows, docs/math.md (4.5), (4.24)."""
        found = self._statistics((x, weights, 1.0))[0]
        return {key: np.asarray(found[key]) for key in self._params}

    def contrast(
        self, x: Any, weights: Array | None, y: Any, others: Array | None = None
    ) -> tuple[Params, Params]:
        """stats(x, weights) − stats(y, others), where that of W may be `Deferred`; the first of b and c."""
        return self._statistics((x, weights, 1.0), (y, others, -1.0))

    def _statistics(self, *parts: tuple[Any, Array | None, float]) -> tuple[dict[str, Any], Params]:
        core, c = self._core, self._params["c"]
        chains = [(self._chains(x), weights, factor) for x, weights, factor in parts]
        rows = [(own.rows, weights, factor) for own, weights, factor in chains]
        found, first = statistics_of_chains(rows, core.version, core.layers, core.params, self._scratch)
        A, B = np.zeros(self._params["A"].shape), np.zeros(self._params["B"].shape)
        for own, weights, factor in chains:
            x = (factor * as_weights(weights, len(own)))[:, None] * own.inputs
            mean = self.hidden.mean(c + self._product(own)[:, : len(c)])
            A += self.visible.outer(values(own.rows.v), x).T
            B += x.T @ mean
        return found | {"A": A.astype(self.dtype), "B": B.astype(self.dtype)}, first

    def posterior_stats(self, v: Array, weights: Array | None = None) -> Params:
        """The same as `stats`: the hidden units are summed already."""
        return self.stats(v, weights)

    def site_energies(self, x: Any, i: int) -> Array:
        """F of a row with unit i, no input, in each of its states: (n, n_states), up to a constant."""
        i = as_count(i, "unit i", self.n_inputs, self.n_units - 1) - self.n_inputs
        chains, own, (W, b, c) = self._chains(x), self.visible.own(i), (self._params[key] for key in "Wbc")
        v, unit = values(chains.rows.v)[:, i], self.visible.one(i)
        found = site_energies(unit, self.hidden, v, self._product(chains), W[own], b[own], c)
        states = np.asarray(unit.states)
        return found - chains.to_visible[:, own] @ unit.encode(states[:, None]).T

    def site_contrast(self, x: Any, weights: Array) -> Params:
        """Σ weights (stats with one unit changed − stats), weights (n, n_outputs, n_states)."""
        chains = self._chains(x)
        v, product = values(chains.rows.v), self._product(chains)
        found, changed, means = site_changes(
            self.visible, self.hidden, v, product, self._core.params, weights
        )
        x = chains.inputs
        into = {"A": x.T @ changed, "B": x.T @ means}
        return found | {key: value.astype(self.dtype) for key, value in into.items()}

    def clamp(self, v: Array, rng: Stream, n: int = 10) -> Array:
        """Data are states: v itself."""
        return v

    def given(self, x: ArrayLike) -> RBM:
        """The RBM of v given one row of inputs: for whatever a machine can do.

        Examples
        --------
        >>> import ebm
        >>> machine = ebm.ConditionalRBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 2, 4, 3)
        >>> round(float(ebm.log_z(machine.given([1.0, -1.0]))))
        5
        """
        (row,) = self._inputs(np.asarray(as_numbers(x, "x", (self.n_inputs,)))[None])
        theta = {key: value for key, value in self.params.items() if key not in tuple("WbcAB")}
        W, b, c, A, B = (self._params[key] for key in "WbcAB")
        return RBM(self.visible, self.hidden, W, b + row @ A, c + row @ B, theta=theta)

    def condition(self, given: ArrayLike) -> tuple[RBM, float]:
        """The RBM of the free units given inputs and others, and what these add to its energy, nats."""
        given = as_clamped(given)
        if given.shape != (self.n_units,) or np.isnan(given[: self.n_inputs]).any():
            raise EbmError(f"given: expected {self.n_units} units, all {self.n_inputs} inputs among them")
        return self.given(given[: self.n_inputs]).condition(given[self.n_inputs :])

    def means(self, x: ArrayLike) -> Array:
        """⟨φ(v)⟩ given rows of inputs, exactly, (n, n_outputs·width): for small machines."""
        x = self._inputs(x)
        return sums_of_rows((self.visible, self.hidden), self._params, x, np.ones(len(x)), 1.0, True)[2]

    def exact_given(
        self, x: ArrayLike, weights: Array | None = None, beta: float = 1.0, *, stats: bool = True
    ) -> tuple[Array, Params]:
        """log Z_β(x) of each row of inputs, and the weighted sum of the expected stats, by enumeration.

        Raises
        ------
        TooLarge
            As of `RBM.exact`.
        """
        x, beta, stats = self._inputs(x), as_number(beta, "beta"), as_flag(stats, "stats")
        w = as_weights(weights, len(x))
        log_z, found, _ = sums_of_rows((self.visible, self.hidden), self._params, x, w, beta, stats)
        return log_z, found if stats else {}

    def annealed_given(self, x: ArrayLike, path: Array, n_chains: int, rng: Stream) -> Array:
        """Log-weights of annealing along a path of β from 0 to 1, (n, n_chains): docs/math.md (4.23)."""
        x, core, found = self._inputs(x), self._core, list[Array]()
        width = n_chains * (len(core.b) + len(core.c))
        for k in row_blocks(len(x), width):
            each = np.repeat(x[k], n_chains, axis=0)
            shifts = each @ self._params["A"], each @ self._params["B"]
            log_w = annealed_rows(core.layers, core.params, shifts, path, rng, self._scratch)
            found.append(log_w.reshape(-1, n_chains))
        return np.concatenate(found)

    def sample0_given(self, x: ArrayLike, rng: Stream, base: Base = None) -> Array:
        """Rows with these inputs and exact draws at β = 0, where inputs do nothing."""
        x = self._inputs(x)
        return np.concatenate([x, self._core.sample0(len(x), rng, base)], axis=1)

    def sample_given(self, x: ArrayLike, rng: Stream, n: int = 100) -> Array:
        """Draw v given each row of inputs, (n_rows, n_outputs).

        Exactly where hidden units have few states, up to 2¹²; else by n sweeps from units that see the inputs
        and no hidden units.
        """
        x, rng = self._inputs(x), as_stream(rng)
        if not len(x):
            return np.empty((0, self.n_outputs))
        b, c, A, B = (self._params[key].astype(np.float64) for key in "bcAB")
        shifted = b + x @ A, c + x @ B
        v = drawn_rows((self.visible, self.hidden), self._params, shifted, rng)
        if v is None:
            v = self.visible.sample(shifted[0], rng.uniform(len(x), self.n_outputs))
            v = self.sweep(np.concatenate([x, v], axis=1), rng, n)[:, self.n_inputs :]
        return v

    def require_exact(self) -> None:
        """Raise `TooLarge` if `exact_given` would."""
        self._core.require_exact()

    def _no_inputs(self, what: str, instead: str) -> NotSupported:
        return NotSupported(f"{what}: {self!r} is a machine for every x; expected {instead}")

    def exact(self, beta: float = 1.0, *, stats: bool = True) -> tuple[float, Params]:
        """There is one for every x: raises `NotSupported`."""
        raise self._no_inputs("exact", "exact_given(x), or given(x), the RBM of one x")

    def sample0(self, n: int, rng: Stream, base: Base = None) -> Array:
        """There are no states without inputs: raises `NotSupported`."""
        raise self._no_inputs("sample", "rows of inputs (`given`), or given(x), the RBM of one x")

    def log_z0(self, base: Base = None) -> float:
        """log Z at β = 0, of any x."""
        return self._core.log_z0(base)

    def normalisable(self, beta: float = 1.0, free: Array | None = None) -> bool:
        """As of an RBM: inputs shift, they do not change what grows."""
        return self._core.normalisable(beta, None if free is None else free[self.n_inputs :])

    def curvature(self, v: ArrayLike) -> dict[str, float]:
        """Of each parameter, what no eigenvalue of its Fisher matrix is much above, docs/math.md (5.7a)."""
        chains = self._chains(v)
        I = self._params["c"] + self._product(chains)[:, : len(self._params["c"])]
        field = self._params["b"] + chains.to_visible + self.hidden.mean(I) @ self._params["W"].T
        v, mean, var = values(chains.rows.v), self.hidden.mean(I), self.hidden.var(I)
        of_v, of_h = float(self.visible.var(field).mean(0).max()), float(var.mean(0).max())
        x, phi, h = (float((a * a).sum(1).mean()) for a in (chains.inputs, self.visible.encode(v), mean))
        h += float(var.sum(1).mean())
        own = {"W": of_v * h + of_h * phi, "b": of_v, "c": of_h, "A": of_v * x, "B": of_h * x}
        return self._core.curvature(v) | own

    def centre(self, gradient: Params, offsets: Params) -> Params:
        """The gradient in centred coordinates, docs/math.md (5.4); A and B are as they were."""
        return gradient | self._core.centre({key: gradient[key] for key in self._core.params}, offsets)

    def standardise(self, gradient: Params, offsets: Params) -> Params:
        """Centred gradients over the variances of units with those means, docs/math.md (5.6a)."""
        own = self._core.standardise({key: gradient[key] for key in self._core.params}, offsets)
        v, h = self.visible.spread(offsets["b"]), self.hidden.spread(offsets["c"])
        return gradient | own | {"A": gradient["A"] / v, "B": gradient["B"] / h}

    def uncentre(self, step: Params, offsets: Params) -> Params:
        """A step in centred coordinates as a step of the parameters, docs/math.md (5.4)."""
        return step | self._core.uncentre({key: step[key] for key in self._core.params}, offsets)
