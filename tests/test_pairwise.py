"""IsingNetwork and PottsModel: networks of columns, with scikit-learn's conventions."""

import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import ebm
from ebm import EbmError
from ebm.estimators import IsingNetwork, PottsModel
from ebm.estimators.categories import learnt
from ebm.inverse import infer, ising_network


@pytest.fixture(scope="module")
def answers():
    """Two pairs of coupled columns, and one by itself; in words and numbers."""
    J = np.zeros((5, 5))
    J[0, 1] = J[1, 0] = 2.5
    J[2, 3] = J[3, 2] = -3.0
    made = ebm.BoltzmannMachine(ebm.Bernoulli(), J, [-1.0, -1.0, 1.0, 1.0, 0.3])
    return ebm.sample(made, 1500, seed=0).x.astype(int)


def test_numbers_are_cut_at_their_quantiles():
    rng = np.random.default_rng(0)
    a = rng.normal(size=600)
    X = np.stack([a, a + 0.3 * rng.normal(size=600), rng.integers(0, 3, 600), rng.exponential(size=600)], 1)
    model = PottsModel(bins=4).fit(X)
    assert [len(values) for values in model.categories_] == [4, 4, 3, 4]
    for j in (0, 1, 3):
        which = np.searchsorted(model.ends_[j], X[:, j])
        assert np.bincount(which).tolist() == [150] * 4
        for k, value in enumerate(model.categories_[j]):
            low, high = np.sort(X[which == k, j])[[74, 75]]
            assert low == value < high
    assert not len(model.ends_[2])
    assert model.strengths_[0, 1] > 5 * np.delete(model.strengths_[np.triu_indices(4, 1)], 0).max()
    new = np.array([[-9.0, np.nan, 1, 0.123], [9.0, np.nan, np.nan, 77.0]])  # beyond what was seen
    full = model.predict(new)
    np.testing.assert_array_equal(full[~np.isnan(new)], new[~np.isnan(new)])
    assert full[:, 1].tolist() == model.categories_[1][[0, 3]].tolist()
    split = IsingNetwork(median_split=True).fit(X[:, [0, 1, 3]])
    assert [len(values) for values in split.categories_] == [2, 2, 2]
    assert np.triu(split.couplings_ != 0).sum() == 1
    with pytest.raises(EbmError, match="column 1: expected numbers"):
        model.predict(np.array([[0.1, "b", 1, 0.2]], object))


def test_most_of_a_column_being_one_number_leaves_two_categories():
    column = np.array([0.0] + [1.0] + [5.0] * 8)
    values, ends = learnt(column, np.ones(10), 2)
    assert (values.tolist(), ends.tolist()) == ([0.0, 5.0], [1.0])
    w = np.array([1, 2, 3, 1, 1, 2, 1, 1, 4, 2])
    x = np.arange(10.0)
    repeated = learnt(np.repeat(x, w), np.ones(18), 3)
    for one, other in zip(learnt(x, w.astype(float), 3), repeated, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("model", [IsingNetwork(), PottsModel()], ids=str)
def test_rows_with_missing_cells_are_left_out_and_it_says_so(answers, model):
    rows = answers[:400].astype(float)
    rows[:30, 2] = np.nan
    with pytest.warns(RuntimeWarning, match="30 of 400 rows have missing cells and are left out"):
        found = clone(model).fit(rows)
    np.testing.assert_array_equal(found.couplings_, clone(model).fit(rows[30:]).couplings_)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of no weight: nothing to say
        again = clone(model).fit(rows, sample_weight=np.repeat([0, 1], [30, 370]))
    np.testing.assert_array_equal(found.couplings_, again.couplings_)


def test_a_network_is_that_of_inverse(answers):
    words = np.where(answers == 1, "yes", "no")
    model = IsingNetwork().fit(words)
    found = ising_network(answers, ebm.Bernoulli())
    np.testing.assert_allclose(model.couplings_, found.machine.J, atol=1e-12)
    np.testing.assert_allclose(model.fields_, found.machine.b, atol=1e-12)
    assert {(i, j) for i, j in zip(*np.nonzero(np.triu(model.couplings_)), strict=True)} == {(0, 1), (2, 3)}
    assert model.stderr_ is None
    assert [list(c) for c in model.categories_] == [["no", "yes"]] * 5
    again = IsingNetwork(refit=True).fit(words)
    refitted = infer(answers, ebm.Bernoulli(), mask=found.machine.J != 0)
    np.testing.assert_allclose(again.couplings_, refitted.J, atol=1e-10)
    assert np.isfinite(again.stderr_).sum() == 4
    assert abs(again.couplings_[0, 1] - 2.5) < 4 * again.stderr_[0, 1]


@pytest.mark.parametrize("selection", ["activation", "decimation", "cross_validation", "stability"])
def test_edges_are_chosen_in_other_ways(answers, selection):
    model = IsingNetwork(selection=selection, n_penalties=20, refit=True, random_state=0).fit(answers[:600])
    found = set(zip(*(place.tolist() for place in np.nonzero(np.triu(model.couplings_))), strict=True))
    assert found >= {(0, 1), (2, 3)}
    assert selection == "cross_validation" or len(found) <= 3
    assert np.isfinite(model.stderr_).sum() == 2 * len(found)


def test_weights_are_rows(answers):
    w = np.random.default_rng(0).integers(0, 3, len(answers))
    one = IsingNetwork().fit(answers, sample_weight=w)
    other = IsingNetwork().fit(np.repeat(answers, w, axis=0))
    np.testing.assert_allclose(one.couplings_, other.couplings_, atol=1e-9)


@pytest.mark.parametrize("model", [IsingNetwork(), PottsModel()], ids=str)
def test_missing_cells_get_their_likeliest_value(answers, model):
    model = clone(model).fit(answers)
    rows = answers[:200].astype(float)
    rows[:, 1] = np.nan
    rows[::3, 4] = np.nan
    full = model.predict(rows)
    assert full.dtype.kind == "i"
    kept = ~np.isnan(rows)
    np.testing.assert_array_equal(full[kept], rows[kept])
    x = np.array(np.meshgrid(*[[0, 1]] * 5, indexing="ij")).reshape(5, -1).T
    p = np.exp(-model.machine_.energy(x))
    for row, done in zip(rows[:30], full[:30], strict=True):
        there = ~np.isnan(row)
        fits = (x[:, there] == row[there]).all(1)
        for j in np.flatnonzero(~there):
            assert done[j] == (p[fits & (x[:, j] == 1)].sum() > p[fits & (x[:, j] == 0)].sum())
    assert (full[:, 1] == full[:, 0]).mean() > 0.8
    assert model.predict(np.full((1, 5), np.nan)).shape == (1, 5)


def test_categories_of_any_kind(answers):
    rng = np.random.default_rng(1)
    colour = rng.choice(["red", "green", "blue"], 900)
    shape = np.where(rng.random(900) < 0.8, np.char.add(colour, "-ish"), "none")
    X = np.stack([colour, shape, rng.integers(0, 2, 900).astype(object)], axis=1).astype(object)
    model = PottsModel(l2=0.001).fit(X)
    assert [len(c) for c in model.categories_] == [3, 4, 2]
    assert model.couplings_.shape == (9, 9)
    assert model.strengths_[0, 1] > 10 * max(model.strengths_[0, 2], model.strengths_[1, 2])
    drawn = model.sample(50, random_state=0)
    assert drawn.shape == (50, 3)
    assert set(drawn[:, 0]) <= {"red", "green", "blue"}
    assert model.predict(np.array([["red", None, 1]], object))[0, 1] == "red-ish"
    assert model.score(X) > PottsModel(group=5.0).fit(X).score(X)


def test_scikit_learns_conventions(answers):
    with pytest.raises(NotFittedError):
        PottsModel().predict(answers)
    best = GridSearchCV(PottsModel(), {"l2": [0.001, 1.0]}, cv=3).fit(answers)
    assert best.best_params_ == {"l2": 0.001}
    assert make_pipeline(IsingNetwork()).fit(answers).score(answers) < 0
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(answers, columns=list("abcde"))
    model = IsingNetwork().fit(frame)
    assert list(model.feature_names_in_) == list("abcde")
    assert model.n_features_in_ == 5


def test_files_hold_them(answers, tmp_path):
    cut = PottsModel(bins=2).fit(answers + np.linspace(0, 0.5, len(answers))[:, None])
    ebm.save(tmp_path / "cut.npz", cut)
    again = ebm.load(tmp_path / "cut.npz")
    np.testing.assert_array_equal(again.sample(20, random_state=1), cut.sample(20, random_state=1))
    np.testing.assert_array_equal(np.stack(again.ends_), np.stack(cut.ends_))
    model = PottsModel().fit(np.where(answers == 1, "yes", "no"))
    ebm.save(tmp_path / "m.npz", model)
    back = ebm.load(tmp_path / "m.npz")
    np.testing.assert_array_equal(back.couplings_, model.couplings_)
    assert back.predict(np.array([["yes", None, "no", "no", "no"]], object)).tolist() == (
        model.predict(np.array([["yes", None, "no", "no", "no"]], object)).tolist()
    )


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (
            lambda x: IsingNetwork().fit(np.where(x == 1, x + (x.cumsum(0) % 2), x)),
            "column 0 has 3 different values; expected 2, or median_split=True",
        ),
        (lambda x: PottsModel().fit(np.zeros_like(x)), "column 0 has 1 different"),
        (lambda x: PottsModel().fit(np.where(x == 1, np.nan, x)[:2]), "0 rows that are whole"),
        (lambda x: PottsModel().fit(x).predict(x * 0 + 3), "unknown value 3 at row 0, column 0"),
        (lambda x: PottsModel().fit(x).score(np.where(x == 1, np.nan, 0.0)), "whole rows"),
        (lambda x: IsingNetwork(rule="xor").fit(x), "rule"),
        (lambda x: IsingNetwork(selection="bic").fit(x), "selection: expected ebic or"),
        (lambda x: IsingNetwork(gamma=-1).fit(x), "gamma"),
        (lambda x: PottsModel(l2=-1).fit(x), "l2"),
        (lambda x: PottsModel(method="tap").fit(x), "tap"),
        (lambda x: PottsModel(bins=1).fit(x), "bins"),
        (lambda x: IsingNetwork(median_split=2).fit(x), "median_split"),
        (lambda x: PottsModel(method=3).fit(x), "method"),
    ],
)
def test_what_makes_no_sense_is_one_line(answers, call, match):
    with pytest.raises(EbmError, match=match) as caught:
        call(answers[:60])
    assert "\n" not in str(caught.value)
