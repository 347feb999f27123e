"""ebm check: what a run would do, and nothing written."""

import re

import pytest
from click.testing import CliRunner

from ebm import experiment
from ebm.cli import main
from ebm.errors import EbmError
from ebm.stock import stock_configs

QUICK = ["tiny", "bars", "encoder", "diabetes-regression", "digits-dbn", "spin-glass"]


def call(*args):
    return CliRunner().invoke(main, [str(a) for a in args])


@pytest.mark.parametrize("name", QUICK)
def test_a_check_says_all_and_writes_nothing(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = call("check", name)
    assert result.exit_code == 0, result.output
    said = dict(re.findall(r"^(\w+) +(.*)$", result.output, re.M))
    assert said["config"] == str(stock_configs()[name])
    assert said["output"] == f"runs/{name}"
    assert re.search(r"\d parameters$", said["machine"])
    assert ("time" in said) == (name != "spin-glass")
    assert not list(tmp_path.iterdir())


def test_the_numbers_are_those_of_the_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = dict(experiment.check("tiny", ["train.epochs=31", "train.repeat=3", "machine.n_hidden=5"]))
    assert "14 + 14 rows of 9" in lines["data"]
    assert lines["machine"].endswith(f"{9 * 5 + 9 + 5} parameters")
    assert "186 steps of" in lines["time"]  # 31 epochs of 42 rows, 7 at a time
    assert "5 looks of" in lines["time"]  # at 0, 10, 20, 30, 31
    assert "42 rows, batches of 7, 31 epochs" in lines["steps"]


def test_a_check_is_no_part_of_the_run(tmp_path):
    import numpy as np

    import ebm

    first, second = tmp_path / "first", tmp_path / "second"
    small = ["train.epochs=3", "plots.enabled=false"]
    experiment.run("tiny", small, out=first)
    experiment.check("tiny", small)
    experiment.run("tiny", small, out=second)
    assert np.array_equal(ebm.load(first / "model.npz").W, ebm.load(second / "model.npz").W)


def test_what_a_run_refuses_is_refused(tmp_path):
    result = call("check", "tiny", "--set", "machine.n_hiden=3")
    assert result.exit_code == 1
    assert "did you mean 'n_hidden'?" in result.output
    with pytest.raises(EbmError, match=r"\[readout\] needs labels"):
        experiment.check("tiny", ["readout.epochs=3"])
    experiment.run("tiny", ["train.epochs=1", "plots.enabled=false"], out=tmp_path / "run")
    assert "--overwrite" in dict(experiment.check("tiny", out=tmp_path / "run"))["output"]
