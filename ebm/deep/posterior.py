"""Mean fields of a deep Boltzmann machine given its data."""

from __future__ import annotations

from typing import Any

import numpy as np

from ebm.machine import Array
from ebm.units import Bernoulli

__all__ = ["even_means"]

_TOLERANCE, _MOST = 1e-4, 50  # of the means; iterations


def even_means(rbm: Any, v: Array, cut: int) -> tuple[Array, Array]:
    """Means of the even hidden layers, Bernoulli units, and their entropy, docs/math.md (4.17).

    Parameters
    ----------
    rbm : RBM
        Even layers visible, odd ones hidden.
    v : (n, n_data)
        Of the units in the first `cut` columns of the even side.

    Returns
    -------
    m : (n, columns − cut); entropy : (n,) float64, nats
    """
    W, b, c, odd = rbm.W, rbm.b, rbm.c, rbm.hidden
    units = Bernoulli()
    data = rbm.visible.taken(np.arange(v.shape[1]))
    below = data.dot(v, W[:cut])
    m = np.zeros((len(v), len(b) - cut), b.dtype)
    for i in range(_MOST):
        # at first nothing comes from above: the data count twice instead, as in a pass of the network
        new = units.mean(b[cut:] + odd.mean(c + (2 * below if i == 0 else below + m @ W[cut:])) @ W[cut:].T)
        moved, m = float(np.abs(new - m).max(initial=0)), new
        if moved < _TOLERANCE and i > 0:
            break
    p = np.clip(m.astype(np.float64), 1e-12, 1 - 1e-12)
    return m, -(p * np.log(p) + (1 - p) * np.log(1 - p)).sum(1)
