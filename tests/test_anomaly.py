"""What is out of the ordinary: rows by their density, cells given the rest of their row."""

import laws
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

import ebm
from ebm import Binomial, EbmError, Gaussian
from ebm.estimators import BoltzmannMachineDensity
from ebm.estimators.density import _quantile


def rows(n=400, seed=0):
    """Columns that go together."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 1)) @ np.ones((1, 4)) + 0.3 * rng.normal(size=(n, 4))


def density(**settings):
    settings = {"n_components": 3, "n_iter": 60, "random_state": 0} | settings
    return BoltzmannMachineDensity(**settings)


@pytest.mark.parametrize("share", [0.0, 0.05, 0.123, 0.5])
def test_a_share_of_the_training_rows_is_called_odd(share):
    X = rows()
    model = density(contamination=share, n_iter=5).fit(X)
    found = model.predict(X)
    assert (found == -1).sum() == int(share * len(X) + 1e-9)
    assert np.array_equal(found == -1, model.decision_function(X) < 0)
    np.testing.assert_allclose(model.decision_function(X), model.score_samples(X) - model.offset_)
    assert np.array_equal(density(contamination=share, n_iter=5).fit_predict(X), found)


def test_offsets_count_weights_as_repeated_rows():
    rng = np.random.default_rng(1)
    values, w = rng.normal(size=30), rng.integers(0, 4, 30)
    for share in (0.0, 0.1, 10 / w.sum(), 0.5):
        assert _quantile(values, w, share) == _quantile(np.repeat(values, w), None, share)


@pytest.mark.parametrize("wrong", [-0.1, 0.6, np.nan, "auto"])
def test_a_contamination_that_is_none_is_refused_in_one_line(wrong):
    with pytest.raises(EbmError, match=r"contamination: expected a number from 0 to 0\.5"):
        density(contamination=wrong).fit(rows(20))


@pytest.mark.parametrize(("hidden", "least"), [(None, 0.9), (Gaussian(), 0.97)], ids=str)
def test_rows_and_cells_that_break_what_columns_share_are_found(hidden, least):
    """No column is odd by itself, what they share says so; and in odd rows the cell that was changed."""
    X, odd = rows(), rows(200, 1)
    cell = np.random.default_rng(2).integers(0, 4, 200)
    odd[np.arange(200), cell] *= -1
    odd, cell = (a[np.abs(odd[:, 0]) > 1] for a in (odd, cell))
    model = density(hidden=hidden, n_components=2, n_iter=200).fit(1000 * X + 5)
    test = np.concatenate([rows(200, 3), odd])
    truth = np.repeat([1, 0], [200, len(odd)])
    assert roc_auc_score(truth, model.score_samples(1000 * test + 5)) > least
    scores = model.cell_scores(1000 * odd + 5)
    assert np.mean(scores.argmax(1) == cell) > least - 0.1
    grid = np.tile(1000 * odd[0] + 5, (4000, 1))
    grid[:, 2] = np.linspace(-15_000, 15_000, 4000)
    p = np.exp(-model.cell_scores(grid)[:, 2])  # a density in the features' units of measurement
    np.testing.assert_allclose(p.sum() * 30_000 / 3999, 1, rtol=1e-6)


def test_a_density_of_counts_is_a_detector():
    rng = np.random.default_rng(0)
    X = rng.binomial(16, 1 / (1 + np.exp(-rows()))).astype(float)
    model = density(visible=Binomial(16), n_iter=None).fit(X)
    odd = rng.permuted(X, axis=0)  # columns apart
    assert model.score_samples(X).mean() > model.score_samples(odd).mean() + 1
    assert model.cell_scores(X).shape == X.shape


NAMES = [
    "bernoulli",
    "mixed",
    "mixed-ordered-sparse",
    "binomial-poisson",
    "mixed-bernoulli",
    "gaussian-bernoulli",
]


@pytest.mark.parametrize("name", [*NAMES, "bernoulli-hidden", "precise-gaussian"])
def test_cell_scores_are_conditionals_of_every_cell(name):
    machine = laws.MACHINES[name]()
    x = ebm.sample(machine, 7, seed=0).x[:, : machine.n_visible]
    scores = ebm.cell_scores(machine, x)
    for i in range(machine.n_visible):
        expected = -ebm.conditional_log_likelihood(machine, x, unit=i)
        np.testing.assert_allclose(scores[:, i], expected, atol=1e-10)
    if machine.units.finite and machine.n_units == machine.n_visible:
        np.testing.assert_allclose(scores.sum(1), -ebm.pseudo_likelihood(machine, x), atol=1e-10)


def test_cells_are_states():
    with pytest.raises(EbmError, match=r"rows: 0\.5 at row 0, column 1"):
        ebm.cell_scores(laws.MACHINES["bernoulli"](), [[0, 0.5, 1, 1, 0, 1]])
