"""The fully connected Boltzmann machine: its Hamiltonian and its Gibbs sweeps.

E(x) = −b·φ(x) − ½ φ(x)·J·φ(x), docs/math.md (3.1), with J symmetric and zero on the diagonal (Potts: zero
diagonal blocks), dense or scipy.sparse; Bernoulli, Ising or Potts units, the first n_visible of them visible
and the others hidden (Ackley, Hinton & Sejnowski 1985). The state is x = all units. J_ij and J_ji are one
parameter.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import ArrayLike

from ebm.errors import EbmError, NotSupported
from ebm.machine import (
    Array,
    Base,
    LogSum,
    Params,
    Scan,
    as_base,
    as_beta,
    as_free,
    as_rows,
    as_weights,
    enumerate_states,
    float_dtype,
    n_states,
    parameter,
    refuse_above,
)
from ebm.stream import Stream
from ebm.units import Units

__all__ = ["BoltzmannMachine", "SpinChains", "colour"]

_LIMIT = 2.0**28  # states of an exact sum
_LIMIT_HIDDEN = 2.0**20  # states of the hidden units, for every row
_SECONDS_PER_STATE = 1e-8
_CHUNK = 2**22
_SYMMETRY = 1e-6  # relative difference between J and its transpose that is taken for rounding


class SpinChains:
    """Running chains of a fully connected machine: the encoded states, chains contiguous.

    Attributes
    ----------
    phi : ndarray, (n_units·width, n_chains)
    """

    def __init__(self, units: Units, x: Array, dtype: Any) -> None:
        self._units = units
        self.phi = np.ascontiguousarray(units.encode(x).T, dtype)

    @property
    def x(self) -> Array:
        """The states, (n_chains, n_units)."""
        return np.ascontiguousarray(self._units.decode(self.phi.T))

    def __len__(self) -> int:
        return self.phi.shape[1]


class BoltzmannMachine:
    """A fully connected Boltzmann machine (Ising model, spin glass, Potts model) with or without hidden units.

    Parameters
    ----------
    units : Units
        ``Bernoulli()``, ``Ising()`` or ``Potts(q)``.
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

    couplings = ("J",)
    sums_out = False

    def __init__(
        self, units: Units, J: Any, b: ArrayLike | None = None, *, n_visible: int | None = None
    ) -> None:
        if not isinstance(units, Units) or units.states is None:
            raise EbmError(f"units: a fully connected machine takes Bernoulli, Ising or Potts, got {units}")
        self._units = units
        self.sparse = scipy.sparse.issparse(J)
        matrix = scipy.sparse.csr_array(J) if self.sparse else np.asarray(J)
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.shape[0] % units.width:
            raise EbmError(
                f"J: expected a square matrix of n_units·{units.width} rows, got shape {matrix.shape}"
            )
        size = matrix.shape[0]
        if size == 0:
            raise EbmError("J: expected at least one unit")
        self._n_units = size // units.width
        self._n_visible = self._n_units if n_visible is None else int(n_visible)
        if not 1 <= self._n_visible <= self._n_units:
            raise EbmError(f"n_visible: expected 1 to {self._n_units}, got {n_visible}")
        values = matrix.data if self.sparse else matrix
        dtype = float_dtype(values) if b is None else float_dtype(values, b)
        if self.sparse:
            J_values = self._take_sparse(matrix, dtype)
        else:
            J_values = parameter(matrix, (size, size), dtype, "J")
            _check_dense(J_values, units.width)
        bias = np.zeros(size, dtype) if b is None else parameter(b, (size,), dtype, "b")
        self.params: Params = {"J": J_values, "b": bias}

    def _take_sparse(self, matrix: Any, dtype: Any) -> Array:
        matrix = matrix.copy()
        matrix.sum_duplicates()
        matrix.sort_indices()
        parameter(matrix.data, matrix.data.shape, dtype, "J")
        rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
        width = self._units.width
        inside = rows // width == matrix.indices // width
        if np.any(matrix.data[inside] != 0):
            k = np.flatnonzero(inside & (matrix.data != 0))[0]
            raise _diagonal_error(rows[k], matrix.indices[k], matrix.data[k], width)
        if inside.any():  # explicit zeros on the diagonal are no parameters
            matrix = scipy.sparse.csr_array(
                (matrix.data[~inside], (rows[~inside], matrix.indices[~inside])), shape=matrix.shape
            )
            rows = rows[~inside]
        back = scipy.sparse.csr_array(
            (np.arange(1, matrix.nnz + 1), matrix.indices, matrix.indptr), shape=matrix.shape
        ).T.tocsr()
        back.sort_indices()
        same = np.array_equal(back.indptr, matrix.indptr) and np.array_equal(back.indices, matrix.indices)
        if not same:
            raise EbmError("J: a coupling stands on one side of the diagonal only; expected a symmetric J")
        self._rows, self._indices, self._indptr = rows, matrix.indices, matrix.indptr.astype(np.int64)
        self._mirror = back.data - 1
        values = np.ascontiguousarray(matrix.data, dtype)
        difference = np.abs(values - values[self._mirror])
        if values.size and difference.max() > _SYMMETRY * np.abs(values).max():
            k = int(difference.argmax())
            raise _symmetry_error(rows[k], matrix.indices[k], values[k], values[self._mirror[k]])
        return 0.5 * (values + values[self._mirror])

    # What the protocol asks for as plain facts.

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
    def dtype(self) -> np.dtype:
        """The dtype of the parameters."""
        return self.params["b"].dtype

    @property
    def J(self) -> Any:
        """Couplings as a matrix: the live dense array, or a sparse array over the live values."""
        if not self.sparse:
            return self.params["J"]
        size = len(self.b)
        return scipy.sparse.csr_array((self.params["J"], self._indices, self._indptr), shape=(size, size))

    @property
    def b(self) -> Array:
        """Biases."""
        return self.params["b"]

    def copy(self) -> BoltzmannMachine:
        """An independent machine with the same parameters."""
        return BoltzmannMachine(self.units, self.J, self.b, n_visible=self.n_visible)

    def __repr__(self) -> str:
        kind = f"sparse, {len(self.params['J'])} couplings" if self.sparse else "dense"
        return f"BoltzmannMachine({self.units}, {self.n_visible} visible, {self.n_hidden} hidden, {kind})"

    # Energies and conditionals.

    def _phi(self, x: Any) -> Array:
        """Encoded states, (n_units·width, n)."""
        return x.phi if isinstance(x, SpinChains) else SpinChains(self.units, self._rows_of(x), self.dtype).phi

    def _rows_of(self, x: Any) -> Array:
        return as_rows(x, self.n_units)

    def inputs(self, x: Any, beta: ArrayLike = 1.0) -> Array:
        """Input of each unit given all others, β(b + J·φ), docs/math.md (3.2): (n, n_units·width)."""
        phi = self._phi(x)
        field = (self.J @ phi).T + self.b
        return as_beta(beta, len(field), self.dtype)[:, None] * field

    def probability_on(self, x: Any, beta: ArrayLike = 1.0) -> Array:
        """P(x_i = 1 | the rest) of two-state units: the softmax of their two states, docs/math.md (3.3).

        Returns
        -------
        ndarray, (n, n_units)

        Raises
        ------
        NotSupported
            Potts units: use ``units.mean(inputs(x))``, the softmax over q states.
        """
        if self.units.width != 1:
            raise NotSupported("probability_on: Potts units have q states; use units.mean(inputs(x))")
        low, high = self.units.interval
        return (self.units.mean(self.inputs(x, beta)) - low) / (high - low)

    def energy(self, x: Any) -> Array:
        """E(x), the Hamiltonian, docs/math.md (3.1): (n,) float64, nats."""
        phi = self._phi(x)
        field = self.b[:, None] + 0.5 * (self.J @ phi)
        return -np.einsum("in,in->n", phi, field, dtype=np.float64)

    # The machine protocol.

    def start(self, x: ArrayLike) -> SpinChains:
        """Make running chains from states, (n_chains, n_units); x is copied."""
        return SpinChains(self.units, as_rows(x, self.n_units), self.dtype)

    def free_energy(self, x: Any, beta: ArrayLike = 1.0, base: Base = None) -> Array:
        """β E(x) − (1 − β) base·φ(x), nats, float64; beta scalar, (n,) or (k, n) gives (n,) or (k, n)."""
        energy = self.energy(x)
        beta = as_beta(beta, len(energy))
        if base is None:
            return beta * energy
        cold = as_base(base, len(self.b), np.float64)
        return beta * energy - (1 - beta) * (cold @ self._phi(x))

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
            Advanced by n (by n + 1 when the scan is random).
        beta : scalar or (n_chains,)
        base : (n_units·width,), optional
        free : bool mask, (n_units,), optional
            Units that may change.
        scan : {"auto", "systematic", "random", "chromatic"}
            In the order of the units (auto); in a new random order every sweep; or colour by colour of a
            greedy colouring, so that units of a colour do not see each other.

        Returns
        -------
        ndarray or Chains
            What x was.
        """
        from ebm.kernels.gibbs import sweep

        chains = x if isinstance(x, SpinChains) else self.start(x)
        hot = as_beta(beta, len(chains), self.dtype)
        if hot.shape != (len(chains),):
            raise EbmError(f"beta: expected a scalar or ({len(chains)},), got {hot.shape}")
        cold = as_base(base, len(self.b), self.dtype)
        order = self._order(scan, as_free(free, self.n_units), n, rng)
        J = self.params["J"] if not self.sparse else np.empty((0, 0), self.dtype)
        data, indices, indptr = self._csr
        units = self.units
        if order.shape[1]:
            for k in range(0, n, len(order)):
                todo = order[: min(len(order), n - k)]
                key, first = rng.advance(len(todo))
                sweep(
                    units.kind, units.width, J, data, indices, indptr, self.b, cold, hot,
                    chains.phi, todo, key, first,
                )  # fmt: skip
        return chains if isinstance(x, SpinChains) else chains.x

    @property
    def _csr(self) -> tuple[Array, Array, Array]:
        if self.sparse:
            return self.params["J"], self._indices, self._indptr
        return np.empty(0, self.dtype), np.empty(0, np.int32), np.empty(0, np.int64)

    def _order(self, scan: str, free: Array | None, n: int, rng: Stream) -> Array:
        """Sequences of units, one per sweep: (sweeps, free units) int64; n sweeps cycle through them."""
        keep = np.ones(self.n_units, bool) if free is None else free
        sweeps = max(1, min(n, _CHUNK // self.n_units))
        if scan == "random":
            u = rng.uniform(sweeps, self.n_units)
            order = np.argsort(u, axis=1, kind="stable")
            return np.ascontiguousarray(order[keep[order]].reshape(sweeps, -1))
        if scan in ("auto", "systematic"):
            one = np.flatnonzero(keep)
        elif scan == "chromatic":
            one = np.argsort(self.colours(), kind="stable")
            one = one[keep[one]]
        else:
            raise EbmError(f"scan: expected auto, systematic, random or chromatic, got {scan!r}")
        return np.ascontiguousarray(np.broadcast_to(one, (min(sweeps, 64), len(one))))

    def colours(self) -> Array:
        """A colour for each unit such that coupled units differ, (n_units,); greedy, most coupled first."""
        return _colours(self._units.width, *self._pattern())

    def _pattern(self) -> tuple[bytes, bytes, int]:
        """The graph of couplings between units, hashable: CSR indices and indptr as bytes, and n_units."""
        matrix = scipy.sparse.csr_array(self.J)
        return matrix.indices.astype(np.int64).tobytes(), matrix.indptr.astype(np.int64).tobytes(), len(self.b)

    def stats(self, x: Any, weights: Array | None = None) -> Params:
        """−∂E/∂(J, b) = (φφᵀ off the diagonal, φ), the weighted sum over rows, docs/math.md (3.4)."""
        phi = self._phi(x)
        weights = as_weights(weights, phi.shape[1]).astype(self.dtype)
        weighted = phi * weights
        return {"J": self._pairs(phi, weighted), "b": weighted.sum(1)}

    def _pairs(self, left: Array, right: Array) -> Array:
        """left·rightᵀ where J has entries; left, right: (n_units·width, n)."""
        if not self.sparse:
            return self._off_diagonal(left @ right.T)
        out = np.empty(len(self._indices), left.dtype)
        step = max(1, _CHUNK // left.shape[1])
        for k in range(0, len(out), step):
            rows, columns = self._rows[k : k + step], self._indices[k : k + step]
            out[k : k + step] = np.einsum("en,en->e", left[rows], right[columns])
        return out

    def _off_diagonal(self, matrix: Array) -> Array:
        w = self.units.width
        blocks = matrix.reshape(self.n_units, w, self.n_units, w)
        i = np.arange(self.n_units)
        blocks[i, :, i, :] = 0
        return matrix

    def _on_pattern(self, second: Array) -> Array:
        """A dense matrix of second moments as `stats["J"]`."""
        if self.sparse:
            return second[self._rows, self._indices]
        return self._off_diagonal(second)

    def site_energies(self, x: Any, i: int) -> Array:
        """E of x with x_i set to each of its states: (n, n_states), nats, up to a constant of the row."""
        own = slice(i * self.units.width, (i + 1) * self.units.width)
        field = (self.J[own] @ self._phi(x)).T + self.b[own]
        states = np.asarray(self.units.states)
        return -np.asarray(field, np.float64) @ self.units.encode(states[:, None]).T

    def clamp(self, v: Array, rng: Stream, n: int = 10) -> Array:
        """Complete rows of data to states: hidden units from a fair start, swept n times, v held.

        Parameters
        ----------
        v : (n_rows, n_visible)

        Returns
        -------
        ndarray, (n_rows, n_units)
        """
        v = as_rows(v, self.n_visible, "v")
        if not self.n_hidden:
            return v
        hidden = self.sample0(len(v), rng)[:, self.n_visible :]
        x = np.concatenate([v, hidden], axis=1)
        return self.sweep(x, rng, n, free=np.arange(self.n_units) >= self.n_visible)

    def project(self) -> None:
        """Make J symmetric and zero on its diagonal (blocks)."""
        J = self.params["J"]
        if self.sparse:
            J[:] = 0.5 * (J + J[self._mirror])
        else:
            J[:] = self._off_diagonal(0.5 * (J + J.T))

    def centre(self, gradient: Params, offsets: Params) -> Params:
        """The centred gradient with offsets μ = offsets["b"], docs/math.md (5.5)."""
        mu, b, J = offsets["b"], gradient["b"], gradient["J"]
        if self.sparse:
            J = J - mu[self._rows] * b[self._indices] - b[self._rows] * mu[self._indices]
            centred = scipy.sparse.csr_array((J, self._indices, self._indptr), shape=(len(b), len(b)))
            return {"J": J, "b": b - centred @ mu}
        J = self._off_diagonal(J - np.outer(mu, b) - np.outer(b, mu))
        return {"J": J, "b": b - J @ mu}

    def sample0(self, n: int, rng: Stream, base: Base = None) -> Array:
        """Draw x at β = 0: independent, with inputs `base`."""
        I = np.broadcast_to(as_base(base, len(self.b), self.dtype), (n, len(self.b)))
        return self.units.sample(I, rng.uniform(n, self.n_units, self.dtype))

    def log_z0(self, base: Base = None) -> float:
        """log Z at β = 0, docs/math.md (2.3)."""
        return float(self.units.cgf(as_base(base, len(self.b), np.float64)).sum())

    # Exact sums.

    def exact(self, beta: float = 1.0, *, stats: bool = True) -> tuple[float, Params]:
        """(log Z_β, expected stats) by enumeration, docs/math.md (6.5).

        The units are cut into two halves: E(x) is a term of each half and one matrix product between them,
        so a state costs one exponential.

        Raises
        ------
        TooLarge
            More than 2²⁸ states.
        """
        total = n_states(self.units, self.n_units)
        refuse_above(_LIMIT, total, _SECONDS_PER_STATE, 16.0 * _CHUNK, "enumerating the states")
        J = self._dense64() * beta
        b = self.b.astype(np.float64) * beta
        w, n_left = self.units.width, self.n_units // 2
        cut = n_left * w
        left = self.units.encode(enumerate_states(self.units, n_left)) if n_left else np.zeros((1, 0))
        left_terms = left @ b[:cut] + 0.5 * np.einsum("ni,ni->n", left @ J[:cut, :cut], left)
        cross = left @ J[:cut, cut:]
        n_right = self.n_units - n_left
        count, step = int(n_states(self.units, n_right)), max(1, _CHUNK // len(left))
        sums = LogSum()
        for start in range(0, count, step):
            right = self.units.encode(
                enumerate_states(self.units, n_right, start, min(start + step, count))
            )
            right_terms = right @ b[cut:] + 0.5 * np.einsum("ni,ni->n", right @ J[cut:, cut:], right)
            p = sums.weigh(left_terms[:, None] + right_terms + cross @ right.T)
            if stats:
                p_left, p_right = p.sum(1), p.sum(0)
                both = left.T @ (p @ right)
                sums.add("mean", np.concatenate([p_left @ left, p_right @ right]))
                second = [[(left.T * p_left) @ left, both], [both.T, (right.T * p_right) @ right]]
                sums.add("second", np.block(second))
        if not stats:
            return sums.log, {}
        return sums.log, {"J": self._on_pattern(sums.mean("second")), "b": sums.mean("mean")}

    def _dense64(self) -> Array:
        J = self.J.toarray() if self.sparse else self.J
        return J.astype(np.float64)

    def _hidden_terms(self, v: Array) -> tuple[Array, Array, Array]:
        """(−E of the visible part (n,), states of the hidden units encoded (K, ·), their log-terms (n, K))."""
        total = n_states(self.units, self.n_hidden)
        refuse_above(
            _LIMIT_HIDDEN, total, _SECONDS_PER_STATE * len(v), 8.0 * total, "summing the hidden units"
        )
        J, b, cut = self._dense64(), self.b.astype(np.float64), self.n_visible * self.units.width
        phi = self.units.encode(np.asarray(v, np.float64))
        own = phi @ b[:cut] + 0.5 * np.einsum("ni,ni->n", phi @ J[:cut, :cut], phi)
        h = (
            self.units.encode(enumerate_states(self.units, self.n_hidden))
            if self.n_hidden
            else np.zeros((1, 0))
        )
        terms = h @ b[cut:] + 0.5 * np.einsum("ni,ni->n", h @ J[cut:, cut:], h)
        return own, h, (phi @ J[:cut, cut:]) @ h.T + terms

    def _row_chunks(self, n: int) -> list[slice]:
        step = max(1, int(_CHUNK // n_states(self.units, self.n_hidden)))
        return [slice(k, k + step) for k in range(0, n, step)]

    def visible_free_energy(self, v: Array) -> Array:
        """−log Σ over the hidden units of exp(−E), docs/math.md (3.5): (n,) nats.

        Raises
        ------
        TooLarge
            More than 2²⁰ states of the hidden units.
        """
        v = as_rows(v, self.n_visible, "v")
        out = np.empty(len(v))
        for rows in self._row_chunks(len(v)):
            own, _, terms = self._hidden_terms(v[rows])
            top = terms.max(1)
            out[rows] = -(own + top + np.log(np.exp(terms - top[:, None]).sum(1)))
        return out

    def posterior_stats(self, v: Array, weights: Array | None = None) -> Params:
        """`stats` averaged over p(hidden | v) by enumeration, the weighted sum over rows."""
        v = as_rows(v, self.n_visible, "v")
        weights = as_weights(weights, len(v))
        size = len(self.b)
        second, mean = np.zeros((size, size)), np.zeros(size)
        for rows in self._row_chunks(len(v)):
            _, h, terms = self._hidden_terms(v[rows])
            p = np.exp(terms - terms.max(1, keepdims=True))
            p /= p.sum(1, keepdims=True)
            phi, w = self.units.encode(np.asarray(v[rows], np.float64)), weights[rows]
            expected = p @ h
            both = (phi.T * w) @ expected
            own = (h.T * (w @ p)) @ h
            second += np.block([[(phi.T * w) @ phi, both], [both.T, own]])
            mean += np.concatenate([w @ phi, w @ expected])
        return {"J": self._on_pattern(second), "b": mean}

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
        given = np.asarray(given, np.float64)
        if given.shape != (self.n_units,):
            raise EbmError(f"given: expected {self.n_units} states, NaN where free, got shape {given.shape}")
        free = np.isnan(given)
        if not free.any():
            raise EbmError("given: no unit is free")
        self.units.check(given[~free], "given", strict=True)
        phi = self.units.encode(given[~free])
        columns = np.repeat(free, self.units.width)
        J = scipy.sparse.csr_array(self.J) if self.sparse else self.J
        own, cross = J[np.ix_(columns, columns)], J[np.ix_(columns, ~columns)]
        fixed = J[np.ix_(~columns, ~columns)]
        energy = -float(phi @ self.b[~columns] + 0.5 * phi @ (fixed @ phi))
        b = (self.b[columns] + cross @ phi).astype(self.dtype)
        return BoltzmannMachine(self.units, own, b), energy


def _check_dense(J: Array, width: int) -> None:
    n = len(J) // width
    blocks = J.reshape(n, width, n, width)
    i = np.arange(n)
    if np.any(blocks[i, :, i, :] != 0):
        k, a, c = (int(z) for z in np.argwhere(blocks[i, :, i, :] != 0)[0])
        raise _diagonal_error(k * width + a, k * width + c, blocks[k, a, k, c], width)
    difference = np.abs(J - J.T)
    if difference.max() > _SYMMETRY * np.abs(J).max():
        row, column = (int(z) for z in np.unravel_index(difference.argmax(), J.shape))
        raise _symmetry_error(row, column, J[row, column], J[column, row])
    J[:] = 0.5 * (J + J.T)


def _diagonal_error(row: int, column: int, value: float, width: int) -> EbmError:
    what = "a zero diagonal" if width == 1 else f"zero {width}×{width} blocks on the diagonal"
    return EbmError(f"J: {value:g} at ({row}, {column}); expected {what}: a unit does not couple to itself")


def _symmetry_error(row: int, column: int, one: float, other: float) -> EbmError:
    return EbmError(
        f"J: {one:g} at ({row}, {column}) but {other:g} at ({column}, {row}); expected a symmetric J:"
        " use (J + J.T) / 2"
    )


def colour(indices: Array, indptr: Array) -> Array:
    """Colour a graph greedily, most connected nodes first, so that neighbours differ.

    Parameters
    ----------
    indices, indptr : ndarray
        Neighbours in compressed sparse rows.

    Returns
    -------
    ndarray, (n,) int64
        Colours from 0, at most one more than the largest degree (Welsh & Powell 1967).

    Examples
    --------
    >>> import numpy as np
    >>> colour(np.array([1, 0, 2, 1]), np.array([0, 1, 3, 4]))
    array([1, 0, 1])
    """
    colours = np.full(len(indptr) - 1, -1, np.int64)
    for i in np.argsort(-np.diff(indptr), kind="stable"):
        taken = set(colours[indices[indptr[i] : indptr[i + 1]]].tolist())
        c = 0
        while c in taken:
            c += 1
        colours[i] = c
    return colours


@functools.lru_cache(maxsize=8)
def _colours(width: int, indices: bytes, indptr: bytes, size: int) -> Array:
    pattern = scipy.sparse.csr_array(
        (np.ones(len(indices) // 8, np.int8), np.frombuffer(indices, np.int64), np.frombuffer(indptr, np.int64)),
        shape=(size, size),
    )
    if width > 1:  # units are coupled when any of their states are
        rows = np.repeat(np.arange(size), np.diff(pattern.indptr)) // width
        pattern = scipy.sparse.csr_array(
            (np.ones(len(rows), np.int32), (rows, pattern.indices // width)), shape=(size // width,) * 2
        )
        pattern.sum_duplicates()
    return colour(pattern.indices, pattern.indptr)
