"""Figures of predictions show the numbers they are given."""

from __future__ import annotations

import numpy as np
import pytest
from fakes import lines_by_label

from ebm import plots
from ebm.errors import EbmError


def test_reliability_bins_by_probability():
    rng = np.random.default_rng(0)
    p = rng.dirichlet([0.5, 0.5, 0.5], 4000)
    labels = (p.cumsum(1) < rng.random((4000, 1))).sum(1)  # a classifier that means what it says
    ax = plots.reliability(p, labels)
    error = float(ax.get_title().split()[3])
    assert error < 3
    sure, right = p.max(1), p.argmax(1) == labels
    (points,) = ax.containers[-1:]
    x, y = points[0].get_data()
    for a, b, low in zip(x, y, np.arange(10) / 10, strict=False):
        inside = (sure >= (low + 0.3)) & (sure < low + 0.4)  # no row is surer than a third at least
        if inside.any():
            assert abs(a - sure[inside].mean()) < 1e-12
            assert abs(b - right[inside].mean()) < 1e-12
    wrong = plots.reliability(np.tile([0.9, 0.1], (10, 1)), np.arange(10) % 2)
    assert wrong.get_title().startswith("expected calibration error 40 %")
    bars = plots.reliability([[1.0, 0.0], [0.5, 0.5]], [0, 0]).containers[0]
    heights = [bar.get_height() for bar in bars]
    assert heights[9] == heights[5] == 0.5  # a probability of 1 is in the last bin


def test_misclassified_shows_the_surest_mistakes():
    x = np.arange(24).reshape(6, 4) / 24
    true, predicted = np.array([0, 1, 2, 3, 4, 5]), np.array([0, 1, 9, 8, 7, 5])
    ax = plots.misclassified(x, true, predicted, (2, 2), [1, 1, 0.5, 0.9, 0.7, 1], n=2)
    assert [text.get_text() for text in ax.texts] == ["3 → 8", "4 → 7"]
    assert ax.get_title() == "2 of 3 mistakes: true → predicted, the surest first"
    picture = ax.images[0].get_array().data
    scale = 12
    np.testing.assert_allclose(
        picture[1 : 1 + 2 * scale : scale, 1 : 1 + 2 * scale : scale].ravel(), x[3], atol=1e-12
    )
    for text, (low, high) in zip(ax.texts, [(0, 26), (26, 52)], strict=True):
        assert low < text.get_position()[0] < high
    none = plots.misclassified(x, true, true, (2, 2))
    assert none.get_title() == "0 of 0 mistakes: true → predicted"
    assert not none.images


def test_features_by_class_ranks_hidden_units():
    W = np.eye(4)
    U = np.array([[0.0, 3.0, 1.0, 5.0], [2.0, 3.0, 0.0, 5.0]])  # units 1 and 3 speak for no class more
    ax = plots.features_by_class(W, U, (2, 2), ["a", "b"], n=1)
    picture = ax.images[0].get_array()
    side = 24
    tops = [1, 2 + side]
    found = [np.asarray(picture[t : t + side : 12, 1 : 1 + side : 12]).ravel() for t in tops]
    np.testing.assert_array_equal(found, [W[:, 2], W[:, 0]])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]


def test_learning_curves_show_losses_and_errors():
    metrics = {
        "step": [10, 20, 30],
        "epoch": [1, 2, 3],
        "loss_train": [1.0, 0.5, 0.2],
        "loss_validation": [1.1, 0.7, np.nan],
        "error_train": [0.3, 0.2, 0.1],
        "error_heldout": [0.4, 0.3, 0.25],
    }
    left, right = plots.learning_curves(metrics)
    lines = lines_by_label(left)
    np.testing.assert_array_equal(lines["train (last 0.2)"], ([1, 2, 3], [1.0, 0.5, 0.2]))
    np.testing.assert_array_equal(lines["held-out (last 0.7)"], ([1, 2], [1.1, 0.7]))
    np.testing.assert_allclose(lines_by_label(right)["held-out (last 25)"], ([1, 2, 3], [40, 30, 25]))
    numbers = plots.learning_curves(metrics, numbers=True)[1]
    np.testing.assert_allclose(lines_by_label(numbers)["train (last 0.1)"], ([1, 2, 3], [0.3, 0.2, 0.1]))


def test_predictions_count_what_intervals_hold():
    y, mean = np.array([0.0, 1.0, 2.0, 3.0]), np.array([0.0, 1.0, 2.0, 5.0])
    ax = plots.predictions(y, mean, 1.0)
    assert ax.get_title() == "rms error 1, R² 0.2; 90 % intervals hold 75 %"
    x, drawn = ax.containers[0][0].get_data()
    np.testing.assert_array_equal([x, drawn], [mean, y])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.reliability([[0.5, 0.5]], [2]), "labels from 0 to 1"),
        (lambda: plots.reliability([[0.5, 0.2]], [1]), "sum to 1"),
        (lambda: plots.misclassified(np.eye(4), [0] * 4, [1] * 3, (2, 2)), "labels_predicted"),
        (lambda: plots.misclassified(np.eye(4), [0] * 4, [1] * 4, (3, 2)), "4 pixels"),
        (lambda: plots.features_by_class(np.eye(4), np.eye(3), (2, 2)), "4 hidden units and U 3"),
        (lambda: plots.learning_curves({"step": [1]}), "no loss_… or error_…"),
        (lambda: plots.predictions([1.0], [1.0, 2.0]), "two arrays"),
    ],
)
def test_what_does_not_fit_is_one_line(call, message):
    with pytest.raises(EbmError, match=message) as error:
        call()
    assert "\n" not in str(error.value)
