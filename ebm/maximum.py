"""Maximum likelihood of small machines: L-BFGS on the exact gradient, in centred coordinates.

Near the maximum the likelihood changes by the square of the step and is lost in rounding while the gradient
is still 1e-8; a line search, which compares likelihoods, ends there. Newton steps look at the gradient alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ebm.arguments import as_count, as_function, as_number, as_numbers
from ebm.errors import EbmError, expect_all
from ebm.machine import Array, Machine, Params, as_data, as_machine, put, require_density
from ebm.penalties import L2

__all__ = ["Maximum", "maximise"]

_NEWTON = 10  # steps, the most
_KRYLOV = 200  # products with the Hessian per step, the most
_APART = 1e-7  # of the two gradients whose difference is a product: rounding and curvature err by 1e-8 alike
_ACCURATE = 1e-7  # a step's own residual
_HIGHER = 10  # is what has no density than where the climb was last, relative
_ROUNDING = 1e-12  # of the objective, relative: it may fall by so much


@dataclass(frozen=True)
class Maximum:
    """What `maximise` reached.

    Attributes
    ----------
    log_likelihood : float
        Mean over the rows, without penalties, nats per sample.
    gradient_norm : float
        Euclidean norm of the gradient of the objective by the parameters, J_ij and J_ji being one.
    n_evaluations : int
    message : str
        Why it ended.
    """

    log_likelihood: float
    gradient_norm: float
    n_evaluations: int
    message: str


def maximise(
    machine: Machine,
    data: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    penalties: Sequence[L2] = (),
    max_iterations: int = 1000,
    tolerance: float = 1e-9,
    callback: Callable[[float], bool | None] | None = None,
) -> Maximum:
    """Climb the exact mean log-likelihood of the rows to a maximum, in place.

    A polish after learning with samples; for machines without hidden units, whose likelihood is concave, the
    whole of learning. L-BFGS climbs until likelihoods differ by rounding alone, then Newton steps bring the
    gradient down. Sums run over all states in every evaluation, in float64; in a machine of float32 the
    parameters' own rounding ends the climb before small tolerances do, and no Newton step is made.

    Parameters
    ----------
    machine : Machine
        Small enough for `exact`.
    data : (n, n_visible)
    weights : (n,), optional
        Row weights ≥ 0.
    penalties : sequence of L2
        Smooth ones.
    max_iterations : int
        Of L-BFGS.
    tolerance : float
        Of the Euclidean norm of the gradient, nats per sample.
    callback : callable, optional
        Called after every iteration and Newton step with the objective, the machine being there; ends the
        climb by returning True.

    Raises
    ------
    TooLarge
        The machine has too many states.
    EbmError
        Data outside the units' domain, weights that make no sense; penalties with kinks (`fit` takes them); a
        machine that is not normalisable. One that is not on the way is stepped back from.

    References
    ----------
    Liu & Nocedal, "On the limited memory BFGS method for large scale optimization" (1989); Paige & Saunders,
    "Solution of sparse indefinite systems of linear equations" (1975), MINRES, for the Newton steps.

    Examples
    --------
    >>> import numpy as np, ebm
    >>> machine = ebm.BoltzmannMachine(ebm.Ising(), np.zeros((3, 3)))
    >>> found = ebm.maximise(machine, [[1, 1, -1], [1, 1, 1], [-1, -1, 1], [1, -1, -1]])
    >>> found.gradient_norm < 1e-9
    True
    """
    from scipy.optimize import minimize

    as_machine(machine, "maximise: machine").require_exact()
    rows = as_data(machine, data)
    w = _row_weights(weights, len(rows))
    penalties = expect_all(
        penalties, L2, "maximise: penalties", "a sequence of L2; of others, which have kinks, use fit"
    )
    require_density(machine, 1.0, "maximise")
    as_function(callback, "callback", "the objective")
    tolerance = as_number(tolerance, "tolerance", 0)
    climb = _Climb(machine, machine.store(rows), w, penalties)

    def after(intermediate_result: Any) -> None:
        if callback is not None:
            climb.place(intermediate_result.x)
            if callback(-float(intermediate_result.fun)):
                raise StopIteration

    options = {
        "maxiter": as_count(max_iterations, "max_iterations"),
        "maxfun": 20 * max_iterations,
        "ftol": 0.0,
        "gtol": tolerance,
        "maxcor": 30,
    }
    found = minimize(climb, climb.start, jac=True, method="L-BFGS-B", callback=after, options=options)
    y, steps = found.x, 0
    if found.status in (0, 2) and machine.dtype == np.float64:  # neither out of iterations nor told to end
        y, steps = _newton(climb, y, tolerance, callback)
    climb(y)
    message = f"{found.message}; {steps} Newton step{'s' * (steps != 1)}"
    return Maximum(climb.log_likelihood, climb.norm, climb.n_evaluations, message)


def _newton(
    climb: _Climb, y: Array, tolerance: float, callback: Callable[[float], bool | None] | None
) -> tuple[Array, int]:
    """Newton steps from y, as long as each halves the gradient's norm and the objective does not fall.

    MINRES needs products with the Hessian only, here differences of gradients, and takes it singular (gauges)
    or indefinite (hidden units): at worst a step is refused.
    """
    from scipy.sparse.linalg import LinearOperator, minres

    loss, slope = climb(y)
    norm = climb.norm
    for k in range(_NEWTON):
        if norm <= tolerance:
            return y, k

        def product(v: Array, y: Array = y, slope: Array = slope) -> Array:
            scale = _APART / np.linalg.norm(v)
            return (climb(y + scale * v)[1] - slope) / scale

        hessian = LinearOperator((len(y), len(y)), matvec=product, dtype=np.float64)
        new = y + minres(hessian, -slope, rtol=_ACCURATE, maxiter=_KRYLOV)[0]
        new_loss, new_slope = climb(new)
        if not (climb.norm < 0.5 * norm and new_loss <= loss + _ROUNDING * (1 + abs(loss))):
            return y, k
        y, loss, slope, norm = new, new_loss, new_slope, climb.norm
        if callback is not None and callback(-loss):
            return y, k + 1
    return y, _NEWTON


def _row_weights(weights: ArrayLike | None, n: int) -> Array:
    w = np.ones(n) if weights is None else as_numbers(weights, "weights").astype(np.float64)
    if w.shape != (n,) or not np.isfinite(w).all() or (w < 0).any() or w.sum() == 0:
        raise EbmError(f"weights: expected {n} finite numbers >= 0, not all zero")
    return w / w.sum()


class _Climb:
    """The objective as scipy wants it: minus the mean log-likelihood, of one flat vector.

    The vector holds the parameters in centred coordinates, where a coupling is not confounded with biases;
    of couplings between units of one layer, where J_ij and J_ji are one parameter, both move together and
    each has half of the slope.
    """

    def __init__(self, machine: Machine, rows: Any, w: Array, penalties: Sequence[L2]) -> None:
        self._machine, self._rows, self._w, self._penalties = machine, rows, w, penalties
        self._origin = {k: p.astype(np.float64) for k, p in machine.params.items()}
        positive = self._positive()
        self._offsets = {k: positive[k].astype(np.float64) for k in machine.biases}
        self.start = np.zeros(sum(p.size for p in self._origin.values()))
        self.log_likelihood, self.norm, self.n_evaluations = -np.inf, np.inf, 0
        self._last = 0.0  # the objective, where there was one

    def _positive(self) -> Params:
        return self._machine.posterior_stats(self._rows, self._w)

    def place(self, y: Array) -> None:
        """Put the machine where y says: steps from where it was, in centred coordinates."""
        step, at = {}, 0
        for key, value in self._origin.items():
            step[key] = y[at : at + value.size].reshape(value.shape)
            at += value.size
        moved = self._machine.uncentre(step, self._offsets)
        put(self._machine, {key: self._origin[key] + value for key, value in moved.items()})

    def __call__(self, y: Array) -> tuple[float, Array]:
        self.place(y)
        machine = self._machine
        self.n_evaluations += 1
        log_z, negative = machine.exact() if machine.normalisable() else (np.inf, {})
        if not np.isfinite(log_z):
            return self._wall()
        self.log_likelihood = -float(self._w @ machine.visible_free_energy(self._rows)) - log_z
        positive, objective = self._positive(), self.log_likelihood
        gradient = {key: positive[key] - negative[key] for key in positive}
        for key in machine.couplings:
            for penalty in self._penalties:
                gradient[key] = gradient[key] - penalty.gradient(machine.params[key])
                objective -= penalty.value(machine.params[key]) * machine.share
        share = {k: machine.share if k in machine.couplings else 1.0 for k in self._origin}
        self.norm = float(np.sqrt(sum(share[k] * np.square(gradient[k]).sum() for k in share)))
        self._last = objective
        slopes = machine.centre(gradient, self._offsets)
        flat = [share[k] * slopes[k].ravel() for k in share]
        return -objective, -np.concatenate(flat).astype(np.float64)

    def _wall(self) -> tuple[float, Array]:
        """Where there is no density: a flat top, high enough that a search along a line turns back.

        One of infinite height would end it: it interpolates between heights.
        """
        self.log_likelihood, self.norm = -np.inf, np.inf
        return -self._last + _HIGHER * (1 + abs(self._last)), np.zeros(self.start.size)
