"""Back-propagation: the chain rule, layer by layer, beside the numbers."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ebm.arguments import as_count
from ebm.classroom.lesson import Lesson
from ebm.classroom.states import normal
from ebm.classroom.text import Table
from ebm.machine import Array
from ebm.network import Layer, Network
from ebm.stream import Seed
from ebm.units import Bernoulli, Potts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["backprop"]

_STEP = 1e-5


def backprop(n_hidden: int = 3, n_layers: int = 2, seed: Seed = 0) -> Lesson:
    """The chain rule printed layer by layer, and checked against the package and against small steps.

    Parameters
    ----------
    n_hidden : int
        Units of each hidden layer, 1 to 6.
    n_layers : int
        Hidden layers, 1 to 5, between two inputs and a softmax of two classes.
    seed : int
        Of the weights.
    """
    n_hidden, n_layers = as_count(n_hidden, "n_hidden", 1, 6), as_count(n_layers, "n_layers", 1, 5)
    sizes = [2, *[n_hidden] * n_layers, 2]
    W = [normal(seed, *pair, k + 1)[..., k] for k, pair in enumerate(pairwise(sizes))]
    units = [Bernoulli()] * n_layers + [Potts(2)]
    layers = [Layer(kind, w, np.zeros(w.shape[1])) for kind, w in zip(units, W, strict=True)]
    network = Network(layers)
    x, y = np.array([[1.0, 0.5]]), np.array([1])
    I, outputs = network.forward(x)
    signal = signals(network, I, outputs, y)
    by_hand = {f"W{k}": outputs[k].T @ signal[k] for k in range(len(W))}
    by_hand |= {f"b{k}": signal[k].sum(0) for k in range(len(W))}
    package = {name: np.asarray(value) for name, value in network.gradient(x, y).items()}
    steps = small_steps(network, x, y)
    loss = network.loss(x, y)
    forward, backward = _tables(network, I, outputs, signal)
    rows = tuple(
        (
            f"W{k + 1}[{i + 1}, {j + 1}]",
            f"y{k}[{i + 1}] · δ{k + 1}[{j + 1}]",
            *(float(g[f"W{k}"][i, j]) for g in (by_hand, package, steps)),
        )
        for k in range(len(W))
        for i, j in ((0, 0), (W[k].shape[0] - 1, W[k].shape[1] - 1))
    )
    off = max(float(np.abs(by_hand[name] - package[name]).max()) for name in by_hand)
    return Lesson(
        "backprop",
        f"Back-propagation through {n_layers + 1} layers: the chain rule with its numbers",
        (
            "Forward: each layer's input is I = b + y·W of the layer below, its output the mean of its units,"
            " a sigmoid for bits, the softmax for the class. The loss is -log p of the true class, here class"
            f" 2: {loss:.6f} nats.",
            Table("Forward", ("layer", "units", "input I", "output y"), forward),
            "Backward: δ = ∂ loss / ∂I. At the top it is the output minus the truth. Below, a unit's output"
            " moves the inputs above through W, and its own input moves its output by y(1 - y), the variance"
            " of a bit.",
            Table("Backward, from the top", ("signal", "rule", "value"), backward),
            Table(
                f"Slopes of weights: by hand, by ebm (largest difference {off:.1e}), and by small steps of"
                f" the weight (± {_STEP:g})",
                ("weight", "rule", "by hand", "Network.gradient", "small steps"),
                rows,
            ),
        ),
        {
            "by_hand": by_hand,
            "package": package,
            "small_steps": steps,
            "loss": loss,
            "inputs": I,
            "outputs": outputs,
            "signals": signal,
            "signal_size": np.array([float(np.linalg.norm(s)) for s in signal]),
        },
        {
            "passes": lambda: _passes(outputs, signal),
            "slopes": lambda: _slopes(by_hand, steps),
        },
    )


def signals(network: Network, I: list[Array], outputs: list[Array], y: Array) -> list[Array]:
    """∂ loss / ∂I of every layer, from the top down: the chain rule, docs/math.md (8.3) and (8.4)."""
    units, layers = network.layer_units, network.layers()
    truth = units[-1].encode(y[:, None].astype(np.float64))
    found = [outputs[-1] - truth]
    for k in range(len(layers) - 2, -1, -1):
        found.insert(0, units[k].pull(I[k], found[0] @ layers[k + 1].W.T))
    return found


def _tables(
    network: Network, I: list[Array], outputs: list[Array], signal: list[Array]
) -> tuple[tuple[tuple[str, ...], ...], tuple[tuple[str, ...], ...]]:
    """Rows of the way up, and of the way down."""
    top = len(signal)
    forward = [("0", "the row x", "", _numbers(outputs[0]))]
    backward = []
    for k, units in enumerate(network.layer_units):
        forward.append((str(k + 1), type(units).__name__, _numbers(I[k]), _numbers(outputs[k + 1])))
        rule = "y - truth" if k == top - 1 else f"y(1 - y) · (δ{k + 2} W{k + 2}ᵀ)"
        backward.append((f"δ{k + 1}", rule, _numbers(signal[k])))
    return tuple(forward), tuple(backward[::-1])


def small_steps(network: Network, x: Array, y: Array) -> dict[str, Array]:
    """Slopes of the loss by moving one parameter at a time."""
    slopes = {}
    moved = network.copy()
    for name, value in network.params.items():
        slope = np.empty(value.shape)
        for place in np.ndindex(*value.shape):
            there = []
            for step in (_STEP, -_STEP):
                array = np.array(value)
                array[place] += step
                moved.params[name][:] = array
                there.append(moved.loss(x, y))
            slope[place] = (there[0] - there[1]) / (2 * _STEP)
            moved.params[name][:] = value
        slopes[name] = slope
    return slopes


def _numbers(values: Array) -> str:
    return " ".join(f"{value:+.4f}" for value in np.ravel(values))


def _passes(outputs: list[Array], signal: list[Array]) -> Figure:
    from ebm.classroom.drawing import matrix, panels

    figure, (left, right) = panels(2, "Forward and back", (5.0, 4.2))
    width = max(y.shape[1] for y in outputs)
    table = np.full((len(outputs), width), np.nan)
    for k, y in enumerate(outputs):
        table[k, : y.shape[1]] = y[0]
    matrix(left, table, ["x", *(f"layer {k + 1}" for k in range(len(outputs) - 1))], label="output y")
    left.set(title="outputs, going down", xlabel="unit")
    table = np.full((len(signal), width), np.nan)
    for k, s in enumerate(signal):
        table[k, : s.shape[1]] = s[0]
    matrix(right, table, [f"δ{k + 1}" for k in range(len(signal))], label="∂ loss / ∂I (nats)")
    right.set(title="signals, coming up", xlabel="unit")
    return figure


def _slopes(by_hand: dict[str, Array], steps: dict[str, Array]) -> Figure:
    from ebm.classroom.drawing import panels

    figure, (ax,) = panels(1, "", (5.4, 4.6))
    a, b = (np.concatenate([np.ravel(g[name]) for name in by_hand]) for g in (by_hand, steps))
    ax.plot([a.min(), a.max()], [a.min(), a.max()], color="0.5", linestyle=":")
    ax.plot(a, b, "o", color="#12355b", markersize=4)
    ax.set(title="Every slope, two ways", xlabel="by the chain rule (nats)", ylabel="by small steps (nats)")
    return figure
