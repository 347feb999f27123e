"""Machines of users that share weights: each judged as the RBM of the items that the user has rated."""

import numpy as np
import pytest
import scipy.sparse
from scipy.special import logsumexp
from sklearn.base import clone

import ebm
from ebm import EbmError, Stream
from ebm.estimators import BoltzmannRatings
from ebm.ratings import RatingsCD, RatingsRBM, Rows

Q, ITEMS = 3, 5


def machine_of(which_rated=True, n_features=2, seed=0):
    machine = RatingsRBM(ITEMS, Q, 2, n_features, which_rated, 0.0, 0)
    rng = np.random.default_rng(seed)
    for value in machine.params.values():
        value += rng.normal(size=value.shape)
    return machine


def rows_of(n_users, machine, seed=0, n_items=3, exact=False):
    """Users who have rated a few items; ratings of no machine, or exact draws of their own."""
    rng = np.random.default_rng(seed)
    items = np.sort(rng.permuted(np.tile(np.arange(ITEMS), (n_users, 1)), axis=1)[:, :n_items], 1)
    features = rng.normal(size=(n_users, len(machine.params["B"])))
    rows = Rows(
        np.arange(n_users + 1) * n_items,
        items.ravel(),
        rng.integers(0, Q, n_users * n_items),
        ITEMS,
        features,
    )
    if exact:
        for u in range(n_users):
            rbm = machine.of_user(rows, u, items[u])
            states = ebm.states.enumerate_states(rbm.visible, n_items)
            p = np.exp(-rbm.free_energy(states) - rbm.exact(stats=False)[0])
            rows.states[u * n_items : (u + 1) * n_items] = states[rng.choice(len(p), p=p / p.sum())]
    return rows


def exact_gradient(machine, rows, weights):
    """Σ weights (stats of the ratings − their expectations), user by user, from the RBM of each."""
    found = {key: np.zeros(value.shape) for key, value in machine.params.items()}
    for u, w in enumerate(weights):
        own = slice(rows.indptr[u], rows.indptr[u + 1])
        items = rows.items[own]
        rbm = machine.of_user(rows, u, items)
        data, model = rbm.stats(rows.states[own][None]), rbm.exact()[1]
        at = (items[:, None] * Q + np.arange(Q)).ravel()
        found["W"][at] += w * (data["W"] - model["W"])
        found["b"][at] += w * (data["b"] - model["b"])
        off = w * (data["c"] - model["c"])
        found["c"] += off
        found["B"] += np.outer(rows.features[u], off)
        if machine.which_rated:
            found["D"][items] += off
    return found


@pytest.mark.parametrize("which_rated", [True, False])
def test_long_chains_give_the_exact_gradient(which_rated):
    machine, n = machine_of(which_rated), 3000
    few = rows_of(4, machine)
    weights = np.array([1.0, 0.5, 2.0, 0.0])
    expected = exact_gradient(machine, few, weights / weights.sum())
    many = few.some(np.tile(np.arange(4), n))
    rule, found = RatingsCD(many, 20), []
    for k in range(8):
        batch = np.arange(4 * n // 8) + k * (4 * n // 8), np.tile(weights, n // 8)
        found.append(rule.gradient(machine, batch, rule.init(machine, Stream(k)), Stream(k))[0])
    for key, value in expected.items():
        each = np.array([gradient[key] for gradient in found])
        error = each.std(0, ddof=1) / np.sqrt(8)
        assert np.all(np.abs(each.mean(0) - value) < 8 * error + 1e-12), key


def test_one_sweep_from_the_truth_does_not_drift():
    machine = machine_of()
    found = []
    for k in range(12):
        rows = rows_of(400, machine, seed=k, exact=True)
        rule = RatingsCD(rows, 1)
        batch = np.arange(400), np.ones(400)
        found.append(rule.gradient(machine, batch, rule.init(machine, Stream(k)), Stream(k + 50))[0])
    for key in machine.params:
        each = np.array([gradient[key] for gradient in found])
        assert np.all(np.abs(each.mean(0)) < 6 * each.std(0, ddof=1) / np.sqrt(12) + 1e-12), key


def test_only_rated_units_are_touched():
    machine = machine_of()
    rows = Rows(np.array([0, 2]), np.array([1, 3]), np.array([0, 2]), ITEMS, np.ones((1, 2)))
    rule = RatingsCD(rows, 3)
    gradient, _ = rule.gradient(
        machine, (np.array([0]), np.ones(1)), rule.init(machine, Stream(0)), Stream(0)
    )
    absent = np.repeat(~np.isin(np.arange(ITEMS), [1, 3]), Q)
    assert not gradient["W"][absent].any()
    assert not gradient["b"][absent].any()
    assert not gradient["D"][[0, 2, 4]].any()
    assert np.allclose(gradient["b"].reshape(ITEMS, Q).sum(1), 0)


@pytest.mark.parametrize("which_rated", [True, False])
def test_probabilities_are_those_of_enumeration(which_rated):
    machine = machine_of(which_rated)
    rows = rows_of(6, machine)
    users, items = np.divmod(np.arange(6 * ITEMS), ITEMS)
    p = machine.probabilities(rows, users, items)
    for k, (user, item) in enumerate(zip(users, items, strict=True)):
        own = slice(rows.indptr[user], rows.indptr[user + 1])
        left = rows.items[own] != item
        others, states = rows.items[own][left], rows.states[own][left]
        without = Rows(
            np.concatenate([[0], [left.sum()]]), others, states, ITEMS, rows.features[user : user + 1]
        )
        rbm = machine.of_user(without, 0, np.append(others, item))
        minus = [-rbm.free_energy(np.append(states, s)[None])[0] for s in range(Q)]
        assert np.allclose(p[k], np.exp(minus - logsumexp(minus)), atol=1e-12)


def tastes(n=200):
    taste = np.arange(n) % 2
    rated = [(u, i) for u in range(n) for i in range(8) if (u // 2 + i) % 4]
    return np.array([(u, i, 5 if (i + taste[u]) % 2 else 1) for u, i in rated])


def test_what_is_learnt_predicts_and_recommends(tmp_path):
    triples = tastes()
    model = BoltzmannRatings(2, batch_size=10, n_iter=40, which_rated=True, random_state=0).fit(triples)
    users, items = np.divmod(np.arange(200 * 8), 8)
    unseen = ~np.isin(users * 8 + items, triples[:, 0] * 8 + triples[:, 1])
    truth = np.where((items + users % 2) % 2, 5, 1)
    mean, std = model.predict(np.c_[users, items], return_std=True)
    assert np.abs(mean - truth)[unseen].max() < 1
    p = model.predict_proba(np.c_[users, items])
    assert np.allclose(std**2, 16 * p[:, 0] * p[:, 1])
    best, expected = model.recommend([2, 3], 3)
    assert set(best[0]) == {3, 7, -1}
    assert np.isnan(expected[:, 2]).all()
    assert model.score(triples) > -0.5
    sparse = scipy.sparse.coo_array((triples[:, 2], (triples[:, 0], triples[:, 1])))
    again = clone(model).fit(sparse)
    assert np.array_equal(again.W_, model.W_)
    assert np.array_equal(model.predict([[0, 0], [1, 2]], ratings=sparse.tocsr()[[4, 5]]), mean[[32, 42]])
    ebm.save(tmp_path / "model.npz", model)
    read = ebm.load(tmp_path / "model.npz")
    assert np.array_equal(read.predict_proba(np.c_[users, items]), p)


def test_features_of_users_say_something_of_those_who_rate_nothing():
    rng = np.random.default_rng(0)
    kind = rng.choice([-1.0, 1.0], 400)
    triples = np.array(
        [(u, i, 4 + kind[u] * (1 - 2 * (i % 2))) for u in range(400) for i in rng.choice(6, 3, False)]
    )
    model = BoltzmannRatings(2, batch_size=20, n_iter=40, random_state=0).fit(triples, features=kind[:, None])
    nobody = scipy.sparse.csr_array(([3.0], ([1], [5])), (2, 6))
    mean = model.predict([[0, 0], [0, 1]], ratings=nobody, features=[[1.0], [1.0]])
    assert mean[0] > 4.5
    assert mean[1] < 3.5


T = [(0, 0, 1), (0, 1, 2), (1, 0, 2)]
REFUSED = {
    "three columns": (lambda m: clone(m).fit(np.ones((4, 2))), "triples"),
    "one rating": (lambda m: clone(m).fit([(0, 0, 1), (1, 0, 1)]), "2 to 100 different ratings"),
    "twice": (lambda m: clone(m).fit([*T, (0, 0, 2)]), "twice"),
    "negative user": (lambda m: clone(m).fit([*T, (-1, 0, 2)]), "numbered from 0"),
    "half an item": (lambda m: clone(m).fit([*T, (1, 0.5, 2)]), "numbered from 0"),
    "nan": (lambda m: clone(m).fit([*T, (2, 0, np.nan)]), "finite"),
    "text": (lambda m: clone(m).fit([["a", "b", "c"]]), "X"),
    "empty": (lambda m: clone(m).fit(scipy.sparse.csr_array((3, 3))), "finite ratings, at least one"),
    "features": (lambda m: clone(m).fit(T, features=np.ones((5, 1))), r"\(2, n_features\)"),
    "steps": (lambda m: clone(m).set_params(steps=()).fit(T), "steps"),
    "no step": (lambda m: clone(m).set_params(steps=(0,)).fit(T), "steps"),
    "components": (lambda m: clone(m).set_params(n_components=0).fit(T), "n_components"),
    "rate": (lambda m: clone(m).set_params(learning_rate=-1).fit(T), "learning_rate"),
    "l2": (lambda m: clone(m).set_params(l2="much").fit(T), "l2"),
    "pairs": (lambda m: m.predict(T), "pairs of a user and an item"),
    "an unknown item": (lambda m: m.predict([[0, 2]]), "items below 2"),
    "an unknown user": (lambda m: m.recommend([7]), "numbers of users below 2"),
    "another rating": (lambda m: m.predict([[0, 0]], ratings=[(0, 0, 1.5)]), "expected some of"),
    "other items": (lambda m: m.predict([[0, 0]], ratings=[(0, 5, 1)]), "2 items, as in fit"),
    "no features": (lambda m: m.predict([[0, 0]], ratings=T, features=[[1], [2]]), "0 of each user"),
    "score": (lambda m: m.score([[0, 0]]), "triples"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_one_line(case):
    call, line = REFUSED[case]
    with pytest.raises(EbmError, match=line) as refused:
        call(BoltzmannRatings(2, n_iter=1, random_state=0).fit(T))
    assert "\n" not in str(refused.value)
