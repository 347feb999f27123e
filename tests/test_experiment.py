"""Runs: what they leave on disk, and that an interrupted one ends with the same numbers."""

import io
import json
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from ebm import experiment, load
from ebm.errors import Diverged, EbmError
from ebm.experiment import read_config
from ebm.experiment.config import parse_overrides, resolved
from ebm.experiment.directory import RunDirectory
from ebm.experiment.logs import LOG
from ebm.experiment.report import Report
from ebm.experiment.runner import _warnings_as_lines

CONFIGS = Path(__file__).parents[1] / "configs"
TINY = CONFIGS / "tiny.toml"
FAST = ("plots.enabled=false", "sample.n=10", "train.evaluate_every=1", "train.epochs=20")


def arrays(path):
    with np.load(path) as archive:
        return {name: archive[name] for name in archive.files}


def same_files(one, other):
    left, right = arrays(one), arrays(other)
    return left.keys() == right.keys() and all(np.array_equal(left[k], right[k]) for k in left)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An uninterrupted run."""
    return experiment.run(TINY, FAST, out=tmp_path_factory.mktemp("runs") / "whole")


def interrupted(out, epochs=7):
    """A run as a kill leaves it: config and checkpoints, metrics ahead of the last checkpoint, no summary."""
    run = experiment.run(TINY, (*FAST, f"train.epochs={epochs}"), out=out)
    text = run.path.joinpath("config.toml").read_text().replace(f"epochs = {epochs}\n", "epochs = 20\n")
    run.path.joinpath("config.toml").write_text(text)
    for name in ("summary.json", "model.npz", "samples.npz"):
        run.path.joinpath(name).unlink()
    with open(run.metrics, "a") as file:
        file.write('{"step": 15, "epoch": 7.5}\n{"step": 16, "ep')
    return run


def test_a_checkpoint_that_a_kill_left_goes_on_resuming(tmp_path):
    """Killed before it dropped the oldest, and with nothing more to save."""
    run = experiment.run(TINY, FAST, out=tmp_path / "run")
    run.path.joinpath("summary.json").unlink()
    last = run.checkpoints()
    run.path.joinpath("checkpoints", "step-000000000001.npz").write_bytes(last[0].read_bytes())
    experiment.resume(run.path)
    assert run.checkpoints() == last


def test_a_run_leaves_the_files_it_promises(whole):
    names = {path.name for path in whole.path.iterdir()}
    assert names == {
        "config.toml", "environment.json", "metrics.jsonl", "checkpoints", "model.npz", "samples.npz",
        "summary.json", "run.log",
    }  # fmt: skip
    assert len(whole.checkpoints()) == 2
    steps = [json.loads(line)["step"] for line in whole.metrics.read_text().splitlines()]
    assert steps == list(range(0, 41, 2))
    environment = json.loads((whole.path / "environment.json").read_text())
    assert environment["seed"] == 0
    assert "numpy" in environment["packages"]


def test_the_log_tells_what_was_said_and_what_went_wrong(tmp_path, monkeypatch):
    def failing(*_):
        LOG.info("inside")
        raise EbmError("the stage failed")

    monkeypatch.setattr("ebm.experiment.runner.run_stages", failing)
    with pytest.raises(EbmError):
        experiment.run(TINY, FAST, out=tmp_path / "run")
    lines = (tmp_path / "run" / "run.log").read_text().splitlines()
    assert any("INFO" in line and "learning: epoch 20/20" in line for line in lines)
    assert lines[-1].endswith("ERROR   EbmError: the stage failed")
    LOG.warning("after")
    assert "after" not in (tmp_path / "run" / "run.log").read_text()


def test_a_resumed_run_ends_with_the_same_model_and_metrics(whole, tmp_path):
    run = interrupted(tmp_path / "broken")
    experiment.resume(run.path)
    assert same_files(run.model, whole.model)
    assert same_files(run.path / "samples.npz", whole.path / "samples.npz")
    assert run.metrics.read_text() == whole.metrics.read_text()


def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(whole, tmp_path):
    run = interrupted(tmp_path / "broken")
    last = run.checkpoints()[-1]
    last.write_bytes(last.read_bytes()[:200])
    experiment.resume(run.path)
    assert same_files(run.model, whole.model)


def test_a_run_killed_before_its_first_checkpoint_starts_over(whole, tmp_path):
    run = interrupted(tmp_path / "broken")
    for path in run.checkpoints():
        path.unlink()
    experiment.resume(run.path)
    assert same_files(run.model, whole.model)
    assert run.metrics.read_text() == whole.metrics.read_text()


def test_a_finished_run_says_so_and_is_left_alone(whole):
    before = {path: path.stat().st_mtime_ns for path in whole.path.iterdir()}
    experiment.resume(whole.path)
    assert before == {path: path.stat().st_mtime_ns for path in whole.path.iterdir()}


def test_a_second_run_refuses_a_directory_in_use(whole):
    with pytest.raises(EbmError, match="--overwrite"):
        experiment.run(TINY, FAST, out=whole.path)
    assert whole.finished


def test_overwrite_replaces_runs_and_nothing_else(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(EbmError, match="not a run of ebm"):
        experiment.run(TINY, FAST, out=tmp_path, overwrite=True)
    assert (tmp_path / "thesis.tex").read_text() == "precious"


def test_the_resolved_config_builds_the_same_run(whole):
    again, first = read_config(whole.path / "config.toml"), read_config(TINY, FAST)
    assert resolved(again) == resolved(first)


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_config_in_the_repository_reads(path):
    config = read_config(path)
    assert config.machine is not None


def test_a_diverged_run_keeps_the_last_good_checkpoint(tmp_path):
    settings = (*FAST, "optimiser.rate=1.0", 'train.penalties=[{type="L2", strength=30.0}]')
    with pytest.raises(Diverged, match=r"sensible range by step \d+ \(epoch \d+\)") as caught:
        experiment.run(TINY, settings, out=tmp_path / "run")
    assert "\n" not in str(caught.value)
    run = RunDirectory(tmp_path / "run")
    assert not run.finished
    for path in run.checkpoints():
        assert all(np.isfinite(p).all() for p in load(path).machine.params.values())


def test_warnings_are_lines_and_deprecations_are_not_the_users():
    out = io.StringIO()
    with _warnings_as_lines(Report(Console(file=out))):
        for category in (RuntimeWarning, DeprecationWarning, PendingDeprecationWarning):
            warnings.warn(f"a {category.__name__}", category, stacklevel=1)
    assert out.getvalue() == "warning: a RuntimeWarning\n"


def test_overrides_are_toml_or_text():
    found = parse_overrides(["a.b=3", "a.c=true", "a.d=hello", "a.e=[1, 2]", "a.f=x=y"])
    assert [value for *_, value in found] == [3, True, "hello", [1, 2], "x=y"]


def start(*args, cwd):
    environment = {**os.environ, "PYTHONPATH": str(CONFIGS.parent)}
    return subprocess.Popen(
        [sys.executable, "-m", "ebm", *args], cwd=cwd, env=environment, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def wait_for(condition, process, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < end, "the run did not come so far"
        time.sleep(0.01)


LONG = ("--set", "train.epochs=1500", *(x for s in FAST[:3] for x in ("--set", s)))


def test_sigkill_and_resume_give_the_same_model(tmp_path):
    out = tmp_path / "broken"
    experiment.run(TINY, (*FAST[:3], "train.epochs=1500", "train.evaluate_every=100"), out=tmp_path / "whole")
    settings = (*LONG, "--set", "train.evaluate_every=100")
    process = start("run", str(TINY), "--out", str(out), *settings, cwd=tmp_path)
    wait_for(lambda: len(list(out.glob("checkpoints/step*.npz"))) > 0, process)
    process.kill()
    process.wait()
    experiment.resume(out)
    assert same_files(out / "model.npz", tmp_path / "whole" / "model.npz")
    assert same_files(out / "samples.npz", tmp_path / "whole" / "samples.npz")


def test_ctrl_c_saves_and_says_how_to_go_on(tmp_path):
    out = tmp_path / "run"
    process = start("run", str(TINY), "--out", str(out), *LONG, cwd=tmp_path)
    wait_for(lambda: len(list(out.glob("checkpoints/step*.npz"))) > 0, process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.splitlines()[-1] == f"ebm: interrupted; go on with: ebm resume {out}"
    assert "Traceback" not in errors
    state = RunDirectory(out).load_state()
    assert state is not None
    assert 0 < state.step < 3000


def test_what_a_kill_left_is_gone_when_the_next_one_has_the_lock(tmp_path):
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / ".ebm-folder.tmp").mkdir()
    kept = [tmp_path / "mine.tmp", tmp_path / ".ebm-folder.tmp", tmp_path / "elsewhere" / ".ebm-x.tmp"]
    for path in (kept[0], kept[2], tmp_path / ".ebm-x.tmp", folder / ".ebm-y.tmp"):
        path.write_text("")
    run = RunDirectory(tmp_path)
    run.lock()
    run.unlock()
    assert sorted(p for p in tmp_path.rglob("*") if p not in (folder, tmp_path / "elsewhere")) == sorted(kept)
