"""Contrastive divergence of the machines of many users, which share weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ebm.learning.rules import Batch, Carried, normalised, zero
from ebm.machine import Params
from ebm.rbm.ratings import RatingsRBM, Rows
from ebm.stream import Stream

__all__ = ["RatingsCD"]


@dataclass(frozen=True)
class RatingsCD:
    """CD-k in which only the units of rated items move; batches are numbers of users.

    Parameters
    ----------
    rows : Rows
        All users.
    k : int
        Sweeps.

    References
    ----------
    Salakhutdinov, Mnih & Hinton, "Restricted Boltzmann machines for collaborative filtering" (2007).
    """

    rows: Rows
    k: int

    def init(self, machine: RatingsRBM, rng: Stream) -> Carried:
        """Nothing."""
        return Carried()

    def gradient(
        self, machine: RatingsRBM, batch: Batch, carried: Carried, rng: Stream
    ) -> tuple[Params, Carried]:
        """Statistics of the users in the batch minus those of their machines after k sweeps."""
        from ebm.kernels.learning.ratings import Shared, Users, contrast

        chosen, weights = (np.ascontiguousarray(a) for a in batch)
        w, found = normalised(weights), zero(machine.params)
        if w is None:
            return found, carried
        rows, params = self.rows, machine.params
        some = rows.some(chosen)
        hidden, inputs = np.empty((len(chosen), len(params["c"]))), machine.inputs(some)
        u_hidden = rng.uniform(len(chosen), self.k * len(params["c"])).reshape(len(chosen), self.k, -1)
        u_visible = rng.uniform(self.k, len(some.items))
        contrast(
            Users(rows.indptr, rows.items, rows.states), chosen.astype(np.int64), w,
            Shared(*(params[key] for key in "Wbc")), inputs, np.int64(machine.q), u_hidden, u_visible,
            Shared(*(found[key] for key in "Wbc")), hidden,
        )  # fmt: skip
        hidden *= w[:, None]
        found["B"] += some.features.T @ hidden
        if machine.which_rated:
            found["D"] += some.rated().T @ hidden
        return found, carried
