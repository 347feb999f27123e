"""The network itself: its layers, its predictions, its loss and the gradient of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ebm.arguments import as_count, as_float_type, as_numbers
from ebm.arrays import Owned, float_dtype, parameter
from ebm.errors import EbmError, NotSupported, expect_all, printable, short
from ebm.machine import Array, FloatType, Params, as_weights
from ebm.network.passes import Masks, backward, forward, mean_of
from ebm.rows import as_source
from ebm.scratch import Scratch
from ebm.stream import WEIGHTS, Seed, Stream
from ebm.units import Gaussian, Units
from ebm.units.family import LEAST, as_units, bound

__all__ = ["Layer", "Network", "minus_log_p"]

_BLOCK = 1024  # rows that predictions are made for at a time


@dataclass(frozen=True)
class Layer:
    """Units whose inputs are b + φ(x)·W.

    Attributes
    ----------
    units : Units
    W : ndarray, (n_in, n_units·width)
    b : ndarray, (n_units·width,)
    """

    units: Units
    W: Array
    b: Array

    @classmethod
    def random(
        cls, units: Units, n_in: int, n_units: int, *, seed: Seed = 0, dtype: FloatType = np.float64
    ) -> Layer:
        """Normal weights of variance 1/n_in, zero biases."""
        units, dtype = as_units(units, "units"), as_float_type(dtype)
        n_in, columns = as_count(n_in, "n_in"), units.columns(as_count(n_units, "n_units"))
        z = Gaussian().sample(np.zeros((n_in, columns)), Stream(seed).split(WEIGHTS).uniform(n_in, columns))
        return cls(units, (z / np.sqrt(n_in)).astype(dtype), np.zeros(columns, dtype))


class Network:
    """A stack of layers; the last one is the readout.

    Parameters
    ----------
    layers : sequence of Layer
        Arrays are copied. Readout units ``Gaussian(learn_precision=True)`` have precisions, 1 where they are
        not bound to others, in ``params["y.precision"]``.
    inputs : Units, optional
        The type of the input: what x may be, and its encoding; ``Gaussian()``, any numbers, when left out.

    Examples
    --------
    >>> import numpy as np, ebm
    >>> net = ebm.Network([ebm.Layer(ebm.Potts(2), np.array([[0.0, 1.0]]), np.zeros(2))])
    >>> net.predict(np.array([[1.0], [-1.0]]))
    array([1, 0], dtype=int32)
    """

    def __init__(self, layers: Sequence[Layer], inputs: Units | None = None) -> None:
        layers = expect_all(layers, Layer, "layers", "a sequence of layers: Layer.random(…)")
        if not layers:
            raise EbmError("layers: expected at least one")
        dtype = float_dtype(*(a for layer in layers for a in (layer.W, layer.b)))
        self.inputs = Gaussian() if inputs is None else inputs
        params: Params = {}
        self._scratch = Scratch()
        rows, last = np.shape(layers[0].W)[0], len(layers) - 1
        for k, layer in enumerate(layers):
            columns = np.shape(layer.W)[-1]
            if not as_units(layer.units, f"layer {k}").count(columns):
                raise EbmError(f"layer {k}: {columns} columns do not fit {layer.units}")
            if layer.units.learns and k < last:
                raise NotSupported(
                    f"layer {k}: {layer.units}: only a readout learns its potential, such as Gaussian()"
                )
            params[f"W{k}"] = parameter(layer.W, (rows, columns), dtype, f"layer {k}: W")
            params[f"b{k}"] = parameter(layer.b, (columns,), dtype, f"layer {k}: b")
            rows = columns
        top = layers[-1].units
        for name, value in top.theta().items():
            given, n = np.broadcast_to(value, top.count(rows)), top.count(rows)
            params[f"y.{name}"] = parameter(given, (n,), dtype, f"layer {last}: {name}")
        self._params = Owned(params)
        self._layer_units = (*(layer.units for layer in layers[:-1]), top)
        self._tie()

    def _tie(self) -> None:
        """Let the readout work with the arrays of `params`: new ones, or written apart, as joblib does."""
        *below, top = self._layer_units
        self._layer_units = (*below, bound(top, self._params, "y"))

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._tie()

    @property
    def params(self) -> Owned:
        """W0, b0, W1, … and the precisions of a readout that learns them: live arrays."""
        return self._params

    @property
    def layer_units(self) -> tuple[Units, ...]:
        """The type of each layer, the readout last."""
        return self._layer_units

    @property
    def couplings(self) -> tuple[str, ...]:
        """The parameters that penalties act on."""
        return tuple(f"W{k}" for k in range(len(self.layer_units)))

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the parameters."""
        return self.params["W0"].dtype

    @property
    def n_in(self) -> int:
        """Width of the encoded input."""
        return len(self.params["W0"])

    @property
    def readout_units(self) -> Units:
        """The units of the last layer."""
        return self.layer_units[-1]

    @property
    def n_outputs(self) -> int:
        """Units of the last layer."""
        return self.readout_units.count(len(self.params[f"b{len(self.layer_units) - 1}"]))

    def __repr__(self) -> str:
        sizes = " → ".join(str(len(self.params[f"b{k}"])) for k in range(len(self.layer_units)))
        return printable(f"Network({self.n_in} → {sizes}, {self.readout_units})")

    def layers(self) -> list[Layer]:
        """Its layers, with copies of their arrays."""
        found = []
        for k, units in enumerate(self.layer_units):
            if units.learns:
                units = units.bound(*(value.copy() for value in units.theta().values()))
            found.append(Layer(units, self.params[f"W{k}"].copy(), self.params[f"b{k}"].copy()))
        return found

    def copy(self) -> Network:
        """An independent network with the same parameters."""
        return Network(self.layers(), self.inputs)

    def project(self) -> None:
        """Keep precisions positive, if there are any; nothing else is constrained."""
        self._params.check()
        self._tie()

    def encoded(self, x: Any) -> Array:
        """φ(x) in the network's dtype, C-ordered: rows that were checked to be states or means."""
        return np.ascontiguousarray(self.inputs.encode(np.asarray(x)), self.dtype)

    def source(self, x: Any) -> Any:
        """Rows of x to take batches from: arrays checked, files and sparse matrices for their shape only."""
        rows = as_source(x)
        if isinstance(rows, np.ndarray):
            rows = self.inputs.check(rows, "x")
        expected = self.inputs.count(self.n_in)
        if len(rows.shape) != 2 or rows.shape[1] != expected:
            raise EbmError(f"x: expected shape (n, {expected}), got {rows.shape}")
        return rows

    def target(self, y: ArrayLike, n: int) -> Array:
        """The targets of n rows, (n, n_outputs), checked."""
        y = self.readout_units.check(y, "y")
        if y.ndim == 1:
            y = y[:, None]
        if y.shape != (n, self.n_outputs):
            raise EbmError(f"y: expected shape ({n}, {self.n_outputs}), got {y.shape}")
        return y

    def forward(self, x: ArrayLike) -> tuple[list[Array], list[Array]]:
        """Inputs I_k and outputs y_k of every layer, y_0 = φ(x) first; docs/math.md (8.1)."""
        y = [self.encoded(self.source(x)[:])]
        inputs = []
        for k, units in enumerate(self.layer_units):
            inputs.append(self.params[f"b{k}"] + y[-1] @ self.params[f"W{k}"])
            y.append(units.mean(inputs[-1]))
        return inputs, y

    def _blocks(self, rows: Any, depth: int = -1) -> Iterator[tuple[slice, Array]]:
        """Inputs of a layer for some rows at a time, which those of the next rows are written over."""
        kept: Params = {}
        depth %= len(self.layer_units)

        def take(name: str, shape: tuple[int, ...], dtype: Any) -> Array:
            if name not in kept or len(kept[name]) < shape[0]:
                kept[name] = np.empty(shape, dtype)
            return kept[name][: shape[0]]

        for start in range(0, len(rows), _BLOCK):
            part = slice(start, min(start + _BLOCK, len(rows)))
            yield part, forward(self, self.encoded(rows[part]), take, depth=depth).last

    def transform(self, x: ArrayLike, layer: int = -2) -> Array:
        """Means of a layer, by default of the one below the readout: (n, n_units·width).

        Parameters
        ----------
        x : (n, n_in), an array, a memory map or a scipy.sparse matrix
        layer : int
            From 0, or from −1, the readout, downwards.

        Examples
        --------
        >>> import numpy as np, ebm
        >>> layers = [ebm.Layer.random(ebm.Bernoulli(), 4, 3), ebm.Layer.random(ebm.Potts(2), 3, 1)]
        >>> ebm.Network(layers).transform(np.zeros((1, 4)))
        array([[0.5, 0.5, 0.5]])
        """
        n = len(self.layer_units)
        if not isinstance(layer, (int, np.integer)) or not -n <= layer < n:
            raise EbmError(f"layer: expected a number from {-n} to {n - 1}, got {short(layer)}")
        rows, units = self.source(x), self.layer_units[layer]
        zero = np.zeros_like(self.params[f"b{layer % n}"])
        out = np.empty((len(rows), len(zero)), self.dtype)
        for part, I in self._blocks(rows, layer):
            out[part] = mean_of(units, I, zero)
        return out

    def predict_mean(self, x: ArrayLike) -> Array:
        """The readout's ⟨φ(y)⟩: class probabilities for a Potts unit, (n, n_outputs·width)."""
        return self.transform(x, -1)

    def predict_variance(self, x: ArrayLike) -> Array:
        """The variance of φ(y) given x, (n, n_outputs·width): p(1 − p) of bits, one over the precision of
        Gaussian units, the mean of counts.
        """
        rows, units = self.source(x), self.readout_units
        out = np.empty((len(rows), units.columns(self.n_outputs)), self.dtype)
        for part, I in self._blocks(rows):
            out[part] = units.var(I)
        return out

    def predict(self, x: ArrayLike) -> Array:
        """The most probable y, a class number for one Potts unit; of Gaussian units and counts the mean."""
        return self._decoded(self.predict_mean(x))

    def _decoded(self, mean: Array) -> Array:
        parts = self.readout_units.parts(self.n_outputs)
        found = [_likeliest(units, mean[:, columns]) for units, _, columns in parts]
        y = found[0] if len(found) == 1 else np.concatenate(found, axis=1)
        return y[:, 0] if y.shape[1] == 1 and self.readout_units.finite else y

    def log_probabilities(self, x: ArrayLike) -> Array:
        """log p(y | x) of every state y that a readout unit has, nats: (n, n_outputs, n_states) float64.

        Without the axis of units where there is one. Stable: probabilities that are zero to rounding have
        their logarithms.

        Raises
        ------
        NotSupported
            Readout units with infinitely many states: `log_likelihood` takes the y that is asked for.
        """
        units = self.readout_units
        if not units.finite:
            raise NotSupported(f"log_probabilities: {units} units have infinitely many states")
        _, every, log_weights = units.table()
        rows = self.source(x)
        found = np.empty((len(rows), self.n_outputs, len(every)))
        for part, I in self._blocks(rows):
            I = I.astype(np.float64)
            inputs = I.reshape(len(I), self.n_outputs, units.width)
            found[part] = inputs @ every.T + log_weights - units.cgf(I)[..., None]
        return found[:, 0] if self.n_outputs == 1 else found

    def log_likelihood(self, x: ArrayLike, y: ArrayLike) -> Array:
        """log p(y | x) of each row, the readout's units together: nats, (n,) float64; docs/math.md (8.2)."""
        return -self._judged(x, y)[0]

    def _judged(self, x: Any, y: ArrayLike) -> tuple[Array, Array]:
        """Of each row −log p(y | x), nats, and whether the prediction is wrong, or its squared error."""
        rows, units = self.source(x), self.readout_units
        target = self.target(y, len(rows))
        loss, error = np.empty(len(rows)), np.empty(len(rows))
        for part, I in self._blocks(rows):
            loss[part] = minus_log_p(units, I, target[part])
            found = self._decoded(units.mean(I)).reshape(target[part].shape)
            if not units.finite:
                error[part] = np.square(found - target[part], dtype=np.float64).mean(1)
            else:
                error[part] = (found != target[part]).any(1)
        return loss, error

    def score(self, x: ArrayLike, y: ArrayLike, weights: ArrayLike | None = None) -> tuple[float, float]:
        """`loss` and `error` in one pass over the rows; the weighted sums (None: the means)."""
        loss, error = self._judged(x, y)
        if weights is None:
            return float(loss.mean()), float(error.mean())
        w = as_weights(weights, len(loss))
        return float(w @ loss), float(w @ error)

    def error(self, x: ArrayLike, y: ArrayLike) -> float:
        """The fraction of rows whose prediction is not y; of Gaussian units and counts the squared error.

        That is (y − predicted mean)², the mean over rows and outputs.
        """
        return self.score(x, y)[1]

    def loss(self, x: ArrayLike, y: ArrayLike, weights: ArrayLike | None = None) -> float:
        """−log p(y | x), the weighted sum over rows (None: the mean), nats; docs/math.md (8.2)."""
        return self.score(x, y, weights)[0]

    def gradient(self, x: ArrayLike, y: ArrayLike, weights: Array | None = None) -> Params:
        """∂loss/∂params by back-propagation, docs/math.md (8.3)–(8.5): a dict like params."""
        rows = self.source(x)
        w = as_weights(weights, len(rows))
        found, _ = self.slopes(rows[:], self.target(y, len(rows)), w)
        return {key: np.array(found[key]) for key in self.params}

    def slopes(self, x: Array, target: Array, w: Array, masks: Masks = ()) -> tuple[dict[str, Any], Array]:
        """`gradient` of checked rows, some of whose inputs are dropped; and the inputs of the readout.

        The slopes of weights are `Deferred`, and like the inputs in memory that is used again once nobody
        holds it.
        """
        w = w.astype(self.dtype, copy=False)
        return backward(self, self.encoded(x), target, w, self._scratch, masks)

    def with_precision(self, x: ArrayLike, y: ArrayLike, weights: ArrayLike | None = None) -> Network:
        """The network of the same means whose Gaussian readout has the precisions that these rows favour.

        One over the mean squared residual of each output: of maximum likelihood, given the means, which for
        a readout fitted by least squares is that of all parameters of the readout; docs/math.md (8.7). Rows
        that the network was not trained on give honest intervals where it overfits.

        Parameters
        ----------
        x : (n, n_in)
        y : (n,) or (n, n_outputs)
        weights : (n,), optional
            Of the rows, ≥ 0.

        Raises
        ------
        NotSupported
            The readout is not Gaussian.

        Examples
        --------
        >>> import numpy as np, ebm
        >>> net = ebm.Network([ebm.Layer(ebm.Gaussian(), np.ones((1, 1)), np.zeros(1))])
        >>> x = np.array([[0.0], [1.0]])
        >>> net.with_precision(x, x + 0.5).predict_variance(x)
        array([[0.25],
               [0.25]])
        """
        units, last = self.readout_units, len(self.layer_units) - 1
        if not isinstance(units, Gaussian):
            raise NotSupported(f"with_precision: {units} units have no precision; a Gaussian readout has")
        mean = self.predict_mean(x).astype(np.float64)
        squares = np.square(self.target(y, len(mean)) - mean)
        w = as_weights(None if weights is None else as_numbers(weights, "weights"), len(mean))
        precision = w.sum() / np.maximum(w @ squares, LEAST**2 * w.sum())
        layers = self.layers()
        top, scale = layers[last], precision / np.broadcast_to(units.precision, mean.shape[1:])
        readout = Gaussian(learn_precision=True).bound(precision.astype(self.dtype))
        W, b = ((a * scale).astype(self.dtype) for a in (top.W, top.b))
        return Network([*layers[:-1], Layer(readout, W, b)], self.inputs)


def _likeliest(units: Units, mean: Array) -> Array:
    """The most probable states of units with these means, (n, n_units); of infinitely many, the means."""
    if units.states is None:
        return mean
    states = np.asarray(units.states)
    if units.width > 1:
        return units.decode(mean)
    if len(states) == 2:
        return states[(mean > states.mean()).astype(np.int64)]
    weights = units.link(mean)[..., None] * states - units.potential(states[:, None])[:, 0]
    return states[weights.argmax(-1)]


def minus_log_p(units: Units, I: Array, target: Array) -> Array:
    """A(I) − I·φ(y) + U(y) of each row, docs/math.md (8.2): nats, float64."""
    I = I.astype(np.float64)
    return units.cgf(I).sum(1) - (I * units.encode(target)).sum(1) + units.potential(target).sum(1)
