"""Figures can be read: nothing overlaps, and series differ without colour."""

from __future__ import annotations

from itertools import combinations

import matplotlib
import numpy as np
from fakes import (
    STEPS,
    all_axes,
    fake_metrics,
    lightness,
)
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ebm import plots
from ebm.plots.style import CHAINS, DIVERGING, HELDOUT, TRAIN, spread

# --- nothing overlaps ------------------------------------------------------------------------------------


def written_boxes(figure: Figure) -> list[tuple[str, object]]:
    """Boxes of everything written on a figure: ticks, labels, titles, legends, notes; in pixels."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    found = []
    for ax in figure.axes:
        texts = [ax.title, *ax.texts]
        if ax.axison:
            texts += [ax.xaxis.label, ax.yaxis.label]
            for axis, (low, high) in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, ax.get_ylim())):
                for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
                    if min(low, high) <= tick.get_loc() <= max(low, high):
                        texts += [tick.label1, tick.label2]
        texts = [text for text in texts if text.get_visible() and text.get_text()]
        found += [(text.get_text(), _text_box(text)) for text in texts]
        if (legend := ax.get_legend()) is not None:
            found.append(("legend", legend.get_window_extent()))
    return found


def _text_box(text):
    """The box of the words alone: an annotation's own extent also holds its leader."""
    return matplotlib.text.Text.get_window_extent(text)


def overlaps(figure: Figure) -> list[str]:
    boxes = written_boxes(figure)
    bad = [
        f"{one!r} on {two!r}"
        for (one, a), (two, b) in combinations(boxes, 2)
        if min(a.x1, b.x1) - max(a.x0, b.x0) > 0.5 and min(a.y1, b.y1) - max(a.y0, b.y0) > 0.5
    ]
    page = figure.bbox
    bad += [
        f"{name!r} leaves the page"
        for name, box in boxes
        if box.x0 < page.x0 - 0.5
        or box.x1 > page.x1 + 0.5
        or box.y0 < page.y0 - 0.5
        or box.y1 > page.y1 + 0.5
    ]
    for ax in figure.axes:
        inside = ax.get_window_extent()
        legend = ax.get_legend()
        if legend is not None and legend.get_window_extent().overlaps(inside.padded(-1)):
            bad.append("the legend hides data")
    return bad


def test_the_overlap_check_can_fail():
    ax = Figure(figsize=(2, 2)).subplots()
    ax.text(0.1, 0.5, "one on", transform=ax.transAxes)
    ax.text(0.1, 0.5, "two", transform=ax.transAxes)
    ax.text(1.1, 0.5, "far outside", transform=ax.transAxes)
    bad = overlaps(ax.figure)
    assert any("'one on' on 'two'" in line for line in bad)
    assert any("'far outside' leaves the page" in line for line in bad)


def test_nothing_overlaps_at_the_default_size():
    for name, axes in all_axes().items():
        figure = np.ravel(axes)[0].figure
        assert overlaps(figure) == [], name


def test_nothing_overlaps_for_awkward_numbers():
    metrics = {**fake_metrics(), "step": np.arange(STEPS) * 1_000_000, "kl": np.linspace(0.52, 0.31, STEPS)}
    close = {f"baseline {i}": -100.0 - i / 10 for i in range(6)}
    labels = np.repeat([f"class-{i}" for i in range(12)], 1200)
    energy = np.linspace(-1, -1.001, 24)[:, None] * np.ones(5)
    figures = {
        "energy": plots.energy_curves(metrics),
        "kl": plots.kl_curve(metrics),
        "likelihood": plots.likelihood_curves(metrics, baselines=close),
        "traces": plots.energy_traces(energy, np.linspace(0.1, 1.7, 24)),
        "histogram": plots.energy_histogram([-1.0, np.inf, -2.0], [np.nan, -1.5], [-1.0, np.inf]),
        "confusion": plots.confusion(labels, np.roll(labels, 7)),
        "annealing": plots.annealing([0.1, 0.2, 4.0], [-1e-4, -2e-4, -3e-4], reference=-1.0),
    }
    for name, ax in figures.items():
        assert overlaps(ax.figure) == [], name


def test_spread_keeps_order_gap_and_page():
    rng = np.random.default_rng(1)
    for size in (0, 1, 2, 5, 10):
        heights = np.sort(rng.random(size))
        moved = spread(heights, 0.065)
        assert np.all(np.diff(moved) >= 0.065 - 1e-12)
        assert np.all((moved >= 0) & (moved <= 1))
    apart = np.array([0.1, 0.4, 0.9])
    np.testing.assert_allclose(spread(apart, 0.065), apart)


# --- readable in grey ------------------------------------------------------------------------------------


def test_series_differ_without_colour():
    shades = sorted(lightness(look.colour) for look in (TRAIN, HELDOUT, CHAINS))
    assert min(np.diff(shades)) >= 15
    assert shades[-1] <= 70  # still dark against white
    for name, axes in all_axes().items():
        ax = np.ravel(axes)[0]
        legend = ax.get_legend()
        if legend is None:
            continue
        shown = [line for line in ax.lines if line.get_label()[0] != "_"]
        looks = {(str(line.get_linestyle()), line.get_marker()) for line in shown}
        assert len(looks) == len(shown), name


def test_the_diverging_map_keeps_the_sign_in_grey():
    shades = [lightness(DIVERGING(u)) for u in np.linspace(0, 1, 41)]
    assert min(np.diff(shades)) > 0.5
    red, _, blue = DIVERGING(0.5)[:3]
    assert abs(red - blue) < 0.01  # zero has no hue
