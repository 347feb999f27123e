"""Ratings: what users would give to what they have not rated, with its probability."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse
from sklearn.utils.validation import check_is_fitted

from ebm.arguments import as_count, as_numbers, well_indexed
from ebm.errors import EbmError, short
from ebm.estimators.shell import Shell, Verbose, in_our_words
from ebm.machine import Array
from ebm.optimisers import Adam, Linear
from ebm.penalties import L2
from ebm.ratings import RatingsCD, RatingsRBM, Rows
from ebm.training import begin, train
from ebm.training.steps import steps_per_epoch

__all__ = ["BoltzmannRatings"]


class BoltzmannRatings(Shell):
    """Restricted machines of users, with a softmax unit for each rated item; they share weights.

    What a user has not rated is absent from his machine, not zero in it. So p(rating | his other ratings) is
    exact, hidden units summed out, and a rating comes with its whole distribution.

    Parameters
    ----------
    n_components : int
        Hidden units.
    learning_rate : float
        Of Adam; falls to zero over the passes.
    batch_size : int
        Users of a minibatch.
    n_iter : int
        Passes over the users.
    steps : sequence of int
        Sweeps of the chains, which begin at the data: so many in each of as many equal parts of the passes.
    l2 : float
        Strength of the penalty on squared weights.
    which_rated : bool
        Whether which items a user has rated, whatever he gave, says something of him.
    verbose : bool or int
    random_state : int, RandomState or None

    Attributes
    ----------
    levels_ : ndarray, (q,)
        The ratings that there are.
    W_, b_, c_, D_, B_ : ndarray
        Weights (n_items·q, n_hidden), biases, and what rated items and features add to c.

    References
    ----------
    Salakhutdinov, Mnih & Hinton, "Restricted Boltzmann machines for collaborative filtering" (2007).

    Examples
    --------
    >>> import numpy as np
    >>> from ebm.estimators import BoltzmannRatings
    >>> taste = np.arange(200) % 2  # half of the users like odd items, half even ones
    >>> rated = [(u, i) for u in range(200) for i in range(8) if (u // 2 + i) % 4]
    >>> triples = [(u, i, 5 if (i + taste[u]) % 2 else 1) for u, i in rated]
    >>> model = BoltzmannRatings(2, batch_size=10, random_state=0).fit(triples)
    >>> model.predict([[0, 0], [2, 3]]).round()
    array([1., 5.])
    >>> items, expected = model.recommend([2, 3], 1)
    >>> expected.round()
    array([[5.],
           [1.]])
    """

    _learnt = (
        "levels_", "W_", "b_", "c_", "D_", "B_", "indptr_", "items_", "states_", "features_",
    )  # fmt: skip

    def __init__(
        self,
        n_components: int = 20,
        *,
        learning_rate: float = 0.01,
        batch_size: int = 100,
        n_iter: int = 60,
        steps: Any = (1, 3, 5),
        l2: float = 0.0005,
        which_rated: bool = False,
        verbose: Any = 0,
        random_state: Any = None,
    ) -> None:
        self.n_components = n_components
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.steps = steps
        self.l2 = l2
        self.which_rated = which_rated
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, *, features: Any = None) -> BoltzmannRatings:
        """Learn from ratings; y is not looked at.

        Parameters
        ----------
        X : sparse matrix, (n_users, n_items), or array_like, (n, 3)
            Stored entries are ratings, an explicit zero too; or triples (user, item, rating), users and items
            numbered from 0.
        features : (n_users, n_features), optional
            Numbers that are known of the users.

        Raises
        ------
        EbmError
            Ratings that are no finite numbers, fewer than two different ones, an item rated twice.
        """
        matrix = _ratings(X, "X")
        self.levels_ = np.unique(matrix.data)
        if not 2 <= len(self.levels_) <= 100:
            raise EbmError(f"X: expected 2 to 100 different ratings, got {len(self.levels_)}")
        self.n_features_in_ = matrix.shape[1]
        rows, q = self._as_rows(matrix, features, "features"), len(self.levels_)
        seed, verbose, n_iter = self._seed(), Verbose(self), self._count("n_iter", 0)
        stages = self._stages(n_iter)
        sizes = rows.n_items, q, self._count("n_components"), rows.features.shape[1]
        machine = RatingsRBM(*sizes, self._flag("which_rated"), 0.01, seed)
        counts = np.bincount(rows.items * q + rows.states, minlength=rows.n_items * q).reshape(-1, q)
        overall = counts.sum(0) / counts.sum()
        machine.params["b"] = np.log((counts + q * overall) / (counts.sum(1, keepdims=True) + q)).ravel()
        optimiser = Adam(Linear(self._number("learning_rate"), stop=0.0, epochs=max(1, n_iter)))
        penalties = [L2(self._number("l2"))] if self.l2 else []
        batch_size = self._count("batch_size")
        state = begin(machine, RatingsCD(rows, 1), optimiser, seed)
        who = np.flatnonzero(np.diff(rows.indptr))
        per_epoch = steps_per_epoch(len(who), batch_size)
        for k, until in stages:
            rule = RatingsCD(rows, k)
            steps = train(state, (who,), rule, optimiser, batch_size, seed, penalties=penalties)
            while state.step < until * per_epoch:
                next(steps)
                if state.step % per_epoch == 0:
                    verbose.say(state.step / per_epoch / n_iter, f"pass {state.step // per_epoch}, k = {k}")
        for key, value in machine.params.items():
            setattr(self, f"{key}_", value)
        self.indptr_, self.items_, self.states_ = rows.indptr, rows.items, rows.states
        self.features_ = rows.features
        return self

    def _stages(self, n_iter: int) -> list[tuple[int, int]]:
        """Numbers of sweeps, and the pass up to which they are made."""
        steps = as_numbers(self.steps, "BoltzmannRatings: steps")
        if steps.ndim != 1 or not len(steps):
            raise EbmError(
                f"BoltzmannRatings: steps: expected numbers such as (1, 3, 5), got {short(self.steps)}"
            )
        counts = [as_count(k, "BoltzmannRatings: steps") for k in steps.tolist()]
        return [(k, round(n_iter * (part + 1) / len(counts))) for part, k in enumerate(counts)]

    def _as_rows(self, matrix: Any, features: Any, name: str) -> Rows:
        """Ratings as states."""
        states = np.minimum(np.searchsorted(self.levels_, matrix.data), len(self.levels_) - 1)
        if not np.array_equal(self.levels_[states], matrix.data):
            raise EbmError(f"ratings: expected some of {short(self.levels_.tolist())}")
        n_users, n_items = matrix.shape
        known = np.empty((n_users, 0)) if features is None else as_numbers(features, name).astype(np.float64)
        if known.ndim != 2 or len(known) != n_users or not np.isfinite(known).all():
            raise EbmError(
                f"{name}: expected finite numbers, ({n_users}, n_features), got shape {known.shape}"
            )
        indptr, items = (a.astype(np.int64) for a in (matrix.indptr, matrix.indices))
        return Rows(indptr, items, states.astype(np.int64), n_items, known)

    def _users(self, ratings: Any, features: Any) -> Rows:
        """The users that it was fitted to, or those of other ratings."""
        check_is_fitted(self, "W_")
        if ratings is None:
            return Rows(self.indptr_, self.items_, self.states_, self.n_features_in_, self.features_)
        rows = self._as_rows(_ratings(ratings, "ratings", self.n_features_in_), features, "features")
        if rows.features.shape[1] != len(self.B_):
            raise EbmError(f"features: expected {len(self.B_)} of each user, as in fit")
        return rows

    def _machine(self) -> RatingsRBM:
        n_items, q = self.n_features_in_, len(self.levels_)
        machine = RatingsRBM(n_items, q, len(self.c_), len(self.B_), len(self.D_) > 0, 0.0, 0)
        machine.params.update({key: getattr(self, f"{key}_") for key in machine.params})
        return machine

    def predict_proba(self, X: Any, *, ratings: Any = None, features: Any = None) -> Array:
        """p(rating | the user's others) of pairs (user, item), exact: (n, q), in the order of `levels_`.

        What the user has given to the item himself is left out.

        Parameters
        ----------
        X : array_like of int, (n, 2)
            Users and items.
        ratings, features : optional
            As of `fit`, of other users, whom the pairs are then of.
        """
        rows = self._users(ratings, features)
        pairs = as_numbers(X, "X")
        if pairs.ndim != 2 or pairs.shape[1] != 2 or (pairs != np.floor(pairs)).any():
            raise EbmError(f"X: expected pairs of a user and an item, (n, 2), got shape {pairs.shape}")
        ends = np.array([len(rows), rows.n_items])
        if len(pairs) and not ((pairs >= 0) & (pairs < ends)).all():
            raise EbmError(f"X: expected users below {ends[0]} and items below {ends[1]}")
        users, items = pairs.astype(np.int64).T
        return self._machine().probabilities(rows, users, items)

    def predict(self, X: Any, *, ratings: Any = None, features: Any = None, return_std: bool = False) -> Any:
        """Expected ratings of pairs (user, item), (n,), and with `return_std` their standard deviations."""
        p = self.predict_proba(X, ratings=ratings, features=features)
        mean = p @ self.levels_
        if not return_std:
            return mean
        return mean, np.sqrt((p * np.square(self.levels_ - mean[:, None])).sum(1))

    def recommend(
        self, users: Any, n: int = 10, *, ratings: Any = None, features: Any = None
    ) -> tuple[Array, Array]:
        """The n items that each of some users has not rated and would rate best, and the ratings expected.

        Returns
        -------
        items : ndarray of int, (len(users), n)
            −1 where a user has rated all others.
        expected : ndarray, (len(users), n)
        """
        rows, n = self._users(ratings, features), as_count(n, "n")
        some = as_numbers(users, "users")
        if some.ndim != 1 or (some != np.floor(some)).any() or not ((some >= 0) & (some < len(rows))).all():
            raise EbmError(f"users: expected numbers of users below {len(rows)}")
        items, expected = np.full((len(some), n), -1), np.full((len(some), n), np.nan)
        machine, every = self._machine(), np.arange(rows.n_items)
        for k, user in enumerate(some.astype(np.int64)):
            seen = rows.items[rows.indptr[user] : rows.indptr[user + 1]]
            left = np.setdiff1d(every, seen)
            alone = rows.some(np.array([user]))
            mean = machine.probabilities(alone, np.zeros(len(left), np.int64), left) @ self.levels_
            best = np.argsort(-mean, kind="stable")[:n]
            items[k, : len(best)], expected[k, : len(best)] = left[best], mean[best]
        return items, expected

    def score(self, X: Any, y: Any = None, *, ratings: Any = None, features: Any = None) -> float:
        """Minus the root mean squared error of triples (user, item, rating)."""
        triples = as_numbers(X, "X")
        if triples.ndim != 2 or triples.shape[1] != 3 or not len(triples):
            raise EbmError(f"X: expected triples (user, item, rating), got shape {triples.shape}")
        off = self.predict(triples[:, :2], ratings=ratings, features=features) - triples[:, 2]
        return -float(np.sqrt(np.mean(off * off)))


def _ratings(X: Any, name: str, n_items: int | None = None) -> Any:
    """A CSR matrix of ratings, items ascending, from such a matrix or from triples."""
    if scipy.sparse.issparse(X):
        with in_our_words():
            matrix = scipy.sparse.csr_array(well_indexed(X, name), dtype=np.float64)
        entries = matrix.nnz
        matrix.sum_duplicates()
        twice = matrix.nnz < entries
    else:
        triples = as_numbers(X, name).astype(np.float64)
        if triples.ndim != 2 or triples.shape[1] != 3 or not len(triples):
            expected = "expected a sparse matrix of ratings, or triples (user, item, rating)"
            raise EbmError(f"{name}: {expected}, got shape {triples.shape}")
        places = triples[:, :2]
        if not ((places >= 0) & (places < 2**31) & (places == np.floor(places))).all():
            raise EbmError(f"{name}: expected users and items numbered from 0")
        users, items = places.astype(np.int64).T
        shape = users.max() + 1, max(items.max() + 1, n_items or 0)
        order = np.lexsort((items, users))
        indptr = np.concatenate([[0], np.cumsum(np.bincount(users, minlength=shape[0]))])
        matrix = scipy.sparse.csr_array((triples[order, 2], items[order], indptr), shape)
        twice = bool(((np.diff(users[order]) == 0) & (np.diff(items[order]) == 0)).any())
    if twice:
        raise EbmError(f"{name}: a user has rated an item twice; expected one rating, such as the last")
    if not np.isfinite(matrix.data).all() or not matrix.nnz:
        raise EbmError(f"{name}: expected finite ratings, at least one")
    if n_items is not None and matrix.shape[1] != n_items:
        raise EbmError(f"{name}: expected {n_items} items, as in fit, got {matrix.shape[1]}")
    return matrix
