"""The machine itself: energies, conditionals, sweeps, and the machine protocol."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field
from scipy.sparse import csr_array

from ebm.arguments import (
    as_array,
    as_clamped,
    as_count,
    as_flag,
    as_float_type,
    as_number,
    as_numbers,
    as_place,
)
from ebm.arrays import Owned, parameter, row_blocks
from ebm.boltzmann.chains import SpinChains
from ebm.boltzmann.couplings import colour, take_couplings
from ebm.boltzmann.enumeration import conditioned, refuse_states, sum_hidden, sum_states, visible_energies
from ebm.boltzmann.sweeping import Problem, by_colour, energies, filled_rows, orders, sweep
from ebm.errors import EbmError, NotSupported, expect, short
from ebm.files import refuse_beyond_memory
from ebm.gaps import as_mask, marginal_rows
from ebm.graph import Graph, one_layer, states_of
from ebm.machine import (
    Array,
    Base,
    FloatType,
    Params,
    Positive,
    Scan,
    as_base,
    as_beta,
    as_free,
    as_rows,
    as_sweeps,
    as_weights,
    visible_units,
)
from ebm.states import site_states
from ebm.stream import Seed, Stream, as_stream
from ebm.units import Bernoulli, Gaussian, Units
from ebm.units.family import as_units

__all__ = ["BoltzmannMachine"]

_ORDERS = 2**22  # unit numbers of scan orders made at once


class BoltzmannMachine:
    """A fully connected machine: Boltzmann machine, Ising model, spin glass or Potts model.

    Parameters
    ----------
    units : Units
        ``Bernoulli()``, ``Ising()``, ``Potts(q)``, ``Ordered(q)``, ``Binomial(n)``, `Mixed` of these, or
        your own, of finitely many states and without a potential that is learnt.
    J : array_like or scipy.sparse array, (n_units·width, n_units·width)
        Couplings: symmetric, zero diagonal (Potts: zero q×q blocks), finite. The pattern of a sparse J is
        fixed, its values are parameters. float32 if J and b are, else float64. Copied.
    b : array_like, (n_units·width,), optional
        Biases; zero when left out.
    n_visible : int, optional
        The first so many units are visible, the others hidden; all when left out.

    Raises
    ------
    EbmError
        Couplings that break one of these rules: which one, and where.

    References
    ----------
    Ackley, Hinton & Sejnowski, "A learning algorithm for Boltzmann machines" (1985).

    Examples
    --------
    >>> import numpy as np, ebm
    >>> J = np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> machine = ebm.BoltzmannMachine(ebm.Ising(), J)
    >>> machine.energy(np.array([[1, 1], [1, -1]]))
    array([-1.,  1.])
    >>> machine.probability_on(np.array([[1, 1]])).round(4)
    array([[0.8808, 0.8808]])
    """

    couplings, biases, share = ("J",), ("b",), 0.5
    sums_out = False
    scans: tuple[Scan, ...] = ("auto", "systematic", "random", "chromatic")

    def __init__(
        self, units: Units, J: Any, b: ArrayLike | None = None, *, n_visible: int | None = None
    ) -> None:
        if not as_units(units, "units").finite or units.learns:
            raise EbmError(
                "units: a fully connected machine takes units of finitely many states, whose potential is not"
                f" learnt, such as Bernoulli, Ising or Potts, got {units}"
            )
        self._units = units
        self._couplings = take_couplings(J, units, b)
        values, size = self._couplings.values, self._couplings.matrix.shape[0]
        self._n_units = units.count(size)
        self._n_visible = self._n_units if n_visible is None else as_count(n_visible, "n_visible")
        if self._n_visible > self._n_units:
            raise EbmError(f"n_visible: expected 1 to {self._n_units}, got {n_visible}")
        bias = np.zeros(size) if b is None else b
        self._params = Owned({"J": values, "b": parameter(bias, (size,), values.dtype, "b")})
        self._couplings.bind(self._params)
        self._colours: Array | None = None

    @classmethod
    def random(
        cls,
        units: Units,
        n_visible: int,
        n_hidden: Annotated[int, Field(ge=0, lt=2**31)] = 0,
        *,
        scale: Positive = 0.01,
        cut: Sequence[Sequence[int]] = (),
        seed: Seed = 0,
        dtype: FloatType = np.float32,
    ) -> BoltzmannMachine:
        """Make a machine with normal couplings of standard deviation `scale` and zero biases.

        Each (first, stop, first, stop) in `cut` is a pair of ranges of units that are not coupled; the
        couplings are then kept sparse. float32, as of `from_data`; float64 is for exact work.

        Parameters
        ----------
        units : Units
        n_visible, n_hidden : int
            How many of them are seen in data, and how many are hidden.
        scale : float
            Standard deviation of the couplings.
        cut : sequence of (first, stop, first, stop)
            Pairs of ranges of units that are not coupled.
        seed : int
            Of the couplings.
        dtype : {"float32", "float64"}
            Of the parameters.
        """
        n = as_count(n_visible, "n_visible") + as_count(n_hidden, "n_hidden", 0)
        scale, dtype = as_number(scale, "scale", 0), as_float_type(dtype)
        size = as_units(units, "units").columns(n)
        refuse_beyond_memory(32.0 * size**2, f"random: couplings of {n} units", "fewer units")
        u, owners = Stream(seed).uniform(size, size), units.owners(n)
        J = np.triu(scale * Gaussian().sample(np.zeros_like(u), u))
        J[owners[:, None] == owners] = 0
        for pair in expect(cut, Sequence, "cut", "a sequence such as [[0, 4, 4, 8]]"):
            ends = as_numbers(pair, "cut")
            if ends.shape != (4,) or ends.dtype.kind not in "iu" or ends.min() < 0 or ends.max() > n:
                raise EbmError(f"cut: expected [first, stop, first, stop], 0 to {n}, got {short(pair)}")
            first, second = (slice(*np.searchsorted(owners, pair[k : k + 2])) for k in (0, 2))
            J[first, second] = J[second, first] = 0
        J = (J + J.T).astype(dtype)
        return cls(units, csr_array(J) if cut else J, np.zeros(size, dtype), n_visible=n_visible)

    @classmethod
    def from_data(
        cls,
        data: ArrayLike,
        n_hidden: Annotated[int, Field(ge=0, lt=2**31)] = 0,
        *,
        units: Units = Bernoulli(),
        scale: Positive = 0.01,
        seed: Seed = 0,
        dtype: FloatType = np.float32,
    ) -> BoltzmannMachine:
        """Make a machine that starts near the product of the data's marginals.

        Biases of visible units are the inputs whose means are the data's, kept half a row away from the ends;
        those of hidden units are zero, couplings normal with standard deviation `scale`.
        """
        rows = marginal_rows(as_array(data, "data"))
        if rows.ndim != 2 or 0 in rows.shape:
            raise EbmError(f"data: expected rows of units, got shape {rows.shape}")
        machine = cls.random(units, rows.shape[1], n_hidden, scale=scale, seed=seed, dtype=dtype)
        visible = visible_units(machine)
        mean = visible.encode(visible.check(rows)).mean(0, dtype=np.float64)
        away = 0.5 / (len(rows) + 1)
        machine.params["b"][: len(mean)] = visible.link(mean, floor=away)
        machine.project()
        return machine

    @property
    def params(self) -> Owned:
        """J, of a sparse machine its values, and b: live arrays; whoever changes them calls `project`."""
        return self._params

    @property
    def units(self) -> Units:
        """The type of all units."""
        return self._units

    @property
    def n_units(self) -> int:
        """Units in x, visible and hidden."""
        return self._n_units

    @property
    def n_visible(self) -> int:
        """Visible units: the first ones."""
        return self._n_visible

    @property
    def n_hidden(self) -> int:
        """Hidden units: the last ones."""
        return self._n_units - self._n_visible

    @property
    def hidden(self) -> Units:
        """Their type: that of all units, or of the last of them."""
        return self._units.taken(np.arange(self._n_units) >= self._n_visible)

    @property
    def hidden_biases(self) -> tuple[str, slice]:
        """The parameter that holds their biases, and where in it."""
        return "b", slice(np.searchsorted(self._units.owners(self._n_units), self._n_visible), None)

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the parameters."""
        return self.params["b"].dtype

    @property
    def sparse(self) -> bool:
        """Whether the couplings are stored sparse."""
        return self._couplings.sparse

    @property
    def J(self) -> Any:
        """Couplings as a matrix: the live dense array, or a sparse array over the live values."""
        return self._couplings.matrix

    b = property(lambda self: self.params["b"], doc="Biases.")

    def copy(self) -> BoltzmannMachine:
        """An independent machine with the same parameters."""
        return BoltzmannMachine(self.units, self.J, self.b, n_visible=self.n_visible)

    def __repr__(self) -> str:
        kind = f"sparse, {len(self.params['J'])} couplings" if self.sparse else "dense"
        return f"BoltzmannMachine({self.units}, {self.n_visible} visible, {self.n_hidden} hidden, {kind})"

    def graph(self) -> Graph:
        """The units and their couplings as a pairwise model: a copy of today's parameters, float64."""
        return one_layer(self.units, self.J, self.b)

    def moment_stats(self, second: Array, mean: Array) -> Params:
        """`stats` made of ⟨φφᵀ⟩ and ⟨φ⟩ over all units."""
        return {"J": self._couplings.on_pattern(second.astype(self.dtype)), "b": mean.astype(self.dtype)}

    def _phi(self, x: Any) -> Array:
        """Encoded states, (n_units·width, n)."""
        if isinstance(x, SpinChains):
            x.fit(self)
            return x.phi
        return np.ascontiguousarray(self.units.encode(self._rows_of(x)).T, self.dtype)

    def _rows_of(self, x: Any) -> Array:
        return as_rows(x, self.units, self.n_units)

    def _data(self, v: Any) -> Array:
        return as_rows(v, visible_units(self), self.n_visible, "v")

    def inputs(self, x: Any, beta: ArrayLike = 1.0) -> Array:
        """Input of each unit given all others, β(b + J·φ), docs/math.md (3.2): (n, n_units·width)."""
        phi = self._phi(x)
        return as_beta(beta, phi.shape[1], self.dtype, levels=False)[:, None] * ((self.J @ phi).T + self.b)

    def probability_on(self, x: Any, beta: ArrayLike = 1.0) -> Array:
        """P(x_i = 1 | the rest) of two-state units: the softmax of their two states, docs/math.md (3.3).

        Returns
        -------
        ndarray, (n, n_units)

        Raises
        ------
        NotSupported
            Units of more states: use ``units.mean(inputs(x))``, of Potts units the softmax over q states.
        """
        if any(len(own.states or ()) != 2 or own.width != 1 for own, _, _ in self.units.parts(self.n_units)):
            raise NotSupported(f"probability_on: {self.units} have other states; use units.mean(inputs(x))")
        mean = self.units.mean(self.inputs(x, beta))
        for own, places, _ in self.units.parts(self.n_units):
            low, high = own.interval
            mean[:, places] = (mean[:, places] - low) / (high - low)
        return mean

    def energy(self, x: Any) -> Array:
        """E(x), the Hamiltonian, docs/math.md (3.1): (n,) float64, nats."""
        return self._coupled(x) + self._own(x)

    def _own(self, x: Any) -> Any:
        """The potentials of the units, Σ U(x): (n,) float64, or 0 where they have none."""
        if self.units.bare:
            return 0.0
        rows = x.states() if isinstance(x, SpinChains) else self._rows_of(x)
        return self.units.potential(rows).sum(-1, dtype=np.float64)

    def _coupled(self, x: Any) -> Array:
        """What of E is tempered, E − U: (n,) float64."""
        if isinstance(x, SpinChains) and x.layout in ("rows", "sites"):
            x.fit(self)
            return energies(x, self._couplings, self.b)
        if not isinstance(x, SpinChains):
            rows = self._rows_of(x)
            blocks = row_blocks(len(rows), len(self.b))
            if len(blocks) > 1:
                return np.concatenate([self._coupled(rows[k]) for k in blocks])
        phi = self._phi(x)
        field = self.b[:, None] + 0.5 * (self.J @ phi)
        return -np.einsum("in,in->n", phi, field, dtype=np.float64)

    def start(self, x: ArrayLike) -> SpinChains:
        """Make running chains from states, (n_chains, n_units); x is copied."""
        return SpinChains(self.units, self._rows_of(x), self.dtype, self.sparse)

    def free_energy(self, x: Any, beta: ArrayLike = 1.0, base: Base = None) -> Array:
        """β H(x) + U(x) − (1 − β) base·φ(x), nats; beta scalar, (n,) or (k, n) gives (n,) or (k, n)."""
        energy = self._coupled(x)
        beta = as_beta(beta, len(energy))
        cold = as_base(base, len(self.b), np.float64)
        tempered = beta * energy - (0 if base is None else (1 - beta) * (cold @ self._phi(x)))
        return tempered + self._own(x)

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
        """n Gibbs sweeps: each free unit is drawn once given all others.

        Parameters
        ----------
        x : (n_chains, n_units) or Chains
            Chains are changed in place; an array is left alone.
        rng : Stream
            Advanced by n sweeps, and by the drawing of orders when the scan is random.
        beta : scalar or (n_chains,)
        base : (n_units·width,), optional
        free : bool mask, (n_units,), optional
            Units that may change.
        scan : {"auto", "systematic", "random", "chromatic"}
            In the order of the units; in a new random order every sweep, the same for all chains; or by
            colours of a greedy colouring: units of a colour do not see each other. "auto" is "chromatic" for
            fewer than 24 chains of a sparse machine, else "systematic".

        Returns
        -------
        ndarray or Chains
            What x was.
        """
        chains = x if isinstance(x, SpinChains) else self.start(x)
        chains.fit(self)
        n, hot, cold, free = as_sweeps(self, self._params["b"], n, len(chains), beta, base, free, rng, scan)
        keep = np.ones(self.n_units, bool) if free is None else free
        few = chains.layout == "sites" and by_colour(len(chains), scan)
        colourful = few or scan == "chromatic"
        problem = Problem(self.units, self._couplings, self.b, cold, hot)
        at_once = max(1, _ORDERS // self.n_units) if scan == "random" else max(n, 1)
        for k in range(0, n, at_once):
            count = min(at_once, n - k)
            order = orders(scan, keep, count, rng, self.colours if colourful else None)
            sweeps = (*rng.advance(count), count)
            if order.shape[1]:
                sweep(problem, chains, order, sweeps, self.colours() if few else None)
        return chains if isinstance(x, SpinChains) else chains.states()

    def fill(self, x: Array, gaps: Array, rng: Stream, n: int = 1) -> Array:
        """n sweeps of the units `gaps`, (n_chains, n_units) bool, of states x; the others are held."""
        x = self._rows_of(x)
        gaps = as_mask(gaps, x.shape)
        phi = np.array(self.units.encode(x), self.dtype, order="C")
        sweeps = (*as_stream(rng).advance(as_count(n, "n", 0)), n)
        one, cold = np.ones(1, self.dtype), np.zeros_like(self.b)
        filled_rows(Problem(self.units, self._couplings, self.b, cold, one), phi, gaps, sweeps)
        return self.units.decode(phi).astype(x.dtype if x.dtype.kind == "f" else self.dtype)

    def local_inputs(self, x: Any, rng: Stream) -> Array:
        """The same as `inputs`: there is nothing to be drawn."""
        return self.inputs(x)

    def colours(self) -> Array:
        """A colour for each unit such that coupled units differ, (n_units,); greedy, most coupled first."""
        if self._colours is None or not self.sparse:  # the pattern of a sparse J never changes
            from scipy.sparse import coo_array, csr_array

            owners = self.units.owners(self.n_units)
            i, j = (owners[index] for index in coo_array(self.J).coords)
            graph = csr_array((np.ones(len(i), np.int32), (i, j)), shape=(self.n_units, self.n_units))
            self._colours = colour(graph.indices, graph.indptr)
        return self._colours

    def stats(self, x: Any, weights: Array | None = None) -> Params:
        """−∂E/∂(J, b) = (φφᵀ off the diagonal, φ), the weighted sum over rows, docs/math.md (3.4)."""
        phi = self._phi(x)
        weights = as_weights(weights, phi.shape[1])
        pairs = self._couplings.pairs(phi, phi * weights.astype(self.dtype))
        return {"J": pairs, "b": (phi @ weights).astype(self.dtype)}

    def contrast(
        self, x: Any, weights: Array | None, y: Any, others: Array | None = None
    ) -> tuple[Params, Params]:
        """stats(x, weights) − stats(y, others), and the first of b alone."""
        first, second = self.stats(x, weights), self.stats(y, others)
        return {key: first[key] - second[key] for key in first}, {"b": first["b"]}

    def site_energies(self, x: Any, i: int) -> Array:
        """E of x with x_i set to each of its states: (n, n_states), nats, up to a constant of the row."""
        i = as_place(i, self.n_units, "unit i")
        own, table = self.units.own(i), self.units.one(i).table()
        field = (self.J[own] @ self._phi(x)).T + self.b[own]
        return -np.asarray(field, np.float64) @ table.phi.T - table.log_weights

    def site_contrast(self, x: Any, weights: Array) -> Params:
        """Σ weights (stats of x with one unit changed − stats of x), weights (n, n_units, n_states)."""
        phi, states = self._phi(x).T, site_states(self.units, self.n_units)
        weights = as_numbers(weights, "weights", (len(phi), *states.shape))
        change = np.empty(phi.shape)
        for units, places, columns in self.units.parts(self.n_units):
            table = states_of(units)
            w = weights[:, places, : len(table)]
            moved = (w @ table).reshape(len(phi), (places.stop - places.start) * units.width)
            change[:, columns] = moved - np.repeat(w.sum(-1), units.width, axis=1) * phi[:, columns]
        return self.site_changes(x, change)

    def site_changes(self, x: Any, change: Array) -> Params:
        """What changes of φ, each of one unit alone, (n, n_units·width), add to `stats`, summed over rows.

        A change of φ_i by δ changes φ_i φ_j by δ φ_j, docs/math.md (5.11).
        """
        phi = self._phi(x)
        change = as_numbers(change, "change", phi.T.shape).astype(self.dtype)
        return {"J": self._couplings.both_ways(change.T, phi), "b": change.sum(0)}

    def conditional(self, x: Any, i: int, weights: Array, scale: Array | None = None) -> tuple[Params, Array]:
        """∂/∂params of Σ weights log p(x_i | the others), and log p of each row, nats, math.md (4.11).

        scale: factors of the states, (n, n_units), such as a mask of dropout; 1 for units of q states.

        Raises
        ------
        NotSupported
            There are hidden units, which are not summed out.
        """
        if self.n_hidden:
            raise NotSupported(f"conditional: {self} has hidden units in its state; expected an RBM")
        i, phi, unit = as_place(i, self.n_units, "unit i"), self._phi(x), self.units.one(i)
        if scale is not None:
            factors = as_numbers(scale, "scale", (phi.shape[1], self.n_units))
            phi = phi * factors.T[self.units.owners(self.n_units)].astype(self.dtype)
        own, weights = self.units.own(i), as_numbers(weights, "weights", (phi.shape[1],))
        target, I = phi[own].T, ((self.J[own] @ phi).T + self.b[own]).astype(np.float64)
        states = unit.decode(target)
        unit.check(states, f"unit {i}", strict=True)  # not a mean
        change = np.zeros_like(phi)
        change[own] = (weights[:, None] * (target - unit.mean(I))).T
        log_p = (I * target).sum(1) - unit.cgf(I)[:, 0] - unit.potential(states)[:, 0]
        return {"J": self._couplings.both_ways(change, phi), "b": change.sum(1)}, log_p

    def carry(self, chains: SpinChains, rng: Stream) -> tuple[Array, None]:
        """The states, and nothing else."""
        return chains.x, None

    def restart(self, x: Array, ahead: Array | None = None) -> SpinChains:
        """Running chains from what `carry` returned."""
        return self.start(x)

    def store(self, data: Array) -> Array:
        """The data themselves."""
        return data

    def clamp(self, v: Array, rng: Stream, n: int = 10) -> Array:
        """Complete rows to states, (n, n_units): hidden units from a fair start, swept n times, v held."""
        v = self._data(v)
        if not self.n_hidden:
            return v
        x = np.concatenate([v, self.sample0(len(v), rng)[:, self.n_visible :]], axis=1)
        return self.sweep(x, rng, n, free=np.arange(self.n_units) >= self.n_visible)

    def take_lesser(self) -> None:
        """Give J_ij and J_ji the one of their values that is nearer to zero."""
        self._couplings.take_lesser()

    def project(self) -> None:
        """Make J symmetric and zero on its diagonal (blocks).

        Warns
        -----
        RuntimeWarning
            J_ij and J_ji, which are one parameter, differ by more than rounding: only one of them was set.
        """
        self._params.check()
        self._couplings.symmetrise()

    def centre(self, gradient: Params, offsets: Params) -> Params:
        """The gradient in centred coordinates, offsets μ = offsets["b"], docs/math.md (5.5)."""
        mu, b, pairs = offsets["b"][:, None], gradient["b"][:, None], self._couplings.pairs
        return {"J": gradient["J"] - pairs(mu, b) - pairs(b, mu), "b": gradient["b"]}

    def standardise(self, gradient: Params, offsets: Params) -> Params:
        """Centred gradients over the variances of units with those means, docs/math.md (5.6a)."""
        by = 1 / self.units.spread(offsets["b"])
        return {"J": gradient["J"] * self._couplings.pairs(by[:, None], by[:, None]), "b": gradient["b"] * by}

    def uncentre(self, step: Params, offsets: Params) -> Params:
        """A step in centred coordinates as a step of the parameters, docs/math.md (5.5)."""
        return {"J": step["J"], "b": step["b"] - self._couplings.times(step["J"], offsets["b"])}

    def sample0(self, n: int, rng: Stream, base: Base = None) -> Array:
        """Draw x at β = 0: independent, with inputs `base`."""
        n, cold = as_count(n, least=0), as_base(base, len(self.b), self.dtype)
        I = np.broadcast_to(cold, (n, len(self.b)))
        return self.units.sample(I, as_stream(rng).uniform(n, self.n_units, self.dtype))

    def log_z0(self, base: Base = None) -> float:
        """log Z at β = 0, docs/math.md (2.3)."""
        return float(self.units.cgf(as_base(base, len(self.b), np.float64)).sum())

    def require_exact(self) -> None:
        """Raise `TooLarge` if `exact` would."""
        refuse_states(self.units, self.n_units)

    def normalisable(self, beta: float = 1.0, free: Array | None = None) -> bool:
        """True: its states are finitely many."""
        as_number(beta, "beta")
        as_free(free, self.n_units)
        return True

    def exact(self, beta: float = 1.0, *, stats: bool = True) -> tuple[float, Params]:
        """(log Z_β, expected stats) by enumeration, docs/math.md (6.5).

        Raises
        ------
        TooLarge
            More than 2²⁸ states.
        """
        beta, stats = as_number(beta, "beta"), as_flag(stats, "stats")
        self.require_exact()
        J, b = self._float64()
        log_z, second, mean = sum_states(self.units, beta * J, beta * b, stats)
        return log_z, {"J": self._couplings.on_pattern(second), "b": mean} if stats else {}

    def _float64(self) -> tuple[Array, Array]:
        if self.sparse:
            refuse_beyond_memory(16.0 * len(self.b) ** 2, f"{self!r} with dense couplings", "fewer units")
        J = self.J.toarray() if self.sparse else self.J
        return J.astype(np.float64), self.b.astype(np.float64)

    def visible_free_energy(self, v: Array) -> Array:
        """−log Σ over the hidden units of exp(−E), docs/math.md (3.5): (n,) nats.

        Raises
        ------
        TooLarge
            More than 2²⁰ states of the hidden units.
        """
        if self.sparse and not self.n_hidden:
            return self.energy(v)
        return visible_energies(self.units, *self._float64(), self._data(v))

    def posterior_stats(self, v: Array, weights: Array | None = None) -> Params:
        """`stats` averaged over p(hidden | v) by enumeration, the weighted sum over rows."""
        v = self._data(v)
        second, mean = sum_hidden(self.units, *self._float64(), v, as_weights(weights, len(v)))
        return {"J": self._couplings.on_pattern(second), "b": mean}

    def condition(self, given: ArrayLike) -> tuple[BoltzmannMachine, float]:
        """The machine of the free units given the others, docs/math.md (3.6).

        Parameters
        ----------
        given : (n_units,)
            States of the clamped units, NaN for the free ones.

        Returns
        -------
        machine : BoltzmannMachine
            Over the free units in their order, all visible. Its `exact` gives exact conditional
            probabilities.
        energy : float
            What the clamped units add to its energy, nats.

        Examples
        --------
        >>> import numpy as np, ebm
        >>> pair = ebm.BoltzmannMachine(ebm.Ising(), [[0.0, 1.0], [1.0, 0.0]])
        >>> rest, energy = pair.condition([1, np.nan])
        >>> rest.b, energy
        (array([1.]), 0.0)
        """
        given = as_clamped(given)
        if given.shape != (self.n_units,):
            raise EbmError(f"given: expected {self.n_units} states, NaN where free, got shape {given.shape}")
        if not np.isnan(given).any():
            raise EbmError("given: no unit is free")
        free = np.isnan(given)
        if not free.all():
            self.units.taken(~free).check(given[~free], "given", strict=True)
        J, b, energy = conditioned(self.units, self.J, self.b, given)
        return BoltzmannMachine(self.units.taken(free), J, b), energy
