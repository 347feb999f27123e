"""Exact sums of an RBM: over one layer, the other in closed form; or all at once when both are normal.

A layer is summed over its states. Few real units are summed over the nodes of a quadrature instead, where no
layer has finitely many states and not all units are normal.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ebm.bits import lower_state
from ebm.errors import NotSupported, TooLarge
from ebm.logsum import LogSum
from ebm.machine import Array, Params
from ebm.rbm.products import as_state, dot, dot_vector, layer_cgf
from ebm.rbm.quadrature import Nodes, nodes_of
from ebm.rbm.statistics import statistics
from ebm.scratch import Scratch
from ebm.states import enumerate_states, n_states, refuse_above
from ebm.units import Units

__all__ = ["has_density", "require_sum", "sum_machine"]

_LIMIT = 2.0**33  # terms: states of one layer × inputs of the other
_LIMIT_NODES = 2.0**26  # the same of nodes
_SECONDS_PER_TERM, _SECONDS_PER_NODE = 5e-9, 5e-8
_AT_ONCE = 2**22  # terms worked on at a time
_POINTS = 12, 16  # of a panel of a quadrature: a rough one, and the one that is taken
_CLOSE = 1e-10  # relative difference of the sums over both, from which on panels are fine enough
_HALVINGS = 6
_ROUNDS = 1000  # of a climb to the largest ratio of couplings to potentials


def has_density(visible: Units, hidden: Units, W: Array) -> bool:
    """Whether the integral is finite: no direction in which couplings outgrow the potentials of real units.

    With τ the curvatures of U far out, below and above 0: v·W·h < ½ Σ τ v² + ½ Σ τ h² for all v, h, where a
    unit that ends on one side has no such direction; docs/math.md (1.15). Of units with the same τ on both
    sides it is a singular value; else the largest ratio is climbed to from singular vectors and axes.
    """
    W, (rows, columns) = (
        W.astype(np.float64),
        (_unbounded(visible, W.shape[0]), _unbounded(hidden, W.shape[1])),
    )
    if not (rows.any() and columns.any()):
        return True
    W = W[rows][:, columns]
    tau_v, tau_h = _tails(visible, rows), _tails(hidden, columns)
    least = tau_v.min(0) ** -0.5, tau_h.min(0) ** -0.5
    if np.linalg.norm(least[0][:, None] * W * least[1], 2) < 1:
        return True
    if np.array_equal(*tau_v) and np.array_equal(*tau_h):
        return False
    v = np.concatenate([np.eye(len(W)), np.linalg.svd(W)[0].T])
    v = np.concatenate([v, -v])
    for _ in range(_ROUNDS):
        I = v @ W
        h = I / np.where(I > 0, tau_h[1], tau_h[0])
        size = np.where(v > 0, tau_v[1], tau_v[0])
        ratio = (I * h).sum(1) / (np.where(v == 0, 0, size) * v * v).sum(1)
        if ratio.max() >= 1:
            return False
        g = h @ W.T
        v = g / np.where(g > 0, tau_v[1], tau_v[0])
        norm = np.linalg.norm(v, axis=1)
        v = v[norm > 0] / norm[norm > 0, None]
        if not len(v):
            break
    return True


def _unbounded(units: Units, columns: int) -> Array:
    """Which columns of a layer are of units without an end on both sides, bool."""
    found = np.zeros(columns, bool)
    for own, _, places in units.parts(units.count(columns)):
        found[places] = math.inf in map(abs, own.interval)
    return found


def _tails(units: Units, columns: Array) -> Array:
    """τ below and above of these columns, (2, n)."""
    found = np.full((2, len(columns)), math.inf)
    for own, _, places in units.parts(units.count(len(columns))):
        if columns[places].any():
            if own.tails is None:
                raise NotSupported(
                    f"{own}: its class {type(own).__name__} defines no tails: beside real units in the other"
                    " layer it is not known whether there is a density"
                )
            found[0, places], found[1, places] = own.tails
    return found[:, columns]


def require_sum(visible: Units, hidden: Units, params: Params) -> None:
    """Raise `TooLarge` if `sum_machine` would."""
    if _precisions(visible, hidden, params) is None:
        _cheaper(_Sum(visible, hidden, *(params[key].astype(np.float64) for key in "Wbc")))


def _precisions(visible: Units, hidden: Units, params: Params) -> tuple[Array, Array] | None:
    """Of normal units their precisions, λ of all visible and of all hidden ones; None if any is another."""
    found = []
    for units, columns in ((visible, len(params["b"])), (hidden, len(params["c"]))):
        parts = [(own.normal, places) for own, _, places in units.parts(units.count(columns))]
        if any(normal is None for normal, _ in parts):
            return None
        found.append(np.concatenate([np.broadcast_to(a, p.stop - p.start) for a, p in parts]))
    return found[0].astype(np.float64), found[1].astype(np.float64)


def sum_machine(
    visible: Units, hidden: Units, params: Params, beta: float, stats: bool
) -> tuple[float, Params]:
    """log Z_β and the expected stats of an RBM: the layer with fewer terms is enumerated.

    Warns
    -----
    RuntimeWarning
        Not normalisable; log Z is inf, the means are NaN.
    """
    W, b, c = (beta * params[key].astype(np.float64) for key in "Wbc")
    if not has_density(visible, hidden, W):
        warnings.warn(
            f"RBM of {visible} and {hidden} units: beta W is so large that the density is not normalisable",
            RuntimeWarning,
            stacklevel=3,
        )
        return math.inf, {k: np.full(p.shape, np.nan) for k, p in params.items()} if stats else {}
    precisions = _precisions(visible, hidden, params)
    if precisions is not None:
        log_z, found = _sum_normal(visible, hidden, precisions, W, b, c)
        return log_z, found if stats else {}
    problem, turned = _cheaper(_Sum(visible, hidden, W, b, c))
    log_z, found = _sum_layer(problem, stats)
    return log_z, _from_the_other_side(found) if turned else found


def _sum_normal(
    visible: Units, hidden: Units, precisions: tuple[Array, Array], W: Array, b: Array, c: Array
) -> tuple[float, Params]:
    """log Z and the expected stats of normal units, docs/math.md (4.7)."""
    n_v, n_h = W.shape
    precision = np.block([[np.diag(precisions[0]), -W], [-W.T, np.diag(precisions[1])]])
    covariance = np.linalg.inv(precision)
    mean = covariance @ np.concatenate([b, c])
    log_det = np.linalg.slogdet(precision)[1]
    log_z = 0.5 * ((n_v + n_h) * math.log(2 * math.pi) - log_det + mean @ np.concatenate([b, c]))
    second = covariance + np.outer(mean, mean)
    found = {"W": second[:n_v, n_v:], "b": mean[:n_v], "c": mean[n_v:]}
    root = np.sqrt(np.diagonal(second))  # U is a multiple of x², and so are its slopes
    for side, units, own in (("v", visible, root[:n_v]), ("h", hidden, root[n_v:])):
        found |= {f"{side}.{name}": -slope for name, slope in units.grad_theta(own).items()}
    return float(log_z), found


@dataclass(frozen=True)
class _Sum:
    """The sum over all states y of an outer layer: exp(b·φ(y) − U(y) + Σ cgf(c + φ(y)·W)).

    Attributes
    ----------
    outer, inner : Units
    W, b, c : float64
        W of shape (outer, inner).
    """

    outer: Units
    inner: Units
    W: Array
    b: Array
    c: Array

    @property
    def n(self) -> int:
        """Units of the outer layer."""
        return self.outer.count(len(self.b))

    def turned(self) -> _Sum:
        """The same over the other layer."""
        return _Sum(self.inner, self.outer, np.ascontiguousarray(self.W.T), self.c, self.b)

    def terms(self) -> float:
        """States of the outer layer × inputs of the inner one; inf of real units."""
        return n_states(self.outer, self.n) * len(self.c)

    def nodes(self, halvings: int, points: int) -> Nodes:
        """Nodes of a quadrature over the outer layer; `TooLarge` if there are too many."""
        found = nodes_of(self.outer, self.inner, self.W, self.b, self.c, halvings, points)
        terms = math.prod(float(len(values)) for values, _ in found) * len(self.c)
        what = f"the exact sum over a layer, a quadrature over {self.outer} units,"
        refuse_above(_LIMIT_NODES, terms, _SECONDS_PER_NODE, 48.0 * _AT_ONCE, what)
        return found


def _cheaper(problem: _Sum) -> tuple[_Sum, bool]:
    """The problem, or the same over the other layer and True, whichever has fewer terms; or `TooLarge`."""
    turned = problem.turned()
    both = [(turned, turned.terms()), (problem, problem.terms())]
    few, terms = min(both, key=lambda pair: pair[1])
    real = [p for p, _ in both if not p.outer.finite]
    if terms > _LIMIT and real:
        few = min(real, key=lambda p: p.n)
        few.nodes(0, _POINTS[1])
    else:
        refuse_above(_LIMIT, terms, _SECONDS_PER_TERM, 48.0 * _AT_ONCE, "the exact sum over a layer")
    return few, few is turned


def _sum_layer(problem: _Sum, stats: bool) -> tuple[float, Params]:
    """log Z and, with `stats`, the expected stats, under the names that they have if the outer layer is v."""
    if problem.outer.finite:
        return _sum_states(problem, stats)
    for halvings in range(_HALVINGS):
        rough, fine = (problem.nodes(halvings, points) for points in _POINTS)
        log_z, found = _sum_nodes(problem, fine, stats)
        if abs(log_z - _sum_nodes(problem, rough, False)[0]) <= _CLOSE * max(1.0, abs(log_z)):
            return log_z, found
    raise TooLarge(f"the exact sum, a quadrature over {problem.outer} units, does not converge; expected AIS")


def _sum_states(problem: _Sum, stats: bool) -> tuple[float, Params]:
    outer = problem.outer

    def states(start: int, stop: int) -> tuple[Array, Array]:
        y = enumerate_states(outer, problem.n, start, stop)
        return y, np.zeros(len(y)) if outer.bare else -outer.potential(y).sum(-1)

    return _sum(problem, int(n_states(outer, problem.n)), states, stats)


def _sum_nodes(problem: _Sum, nodes: Nodes, stats: bool) -> tuple[float, Params]:
    sizes = np.array([len(values) for values, _ in nodes])
    powers = np.append(np.cumprod(sizes[:0:-1])[::-1], 1)

    def states(start: int, stop: int) -> tuple[Array, Array]:
        digits = np.arange(start, stop)[:, None] // powers % sizes
        y = np.stack([values[digits[:, i]] for i, (values, _) in enumerate(nodes)], axis=1)
        log_w = np.stack([log_w[digits[:, i]] for i, (_, log_w) in enumerate(nodes)], axis=1)
        return y, (log_w - problem.outer.potential(y)).sum(-1)

    return _sum(problem, int(sizes.prod()), states, stats)


def _sum(
    problem: _Sum, total: int, states: Callable[[int, int], tuple[Array, Array]], stats: bool
) -> tuple[float, Params]:
    """The sum over `total` states of the outer layer; `states` are those of a range and their log-weights."""
    outer, inner, W, b, c = problem.outer, problem.inner, problem.W, problem.b, problem.c
    scratch, sums, params = Scratch(), LogSum(), {"W": W, "b": b, "c": c}
    low = lower_state(inner, c.dtype)
    rows = max(1, _AT_ONCE // max(len(b), len(c)))
    for start in range(0, total, rows):
        values, log_weights = states(start, min(start + rows, total))
        y = as_state(values, outer, W.dtype)
        product = dot(y, outer, W, scratch)
        inner_sum = np.empty((1, len(values)))
        layer_cgf(inner, product, c, np.ones((1, len(values))), inner_sum)
        weights = sums.weigh(dot_vector(y, outer, b) + inner_sum[0] + log_weights)
        if stats:
            found, _ = statistics([(y, product, weights)], outer, inner, low, params, scratch)
            for key, value in found.items():
                sums.add(key, np.asarray(value))
    return sums.log, {key: sums.mean(key) for key in sums.sums}


def _from_the_other_side(found: Params) -> Params:
    """Stats by their own names, of a sum whose outer layer was h."""
    names = {"b": "c", "c": "b", "v": "h", "h": "v"}
    return {names.get(key[0], key[0]) + key[1:]: value.T for key, value in found.items()}
