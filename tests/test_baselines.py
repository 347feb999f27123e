"""Baselines: exactly normalised, exactly the best of their kind, and known numbers on the digits."""

import itertools

import numpy as np
import pytest

from ebm.baselines import ChowLiu, Independent
from ebm.errors import EbmError


def patterns(d):
    return np.array(list(itertools.product((0, 1), repeat=d)))


def correlated(n, d, seed):
    """Return bits that are correlated by a common, random linear map."""
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((n, d)) @ rng.standard_normal((d, d)) > 0.3).astype(int)


def spanning_trees(d):
    """Return every spanning tree of the complete graph, as a list of edges."""
    for edges in itertools.combinations(itertools.combinations(range(d), 2), d - 1):
        root = list(range(d))
        for i, j in edges:
            root = [root[i] if r == root[j] else r for r in root]
        if len(set(root)) == 1:
            yield edges


def tree_score(X, edges):
    """Return the greatest mean log-likelihood on a tree: the definition, from empirical frequencies."""

    def entropy(columns):
        p = np.unique(X[:, columns], axis=0, return_counts=True)[1] / len(X)
        return -(p * np.log(p)).sum()

    singles = sum(entropy([i]) for i in range(X.shape[1]))
    return -singles + sum(entropy([i]) + entropy([j]) - entropy([i, j]) for i, j in edges)


@pytest.mark.parametrize("baseline", [Independent, ChowLiu])
@pytest.mark.parametrize("pseudocount", [0, 0.5, 1, 30])
@pytest.mark.parametrize("d", [1, 2, 5, 8])
def test_sums_to_one(baseline, pseudocount, d):
    model = baseline.fit(correlated(60, d, seed=d), pseudocount)
    assert np.exp(model.log_likelihood(patterns(d))).sum() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_chow_liu_is_the_best_of_all_trees(seed):
    X = correlated(200, 5, seed)
    scores = [tree_score(X, edges) for edges in spanning_trees(5)]
    assert len(scores) == 125  # Cayley: 5^3
    assert ChowLiu.fit(X, pseudocount=0).log_likelihood(X).mean() == pytest.approx(max(scores), abs=1e-12)


def test_independent_is_maximum_likelihood():
    X = correlated(200, 4, seed=1)
    best = Independent.fit(X, pseudocount=0).log_likelihood(X).mean()
    assert best == pytest.approx(tree_score(X, []), abs=1e-12)
    assert ChowLiu.fit(X, pseudocount=0).log_likelihood(X).mean() > best + 1e-3


def test_the_smoothed_tree_keeps_the_smoothed_means():
    X = correlated(50, 6, seed=2)
    P = np.exp(ChowLiu.fit(X, pseudocount=2).log_likelihood(patterns(6)))
    np.testing.assert_allclose(P @ patterns(6), Independent.fit(X, pseudocount=2).mean, atol=1e-12)
    np.testing.assert_allclose(P @ patterns(6), (X.sum(0) + 2) / 54, atol=1e-12)


def test_smoothing_is_that_of_extra_rows():
    """2c rows spread over all patterns: with d = 5 and c = 16, every pattern once."""
    X = correlated(70, 5, seed=3)
    more = np.concatenate([X, patterns(5)])
    for baseline in (Independent, ChowLiu):
        a, b = baseline.fit(X, pseudocount=16), baseline.fit(more, pseudocount=0)
        np.testing.assert_allclose(a.log_likelihood(X), b.log_likelihood(X), atol=1e-12)


def test_recovers_the_tree_that_made_the_data():
    """Each child is its parent, flipped with probability 0.1: 0.37 nats on an edge, 0.22 at distance two."""
    rng = np.random.default_rng(0)
    parents = [-1, 0, 0, 1, 1, 2, 5, 5, 3, 8]
    X = np.zeros((5000, 10), int)
    X[:, 0] = rng.integers(0, 2, 5000)
    for i in range(1, 10):
        X[:, i] = X[:, parents[i]] ^ (rng.random(5000) < 0.1)
    shuffle = rng.permutation(10)  # so that the root is not column 0
    found = ChowLiu.fit(X[:, shuffle])
    edges = {frozenset((shuffle[i], shuffle[p])) for i, p in enumerate(found.parents) if p >= 0}
    assert edges == {frozenset((i, p)) for i, p in enumerate(parents) if p >= 0}
    truth = np.log(0.5) + 9 * (0.9 * np.log(0.9) + 0.1 * np.log(0.1))
    sigma = np.sqrt(9 * 0.09 * np.log(9) ** 2 / 5000)
    assert abs(found.log_likelihood(X[:, shuffle]).mean() - truth) < 4 * sigma


def test_independent_columns_still_give_a_tree():
    """Equal, zero information everywhere: csgraph must not take it for missing edges."""
    X = patterns(4)
    tree = ChowLiu.fit(X)
    assert (tree.parents >= 0).sum() == 3
    np.testing.assert_allclose(tree.log_likelihood(X), -4 * np.log(2), atol=1e-12)


def test_a_copied_column_hangs_on_its_original():
    """A copy has the most information there can be, so the least weight in the search; it must not vanish."""
    X = patterns(3)[:, [0, 1, 2, 1]]
    tree = ChowLiu.fit(X, pseudocount=0)
    np.testing.assert_allclose(tree.log_likelihood(X), -3 * np.log(2), atol=1e-12)


def test_unseen_values_are_impossible_only_without_smoothing():
    X = [[0, 0, 1], [0, 1, 1], [0, 0, 1]]
    for baseline in (Independent, ChowLiu):
        new = baseline.fit(X, pseudocount=0).log_likelihood([[1, 0, 1], [0, 0, 1]])
        assert new[0] == -np.inf
        assert new[1] == pytest.approx(np.log(2 / 3))
        assert np.isfinite(baseline.fit(X).log_likelihood(patterns(3))).all()


def test_digits():
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    X, y = load_digits(return_X_y=True)
    train, test = train_test_split(X >= 8, test_size=0.2, stratify=y, random_state=0)
    tree = ChowLiu.fit(train).log_likelihood(test)
    assert abs(tree.mean() + 20.5) < 0.3
    gain = tree - Independent.fit(train).log_likelihood(test)
    assert gain.mean() > 4 * gain.std() / np.sqrt(len(gain))


@pytest.mark.parametrize("baseline", [Independent, ChowLiu])
def test_refusals_are_one_line(baseline):
    model = baseline.fit(patterns(3))
    cases = [
        (lambda: baseline.fit([[0, 1], [1, 0.5]]), "row 1, column 1"),
        (lambda: baseline.fit([[0, 1], [np.nan, 1]]), "row 1, column 0"),
        (lambda: baseline.fit([[-1, 1]]), "row 0, column 0 (from 0) holds -1"),
        (lambda: baseline.fit([0, 1]), "(2,)"),
        (lambda: baseline.fit(np.zeros((0, 3))), "at least one row"),
        (lambda: baseline.fit([[0, 1]], pseudocount=-1), "pseudocount"),
        (lambda: baseline.fit([[0, 1]], pseudocount=np.nan), "pseudocount"),
        (lambda: model.log_likelihood([[0, 1]]), "(rows, 3)"),
        (lambda: model.log_likelihood([[0, 1, 2]]), "column 2 (from 0) holds 2"),
    ]
    for call, part in cases:
        with pytest.raises(EbmError) as caught:
            call()
        line = str(caught.value)
        assert line.startswith(baseline.__name__)
        assert part in line, line
        assert "\n" not in line
