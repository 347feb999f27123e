"""Mean-field theory: a lower bound on log Z, and its correction to second order in the couplings (TAP).

Take all units, hidden ones too, as independent with inputs I, means m = A′(I). By the Gibbs–Bogoliubov–
Feynman inequality (Feynman 1972; Wainwright & Jordan 2008, section 5) any such trial distribution q gives

    log Z ≥ ⟨−E⟩_q + S(q) = Σᵢ [A(Iᵢ) − Iᵢ·mᵢ] + b·m + ½ m·J·m,

stationary where I = b + J·m. Plefka's expansion at fixed means (1982) adds, to second order in J,

    ½ Σ_{i<j} tr(J_ij C_j J_ijᵀ C_i),   C = ⟨φφᵀ⟩ − m mᵀ of one unit under q,

the Onsager reaction (Thouless, Anderson & Palmer 1977; Georges & Yedidia 1991; for RBMs Gabrié, Tramel &
Krzakala 2015). That is no bound, and has solutions that are no states; what is left is of third order.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ebm.arguments import as_count, as_number
from ebm.errors import EbmError, NotSupported, settings
from ebm.graph import Graph, Pairs, graph_of, states_of
from ebm.machine import Array, Machine
from ebm.partition.estimate import NOTHING, Context, Estimate, LogZ
from ebm.stream import EVALUATE, Seed, Stream
from ebm.units import Gaussian, Units

__all__ = [
    "Evaluation",
    "MeanFieldBound",
    "MeanFieldSolution",
    "PlefkaExpansion",
    "Reaction",
    "covariance",
    "first_order",
    "iterate",
    "mean_field",
    "tap",
]

_SPREAD = 3.0  # standard deviation of the inputs that starts are drawn with
_LEAST_STEP = 0.01  # of TAP, whose value does not say whether a step was good

Evaluation = tuple[Array, Array, Array]  # means, values, and the inputs that would be stationary


@dataclass(frozen=True, eq=False)
class MeanFieldSolution:
    """What mean-field theory says of log Z.

    Attributes
    ----------
    value : float
        Nats. Of `mean_field` a lower bound on log Z, converged or not; of `tap` an estimate.
    converged : bool
        Whether the means satisfy their equations to the tolerance.
    n_iterations : int
    residual : float
        Largest difference between a mean and what its equation gives.
    means, inputs : ndarray, (entries,)
        ⟨φ⟩ and I of all units of ``machine.graph()`` under the trial distribution.
    """

    value: float
    converged: bool
    n_iterations: int
    residual: float
    means: Array
    inputs: Array

    def __float__(self) -> float:
        return self.value


@settings
class MeanFieldBound:
    """A lower bound of unknown error: all units as independent, `ebm.partition.mean_field`."""

    def estimate(self, machine: Machine, rng: Stream, context: Context = NOTHING) -> LogZ:
        """The bound, at a fixed point or not."""
        solution = mean_field(machine, seed=rng.key)
        return _log_z("mean_field", solution, lower=solution.value, reason="a lower bound")


@settings
class PlefkaExpansion:
    """TAP, second order in the couplings, `ebm.partition.tap`: neither a bound nor an error."""

    def estimate(self, machine: Machine, rng: Stream, context: Context = NOTHING) -> LogZ:
        """The value at a stationary point; not to be trusted where none is found."""
        solution = tap(machine, seed=rng.key)
        bad = {} if solution.converged else {"verdict": "do not trust"}
        return _log_z("tap", solution, reason="second order in the couplings, of unknown error", **bad)


def _log_z(method: str, solution: MeanFieldSolution, reason: str, **more: Any) -> LogZ:
    trouble = "" if solution.converged else f"{method}: no fixed point found"
    facts = {"n_iterations": float(solution.n_iterations)}
    estimates = {method: Estimate(solution.value, math.nan, trouble, facts).entry}
    parts = {"estimates": estimates, "reason": trouble or reason} | more
    return LogZ(value=solution.value, stderr=math.nan, method=method, **parts)


def mean_field(
    machine: Machine,
    *,
    beta: float = 1.0,
    n_starts: int = 8,
    n_iterations: int = 1000,
    tolerance: float = 1e-8,
    seed: Seed = 0,
) -> MeanFieldSolution:
    """The naive mean-field lower bound on log Z_β: the best of several starts.

    Inputs move towards b + J·m, by a part of the way that is halved when the bound would fall: that way is
    uphill, so the bound rises to a local maximum. It is computed from the trial distribution itself, and is
    a bound wherever the iteration stops.

    Parameters
    ----------
    machine : Machine
        With a method ``graph``.
    beta : float
    n_starts : int
        The biases alone, and random inputs.
    n_iterations : int
        The most.
    tolerance : float
        Of the means.
    seed : int, SeedSequence or Generator

    Returns
    -------
    MeanFieldSolution

    Raises
    ------
    NotSupported
        A machine without a coupling graph.
    EbmError
        A machine that is not normalisable, counts below 1.

    Warns
    -----
    RuntimeWarning
        The best start did not converge.

    Examples
    --------
    >>> import numpy as np, ebm
    >>> machine = ebm.BoltzmannMachine(ebm.Ising(), 0.1 * (1 - np.eye(5)), np.full(5, 0.3))
    >>> found = mean_field(machine)
    >>> round(found.value, 3), round(machine.exact()[0], 3), found.converged
    (3.818, 3.859, True)
    """
    graph = _graph(machine, beta, "mean_field")
    starts = _starts(graph, n_starts, seed)

    def evaluate(I: Array) -> Evaluation:
        return first_order(graph, I)

    runs = iterate(graph, evaluate, starts, n_iterations, tolerance, climbs=True)
    return _best(runs, int(np.argmax(runs[1])), tolerance, "mean_field")


def tap(
    machine: Machine,
    *,
    beta: float = 1.0,
    n_starts: int = 8,
    n_iterations: int = 1000,
    tolerance: float = 1e-8,
    seed: Seed = 0,
) -> MeanFieldSolution:
    """The TAP estimate of log Z_β: mean field and its correction of second order in the couplings.

    The stationary point is sought by damped iteration, which at low temperatures need not converge; of
    several starts, that with the largest value among those that did. No bound.

    Parameters
    ----------
    machine : Machine
        With a method ``graph``; Bernoulli, Ising, Potts or Gaussian units.
    beta : float
    n_starts, n_iterations, tolerance, seed
        As in `mean_field`.

    Returns
    -------
    MeanFieldSolution

    Raises
    ------
    NotSupported
        A machine without a coupling graph, or other units.
    EbmError
        A machine that is not normalisable, counts below 1.

    Warns
    -----
    RuntimeWarning
        No start converged: the value is of means that satisfy no equation.

    Examples
    --------
    >>> import numpy as np, ebm
    >>> machine = ebm.BoltzmannMachine(ebm.Ising(), 0.1 * (1 - np.eye(5)), np.full(5, 0.3))
    >>> round(tap(machine).value, 3), round(machine.exact()[0], 3)
    (3.851, 3.859)
    """
    graph = _graph(machine, beta, "tap")
    reaction = Reaction(graph)

    def evaluate(I: Array) -> Evaluation:
        means, value, field = first_order(graph, I)
        more, push = reaction(I, means)
        return means, value + more, field + push

    runs = iterate(graph, evaluate, _starts(graph, n_starts, seed), n_iterations, tolerance, climbs=False)
    done = runs[3] <= tolerance
    best = np.where(done, runs[1], -np.inf).argmax() if done.any() else runs[3].argmin()
    return _best(runs, int(best), tolerance, "tap")


def _graph(machine: Machine, beta: float, what: str) -> Graph:
    graph = graph_of(machine, what)
    if not machine.normalisable():
        raise EbmError(f"{what}: {machine} is not normalisable")
    return graph.tempered(beta)


def _starts(graph: Graph, n_starts: int, seed: Seed) -> Array:
    u = Stream(seed).split(EVALUATE).uniform(as_count(n_starts, "n_starts"), len(graph.b))
    starts = _SPREAD * Gaussian().sample(np.zeros(u.shape), u)
    starts[0] = graph.b
    return starts


def _best(
    runs: tuple[Array, Array, Array, Array, int], k: int, tolerance: float, what: str
) -> MeanFieldSolution:
    inputs, values, means, residuals, n_iterations = runs
    converged = bool(residuals[k] <= tolerance)
    if not converged:
        warnings.warn(
            f"{what}: not converged after {n_iterations} iterations: a mean is {residuals[k]:.1e} away from"
            f" its equation (tolerance {tolerance:.0e})",
            RuntimeWarning,
            stacklevel=3,
        )
    return MeanFieldSolution(
        float(values[k]), converged, n_iterations, float(residuals[k]), means[k], inputs[k]
    )


def _means(graph: Graph, I: Array) -> Array:
    return np.concatenate([units.mean(I[:, columns]) for units, _, columns in graph.parts()], axis=1)


def first_order(graph: Graph, I: Array) -> Evaluation:
    """Means, bounds and b + J·m of trial distributions with inputs I, (k, entries).

    Here and in `iterate` the graph's b may also be (k, entries): other biases for each of them.
    """
    m = _means(graph, I)
    pull = (graph.J @ m.T).T
    cgf = sum(units.cgf(I[:, columns]).sum(-1) for units, _, columns in graph.parts())
    return m, cgf + np.einsum("ke,ke->k", m, graph.b + 0.5 * pull - I), graph.b + pull


def iterate(
    graph: Graph,
    evaluate: Callable[[Array], Evaluation],
    I: Array,
    n_iterations: int,
    tolerance: float,
    climbs: bool,
) -> tuple[Array, Array, Array, Array, int]:
    """Move inputs towards the stationary ones until means stand still: (I, values, means, residuals, n).

    With g = field − I, the derivative of the value by the means, a step along g changes the value at the rate
    g·A″g. With `climbs`, a step that lowers the value is not taken but halved; where values do not differ
    beyond rounding, and without `climbs`, a step is good if that rate falls, as it does near a maximum.
    """
    tolerance = as_number(tolerance, "tolerance", 0)
    means, value, field = evaluate(I)
    rate, residual = _progress(graph, I, means, field)
    step, n = np.ones(len(I)), 0
    slack = 1e-13 * graph.b.shape[-1]
    for n in range(1, as_count(n_iterations, "n_iterations") + 1):
        moving = residual > tolerance
        if not moving.any():
            return I, value, means, residual, n - 1
        new_I = I + (step * moving)[:, None] * (field - I)
        new_means, new_value, new_field = evaluate(new_I)
        new_rate, new_residual = _progress(graph, new_I, new_means, new_field)
        good, margin = new_rate <= rate, slack * (1 + np.abs(value))
        if climbs:
            good = (new_value > value + margin) | ((new_value >= value - margin) & good)
        take = moving & (good if climbs else np.isfinite(new_rate))
        I, means, field = (
            np.where(take[:, None], new, old)
            for new, old in ((new_I, I), (new_means, means), (new_field, field))
        )
        value, rate, residual = (
            np.where(take, new, old)
            for new, old in ((new_value, value), (new_rate, rate), (new_residual, residual))
        )
        least = 0.0 if climbs else _LEAST_STEP
        step = np.where(good, np.minimum(1.0, 1.2 * step), np.maximum(least, 0.5 * step))
    return I, value, means, residual, n


def _progress(graph: Graph, I: Array, means: Array, field: Array) -> tuple[Array, Array]:
    """How fast the value changes along field − I, and how far the means are from their equations."""
    g = field - I
    slopes = (np.sum(g[:, c] * u.pull(I[:, c], g[:, c]), axis=1) for u, _, c in graph.parts())
    return sum(slopes, np.zeros(len(I))), np.abs(_means(graph, field) - means).max(1)


class Reaction:
    """The second order of Plefka's expansion and its derivative, as a function of (I, m)."""

    def __init__(self, graph: Graph) -> None:
        for units, _ in graph.blocks:
            single = isinstance(units, Gaussian) if units.states is None else units.width == 1
            if not single and not (units.finite and _affine(units)):
                raise NotSupported(f"tap: the variance of {units} units given their mean is not known here")
        self._parts = list(graph.parts())
        self._pairs = [_Spread(p, self._parts[p.left][1], self._parts[p.right][1]) for p in graph.pairs()]

    def __call__(self, I: Array, m: Array) -> tuple[Array, Array]:
        """The values (k,) and the inputs that they add, (k, entries)."""
        C = [covariance(units, I[:, columns], m[:, columns]) for units, _, columns in self._parts]
        M = [np.zeros_like(c) for c in C]  # M_i = Σ_j J_ij C_j J_ijᵀ
        for pair in self._pairs:
            pair.add(C, M)
        value = sum(0.25 * np.einsum("knab,knab->k", *both) for both in zip(M, C, strict=True))
        push = [_slope(units, I[:, c], m[:, c], Mi) for (units, _, c), Mi in zip(self._parts, M, strict=True)]
        return value, np.concatenate(push, axis=1)


def covariance(units: Units, I: Array, m: Array) -> Array:
    """C of each unit, (k, n, width, width)."""
    if units.states is None:
        return units.var(I)[..., None, None]  # a Gaussian's, whatever its mean
    phi, means = states_of(units), m.reshape(len(m), -1, units.width)
    p = probabilities_of(units, I)
    return np.einsum("kns,sa,sb->knab", p, phi, phi) - means[..., None] * means[..., None, :]


def _slope(units: Units, I: Array, m: Array, M: Array) -> Array:
    """½ ∂ tr(M C)/∂m: of Ising spins −M m, of Bernoulli units M(½ − m).

    With as many states as the means have free values, probabilities are affine in the means, p = D m + const,
    and so is ⟨φφᵀ⟩: its part of the slope is constant. (The inputs of a Potts unit may all be moved by the
    same number; the pseudo-inverse chooses one.) With more states of one column the slope of the variance by
    the mean is the third cumulant over the second.
    """
    if units.states is None:
        return np.zeros_like(m)
    phi = states_of(units)
    if not _affine(units):
        p, away = probabilities_of(units, I), phi[:, 0] - m[..., None]
        second, third = (np.sum(p * away**k, axis=-1) for k in (2, 3))
        return 0.5 * M[..., 0, 0] * third / np.maximum(second, 1e-300)
    D = np.linalg.pinv(np.vstack([phi.T, np.ones(len(phi))]))[:, : units.width]
    means = m.reshape(len(m), -1, units.width)
    affine = 0.5 * np.einsum("sb,sa,sc,knac->knb", D, phi, phi, M, optimize=True)
    return (affine - np.einsum("knab,knb->kna", M, means)).reshape(m.shape)


def _affine(units: Units) -> bool:
    """Whether means of φ say the probabilities of all states."""
    phi = states_of(units)
    return bool(np.linalg.matrix_rank(np.column_stack([phi, np.ones(len(phi))])) == len(phi))


def probabilities_of(units: Units, I: Array) -> Array:
    """p(s | I) of each state of units of finitely many, (k, n, n_states)."""
    _, phi, log_weights = units.table()
    log_p = I.reshape(len(I), -1, units.width) @ phi.T + log_weights
    p = np.exp(log_p - log_p.max(-1, keepdims=True))
    return p / p.sum(-1, keepdims=True)


class _Spread:
    """What the covariances at one end of the pairs between two blocks mean at the other end."""

    def __init__(self, pairs: Pairs, left: slice, right: slice) -> None:
        from scipy.sparse import coo_array

        self._left, self._right, self._J = pairs.left, pairs.right, pairs.J
        self._i, self._j = pairs.i - left.start, pairs.j - right.start
        n_left, n_right, e = left.stop - left.start, right.stop - right.start, np.arange(len(pairs.i))
        ones = np.ones(len(e))
        self._squares: Any = None
        if pairs.J.shape[1:] == (1, 1):  # one product, where blocks go pair by pair
            squares = coo_array((pairs.J[:, 0, 0] ** 2, (self._i, self._j)), shape=(n_left, n_right))
            self._squares = squares.tocsr()
        self._to_left = coo_array((ones, (self._i, e)), shape=(n_left, len(e))).tocsr()
        self._to_right = coo_array((ones, (self._j, e)), shape=(n_right, len(e))).tocsr()

    def add(self, C: list[Array], M: list[Array]) -> None:
        """M_i += J_ij C_j J_ijᵀ and M_j += J_ijᵀ C_i J_ij for all pairs."""
        at_left, at_right = C[self._left], C[self._right]
        if self._squares is not None:
            M[self._left] += _each(self._squares, at_right)
            M[self._right] += _each(self._squares.T, at_left)
            return
        J = self._J
        M[self._left] += _each(self._to_left, J @ at_right[:, self._j] @ J.transpose(0, 2, 1))
        M[self._right] += _each(self._to_right, J.transpose(0, 2, 1) @ at_left[:, self._i] @ J)


def _each(matrix: Any, blocks: Array) -> Array:
    """The matrix applied to the second axis of (k, n, a, b)."""
    k, n, a, b = blocks.shape
    columns = np.ascontiguousarray(blocks.transpose(1, 0, 2, 3)).reshape(n, -1)
    return (matrix @ columns).reshape(-1, k, a, b).transpose(1, 0, 2, 3)
