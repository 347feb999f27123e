"""The laws of estimators of log Z."""

from __future__ import annotations

import numpy as np

from ebm.errors import expect
from ebm.machine import Machine
from ebm.partition import log_z
from ebm.partition.estimate import EstimatorOfLogZ
from ebm.rbm import RBM
from ebm.testing.exactly import draws, states_of
from ebm.testing.samplers import small_machine
from ebm.testing.verdict import holds, near, run
from ebm.units import Bernoulli

__all__ = ["check_estimator_of_log_z"]

_ROUNDING = 1e-8
_BEYOND = 7.0  # nats: a stochastic bound fails by so much once in e^7 times
_ROWS = 50  # of data, for those that start from data


def check_estimator_of_log_z(
    estimator: EstimatorOfLogZ, machine: Machine | None = None, *, runs: int = 40
) -> None:
    """Hold an estimator of log Z to the error that it claims.

    Over many seeds, z = (value − exact log Z) / stderr has root mean square 1: an error of half the true
    size, or of twice, is refused. A standard error of 0 claims to be exact, and bounds to be bounds. What has
    no error, or says itself not to trust it, is held to its bounds alone. The same seed gives the same value.

    Parameters
    ----------
    estimator : EstimatorOfLogZ
    machine : Machine, optional
        Small enough for `Machine.exact`; an RBM, and a spin glass, when left out.
    runs : int
        Seeds for each machine.

    Raises
    ------
    AssertionError
        A law does not hold.

    Examples
    --------
    >>> import ebm
    >>> ebm.testing.check_estimator_of_log_z(ebm.partition.METHODS["exact"](), runs=2)
    """
    what = "an estimator of log Z such as METHODS['ais']()"
    expect(estimator, EstimatorOfLogZ, "check_estimator_of_log_z", what)
    rbm = RBM.random(Bernoulli(), Bernoulli(), 5, 4, scale=1.0, seed=2, dtype=np.float64)
    for own in (rbm, small_machine()) if machine is None else (machine,):
        expect(own, Machine, "check_estimator_of_log_z", "a machine such as RBM(...)")
        run(estimator, (error_is_right,), own, runs)


def error_is_right(estimator: EstimatorOfLogZ, machine: Machine, runs: int) -> None:
    """The z of the estimates."""
    exact = machine.exact(stats=False)[0]
    data = draws(machine, states_of(machine), _ROWS, 0)[:, : machine.n_visible]
    found = [log_z(machine, estimator, seed=seed, data=data) for seed in range(runs)]
    again = log_z(machine, estimator, seed=0, data=data)
    near("log Z from the same seed", again.value, found[0].value)
    for one in found:
        holds(np.isfinite(one.value), f"log Z is {one.value}")
        low, high = one.lower - exact, exact - one.upper
        holds(max(low, high) < _BEYOND, f"log Z is {max(low, high):.3g} nats beyond a bound")
        bounded = np.isfinite(one.lower) or np.isfinite(one.upper)
        known = np.isfinite(one.stderr) or bounded or one.reason
        holds(known, f"log Z has neither an error nor a bound (stderr {one.stderr}), nor a reason why")
    claims = [one for one in found if one.verdict != "do not trust" and np.isfinite(one.stderr)]
    if not claims:
        return
    values, errors = np.array([one.value for one in claims]), np.array([one.stderr for one in claims])
    holds(np.all(errors >= 0), "a standard error is negative")
    if np.all(errors == 0):
        near("log Z that claims to be exact", values, np.full(len(values), exact), _ROUNDING, _ROUNDING)
        return
    z = (values - exact) / errors
    rms, spread = float(np.sqrt(np.mean(z * z))), 3 / np.sqrt(2 * len(z))
    low, high = 0.75 * (1 - spread), 1.25 * (1 + spread)
    seen = f"z has root mean square {rms:.2f} over {len(z)} seeds"
    holds(rms < high, f"the error is too small: {seen}, allowed {high:.2f} (mean {z.mean():+.2f})")
    holds(rms > low, f"the error is too large: {seen}, expected at least {low:.2f}")
