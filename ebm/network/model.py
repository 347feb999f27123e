"""Readouts and networks: layers of units used as activations, trained by back-propagation.

A layer's activation is its units' `mean`, and the loss of the last layer is −log p(y | I) of its units,
docs/math.md (8.1)–(8.3): softmax regression for one Potts unit, logistic regression for Bernoulli units,
least squares for Gaussian ones. Back-propagation is the chain rule over the layers, dL/dW = dL/dI · dI/dW,
with `Units.pull` for the step through an activation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ebm.errors import EbmError, NotSupported, settings
from ebm.learning import Batch, Carried
from ebm.machine import Array, Params, as_weights, check_finite, float_dtype, parameter
from ebm.optimisers import Adam, Optimiser
from ebm.penalties import Penalty
from ebm.stream import WEIGHTS, Seed, Stream
from ebm.training import begin, steps_per_epoch, train
from ebm.units import Bernoulli, Gaussian, Potts, Units

__all__ = ["BackPropagation", "Layer", "Network", "fine_tune", "readout"]


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
        cls, units: Units, n_in: int, n_units: int, *, seed: Seed = 0, dtype: Any = np.float64
    ) -> Layer:
        """Normal weights of variance 1/n_in, zero biases."""
        columns = n_units * units.width
        z = Gaussian().sample(np.zeros((n_in, columns)), Stream(seed).split(WEIGHTS).uniform(n_in, columns))
        return cls(units, (z / np.sqrt(n_in)).astype(dtype), np.zeros(columns, dtype))


class Network:
    """A stack of layers; the last one is the readout.

    Parameters
    ----------
    layers : sequence of Layer
        Arrays are copied.
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
        if not layers:
            raise EbmError("layers: expected at least one")
        dtype = float_dtype(*(a for layer in layers for a in (layer.W, layer.b)))
        self.inputs = Gaussian() if inputs is None else inputs
        self.layer_units = tuple(layer.units for layer in layers)
        self.params: Params = {}
        rows = np.shape(layers[0].W)[0]
        for k, layer in enumerate(layers):
            columns = np.shape(layer.W)[-1]
            if columns % layer.units.width:
                raise EbmError(f"layer {k}: {columns} columns do not fit {layer.units}")
            if layer.units.learns:
                raise NotSupported(f"layer {k}: {layer.units}: expected units that learn no precision")
            self.params[f"W{k}"] = parameter(layer.W, (rows, columns), dtype, f"layer {k}: W")
            self.params[f"b{k}"] = parameter(layer.b, (columns,), dtype, f"layer {k}: b")
            rows = columns

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

    def __repr__(self) -> str:
        sizes = " → ".join(str(len(self.params[f"b{k}"])) for k in range(len(self.layer_units)))
        return f"Network({self.n_in} → {sizes}, {self.layer_units[-1]})"

    def layers(self) -> list[Layer]:
        """Its layers, with copies of their arrays."""
        pairs = ((u, self.params[f"W{k}"], self.params[f"b{k}"]) for k, u in enumerate(self.layer_units))
        return [Layer(u, W.copy(), b.copy()) for u, W, b in pairs]

    def project(self) -> None:
        """Nothing is constrained."""

    def _encoded(self, x: ArrayLike) -> Array:
        y = self.inputs.encode(np.asarray(x)).astype(self.dtype, copy=False)
        if y.ndim != 2 or y.shape[1] != self.n_in:
            raise EbmError(f"x: expected shape (n, {self.n_in // self.inputs.width}), got {np.shape(x)}")
        return y

    def forward(self, x: ArrayLike) -> tuple[list[Array], list[Array]]:
        """Inputs I_k and outputs y_k of every layer, y_0 = φ(x) first; docs/math.md (8.1)."""
        y = [self._encoded(x)]
        inputs = []
        for k, units in enumerate(self.layer_units):
            inputs.append(self.params[f"b{k}"] + y[-1] @ self.params[f"W{k}"])
            y.append(units.mean(inputs[-1]))
        return inputs, y

    def predict_mean(self, x: ArrayLike) -> Array:
        """The readout's ⟨φ(y)⟩: class probabilities for a Potts unit, (n, n_units·width)."""
        return self.forward(self.inputs.check(x, "x"))[1][-1]

    def predict(self, x: ArrayLike) -> Array:
        """The most probable y: a class number for one Potts unit, a mean for Gaussian units."""
        units = self.layer_units[-1]
        mean = self.predict_mean(x)
        if isinstance(units, Gaussian):
            return mean
        states = np.asarray(units.states)
        y = units.decode(mean) if units.width > 1 else states[(mean > states.mean()).astype(np.int64)]
        return y[:, 0] if y.shape[1] == 1 else y

    def error(self, x: ArrayLike, y: ArrayLike) -> float:
        """The fraction of rows whose prediction is not y."""
        wrong = self.predict(x).reshape(len(np.asarray(y)), -1) != np.asarray(y).reshape(
            len(np.asarray(y)), -1
        )
        return float(wrong.any(1).mean())

    def _target(self, y: ArrayLike, n: int) -> Array:
        units = self.layer_units[-1]
        width = len(self.params[f"b{len(self.layer_units) - 1}"]) // units.width
        y = units.check(y, "y")
        if y.ndim == 1:
            y = y[:, None]
        if y.shape != (n, width):
            raise EbmError(f"y: expected shape ({n}, {width}), got {y.shape}")
        return y

    def loss(self, x: ArrayLike, y: ArrayLike, weights: Array | None = None) -> float:
        """−log p(y | x), the weighted sum over rows (None: the mean), nats; docs/math.md (8.2)."""
        I = self.forward(x)[0][-1].astype(np.float64)
        units, y = self.layer_units[-1], self._target(y, len(I))
        each = units.cgf(I) - (I * units.encode(y)).reshape(*y.shape, -1).sum(-1) + units.potential(y)
        w = as_weights(weights, len(I))
        return float(w @ each.sum(1))

    def gradient(self, x: ArrayLike, y: ArrayLike, weights: Array | None = None) -> Params:
        """∂loss/∂params by back-propagation, docs/math.md (8.3)–(8.5): a dict like params."""
        inputs, outputs = self.forward(x)
        n, last = len(inputs[-1]), len(self.layer_units) - 1
        w = as_weights(weights, n)
        target = self.layer_units[last].encode(self._target(y, n))
        dL_dI = ((outputs[-1] - target) * w[:, None]).astype(self.dtype)
        found: Params = {}
        for k in range(last, -1, -1):
            found[f"W{k}"] = outputs[k].T @ dL_dI  # dI/dW is the layer's own input
            found[f"b{k}"] = dL_dI.sum(0)
            if k > 0:
                dL_dy = dL_dI @ self.params[f"W{k}"].T
                dL_dI = self.layer_units[k - 1].pull(inputs[k - 1], dL_dy)
        return found


@settings
class BackPropagation:
    """The rule that ascends log p(y | x) of a `Network` on batches (x, y)."""

    def init(self, machine: Network, rng: Stream) -> Carried:
        """Nothing is carried."""
        return {}

    def gradient(
        self, machine: Network, batch: Batch, chains: Carried, rng: Stream
    ) -> tuple[Params, Carried]:
        """The exact gradient of the batch's weighted mean of log p(y | x)."""
        x, y, weights = batch
        total = weights.sum()
        found = machine.gradient(x, y, weights / total if total > 0 else weights)
        return {key: -value for key, value in found.items()}, chains


def fine_tune(
    network: Network,
    x: ArrayLike,
    y: ArrayLike,
    *,
    optimiser: Optimiser | None = None,
    epochs: int = 50,
    batch_size: int = 100,
    weights: ArrayLike | None = None,
    penalties: Sequence[Penalty] = (),
    seed: Seed = 0,
) -> Network:
    """Train all layers of a network in place by back-propagation, and return it.

    Parameters
    ----------
    x : (n, n_in)
    y : (n,) or (n, n_units)
        Class numbers for a Potts readout, bits or means for Bernoulli, numbers for Gaussian.
    optimiser : Optimiser, optional
        ``Adam(0.001)`` when left out.
    epochs, batch_size, weights, penalties, seed
        As in `ebm.fit`.

    Raises
    ------
    EbmError
        Data outside the domain, or shapes that do not fit.
    Diverged
        Parameters became non-finite.
    """
    optimiser = Adam(0.001) if optimiser is None else optimiser
    rows = network.inputs.check(x, "x")
    target = network._target(y, len(rows))
    rule = BackPropagation()
    state = begin(network, rule, optimiser, seed)
    per_epoch = steps_per_epoch(len(rows), batch_size)
    if epochs > 0:
        steps = train(
            state, (rows, target), rule, optimiser, batch_size, seed, weights=weights, penalties=penalties
        )
        for state in steps:
            if state.step == epochs * per_epoch:
                break
    check_finite(network, state.step)
    return network


def readout(
    machine: Any,
    x: ArrayLike,
    y: ArrayLike,
    *,
    units: Units | None = None,
    optimiser: Optimiser | None = None,
    epochs: int = 100,
    batch_size: int = 100,
    weights: ArrayLike | None = None,
    penalties: Sequence[Penalty] = (),
    seed: Seed = 0,
) -> Network:
    """Train a readout of y, on the hidden means of a trained machine or on x itself.

    Parameters
    ----------
    machine : RBM or None
        Its hidden layer becomes the first layer of the network, unchanged; None reads x itself.
    x : (n, n_visible)
    y : (n,) or (n, n_outputs)
    units : Units, optional
        The readout's: ``Potts(max(y) + 1)`` for integers, a softmax, when left out; ``Bernoulli()`` for
        logistic, ``Gaussian()`` for least squares.
    optimiser : Optimiser, optional
        ``Adam(0.01)`` when left out: the loss of a single layer is convex.
    epochs, batch_size, weights, penalties, seed
        As in `fine_tune`, of the readout layer.

    Returns
    -------
    Network
        Hand it to `fine_tune` to train both layers.

    Examples
    --------
    >>> import numpy as np, ebm
    >>> x = np.array([[0.0, 1.0], [1.0, 0.0]] * 10)
    >>> net = ebm.readout(None, x, [0, 1] * 10, optimiser=ebm.Adam(0.1))
    >>> net.error(x, [0, 1] * 10)
    0.0
    """
    if machine is not None and not hasattr(machine, "mean_h"):
        raise NotSupported(f"readout: {machine} has no hidden layer to read; expected an RBM or None")
    optimiser = Adam(0.01) if optimiser is None else optimiser
    rows = np.asarray(x) if machine is None else machine.units.check(x, "x")
    if rows.ndim != 2:
        raise EbmError(f"x: expected rows, (n, n_columns), got shape {rows.shape}")
    y = np.asarray(y)
    if units is None:
        if y.dtype.kind not in "iu" or y.size == 0 or y.min() < 0:
            raise EbmError("y: expected class numbers 0, 1, ...; for other targets give `units`")
        units = Potts(max(2, int(y.max()) + 1))
    if machine is None:
        below, seen, inputs = [], rows, _input_units(rows)
    else:
        below = [Layer(machine.hidden, machine.W, machine.c)]
        seen, inputs = machine.mean_h(rows), machine.visible
    n_out = 1 if y.ndim == 1 else y.shape[1]
    dtype = machine.dtype if machine is not None else np.float64
    shape = (np.shape(seen)[1], n_out * units.width)
    top = Network([Layer(units, np.zeros(shape, dtype), np.zeros(shape[1], dtype))], Gaussian())
    fine_tune(
        top, seen, y, optimiser=optimiser, epochs=epochs, batch_size=batch_size, weights=weights,
        penalties=penalties, seed=seed,
    )  # fmt: skip
    return Network([*below, *top.layers()], inputs)


def _input_units(x: Array) -> Units:
    """Bernoulli for values in [0, 1], else Gaussian: only what `check` accepts differs."""
    return Bernoulli() if x.size and x.min() >= 0 and x.max() <= 1 else Gaussian()
