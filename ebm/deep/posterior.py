"""Mean fields of a deep Boltzmann machine given its data."""

from __future__ import annotations

import numpy as np

from ebm.machine import Array
from ebm.network.passes import mean_of
from ebm.rbm import RBM

__all__ = ["even_means"]

_MOST = 50  # iterations


def even_means(rbm: RBM, v: Array, cut: int, tolerance: float) -> tuple[Array, Array]:
    """Means of the even hidden layers, units of two states, and their entropy, docs/math.md (4.17).

    Parameters
    ----------
    rbm : RBM
        Even layers visible, odd ones hidden.
    v : (n, n_data)
        Of the units in the first `cut` columns of the even side.
    tolerance : float
        The means are taken when none has moved by more.

    Returns
    -------
    m : (n, columns − cut); entropy : (n,) float64, nats
    """
    W, b, c, odd = rbm.W, rbm.b, rbm.c, rbm.hidden
    data, units = (
        rbm.visible.taken(np.arange(*ends)) for ends in ((v.shape[1],), (v.shape[1], rbm.n_visible))
    )
    below = data.dot(v, W[:cut])
    m = np.zeros((len(v), len(b) - cut), b.dtype)
    for i in range(_MOST):
        # at first nothing comes from above: the data count twice instead, as in a pass of the network
        above = below + below if i == 0 else m @ W[cut:]
        if i > 0:
            above += below
        new = mean_of(units, mean_of(odd, above, c) @ W[cut:].T, b[cut:])
        moved, m = float(np.abs(new - m).max(initial=0)), new
        if moved < tolerance and i > 0:
            break
    p = m.astype(np.float64)
    for own, _, columns in units.parts(m.shape[1]):
        low, high = own.interval
        p[:, columns] = (p[:, columns] - low) / (high - low)
    p = np.clip(p, 1e-12, 1 - 1e-12)
    return m, -(p * np.log(p) + (1 - p) * np.log(1 - p)).sum(1)
