"""The natural gradient, by enumeration."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import scipy.linalg
from pydantic import Field

from ebm.errors import settings
from ebm.learning.rules import Batch, Carried, normalised, zero
from ebm.machine import Array, Machine, Params, visible_units
from ebm.states import enumerate_states, n_states, refuse_above
from ebm.stream import Stream

__all__ = ["NaturalGradient"]

_LIMIT = 2.0**14  # states of the visible units
_SECONDS = 1e-4  # each: its statistics, and their part in the Fisher matrix


@settings
class NaturalGradient:
    """The exact gradient in the metric of the Fisher matrix, by enumeration: for small machines.

    The Fisher matrix is the covariance of the statistics under the machine; a step along F⁻¹·gradient does
    not depend on the coordinates that the parameters are written in, docs/math.md (5.15).

    Parameters
    ----------
    damping : float
        Added to the diagonal of F, in coordinates where each coupling is one parameter.

    References
    ----------
    Amari, "Natural gradient works efficiently in learning" (1998); Desjardins, Pascanu, Courville & Bengio,
    "Metric-free natural gradient for joint-training of Boltzmann machines" (2013).
    """

    damping: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1e-3

    def init(self, machine: Machine, rng: Stream) -> Carried:
        """Nothing; refuses machines that are too large."""
        n = n_states(visible_units(machine), machine.n_visible)
        size = sum(p.size for p in machine.params.values())
        refuse_above(_LIMIT, n, _SECONDS, 8.0 * min(n, _LIMIT) * size, "NaturalGradient: the Fisher matrix")
        return Carried()

    def gradient(
        self, machine: Machine, batch: Batch, carried: Carried, rng: Stream
    ) -> tuple[Params, Carried]:
        """F⁻¹ times the exact gradient of the batch."""
        v, weights = batch
        w = normalised(weights)
        if w is None:
            return zero(machine.params), carried
        scale = np.concatenate(
            [
                np.full(p.size, np.sqrt(machine.share) if key in machine.couplings else 1.0)
                for key, p in machine.params.items()
            ]
        )
        states = enumerate_states(visible_units(machine), machine.n_visible).astype(machine.dtype)
        log_p = -machine.visible_free_energy(states)
        p = np.exp(log_p - log_p.max())
        p /= p.sum()
        stats = np.stack([_flat(machine.posterior_stats(row[None])) for row in states]) * scale
        mean = p @ stats
        centred = stats - mean
        fisher = centred.T @ (p[:, None] * centred)
        fisher[np.diag_indices(len(fisher))] += self.damping
        slope = _flat(machine.posterior_stats(v, w)) * scale - mean
        step = scipy.linalg.solve(fisher, slope, assume_a="pos") / scale
        return _like(machine.params, step), carried


def _flat(params: Params) -> Array:
    return np.concatenate([np.ravel(value) for value in params.values()]).astype(np.float64)


def _like(params: Params, flat: Array) -> Params:
    """The flat vector in the shapes of the parameters."""
    out, at = {}, 0
    for key, value in params.items():
        out[key] = flat[at : at + value.size].reshape(value.shape).astype(value.dtype)
        at += value.size
    return out
