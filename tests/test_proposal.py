"""`ebm new --data`: a config that fits a file of rows."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from ebm.baselines import ChowLiu
from ebm.cli import main
from ebm.datasets import File
from ebm.errors import EbmError
from ebm.experiment import read_config
from ebm.experiment.proposal import propose
from ebm.units import Gaussian

RNG = np.random.default_rng(0)
BITS = RNG.integers(0, 2, (60, 5))
ROWS = {
    "bernoulli": BITS,
    "ising": 2 * BITS - 1,
    "potts": RNG.integers(0, 4, (60, 5)),
    "gaussian": 1000 + RNG.normal(size=(60, 5)) * [1, 100, 1e-3, 1, 0],  # a constant column among them
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(rows, name="my.csv", header=""):
    np.savetxt(name, rows, fmt="%.10g", delimiter=",", header=header, comments="")


def call(*args):
    return CliRunner().invoke(main, [str(a) for a in args])


@pytest.mark.parametrize("kind", ROWS)
def test_the_kind_is_found_and_the_config_can_be_run(kind, folder):
    write(ROWS[kind])
    result = call("new", "--data", "my.csv")
    assert result.exit_code == 0, result.output
    config = read_config("my.toml")
    assert config.data.kind == kind
    assert config.data.load().kind == kind
    assert "my.csv" in (folder / "my.toml").read_text("utf-8")
    assert (config.machine.arguments["visible"] == Gaussian(learn_precision=True)) == (kind == "gaussian")
    small = ["--set", "train.epochs=2", "--set", "sample.n=5", "--set", "plots.enabled=false"]
    done = call("run", "my.toml", *small)
    assert done.exit_code == 0, done.output
    summary = json.loads((folder / "runs/my/summary.json").read_text())
    assert np.isfinite(summary["log_likelihood_test"])


def test_whole_numbers_are_real_when_asked(folder):
    write(ROWS["potts"])
    assert call("new", "--data", "my.csv", "--kind", "gaussian").exit_code == 0
    assert read_config("my.toml").data.standardise
    assert (
        "expected only -1 and +1" in call("new", "--data", "my.csv", "--kind", "ising", "--overwrite").output
    )


def test_labels_are_classes_or_numbers(folder):
    y = np.arange(60) % 3
    write(np.column_stack([BITS, y]), header="a,b,c,d,e,species")
    write(np.column_stack([ROWS["gaussian"], y + 0.5]), "numbers.csv")
    assert call("new", "--data", "my.csv", "--labels", "species").exit_code == 0
    classes = read_config("my.toml")
    assert classes.data.load().classes == 3
    assert "readout" in classes.stages
    assert call("new", "--data", "numbers.csv", "--labels", "-1").exit_code == 0
    numbers = read_config("numbers.toml").data.load()
    assert numbers.classes is None
    assert abs(numbers.train_labels.mean()) < 1e-9
    assert "species" in call("new", "--data", "my.csv", "--labels", "spezies", "--overwrite").output


def test_what_does_not_go_together_is_refused(folder):
    write(BITS)
    for wrong in (["new"], ["new", "tiny", "--data", "my.csv"], ["new", "tiny", "--labels", "x"]):
        result = call(*wrong)
        assert result.exit_code == 1
        assert result.output.startswith("ebm: new: ")
        assert result.output.count("\n") == 1
    assert not (folder / "tiny.toml").exists()
    assert "no such file" in call("new", "--data", "your.csv").output


def test_numbers_are_standardised_by_the_training_rows(folder):
    write(ROWS["gaussian"])
    data = File("my.csv", kind="gaussian", standardise=True).load()
    assert np.allclose(data.train.mean(0), 0, atol=1e-3)
    assert np.allclose(data.train.std(0), [1, 1, 1, 1, 0], atol=1e-3)
    assert not np.allclose(data.test.mean(0), 0, atol=1e-3)
    write(BITS)
    with pytest.raises(EbmError, match="standardise is for real numbers; found bernoulli values"):
        File("my.csv", standardise=True).load()


def test_what_is_proposed_learns_more_than_a_tree_can(folder):
    """Rows are four patterns, some bits wrong: a tree has one neighbour to tell a bit by."""
    patterns = RNG.integers(0, 2, (4, 12))
    rows = patterns[RNG.integers(0, 4, 1000)] ^ (RNG.random((1000, 12)) < 0.1)
    write(rows[:600])
    tables, _ = propose("my.csv")
    assert tables["machine"]["n_hidden"] == 12
    assert call("new", "--data", "my.csv").exit_code == 0
    quick = ["--set", "train.epochs=60", "--set", "plots.enabled=false"]
    assert call("run", "my.toml", *quick).exit_code == 0
    summary = json.loads((folder / "runs/my/summary.json").read_text())
    tree = ChowLiu.fit(rows[:600]).log_likelihood(rows[600:]).mean()
    assert summary["log_likelihood_test"] > tree + 0.2  # nats
