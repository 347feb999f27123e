"""Alignments where rows are read: a family without a file, runs, the command line; their figures."""

import csv
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import ebm
from ebm import EbmError, plots
from ebm.cli import main
from ebm.datasets import Alignment, RNAFamily, write_fasta
from ebm.experiment import read_config, run
from ebm.inverse import contact_pairs, contact_scores, infer, mutation_scan, sequence_weights

HAIRPIN = "((((....))))"


def test_an_rna_family_pairs_as_its_structure_says():
    made = RNAFamily(HAIRPIN, rows=4000, mismatches=0.1, gaps=0.05, seed=1)
    data = made.load()
    assert (data.kind, data.n_states, data.train.shape) == ("potts", 5, (3200, 12))
    assert made.pairs() == [(0, 11), (1, 10), (2, 9), (3, 8)]
    x = np.concatenate([data.train, data.test])
    fits = {(1, 4), (4, 1), (2, 3), (3, 2), (3, 4), (4, 3)}
    for i, j in made.pairs():
        there = (x[:, i] > 0) & (x[:, j] > 0)
        share = np.mean([tuple(pair) in fits for pair in x[there][:, [i, j]].tolist()])
        expected = 0.9 + 0.1 * 6 / 16
        assert abs(share - expected) < 4 * np.sqrt(expected * (1 - expected) / there.sum())
        assert ((x[:, i] == 0) == (x[:, j] == 0)).all()
    assert abs((x == 0).mean() - 0.05) < 0.005
    again = RNAFamily(HAIRPIN, rows=4000, seed=1).load()
    np.testing.assert_array_equal(again.train, data.train)


def test_its_couplings_are_those_of_the_paired_sites():
    """Unpaired sites are independent: the scores of pairs stand out, far from everything else."""
    made = RNAFamily(HAIRPIN, rows=2000)
    found = infer(made.load().train, ebm.Potts(5), penalty=ebm.L2(0.01))
    scores = contact_scores(found.machine, apc=False)
    best = [tuple(pair) for pair in contact_pairs(scores, 4, separation=1).tolist()]
    assert sorted(best) == made.pairs()
    ranked = np.sort(scores[np.triu_indices(12, 1)])
    assert ranked[-4] > 3 * ranked[-5]


@pytest.mark.parametrize(
    ("structure", "said"),
    [("((.)", "the bracket at 0"), (".)", "')' at 1"), ("", "it is empty"), ("..x", "'x' at 2")],
)
def test_structures_that_are_none(structure, said):
    with pytest.raises(EbmError) as error:
        RNAFamily(structure).load()
    assert said in str(error.value)


@pytest.fixture(scope="module")
def fasta(tmp_path_factory):
    """A family in which each sequence comes twice: relatives."""
    rows = RNAFamily(HAIRPIN, rows=300).load().train
    path = tmp_path_factory.mktemp("fasta") / "family.fasta"
    write_fasta(path, Alignment(np.concatenate([rows, rows[:100]]), alphabet="rna"))
    return path


def weighed(path, penalty):
    family = ebm.datasets.read_fasta(path)
    return infer(family, ebm.Potts(5), penalty=penalty, weights=sequence_weights(family, 0.8))


def test_the_command_line_weighs_a_family(fasta, tmp_path):
    out, table = tmp_path / "family.npz", tmp_path / "edges.csv"
    done = CliRunner().invoke(
        main, ["infer", str(fasta), "--l2", "0.01", "-o", str(out), "--csv", str(table)]
    )
    assert done.exit_code == 0, done.output
    found = ebm.load(out)
    assert found.units == ebm.Potts(5)
    np.testing.assert_array_equal(found.J, weighed(fasta, ebm.L2(0.01)).J)
    with open(table, newline="") as lines:
        first = next(csv.DictReader(lines))
    assert (int(first["i"]), int(first["j"])) in RNAFamily(HAIRPIN).pairs()
    plain = CliRunner().invoke(main, ["infer", str(fasta), "--l2", "0.01", "-o", str(out), "--identity", "1"])
    assert plain.exit_code == 0
    assert np.abs(ebm.load(out).J - found.J).max() > 1e-3
    wrong = CliRunner().invoke(main, ["infer", str(fasta), "--l2", "0.01", "--identity", "2"])
    assert "identity: expected a finite number from 0 up to 1" in wrong.output


def test_a_run_weighs_a_family(fasta, tmp_path):
    config = tmp_path / "a.toml"
    config.write_text(
        f'[data]\ntype = "File"\npath = "{fasta}"\ntest = 0.1\n[machine]\ntype = "BoltzmannMachine"\n'
        '[inverse]\nidentity = 0.8\npenalties = [{ type = "L2", strength = 0.01 }]\n'
    )
    done = run(config, out=tmp_path / "r")
    train = ebm.datasets.File(str(fasta), test=0.1).load().train
    expected = infer(train, ebm.Potts(5), penalty=ebm.L2(0.01), weights=sequence_weights(train, 0.8))
    np.testing.assert_array_equal(ebm.load(done.model).J, expected.J)


def test_the_stock_config_finds_the_pairs(tmp_path):
    path = Path(__file__).parents[1] / "configs" / "alignment.toml"
    assert read_config(path)
    done = run(path, [f"data.structure={HAIRPIN}", "data.rows=1000"], out=tmp_path / "r")
    with open(done.path / "edges.csv", newline="") as lines:
        best = [(int(e["i"]), int(e["j"])) for _, e in zip(range(4), csv.DictReader(lines), strict=False)]
    assert sorted(best) == RNAFamily(HAIRPIN).pairs()


# Figures.


def test_contact_maps_count_what_they_show():
    distances = np.full((6, 6), 20.0)
    distances[0, 5] = distances[5, 0] = 3.0
    distances[4] = distances[:, 4] = np.nan
    ax = plots.contact_map([[5, 0], [0, 3], [1, 4]], distances)
    assert ax.get_title() == "1 of 2 predicted pairs touch: PPV 0.5"
    shown = {c.get_label(): c.get_offsets().tolist() for c in ax.collections}
    assert shown == {"touch (1)": [[5, 0]], "do not (1)": [[3, 0]], "not known (1)": [[4, 1]]}
    true = np.asarray(ax.images[0].get_array())
    assert true.sum() == 2
    np.testing.assert_array_equal(plots.contact_map([[0, 5]], distances < 8).images[0].get_array(), true)


def test_curves_stand_at_their_numbers():
    ax = plots.ppv_curve({"one": np.linspace(1, 0.2, 100), "two": np.linspace(1, 0.4, 100)}, 20)
    lines = [line for line in ax.get_lines() if len(line.get_xdata()) > 2]
    np.testing.assert_allclose(lines[0].get_ydata(), np.linspace(1, 0.2, 100)[:60])
    assert lines[0].get_xdata()[0] == 1
    assert [text.get_text() for text in ax.texts] == ["L/5", "L/2", "L"]
    assert [text.get_position()[0] for text in ax.texts] == [4, 10, 20]


def test_mutation_maps_show_sites_and_letters():
    machine = ebm.BoltzmannMachine.random(ebm.Potts(5), 7, scale=1.0, dtype="float64")
    wild = np.array([0, 1, 2, 3, 4, 0, 1])
    changes = mutation_scan(machine, wild)
    ax = plots.mutation_map(changes, wild, "-ACGU")
    picture = ax.images[0]
    np.testing.assert_allclose(picture.get_array(), changes.T)
    assert picture.get_clim() == (-np.abs(changes).max(), np.abs(changes).max())
    np.testing.assert_array_equal(ax.collections[0].get_offsets(), np.stack([np.arange(7), wild], 1))
    assert [text.get_text() for text in ax.get_xticklabels()] == list("-ACGU-A")
    changes[2, 3] = np.nan
    assert plots.mutation_map(changes).images[0].get_array().mask.sum() == 1


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: plots.contact_map([[0, 9]], np.eye(3)), "expected sites from 0 to 2, got 0, 9"),
        (lambda: plots.contact_map([0, 1], np.eye(3)), "pairs: expected integers (k, 2)"),
        (lambda: plots.contact_map([[0, 1]], np.zeros((2, 3))), "contacts: expected a square matrix"),
        (lambda: plots.ppv_curve({}), "expected 1 to 3 curves, got 0"),
        (lambda: plots.ppv_curve([[1.0]]), "expected numbers (k,)"),
        (lambda: plots.mutation_map(np.eye(3), alphabet="AC"), "expected 3 letters, got 2"),
        (lambda: plots.mutation_map(np.eye(3), [0, 1, 3]), "expected 3 states from 0 to 2"),
    ],
)
def test_figures_refuse_in_one_line(call, said):
    with pytest.raises(EbmError) as error:
        call()
    assert said in str(error.value)
