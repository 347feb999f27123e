"""Kernels are compiled ahead by a run that nothing is kept of."""

from pathlib import Path

from click.testing import CliRunner

from ebm import experiment
from ebm.cli import main
from ebm.experiment import warming

TINY = Path(__file__).parents[1] / "configs" / "tiny.toml"


def test_one_epoch_is_run_and_nothing_kept(tmp_path, monkeypatch):
    seen = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(warming, "run", lambda config, **_: seen.append(config))
    assert experiment.warm_up(TINY) >= 0
    assert [config.train.epochs for config in seen] == [1]
    assert not list(tmp_path.iterdir())


def test_the_command_runs_what_it_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fast = ("plots.enabled=false", "sample.n=10")
    result = CliRunner().invoke(main, ["warmup", str(TINY), *(f"--set={item}" for item in fast)])
    assert result.exit_code == 0, result.output
    assert "tiny.toml calls are ready" in result.output
    assert not list(tmp_path.iterdir())


def test_a_config_that_is_none_is_refused_in_one_line():
    result = CliRunner().invoke(main, ["warmup", "nonsense"])
    assert result.exit_code != 0
    assert result.output.count("\n") == 1
