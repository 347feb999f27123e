"""Runs that stop early and keep the machine held-out rows prefer: what is kept, said, and resumed."""

import json

import numpy as np
import pytest
from test_experiment import CONFIGS, TINY, same_files, start, wait_for

from ebm import experiment, load
from ebm.checkpoint import load_machine
from ebm.errors import EbmError
from ebm.experiment import read_config
from ebm.experiment.config import resolved
from ebm.experiment.directory import RunDirectory


@pytest.fixture
def config(tmp_path):
    """Few rows of two equal bits with noise, so that a machine with many hidden units overfits soon."""
    rng = np.random.default_rng(0)
    rows = np.repeat(rng.integers(0, 2, (120, 3)), 2, axis=1)
    np.savetxt(
        tmp_path / "rows.csv", np.where(rng.random(rows.shape) < 0.1, 1 - rows, rows), fmt="%d", delimiter=","
    )
    path = tmp_path / "few.toml"
    path.write_text(f"""
[data]
type = "File"
path = "{tmp_path / "rows.csv"}"
threshold = 0.5
test = 0.9
[machine]
type = "RBM"
n_hidden = 12
scale = 0.1
dtype = "float64"
[rule]
type = "Exact"
[optimiser]
type = "SGD"
rate = 0.5
[train]
epochs = 400
batch_size = 12
evaluate_every = 10
stopping = {{ type = "EarlyStopping", patience = 3, score = "log_likelihood" }}
[plots]
enabled = false
""")
    return path


def lines_of(run):
    return [json.loads(line) for line in run.metrics.read_text().splitlines()]


def summary_of(run):
    return json.loads((run.path / "summary.json").read_text())


def test_a_run_that_overfits_stops_and_keeps_its_best_machine(config, tmp_path):
    run = experiment.run(config, ("train.log_likelihood=exact",), out=tmp_path / "run")
    metrics, summary = lines_of(run), summary_of(run)
    epochs = [row["epoch"] for row in metrics]
    heldout = [row["log_likelihood_heldout"] for row in metrics]
    best = 1 + int(np.argmax(heldout[1:]))
    kept = summary["kept"]
    assert kept == {
        "machine": "best", "epoch": epochs[best], "learned_epochs": epochs[best + 3], "stopped_early": True,
    }  # fmt: skip
    assert epochs[-1] == epochs[best + 3] < 400
    data = read_config(config).data.load()
    machine = load_machine(run.model)
    score = -machine.free_energy(data.test).mean() - machine.exact(stats=False)[0]
    np.testing.assert_allclose(score, max(heldout[1:]), atol=1e-9)
    row = next(row for row in summary["table"] if row["quantity"] == "machine kept")
    assert row["value"] == "best"
    assert f"epoch {epochs[best]:g}" in row["unit"]
    assert "400" in row["unit"]


@pytest.mark.parametrize("score", ["log_likelihood", "pseudo_likelihood", "free_energy_gap"])
def test_every_score_remembers_what_it_says(config, tmp_path, score):
    """The last checkpoint holds the parameters of the best look and its score."""
    more = (f"train.stopping.score={score}", "train.stopping.limit=0.6")
    run = experiment.run(config, more, out=tmp_path / "run")
    best = load(run.checkpoints()[-1]).watch.best
    assert summary_of(run)["kept"]["stopped_early"]
    for key, value in load_machine(run.model).params.items():
        np.testing.assert_array_equal(value, best.params[key])
    if score == "free_energy_gap":
        assert -best.score <= 0.6


def test_an_estimated_log_likelihood_can_stop_a_run(config, tmp_path):
    """The score is that of the evaluation, to the bit, and no sum is made for it."""
    run = experiment.run(
        config, ("train.log_likelihood=tempering", "train.epochs=60"), out=tmp_path / "run"
    )  # fmt: skip
    best = load(run.checkpoints()[-1]).watch.best
    looks = [row["log_likelihood_heldout"] for row in lines_of(run)[1:]]
    assert best.score == max(looks)
    assert all(row["log_z_stderr"] > 0 for row in lines_of(run))


def broken(run, keep):
    """The run as a kill leaves it after the checkpoint `keep` from the end."""
    for path in run.checkpoints()[len(run.checkpoints()) - keep :]:
        path.unlink()
    for name in ("summary.json", "model.npz", "samples.npz"):
        (run.path / name).unlink(missing_ok=True)


AVERAGED = 'type = "Averaged"\noptimiser = { type = "SGD", rate = 0.5 }\nstart = 20.0'


def averaged(config):
    """The config with averaged iterates and nothing to stop it."""
    text = config.read_text().replace('type = "SGD"\nrate = 0.5', AVERAGED)
    config.write_text("".join(f"{line}\n" for line in text.splitlines() if not line.startswith("stopping")))
    return config


@pytest.mark.some(3)
@pytest.mark.parametrize("lost", [0, 1])
@pytest.mark.parametrize("kind", ["stopping", "averaged"])
def test_an_interrupted_run_keeps_the_same_machine(config, tmp_path, kind, lost):
    """Killed after its last checkpoint, when it had just decided to stop, or before."""
    if kind == "averaged":
        averaged(config)
    whole = experiment.run(config, out=tmp_path / "whole")
    run = experiment.run(config, out=tmp_path / "broken")
    broken(run, lost)
    experiment.resume(run.path)
    assert same_files(run.model, whole.model)
    assert run.metrics.read_text() == whole.metrics.read_text()
    assert summary_of(run)["kept"] == summary_of(whole)["kept"]


@pytest.mark.slow  # tests/test_experiment.py kills a run too, and the campaign of kills this one
def test_sigkill_in_the_middle_changes_nothing(config, tmp_path):
    """With log Z tracked, so that ladder, past look and best machine must all be in the checkpoint."""
    settings = ("train.log_likelihood=tempering", "train.stopping.patience=100", "train.epochs=200")
    whole, out = experiment.run(config, settings, out=tmp_path / "whole"), tmp_path / "broken"
    sets = (x for s in settings for x in ("--set", s))
    process = start("run", str(config), "--out", str(out), *sets, cwd=tmp_path)
    wait_for(lambda: len(list(out.glob("checkpoints/step*.npz"))) > 1, process, seconds=300)
    process.kill()
    process.wait()
    assert not RunDirectory(out).finished
    run = experiment.resume(out)
    assert same_files(run.model, whole.model)
    assert run.metrics.read_text() == whole.metrics.read_text()
    assert same_files(run.checkpoints()[-1], whole.checkpoints()[-1])


def test_the_averaged_machine_is_kept_where_heldout_rows_prefer_it(config, tmp_path):
    """A run that overfits: the average of all is the better one; one that still learns: the last one."""
    averaged(config)
    for epochs, name, part in ((400, "average", "memory"), (100, "last", "machine")):
        run = experiment.run(config, (f"train.epochs={epochs}",), out=tmp_path / name)
        kept = {"machine": name, "learned_epochs": epochs, "stopped_early": False}
        assert summary_of(run)["kept"] == kept
        state = load(run.checkpoints()[-1])
        for key, value in load_machine(run.model).params.items():
            wanted = state.memory.average[key] if part == "memory" else state.machine.params[key]
            np.testing.assert_array_equal(value, wanted)


def test_a_plain_run_keeps_its_last_machine(tmp_path):
    run = experiment.run(TINY, ("plots.enabled=false", "train.epochs=5"), out=tmp_path / "run")
    assert summary_of(run)["kept"] == {"machine": "last", "learned_epochs": 5, "stopped_early": False}
    for key, value in load_machine(run.model).params.items():
        np.testing.assert_array_equal(value, load(run.checkpoints()[-1]).machine.params[key])


def test_the_resolved_config_says_how_to_stop(config, tmp_path):
    run = experiment.run(config, ("train.epochs=4",), out=tmp_path / "run")
    assert read_config(run.path / "config.toml").train.stopping == read_config(config).train.stopping
    assert resolved(read_config(config))["train"]["stopping"]["patience"] == 3


DIGITS = CONFIGS / "digits.toml"


@pytest.mark.parametrize(("settings", "words"), [
    ((TINY, 'train.stopping={type="EarlyStopping"}'), ("[train] stopping", "held-out rows")),
    ((DIGITS, 'train.stopping={type="EarlyStopping", patiance=3}'), ("stopping: patiance", "'patience'")),
    ((DIGITS, 'train.stopping={type="EarlyStoping"}'), ("stopping: type", "'EarlyStopping'")),
    ((DIGITS, 'train.stopping={type="EarlyStopping", patience=0}'), ("stopping", "patience")),
    ((DIGITS, 'train.stopping={type="EarlyStopping", score="kl"}'), ("stopping", "score")),
    ((DIGITS, 'train.stopping={type="SGD"}'), ("[train]", "stopping")),
    ((DIGITS, 'train.stopping={type="EarlyStopping", score="log_likelihood"}', "train.log_likelihood=none"),
     ("[train] stopping", "log_likelihood = ")),
    ((CONFIGS / "digits-grey.toml", 'train.stopping={type="EarlyStopping"}'), ("[train] stopping",)),
    ((CONFIGS / "encoder.toml", 'train.stopping={type="EarlyStopping"}'), ("[train] stopping",)),
])  # fmt: skip
def test_what_cannot_stop_is_one_line_before_anything_is_written(tmp_path, settings, words):
    config, *overrides = settings
    with pytest.raises(EbmError) as caught:
        experiment.run(config, overrides, out=tmp_path / "run")
    said = str(caught.value)
    assert "\n" not in said
    for word in words:
        assert word in said, said
    assert not (tmp_path / "run").exists()
