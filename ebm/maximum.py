"""Maximum likelihood of small machines: L-BFGS on the exact gradient, in centred coordinates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ebm.errors import EbmError
from ebm.machine import Array, Params, as_count, as_data
from ebm.penalties import Penalty

__all__ = ["Maximum", "maximise"]


@dataclass(frozen=True)
class Maximum:
    """What `maximise` reached.

    Attributes
    ----------
    log_likelihood : float
        Mean over the rows, without penalties, nats per sample.
    gradient_norm : float
        Euclidean norm of the gradient of the objective, each coupling of a pair of units counted once.
    n_evaluations : int
    message : str
        Why it ended.
    """

    log_likelihood: float
    gradient_norm: float
    n_evaluations: int
    message: str


def maximise(
    machine: Any,
    data: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    penalties: Sequence[Penalty] = (),
    max_iterations: int = 1000,
    tolerance: float = 1e-9,
    callback: Callable[[float], bool | None] | None = None,
) -> Maximum:
    """Climb the exact mean log-likelihood of the rows to a maximum, in place.

    A polish after learning with samples; for machines without hidden units, whose likelihood is concave, the
    whole of learning. Sums run over all states in every evaluation, in float64; in a machine of float32 the
    parameters' own rounding ends the climb before small tolerances do.

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
    tolerance : float
        Of the largest entry of the gradient.
    callback : callable, optional
        Called after every iteration with the objective, the machine being there; ends the climb by returning
        True.

    Raises
    ------
    TooLarge
        The machine has too many states.
    EbmError
        Data outside the units' domain, weights that make no sense.

    References
    ----------
    Liu & Nocedal, "On the limited memory BFGS method for large scale optimization" (1989).

    Examples
    --------
    >>> import numpy as np, ebm
    >>> machine = ebm.BoltzmannMachine(ebm.Ising(), np.zeros((3, 3)))
    >>> found = ebm.maximise(machine, [[1, 1, -1], [1, 1, 1], [-1, -1, 1], [1, -1, -1]])
    >>> found.gradient_norm < 1e-6
    True
    """
    from scipy.optimize import minimize

    machine.require_exact()
    rows, w = as_data(machine, data), _row_weights(weights, len(np.asarray(data)))
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
    climb.place(found.x)
    return Maximum(
        climb.log_likelihood, float(np.linalg.norm(found.jac)), int(found.nfev), str(found.message)
    )


def _row_weights(weights: ArrayLike | None, n: int) -> Array:
    w = np.ones(n) if weights is None else np.asarray(weights, np.float64)
    if w.shape != (n,) or not np.isfinite(w).all() or (w < 0).any() or w.sum() == 0:
        raise EbmError(f"weights: expected {n} finite numbers >= 0, not all zero")
    return w / w.sum()


class _Climb:
    """The objective as scipy wants it: minus the mean log-likelihood, of one flat vector.

    The vector holds the parameters in centred coordinates, where a coupling is not confounded with biases;
    of couplings between units of one layer, where J_ij and J_ji are one parameter, both move together and
    each has half of the slope.
    """

    def __init__(self, machine: Any, rows: Any, w: Array, penalties: Sequence[Penalty]) -> None:
        self._machine, self._rows, self._w, self._penalties = machine, rows, w, penalties
        self._origin = {k: p.astype(np.float64) for k, p in machine.params.items()}
        positive = self._positive()
        self._offsets = {k: positive[k].astype(np.float64) for k in positive if k not in machine.couplings}
        self.start = np.zeros(sum(p.size for p in self._origin.values()))
        self.log_likelihood = -np.inf

    def _positive(self) -> Params:
        return self._machine.posterior_stats(self._rows, self._w)

    def place(self, y: Array) -> None:
        """Put the machine where y says: steps from where it was, in centred coordinates."""
        step, at = {}, 0
        for key, value in self._origin.items():
            step[key] = y[at : at + value.size].reshape(value.shape)
            at += value.size
        for key, moved in self._machine.uncentre(step, self._offsets).items():
            self._machine.params[key][:] = self._origin[key] + moved
        self._machine.project()

    def __call__(self, y: Array) -> tuple[float, Array]:
        self.place(y)
        machine = self._machine
        log_z, negative = machine.exact()
        self.log_likelihood = -float(self._w @ machine.visible_free_energy(self._rows)) - log_z
        positive, objective = self._positive(), self.log_likelihood
        gradient = {key: positive[key] - negative[key] for key in positive}
        for key in machine.couplings:
            for penalty in self._penalties:
                gradient[key] = gradient[key] - penalty.gradient(machine.params[key])
                objective -= penalty.value(machine.params[key]) * machine.share
        slopes = machine.centre(gradient, self._offsets)
        flat = [(machine.share if k in machine.couplings else 1) * slopes[k].ravel() for k in self._origin]
        return -objective, -np.concatenate(flat).astype(np.float64)
