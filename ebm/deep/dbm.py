"""Deep Boltzmann machines: layers coupled to their neighbours, learnt jointly."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field

from ebm.arguments import as_array, as_count, as_float_type, as_number, as_numbers
from ebm.arrays import row_blocks
from ebm.deep.even import EvenLayers
from ebm.deep.posterior import even_means
from ebm.deep.unfolding import autoencoder, with_readout
from ebm.elimination import eliminate
from ebm.errors import EbmError, NotSupported, expect, expect_all, printable
from ebm.gaps import marginal_rows
from ebm.machine import Array, Count, FloatType, Params, Positive, as_rows, as_weights, put
from ebm.network import Layer, Network
from ebm.partition import LogZ, log_z
from ebm.partition.likelihood import as_log_z
from ebm.rbm import RBM
from ebm.states import enumerate_states, n_states, refuse_above
from ebm.stream import WEIGHTS, Seed, Stream
from ebm.units import Bernoulli, Gaussian, Ising, Mixed, Units
from ebm.units.family import as_units

__all__ = ["DBM"]

_MOST_STATES = 2.0**20  # of hidden units of even layers that are summed for each row


def side(units: Sequence[Units], sizes: Sequence[int]) -> Units:
    """The type of layers side by side: their own where it is one, else `Mixed`."""
    parts = [(own, p.stop - p.start) for u, n in zip(units, sizes, strict=True) for own, p, _ in u.parts(n)]
    one = all(own == parts[0][0] for own, _ in parts)
    return parts[0][0] if one else Mixed(tuple(parts))


class DBM(EvenLayers):
    """A deep Boltzmann machine: E = −Σ b_k·φ(x_k) − Σ φ(x_k)·W_k·φ(x_{k+1}) + U, docs/math.md (4.16).

    It is an RBM in disguise: given the even layers the odd ones are independent, and the other way round. So
    its state x holds the even layers side by side, the data first, and the odd layers are summed out;
    whatever runs on an RBM runs on it. Its parameters are those of that RBM: "W" (even × odd, zero where
    layers are no neighbours), "b" of the even layers and "c" of the odd ones.

    Parameters
    ----------
    units : sequence of Units
        Types of the layers from the data up, at least three; without precisions that are learnt.
    weights : sequence of array_like
        W_k between layers k and k + 1: (n_k·width, n_{k+1}·width).
    biases : sequence of array_like
        b_k of every layer.

    Raises
    ------
    EbmError
        Shapes that do not fit.
    NotSupported
        Units that learn.

    References
    ----------
    Salakhutdinov & Hinton, "Deep Boltzmann machines" (2009).

    Examples
    --------
    >>> import numpy as np, ebm
    >>> machine = ebm.DBM.random([4, 3, 2], scale=0.1)
    >>> machine
    DBM(4 × Bernoulli() - 3 × Bernoulli() - 2 × Bernoulli(), float32)
    >>> bool(machine.log_likelihood_bound([[0, 1, 0, 1]]) <= ebm.log_likelihood(machine, [[0, 1, 0, 1]]))
    True
    """

    couplings, biases, share = ("W",), ("b", "c"), 1.0
    sums_out = True

    def __init__(
        self, units: Sequence[Units], weights: Sequence[ArrayLike], biases: Sequence[ArrayLike]
    ) -> None:
        self.layer_units = expect_all(units, Units, "DBM: units", "a sequence such as [Bernoulli()] * 3")
        n = len(self.layer_units)
        w, b = _arrays(weights, "DBM: weights"), _arrays(biases, "DBM: biases")
        if n < 3 or len(w) != n - 1 or len(b) != n:
            raise EbmError(
                "DBM: expected three layers or more, their biases and the weights between them, got"
                f" {n} unit types, {len(w)} weights and {len(b)} biases"
            )
        if any(u.learns for u in self.layer_units):
            raise NotSupported("DBM: expected units that learn no potential")
        if (bad := next((k for k, value in enumerate(b) if value.ndim != 1), None)) is not None:
            raise EbmError(f"DBM: biases {bad}: expected shape (n,), got {b[bad].shape}")
        self.sizes = tuple(u.count(len(v)) for u, v in zip(self.layer_units, b, strict=True))
        self._even, self._odd = self._places(b, 0), self._places(b, 1)
        W = np.zeros((len(np.concatenate(b[::2])), len(np.concatenate(b[1::2]))), np.result_type(*w, *b))
        self.coupled = np.zeros(W.shape, bool)
        for k, given in enumerate(w):
            if given.shape != (shape := (len(b[k]), len(b[k + 1]))):
                raise EbmError(f"DBM: weights {k}: expected shape {shape}, got {given.shape}")
            block = self._block(k)
            W[block], self.coupled[block] = given if k % 2 == 0 else given.T, True
        even, odd = (side(self.layer_units[k::2], self.sizes[k::2]) for k in (0, 1))
        self._rbm = RBM(even, odd, W, np.concatenate(b[::2]), np.concatenate(b[1::2]))

    def _places(self, b: list[Array], first: int) -> dict[int, slice]:
        """Of the layers on one side, their columns there."""
        found, at = {}, 0
        for k in range(first, len(b), 2):
            found[k] = slice(at, at + len(b[k]))
            at += len(b[k])
        return found

    def _block(self, k: int) -> tuple[slice, slice]:
        """Where W_k stands in W, turned over for odd k."""
        return (self._even[k], self._odd[k + 1]) if k % 2 == 0 else (self._even[k + 1], self._odd[k])

    @classmethod
    def random(
        cls,
        sizes: Sequence[int],
        units: Sequence[Units] | None = None,
        *,
        scale: float = 0.01,
        seed: Seed = 0,
        dtype: FloatType = np.float32,
    ) -> DBM:
        """Make a machine of layers of so many units, Bernoulli by default: normal weights, zero biases.

        float32, as of `from_data`; float64 is for exact work.
        """
        expect(sizes, Sequence, "sizes", "a sequence of numbers such as [6, 4, 3]")
        units = [Bernoulli()] * len(sizes) if units is None else units
        units = expect_all(units, Units, "units", "a sequence such as [Bernoulli()] * 3")
        if len(units) != len(sizes):
            raise EbmError(f"units: expected one type for each of {len(sizes)} layers, got {len(units)}")
        scale, dtype = as_number(scale, "scale", 0), as_float_type(dtype)
        columns = [u.columns(as_count(n, "sizes")) for u, n in zip(units, sizes, strict=True)]
        stream, weights = Stream(seed).split(WEIGHTS), []
        for k, (n, m) in enumerate(pairwise(columns)):
            z = Gaussian().sample(np.zeros((n, m)), stream.split(k).uniform(n, m))
            weights.append((scale * z).astype(dtype))
        return cls(units, weights, [np.zeros(n, dtype) for n in columns])

    @classmethod
    def from_data(
        cls,
        data: ArrayLike,
        sizes: Annotated[Sequence[Count], Field(min_length=2)],
        *,
        visible: Units = Bernoulli(),
        scale: Positive = 0.01,
        seed: Seed = 0,
        dtype: FloatType = np.float32,
    ) -> DBM:
        """Make a machine with Bernoulli hidden layers of so many units, from the lowest.

        Its visible biases are the data's marginals.

        Parameters
        ----------
        data : array_like, (n, n_visible)
        sizes : sequence of int
            Units of each hidden layer, from the lowest; two or more layers.
        visible : Units
            The type of the visible units.
        scale : float
            Standard deviation of the weights.
        seed : int
            Of the weights.
        dtype : {"float32", "float64"}
            Of the parameters.
        """
        expect(sizes, Sequence, "sizes", "numbers of hidden units such as [4, 3]")
        data = as_units(visible, "visible").check(marginal_rows(as_array(data, "data")))
        if data.ndim != 2 or 0 in data.shape:
            raise EbmError(f"data: expected rows of units, got shape {data.shape}")
        units = [visible, *[Bernoulli()] * len(sizes)]
        machine = cls.random([data.shape[1], *sizes], units, scale=scale, seed=seed, dtype=dtype)
        mean = visible.encode(data).mean(0, dtype=np.float64)
        machine.params["b"][machine._even[0]] = visible.link(mean, floor=0.5 / (len(data) + 1))
        return machine

    @classmethod
    def restored(cls, units: Sequence[Units], sizes: Sequence[int], params: Params) -> DBM:
        """The machine with these parameters, as a file has them."""
        put(machine := cls.random(sizes, units, dtype=params["W"].dtype), params)
        return machine

    def layers(self) -> tuple[list[Array], list[Array]]:
        """W_k and b_k, views of the parameters."""
        W, b, c = (self.params[key] for key in "Wbc")
        weights = [
            W[self._block(k)] if k % 2 == 0 else W[self._block(k)].T for k in range(len(self.sizes) - 1)
        ]
        biases = [b[self._even[k]] if k % 2 == 0 else c[self._odd[k]] for k in range(len(self.sizes))]
        return weights, biases

    def copy(self) -> DBM:
        """An independent machine with the same parameters."""
        return DBM(self.layer_units, *self.layers())

    def __repr__(self) -> str:
        own = " - ".join(f"{n} × {u}" for n, u in zip(self.sizes, self.layer_units, strict=True))
        return printable(f"DBM({own}, {self.dtype})")

    n_visible = property(lambda self: self.sizes[0], doc="Units in a row of data.")

    def _data(self, v: ArrayLike) -> Array:
        return as_rows(v, self.layer_units[0], self.n_visible, "v")

    def clamp(self, v: ArrayLike, rng: Stream, n: int = 10) -> Array:
        """Complete rows of data to states: the other even layers drawn at random, then swept n times."""
        v = self._data(v)
        x = self.sample0(len(v), rng)
        x[:, : self.n_visible] = v
        free = np.arange(self.n_units) >= self.n_visible
        return np.asarray(self.sweep(x, rng, n, free=free))

    def mean_field(self, v: ArrayLike, *, tolerance: float = 1e-4) -> tuple[Array, Array]:
        """The factorial posterior that satisfies the mean-field equations, docs/math.md (4.17).

        Parameters
        ----------
        v : (n, n_visible)
        tolerance : float
            The means are taken when none has moved by more.

        Returns
        -------
        x : (n, n_units)
            The data and the means of the other even layers: the free energy and the statistics of these rows
            are those of the posterior.
        entropy : (n,) float64
            Of those layers, nats.

        Raises
        ------
        NotSupported
            Even hidden layers whose means are no data, such as Potts units, or have no entropy, such as
            Gaussian ones.
        """
        v = self._data(v).astype(self.dtype)
        rest = self.units.taken(np.arange(self.n_units) >= self.n_visible)
        for units, _, _ in rest.parts(self.n_units - self.n_visible):
            if not isinstance(units, (Bernoulli, Ising)):
                expected = "expected Bernoulli or Ising units in the even hidden layers"
                raise NotSupported(f"mean_field: {units}: {expected}")
        tolerance = as_number(tolerance, "tolerance", 0)
        m, entropy = even_means(self._rbm, v, self._even[0].stop, tolerance)
        return np.concatenate([v, m], axis=1), entropy

    def log_likelihood_bound(
        self, v: ArrayLike, log_z_of: LogZ | float | None = None, *, seed: Seed = 0
    ) -> Array:
        """A lower bound on log p(v), by the mean-field posterior, docs/math.md (4.18).

        Parameters
        ----------
        v : (n, n_visible)
            States.
        log_z_of : LogZ, float or None
            log Z of this machine, nats; None: ``ebm.log_z(machine)``. Its error is the error of the mean.

        Returns
        -------
        ndarray, (n,) float64
            Nats per sample.
        """
        value = as_log_z(log_z(self, seed=seed) if log_z_of is None else log_z_of)
        x, entropy = self.mean_field(self.layer_units[0].check(v, "v", strict=True))
        return entropy - self.free_energy(x) - value

    def _completions(self, v: ArrayLike) -> tuple[Array, Array, int]:
        """All states of the other even layers beside each row: (n·q, n_units), the rows and q."""
        v = self._data(v)
        rest = self.units.taken(np.arange(self.n_visible, self.n_units))
        n = self.n_units - self.n_visible
        q = n_states(rest, n)
        refuse_above(
            _MOST_STATES, q, 1e-6 * len(v), 8.0 * self.n_units * q * len(v), "summing the even layers"
        )
        h = enumerate_states(rest, n)
        return np.concatenate([np.repeat(v, len(h), 0), np.tile(h, (len(v), 1))], axis=1), v, len(h)

    def visible_free_energy(self, v: ArrayLike) -> Array:
        """−log Σ over all hidden layers of exp(−E), nats, (n,), exactly.

        Gaussian units in the even hidden layers are integrated by elimination.

        Raises
        ------
        TooLarge
            More than 2²⁰ states of the even hidden layers; of Gaussian ones, a large treewidth.
        """
        v = self._data(v)
        n = self.n_units - self.n_visible
        if not self.units.taken(np.arange(self.n_visible, self.n_units)).finite:
            given = np.column_stack([v, np.full((len(v), n), np.nan)])
            sums = eliminate(self.graph(), given=given[0]) if len(v) else None
            return np.array([-sums.clamped(row).log_z for row in given]) if sums else np.zeros(0)
        q = n_states(self.units.taken(np.arange(self.n_visible, self.n_units)), n)
        width = int(min(q, 2**40)) * self.n_units
        return np.concatenate([self._visible_free_energy(v[k]) for k in row_blocks(len(v), width)])

    def _visible_free_energy(self, v: Array) -> Array:
        x, v, q = self._completions(v)
        below = -self.free_energy(x).reshape(len(v), q)
        top = below.max(1)
        return -(top + np.log(np.exp(below - top[:, None]).sum(1)))

    def posterior_stats(self, v: ArrayLike, weights: Array | None = None) -> Params:
        """`stats` averaged exactly over p(hidden | v), the weighted sum over rows."""
        x, v, q = self._completions(v)
        energies = self.free_energy(x).reshape(len(v), q)
        p = np.exp(energies.min(1, keepdims=True) - energies)
        w = as_weights(weights, len(v))
        return self.stats(x, (w[:, None] * p / p.sum(1, keepdims=True)).ravel())

    def transform(self, v: ArrayLike) -> Array:
        """Features: mean-field means of the top layer given the data, (n, n·width).

        Raises
        ------
        NotSupported
            As of `mean_field`.
        """
        x, last = self.mean_field(v)[0], len(self.sizes) - 1
        return x[:, self._even[last]] if last % 2 == 0 else self._rbm.mean_h(x)[:, self._odd[last]]

    def reconstruct(self, v: ArrayLike) -> Array:
        """Means of v given the mean-field means of the layer above it given v, (n, n_visible·width).

        Raises
        ------
        NotSupported
            As of `mean_field`.
        """
        return self._rbm.reconstruct(self.mean_field(v)[0])[:, self._even[0]]

    def recognition(self) -> list[Layer]:
        """The layers on the way up, with copies of their arrays.

        Weights into a layer that has another one above, which is missing on the way up, count twice: it then
        gets inputs of the size that it has been learnt with, as in the first step of the mean fields.
        """
        weights, biases = self.layers()
        units, last = self.layer_units[1:], len(weights) - 1
        return [Layer(units[k], (1 + (k < last)) * W, biases[k + 1].copy()) for k, W in enumerate(weights)]

    def unfold(self, readout: Units, n_outputs: int = 1) -> Network:
        """A network of the layers on the way up and a readout that says nothing yet; for `fine_tune`."""
        return with_readout(self.recognition(), self.layer_units[0], readout, n_outputs)

    def autoencoder(self) -> Network:
        """A network of the layers on the way up and back down to the data, for `fine_tune` on the data.

        As in `recognition`, weights into hidden layers that miss a neighbour count twice.
        """
        weights, biases = self.layers()
        down = [
            Layer(self.layer_units[k], (1 + (k > 0)) * weights[k].T, biases[k]) for k in range(len(weights))
        ]
        return autoencoder(self.recognition(), down[::-1])


def _arrays(given: Sequence[ArrayLike], name: str) -> list[Array]:
    """Several arrays, each checked."""
    several = expect(given, Sequence, name, "a sequence of arrays")
    return [as_numbers(array, f"{name} {k}") for k, array in enumerate(several)]
