"""The parameters of an RBM: checked when they come in, their first values, gradients in other coordinates.

Beside W, b and c there are the numbers θ of potentials that units learn, one for each unit: λ of Gaussian
visible units is ``params["v.precision"]``, docs/math.md (4.8), and those of hidden units begin with "h.".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ebm.arguments import as_number, as_numbers
from ebm.arrays import Owned, float_dtype, parameter
from ebm.deferred import Deferred
from ebm.errors import EbmError, NotSupported, expect, nearest
from ebm.files import refuse_beyond_memory
from ebm.machine import Array, Params
from ebm.rbm.products import WORTH
from ebm.scratch import Scratch
from ebm.stream import WEIGHTS, Seed, Stream
from ebm.units import Gaussian, Mixed, Units
from ebm.units.family import as_units

if TYPE_CHECKING:
    from ebm.rbm.machine import RBM

__all__ = [
    "centred",
    "first_values",
    "random_weights",
    "standardised",
    "take_parameters",
    "uncentred",
]


_LOOP = 1.0  # of means there and back between the layers: above it layers order by themselves, data or none


def take_parameters(
    visible: Units,
    hidden: Units,
    W: ArrayLike,
    b: ArrayLike,
    c: ArrayLike,
    theta: Mapping[str, ArrayLike] | None,
) -> Owned:
    """Copies of the parameters of one dtype, or one line on what is wrong with them."""
    for name, units in (("visible", visible), ("hidden", hidden)):
        if any(own.whole and not own.finite for own, _, _ in as_units(units, name).parts(1)):
            raise NotSupported(f"{name}: {units}: counts are for readouts of networks only")
    if hidden.learns and hidden.redundant:
        raise NotSupported(f"hidden: {hidden}: {hidden.redundant}")
    theta = {} if theta is None else expect(theta, Mapping, "theta", "numbers by name, or None")
    W, b, c = (as_numbers(a, name) for a, name in ((W, "W"), (b, "b"), (c, "c")))
    shape = W.shape
    if len(shape) != 2 or not (visible.count(shape[0]) and hidden.count(shape[1])):
        sides = _size("n_visible", visible), _size("n_hidden", hidden)
        raise EbmError(f"W: expected shape ({', '.join(sides)}), got {shape}")
    numbers = _numbers(visible, hidden, shape, theta)
    dtype = float_dtype(W, b, c, *theta.values())
    params = {
        "W": parameter(W, shape, dtype, "W"),
        "b": parameter(b, (shape[0],), dtype, "b"),
        "c": parameter(c, (shape[1],), dtype, "c"),
    }
    for key, (value, n, positive) in numbers.items():
        params[key] = parameter(value, (n,), dtype, key)
        if positive and params[key].min() <= 0:
            raise EbmError(f"{key}: expected positive numbers, got {params[key].min():g}")
    return Owned(params)


def _numbers(
    visible: Units, hidden: Units, shape: tuple[int, ...], theta: Mapping[str, ArrayLike]
) -> dict[str, tuple[Any, int, bool]]:
    """Of each number of a potential that is learnt: its values, given or first, how many, if positive."""
    found = {}
    for side, units, columns in (("v", visible, shape[0]), ("h", hidden, shape[1])):
        n = units.count(columns)
        for name, first in units.theta().items():
            key = f"{side}.{name}"
            learners = len(np.arange(n)[units.learners(name, n)[0]])
            given = theta[key] if key in theta else np.broadcast_to(first, (learners,))
            found[key] = given, learners, name in units.positive
    unknown = next((key for key in theta if key not in found), None)
    if unknown is not None:
        which = nearest(unknown, found) if found else f"{visible} and {hidden} units learn no potential"
        raise EbmError(f"theta: {unknown!r}: {which}")
    return found


def _size(name: str, units: Units) -> str:
    """The columns of a layer, as a message says it."""
    return str(units.n_columns) if isinstance(units, Mixed) else f"{name}·{units.width}"


def random_weights(rows: int, columns: int, scale: float, seed: Seed) -> Array:
    """Normal numbers of standard deviation `scale`, (rows, columns)."""
    scale = as_number(scale, "scale", 0)
    refuse_beyond_memory(24.0 * rows * columns, f"random: {rows} × {columns} weights", "fewer units")
    u = Stream(seed).split(WEIGHTS).uniform(rows, columns)
    return scale * Gaussian().sample(np.zeros((rows, columns)), u)


def first_values(machine: RBM, data: Array, spread: float | None = None) -> None:
    """Put visible biases, and what potentials learn, where the data's marginals are; W stays.

    With a spread, W takes another size, and the hidden biases are such that inputs are 0 on the average.
    """
    visible, params = machine.visible, machine.params
    for name, value in visible.fitted(data).items():
        params[f"v.{name}"][:] = value
    phi = visible.encode(data)
    mean = phi.mean(0, dtype=np.float64)
    inputs = visible.link(mean, floor=0.5 / (len(data) + 1))
    params["b"][:] = inputs
    if spread is not None:
        W, rest, own = params["W"], np.zeros_like(params["c"]), machine.visible.var(inputs)
        W *= spread / math.sqrt(np.maximum(phi.var(0, dtype=np.float64), own).sum())
        loop = np.linalg.norm(np.sqrt(own)[:, None] * W * np.sqrt(machine.hidden.var(rest)), 2)
        W *= _LOOP / max(_LOOP, float(loop))
        params["c"][:] = -mean @ W
        params["b"] -= W @ machine.hidden.mean(rest)


def curvatures(machine: RBM, v: Array) -> dict[str, float]:
    """Of each parameter, what no eigenvalue of its Fisher matrix is much above, docs/math.md (5.7a)."""
    visible, hidden = machine.visible, machine.hidden
    phi, I = visible.encode(v).astype(np.float64), machine.inputs_h(v).astype(np.float64)
    mean, var_h = hidden.mean(I), hidden.var(I)
    var_v = visible.var(machine.b + mean @ machine.W.T.astype(np.float64))
    of_v, of_h = float(var_v.mean(0).max()), float(var_h.mean(0).max())
    squares_h, squares_v = float((mean * mean + var_h).sum(1).mean()), float((phi * phi).sum(1).mean())
    found = {"W": of_v * squares_h + of_h * squares_v, "b": of_v, "c": of_h}
    for name, slope in visible.grad_theta(v.astype(np.float64)).items():
        found[f"v.{name}"] = float(slope.var(0).max())
    for name, slope in hidden.mean_theta(I).items():
        found[f"h.{name}"] = float((slope * slope).mean(0).max())
    return found


def centred(gradient: dict[str, Any], visible: Units, mu: Array, lam: Array, scratch: Scratch) -> Params:
    """The gradient less μ·gradient_c and gradient_b·λ in its couplings, docs/math.md (5.4), (5.4a)."""
    from ebm.kernels.learning.ascend import subtract_outers

    W, b, c = gradient["W"], gradient["b"], gradient["c"]
    out = scratch.take("centred", W.shape, W.dtype)
    if isinstance(W, Deferred):
        W.add_to(out, 0.0, 1.0)
    else:
        out[:] = W
    subtract_outers(out.size > WORTH, out, *(a.astype(W.dtype) for a in (mu, c, b, lam)))
    found = gradient | {"W": out}
    for name, offset in visible.theta_offsets(mu.astype(b.dtype)).items():
        columns = visible.learners(name, visible.count(len(b)))[1]
        found[f"v.{name}"] = gradient[f"v.{name}"] + offset * b[columns]
    return found


def standardised(gradient: Params, v: Array, h: Array) -> Params:
    """A centred gradient over the variances of the units, docs/math.md (5.6a)."""
    found = {"W": gradient["W"] / v[:, None] / h, "b": gradient["b"] / v, "c": gradient["c"] / h}
    return gradient | found


def uncentred(step: Params, visible: Units, mu: Array, lam: Array) -> Params:
    """A step in centred coordinates as one of the parameters, docs/math.md (5.4)."""
    W = step["W"]
    found = step | {"b": step["b"] - W @ lam, "c": step["c"] - mu @ W}
    for name, offset in visible.theta_offsets(mu).items():
        found["b"][visible.learners(name, visible.count(len(mu)))[1]] += offset * step[f"v.{name}"]
    return found
