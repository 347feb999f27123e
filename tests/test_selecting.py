"""Edges by decimation, activation, stability, cross-validation; how couplings scatter over resampled rows."""

import warnings

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from test_networks import sparse

import ebm
from ebm import Bernoulli, BoltzmannMachine, EbmError, Ising, Mixed, NotSupported, Potts
from ebm.inverse import (
    Sparse,
    activation,
    bootstrap,
    cross_validated,
    decimation,
    infer,
    ising_network,
    stability_selection,
)


def stability(x, *units):
    return stability_selection(x, *units, n_pairs=8, threshold=0.9, false_edges=5)


SELECTIONS = [decimation, activation, stability, cross_validated, ising_network]
each_selection = pytest.mark.parametrize("select", SELECTIONS, ids=lambda f: f.__name__)


def edges_of(machine):
    i, j = np.nonzero(np.triu(machine.J, 1))
    return set(zip(i.tolist(), j.tolist(), strict=True))


@pytest.fixture(scope="module")
def made():
    return sparse(9, 4, 0.6, 9)


@pytest.fixture(scope="module")
def rows(made):
    return ebm.sample(made, 3000, seed=5).x


@each_selection
@pytest.mark.parametrize("bits", [False, True])
def test_edges_are_found_in_both_codings(select, bits, made, rows):
    x = (rows + 1) / 2 if bits else rows
    found = select(x)
    truth = edges_of(made)
    assert isinstance(found, Sparse)
    assert truth <= set(found.edges)
    few = {cross_validated: 27, ising_network: 3}.get(select, 1)  # what predicts best has more
    assert len(set(found.edges) - truth) <= few
    assert found.machine.units == (Bernoulli() if bits else Ising())
    close = np.abs(found.J / (4 if bits else 1) - made.J).max()
    assert close < (0.35 if select in (cross_validated, ising_network) else 0.1)  # the lasso shrinks


def test_all_couplings_together_are_those_of_infer(rows):
    """The first graph of decimation is the joint maximum of `infer`, with the same prior."""
    from ebm.inverse.activation import Graph
    from ebm.inverse.rows import rows_of

    data = rows_of(rows[:800])
    graph = Graph(data, 1 / 800)
    reached = graph.fit(~np.eye(9, dtype=bool))
    expected = infer(rows[:800], penalty=ebm.L2(1 / 800), symmetrise="joint")
    found = graph.machine(graph.K, graph.h)
    # infer's L2 is of each site's objective: of the sum both, twice
    twice = Graph(data, 2 / 800)
    twice.fit(~np.eye(9, dtype=bool))
    np.testing.assert_allclose(twice.machine(twice.K, twice.h).J, expected.J, atol=1e-6)
    assert reached == pytest.approx(
        sum(
            -(data.w @ np.logaddexp(0, -2 * data.spins[:, i] * (data.spins @ found.J[i] + found.b[i])))
            for i in range(9)
        )
        - (found.J**2).sum() / 4 / 800
    )


@pytest.mark.parametrize("units", [Potts(3), Mixed(((Ising(), 2), (Potts(3), 2), (Bernoulli(), 2)))], ids=str)
def test_derivatives_of_the_pseudo_likelihood_are_differences(units):
    from ebm.inverse.activation import Graph
    from ebm.inverse.rows import rows_of

    n = 6
    rng = np.random.default_rng(0)
    x = np.zeros((50, n))
    for own, places, _ in units.parts(n):
        x[:, places] = rng.choice(own.states, (50, places.stop - places.start))
    graph = Graph(rows_of(x, units), 0.1)
    size = graph.rows.basis.size
    K, h = rng.normal(size=(size, size)), rng.normal(size=size)
    K = (K + K.T) / 2
    owners = graph.rows.basis.owners
    K[owners[:, None] == owners] = 0
    _, by_K, by_h = graph.slopes(K, h)
    for a, b in ((0, size - 1), (1, 3), (2, size - 2)):
        ends = []
        for step in (1e-5, -1e-5):
            moved = K.copy()
            moved[a, b] += step
            moved[b, a] += step
            ends.append(graph.slopes(moved, h)[0])
        assert by_K[a, b] == pytest.approx((ends[0] - ends[1]) / 2e-5, abs=1e-7)
        ends = [graph.slopes(K, h + step * np.eye(size)[a])[0] for step in (1e-5, -1e-5)]
        assert by_h[a] == pytest.approx((ends[0] - ends[1]) / 2e-5, abs=1e-7)


@pytest.mark.parametrize("select", [decimation, activation])
def test_potts_units_of_different_numbers_of_states(select):
    units = Mixed(((Potts(3), 2), (Ising(), 2), (Potts(4), 1)))
    J = np.zeros((12, 12))
    J[:3, 3:6] = 1.2 * np.eye(3)
    J[7, 8:] = [0.8, -0.8, 0.8, -0.8]  # unit 3 and unit 4
    x = ebm.sample(BoltzmannMachine(units, J + J.T, np.zeros(12)), 2000, seed=1).x
    found = select(x, units)
    assert found.edges == [(0, 1), (3, 4)]
    assert found.strengths[3, 4] == pytest.approx(np.linalg.norm(J[7, 8:]), abs=0.2)
    with pytest.raises(NotSupported, match="states"):
        stability_selection(x, units)


def test_the_ways_are_what_they_say(rows):
    out, into = decimation(rows), activation(rows, patience=3)
    assert out.n_edges[0] == 36
    assert out.n_edges[-1] == 0
    assert (np.diff(out.n_edges) < 0).all()
    assert (np.diff(out.log_likelihood) < 1e-6).all()
    share = out.n_edges / 36
    ends = out.log_likelihood[0], out.log_likelihood[-1]
    np.testing.assert_allclose(
        out.criterion, out.log_likelihood - share * ends[0] - (1 - share) * ends[1], atol=1e-12
    )
    assert out.chosen == out.criterion.argmax()
    assert into.chosen == into.criterion.argmin() == len(into.criterion) - 4
    ebic = -2 * 3000 * into.log_likelihood + 2 * into.n_edges * (np.log(3000) + 0.5 * np.log(8))
    np.testing.assert_allclose(into.criterion, ebic, rtol=1e-12)
    for way in (out, into):
        assert len(way.edges) == way.n_edges[way.chosen]


@pytest.mark.parametrize(
    ("method", "how", "select"),
    [
        ("ebic", {"gamma": 0.5, "n_penalties": 30, "ratio": 0.02}, ising_network),
        ("decimation", {"fraction": 0.3}, decimation),
        ("activation", {"gamma": 0.5, "fraction": 0.2, "patience": 2}, activation),
    ],
)
def test_infer_has_them_as_methods(method, how, select, rows):
    x = rows[:700, :6]
    assert np.array_equal(infer(x, method=method, **how).J, select(x, **how).J)
    with pytest.raises(EbmError, match="unknown setting 'gama'"):
        infer(x, method=method, gama=1)
    with pytest.raises(EbmError, match=next(iter(how))):
        infer(x, method=method, **{next(iter(how)): -1})
    either = infer(x, method="ebic", symmetrise="or").J
    assert np.array_equal(either, ising_network(x, rule="or").J)


@pytest.mark.parametrize("method", ["ebic", "decimation", "activation", "naive_mean_field"])
def test_units_that_never_change_among_more_than_eight(method, rows):
    """Bits of more than a byte, of columns taken out of rows."""
    x = np.insert(rows[:300], 3, 1.0, axis=1)
    told = []
    with pytest.warns(RuntimeWarning, match="unit 3 never changes"):
        found = infer(x, method=method, progress=lambda done, line: told.append(done))
    assert not found.J[3].any()
    np.testing.assert_allclose(
        np.delete(np.delete(found.J, 3, 0), 3, 1), infer(rows[:300], method=method).J, atol=1e-9
    )
    assert told or method == "naive_mean_field"


def test_stable_edges_and_their_bound(rows):
    found = stability_selection(rows[:600], n_pairs=10, false_edges=2, threshold=0.8, seed=3)
    again = stability_selection(rows[:600], n_pairs=10, false_edges=2, threshold=0.8, seed=3)
    assert np.array_equal(found.probabilities, again.probabilities)
    assert found.false_edges <= 2
    assert found.false_edges == pytest.approx(found.mean_edges**2 / (0.6 * 36))
    assert set(found.edges) == edges_of_matrix(found.probabilities >= 0.8)
    assert found.mean_edges == pytest.approx(np.triu(found.probabilities, 1).sum())
    assert np.all(np.isin(np.round(found.probabilities * 20, 9), np.arange(21)))
    fewer = stability_selection(rows[:600], n_pairs=10, false_edges=0.1, threshold=0.8, seed=3)
    assert len(fewer.penalties) < len(found.penalties)
    # Rows without any edge: no more than expected.
    noise = np.random.default_rng(0).choice([-1.0, 1.0], (600, 12))
    assert len(stability_selection(noise, n_pairs=5).edges) <= 2


def edges_of_matrix(there):
    i, j = np.nonzero(np.triu(there, 1))
    return set(zip(i.tolist(), j.tolist(), strict=True))


def test_held_out_losses_are_those_of_scikit_learn(rows):
    x = rows[:400]
    found = cross_validated(x, folds=3, n_penalties=4, seed=2)
    fold = np.empty(400, int)
    fold[ebm.Stream(2).permutation(400)] = np.arange(400) % 3
    for f, k in ((0, 3), (2, 1)):
        train, test = fold != f, fold == f
        total = 0.0
        for i in range(9):
            others = np.arange(9) != i
            C = 1 / (found.penalties[k] * train.sum())
            model = LogisticRegression(
                C=C, l1_ratio=1.0, solver="saga", tol=1e-9, max_iter=10_000, random_state=0
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model.fit(x[train][:, others], x[train][:, i])
            if not model.coef_.any():
                p = (x[train][:, i] > 0).mean()
                model.intercept_[:] = np.log(p / (1 - p))
            z = x[test][:, i] * (x[test][:, others] @ model.coef_[0] + model.intercept_[0])
            total += np.logaddexp(0, -z).mean()
        assert found.loss[f, k] == pytest.approx(total, rel=1e-6)
    assert found.chosen == found.loss.mean(0).argmin()
    careful = cross_validated(x, folds=3, n_penalties=30, one_stderr=True, seed=2)
    bold = cross_validated(x, folds=3, n_penalties=30, seed=2)
    assert careful.chosen < bold.chosen
    assert len(careful.edges) < len(bold.edges)


@each_selection
def test_constant_and_copied_columns_are_named_and_finite(select, rows):
    x = np.column_stack([rows[:500, :6], np.ones(500), -rows[:500, 2]])
    with warnings.catch_warnings(record=True) as lines:
        warnings.simplefilter("always")
        found = select(x)
    assert any("unit 6 never changes" in str(line.message) for line in lines)
    assert np.isfinite(found.J).all()
    assert np.isfinite(found.b).all()
    assert (2, 7) in found.edges
    assert not any(6 in edge for edge in found.edges)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("fit", ["pseudo_likelihood", "network", "activation"])
def test_bootstrap_of_rows_with_rare_states_is_finite(fit, rows):
    """A unit in its other state in one row of 60: constant in a third of the samples, apart in others."""
    functions = {
        "network": lambda x, units, w, m: ising_network(x, units, weights=w, n_effective=m, n_penalties=20),
        "activation": lambda x, units, w, m: activation(x, units, weights=w, n_effective=m),
    }
    x = np.column_stack([rows[:60, :4], np.where(np.arange(60) == 7, -1.0, 1.0)])
    found = bootstrap(x, fit=functions.get(fit, fit), n=12)
    assert np.isfinite(found.J).all()
    assert np.isfinite(found.b).all()
    assert np.isfinite(found.stderr_J[0, 1])


@pytest.mark.filterwarnings("ignore:in 1 of 8:RuntimeWarning")  # of 50 distinct rows
def test_bootstrap_errors_are_those_of_the_sandwich(rows):
    x = rows[:1000, :5]
    found, sure = bootstrap(x, n=150, seed=1), infer(x)
    i, j = np.triu_indices(5, 1)
    ratio = found.stderr_J[i, j] / sure.stderr_J[i, j]
    assert np.abs(np.log(ratio)).max() < 0.3  # 150 samples: 6 % each
    assert np.abs(np.log(ratio)).mean() < 0.1
    np.testing.assert_allclose(found.stderr_b, sure.stderr_b, rtol=0.3)
    assert np.array_equal(found.found.J, sure.J)
    low, high = found.intervals(0.9)
    assert ((low < found.J.mean(0)) & (found.J.mean(0) < high))[i, j].all()
    assert np.array_equal(found.J, bootstrap(x, n=150, seed=1).J)
    assert not np.array_equal(found.J[:5], bootstrap(x, n=5, seed=2).J)
    assert np.isnan(found.stderr_J.diagonal()).all()
    repeated = bootstrap(np.repeat(x[:50], 3, axis=0), n=8, seed=4)
    weighted = bootstrap(x[:50], weights=np.full(50, 3.0), n_effective=150, n=8, seed=4)
    np.testing.assert_allclose(repeated.J, weighted.J, atol=1e-8)


@pytest.mark.parametrize(
    "selection", [cross_validated, pytest.param(stability_selection, marks=pytest.mark.slow)]
)
def test_bootstrap_of_what_draws_parts_of_the_rows_repeats_them(selection, rows):
    """By its name, it is given as many rows as were drawn: parts of the distinct ones are other parts."""
    x = rows[:300, :5]
    found = bootstrap(x, fit=selection.__name__, n=2, seed=3)
    distinct, counts = np.unique(x, axis=0, return_counts=True)
    assert len(distinct) <= 32
    own = selection(np.repeat(distinct, counts, axis=0), ebm.Ising(), seed=3)
    np.testing.assert_array_equal(found.found.machine.J, own.machine.J)
    assert set(own.edges) == set(zip(*np.nonzero(np.triu(found.found.machine.J)), strict=True))
    assert not np.array_equal(found.J[0], found.J[1])


def test_bootstrap_says_once_what_happened_in_samples(rows):
    x = np.column_stack([rows[:60, :4], np.where(np.arange(60) == 7, -1.0, 1.0)])
    with warnings.catch_warnings(record=True) as lines:
        warnings.simplefilter("always")
        bootstrap(x, n=12)
    assert sum("of 12 samples:" in str(line.message) for line in lines) == 1
    assert len(lines) <= 2  # and what infer says of the rows themselves


def test_tables_graphs_and_frames(rows):
    found = activation(rows)
    names = [f"unit {k}" for k in range(9)]
    table = found.table(names)
    assert [abs(edge["J"]) for edge in table] == sorted((abs(edge["J"]) for edge in table), reverse=True)
    assert {(edge["i"], edge["j"]) for edge in table} == {(names[i], names[j]) for i, j in found.edges}
    assert repr(found) == f"Selected(9 units, {len(found.edges)} edges)"
    assert "<table" in found._repr_html_()
    with pytest.raises(EbmError, match="names: expected 9"):
        found.table(names[:3])
    pandas = pytest.importorskip("pandas")
    assert isinstance(found.to_frame(names), pandas.DataFrame)


def test_graphs_of_networkx(rows):
    networkx = pytest.importorskip("networkx")
    found = activation(rows)
    graph = found.graph()
    assert isinstance(graph, networkx.Graph)
    assert set(graph.edges) == set(found.edges)
    assert graph.number_of_nodes() == 9


@pytest.mark.parametrize(
    ("select", "how", "match"),
    [
        (decimation, {"fraction": 2}, "fraction"),
        (activation, {"patience": 0}, "patience"),
        (activation, {"gamma": -1}, "gamma"),
        (stability_selection, {"threshold": 0.5}, "above 0.5"),
        (stability_selection, {"rule": "nor"}, "rule"),
        (stability_selection, {"n_pairs": 0}, "n_pairs"),
        (cross_validated, {"folds": 1}, "folds"),
        (cross_validated, {"folds": 40}, "60 rows; expected 80"),
        (cross_validated, {"ratio": 1}, "ratio"),
        (bootstrap, {"fit": "pseudo"}, "pseudo_likelihood"),
        (bootstrap, {"fit": 3}, "fit"),
        (bootstrap, {"fit": lambda *given: 3}, "fit"),
        (bootstrap, {"n": 1}, "n: "),
    ],
)
def test_what_makes_no_sense_is_refused(select, how, match, rows):
    with pytest.raises(EbmError, match=match):
        select(rows[:60], **how)


@pytest.mark.parametrize("select", [decimation, activation])
def test_rows_that_never_change_have_no_edges(select):
    with pytest.warns(RuntimeWarning, match="never changes"), pytest.raises(EbmError, match="fewer than two"):
        select(np.ones((5, 3)))
