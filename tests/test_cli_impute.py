"""ebm impute, and ebm score of rows with gaps."""

import numpy as np
import pytest
from click.testing import CliRunner

import ebm
from ebm.cli import main
from ebm.estimators import BoltzmannImputer


@pytest.fixture
def folder(tmp_path, monkeypatch):
    machine = ebm.BoltzmannMachine(ebm.Bernoulli(), [[0.0, 3.0], [3.0, 0.0]], [-1.0, -1.0])
    ebm.save(tmp_path / "model.npz", machine)
    (tmp_path / "rows.csv").write_text("a,b\n1,\nNA,0\n?,\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words):
    return CliRunner().invoke(main, list(words))


def test_modes_means_and_draws(folder):
    assert run("impute", "model.npz", "rows.csv").stdout == "a,b\n1,1\n0,0\n1,1\n"
    found = run("impute", "model.npz", "rows.csv", "--statistic", "mean").stdout.splitlines()
    assert float(found[1].split(",")[1]) == pytest.approx(1 / (1 + np.exp(-2)), abs=1e-6)
    run("impute", "model.npz", "rows.csv", "--statistic", "draw", "-o", "out.npy")
    drawn = np.load("out.npy")
    assert drawn.shape == (3, 2)
    assert np.isin(drawn, (0, 1)).all()
    assert (drawn[0, 0], drawn[1, 1]) == (1, 0)


def test_an_estimator_imputes_too(folder):
    X = np.array([[0, 0], [1, 1]] * 30, float)
    ebm.save("imputer.npz", BoltzmannImputer(4, n_iter=200, random_state=0).fit(X))
    assert run("impute", "imputer.npz", "rows.csv").stdout.splitlines()[1:3] == ["1,1", "0,0"]


def test_score_of_what_was_observed(folder):
    machine = ebm.load("model.npz")
    rows = np.array([[1, np.nan], [np.nan, 0], [np.nan, np.nan]])
    expected = ebm.log_likelihood(machine, rows)
    found = run("score", "model.npz", "rows.csv", "-o", "scores.csv")
    assert f"{expected.mean():.4f}" in found.stdout
    assert np.loadtxt("scores.csv", skiprows=1) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "rows: 2.0 at row 0, column 1; Bernoulli() takes 0 and 1"),
        ("a,b,c\n1,0,\n", "rows: expected shape (n, 2), got (1, 3)"),
        ("a,b\n1,x\n", "rows.csv: line 2, column 'b': 'x' is no number"),
    ],
)
def test_bad_rows_are_one_line(folder, text, message):
    (folder / "rows.csv").write_text(text)
    found = run("impute", "model.npz", "rows.csv")
    assert found.exit_code == 1
    assert message in found.stderr
    assert len(found.stderr.splitlines()) == 1
