"""Sweeps: the same bits whoever works, however often it is interrupted; what fails stops nothing."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from rich.console import Console

from ebm import experiment
from ebm.cli import main
from ebm.errors import EbmError
from ebm.experiment import Halving, Report, RunDirectory, Workers, engines
from ebm.experiment.tasks import Outcome
from ebm.experiment.workers import WorkerDied

TINY = Path(__file__).parents[1] / "configs" / "tiny.toml"
FAST = ("plots.enabled=false", "sample.n=10", "train.evaluate_every=1", "train.epochs=8")
GRID = {"machine.n_hidden": [4, 6], "train.seed": [0, 1]}


def quiet():
    return Report(Console(file=io.StringIO()))


def swept(out, grid=None, **how):
    how.setdefault("report", quiet())
    return experiment.sweep(TINY, GRID if grid is None else grid, overrides=FAST, out=out, **how)


def models(path):
    found = {}
    for file in sorted(Path(path).glob("*/model.npz")):
        with np.load(file) as archive:
            found[file.parent.name] = {key: archive[key].tobytes() for key in archive.files}
    return found


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A sweep in this process that nobody disturbed."""
    found = swept(tmp_path_factory.mktemp("sweeps") / "whole")
    assert len(found.runs) == 4
    return found.path


# Who works.


def test_a_run_of_a_sweep_is_the_run_of_its_settings(whole, tmp_path):
    """One thread is what the sweep gives each."""
    run = experiment.run(
        TINY, (*FAST, "machine.n_hidden=6", "train.seed=1"), out=tmp_path / "alone", report=quiet()
    )
    assert models(run.path.parent)["alone"] == models(whole)["machine.n_hidden=6,train.seed=1"]


def test_processes_give_the_same_bits(whole, tmp_path):
    found = swept(tmp_path / "two", workers=2)
    assert repr(found).endswith("4 finished)")
    assert models(found.path) == models(whole)
    assert "epoch 8/8" in (found.path / "machine.n_hidden=4,train.seed=0" / "run.log").read_text()


def test_any_executor_gives_the_same_bits_and_is_left_open(whole, tmp_path):
    with ThreadPoolExecutor(3) as executor:  # runs in one process go one after the other
        assert models(swept(tmp_path / "threads", executor=executor).path) == models(whole)
        assert executor.submit(int).result() == 0


def test_a_second_sweep_leaves_what_is_finished_and_adds_what_is_new(whole, tmp_path):
    swept(tmp_path / "a")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "a").glob("*/*")}
    found = swept(tmp_path / "a", {"machine.n_hidden": [4, 6, 5], "train.seed": [1]})
    assert len(found.runs) == 3
    assert {path: path.stat().st_mtime_ns for path in before} == before
    told = json.loads((tmp_path / "a" / "sweep.json").read_text())
    assert told["axes"] == {"machine.n_hidden": [4, 6, 5], "train.seed": [0, 1]}
    assert len(told["tasks"]) == 5


def test_other_settings_and_other_folders_are_refused(tmp_path):
    swept(tmp_path / "a", {"train.seed": [0]})
    with pytest.raises(EbmError, match=r"\[machine\] n_hidden is 8 there, 9 in the sweep"):
        experiment.sweep(
            TINY, {"train.seed": [0]}, overrides=(*FAST, "machine.n_hidden=9"), out=tmp_path / "a"
        )
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "a.tex").write_text("precious")
    with pytest.raises(EbmError, match="not a sweep"):
        swept(tmp_path / "thesis")
    (tmp_path / "a" / "sweep.json").write_text("[1")
    with pytest.raises(EbmError, match=r"sweep\.json"):
        swept(tmp_path / "a", {"train.seed": [0]})


@pytest.mark.parametrize(
    ("how", "match"),
    [
        ({"workers": 0}, "workers"),
        ({"threads": 1.5}, "threads"),
        ({"random": -1}, "random"),
        ({"executor": "two"}, "executor"),
        ({"halving": 3}, "halving"),
        ({"seed": -1}, "seed"),
        ({"grid": {"machine.n_hiden": [1, 2]}}, "n_hidden"),
    ],
)
def test_arguments_of_a_wrong_kind_are_refused_before_anything_is_written(how, match, tmp_path):
    with pytest.raises(EbmError, match=match):
        swept(tmp_path / "a", **how)
    assert not (tmp_path / "a").exists()


def test_what_fails_says_so_and_stops_nothing(tmp_path):
    """A config that is refused, a run that diverges; the next sweep tries again."""
    report = quiet()
    grid = {"optimiser.rate": [0.1, 1e308], "machine.n_hidden": [4, -1]}
    found = swept(tmp_path / "a", grid, report=report)
    assert len(found.runs) == 1
    assert len(found.failed) == 3
    diverged = RunDirectory(found.path / "optimiser.rate=1e+308,machine.n_hidden=4")
    assert "non-finite" in diverged.error or "absurd" in diverged.error or "sensible" in diverged.error
    assert (
        "greater than or equal"
        in (found.path / "optimiser.rate=0.1,machine.n_hidden=-1" / "error.txt").read_text()
    )
    assert "1 finished, 3 failed" in report.console.file.getvalue()
    assert swept(tmp_path / "a", grid).failed == found.failed


def test_a_run_that_failed_is_finished_by_the_next_sweep(whole, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("ebm.experiment.runner.run_stages", full)
        found = swept(tmp_path / "a", {"machine.n_hidden": [4], "train.seed": [0]})
        assert "No space left" in found.failed["machine.n_hidden=4,train.seed=0"]
    run = RunDirectory(tmp_path / "a" / "machine.n_hidden=4,train.seed=0")
    assert "No space left" in run.error
    swept(tmp_path / "a", {"machine.n_hidden": [4], "train.seed": [0]})
    assert run.error is None
    assert models(run.path.parent).items() <= models(whole).items()


class Dying(Executor):
    """Its workers die, now and then after some work."""

    def __init__(self, deaths, works=False):
        self.deaths, self.works = deaths, works

    def submit(self, fn, /, task):
        future = Future()
        if self.deaths > 0:
            self.deaths -= 1
            if self.works:
                experiment.run(TINY, FAST, out=task.path, report=quiet(), pause=1 + self.deaths)
            future.set_exception(WorkerDied("its process ended with code -9"))
        else:
            future.set_result(fn(task))
        return future


def test_a_task_whose_worker_dies_is_tried_again(whole, tmp_path):
    found = swept(tmp_path / "a", executor=Dying(7))
    assert models(found.path) == models(whole)


def test_a_task_that_kills_its_workers_is_given_up(tmp_path):
    found = swept(tmp_path / "a", {"train.seed": [0]}, executor=Dying(100))
    assert "code -9" in found.failed["train.seed=0"]


def test_busy_runs_are_waited_for(whole, tmp_path):
    class Busy(Executor):
        asked = 0

        def submit(self, fn, /, task):
            future = Future()
            Busy.asked += 1
            future.set_result(Outcome("busy") if Busy.asked <= 2 else fn(task))
            return future

    found = swept(tmp_path / "a", executor=Busy())
    assert models(found.path) == models(whole)


def test_who_is_slower_to_begin_a_run_waits_for_it(whole, tmp_path, monkeypatch):
    """Between the look whether there is a run and its beginning, another sweep begins it."""
    seen = RunDirectory.is_run
    first = []

    def before(self):
        if not first and self.path.name == "train.seed=0":
            first.append(True)
            return False
        return seen(self)

    swept(tmp_path / "a", {"train.seed": [0]})
    (tmp_path / "a" / "train.seed=0" / "summary.json").unlink()
    monkeypatch.setattr(RunDirectory, "is_run", before)
    found = swept(tmp_path / "a", {"train.seed": [0]})
    assert len(found.runs) == 1
    assert found.runs["train.seed=0"].error is None


def test_a_process_that_is_killed_is_replaced():
    with Workers(1) as workers:
        with pytest.raises(WorkerDied, match="-9"):
            workers.submit(os.kill, workers.submit(os.getpid).result(), signal.SIGKILL).result()
        assert workers.submit(divmod, 7, 2).result() == (3, 1)
        with pytest.raises(ZeroDivisionError):
            workers.submit(divmod, 7, 0).result()
        with pytest.raises(Exception, match="pickle"):
            workers.submit(lambda: None).result()
        assert workers.submit(divmod, 7, 2).result() == (3, 1)


def begun(out, *more):
    command = [sys.executable, "-m", "ebm", "sweep", str(TINY), "--out", str(out), "--workers", "2"]
    command += ["--grid", "machine.n_hidden=4,6", "--grid", "train.seed=0:2"]
    command += [f"--set={item}" for item in FAST] + list(more)
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def waited(found, seconds=120):
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.slow  # experiments/sweep kills more of them
def test_a_driver_that_is_killed_takes_its_workers_along_and_the_next_one_finishes(tmp_path):
    more = ("--set=train.epochs=1500", "--set=train.evaluate_every=50")
    process = begun(tmp_path / "a", *more)
    waited(lambda: len(list((tmp_path / "a").glob("*/checkpoints/*"))) > 2)
    process.kill()
    process.wait()
    waited(lambda: not list((tmp_path / "a").glob("*/.ebm.lock")) or _unlocked(tmp_path / "a"), 10)
    before = set((tmp_path / "a").glob("*/checkpoints/*"))
    process = begun(tmp_path / "a", *more)
    waited(lambda: set((tmp_path / "a").glob("*/checkpoints/*")) - before)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=120)
    assert process.returncode in (130, 0), said
    assert "Traceback" not in said
    process = begun(tmp_path / "a", *more)
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    assert "4 finished" in said
    assert "Traceback" not in said
    alone = experiment.sweep(
        TINY, GRID, overrides=(*FAST, "train.epochs=1500", "train.evaluate_every=50"), out=tmp_path / "b",
        report=quiet(),
    )  # fmt: skip
    assert models(tmp_path / "a") == models(alone.path)


def _unlocked(path):
    """Whether nobody holds a lock any more."""
    for file in path.glob("*/config.toml"):
        directory = RunDirectory(file.parent)
        try:
            directory.lock()
        except EbmError:
            return False
        directory.unlock()
    return True


# Pauses and halving.


def test_a_paused_run_ends_with_the_same_bits(whole, tmp_path):
    over = (*FAST, "machine.n_hidden=4", "train.seed=0")
    run = experiment.run(TINY, over, out=tmp_path / "p", report=quiet(), pause=3)
    assert not run.finished
    assert run.checkpoints()
    assert not experiment.resume(run.path, report=quiet(), pause=3).finished
    assert not experiment.resume(run.path, report=quiet(), pause=5).finished
    assert experiment.resume(run.path, report=quiet(), pause=100).finished
    assert models(tmp_path)["p"] == models(whole)["machine.n_hidden=4,train.seed=0"]


def test_halving_lets_the_best_go_on_with_the_same_bits(tmp_path):
    grid = {"optimiser.rate": [0.2, 0.0001, 0.1, 0.0002], "train.seed": [0, 1]}
    halving = Halving(factor=2, score="log_likelihood_train")
    found = swept(tmp_path / "h", grid, halving=halving)
    assert set(found.runs) == {
        "optimiser.rate=0.2,train.seed=0",
        "optimiser.rate=0.2,train.seed=1",
    }
    alone = models(swept(tmp_path / "all", grid).path)
    assert models(found.path).items() <= alone.items()
    rows = {
        name: len((found.path / name / "metrics.jsonl").read_text().splitlines()) for name in found.outcomes
    }
    assert rows["optimiser.rate=0.0001,train.seed=0"] < rows["optimiser.rate=0.1,train.seed=0"] < 9
    again = swept(tmp_path / "h", grid, halving=halving)
    assert again.runs.keys() == found.runs.keys()


def test_halving_refuses_what_it_cannot_compare(tmp_path):
    with pytest.raises(EbmError, match="log_likelihood_train"):
        swept(tmp_path / "a", halving=Halving(score="log_likelihod_train"))
    with pytest.raises(EbmError, match="same in all runs"):
        swept(tmp_path / "b", {"train.epochs": [4, 8]}, halving=Halving())
    with pytest.raises(EbmError, match="nothing to compare"):
        swept(tmp_path / "c", halving=Halving(factor=2))


def test_rungs_are_multiples_of_the_looks():
    assert Halving(factor=3).epochs(27, 100, 10) == [10, 30]
    assert Halving(factor=2).epochs(1, 100, 1) == []
    assert Halving(factor=2).epochs(4, 3, 5) == []


# Engines of others.


def test_engines_that_are_not_installed_are_named(monkeypatch):
    for module, engine in (
        ("distributed", lambda: engines.dask("local")),
        ("submitit", lambda: engines.slurm({}, Path("a"), 1)),
    ):
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(EbmError, match=f"{module}: pip install 'boltzmann-machines.scale.'"), engine():
            pass


def test_dask_gives_the_same_bits(whole, tmp_path):
    pytest.importorskip("distributed")
    with engines.dask("local") as executor:
        assert models(swept(tmp_path / "a", executor=executor).path) == models(whole)


def test_submitit_gives_the_same_bits(whole, tmp_path):
    pytest.importorskip("submitit")
    with engines.slurm({"cluster": "local", "timeout_min": 5}, tmp_path / "jobs", 2) as executor:
        assert models(swept(tmp_path / "a", executor=executor).path) == models(whole)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--workers", "2", "--dask", "local"], "expected one of them"),
        (["--factor", "2"], "goes with --halving"),
        (["--grid", "machine.n_hiden=1,2"], "n_hidden"),
        (["--grid", "optimiser.rate=1..2"], "--random"),
        (["--dask", "tcp://127.0.0.1:1"], "--dask"),
    ],
)
def test_the_command_says_what_is_wrong_in_one_line(words, said, tmp_path):
    found = CliRunner().invoke(main, ["sweep", str(TINY), "--out", str(tmp_path / "a"), *words])
    assert found.exit_code == 1
    assert said in found.output
    assert len(found.output.strip().splitlines()) == 1
    assert not (tmp_path / "a").exists()


def test_the_command_ends_with_one_if_a_run_failed(tmp_path):
    words = ["--grid", "machine.n_hidden=3,-3", "--workers", "1", *(f"--set={item}" for item in FAST)]
    found = CliRunner().invoke(main, ["sweep", str(TINY), "--out", str(tmp_path / "a"), *words])
    assert found.exit_code == 1
    assert "n_hidden=-3: failed" in found.output
    assert "1 finished, 1 failed" in found.output


def test_the_file_tells_how_to_draw_again(tmp_path):
    swept(tmp_path / "a", ["optimiser.rate=0.1..0.2", "train.seed=0:2"], random=2, seed=5)
    told = json.loads((tmp_path / "a" / "sweep.json").read_text())
    assert (told["random"], told["seed"]) == (2, 5)
    assert told["axes"]["optimiser.rate"] == {"low": 0.1, "high": 0.2, "log": False}
    assert len(told["tasks"]) == 4
