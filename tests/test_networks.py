"""Sparse networks: the lasso path is scikit-learn's, EBIC its definition, edges those that are there."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import ebm
from ebm import BoltzmannMachine, EbmError, Ising
from ebm.inverse import ising_network


def sparse(n, seed, strength=0.5, edges=None):
    rng = np.random.default_rng(seed)
    J = np.zeros((n, n))
    i, j = np.triu_indices(n, 1)
    chosen = rng.choice(len(i), edges or n, replace=False)
    J[i[chosen], j[chosen]] = strength * rng.choice([-1, 1], len(chosen))
    return BoltzmannMachine(Ising(), J + J.T, 0.2 * rng.normal(size=n))


@pytest.fixture(scope="module")
def rows():
    return ebm.sample(sparse(8, 0), 1500, seed=1).x


@pytest.mark.parametrize("bits", [False, True])
def test_the_path_is_scikit_learns(rows, bits):
    x = (rows + 1) / 2 if bits else rows
    found = ising_network(x, n_penalties=6)
    for k in (2, 5):
        for i in (0, 5):
            others = np.arange(8) != i
            C = 1 / (found.penalties[k] * len(x))
            model = LogisticRegression(
                C=C, l1_ratio=1.0, solver="saga", tol=1e-10, max_iter=100_000, random_state=0
            ).fit(x[:, others], rows[:, i])
            np.testing.assert_allclose(found.path[k, i, others], model.coef_[0], atol=1e-5)
            if model.coef_.any():  # where all slopes are zero, saga does not end with the intercept's best
                np.testing.assert_allclose(found.path[k, i, i], model.intercept_[0], atol=1e-5)


def test_the_largest_penalty_leaves_no_edge_and_the_next_has_some(rows):
    found = ising_network(rows, n_penalties=30)
    slopes = found.path.copy()
    slopes[:, np.arange(8), np.arange(8)] = 0
    assert np.abs(slopes[0]).max() < 1e-9
    assert np.abs(slopes[1]).max() > 1e-4


def test_ebic_is_its_definition_and_least_where_it_was_chosen(rows):
    found = ising_network(rows, gamma=0.5, n_penalties=20)
    k, i = 7, 3
    others = np.arange(8) != i
    eta = found.path[k, i, i] + rows[:, others] @ found.path[k, i, others]
    log_p = -np.logaddexp(0, -rows[:, i] * eta).sum()
    n_edges = (found.path[k, i, others] != 0).sum()
    expected = -2 * log_p + n_edges * np.log(1500) + 2 * 0.5 * n_edges * np.log(7)
    assert found.ebic[k, i] == pytest.approx(expected, rel=1e-10)
    assert np.array_equal(found.chosen, found.ebic.argmin(0))


def test_edges_are_found_and_rules_nest():
    made = sparse(10, 3, 0.6, 10)
    x = ebm.sample(made, 6000, seed=2).x
    i, j = np.nonzero(np.triu(made.J, 1))
    truth = set(zip(i.tolist(), j.tolist(), strict=True))
    both, either = (set(ising_network(x, rule=rule).edges) for rule in ("and", "or"))
    assert truth <= both <= either
    assert len(both - truth) <= 1
    signs = np.sign(ising_network(x).machine.J)[i, j]
    assert np.array_equal(signs, np.sign(made.J[i, j]))


def test_weights_are_repeated_rows(rows):
    few = rows[:300]
    w = np.random.default_rng(0).integers(1, 4, 300)
    one, other = (
        ising_network(few, weights=w, n_penalties=5),
        ising_network(np.repeat(few, w, axis=0), n_penalties=5),
    )
    np.testing.assert_allclose(one.path, other.path, atol=1e-8)


@pytest.mark.parametrize(
    ("how", "match"),
    [
        ({"rule": "xor"}, "rule"),
        ({"gamma": -1}, "gamma"),
        ({"ratio": 1.5}, "ratio"),
        ({"n_penalties": 0}, "n_penalties"),
        ({"units": ebm.Potts(3)}, "Potts"),
    ],
)
def test_what_makes_no_sense_is_refused(rows, how, match):
    with pytest.raises(EbmError, match=match):
        ising_network(rows, **how)


def test_units_that_never_change_are_named(rows):
    with pytest.raises(EbmError, match="unit 8 never changes"):
        ising_network(np.column_stack([rows, np.ones(len(rows))]))


def test_rows_without_any_correlation_have_no_edge():
    states = np.array(np.meshgrid(*[[-1.0, 1.0]] * 3)).reshape(3, -1).T
    assert ising_network(states, n_penalties=4).edges == []
