"""Fine-tuning of small networks on all rows at once: L-BFGS, in float64."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any

import numpy as np

from ebm.deferred import Deferred
from ebm.errors import NotSupported, settings
from ebm.machine import Array, Count, put
from ebm.network.model import Layer, Network, minus_log_p
from ebm.optimisers.schedules import Positive
from ebm.penalties import L2, Penalty
from ebm.training import Course, History, State

__all__ = ["LBFGS", "descend"]

_BLOCK = 1024  # rows whose gradient is computed together


@settings
class LBFGS:
    """Quasi-Newton steps on the loss of all rows, for `fine_tune`: an iteration takes the place of an epoch.

    For problems whose data and network are small; the penalties are L2 ones. Sums run in float64 whatever
    the dtype of the network.

    Parameters
    ----------
    memory : int
        Pairs of steps and gradients that stand for the Hessian.
    tolerance : float
        It ends when no slope of the objective is larger, nats per sample.

    References
    ----------
    Liu & Nocedal, "On the limited memory BFGS method for large scale optimization" (1989); scipy's L-BFGS-B.
    """

    memory: Count = 10
    tolerance: Positive = 1e-6


class _Objective:
    """Loss and penalties of one flat vector of the parameters that move, as scipy wants them."""

    def __init__(
        self, network: Network, x: Any, y: Array, w: Array, penalties: Sequence[Penalty], still: Set[str]
    ) -> None:
        self._network, self._x, self._y, self._w, self._penalties = network, x, y, w, penalties
        self._moving = [key for key in network.params if key not in still]
        self.start = np.concatenate([network.params[key].ravel() for key in self._moving])

    def place(self, flat: Array) -> None:
        """Put the network where the vector says."""
        at = 0
        for key in self._moving:
            value = self._network.params[key]
            value[:] = flat[at : at + value.size].reshape(value.shape)
            at += value.size

    def __call__(self, flat: Array) -> tuple[float, Array]:
        self.place(flat)
        network, loss = self._network, 0.0
        total = {key: np.zeros_like(network.params[key]) for key in self._moving}
        for start in range(0, len(self._x), _BLOCK):
            part = slice(start, start + _BLOCK)
            found, I = network.slopes(self._x[part], self._y[part], self._w[part])
            loss += float(self._w[part] @ minus_log_p(network.readout_units, I, self._y[part]))
            for key, value in total.items():
                if isinstance(found[key], Deferred):
                    found[key].add_to(value, 1.0, 1.0)
                else:
                    value += found[key]
        for key in set(network.couplings) & set(self._moving):
            for penalty in self._penalties:
                loss += penalty.value(network.params[key])
                total[key] += penalty.gradient(network.params[key])
        return loss, np.concatenate([total[key].ravel() for key in self._moving])


def descend(
    state: State[Network],
    course: Course[Network],
    batch: tuple[Any, Array, Array],
    optimiser: LBFGS,
    penalties: Sequence[Penalty] = (),
    still: Set[str] = frozenset(),
) -> History:
    """Minimise Σ w (−log p(y | x)) and the penalties, in place, until slopes vanish or the course is over.

    Parameters
    ----------
    state, course
        Of the network; an epoch is an iteration.
    batch : (x, y, w)
        Rows and targets, checked, and weights of the rows, float64, which sum to one.
    still : set of str
        Names of parameters that stay.

    Returns
    -------
    History
        What the course says after each iteration.

    Raises
    ------
    NotSupported
        Penalties other than L2, which have corners; readout units that learn their precision, which might
        become negative on the way.
    """
    from scipy.optimize import minimize

    network = state.machine
    for penalty in penalties:
        if not isinstance(penalty, L2):
            raise NotSupported(f"LBFGS: penalties: {penalty} has corners; expected L2, or another optimiser")
    if network.readout_units.learns:
        raise NotSupported("LBFGS: a readout that learns its precision; fit Gaussian(), then with_precision")
    history = History()
    if course.over(state):
        return history
    double = [Layer(a.units, a.W.astype(np.float64), a.b.astype(np.float64)) for a in network.layers()]
    twin = Network(double, network.inputs)
    objective = _Objective(twin, *batch, penalties, still)

    def look(intermediate_result: Any) -> None:
        state.step += 1
        objective.place(intermediate_result.x)
        put(network, twin.params)
        history.rows.append(course.look(state))
        if course.over(state):
            raise StopIteration

    settings = {"maxcor": optimiser.memory, "gtol": optimiser.tolerance, "ftol": 0.0, "maxls": 50}
    settings |= {"maxiter": course.epochs, "maxfun": 20 * course.epochs}
    minimize(objective, objective.start, jac=True, method="L-BFGS-B", options=settings, callback=look)
    return history
