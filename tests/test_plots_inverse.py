"""Figures of inferred couplings show the numbers they are given."""

from __future__ import annotations

import numpy as np
import pytest

from ebm import plots
from ebm.errors import EbmError

TRUE = np.array([[0, 0.5, 0, -0.3], [0.5, 0, 0, 0], [0, 0, 0, 0.2], [-0.3, 0, 0.2, 0]])
FOUND = np.array([[0, 0.6, 0.1, 0], [0.6, 0, 0, -0.4], [0.1, 0, 0, 0.1], [0, -0.4, 0.1, 0]])


def points(ax):
    """Where circles and crosses stand, and how long their bars are."""
    at, half = [], []
    for drawn in ax.containers:
        at += np.transpose(drawn[0].get_data()).tolist()
        if drawn.has_yerr:
            half += [(b - a)[1] / 2 for a, b in drawn[2][0].get_segments()]
    return sorted(at), sorted(half)


def test_couplings_are_shown_once_a_pair():
    i, j = np.triu_indices(4, 1)
    ax = plots.couplings(TRUE, FOUND)
    assert points(ax) == (sorted(np.transpose([TRUE[i, j], FOUND[i, j]]).tolist()), [])
    assert ax.get_title() == "root mean square difference 0.216"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "without a coupling",
        "with a coupling",
    ]
    assert [len(drawn[0].get_xdata()) for drawn in ax.containers] == [3, 3]


def test_couplings_have_bars_and_say_how_many_hold():
    stderr = np.full((4, 4), 0.06)
    stderr[0, 2] = stderr[2, 0] = np.nan  # states of one unit
    ax = plots.couplings(TRUE, FOUND, stderr)
    at, half = points(ax)
    assert len(at) == 5
    np.testing.assert_allclose(half, 1.96 * 0.06)
    assert ax.get_title().endswith("; 60 % within 1.96 s.e.")  # 0.1, 0 and 0.1 away; 0.3 and 0.4 are not


@pytest.mark.parametrize("power", [1, 3])
def test_a_roc_counts_pairs_above_each_threshold(power):
    ax = plots.roc(TRUE, FOUND**power, "screening")
    wrong, right = ax.lines[0].get_data()
    # |0.6| is coupled; |−0.4| is not; one of each at 0.1; one of each at 0
    np.testing.assert_allclose(right, [0, 1 / 3, 1 / 3, 2 / 3, 1])
    np.testing.assert_allclose(wrong, [0, 0, 1 / 3, 2 / 3, 1])
    coupled, others = [0.6, 0.1, 0.0], [0.4, 0.1, 0.0]
    area = np.mean([(a > b) + 0.5 * (a == b) for a in coupled for b in others])
    assert ax.get_legend().get_texts()[0].get_text() == f"screening: area {area:.3g}"
    plots.roc(TRUE, TRUE, "truth", ax)
    assert ax.get_legend().get_texts()[1].get_text() == "truth: area 1"
    assert ax.lines[0].get_color() != ax.lines[1].get_color()


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda: plots.couplings(TRUE, FOUND[:3, :3]), "same pairs"),
        (lambda: plots.couplings(TRUE[:3], FOUND), "true: expected a square matrix"),
        (lambda: plots.roc(TRUE, FOUND[:3, :3]), "same pairs"),
        (lambda: plots.roc(0 * TRUE, FOUND), "no pair is coupled"),
        (lambda: plots.roc(TRUE + 1, FOUND), "all pairs are coupled"),
    ],
)
def test_matrices_that_do_not_fit_are_refused(call, line):
    with pytest.raises(EbmError, match=line):
        call()
