"""The likelihood of rows with gaps, climbed: sums over hidden states, in place of draws of the gaps.

The slope of log p(what is known) is that of whole rows, averaged over the gaps given what is known, less that
of the model, docs/math.md (17.2). Both averages are those of a mixture of products.
"""

from __future__ import annotations

import numpy as np

from ebm.machine import Array, Params, put
from ebm.rbm import RBM
from ebm.states import n_states
from ebm.table.mixture import Mixture

__all__ = ["climb_observed", "fits", "slopes"]

_MOST = 2**23  # rows times hidden states
_STEPS = 500


def fits(machine: RBM, rows: Array) -> bool:
    """Whether every row and every hidden state fit into memory side by side."""
    return len(rows) * n_states(machine.hidden, machine.n_hidden) <= _MOST


def slopes(machine: RBM, rows: Array) -> tuple[float, Params]:
    """Mean log-likelihood of what is known of the rows, nats, and its slopes by the parameters."""
    own = Mixture(machine)
    weights, n = own.weights(rows), len(rows)
    value = float(own.log_likelihood(rows).mean())
    share = weights.mean(0) - np.exp(own.log_h + own.cgf.sum(1) - own.log_z)
    gaps, units = np.isnan(rows), own.units
    owners = units.owners(own.n)
    known = own.known(rows)
    missing = (gaps.T.astype(np.float64) @ weights / n)[owners].T  # of each hidden state, of each column
    model = np.exp(own.log_h + own.cgf.sum(1) - own.log_z)[:, None]
    means = units.mean(own.inputs) * (missing - model)
    found = {
        "W": known.T @ (weights @ own.phi) / n + means.T @ own.phi,
        "b": known.mean(0) + means.sum(0),
        "c": share @ own.phi,
    }
    some = np.where(gaps, 0.0, rows)
    slope = units.grad_theta(some)
    for name, expected in units.mean_theta(own.inputs).items():
        places, columns = units.learners(name, own.n)
        at = (missing - model)[:, columns]
        observed = (slope[name] * ~gaps[:, places]).mean(0)
        found[f"v.{name}"] = -observed - (expected * at).sum(0)
    return value, found


def climb_observed(machine: RBM, rows: Array, prior: float, held: Array, patience: int) -> None:
    """Climb it, in place: with a normal prior on couplings; what is positive by its logarithm.

    Parameters
    ----------
    machine : RBM
    rows : (n, n_visible)
        NaN in gaps.
    prior : float
        Of a row.
    held : (m, n_visible)
        The climb stays where these like it best, if there are any.
    patience : int
        Steps without a better machine for them, after which it ends.
    """
    from scipy.optimize import minimize

    keys = list(machine.params)
    positive = [f"v.{name}" for name in machine.visible.positive if name in machine.visible.learns]

    def packed(params: Params) -> Array:
        return np.concatenate([(np.log(params[k]) if k in positive else params[k]).ravel() for k in keys])

    def unpacked(x: Array) -> Params:
        found, start = {}, 0
        for key in keys:
            shape = machine.params[key].shape
            own = x[start : start + machine.params[key].size].reshape(shape)
            found[key] = np.exp(own) if key in positive else own
            start += own.size
        return found

    def objective(x: Array) -> tuple[float, Array]:
        put(machine, unpacked(x))
        value, slope = slopes(machine, rows)
        slope["W"] = slope["W"] - prior * machine.W
        for key in positive:
            slope[key] = slope[key] * machine.params[key]
        value -= 0.5 * prior * float(np.square(machine.W).sum())
        return -value, -np.concatenate([slope[k].ravel() for k in keys])

    best, waited, kept = -np.inf, 0, packed(machine.params)

    def look(x: Array) -> None:
        nonlocal best, waited, kept
        put(machine, unpacked(x))
        score = float(Mixture(machine).log_likelihood(held).mean())
        waited += 1
        if score > best:
            best, waited, kept = score, 0, x.copy()
        if waited >= patience:
            raise StopIteration

    done = minimize(
        objective, packed(machine.params), jac=True, method="L-BFGS-B", options={"maxiter": _STEPS},
        callback=look if len(held) else None,
    )  # fmt: skip
    put(machine, unpacked(kept if len(held) else done.x))
