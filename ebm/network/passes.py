"""Forward and backward through layers: arrays in, arrays out, nothing checked.

Arrays of the size of a layer are made once: products go straight into them, and biases, activations and their
slopes work in place. All is of the network's dtype. The gradient of a weight matrix is not made where an
optimiser adds it to what it keeps: ∂L/∂W is a product yᵀg, and a product may be added as it is computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ebm.deferred import Deferred
from ebm.machine import Array
from ebm.nonzeros import Nonzeros, Take
from ebm.scratch import Scratch
from ebm.stream import Stream
from ebm.units import Mixed, Units

if TYPE_CHECKING:
    from ebm.network.model import Network

__all__ = ["Masks", "Take", "backward", "draw_masks", "forward", "mean_of", "multiply"]

Masks: TypeAlias = Sequence[Array | None]  # of the inputs of every layer: 0 or 1/(1 − p), (n, columns)
PARALLEL = 2**16  # numbers of a layer from which on a pass is worth several threads


@dataclass
class Trace:
    """What the way back needs of the way there.

    Attributes
    ----------
    seen : list of ndarray
        What each layer was given: φ(x), then outputs, where dropout has passed over them.
    outputs : list of ndarray
        Means of the hidden layers.
    inputs : list of ndarray or None
        I of the hidden layers whose units have no compiled slope.
    last : ndarray
        I of the readout.
    few : Nonzeros or None
        φ(x), if it is mostly zeros.
    """

    seen: list[Array]
    outputs: list[Array]
    inputs: list[Array | None]
    last: Array
    few: Nonzeros | None = None


def compiled(units: Units) -> bool:
    """Whether `ebm.kernels.units.activation` knows the units."""
    from ebm.kernels.units.activation import ACTIVATED

    return not isinstance(units, Mixed) and units.kind in ACTIVATED and not units.learns


def multiply(
    a: Array, b: Array, out: Array, *, turned: bool = False, scale: float = 1.0, keep: float = 0.0
) -> None:
    """out ← keep·out + scale·a·b, or with aᵀ if `turned`: two-dimensional, out C-ordered.

    BLAS through scipy alone: numpy brings a library of its own, and two of them keep each other's threads
    waiting.
    """
    from scipy.linalg.blas import dgemm, sgemm

    gemm = sgemm if out.dtype == np.float32 else dgemm
    # Fortran's order is the transpose of C's: outᵀ = bᵀ aᵀ; what lies in C order is passed turned over.
    (left, left_turned), (right, right_turned) = _fortran(b.T), _fortran(a if turned else a.T)
    gemm(scale, left, right, keep, out.T, left_turned, right_turned, overwrite_c=1)


def _fortran(a: Array) -> tuple[Array, bool]:
    """The same matrix as an F-ordered array, and whether that is its transpose."""
    return (a, False) if a.flags.f_contiguous else (np.ascontiguousarray(a).T, True)


def mean_of(units: Units, I: Array, bias: Array) -> Array:
    """mean(I + bias), (n, m): written over I where the units' code is compiled."""
    if not compiled(units):
        I += bias
        return units.mean(I)
    from ebm.kernels.units.activation import activate

    activate(I.size > PARALLEL, units.kind, units.width, I, bias)
    return I


def pulled(units: Units, I: Array | None, y: Array, g: Array) -> Array:
    """A″(I)·g, docs/math.md (1.5), where y = mean(I): written over g where the units' code is compiled."""
    if I is not None:
        return units.pull(I, g)
    from ebm.kernels.units.activation import pull_rows

    pull_rows(g.size > PARALLEL, units.kind, units.width, y, g)
    return g


def draw_masks(network: Network, n: int, dropout: Sequence[float], rng: Stream) -> list[Array | None]:
    """For the inputs of every layer, what to multiply n rows by: 0 with probability p, else 1/(1 − p).

    None where p is 0. The stream advances by one for each layer that loses inputs.
    """
    masks: list[Array | None] = []
    for k, p in enumerate(dropout):
        if p == 0:
            masks.append(None)
            continue
        W = network.params[f"W{k}"]
        u = rng.uniform(n, len(W), W.dtype)
        masks.append(np.multiply(u >= p, W.dtype.type(1 / (1 - p)), out=u))
    return masks


def forward(network: Network, phi: Array, take: Take, masks: Masks = (), depth: int | None = None) -> Trace:
    """From φ(x) to the inputs of the readout, or of hidden layer `depth`; docs/math.md (8.1), (8.6)."""
    trace, y = Trace([], [], [], phi), phi
    last = len(network.layer_units) - 1 if depth is None else depth
    for k, units in enumerate(network.layer_units[: last + 1]):
        W, b = network.params[f"W{k}"], network.params[f"b{k}"]
        mask = masks[k] if masks else None
        if mask is not None:
            y = np.multiply(y, mask, out=take(f"dropped{k}", y.shape, y.dtype))
        trace.seen.append(y)
        I = take(f"I{k}", (len(y), W.shape[1]), W.dtype)
        trace.few = Nonzeros.worth(y, W, take) if k == 0 else trace.few
        if k == 0 and trace.few is not None:
            trace.few.dot(W, I)
        else:
            multiply(y, W, I)
        if k == last:
            I += b
            trace.last = I
            break
        y = mean_of(units, I, b)
        trace.outputs.append(y)
        trace.inputs.append(None if compiled(units) else I)
    return trace


def backward(
    network: Network, phi: Array, target: Array, w: Array, scratch: Scratch, masks: Masks = ()
) -> tuple[dict[str, Any], Array]:
    """Σ w ∂(−log p)/∂ params, docs/math.md (8.3)–(8.6), and the inputs of the readout.

    Parameters
    ----------
    phi : (n, n_in)
    target : (n, n_outputs)
        States.
    w : (n,)
        All of the network's dtype.
    """
    take = scratch.take
    trace = forward(network, phi, take, masks)
    last = len(network.layer_units) - 1
    units, I = network.layer_units[last], trace.last
    g = take("slope", I.shape, I.dtype)
    np.copyto(g, I)
    g = mean_of(units, g, np.zeros(I.shape[1], I.dtype))
    found: dict[str, Any] = {}
    expected = units.mean_theta(I)
    for name, slope in units.grad_theta(target).items():
        found[f"y.{name}"] = (w @ (slope - expected[name])).astype(I.dtype)
    g -= units.encode(target)
    g *= w[:, None]
    for k in range(last, -1, -1):
        W = network.params[f"W{k}"]
        found[f"W{k}"] = _outer(trace, k, g, W, scratch)
        found[f"b{k}"] = g.sum(0)
        if k == 0:
            break
        dL_dy = take(f"slope{k}", (len(g), len(W)), W.dtype)
        multiply(g, W.T, dL_dy)
        mask = masks[k] if masks else None
        if mask is not None:
            dL_dy *= mask
        g = pulled(network.layer_units[k - 1], trace.inputs[k - 1], trace.outputs[k - 1], dL_dy)
    return found, I


def _outer(trace: Trace, k: int, g: Array, W: Array, scratch: Scratch) -> Deferred:
    """yᵀg with what layer k was given, to be added."""
    y, few = trace.seen[k], trace.few.turned() if k == 0 and trace.few is not None else None

    def add(out: Array, keep: float, scale: float) -> None:
        if few is not None:
            few(g, out, keep, scale)
        else:
            multiply(y, g, out, turned=True, scale=scale, keep=keep)

    return Deferred(W.shape, W.dtype, add, lambda: scratch.take(f"W{k}", W.shape, W.dtype))
