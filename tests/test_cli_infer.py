"""ebm infer: rows to edges from the command line."""

import csv

import numpy as np
import pytest
from click.testing import CliRunner

import ebm
from ebm.cli import main
from ebm.inverse import Firth, infer


@pytest.fixture(scope="module")
def rows():
    J = np.zeros((4, 4))
    J[0, 1] = J[1, 0] = 0.5
    J[2, 3] = J[3, 2] = -0.4
    return ebm.sample(ebm.BoltzmannMachine(ebm.Ising(), J), 2000, seed=0).x


def ran(*words):
    return CliRunner().invoke(main, ["infer", *map(str, words)])


def test_edges_machine_and_table_are_those_of_python(rows, tmp_path):
    np.savetxt(tmp_path / "a.csv", rows, "%d", ",", header="anna,bert,carl,dora", comments="")
    done = ran(tmp_path / "a.csv", "--csv", tmp_path / "e.csv", "-o", tmp_path / "m.npz")
    assert done.exit_code == 0, done.output
    found = infer(rows)
    assert np.array_equal(ebm.load(tmp_path / "m.npz").J, found.J)
    with open(tmp_path / "e.csv", newline="") as file:
        edges = list(csv.DictReader(file))
    assert [(e["i"], e["j"]) for e in edges[:2]] == [("anna", "bert"), ("carl", "dora")]
    assert float(edges[0]["stderr"]) == found.stderr_J[0, 1]
    assert "anna  bert" in done.output
    assert "pseudo_likelihood" in done.output


def test_methods_without_errors_have_fewer_columns(rows, tmp_path):
    np.save(tmp_path / "a.npy", (rows + 1) / 2)
    done = ran(tmp_path / "a.npy", "--method", "tap", "--units", "bernoulli")
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[1].split() == ["i", "j", "J"]
    assert len(done.output.splitlines()) == 8


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--method", "tapp"], "did you mean 'tap'?"),
        (["--l2", "-1"], "l2"),
        (["-o", "m.txt"], "unknown file type"),
        (["--units", "ising", "--method", "rise"], "Ising"),
    ],
)
def test_what_is_wrong_is_one_line(rows, tmp_path, words, said):
    np.save(tmp_path / "a.npy", (rows + 1) / 2)
    done = ran(tmp_path / "a.npy", *words)
    assert done.exit_code == 1
    assert said.lower() in done.output.lower()
    assert len(done.output.strip().splitlines()) == 1


@pytest.mark.filterwarnings("default")
def test_answers_on_a_scale_are_categories(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.integers(1, 6, (300, 3))
    x[:, 1] = np.where(rng.random(300) < 0.6, x[:, 0], x[:, 1])
    np.savetxt(tmp_path / "a.csv", x, "%d", ",", header="sleep,mood,work", comments="")
    done = ran(tmp_path / "a.csv", "--l2", "0.01")
    assert done.exit_code == 0, done.output
    assert "sleep  mood" in done.output


@pytest.mark.filterwarnings("error")
def test_firth_makes_a_pair_that_is_always_alike_finite(tmp_path):
    x = np.array([[0, 0], [0, 0], [1, 1], [1, 1], [1, 1]])
    np.save(tmp_path / "a.npy", x)
    done = ran(tmp_path / "a.npy", "--firth")
    assert done.exit_code == 0, done.output
    assert f"{infer(x, penalty=Firth()).J[0, 1]:.4g}" in done.output
    refused = ran(tmp_path / "a.npy", "--firth", "--l2", "0.1")
    assert "stands alone" in refused.output
