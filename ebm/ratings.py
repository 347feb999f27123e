"""Restricted machines that share weights: one for each user, with a softmax unit for each rated item.

docs/math.md (4.25). They are learnt by contrastive divergence in which only the units of rated items move.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse

from ebm.arrays import Owned, row_blocks
from ebm.learning.rules import Batch, Carried, normalised, zero
from ebm.machine import Array, Params
from ebm.rbm import RBM
from ebm.stream import Seed, Stream
from ebm.units import Bernoulli, Gaussian, Potts

__all__ = ["RatingsCD", "RatingsRBM", "Rows"]


@dataclass(frozen=True)
class Rows:
    """Users' ratings as states, and what else is known of the users.

    Attributes
    ----------
    indptr, items, states : ndarray of int64
        Of a CSR matrix, items ascending in each row.
    n_items : int
    features : (n_users, n_features) float64
    """

    indptr: Array
    items: Array
    states: Array
    n_items: int
    features: Array

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def rated(self) -> Any:
        """1 where a user has rated an item, sparse, (n_users, n_items)."""
        return scipy.sparse.csr_array(
            (np.ones(len(self.items)), self.items, self.indptr), (len(self), self.n_items)
        )

    def one_hot(self, q: int) -> Any:
        """φ of the rated units, sparse, (n_users, n_items·q)."""
        columns = self.items * q + self.states
        return scipy.sparse.csr_array(
            (np.ones(len(columns)), columns, self.indptr), (len(self), self.n_items * q)
        )

    def some(self, users: Array) -> Rows:
        """The rows of some users."""
        counts = np.diff(self.indptr)[users]
        indptr = np.concatenate([[0], np.cumsum(counts)])
        at = np.repeat(self.indptr[users] - indptr[:-1], counts) + np.arange(indptr[-1])
        return Rows(indptr, self.items[at], self.states[at], self.n_items, self.features[users])

    def own(self, users: Array, items: Array) -> Array:
        """The state in which a user has rated an item, −1 where it is not rated."""
        keys = np.repeat(np.arange(len(self)), np.diff(self.indptr)) * self.n_items + self.items
        wanted = users * self.n_items + items
        at = np.minimum(np.searchsorted(keys, wanted), max(0, len(keys) - 1))
        if not len(keys):
            return np.full(len(wanted), -1)
        return np.where(keys[at] == wanted, self.states[at], -1)


class RatingsRBM:
    """The parameters that all users' machines share, docs/math.md (4.25).

    Parameters
    ----------
    n_items, q, n_hidden, n_features : int
        Items, states of a rating, hidden units, further numbers of a user.
    which_rated : bool
        Whether which items a user has rated shifts the hidden biases.
    scale : float
        Standard deviation of the weights.
    seed : int
    """

    couplings, biases = ("W", "D", "B"), ("b", "c")

    def __init__(
        self,
        n_items: int,
        q: int,
        n_hidden: int,
        n_features: int,
        which_rated: bool,
        scale: float,
        seed: Seed,
    ) -> None:
        self.q, self.which_rated = q, which_rated
        u = Stream(seed).uniform(n_items * q, n_hidden)
        W = scale * Gaussian().sample(np.zeros(u.shape), u)
        self._params = Owned(
            {
                "W": W - W.reshape(n_items, q, n_hidden).mean(1).repeat(q, 0),
                "b": np.zeros(n_items * q),
                "c": np.zeros(n_hidden),
                "D": np.zeros((n_items if which_rated else 0, n_hidden)),
                "B": np.zeros((n_features, n_hidden)),
            }
        )

    @property
    def params(self) -> Owned:
        """W, b, c, and D and B, which say what the rated items and the features add to c: live arrays."""
        return self._params

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the parameters."""
        return self._params["W"].dtype

    @property
    def n_items(self) -> int:
        """Items."""
        return len(self._params["b"]) // self.q

    def copy(self) -> RatingsRBM:
        """An independent one with the same parameters."""
        twin = RatingsRBM(
            self.n_items, self.q, len(self._params["c"]), len(self._params["B"]), self.which_rated, 0.0, 0
        )
        twin.params.update(self._params)
        return twin

    def project(self) -> None:
        """Nothing is derived from the parameters."""
        self._params.check()

    def inputs(self, users: Rows) -> Array:
        """c, and what the users' own inputs add to it, (n_users, n_hidden)."""
        found = self._params["c"] + users.features @ self._params["B"]
        return found + users.rated() @ self._params["D"] if self.which_rated else found

    def hidden_inputs(self, users: Rows) -> Array:
        """The inputs of hidden units given all ratings, (n_users, n_hidden)."""
        return self.inputs(users) + users.one_hot(self.q) @ self._params["W"]

    def probabilities(self, rows: Rows, users: Array, items: Array) -> Array:
        """p(rating | the user's others), exact, (n, q), docs/math.md (4.26): what he gave it is left out."""
        W, b = self._params["W"].reshape(self.n_items, self.q, -1), self._params["b"].reshape(-1, self.q)
        I, own = self.hidden_inputs(rows), rows.own(users, items)
        out = np.empty((len(users), self.q))
        for k in row_blocks(len(users), self.q * W.shape[2]):
            item, given, rated = items[k], I[users[k]], own[k] >= 0
            given[rated] -= W[item[rated], own[k][rated]]
            if self.which_rated:
                given[rated] -= self._params["D"][item[rated]]
            log_p = b[item] + np.logaddexp(0, given[:, None] + W[item]).sum(-1)
            log_p -= log_p.max(1, keepdims=True)
            p = np.exp(log_p)
            out[k] = p / p.sum(1, keepdims=True)
        return out

    def of_user(self, rows: Rows, user: int, items: Array) -> RBM:
        """The machine of a user over these items, as any other RBM."""
        own = (items[:, None] * self.q + np.arange(self.q)).ravel()
        W, b = self._params["W"][own], self._params["b"][own]
        return RBM(Potts(self.q), Bernoulli(), W, b, self.inputs(rows)[user])


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
