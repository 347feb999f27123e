"""Figures of networks: every coupling a line, as wide as it is strong; every unit's least marked."""

import matplotlib.colors
import numpy as np
import pytest

from ebm import EbmError
from ebm.plots import ebic_path, network
from ebm.plots.style import HELDOUT, TRAIN


def ring(n):
    J = np.zeros((n, n))
    for i in range(n):
        J[i, (i + 1) % n] = J[(i + 1) % n, i] = (i + 1) * (-1) ** i / n
    return J


@pytest.mark.parametrize("layout", ["circle", "spring"])
def test_lines_are_couplings(layout):
    J = ring(7)
    ax = network(J, layout=layout)
    positive, negative = ax.collections[:2]
    for lines, sign, look in ((positive, 1, TRAIN), (negative, -1, HELDOUT)):
        own = J[np.triu_indices(7, 1)]
        own = own[np.sign(own) == sign]
        assert len(lines.get_segments()) == len(own)
        widths = np.asarray(lines.get_linewidths())
        assert np.array_equal(np.argsort(widths), np.argsort(np.abs(own)))
        assert matplotlib.colors.same_color(lines.get_colors()[0][:3], look.colour)
    ends = {
        tuple(np.round(end, 9)) for line in positive.get_segments() + negative.get_segments() for end in line
    }
    spots = {tuple(np.round(place, 9)) for place in ax.collections[2].get_offsets()}
    assert ends <= spots
    assert len(spots) == 7


def test_springs_hold_the_coupled_together():
    J = np.zeros((8, 8))
    J[:4, :4] = J[4:, 4:] = 1
    np.fill_diagonal(J, 0)
    places = np.asarray(network(J, layout="spring").collections[2].get_offsets())
    distance = np.linalg.norm(places[:, None] - places, axis=2)
    assert distance[J > 0].mean() < 0.6 * distance[:4, 4:].mean()
    assert np.array_equal(places, network(J, layout="spring").collections[2].get_offsets())


def test_names_and_empty_networks():
    ax = network(ring(3), ["anna", "bert", "carl"])
    assert [text.get_text() for text in ax.texts] == ["anna", "bert", "carl"]
    ax = network(np.zeros((4, 4)))
    assert "0 couplings" in ax.get_title()
    assert ax.get_legend() is None
    assert not network(np.zeros((70, 70))).texts


def test_least_of_each_unit_is_marked():
    penalties = np.geomspace(1, 0.01, 12)
    ebic = 100 + (np.arange(12)[:, None] - [3, 7]) ** 2.0
    ebic[10:, 0] = np.nan
    ax = ebic_path(penalties, ebic, np.arange(12))
    marks = ax.lines[-1]
    np.testing.assert_allclose(marks.get_xdata(), penalties[[3, 7]])
    np.testing.assert_allclose(ax.lines[1].get_ydata(), ebic[:, 1] - 100)
    assert len(ebic_path(penalties, np.ones((12, 200))).lines) == 31


@pytest.mark.parametrize(
    ("draw", "match"),
    [
        (lambda: network(np.zeros((2, 3))), "n, n"),
        (lambda: network([[0, 1], [0, 0]]), "symmetric"),
        (lambda: network([[0, np.nan], [np.nan, 0]]), "finite"),
        (lambda: network(ring(3), ["a"]), "expected 3"),
        (lambda: network(ring(3), layout="grid"), "layout"),
        (lambda: ebic_path([1, 2], np.ones((3, 2))), "ebic"),
        (lambda: ebic_path([1.0], [[np.nan]]), "without any"),
        (lambda: ebic_path([1.0], [[1.0]], [1, 2]), "n_edges"),
    ],
)
def test_what_makes_no_sense_is_refused(draw, match):
    with pytest.raises(EbmError, match=match):
        draw()
