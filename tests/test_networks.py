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
    found = ising_network(x, n_penalties=6, whole=True)
    for k in (2, 5):
        for i in (0, 5):
            others = np.arange(8) != i
            C = 1 / (found.penalties[k] * len(x))
            model = LogisticRegression(
                C=C, l1_ratio=1.0, solver="saga", tol=1e-10, max_iter=100_000, random_state=0
            ).fit(x[:, others], rows[:, i])
            np.testing.assert_allclose(found.path[k].toarray()[i, others], model.coef_[0], atol=1e-5)
            if model.coef_.any():  # where all slopes are zero, saga does not end with the intercept's best
                np.testing.assert_allclose(found.intercepts[k, i], model.intercept_[0], atol=1e-5)


def test_the_largest_penalty_leaves_no_edge_and_the_next_has_some(rows):
    slopes = [of.toarray() for of in ising_network(rows, n_penalties=30).path]
    assert np.abs(slopes[0]).max() < 1e-9
    assert np.abs(slopes[1]).max() > 1e-4


def test_ebic_is_its_definition_and_least_where_it_was_chosen(rows):
    found = ising_network(rows, gamma=0.5, n_penalties=20, whole=True)
    k, i = 7, 3
    others = np.arange(8) != i
    slopes = found.path[k].toarray()[i, others]
    eta = found.intercepts[k, i] + rows[:, others] @ slopes
    log_p = -np.logaddexp(0, -rows[:, i] * eta).sum()
    n_edges = (slopes != 0).sum()
    expected = -2 * log_p + n_edges * np.log(1500) + 2 * 0.5 * n_edges * np.log(7)
    assert found.ebic[k, i] == pytest.approx(expected, rel=1e-10)
    np.testing.assert_allclose(found.ebic[found.chosen, np.arange(8)], found.ebic.min(0), rtol=1e-11)


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


@pytest.mark.parametrize("bits", [False, True])
def test_every_solution_is_one(bits):
    """The optimality conditions, over all units: λ is what a slope gains, others less."""
    x = ebm.sample(sparse(30, 5, 0.4, 45), 1200, seed=2).x
    x = (x + 1) / 2 if bits else x
    found = ising_network(x, n_penalties=25, whole=True)
    y = np.where(x > 0, 1.0, -1.0)
    for k in (0, 1, 6, 12, 24):
        slopes, penalty = found.path[k].toarray(), found.penalties[k]
        residuals = -y / (1 + np.exp(y * (x @ slopes.T + found.intercepts[k]))) / len(x)
        gradient = residuals.T @ x
        np.fill_diagonal(gradient, 0)
        there = slopes != 0
        assert np.abs(residuals.sum(0)).max() < 1e-11
        assert np.abs(gradient + penalty * np.sign(slopes))[there].max(initial=0) < 1e-11
        assert np.abs(gradient[~there]).max() < penalty + 1e-11
    assert there.sum() > 400  # working sets had to grow


def test_a_small_penalty_at_once_has_the_solution_of_the_path():
    """Working sets that begin empty, where no rule says who may join: they grow until none is left out."""
    from ebm.inverse.lasso import lasso_paths
    from ebm.inverse.rows import rows_of

    x = ebm.sample(sparse(20, 5, 0.4, 30), 800, seed=2).x
    path = ising_network(x, n_penalties=12, whole=True)
    for k in (3, 11):
        once = lasso_paths(rows_of(x), path.penalties[k : k + 1])
        np.testing.assert_allclose(once.slopes[0].toarray(), path.path[k].toarray(), atol=1e-9)


@pytest.mark.parametrize("bits", [False, True])
def test_paths_that_end_early_end_after_their_minimum(bits):
    for seed in range(4):
        x = ebm.sample(sparse(12, seed, 0.2 + 0.1 * seed, 18), 1000, seed=seed).x
        x = (x + 1) / 2 if bits else x
        short, long = ising_network(x), ising_network(x, whole=True)
        assert np.array_equal(short.chosen, long.chosen)
        np.testing.assert_allclose(short.machine.J, long.machine.J, atol=1e-10)
        there = ~np.isnan(short.ebic)
        np.testing.assert_allclose(short.ebic[there], long.ebic[there], rtol=1e-10)
        assert not there.all()
        assert not np.isnan(long.ebic).any()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("bits", [False, True])
def test_edges_are_those_of_the_definition(bits):
    """Every regression anew by scikit-learn, EBIC of its own predictions, each unit's least."""
    x = ebm.sample(sparse(7, 11, 0.5, 8), 400, seed=3).x
    x = (x + 1) / 2 if bits else x
    M, n = x.shape
    upper = x > 0
    most = np.abs(x.T @ (upper - upper.mean(0))) / M
    np.fill_diagonal(most, 0)
    ebic, there = np.empty((12, n)), np.zeros((12, n, n), bool)
    for k, penalty in enumerate(np.geomspace(most.max(), 0.01 * most.max(), 12)):
        for i in range(n):
            others = np.arange(n) != i
            C = 1 / (penalty * M)
            model = LogisticRegression(
                C=C, l1_ratio=1.0, solver="saga", tol=1e-8, max_iter=5000, random_state=0
            ).fit(x[:, others], upper[:, i])
            there[k, i, others] = model.coef_[0] != 0
            if not model.coef_.any():
                model.intercept_[:] = np.log(upper[:, i].mean() / (1 - upper[:, i].mean()))
            log_p = model.predict_log_proba(x[:, others])[np.arange(M), upper[:, i].astype(int)].sum()
            edges = there[k, i].sum()
            ebic[k, i] = -2 * log_p + edges * np.log(M) + 2 * 0.25 * edges * np.log(n - 1)
    found = ising_network(x, n_penalties=12)
    first = (ebic < ebic.min(0) + 1e-9).argmax(0)  # the same at every penalty where no edge has come yet
    assert np.array_equal(found.chosen, first)
    chosen = there[first, np.arange(n)]
    assert found.edges == [(i, j) for i in range(n) for j in range(i + 1, n) if chosen[i, j] and chosen[j, i]]
    assert found.edges


def test_threads_and_rows_together_change_nothing(rows):
    one = ising_network(rows, n_penalties=10)
    before = ebm.get_num_threads()
    try:
        ebm.set_num_threads(2)
        two = ising_network(rows, n_penalties=10)
    finally:
        ebm.set_num_threads(before)
    assert np.array_equal(one.machine.J, two.machine.J)
    assert np.array_equal(one.ebic, two.ebic, equal_nan=True)


def test_weights_are_repeated_rows(rows):
    few = rows[:300]
    w = np.random.default_rng(0).integers(1, 4, 300)
    one, other = (
        ising_network(few, weights=w, n_effective=w.sum(), n_penalties=15),
        ising_network(np.repeat(few, w, axis=0), n_penalties=15),
    )
    np.testing.assert_allclose(one.ebic, other.ebic, rtol=1e-10)
    np.testing.assert_allclose(one.machine.J, other.machine.J, atol=1e-10)
    assert one.edges == other.edges


def test_mixed_codings_have_the_edges_and_the_energies_of_one(rows):
    """Ising and Bernoulli units together; a slope of unit i's log-odds is (upper − lower state) times J."""
    units = ebm.Mixed(((Ising(), 4), (ebm.Bernoulli(), 4)))
    x = rows.copy()
    x[:, 4:] = (x[:, 4:] + 1) / 2
    found = ising_network(x, units, n_penalties=8, whole=True)
    k, i, j = found.chosen[0], 0, 5
    model = LogisticRegression(
        C=1 / (found.penalties[k] * len(x)),
        l1_ratio=1.0,
        solver="saga",
        tol=1e-10,
        max_iter=50_000,
        random_state=0,
    ).fit(x[:, 1:], x[:, 0])
    np.testing.assert_allclose(found.path[k].toarray()[0, 1:], model.coef_[0], atol=1e-6)
    slopes = (found.path[found.chosen[m]].toarray()[m] for m in (i, j))
    both = [next(slopes)[j] / 2, next(slopes)[i]]
    assert found.machine.J[i, j] == pytest.approx(np.mean(both) if all(both) else 0)


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


def test_units_that_never_change_get_no_edge_and_a_finite_bias(rows):
    x = np.column_stack([np.ones(len(rows)), rows, -np.ones(len(rows))])
    with pytest.warns(RuntimeWarning, match="units 0, 9 never changes: it gets no edge"):
        found = ising_network(x, n_penalties=20)
    plain = ising_network(rows, n_penalties=20)
    assert found.edges == [(i + 1, j + 1) for i, j in plain.edges]
    b = found.machine.b
    assert b[0] == -b[9] == pytest.approx(0.5 * np.log((1500.5) / 0.5))
    assert np.isfinite(found.machine.J).all()


@pytest.mark.parametrize("sign", [1, -1])
def test_copies_are_named_and_their_couplings_finite(rows, sign):
    x = np.column_stack([rows, sign * rows[:, 2]])
    with pytest.warns(RuntimeWarning, match=r"unit 8: in every row the same as an earlier unit"):
        found = ising_network(x)
    assert sign * found.machine.J[2, 8] > 1
    assert np.isfinite(found.machine.J).all()


def test_more_than_the_memory_is_refused(rows, monkeypatch):
    monkeypatch.setattr(ebm.files, "free_memory", lambda: 1000)
    monkeypatch.setattr(ebm.files, "_SMALL", 100)
    with pytest.raises(EbmError, match=r"8 lasso paths of \d+ rows needs .* of memory"):
        ising_network(rows)


def test_rows_without_any_correlation_have_no_edge():
    states = np.array(np.meshgrid(*[[-1.0, 1.0]] * 3)).reshape(3, -1).T
    assert ising_network(states, n_penalties=4).edges == []
