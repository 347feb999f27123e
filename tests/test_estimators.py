"""scikit-learn's own suite, and what it does not ask: files, weights, scores in nats, labels of any kind."""

import itertools
import json

import numpy as np
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.datasets import load_digits, make_friedman1
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import BernoulliRBM
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

import ebm
from ebm.checkpoint import read_arrays, write_arrays
from ebm.estimators import (
    BoltzmannMachineDensity,
    DBNClassifier,
    DBNRegressor,
    IsingNetwork,
    PottsModel,
    RBMClassifier,
    RBMTransformer,
    SoftmaxClassifier,
)

ESTIMATORS = [
    RBMTransformer(n_components=10),
    BoltzmannMachineDensity(n_components=4, n_iter=5),
    SoftmaxClassifier(),
    RBMClassifier(20, n_iter=60),
    DBNClassifier((20,), max_iter=60),
    DBNRegressor((20,), max_iter=60),
]


OF_CATEGORIES = [IsingNetwork(median_split=True, n_penalties=20), PottsModel(bins=3)]


@pytest.mark.filterwarnings("ignore:data. units.*the same as an earlier unit:RuntimeWarning")
@pytest.mark.some(2)
@parametrize_with_checks([*ESTIMATORS, *OF_CATEGORIES])
def test_scikit_learn_accepts_it(estimator, check):
    """All of its checks, without an expected failure; they draw from numpy's global generator themselves."""
    before = np.random.get_state()  # noqa: NPY002
    try:
        check(estimator)
    finally:
        np.random.set_state(before)  # noqa: NPY002


def digits(n=400):
    x, y = load_digits(return_X_y=True)
    return x[:n] / 16, np.array(["zero", "one", "two", "three", "four", "5", "6", "7", "8", "9"])[y[:n]]


CLASSIFIERS = [
    SoftmaxClassifier(),
    RBMClassifier(40, n_iter=30, batch_size=20, random_state=0),
    RBMClassifier(40, mode="hybrid", n_iter=30, batch_size=20, dropout=0.1, random_state=0),
    RBMClassifier(80, mode="generative", learning_rate=0.05, n_iter=60, batch_size=20, random_state=0),
    DBNClassifier((40, 30), n_iter_pretraining=5, max_iter=30, random_state=0),
    DBNClassifier((40,), n_iter_pretraining=0, max_iter=40, early_stopping=True, random_state=0),
]
each_classifier = pytest.mark.parametrize("model", CLASSIFIERS, ids=repr)


@pytest.mark.some(5)
@pytest.mark.filterwarnings("ignore:.* hidden units are dead:RuntimeWarning")  # at that rate, some are
@each_classifier
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_probabilities(model, dtype):
    """Rows sum to 1 to rounding; labels are those given; predictions are the likeliest."""
    x, y = digits()
    fitted = clone(model).fit(x.astype(dtype), y)
    p = fitted.predict_proba(x.astype(dtype))
    assert p.dtype == dtype
    assert np.abs(p.sum(1) - 1).max() < (1e-12 if dtype == np.float64 else 1e-6)
    assert np.array_equal(fitted.classes_[p.argmax(1)], fitted.predict(x.astype(dtype)))
    assert fitted.score(x.astype(dtype), y) > 0.85
    assert fitted.score(x.astype(dtype), y) == (fitted.predict(x.astype(dtype)) == y).mean()


def test_softmax_is_logistic_regression():
    x, y = digits(200)
    x = (x - x.mean(0)) / np.where(x.std(0) > 0, x.std(0), 1)
    ours = SoftmaxClassifier(alpha=1e-2, tol=1e-9, max_iter=5000).fit(x, y)
    theirs = LogisticRegression(C=1 / (1e-2 * len(x)), tol=1e-10, max_iter=5000).fit(x, y)
    np.testing.assert_allclose(ours.predict_proba(x), theirs.predict_proba(x), atol=1e-4)


@each_classifier
def test_files(model, tmp_path):
    x, y = digits(100)
    fitted = clone(model).fit(x, y)
    ebm.save(tmp_path / "m.npz", fitted)
    again = ebm.load(tmp_path / "m.npz")
    assert type(again) is type(fitted)
    assert repr(again) == repr(fitted)
    assert np.array_equal(again.predict_proba(x), fitted.predict_proba(x))
    assert np.array_equal(again.predict(x), fitted.predict(x))


@pytest.mark.parametrize("model", ESTIMATORS, ids=repr)
def test_a_file_that_lacks_what_was_learnt_is_refused(model, tmp_path):
    x, y = digits(60)
    x = (x > 0.5).astype(float) if isinstance(model, BoltzmannMachineDensity) else x
    path = tmp_path / "m.npz"
    ebm.save(path, model)  # nothing learnt: nothing lacks
    assert repr(ebm.load(path)) == repr(model)
    ebm.save(path, clone(model).fit(x, x[:, :2] if isinstance(model, DBNRegressor) else y))
    arrays = read_arrays(path)
    header = json.loads(arrays.pop("header").tobytes())
    own = header["estimator"]
    assert set(model._learnt) <= own["fitted"].keys() | arrays.keys() | own["parts"].keys()
    for key in model._learnt:
        kept = {name: array for name, array in arrays.items() if name.partition("/")[0] != key}
        less = {part: {k: v for k, v in own[part].items() if k != key} for part in ("fitted", "parts")}
        write_file(path, header | {"estimator": own | less, "arrays": sorted(kept)}, kept)
        with pytest.raises(ebm.EbmError, match=rf"m\.npz: incomplete: no '{key}'"):
            ebm.load(path)
    if "shift_" in arrays:  # of so many columns as no row has
        arrays["shift_"] = np.zeros(3)
    else:
        own["fitted"]["shift_"] = "text"
    write_file(path, header, arrays)
    with pytest.raises(ebm.EbmError, match=r"m\.npz: incomplete or changed"):
        ebm.load(path)


def write_file(path, header, arrays):
    """A file of other contents than were saved."""
    write_arrays(path, {"header": np.frombuffer(json.dumps(header).encode(), np.uint8), **arrays})


@pytest.mark.parametrize("model", ESTIMATORS, ids=repr)
def test_files_of_all(model, tmp_path):
    x, y = digits(60)
    x = (x > 0.5).astype(float) if isinstance(model, BoltzmannMachineDensity) else x
    y = x[:, :2] if isinstance(model, DBNRegressor) else y
    fitted = clone(model).fit(x, y)
    ebm.save(tmp_path / "m.npz", fitted)
    again = ebm.load(tmp_path / "m.npz")
    for name in ("transform", "predict", "score_samples"):
        if hasattr(fitted, name):
            assert np.array_equal(getattr(again, name)(x), getattr(fitted, name)(x))


def step(model, x, y):
    """One partial_fit of any estimator that has it."""
    if isinstance(model, RBMTransformer):
        return model.partial_fit(x)
    return model.partial_fit(x, y, classes=np.unique(y))


STEPWISE = [m for m in ESTIMATORS if hasattr(m, "partial_fit")]


@pytest.mark.parametrize("model", STEPWISE, ids=repr)
def test_learning_goes_on_after_loading(model, tmp_path):
    x, y = digits(60)
    fitted = step(step(clone(model).set_params(random_state=0), x, y), x, y)
    ebm.save(tmp_path / "m.npz", fitted)
    again = ebm.load(tmp_path / "m.npz")
    for each in (fitted, again):
        step(each, x, y)
    name = "transform" if isinstance(model, RBMTransformer) else "predict_proba"
    assert np.array_equal(getattr(again, name)(x), getattr(fitted, name)(x))


@pytest.mark.parametrize("model", STEPWISE, ids=repr)
def test_the_first_format_is_read_without_its_state_of_learning(model, tmp_path):
    x, y = digits(60)
    fitted, path = step(clone(model).set_params(random_state=0), x, y), tmp_path / "m.npz"
    ebm.save(path, fitted)
    arrays = read_arrays(path)
    header = json.loads(arrays["header"].tobytes())
    header["format"] = 1  # it had the same machines, and states of another layout
    header["arrays"] = [name for name in header["arrays"] if "/chains/" not in name]
    write_arrays(path, arrays | {"header": np.frombuffer(json.dumps(header).encode(), np.uint8)})
    with pytest.warns(UserWarning, match="saved by an earlier version"):
        again = ebm.load(path)
    name = "transform" if isinstance(model, RBMTransformer) else "predict_proba"
    before = getattr(again, name)(x)
    assert np.array_equal(before, getattr(fitted, name)(x))
    assert not np.array_equal(getattr(step(again, x, y), name)(x), before)


def test_in_pipelines_and_searches():
    x, y = digits(300)
    pipe = make_pipeline(RBMTransformer(30, n_iter=5, random_state=0), SoftmaxClassifier())
    search = GridSearchCV(pipe, {"rbmtransformer__n_components": [5, 40]}, cv=2).fit(x, y)
    assert search.best_params_ == {"rbmtransformer__n_components": 40}
    assert search.best_score_ > 0.6
    names = pipe[:-1].fit(x, y).get_feature_names_out()
    assert names[0] == "rbmtransformer0"
    assert len(names) == 30


@pytest.mark.parametrize("model", ESTIMATORS, ids=repr)
def test_sparse_rows_are_the_same_rows(model):
    x, y = digits(80)
    x = (x > 0.5).astype(float)
    y = x[:, 0] + x[:, 5] if isinstance(model, DBNRegressor) else y
    model = clone(model).set_params(random_state=3)
    dense = clone(model).fit(x, y)
    # the transformer reads sparse rows a batch at a time, and so learns by other draws
    sparse = dense if isinstance(model, RBMTransformer) else clone(model).fit(scipy.sparse.csr_array(x), y)
    for name in ("transform", "predict", "predict_proba", "score_samples"):
        if hasattr(dense, name):
            expected = getattr(dense, name)(x)
            np.testing.assert_array_equal(getattr(sparse, name)(scipy.sparse.csr_array(x)), expected)


@pytest.mark.parametrize("model", ESTIMATORS, ids=repr)
def test_whole_weights_are_repeated_rows(model):
    x, y = digits(60)
    x = (x > 0.5).astype(float)
    y = x[:, 0] + x[:, 5] if isinstance(model, DBNRegressor) else y
    w = np.random.default_rng(0).integers(0, 4, len(x))
    model = clone(model).set_params(random_state=3)
    weighted = clone(model).fit(x, y, sample_weight=w)
    repeated = clone(model).fit(np.repeat(x, w, axis=0), np.repeat(y, w))
    for name in ("transform", "predict", "predict_proba", "score_samples"):
        if hasattr(weighted, name):
            np.testing.assert_array_equal(getattr(weighted, name)(x), getattr(repeated, name)(x))


# The transformer in the place of BernoulliRBM.


def test_it_takes_the_place_of_bernoulli_rbm():
    x, _ = digits(500)
    theirs = BernoulliRBM(20, learning_rate=0.1, n_iter=20, random_state=0).fit(x)
    ours = RBMTransformer(20, learning_rate=0.1, n_iter=20, random_state=0).fit(x)
    own, other = ours.get_params(), theirs.get_params()
    assert {k: own[k] for k in other if k != "verbose"} == {k: v for k, v in other.items() if k != "verbose"}
    for name in ("components_", "intercept_hidden_", "intercept_visible_", "h_samples_"):
        assert getattr(ours, name).shape == getattr(theirs, name).shape
    # the machine that scikit-learn learnt, scored by both
    ours.machine_.params["W"][:] = theirs.components_.T
    ours.machine_.params["b"][:], ours.machine_.params["c"][:] = (
        theirs.intercept_visible_,
        theirs.intercept_hidden_,
    )
    ours.machine_.project()
    np.testing.assert_allclose(ours.transform(x), theirs.transform(x), atol=1e-12)
    b = (x > 0.5).astype(float)
    mean = np.mean([theirs.score_samples(b).mean() for _ in range(40)])  # of other units each time
    exact = ebm.pseudo_likelihood(ours.machine_, b).mean()
    spread = theirs.score_samples(b).std()
    assert abs(mean - exact) < 4 * spread / np.sqrt(40 * len(b))
    assert abs(ours.score_samples(b).mean() - exact) < 4 * spread / np.sqrt(len(b))


def test_a_short_last_batch_does_no_harm():
    """501 rows in batches of 500: scikit-learn's weights one row against 500 chains."""
    x = np.repeat(np.eye(8)[:3], 167, axis=0)
    model = RBMTransformer(4, learning_rate=0.1, batch_size=500, n_iter=200, random_state=0).fit(x)
    assert ebm.log_likelihood(model.machine_, x).mean() > -4.5


@pytest.mark.parametrize("kind", ["rbm", "boltzmann"])
def test_densities_are_normalised_and_in_nats(kind):
    every = np.array(list(itertools.product([0.0, 1.0], repeat=5)))
    x = every[np.random.default_rng(0).integers(0, 8, 200)]
    model = BoltzmannMachineDensity(kind, n_components=3, n_iter=30, random_state=0).fit(x)
    assert abs(np.exp(model.score_samples(every)).sum() - 1) < 1e-10
    assert model.score(x) == model.score_samples(x).mean()
    assert model.score(x) > -5 * np.log(2)
    drawn = model.sample(2000)
    p = np.exp(model.score_samples(every))
    seen = (drawn[:, None] == every).all(2).mean(0)
    assert np.abs(seen - p).max() < 5 * np.sqrt(0.25 / 2000)


def test_a_density_of_features_in_any_units():
    """Standardised inside: the density of the features as given integrates to 1."""
    x = 50 + 10 * np.random.default_rng(0).normal(size=(300, 1))
    model = BoltzmannMachineDensity(n_components=2, n_iter=20, random_state=0).fit(x)
    grid = np.arange(-100, 200, 0.05)[:, None]
    assert abs(np.exp(model.score_samples(grid)).sum() * 0.05 - 1) < 1e-6
    assert abs(model.score(x) + 0.5 * np.log(2 * np.pi * np.e * 100)) < 0.1


# The classification RBM.


def test_rows_without_labels_help():
    """Two clusters, one labelled row in each: only unlabelled rows say where they end."""
    rng = np.random.default_rng(0)
    centres = rng.integers(2, size=(2, 30))
    which = rng.integers(2, size=400)
    x = np.where(rng.random((400, 30)) < 0.2, 1 - centres[which], centres[which]).astype(float)
    y = np.full(400, -1)
    y[[np.flatnonzero(which == 0)[0], np.flatnonzero(which == 1)[0]]] = 0, 1
    model = RBMClassifier(
        10,
        mode="hybrid",
        alpha=0.3,
        unlabelled=-1,
        n_iter=150,
        learning_rate=0.05,
        batch_size=20,
        random_state=0,
    ).fit(x, y)
    assert model.score(x, which) > 0.9
    drawn, labels = model.sample(300, label=1)
    assert set(labels) == {1}
    assert np.abs(drawn.mean(0) - np.where(centres[1], 0.8, 0.2)).mean() < 0.2


@pytest.mark.parametrize("model", [SoftmaxClassifier(learning_rate=0.05), RBMClassifier(30)], ids=repr)
def test_partial_fit(model):
    x, y = digits(400)
    model = clone(model).set_params(random_state=0)
    for start in range(0, 40 * 50, 50):
        rows = np.arange(start, start + 50) % 400
        model.partial_fit(x[rows], y[rows], classes=np.unique(y))
    assert model.score(x, y) > 0.75
    with pytest.raises(ebm.EbmError, match="unknown class"):
        model.partial_fit(x[:5], ["none"] * 5)


def test_it_says_how_far_it_is(capsys):
    x, y = digits(60)
    for model, n in (
        (RBMClassifier(5, n_iter=3), 3),
        (DBNClassifier((5,), n_iter_pretraining=2, max_iter=3), 5),
    ):
        model.set_params(verbose=1).fit(x, y)
        lines = capsys.readouterr().out.strip().splitlines()
        assert len(lines) == n
        assert all(line.startswith(f"[{type(model).__name__}]") for line in lines)


# Regression.


def test_regression_beats_the_line_and_knows_its_error():
    x, y = make_friedman1(3000, n_features=10, noise=1.0, random_state=0)
    model = DBNRegressor((64,), random_state=0).fit(x[:2500], y[:2500])
    mean, std = model.predict(x[2500:], return_std=True)
    line = Ridge().fit(x[:2500], y[:2500]).predict(x[2500:])
    assert np.square(mean - y[2500:]).mean() < 0.5 * np.square(line - y[2500:]).mean()
    inside = (np.abs(mean - y[2500:]) < 1.645 * std).mean()
    assert abs(inside - 0.9) < 4 * np.sqrt(0.09 / 500)
    assert np.allclose(std, std[0])


def test_few_rows_are_predicted_by_the_line():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(40, 3))
    y = x @ [1.0, -2.0, 0.5] + 0.1 * rng.normal(size=40)
    model = DBNRegressor(random_state=0).fit(x, y)
    assert model.network_ is None
    assert model.score(x, y) > 0.99
    assert 0.07 < model.noise_[0] < 0.16


def astray(x):
    """Sparse rows with an index outside, which scikit-learn and scipy would follow."""
    rows = scipy.sparse.csr_array(x)
    rows.indices[-1] = 10**6
    return rows


class Alien:
    """Others' container, which raises what they like."""

    def __array__(self, *_):
        raise RuntimeError("elsewhere")


ITSELF = [1]
ITSELF.append(ITSELF)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x, y: RBMClassifier(mode="best").fit(x, y), "mode: expected discriminative or hybrid"),
        (lambda x, y: RBMClassifier(0).fit(x, y), "n_components: expected an integer >= 1"),
        (lambda x, y: RBMClassifier(dropout=2.0).fit(x, y), "dropout: expected a number from 0 to 1"),
        (lambda x, y: DBNClassifier((3, 0)).fit(x, y), "hidden_layer_sizes"),
        (lambda x, y: DBNClassifier(visible="bits").fit(x, y), "visible: expected units"),
        (lambda x, y: SoftmaxClassifier(alpha=-1).fit(x, y), "alpha: expected a number"),
        (lambda x, y: BoltzmannMachineDensity("tree").fit(x), "machine: expected rbm or boltzmann"),
        (lambda x, y: BoltzmannMachineDensity("boltzmann").fit(x), "expected rbm"),
        (
            lambda x, y: DBNClassifier(early_stopping=True, validation_fraction=1.5).fit(x, y),
            "validation_fraction",
        ),
        (lambda x, y: DBNClassifier(ITSELF).fit(x, y), "hidden_layer_sizes: got a list"),
        (lambda x, y: DBNClassifier(np.array([2, 0])).fit(x, y), "hidden_layer_sizes: expected an integer"),
        (lambda x, y: RBMTransformer(penalties=np.ones(2)).fit(x), "penalties: got the number"),
        (lambda x, y: RBMTransformer(penalties=3).partial_fit(x), "penalties: got the number 3"),
        (lambda x, y: BoltzmannMachineDensity(penalties=[1]).fit(x > 0.5), "penalties: got the number 1"),
        (lambda x, y: SoftmaxClassifier().fit(Alien(), y), "rows that cannot be read: elsewhere"),
        (lambda x, y: RBMTransformer().fit(astray(x)), "X: indices: expected"),
        (lambda x, y: SoftmaxClassifier().fit(astray(x), y), "X: indices: expected"),
        (lambda x, y: RBMTransformer(verbose=np.ones(2)).fit(x), "verbose: expected True"),
        (lambda x, y: RBMClassifier(unlabelled=[[1, 2]]).fit(x, y), "unlabelled: expected a label"),
        (lambda x, y: RBMClassifier(unlabelled=-1).fit(x, np.full(len(x), -1)), "unlabelled; expected some"),
    ],
)
def test_what_makes_no_sense_is_one_line(call, message):
    x, y = digits(60)
    with pytest.raises(ValueError, match=message) as error:
        call(x, y)
    assert "\n" not in str(error.value)


@pytest.mark.some(3)
@pytest.mark.parametrize("part", [1.0, 0.5])
def test_pre_training_learns_what_rows_look_like(part):
    """The joint log-likelihood of rows and labels, exactly; rows without a label are part of it."""
    rng = np.random.default_rng(0)
    X = np.repeat(np.eye(6), 20, 0)
    y = np.repeat([0, 1, 2, 0, 1, 2], 20)
    known = np.where(rng.random(len(y)) < part, y, -1)
    rows = np.column_stack([X, y])

    def fitted(passes):
        model = RBMClassifier(
            8, mode="hybrid", unlabelled=-1, n_iter=0, n_iter_pretraining=passes, batch_size=20,
            learning_rate_pretraining=0.1, random_state=0,
        )  # fmt: skip
        return model.fit(X, known).machine_

    before, after = (ebm.log_likelihood(fitted(n), rows).mean() for n in (0, 100))
    assert before < -3
    assert after > -np.log(6) - 0.7
    marginal = -ebm.marginal_free_energy(fitted(100), X) - fitted(100).exact()[0]
    assert marginal.mean() > after - 1e-9


@pytest.mark.parametrize(
    "made", [SoftmaxClassifier(), DBNRegressor((2,), n_iter_pretraining=1, max_iter=2)], ids=repr
)
def test_scores_of_labels_that_do_not_fit_are_one_line(made):
    X = np.random.default_rng(0).normal(size=(12, 3))
    y = np.arange(12) % 2
    made.fit(X, y)
    assert np.isfinite(made.score(X, y, np.ones(12)))
    with pytest.raises(ebm.EbmError, match="inconsistent"):
        made.score(X, y[:6])


@pytest.mark.parametrize("kind", ["rbm", "boltzmann"])
def test_a_density_learns_from_rows_with_gaps(kind):
    """Bits that go together are still known to, and the score of a row is that of what it has."""
    rng = np.random.default_rng(0)
    cause = rng.random((400, 1)) < 0.5
    whole = (rng.random((400, 4)) < np.where(cause, 0.9, 0.1)).astype(float)
    X = np.where(rng.random(whole.shape) < 0.2, np.nan, whole)
    model = BoltzmannMachineDensity(kind, n_components=2, learning_rate=0.4, n_iter=50, random_state=0).fit(X)
    assert model.score(whole) > -4 * np.log(2) + 0.4  # -4 log 2 of independent bits
    some = model.score_samples([[1, np.nan, np.nan, np.nan], [0, np.nan, np.nan, np.nan]])
    assert np.isclose(np.exp(some).sum(), 1, atol=1e-5)
    assert (model.predict(X) < 0).mean() < 0.2
    with pytest.raises(ebm.EbmError, match="cell_scores are of rows without gaps"):
        model.cell_scores(X)


def test_a_density_of_real_features_with_gaps_is_in_their_units():
    rng = np.random.default_rng(0)
    X = rng.normal([3.0, -1.0], [10.0, 0.1], size=(300, 2))
    X[rng.random(X.shape) < 0.3] = np.nan
    X = X[~np.isnan(X).all(1)]
    model = BoltzmannMachineDensity(n_components=1, n_iter=10, random_state=0).fit(X)
    grid = np.linspace(-60, 66, 2001)
    p = np.exp(model.score_samples(np.column_stack([grid, np.full(len(grid), np.nan)])))
    assert np.isclose(p.sum() * (grid[1] - grid[0]), 1, atol=0.01)


@pytest.mark.parametrize(
    "model", [RBMTransformer(2), RBMClassifier(2), DBNClassifier((2,)), SoftmaxClassifier()], ids=repr
)
def test_the_others_say_what_to_do_with_gaps(model):
    X = np.array([[0, 1.0], [np.nan, 0.0], [1.0, 1.0]])
    assert not model.__sklearn_tags__().input_tags.allow_nan
    with pytest.raises(ebm.EbmError, match="BoltzmannImputer"):
        model.fit(X, [0, 1, 0])
