"""The figures of a run directory: reading, writing, refusing, and leaving no trace."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from fakes import (
    ARRAY_FIGURES,
    METRIC_FIGURES,
    all_axes,
    fake_arrays,
    fake_metrics,
    write_metrics,
)
from matplotlib import pyplot
from matplotlib.figure import Figure

from ebm import plots
from ebm.errors import EbmError

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

    def half(self, file, **options):
        assert len(list(figure.parent.iterdir())) == 2  # os.replace is atomic within a file system only
        file.write(b"half")
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
    "reliability": ["labels_true", "probabilities"],
    "predictions": ["numbers_true", "numbers_predicted"],
    "fine_tuning": ["tuning_step", "tuning_loss_train"],
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
