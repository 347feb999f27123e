"""Figures show the numbers they were given, name their units, stay readable, and leave no trace."""

from __future__ import annotations

import doctest
import functools
import importlib
import json
import os
import pkgutil
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from ebm import plots
from ebm.errors import EbmError
from ebm.plots.style import CHAINS, DIVERGING, HELDOUT, TRAIN, spread

METRIC_FIGURES = {"energy_curves", "free_energy_gap", "likelihood", "kl"}
ARRAY_FIGURES = {
    "energy_histogram",
    "energy_traces",
    "annealing",
    "moments",
    "weights",
    "samples",
    "confusion",
}
STEPS = 12


def fake_metrics(seed: int = 0) -> dict[str, np.ndarray]:
    """Metrics of a run of `STEPS` evaluations, log Z estimated at every third of them."""
    rng = np.random.default_rng(seed)
    step = np.arange(STEPS) * 500
    fall = np.exp(-step / 1500)
    noise = rng.normal(0, 0.3, (4, STEPS))
    metrics = {
        "step": step,
        "epoch": step / 100,
        "free_energy_train": -90 + 50 * fall + noise[0],
        "free_energy_heldout": -86 + 46 * fall + noise[1],
        "free_energy_chains": -93 + 30 * fall + noise[2],
        "log_likelihood_train": np.where(np.arange(STEPS) % 3 == 0, -84 - 120 * fall, np.nan),
        "log_likelihood_heldout": np.where(np.arange(STEPS) % 3 == 0, -88 - 116 * fall, np.nan),
        "log_z_stderr": np.where(np.arange(STEPS) % 3 == 0, 2.0, np.nan),
        "pseudo_likelihood_train": -50 - 70 * fall,
        "pseudo_likelihood_heldout": -54 - 66 * fall,
        "kl": fall**2,
    }
    metrics["free_energy_gap"] = metrics["free_energy_heldout"] - metrics["free_energy_train"]
    for name, width in (("train", 9.0), ("heldout", 10.0), ("chains", 6.0)):
        metrics[f"free_energy_{name}_std"] = np.full(STEPS, width)
    return metrics


def fake_arrays(seed: int = 0) -> dict[str, np.ndarray]:
    """The arrays of a ``samples.npz`` of 5 × 4 images."""
    rng = np.random.default_rng(seed)
    beta, sweep = np.array([0.3, 0.6, 1.0, 1.1, 1.2]), np.arange(0, 60, 2)
    energy = -0.7 * np.tanh(beta)[:, None] * (1 - np.exp(-sweep / 9))
    anneal = np.geomspace(0.05, 4, 30)
    mean, pairs = rng.random(20), rng.random(190)
    labels = rng.integers(0, 10, 300)
    return {
        "x": rng.integers(0, 2, (30, 20)),
        "image_shape": np.array([5, 4]),
        "free_energy_samples": rng.normal(-95, 10, 200),
        "free_energy_train": rng.normal(-90, 12, 500),
        "free_energy_heldout": rng.normal(-86, 12, 150),
        "data_mean": mean,
        "model_mean": mean + rng.normal(0, 0.03, 20),
        "data_pairs": pairs,
        "model_pairs": pairs + rng.normal(0, 0.02, 190),
        "trace_sweep": sweep,
        "trace_beta": beta,
        "trace_energy": energy,
        "trace_energy_std": np.full(energy.shape, 0.02),
        "anneal_beta": anneal,
        "anneal_energy": -0.7 * np.tanh(anneal),
        "anneal_best": -0.72 * np.tanh(anneal),
        "ground_state_reference": np.array(-0.7432),
        "labels_true": labels,
        "labels_predicted": np.where(rng.random(300) < 0.1, rng.integers(0, 10, 300), labels),
        "weights": rng.normal(0, 0.2, (20, 12)),
    }


def write_metrics(run: Path, metrics: dict[str, np.ndarray], tail: str = "") -> None:
    run.mkdir(exist_ok=True)
    lines = []
    for i, step in enumerate(metrics["step"]):
        numbers = {key: float(value[i]) for key, value in metrics.items() if np.isfinite(value[i])}
        lines.append(json.dumps({**numbers, "step": int(step)}) + "\n")
    (run / "metrics.jsonl").write_text("".join(lines) + tail)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    write_metrics(folder, fake_metrics())
    np.savez(folder / "samples.npz", **fake_arrays())
    baselines = {"uniform": -210.0, "marginals": -150.0, "tree": -148.0}
    (folder / "summary.json").write_text(json.dumps({"baselines": baselines}))
    return folder


@functools.cache
def all_axes() -> dict[str, object]:
    """Every figure by name, drawn from the fake numbers."""
    metrics, a = fake_metrics(), fake_arrays()
    trace = a["trace_energy"], a["trace_beta"], a["trace_sweep"], a["trace_energy_std"]
    return {
        "energy_curves": plots.energy_curves(metrics),
        "free_energy_gap": plots.free_energy_gap(metrics),
        "likelihood": plots.likelihood_curves(
            metrics, baselines={"uniform": -210.0, "a": -150.0, "b": -149.0}
        ),
        "kl": plots.kl_curve(metrics),
        "energy_histogram": plots.energy_histogram(
            a["free_energy_train"], a["free_energy_samples"], a["free_energy_heldout"]
        ),
        "energy_traces": plots.energy_traces(*trace),
        "annealing": plots.annealing(a["anneal_beta"], a["anneal_energy"], a["anneal_best"], -0.7432),
        "moments": plots.moments(a["data_mean"], a["model_mean"], a["data_pairs"], a["model_pairs"]),
        "weights": plots.weights(a["weights"], (5, 4)),
        "weights_map": plots.weights(a["weights"]),
        "samples": plots.samples(a["x"], (5, 4)),
        "confusion": plots.confusion(a["labels_true"], a["labels_predicted"]),
    }


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


def lightness(colour) -> float:
    """CIE L* of an sRGB colour."""
    rgb = np.asarray(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    y = linear @ [0.2126, 0.7152, 0.0722]
    return 116 * np.cbrt(y) - 16 if y > 0.008856 else 903.3 * y


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


# --- the numbers -----------------------------------------------------------------------------------------


def lines_by_label(ax) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    return {line.get_label(): (line.get_xdata(), line.get_ydata()) for line in ax.lines}


def test_energy_curves_show_the_metrics(run):
    metrics = fake_metrics()
    ax = plots.energy_curves(run)
    lines = lines_by_label(ax)
    for name, label in (("train", "train"), ("heldout", "held-out"), ("chains", "chains")):
        x, y = lines[f"{label} ± 1 std"]
        np.testing.assert_array_equal(x, metrics["step"])
        np.testing.assert_array_equal(y, metrics[f"free_energy_{name}"])
    band = ax.collections[0].get_paths()[0].vertices
    np.testing.assert_allclose(band[:, 1].max(), (metrics["free_energy_train"] + 9.0).max())
    np.testing.assert_allclose(band[:, 1].min(), (metrics["free_energy_train"] - 9.0).min())
    assert len(ax.collections) == 3
    assert ax.get_ylabel() == "free energy (nats per sample)"
    assert ax.get_xlabel() == "step (parameter updates)"


def test_energy_curves_take_any_subset():
    metrics = fake_metrics()
    for drop in ("train", "heldout", "chains"):
        part = {key: value for key, value in metrics.items() if not key.startswith(f"free_energy_{drop}")}
        assert len(plots.energy_curves(part).lines) == 2
    one = {"step": [0], "free_energy_train": [-3.0], "free_energy_train_std": [1.0]}
    assert set(lines_by_label(plots.energy_curves(one))) == {"train"}  # no band for a single point
    bare = {key: value for key, value in metrics.items() if not key.endswith("_std")}
    ax = plots.energy_curves(bare)
    assert len(ax.collections) == 0
    assert set(lines_by_label(ax)) == {"train", "held-out", "chains"}


def test_a_diverged_run_still_plots():
    metrics = fake_metrics()
    metrics["free_energy_train"][-3:] = [np.nan, np.inf, -np.inf]
    x, y = lines_by_label(plots.energy_curves(metrics))["train ± 1 std"]
    np.testing.assert_array_equal(x, metrics["step"][:-3])
    np.testing.assert_array_equal(y, metrics["free_energy_train"][:-3])


def test_gap_is_recorded_or_heldout_minus_train():
    metrics = fake_metrics()
    recorded = {"step": metrics["step"], "free_energy_gap": metrics["free_energy_gap"]}
    del metrics["free_energy_gap"]
    for given in (recorded, metrics):
        ax = plots.free_energy_gap(given)
        np.testing.assert_array_equal(lines_by_label(ax)["gap"][1], recorded["free_energy_gap"])
        assert "held-out − train" in ax.get_ylabel()
        assert "nats per sample" in ax.get_ylabel()


def test_likelihood_curves_show_the_metrics_and_baselines(run):
    metrics = fake_metrics()
    ax = plots.likelihood_curves(run)
    lines = lines_by_label(ax)
    known = np.isfinite(metrics["log_likelihood_train"])
    for name, label in (("train", "train"), ("heldout", "held-out")):
        x, y = lines[f"log-likelihood, {label} ± s.e."]
        np.testing.assert_array_equal(x, metrics["step"][known])
        np.testing.assert_array_equal(y, metrics[f"log_likelihood_{name}"][known])
        np.testing.assert_array_equal(
            lines[f"pseudo-likelihood, {label}"][1], metrics[f"pseudo_likelihood_{name}"]
        )
    top = metrics["log_likelihood_train"][known].max() + 2.0
    np.testing.assert_allclose(ax.collections[0].get_paths()[0].vertices[:, 1].max(), top)
    assert {text.get_text() for text in ax.texts} == {"uniform −210", "marginals −150", "tree −148"}
    assert {text.xy[1] for text in ax.texts} == {-210.0, -150.0, -148.0}
    low, high = ax.get_ylim()
    assert low < -210 < high
    assert ax.get_ylabel() == "log-likelihood (nats per sample)"
    assert len(plots.likelihood_curves(run, baselines={}).texts) == 0


def test_likelihood_without_likelihood_is_kl():
    metrics = {"step": [0, 1, 2], "kl": [1.0, 0.1, -1e-17]}
    ax = plots.likelihood_curves(metrics)
    assert ax.get_yscale() == "log"
    np.testing.assert_array_equal(lines_by_label(ax)["KL"][1], [1.0, 0.1])
    assert ax.get_title() == "1 value ≤ 0 not shown"
    assert "(nats)" in ax.get_ylabel()


def test_histograms_share_bins_and_have_area_one():
    a = fake_arrays()
    energies = a["free_energy_train"], a["free_energy_samples"], a["free_energy_heldout"]
    ax = plots.energy_histogram(*energies)
    steps = [patch.get_data() for patch in ax.patches]
    assert len(steps) == 3
    for step, energy in zip(steps, energies, strict=True):
        np.testing.assert_array_equal(step.edges, steps[0].edges)
        assert (step.values * np.diff(step.edges)).sum() == pytest.approx(1.0)
        middle = (step.edges[1:] + step.edges[:-1]) / 2
        width = np.diff(step.edges)[0]
        mean = (middle * step.values * width).sum()
        assert abs(mean - energy.mean()) <= width / 2  # each value lies within half a bin of its middle
    assert [patch.get_fill() for patch in ax.patches] == [True, False, False]
    assert "nats" in ax.get_xlabel()
    assert "1/nat" in ax.get_ylabel()


def test_histogram_survives_outliers_constants_and_infinity():
    outlier = plots.energy_histogram(np.r_[np.random.default_rng(0).normal(size=500), 1e9], [0.0, 1.0])
    assert 10 <= len(outlier.patches[0].get_data().values) <= 60
    same = plots.energy_histogram([-3.0, -3.0], [-3.0])
    assert (same.patches[0].get_data().values).max() > 0
    lost = plots.energy_histogram([1.0, 2.0, np.inf], [1.0])
    assert lost.get_legend().get_texts()[0].get_text() == "train (2, 1 not finite)"


def test_traces_show_the_energies():
    a = fake_arrays()
    ax = plots.energy_traces(a["trace_energy"], a["trace_beta"], a["trace_sweep"], a["trace_energy_std"])
    for line, row, beta in zip(ax.lines, a["trace_energy"], a["trace_beta"], strict=True):
        np.testing.assert_array_equal(line.get_xdata(), a["trace_sweep"])
        np.testing.assert_array_equal(line.get_ydata(), row)
        note = next(text for text in ax.texts if text.get_text() == f"β = {beta:.3g}")
        assert note.xy == (1.0, row[-1])
    assert "sweeps" in ax.get_xlabel()
    assert "per site" in ax.get_ylabel()
    many = plots.energy_traces(np.zeros((30, 4)), np.arange(30.0))
    assert len(many.lines) == 30
    assert len(many.texts) == 10
    assert {"β = 0", "β = 29"} <= {text.get_text() for text in many.texts}


def test_annealing_shows_the_energies():
    a = fake_arrays()
    ax = plots.annealing(a["anneal_beta"], a["anneal_energy"], a["anneal_best"], -0.7432)
    lines = lines_by_label(ax)
    np.testing.assert_array_equal(lines["mean of chains"][0], a["anneal_beta"])
    np.testing.assert_array_equal(lines["mean of chains"][1], a["anneal_energy"])
    np.testing.assert_array_equal(lines["best so far"][1], a["anneal_best"])
    assert set(lines["reference −0.7432"][1]) == {-0.7432}
    assert ax.get_xscale() == "log"
    assert plots.annealing([0.0, 1.0], [0.0, -1.0]).get_xscale() == "linear"
    assert "dimensionless" in ax.get_xlabel()
    assert "nats" in ax.get_ylabel()


def test_moments_show_points_line_and_rms():
    a = fake_arrays()
    first, second = plots.moments(a["data_mean"], a["model_mean"], a["data_pairs"], a["model_pairs"])
    for ax, data, model in (
        (first, a["data_mean"], a["model_mean"]),
        (second, a["data_pairs"], a["model_pairs"]),
    ):
        identity, points = ax.lines
        np.testing.assert_array_equal(points.get_xydata(), np.c_[data, model])
        assert identity.get_slope() == 1.0
        assert identity.get_xy1()[0] == identity.get_xy1()[1]
        rms = np.sqrt(np.mean((data - model) ** 2))
        assert f"RMS deviation {rms:.3g}" in ax.get_title()
        assert ax.get_xlim() == ax.get_ylim()
        assert ax.get_xlim()[0] < min(data.min(), model.min())
        assert ax.get_xlim()[1] > max(data.max(), model.max())


def tiles(ax, height: int, width: int) -> list[np.ndarray]:
    """Take a mosaic apart at its NaN gaps and shrink the tiles to their pixels; empty places dropped."""
    picture = np.ma.filled(ax.images[0].get_array().astype(float), np.nan)
    real = ~np.isnan(picture)

    def runs(flags):
        edges = np.flatnonzero(np.diff(np.r_[False, flags, False].astype(int)))
        return list(zip(edges[::2], edges[1::2], strict=True))

    found = []
    for top, bottom in runs(real.any(axis=1)):
        for left, right in runs(real.any(axis=0)):
            tile = picture[top:bottom, left:right]
            if not np.isnan(tile).all():
                found.append(tile[:: len(tile) // height, :: tile.shape[1] // width])
    return found


@pytest.mark.parametrize(("height", "width", "count"), [(5, 4, 12), (28, 28, 7), (1, 9, 5), (6, 2, 1)])
def test_mosaics_hold_the_pixels(height, width, count):
    rng = np.random.default_rng(3)
    x = rng.integers(0, 2, (count, height * width))
    shown = tiles(plots.samples(x, (height, width), n=None), height, width)
    np.testing.assert_array_equal(shown, x.reshape(count, height, width))
    W = rng.normal(size=(height * width, count))
    shown = tiles(plots.weights(W, (height, width)), height, width)
    np.testing.assert_array_equal(shown, W.T.reshape(count, height, width))


def test_weights_choose_the_largest_norms_on_a_symmetric_scale():
    rng = np.random.default_rng(5)
    W = rng.normal(size=(6, 5)) * [1.0, 9.0, 0.1, 3.0, 2.0]
    ax = plots.weights(W, (2, 3), n=3)
    np.testing.assert_array_equal(tiles(ax, 2, 3), W.T[[1, 3, 4]].reshape(3, 2, 3))
    low, high = ax.images[0].get_clim()
    assert low == -high == -np.abs(W[:, [1, 3, 4]]).max()
    assert ax.images[0].colorbar.ax.get_ylabel() == "weight (nats)"
    assert ax.get_title() == "3 of 5 hidden units, largest norm first"
    outlier = plots.weights(np.r_[rng.uniform(-1, 1, 4999), 100.0].reshape(50, 100)).images[0]
    assert outlier.get_clim()[1] <= 1
    assert outlier.colorbar.extend == "both"
    whole = plots.weights(W)
    np.testing.assert_array_equal(whole.images[0].get_array(), W)
    assert (whole.get_xlabel(), whole.get_ylabel()) == ("hidden unit", "visible unit")
    assert np.isfinite(plots.weights(np.zeros((4, 2)), (2, 2)).images[0].get_clim()).all()


def test_samples_state_their_scale():
    assert plots.samples([[0, 0, 0, 0]], (2, 2)).images[0].get_clim() == (0, 1)
    assert plots.samples([[-1, 1, -1, 1]], (2, 2)).images[0].get_clim() == (-1, 1)
    ax = plots.samples(np.linspace(-2, 3, 80).reshape(20, 4), (2, 2), n=6)
    assert ax.images[0].get_clim() == (-2, 3)
    assert ax.get_title() == "6 of 20 samples (black −2, white 3)"


def test_confusion_counts():
    true, predicted = ["a", "a", "b", "b", "b", "c"], ["a", "b", "b", "b", "c", "d"]
    ax = plots.confusion(true, predicted)
    cells = {text.get_position()[::-1]: text.get_text() for text in ax.texts}
    assert cells == {(0, 0): "1", (0, 1): "1", (1, 1): "2", (1, 2): "1", (2, 3): "1"}
    assert [text.get_text() for text in ax.get_xticklabels()] == ["a", "b", "c", "d"]
    assert ax.get_title() == "error rate 50 % (3 of 6)"
    shade = ax.images[0].get_array()
    for text in ax.texts:
        x, y = text.get_position()
        paper = lightness(ax.images[0].cmap(ax.images[0].norm(shade[int(y), int(x)])))
        assert abs(lightness(text.get_color()) - paper) > 40


# --- reading ---------------------------------------------------------------------------------------------


def test_read_metrics_returns_what_was_written(tmp_path):
    metrics = fake_metrics()
    write_metrics(tmp_path, metrics)
    read = plots.read_metrics(tmp_path)
    assert set(read) == set(metrics)
    for key in metrics:
        np.testing.assert_array_equal(read[key], metrics[key])
    assert read["step"].dtype == np.int64


@pytest.mark.parametrize(
    "tail", ['{"step": 6000, "kl": 0.', "{", '{"ste', '{"step": 6000, "name": "\N{GREEK SMALL LETTER BETA}']
)
def test_a_truncated_last_line_is_ignored(tmp_path, tail):
    metrics = fake_metrics()
    write_metrics(tmp_path, metrics)
    whole = plots.read_metrics(tmp_path)
    cut = tail.encode()[:-1] if not tail.isascii() else tail.encode()
    with open(tmp_path / "metrics.jsonl", "ab") as file:
        file.write(cut)
    again = plots.read_metrics(tmp_path)
    assert set(again) == set(whole)
    for key in whole:
        np.testing.assert_array_equal(again[key], whole[key])


def test_a_broken_line_in_the_middle_is_named(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"step": 0}\n{"step": \n{"step": 2}\n')
    with pytest.raises(EbmError, match="line 2"):
        plots.read_metrics(tmp_path)
    (tmp_path / "metrics.jsonl").write_text('{"step": 0}\n{"epoch": 1}\n{"step": 2}\n')
    with pytest.raises(EbmError, match="line 2: expected a JSON object with an integer 'step'"):
        plots.read_metrics(tmp_path)


def test_a_resumed_step_counts_once(tmp_path):
    lines = [{"step": 0, "kl": 3}, {"step": 10, "kl": 1}, {"step": 5, "kl": 2}, {"step": 5, "rate": 0.1}]
    (tmp_path / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)))
    read = plots.read_metrics(tmp_path)
    np.testing.assert_array_equal(read["step"], [0, 5, 10])
    np.testing.assert_array_equal(read["kl"], [3, np.nan, 1])
    np.testing.assert_array_equal(read["rate"], [np.nan, 0.1, np.nan])


def test_strings_null_and_nan_are_no_numbers(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "kl": NaN, "rate": null, "note": "x", "ok": true}\n')
    read = plots.read_metrics(tmp_path)
    assert set(read) == {"step", "epoch", "kl"}
    assert np.isnan(read["kl"]).all()


# --- whole runs ------------------------------------------------------------------------------------------


def names(paths: list[Path]) -> set[str]:
    return {path.stem for path in paths}


def test_plot_run_writes_exactly_what_the_files_allow(run):
    (run / "figures").mkdir()
    (run / "figures" / "kl.png").write_bytes(b"an older figure")
    with open(run / "figures" / "kl.png", "rb") as reader:
        written = plots.plot_run(run)
        assert reader.read() == b"an older figure"  # replaced, not overwritten under its reader
    assert names(written) == METRIC_FIGURES | ARRAY_FIGURES
    assert set((run / "figures").iterdir()) == set(written)  # no temporary file is left
    for path in written:
        assert path.read_bytes().startswith(b"\x89PNG")
        picture = pyplot.imread(path)
        assert picture.shape[1] >= 600
        assert picture[..., :3].std() > 0.03  # not blank


def test_a_failed_write_keeps_the_old_figure(tmp_path, monkeypatch):
    write_metrics(tmp_path, {"step": np.array([0, 1]), "kl": np.array([1.0, 0.5])})
    (figure,) = plots.plot_run(tmp_path)
    old = figure.read_bytes()

    def half(self, path, **options):
        assert Path(path).parent == figure.parent  # os.replace is atomic within a file system only
        Path(path).write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(Figure, "savefig", half)
    with pytest.raises(OSError, match="disk full"):
        plots.plot_run(tmp_path)
    assert list(figure.parent.iterdir()) == [figure]
    assert figure.read_bytes() == old


NEEDS = {
    "energy_histogram": ["free_energy_train", "free_energy_samples"],
    "energy_traces": ["trace_energy", "trace_beta"],
    "annealing": ["anneal_beta", "anneal_energy"],
    "moments": ["data_mean", "model_mean", "data_pairs", "model_pairs"],
    "weights": ["weights"],
    "samples": ["x", "image_shape"],
    "confusion": ["labels_true", "labels_predicted"],
}


@pytest.mark.parametrize("figure", sorted(NEEDS))
def test_every_array_figure_needs_just_its_arrays(tmp_path, figure):
    arrays = {key: fake_arrays()[key] for key in NEEDS[figure]}
    np.savez(tmp_path / "samples.npz", **arrays)
    assert names(plots.plot_run(tmp_path)) == {figure}
    for key in arrays:
        np.savez(tmp_path / "samples.npz", **{name: a for name, a in arrays.items() if name != key})
        assert plots.plot_run(tmp_path) == []


def test_metrics_alone_and_kl_alone(tmp_path):
    metrics = fake_metrics()
    write_metrics(tmp_path, metrics)
    assert names(plots.plot_run(tmp_path)) == METRIC_FIGURES
    write_metrics(tmp_path / "kl", {key: metrics[key] for key in ("step", "epoch", "kl")})
    assert names(plots.plot_run(tmp_path / "kl")) == {"kl"}
    write_metrics(tmp_path / "new", {"step": np.array([], int)}, tail='{"st')
    assert plots.plot_run(tmp_path / "new") == []


def test_weights_that_are_no_images_become_a_map(tmp_path):
    np.savez(tmp_path / "samples.npz", weights=np.ones((7, 3)), image_shape=[5, 4], x=np.ones((2, 7)))
    assert names(plots.plot_run(tmp_path)) == {"weights"}


def one_line(error: pytest.ExceptionInfo[EbmError]) -> str:
    message = str(error.value)
    assert "\n" not in message
    return message


def test_what_is_no_run_is_refused_by_name(tmp_path):
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(EbmError) as error:
            plots.plot_run(folder)
        assert str(folder) in one_line(error)
        assert not (folder / "figures").exists()
        with pytest.raises(EbmError) as error:
            plots.read_metrics(folder)
        assert str(folder / "metrics.jsonl") in one_line(error)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("samples.npz", b"PK\x03\x04 half a file"),
        ("samples.npz", b""),
        ("summary.json", b"{"),
        ("summary.json", b'{"baselines": 3}'),
    ],
)
def test_broken_files_are_refused_by_name(run, name, content):
    (run / name).write_bytes(content)
    with pytest.raises(EbmError) as error:
        plots.plot_run(run)
    assert str(run / name) in one_line(error)


def test_pickles_are_never_loaded(run):
    np.savez(run / "samples.npz", x=np.array([{"a": 1}], dtype=object))
    with pytest.raises(EbmError, match=r"samples\.npz"):
        plots.plot_run(run)


def test_arrays_that_disagree_are_refused(run):
    np.savez(run / "samples.npz", trace_energy=np.zeros((2, 5)), trace_beta=np.zeros(3))
    with pytest.raises(EbmError, match="energy_traces: energy: expected shape") as error:
        plots.plot_run(run)
    assert str(run) in one_line(error)


@pytest.mark.parametrize(
    "call",
    [
        lambda: plots.energy_curves({"step": [1, 2]}),
        lambda: plots.energy_curves({"free_energy_train": [1.0]}),
        lambda: plots.energy_curves({"step": [1, 2], "free_energy_train": [1.0]}),
        lambda: plots.free_energy_gap({"step": [1], "free_energy_train": [1.0]}),
        lambda: plots.likelihood_curves({"step": [1], "kl": [np.nan]}),
        lambda: plots.kl_curve({"step": [1], "kl": [0.0]}),
        lambda: plots.energy_histogram([], [1.0]),
        lambda: plots.energy_histogram([np.nan], [1.0]),
        lambda: plots.energy_traces([1.0, 2.0], [1.0]),
        lambda: plots.energy_traces([[1.0, 2.0]], [1.0], sweep=[1]),
        lambda: plots.energy_traces([[1.0, 2.0]], [1.0], std=[[1.0]]),
        lambda: plots.annealing([1.0], [1.0, 2.0]),
        lambda: plots.annealing(["a"], [1.0]),
        lambda: plots.moments([1.0], [1.0, 2.0], [1.0], [1.0]),
        lambda: plots.moments([1.0], [1.0], [1.0], [1.0], axes=[Figure().subplots()]),
        lambda: plots.weights(np.ones((4, 2)), (3, 2)),
        lambda: plots.weights(np.ones(4)),
        lambda: plots.weights(np.ones((4, 2)), (2, 2), n=0),
        lambda: plots.samples(np.ones((4, 2)), (2, 2)),
        lambda: plots.samples(np.ones((4, 2)), (2,)),
        lambda: plots.confusion([1, 2], [1]),
        lambda: plots.confusion([], []),
    ],
)
def test_refusals_are_one_line(call):
    with pytest.raises(EbmError) as error:
        call()
    assert one_line(error)


# --- no trace --------------------------------------------------------------------------------------------


def test_no_global_state_changes(tmp_path):
    np.savez(tmp_path / "samples.npz", weights=np.ones((7, 3)))
    backend, figures = matplotlib.get_backend(), pyplot.get_fignums()
    before = dict(matplotlib.rcParams)
    all_axes.__wrapped__()
    plots.plot_run(tmp_path)
    assert dict(matplotlib.rcParams) == before
    assert matplotlib.get_backend() == backend
    assert pyplot.get_fignums() == figures


def test_given_axes_are_drawn_on_and_returned():
    metrics, a = fake_metrics(), fake_arrays()
    grid = Figure(figsize=(14, 12), layout="constrained").subplots(4, 3).ravel()
    plotters = [
        lambda ax: plots.energy_curves(metrics, ax),
        lambda ax: plots.free_energy_gap(metrics, ax),
        lambda ax: plots.likelihood_curves(metrics, ax),
        lambda ax: plots.kl_curve(metrics, ax),
        lambda ax: plots.energy_histogram(a["free_energy_train"], a["free_energy_samples"], ax=ax),
        lambda ax: plots.energy_traces(a["trace_energy"], a["trace_beta"], ax=ax),
        lambda ax: plots.annealing(a["anneal_beta"], a["anneal_energy"], ax=ax),
        lambda ax: plots.weights(a["weights"], (5, 4), ax=ax),
        lambda ax: plots.samples(a["x"], (5, 4), ax=ax),
        lambda ax: plots.confusion(a["labels_true"], a["labels_predicted"], ax=ax),
    ]
    for ax, plotter in zip(grid, plotters, strict=False):
        assert plotter(ax) is ax
        assert ax.has_data()
    both = plots.moments([0.5, 0.2], [0.5, 0.1], [0.1], [0.1], axes=grid[10:])
    assert list(both) == list(grid[10:])


def test_no_display_and_no_pyplot_are_needed(run):
    code = (
        "import sys, matplotlib; before = matplotlib.rcParams.copy();"
        "from ebm import plots; plots.plot_run(sys.argv[1]);"
        "assert 'matplotlib.pyplot' not in sys.modules;"
        "assert matplotlib.rcParams.copy() == before"
    )
    clean = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY")}
    clean["MPLBACKEND"] = "tkagg"
    done = subprocess.run([sys.executable, "-c", code, str(run)], env=clean, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert names(list((run / "figures").iterdir())) == METRIC_FIGURES | ARRAY_FIGURES


@pytest.mark.parametrize("name", [module.name for module in pkgutil.iter_modules(plots.__path__)])
def test_the_docstrings_run(name):
    module = importlib.import_module(f"ebm.plots.{name}")
    results = doctest.testmod(module)
    assert results.failed == 0
    public = [f for f in plots.__all__ if getattr(plots, f).__module__ == module.__name__]
    for function in public:
        assert ">>>" in getattr(plots, function).__doc__
