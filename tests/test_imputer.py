"""BoltzmannImputer: scikit-learn's suite, and what IterativeImputer's users expect."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

import ebm
from ebm.estimators import BoltzmannImputer

QUICK = BoltzmannImputer(8, n_iter=60, n_sweeps=30, random_state=0)


@pytest.mark.some(4)
@parametrize_with_checks([BoltzmannImputer(8, n_iter=20, n_sweeps=10)])
def test_scikit_learn_accepts_it(estimator, check):
    before = np.random.get_state()  # noqa: NPY002
    try:
        check(estimator)
    finally:
        np.random.set_state(before)  # noqa: NPY002


def table(n=200, seed=0):
    """Two bits that agree nine times in ten, a real column that follows them, and gaps."""
    rng = np.random.default_rng(seed)
    a = rng.integers(0, 2, n)
    b = np.where(rng.random(n) < 0.9, a, 1 - a)
    x = np.column_stack([a, 50 + 10 * (a + b) + rng.normal(0, 1, n), b]).astype(float)
    gaps = rng.random(x.shape) < 0.25
    return x, np.where(gaps, np.nan, x), gaps


def test_what_is_known_tells_what_is_missing():
    whole, rows, gaps = table()
    found = clone(QUICK).set_params(n_iter=None).fit(rows)
    filled = found.transform(rows)
    assert np.array_equal(filled[~gaps], whole[~gaps])
    assert np.isin(filled[:, [0, 2]], (0, 1)).all()
    one = gaps.sum(1) == 1
    assert (filled == whole)[:, [0, 2]][(gaps & one[:, None])[:, [0, 2]]].mean() > 0.85
    real = gaps[:, 1] & one
    simple = SimpleImputer().fit_transform(rows)
    off, before = (np.square(f[real, 1] - whole[real, 1]).mean() for f in (filled, simple))
    assert off < 0.2 * before


def test_draws_spread_as_the_gaps_do():
    whole, rows, gaps = table(300)
    found = clone(QUICK).set_params(n_iter=300).fit(rows)
    drawn = found.imputations(rows, 20)
    assert drawn.shape == (20, *rows.shape)
    assert np.array_equal(drawn[:, ~gaps], np.broadcast_to(whole[~gaps], (20, (~gaps).sum())))
    only = gaps[:, 1] & ~gaps[:, 0] & ~gaps[:, 2]
    assert 0.5 < drawn[:, only, 1].std(0).mean() < 6
    again = clone(QUICK).set_params(sample_posterior=True, n_iter=20).fit_transform(rows)
    assert np.isin(again[:, 0], (0, 1)).all()


def test_indicators_names_and_empty_columns():
    _, rows, _ = table(80)
    rows = np.column_stack([rows, np.full(80, np.nan)])
    fitted = clone(QUICK).set_params(add_indicator=True, n_iter=5).fit(rows)
    out = fitted.transform(rows)
    assert out.shape == (80, 3 + 4)
    assert list(fitted.get_feature_names_out()) == [
        "x0", "x1", "x2", *(f"missingindicator_x{i}" for i in range(4))
    ]  # fmt: skip
    assert np.array_equal(out[:, 3:], np.isnan(rows))
    kept = clone(QUICK).set_params(keep_empty_features=True, n_iter=5).fit_transform(rows)
    assert kept.shape == rows.shape
    assert not kept[:, 3].any()
    with pytest.raises(ebm.EbmError, match="X: no column has a value"):
        clone(QUICK).fit(np.full((3, 2), np.nan))
    with pytest.raises(ebm.EbmError, match="infinit"):
        clone(QUICK).fit([[0.0, np.inf], [1.0, 2.0]])


def test_in_pipelines_and_searches_and_files(tmp_path):
    x, y = load_iris(return_X_y=True)
    x = np.where(np.random.default_rng(0).random(x.shape) < 0.2, np.nan, x)
    pipe = make_pipeline(clone(QUICK).set_params(n_iter=100), LogisticRegression(max_iter=1000))
    search = GridSearchCV(pipe, {"boltzmannimputer__n_components": [4, 8]}, cv=2).fit(x, y)
    assert search.score(x, y) > 0.8
    fitted = search.best_estimator_[0]
    ebm.save(tmp_path / "imputer.npz", fitted)
    again = ebm.load(tmp_path / "imputer.npz")
    assert np.array_equal(again.transform(x), fitted.transform(x))


def test_units_of_ones_own():
    rng = np.random.default_rng(0)
    x = np.repeat(rng.integers(0, 3, (200, 1)), 3, axis=1).astype(float)
    rows = np.where(rng.random(x.shape) < 0.2, np.nan, x)
    filled = clone(QUICK).set_params(visible=ebm.Potts(3), n_iter=300).fit_transform(rows)
    known = ~np.isnan(rows).all(1)
    assert (filled == x)[known].mean() > 0.97
