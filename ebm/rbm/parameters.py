"""The parameters of an RBM: checked when they come in, and their first values from data.

Beside W, b and c there may be the precisions λ of Gaussian visible units, ``params["v.precision"]``, numbers
of their potential U(v) = ½ Σ λᵢ vᵢ², docs/math.md (4.8).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ebm.errors import EbmError, NotSupported
from ebm.machine import Array, Params, as_numbers, float_dtype, parameter
from ebm.stream import WEIGHTS, Seed, Stream
from ebm.units import Gaussian, Mixed, Poisson, Units

__all__ = ["PRECISION", "bound", "first_values", "random_weights", "take_parameters", "unit_variance"]

PRECISION = "v.precision"
LEAST = 1e-6  # where a step of learning stops that points below zero, and there is no density


def take_parameters(
    visible: Units, hidden: Units, W: ArrayLike, b: ArrayLike, c: ArrayLike, precision: ArrayLike | None
) -> Params:
    """Copies of the parameters of one dtype, or one line on what is wrong with them."""
    for name, units in (("visible", visible), ("hidden", hidden)):
        if not isinstance(units, Units):
            raise EbmError(f"{name}: expected units such as Bernoulli(), got {units!r}")
        if isinstance(units, Poisson):
            raise NotSupported(f"{name}: {units}: counts are for readouts of networks only")
    if hidden.learns:
        raise NotSupported(
            f"hidden: {hidden}: a hidden precision changes no probability that its columns of W and c do not;"
            " expected Gaussian()"
        )
    if precision is not None and not visible.learns:
        raise EbmError(f"precision: expected Gaussian(learn_precision=True) as visible units, got {visible}")
    W, b, c = (as_numbers(a, name) for a, name in ((W, "W"), (b, "b"), (c, "c")))
    shape = W.shape
    if len(shape) != 2 or not (visible.count(shape[0]) and hidden.count(shape[1])):
        sides = _size("n_visible", visible), _size("n_hidden", hidden)
        raise EbmError(f"W: expected shape ({', '.join(sides)}), got {shape}")
    dtype = float_dtype(W, b, c, *([] if precision is None else [precision]))
    params = {
        "W": parameter(W, shape, dtype, "W"),
        "b": parameter(b, (shape[0],), dtype, "b"),
        "c": parameter(c, (shape[1],), dtype, "c"),
    }
    if visible.learns:
        given = np.ones(shape[0], dtype) if precision is None else precision
        params[PRECISION] = parameter(given, (shape[0],), dtype, "precision")
        if params[PRECISION].min() <= 0:
            raise EbmError(f"precision: expected positive numbers, got {params[PRECISION].min():g}")
    return params


def _size(name: str, units: Units) -> str:
    """The columns of a layer, as a message says it."""
    return str(units.n_columns) if isinstance(units, Mixed) else f"{name}·{units.width}"


def bound(visible: Units, params: Params) -> Units:
    """The visible units with the precisions among the parameters, kept positive, if they are learnt."""
    if not isinstance(visible, Gaussian) or not visible.learns:
        return visible
    params[PRECISION][params[PRECISION] <= 0] = LEAST  # NaN stays NaN: learning has diverged, and says so
    return visible.bound(params[PRECISION])


def random_weights(rows: int, columns: int, scale: float, seed: Seed) -> Array:
    """Normal numbers of standard deviation `scale`, (rows, columns)."""
    u = Stream(seed).split(WEIGHTS).uniform(rows, columns)
    return scale * Gaussian().sample(np.zeros((rows, columns)), u)


def first_values(machine: Any, data: Array) -> None:
    """Put visible biases, and precisions if they are learnt, where the data's marginals are; W stays."""
    visible, params = machine.visible, machine.params
    if visible.learns:
        with np.errstate(divide="ignore"):
            params[PRECISION][:] = np.minimum(1 / data.var(0, dtype=np.float64), 1 / LEAST)
    mean = visible.encode(data).mean(0, dtype=np.float64)
    params["b"][:] = visible.link(mean, floor=0.5 / (len(data) + 1))


def unit_variance(visible: Units, W: Array, b: Array) -> tuple[Units, Array, Array, Array]:
    """Unit type, W and b of the same machine in visible units of variance 1, and their scales s, v = s·u.

    docs/math.md (4.9). For units that learn nothing, what was given and s = 1.
    """
    if not isinstance(visible, Gaussian) or not visible.learns:
        return visible, W, b, np.ones(1)
    s = np.asarray(visible.scale, np.float64)
    return Gaussian(), s[:, None] * W, s * b, s
