"""Ratings of a planted set with the structure of 2007: beside the optimum, biases and a truncated SVD.

    python -m experiments.tables.ratings

Each user's machine has softmax units for the items that he has rated, with weights that all users share; the
ratings are exact draws of it. One rating of each user is kept apart. The optimum is what the planted machine
says of it given the others, hidden units summed out.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import scipy.sparse

from ebm.estimators import BoltzmannRatings
from ebm.ratings import RatingsRBM, Rows
from ebm.states import enumerate_states
from ebm.units import Bernoulli

HERE = Path(__file__).with_name("ratings.json")
USERS, ITEMS, STATES, HIDDEN, FEATURES = 12_000, 100, 5, 6, 3
GRID = np.arange(1, 13)  # ranks of the SVD
SEEDS = (0, 1)


def planted(seed, n_features):
    """A machine whose weights lean to high or low ratings, item by item."""
    rng = np.random.default_rng(seed)
    machine = RatingsRBM(ITEMS, STATES, HIDDEN, n_features, False, 0.0, 0)
    slope, level = 0.6 * rng.normal(size=(ITEMS, HIDDEN)), np.linspace(-1, 1, STATES)
    W = slope[:, None] * level[:, None] + 0.15 * rng.normal(size=(ITEMS, STATES, HIDDEN))
    b = 0.5 * rng.normal(size=(ITEMS, 1)) * level - 1.0 * level**2 - W.sum(-1) / 2
    machine.params.update(W=W.reshape(-1, HIDDEN), b=b.ravel(), c=-0.3 * rng.normal(size=HIDDEN))
    machine.params["B"] = 1.5 * rng.normal(size=(n_features, HIDDEN))
    return machine


def drawn(machine, seed, n_features):
    """(users, items, states, features): popular items are rated more often, 10 to 50 by each user."""
    rng, params = np.random.default_rng(seed), machine.params
    popular = rng.dirichlet(np.full(ITEMS, 2.0))
    features = rng.normal(size=(USERS, n_features))
    W, b = params["W"].reshape(ITEMS, STATES, HIDDEN), params["b"].reshape(ITEMS, STATES)
    h = enumerate_states(Bernoulli(), HIDDEN)
    logits = b[:, :, None] + W @ h.T  # (items, states, hidden states)
    weight = np.log(np.exp(logits).sum(1))
    users, items, states = [], [], []
    for u in range(USERS):
        own = rng.choice(ITEMS, rng.integers(10, 51), replace=False, p=popular)
        log_p = (params["c"] + features[u] @ params["B"]) @ h.T + weight[own].sum(0)
        p = np.exp(log_p - log_p.max())
        chosen = rng.choice(len(p), p=p / p.sum())
        each = np.exp(logits[own, :, chosen] - weight[own, chosen, None])
        states.append((rng.random(len(own))[:, None] > each.cumsum(1)[:, :-1]).sum(1))
        users.append(np.full(len(own), u))
        items.append(own)
    return np.concatenate(users), np.concatenate(items), np.concatenate(states), features


def biases(users, items, ratings, strength=5.0):
    """Mean, user and item biases by ridge regression, one after the other until they stand."""
    mean, of_user, of_item = ratings.mean(), np.zeros(USERS), np.zeros(ITEMS)
    n_user, n_item = np.bincount(users, minlength=USERS), np.bincount(items, minlength=ITEMS)
    for _ in range(30):
        left = ratings - mean - of_user[users]
        of_item = np.bincount(items, left, ITEMS) / (n_item + strength)
        left = ratings - mean - of_item[items]
        of_user = np.bincount(users, left, USERS) / (n_user + strength)
    return lambda u, i: mean + of_user[u] + of_item[i]


def truncated_svds(users, items, ratings, base, test_users, test_items):
    """Singular vectors of what biases leave, zero where there is no rating: predictions of each rank."""
    left = scipy.sparse.csr_array((ratings - base(users, items), (users, items)), (USERS, ITEMS)).toarray()
    U, s, Vt = np.linalg.svd(left, full_matrices=False)
    for k in GRID:
        low = np.einsum("nk,kn->n", U[test_users, :k] * s[:k], Vt[:k, test_items])
        yield base(test_users, test_items) + low


def rmse(predicted, truth):
    """Root mean squared error."""
    return float(np.sqrt(np.mean((predicted - truth) ** 2)))


def one(seed, with_features):
    """The errors of everybody on one set."""
    n_features = FEATURES if with_features else 0
    truth = planted(seed, n_features)
    users, items, states, features = drawn(truth, seed + 100, n_features)
    rng = np.random.default_rng(seed)
    first = np.concatenate([[0], np.flatnonzero(np.diff(users)) + 1])
    test = np.zeros(len(users), bool)
    test[first + rng.integers(0, np.bincount(users))] = True
    u, i, r = users[~test], items[~test], states[~test] + 1.0
    tu, ti, tr = users[test], items[test], states[test] + 1.0
    order = np.lexsort((i, u))
    indptr = np.concatenate([[0], np.cumsum(np.bincount(u, minlength=USERS))])
    rows = Rows(indptr, i[order], states[~test][order], ITEMS, features)
    best = truth.probabilities(rows, tu, ti)
    levels = np.arange(1, STATES + 1)
    found = {"optimum": rmse(best @ levels, tr)}
    base = biases(u, i, r)
    found["biases"] = rmse(base(tu, ti), tr)
    # the rank that is best on the test ratings: more than it could know
    found["SVD"] = min(rmse(predicted, tr) for predicted in truncated_svds(u, i, r, base, tu, ti))
    loss = {"optimum": float(-np.log(best[np.arange(len(tr)), states[test]]).mean())}
    models = {"plain": None} | ({"features": features} if with_features else {})
    for name, known in models.items():
        model = BoltzmannRatings(8, random_state=seed).fit(np.c_[u, i, r], features=known)
        p = model.predict_proba(np.c_[tu, ti])
        mean = p @ levels
        found[name] = rmse(mean, tr)
        loss[name] = float(-np.log(p[np.arange(len(tr)), states[test]]).mean())
        z = (tr - mean) / model.predict(np.c_[tu, ti], return_std=True)[1]
        found[f"{name}: rms of z"] = float(np.sqrt((z**2).mean()))
        # of each state, how often it is said and how often it is true: the largest difference in errors
        bins = np.minimum((10 * p).astype(int), 9).ravel()
        hit = (np.arange(STATES) == states[test][:, None]).ravel()
        said, true, n = (np.bincount(bins, w, 10) for w in (p.ravel(), hit.astype(float), None))
        some = n > 50
        error = np.sqrt(np.bincount(bins, (p * (1 - p)).ravel(), 10)[some])
        found[f"{name}: bins"] = float((np.abs(said - true)[some] / error).max())
    return {"seed": seed, "features": with_features, "ratings": len(r), "rmse": found, "nats": loss}


def main(seeds):
    """Print and keep the rows."""
    found = []
    for seed in seeds or SEEDS:
        for with_features in (False, True):
            found.append(one(int(seed), with_features))
            print(json.dumps(found[-1]), flush=True)
    if not seeds:
        HERE.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
