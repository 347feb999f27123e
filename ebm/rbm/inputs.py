"""What an RBM whose biases are shifted by inputs needs besides an RBM: its chains, its sums, its start.

Given x it is an RBM with biases b + x·A and c + x·B, docs/math.md (4.21). So everything that an RBM does with
φ(v)·W it does with φ(v)·W + x·B: running chains keep that product, and the functions of an RBM take it as it
is.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ebm.arrays import row_blocks
from ebm.machine import Array, Params, read_only
from ebm.rbm.chains import BlockChains
from ebm.rbm.enumeration import sum_machine
from ebm.rbm.products import dot, layer_cgf, values
from ebm.rbm.sweeping import Source, draw
from ebm.scratch import Scratch
from ebm.states import enumerate_states, n_states
from ebm.stream import Stream
from ebm.units import Units
from ebm.units.family import bound

__all__ = ["InputChains", "annealed_rows", "drawn_rows", "linear_start", "sums_of_rows"]

_TABLE = 2.0**16  # states of a layer that are looked at for all rows together
_DRAWN = 2.0**12  # states of hidden units among which one is drawn for every row
_STEPS = 500  # of the ascent to a linear start
_LEAST = 1e-10  # of a singular value of the inputs, beside the largest: below it is rounding


class InputChains:
    """Running chains whose first units, the inputs, stand still.

    Attributes
    ----------
    inputs : ndarray, (n, n_inputs)
    rows : BlockChains
        The other units; their product is φ(v)·W + x·B.
    """

    def __init__(self, inputs: Array, rows: BlockChains) -> None:
        self.inputs, self.rows = inputs, rows
        self._version: object = None
        self.to_visible = self.to_hidden = inputs[:, :0]

    @property
    def x(self) -> Array:
        """The states, (n_chains, n_units), read-only: to change them, start other chains."""
        return read_only(np.concatenate([self.inputs, values(self.rows.v)], axis=1))

    def __len__(self) -> int:
        return len(self.inputs)

    def __repr__(self) -> str:
        return f"InputChains({len(self)} chains of {self.inputs.shape[1]} inputs, {self.rows!r})"

    def copy(self) -> InputChains:
        """Chains at the same states, which go their own way."""
        twin = InputChains(self.inputs, self.rows.copy())
        twin._version, twin.to_visible, twin.to_hidden = self._version, self.to_visible, self.to_hidden
        return twin

    def take(self, rows: Array) -> InputChains:
        """New chains at the states of these rows."""
        return InputChains(self.inputs[rows], self.rows.take(rows))

    def shift(self, version: object, A: Array, B: Array) -> None:
        """What inputs add to those of the other units, made again when the parameters have changed."""
        if self._version is not version:
            self._version, self.to_visible, self.to_hidden = version, self.inputs @ A, self.inputs @ B


class Sums(NamedTuple):
    """What is summed over all states, given rows of inputs.

    Attributes
    ----------
    log_z : (n,)
    visible, hidden : (n, n_outputs·width), (n, n_hidden·width)
        ⟨φ(v)⟩ and ⟨φ(h)⟩ given each row.
    rest : dict
        Σ weights ⟨stats⟩ of W and of what units learn.
    """

    log_z: Array
    visible: Array
    hidden: Array
    rest: Params


def sums_of_rows(
    layers: tuple[Units, Units], params: Params, x: Array, weights: Array, beta: float, stats: bool
) -> tuple[Array, Params, Array]:
    """log Z_β(x) of each row of inputs, Σ weights ⟨stats⟩, and ⟨φ(v)⟩ given each row.

    Rows that are alike are summed once. Without `stats` the last two have no meaning.
    """
    distinct, which = np.unique(x.astype(np.float64), axis=0, return_inverse=True)
    which, (b, c, A, B) = which.reshape(-1), (params[key].astype(np.float64) for key in "bcAB")
    count = np.bincount(which, weights, len(distinct))
    biases, finite = [b + distinct @ A, c + distinct @ B], [k for k in (0, 1) if layers[k].finite]
    terms = {k: n_states(layers[k], layers[k].count(len((b, c)[k]))) for k in finite}
    outer = min(finite, key=lambda k: terms[k] * len((c, b)[k]), default=None)
    if outer is not None and terms[outer] <= _TABLE:
        found = _by_table(layers, params, biases, count, beta, stats, outer)
    else:
        found = _one_by_one(layers, params, biases, count, beta, stats)
    v, h = (mean * count[:, None] for mean in (found.visible, found.hidden))
    total = found.rest | {"b": v.sum(0), "c": h.sum(0), "A": distinct.T @ v, "B": distinct.T @ h}
    return found.log_z[which], total, found.visible[which]


def _one_by_one(
    layers: tuple[Units, Units], params: Params, biases: list[Array], count: Array, beta: float, stats: bool
) -> Sums:
    """Each row as an RBM of its own."""
    shared = {key: p for key, p in params.items() if key not in ("b", "c", "A", "B")}
    rest = {k: np.zeros(p.shape) for k, p in shared.items()}
    out = Sums(np.empty(len(count)), np.zeros_like(biases[0]), np.zeros_like(biases[1]), rest)
    for k, (b, c) in enumerate(zip(*biases, strict=True)):
        out.log_z[k], found = sum_machine(*layers, shared | {"b": b, "c": c}, beta, stats)
        if stats:
            out.visible[k], out.hidden[k] = found["b"], found["c"]
            for key, total in out.rest.items():
                total += count[k] * found[key]
    return out


def _by_table(
    layers: tuple[Units, Units],
    params: Params,
    biases: list[Array],
    count: Array,
    beta: float,
    stats: bool,
    outer: int,
) -> Sums:
    """All states of one layer, which are the same for every row, the other layer in closed form."""
    units, other = layers[outer], layers[1 - outer]
    W = params["W"].astype(np.float64) if outer == 0 else params["W"].astype(np.float64).T
    y = enumerate_states(units, units.count(len(W)))
    phi, potential = units.encode(y), 0.0 if units.bare else units.potential(y).sum(-1)
    side = "v" if outer == 1 else "h"
    rest = {f"{side}.{name}": np.zeros(params[f"{side}.{name}"].shape) for name in other.learns}
    out = Sums(np.empty(len(count)), np.zeros_like(biases[0]), np.zeros_like(biases[1]), rest)
    means, pairs = (out.visible, out.hidden) if outer == 0 else (out.hidden, out.visible), np.zeros(W.shape)
    for k in row_blocks(len(count), len(y) * W.shape[1]):
        I = beta * (biases[1 - outer][k][:, None] + phi @ W)
        log_p = beta * biases[outer][k] @ phi.T - potential + other.cgf(I).sum(-1)
        top = log_p.max(1, keepdims=True)
        p = np.exp(log_p - top)
        out.log_z[k] = top[:, 0] + np.log(p.sum(1))
        if not stats:
            continue
        p /= p.sum(1, keepdims=True)
        weighted, mean = p * count[k][:, None], other.mean(I)
        means[0][k], means[1][k] = p @ phi, np.einsum("rs,rsj->rj", p, mean)
        pairs += phi.T @ np.einsum("rs,rsj->sj", weighted, mean)
        for name, slope in other.mean_theta(I).items():
            rest[f"{side}.{name}"] -= np.einsum("rs,rsj->j", weighted, slope)
    rest["W"] = pairs if outer == 0 else pairs.T
    return out


def drawn_rows(
    layers: tuple[Units, Units], params: Params, biases: tuple[Array, Array], rng: Stream
) -> Array | None:
    """v of each row, exactly: a hidden state out of all, then v given it; None if these are too many."""
    (visible, hidden), (b, c), W = layers, biases, params["W"].astype(np.float64)
    n_hidden, n_visible = hidden.count(len(c[0])), visible.count(len(b[0]))
    if not hidden.finite or n_states(hidden, n_hidden) > _DRAWN:
        return None
    h = enumerate_states(hidden, n_hidden)
    phi, potential = hidden.encode(h), 0.0 if hidden.bare else hidden.potential(h).sum(-1)
    out, u = [], rng.uniform(len(b), 1 + n_visible)
    for k in row_blocks(len(b), len(h) * len(W)):
        log_p = visible.cgf(b[k][:, None] + phi @ W.T).reshape(len(b[k]), len(h), -1).sum(-1)
        log_p += c[k] @ phi.T - potential
        p = np.exp(log_p - log_p.max(1, keepdims=True))
        cdf = np.cumsum(p, 1) / p.sum(1, keepdims=True)
        chosen = (cdf[:, :-1] < u[k][:, :1]).sum(1)
        out.append(visible.sample(b[k] + phi[chosen] @ W.T, u[k][:, 1:]))
    return np.concatenate(out)


def annealed_rows(
    layers: tuple[Any, Any],
    params: Params,
    shifts: tuple[Array, Array],
    path: Array,
    rng: Stream,
    scratch: Scratch,
) -> Array:
    """Log-weights of annealing, one chain a row, (n,).

    Only what goes through hidden units is tempered: at β = 0 visible units have the inputs b + x·A and are
    drawn exactly, whatever x is, docs/math.md (4.23).

    Parameters
    ----------
    layers : tuple of Layer
    shifts : tuple
        x·A and x·B of each chain.
    path : (n_temperatures + 1,)
        From 0 to 1.
    """
    (v_layer, h_layer), W = layers, params["W"]
    visible, hidden, (to_v, to_h) = v_layer.units, h_layer.units, shifts
    n, one, c = len(to_v), np.ones(len(to_v), W.dtype), params["c"]
    I = params["b"] + to_v
    log_w = visible.cgf(I.astype(np.float64)).reshape(n, -1).sum(1)
    log_w += hidden.cgf(np.zeros(len(c))).sum()
    v: Any = visible.as_states(visible.sample(I, rng.uniform(n, v_layer.n_units, W.dtype)), W.dtype)
    energies, last = np.empty((2, n)), len(path) - 1
    for k in range(1, last + 1):
        product = dot(v, visible, W, scratch)
        product[:, : len(c)] += to_h
        betas = np.repeat(path[k - 1 : k + 1, None], n, axis=1)
        layer_cgf(hidden, product, c, betas, energies)
        log_w += energies[1] - energies[0]
        if k < last:
            uniforms, beta = rng.advance(), W.dtype.type(path[k])
            h = draw(h_layer, None, Source(v, visible, W, known=product), beta * one, uniforms, scratch)
            field = dot(h, hidden, W, scratch, turned=True)
            field[:, : len(I[0])] = beta * field[:, : len(I[0])] + to_v
            v = draw(v_layer, v, Source(h, hidden, W, True, field), one, uniforms, scratch)
    return log_w


def linear_start(visible: Units, x: Array, v: Array, gaps: Array) -> tuple[Array, Array, Params]:
    """(b, A, θ) of independent units whose inputs are linear in x: what the data say without hidden units.

    The maximum of Σ log p(v | x), less what one more row would say that sees no effect of x: least squares
    for real units, logistic and softmax regression for others. Precisions are those of what is left. Units
    with gaps, (n, n_outputs) bool, are each learnt from the rows that have them.
    """
    if not gaps.any():
        return _linear_start(visible, x, v)
    found = []
    for i in range(v.shape[1]):
        known = ~gaps[:, i]
        found.append(_linear_start(visible.one(i), x[known], v[known, i : i + 1]))
    names = dict.fromkeys(name for _, _, own in found for name in own)
    theta = {name: np.concatenate([own[name] for _, _, own in found if name in own]) for name in names}
    return np.concatenate([b for b, _, _ in found]), np.hstack([A for _, A, _ in found]), theta


def _linear_start(visible: Units, x: Array, v: Array) -> tuple[Array, Array, Params]:
    mean = x.mean(0, dtype=np.float64)
    U, s, Vt = np.linalg.svd(x - mean, full_matrices=False)
    kept = s > _LEAST * s.max(initial=0)
    back = Vt[kept].T / s[kept] * np.sqrt(len(x))  # of white inputs
    white, theta = U[:, kept] * np.sqrt(len(x)), visible.fitted(v)
    units = bound(visible, {f"v.{name}": np.asarray(a, float) for name, a in theta.items()}, "v")
    b, A = _ascend(units, white, v)
    if theta:
        left = v - units.mean(b + white @ A)
        theta = visible.fitted(left)
        units = bound(visible, {f"v.{name}": np.asarray(a, float) for name, a in theta.items()}, "v")
        b, A = _ascend(units, white, v)
    A = back @ A
    return b - mean @ A, A, theta


def _ascend(units: Units, x: Array, v: Array) -> tuple[Array, Array]:
    """The maximum of the concave log-likelihood, by L-BFGS from the marginals."""
    from scipy.optimize import minimize

    phi, n = units.encode(v).astype(np.float64), len(v)
    start = np.zeros((1 + x.shape[1], phi.shape[1]))
    start[0] = units.link(phi.mean(0), floor=0.5 / (n + 1))
    held = units.var(start[0])  # in a unit's own scale: one row in n + 1 says that inputs do nothing

    def loss(flat: Array) -> tuple[float, Array]:
        theta = flat.reshape(start.shape)
        I = theta[0] + x @ theta[1:]
        value = units.cgf(I).sum() - (I * phi).sum() + 0.5 * (theta[1:] ** 2 * held).sum()
        off = units.mean(I) - phi
        slope = np.concatenate([off.sum(0, keepdims=True), x.T @ off + held * theta[1:]])
        return float(value / n), slope.ravel() / n

    found = minimize(loss, start.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": _STEPS})
    theta = found.x.reshape(start.shape)
    return theta[0], theta[1:]
