"""Figures show the numbers they are given."""

from __future__ import annotations

import numpy as np
import pytest
from fakes import (
    fake_arrays,
    fake_metrics,
    lightness,
    lines_by_label,
)

from ebm import plots

# --- the numbers -----------------------------------------------------------------------------------------


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
        x, y = lines[f"log-likelihood, {label} ± s.e. (last 2)"]
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


def test_a_likelihood_without_error_has_no_band():
    metrics = {"step": [0, 1, 2], "log_likelihood_train": [-3.0, -2.0, -1.0], "log_z_stderr": [0.0, 0.0, 0.0]}
    ax = plots.likelihood_curves(metrics)
    assert "log-likelihood, train" in lines_by_label(ax)
    assert len(ax.collections) == 0


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
