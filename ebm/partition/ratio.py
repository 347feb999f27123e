"""The ratio of two machines' partition functions, from samples of both."""

from __future__ import annotations

import math

import numpy as np

from ebm.errors import EbmError
from ebm.machine import Array, Machine, as_machine, as_rows
from ebm.partition.multistate import acceptance_ratio

__all__ = ["log_z_ratio"]


def log_z_ratio(one: Machine, other: Machine, x_one: Array, x_other: Array) -> tuple[float, float]:
    """log Z of `other` minus log Z of `one`, by Bennett's acceptance ratio.

    Accurate where the machines overlap: where states of each are likely under the other.

    Parameters
    ----------
    one, other : Machine
        With the same states.
    x_one, x_other : (n, n_units), (m, n_units)
        Samples of each, independent of each other.

    Returns
    -------
    value, stderr : float
        Nats.

    Raises
    ------
    EbmError
        Machines of different states, or fewer than two samples of each.

    References
    ----------
    Bennett, "Efficient estimation of free energy differences from Monte Carlo data" (1976).

    Examples
    --------
    >>> import numpy as np, ebm
    >>> one, other = (ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 6, 3, scale=s) for s in (0.1, 0.3))
    >>> x = [ebm.sample(machine, 500).x for machine in (one, other)]
    >>> value, stderr = log_z_ratio(one, other, *x)
    >>> bool(abs(value - (other.exact()[0] - one.exact()[0])) < 4 * stderr)
    True
    """
    one, other = as_machine(one, "log_z_ratio: one"), as_machine(other, "log_z_ratio: other")
    if one.units != other.units or one.n_units != other.n_units:
        raise EbmError(f"log_z_ratio: expected machines of the same states, got {one} and {other}")
    rows = [as_rows(x, one.units, one.n_units, name) for x, name in ((x_one, "x_one"), (x_other, "x_other"))]
    if min(map(len, rows)) < 2:
        raise EbmError("log_z_ratio: expected two samples of each machine at least")
    up, down = (
        there.free_energy(x) - here.free_energy(x)
        for here, there, x in ((one, other, rows[0]), (other, one, rows[1]))
    )
    n, m = len(up), len(down)
    f, *accepted = acceptance_ratio(up + math.log(n / m), down - math.log(n / m))
    slope = sum((a * (1 - a)).sum() for a in accepted)
    variance = sum(len(a) * np.var(a, ddof=1) for a in accepted) / slope**2
    return -f, math.sqrt(variance)
