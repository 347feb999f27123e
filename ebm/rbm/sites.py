"""Changes of one visible unit: the free energies that they lead to, and what they do to the statistics."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from ebm.arguments import as_numbers
from ebm.deferred import Deferred
from ebm.errors import NotSupported
from ebm.graph import states_of
from ebm.machine import Array, Params
from ebm.nonzeros import Nonzeros
from ebm.rbm.products import layer_cgf, padded
from ebm.scratch import Scratch
from ebm.states import site_states
from ebm.units import Bernoulli, Units

__all__ = ["conditional", "site_changes", "site_contrast", "site_energies"]

_NOTHING = -1e4  # an input whose softplus is 0


def site_energies(
    visible: Units,
    hidden: Units,
    x: Array,
    product: Array,
    W: Array,
    b: Array,
    c: Array,
    states: Array | None = None,
) -> Array:
    """Free energies with one visible unit at x put into each of some states, up to a constant of the row.

    W, b : its rows of the couplings and its biases; product : φ(v)·W of all units; states : all its own.
    """
    without = (product[:, : len(c)] - visible.encode(x[:, None]) @ W).astype(W.dtype)
    states = _states_of(visible, "site_energies") if states is None else np.asarray(states)
    potential = visible.potential(states[:, None])[:, 0]
    out, beta, sums = np.empty((len(x), len(states))), np.ones((1, len(x))), np.empty((1, len(x)))
    for s, phi in enumerate(visible.encode(states[:, None])):
        bias = c + (phi @ W).astype(W.dtype)
        layer_cgf(hidden, without, bias, beta, sums)
        out[:, s] = potential[s] - sums[0] - phi @ b
    return out


def _states_of(visible: Units, who: str) -> Array:
    """The states of a unit, if they are finitely many."""
    if visible.states is None:
        raise NotSupported(f"{who}: {visible} units have a continuum of states")
    return np.asarray(visible.states)


def site_contrast(
    visible: Units, hidden: Units, v: Array, product: Array, params: Params, weights: Array
) -> Params:
    """Σ weights (stats with one unit put into another state − stats), docs/math.md (5.11).

    With A = Σ weights·⟨φ(h)⟩ over the changes of a row, the statistics of W are φ(v)ᵀA and, in the rows of
    the unit that changes, what the change of φ adds.

    Parameters
    ----------
    v : (n, n_visible)
        States.
    product : (n, ≥ n_hidden·width)
        φ(v)·W.
    weights : (n, n_visible, n_states)
    """
    return site_changes(visible, hidden, v, product, params, weights)[0]


def site_changes(
    visible: Units, hidden: Units, v: Array, product: Array, params: Params, weights: Array
) -> tuple[Params, Array, Array]:
    """`site_contrast`, and of each row Σ weights (changes of φ(v)) and Σ weights (changes of ⟨φ(h)⟩)."""
    W, c = params["W"], params["c"]
    if visible.learns:
        raise NotSupported(f"rules of single sites: {visible}: learnt potentials need CD, PCD or Exact")
    table = site_states(visible, v.shape[1])
    weights = as_numbers(weights, "weights", (*v.shape, table.shape[1]))
    row, inputs = np.arange(len(v)), c + product[:, : len(c)]
    A, others, theta = np.zeros(inputs.shape), np.zeros(len(v)), hidden.mean_theta(inputs)
    out = {key: np.zeros(value.shape) for key, value in params.items()}
    changed = np.zeros((len(v), len(W)))
    for i in range(v.shape[1]):
        unit, own = visible.one(i), visible.own(i)
        phi, index = states_of(unit), np.searchsorted(np.asarray(unit.states), v[:, i])
        for k in range(1, len(phi)):
            new = (index + k) % len(phi)
            w, change = weights[row, i, new], phi[new] - phi[index]
            moved = inputs + (change @ W[own]).astype(W.dtype)
            weighted = w[:, None] * hidden.mean(moved)
            for name, slope in hidden.mean_theta(moved).items():
                out[f"h.{name}"] -= w @ (slope - theta[name])
            A += weighted
            others += w
            out["W"][own] += change.T @ weighted
            out["b"][own] += w @ change
            changed[:, own] += w[:, None] * change
    A -= others[:, None] * hidden.mean(inputs)
    out["W"] += visible.outer(v, A)
    out["c"] += A.sum(0)
    return {key: value.astype(W.dtype) for key, value in out.items()}, changed, A


def conditional(
    layers: tuple[Units, Units], v: Array, i: int, params: Params, weights: Array, scratch: Scratch
) -> tuple[Params, Array]:
    """The slopes of Σ weights log p(v_i | the other units), and log p of each row, math.md (4.11)–(4.12).

    That of W is `Deferred`.

    Parameters
    ----------
    v : (n, n_visible)
        States.
    i : int
        A unit of finitely many states.
    weights : (n,) float64
    """
    visible, hidden = layers
    if visible.learns:
        raise NotSupported(f"conditional: {visible}: learnt potentials need CD, PCD or Exact")
    W, own = params["W"], visible.own(i)
    states = _states_of(visible.one(i), "conditional")
    (_, table, log_weights), target = visible.one(i).table(), np.searchsorted(states, v[:, i])
    visible.one(i).check(v[:, i], f"unit {i}", strict=True)  # the slopes are those of a state, not of a mean
    rows, b = (table @ W[own]).astype(W.dtype), table @ params["b"][own].astype(np.float64) + log_weights
    phi = visible.encode(v).astype(W.dtype, copy=False)
    few = Nonzeros.worth(phi, W, scratch.take)
    product = padded(scratch, "product", len(v), W.shape[1], W.dtype)
    if few is None:
        product[:, : W.shape[1]] = phi @ W
    else:
        dense = scratch.take("inputs", (len(v), W.shape[1]), W.dtype)
        few.dot(W, dense)
        product[:, : W.shape[1]] = dense
    slope = _slopes_bernoulli if isinstance(hidden, Bernoulli) else _slopes
    at = hidden, product, rows, params["c"], b, target, weights
    slopes, own_slopes, b_slopes, log_p, theta = slope(at, scratch)
    slopes = np.ascontiguousarray(slopes, W.dtype)
    found: dict[str, Any] = {"b": np.zeros_like(params["b"]), "c": slopes.sum(0)}
    found |= {f"h.{name}": value.astype(W.dtype) for name, value in theta.items()}
    found["b"][own] = table.T @ b_slopes
    # φ(v)ᵀ·slopes, but for the rows of the unit itself, whose slopes do not go with the state that it is in
    right = (table.T @ own_slopes - phi[:, own].T @ slopes).astype(W.dtype)
    turned = None if few is None else few.turned()

    def add(out: Array, keep: float, scale: float) -> None:
        if turned is not None:
            turned(slopes, out, keep, scale)
        elif keep:
            out *= keep
            out += W.dtype.type(scale) * (phi.T @ slopes)
        else:
            np.matmul(phi.T, W.dtype.type(scale) * slopes, out=out)
        out[own] += W.dtype.type(scale) * right

    found["W"] = Deferred(W.shape, W.dtype, add, lambda: scratch.take("slopes of W", W.shape, W.dtype))
    return found, log_p


_At: TypeAlias = tuple[Units, Array, Array, Array, Array, Array, Array]


def _slopes(at: _At, _: Scratch) -> tuple[Array, Array, Array, Array, Params]:
    """Slopes by the inputs, by what the states add to them, and by b; log p; slopes by θ: the definition."""
    hidden, product, own, c, b, target, weights = at
    inputs = c + product[:, None, : len(c)] + (own - own[target][:, None])
    log_p = b + hidden.cgf(inputs.astype(np.float64)).sum(-1)
    top = log_p.max(1, keepdims=True)
    log_p -= top + np.log(np.exp(log_p - top).sum(1, keepdims=True))
    chosen = np.arange(len(own)) == target[:, None]
    share = weights[:, None] * (chosen - np.exp(log_p))
    parts = share.astype(c.dtype)[..., None] * hidden.mean(inputs)
    theta = {n: -np.einsum("ns,nsj->j", share, slope) for n, slope in hidden.mean_theta(inputs).items()}
    return parts.sum(1), parts.sum(0), share.sum(0), log_p[chosen], theta


def _slopes_bernoulli(at: _At, scratch: Scratch) -> tuple[Array, Array, Array, Array, Params]:
    """The same for hidden Bernoulli units, compiled."""
    from ebm.kernels.layers.conditional import ROWS, Slopes, conditional_rows

    _, product, own, c, b, target, weights = at
    (n, m), dtype = (len(product), len(c)), c.dtype
    width = -(-m * dtype.itemsize // 64) * 64 // dtype.itemsize
    product[:, m:width] = 0  # columns of no meaning, read as vectors
    bias, rows = np.full(width, _NOTHING, dtype), np.zeros((len(own), width), dtype)
    bias[:m], rows[:, :m] = c, own
    inputs, tiles = padded(scratch, "slopes", n, m, dtype), -(-n // ROWS)
    slopes = Slopes(inputs, np.zeros((tiles, *rows.shape), dtype), np.zeros((tiles, len(b))))
    log_p = np.empty(n)
    worth = n * rows.size > 2**15
    conditional_rows(worth, product, rows, bias, b, target, weights, slopes, log_p)
    return inputs[:, :m], slopes.own.sum(0)[:, :m], slopes.b.sum(0), log_p, {}
