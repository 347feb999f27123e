"""[inverse] in a config: couplings inferred in place of learning; ebm infer --plot; plots.edges."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

import ebm
from ebm import EbmError
from ebm.cli import main
from ebm.experiment import run
from ebm.experiment.schema import schema
from ebm.inverse import infer, ising_network
from ebm.plots import edges

CONFIG = """
[data]
type = "File"
path = "{path}"
kind = "{kind}"
{more}

[machine]
type = "BoltzmannMachine"

[inverse]
{inverse}
"""


def config(folder, rows, kind="ising", inverse="", more=""):
    np.save(folder / "rows.npy", rows)
    file = folder / "net.toml"
    file.write_text(CONFIG.format(path=folder / "rows.npy", kind=kind, inverse=inverse, more=more))
    return file


@pytest.fixture(scope="module")
def rows():
    J = np.zeros((5, 5))
    J[0, 1] = J[1, 0] = 0.6
    J[2, 3] = J[3, 2] = -0.5
    return ebm.sample(ebm.BoltzmannMachine(ebm.Ising(), J), 1000, seed=0).x


def test_a_run_infers_as_python_does_and_draws_its_edges(rows, tmp_path):
    file = config(tmp_path, rows, inverse='penalties = [{ type = "L2", strength = 0.01 }]', more="test = 0.2")
    done = run(file, out=tmp_path / "r")
    train = ebm.datasets.File(str(tmp_path / "rows.npy"), kind="ising", test=0.2).load().train
    found = infer(train, ebm.Ising(), penalty=ebm.L2(0.01))
    assert np.array_equal(ebm.load(done.model).J, found.J)
    with open(done.path / "edges.csv", newline="") as lines:
        listed = list(csv.DictReader(lines))
    assert [(int(e["i"]), int(e["j"]), float(e["J"])) for e in listed] == [
        (e["i"], e["j"], e["J"]) for e in found.edges()
    ]
    summary = json.loads((done.path / "summary.json").read_text())
    assert summary["inverse"]["edges"] == 10
    assert (done.path / "figures" / "edges.png").is_file()


def test_a_table_has_its_methods_own_settings(rows, tmp_path):
    """They are keys, read and checked as everywhere; another method on the command line leaves them out."""
    file = config(tmp_path, rows, inverse='method = "ebic"\ngamma = 5.0\nn_penalties = 20')
    done = run(file, out=tmp_path / "r")
    train = ebm.datasets.File(str(tmp_path / "rows.npy"), kind="ising").load().train
    found = infer(train, ebm.Ising(), "ebic", gamma=5.0, n_penalties=20)
    assert np.array_equal(ebm.load(done.model).J, found.J)
    resolved = (done.path / "config.toml").read_text()
    assert "gamma = 5.0" in resolved
    assert "ratio = 0.01" in resolved
    run(file, ["inverse.method=decimation", "inverse.fraction=0.2"], out=tmp_path / "d")
    said = schema()["$defs"]["inverse.inverse"]["properties"]
    assert {"gamma", "fraction", "n_chains", "tolerance"} <= said.keys()
    assert "watch" not in said
    assert "EBIC" in said["gamma"]["description"]


def test_a_run_of_potts_units(tmp_path):
    made = ebm.BoltzmannMachine.random(ebm.Potts(3), 4, scale=0.5, seed=1, dtype="float64")
    x = ebm.sample(made, 500, seed=0).x
    file = config(tmp_path, x, "potts", 'penalties = [{ type = "GroupLasso", strength = 0.05 }]')
    done = run(file, out=tmp_path / "r")
    train = ebm.datasets.File(str(tmp_path / "rows.npy"), kind="potts").load().train
    found = infer(train, ebm.Potts(3), penalty=ebm.GroupLasso(0.05))
    np.testing.assert_array_equal(ebm.load(done.model).J, found.J)


@pytest.mark.parametrize(
    ("inverse", "settings", "match"),
    [
        ('method = "pseudo"', (), "pseudo_likelihood"),
        ("methods = 1", (), "method"),
        ('method = "ebic"\ngama = 1.0', (), "gama: unknown key of inverse.*gamma"),
        ('method = "rise"\ngamma = 1.0', (), "gamma: unknown key"),
        ('method = "ebic"\ngamma = -1.0', (), "gamma: .*greater than or equal to 0"),
        ('method = "boltzmann"\nwatch = 1', (), "watch: unknown key"),
        ("", ("machine.n_hidden=2",), "without hidden"),
        ("", ('machine.type="RBM"', "machine.n_hidden=2"), "BoltzmannMachine"),
        ("", ("train.epochs=2",), r"in place of \[train\]"),
        ('penalties = [{ type = "L3" }]', (), "L3"),
        ('method = "tap"\npenalties = [{ type = "L2", strength = 1.0 }]', (), "takes no penalty"),
    ],
)
def test_what_makes_no_sense_is_refused(rows, tmp_path, inverse, settings, match):
    with pytest.raises(EbmError, match=match):
        run(config(tmp_path, rows, inverse=inverse), settings, out=tmp_path / "r")


def test_results_draw_and_tabulate_themselves(rows):
    """`plot`, `to_frame`, `graph` of all couplings and of few, with names of units; wrong names are told."""
    names = list("abcde")
    found, few = infer(rows), ising_network(rows)
    first = found.edges()[0]
    ax = found.plot(names, n=3)
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels[0] == f"{names[first['i']]} – {names[first['j']]}"
    assert len(labels) == 3
    assert "95 %" in ax.get_xlabel()
    assert [text.get_text() for text in few.plot(names).texts] == names
    assert few.plot(ax=ax) is ax
    none = replace(found, machine=ebm.BoltzmannMachine(ebm.Ising(), np.zeros((5, 5))))
    with pytest.raises(EbmError, match="no couplings to draw"):
        none.plot()
    for result in (found, few):
        with pytest.raises(EbmError, match="names: expected 5"):
            result.plot(names[:3])
    pytest.importorskip("pandas")
    frame = found.to_frame(names)
    assert list(frame.columns) == ["i", "j", "J", "stderr", "z", "p"]
    assert (frame.i[0], frame.j[0], frame.J[0]) == (names[first["i"]], names[first["j"]], first["J"])
    pytest.importorskip("networkx")
    graph = found.graph(names, least_z=5)
    assert set(map(frozenset, graph.edges)) == {frozenset("ab"), frozenset("cd")}
    assert graph["a"]["b"]["weight"] == found.J[0, 1]
    assert graph["a"]["b"]["z"] == found.z[0, 1]
    assert graph.nodes["e"]["bias"] == found.b[4]


def test_edges_are_drawn_with_their_errors(rows, tmp_path):
    ax = edges(["a – b", "a – c"], [0.5, -0.25], [0.1, 0.2])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a – b", "a – c"]
    spans = sorted(tuple(s[:, 0]) for bar in ax.collections for s in bar.get_segments())
    np.testing.assert_allclose(spans, [(-0.642, 0.142), (0.304, 0.696)], atol=1e-3)
    assert edges(["a"], [1.0]).get_xlabel() == "coupling J (nats)"
    with pytest.raises(EbmError, match="as many names"):
        edges(["a"], [1.0, 2.0])
    np.save(tmp_path / "a.npy", rows)
    done = CliRunner().invoke(main, ["infer", str(tmp_path / "a.npy"), "--plot", str(tmp_path / "e.png")])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "e.png").read_bytes()[1:4] == b"PNG"
    many = CliRunner().invoke(main, ["infer", str(tmp_path / "a.npy"), "--units", "potts"])
    assert many.exit_code == 1
    assert "ising" in many.output.lower()
