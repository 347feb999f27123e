"""Lessons: what they say is held against all states, and they refuse what makes no sense."""

import inspect
import re
import runpy
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from ebm import RBM, Bernoulli, BoltzmannMachine, EbmError, Ising, Stream, classroom
from ebm.classroom.landscape import valleys
from ebm.classroom.states import all_states
from ebm.classroom.text import Bars, Grid, Table
from ebm.cli import main

SMALL = {
    "hamiltonian": {"n": 3},
    "gibbs": {"n": 3, "n_sweeps": 4},
    "softmax": {"n_rows": 30},
    "ising": {"size": 4, "n_samples": 100, "n_pictures": 3},
    "annealing": {"n": 6, "n_chains": 20},
    "landscape": {"n": 6},
    "hopfield": {"size": 40, "n_trials": 2},
    "gradient": {"n_hidden": 2, "k": 2, "n_repeats": 40},
    "encoder": {"n": 4, "n_hidden": 2, "n_starts": 6},
    "shifter": {"n": 3, "n_hidden": 4, "n_steps": 40},
    "thermodynamics": {"n_hidden": 3, "n_samples": 300, "n_steps": 3},
    "log_z": {"n_visible": 5, "n_hidden": 2},
    "backprop": {},
}
LESSONS = {}


def lesson(name):
    """A small lesson, given once."""
    if name not in LESSONS:
        LESSONS[name] = classroom.LESSONS[name](**SMALL[name])
    return LESSONS[name]


def test_all_lessons_are_tried():
    assert list(SMALL) == list(classroom.LESSONS)


@pytest.mark.parametrize("name", SMALL)
def test_a_lesson_shows(name):
    given = lesson(name)
    assert max(map(len, str(given).splitlines())) < 160
    assert str(given).startswith(given.title)
    assert len(repr(given)) < 100
    assert given.numbers
    for figure in given.figures.values():
        assert all(ax.get_title() or ax.get_label() == "<colorbar>" for ax in figure.axes)


def test_a_lesson_is_saved_and_displayed(tmp_path):
    given = lesson("landscape")
    files = given.save(tmp_path / "new" / "folder")
    assert all(path.stat().st_size > 0 for path in files)
    assert {path.stem for path in files} == {given.name, *given.drawings, *given.films}
    html = given._repr_html_()
    assert html.count("<img") == len(given.drawings) + len(given.films)
    assert html.count("<table>") == 2


@pytest.mark.parametrize("name", SMALL)
def test_a_lesson_refuses(name):
    for key in inspect.signature(classroom.LESSONS[name]).parameters:
        for wrong in ("text", None, -1, float("nan"), 10**15, [1, 2], len):
            if key == "seed" and wrong == 10**15:
                continue
            with pytest.raises(EbmError) as error:
                classroom.LESSONS[name](**{**SMALL[name], key: wrong})
            assert "\n" not in str(error.value)


def test_the_hamiltonian_is_that_of_the_machine():
    found = classroom.hamiltonian(n=4, beta=0.7, seed=3).numbers
    machine = BoltzmannMachine(Bernoulli(), found["J"], found["b"])
    log_z, stats = machine.exact(0.7)
    np.testing.assert_allclose(found["p"].sum(), 1)
    np.testing.assert_allclose(found["p"], np.exp(-0.7 * machine.energy(found["x"]) - log_z))
    np.testing.assert_allclose(found["p"] @ found["x"], stats["b"])
    np.testing.assert_allclose(found["log_z"], found["entropy"] - 0.7 * found["mean_energy"])


def test_transitions_leave_p_and_chains_follow_them():
    found = classroom.gibbs(n=3, n_sweeps=5, seed=1).numbers
    np.testing.assert_allclose(found["p"] @ found["transitions"], found["p"])
    expected = found["expected"][1:]
    z = (found["counted"][1:] - expected) / np.sqrt(expected * (1 - expected) / 2000 + 1e-12)
    assert (z**2).mean() < 2.0  # of 40 numbers
    flips = np.abs(np.diff(found["path"], axis=0)).sum(1)
    assert flips.max() == 1  # one unit at a time


def test_the_gradient_and_its_bias():
    """CD's mean is what enumeration says it is, and PCD's is the exact gradient."""
    found = lesson("gradient").numbers
    machine = RBM(Bernoulli(), Bernoulli(), found["W"], -found["W"].sum(1) / 2, -found["W"].sum(0) / 2)
    v = classroom.gradient.__globals__["BarsAndStripes"](2).load().train.astype(float)
    data, model = machine.stats(v), machine.exact()[1]
    exact = np.concatenate([(data[key] - model[key]).ravel() for key in ("W", "b", "c")])
    np.testing.assert_allclose(found["exact"], exact, atol=1e-12)
    for name in ("CD-1", "CD-2"):
        error = found["spread"][name] / np.sqrt(found["n_repeats"])
        z = (found["mean"][name] - exact - found["bias"][name]) / error
        assert (z**2).mean() < 2.5
        assert np.linalg.norm(found["bias"][name]) > 0.01
    assert np.abs(found["mean"]["PCD"] - exact).max() < 0.05


def test_patterns_are_the_lowest_states():
    found = lesson("hopfield").numbers
    np.testing.assert_allclose(found["stored_energy"], found["energy"].min())
    np.testing.assert_array_equal(found["recalled"], found["stored"])
    assert found["kept"][0] == 1.0
    assert found["kept"][-1] < 0.9


def test_the_encoder_finds_a_code():
    found = lesson("encoder").numbers
    assert len({tuple(code) for code in found["codes"]}) == 4
    np.testing.assert_allclose(found["answers"].sum(1), 1)
    assert found["right"] > 0.9
    assert found["log_likelihood"] < found["best_possible"]


def test_the_shift_needs_hidden_units():
    found = classroom.shifter(n=4, n_hidden=8).numbers
    np.testing.assert_allclose(found["right_without"], 1 / 3, atol=1e-3)
    np.testing.assert_allclose(found["best"].sum(1), 1)
    assert found["right"] > 0.7
    assert found["right"] < found["ideal"] + 0.02
    assert found["log_likelihood"] < -found["entropy"]


def test_annealing_knows_the_ground_state():
    found = lesson("annealing").numbers
    machine = BoltzmannMachine(Ising(), found["J"])
    energy = machine.energy(all_states(machine))
    assert found["ground"] == energy.min()
    assert found["share"][-1] > found["share"][0]
    assert (found["mean_energy"] * 6 >= energy.min() - 1e-9).all()


def flooded(energy, start, goals, n):
    """The lowest height at which water from a state reaches one of others: by trying every height."""
    for height in np.sort(energy[energy >= energy[start]]):
        wet, front = {start}, [start]
        while front:
            state = front.pop()
            for i in range(n):
                other = state ^ (1 << i)
                if other not in wet and energy[other] <= height:
                    wet.add(other)
                    front.append(other)
        if wet & goals:
            return height
    return np.inf


def test_valleys_and_barriers():
    n = 6
    energy = Stream(4).uniform(1, 2**n)[0]
    found = valleys(energy, n)
    around = energy[np.arange(2**n)[:, None] ^ (1 << np.arange(n))]
    np.testing.assert_array_equal(np.sort(found.lowest), np.flatnonzero((around > energy[:, None]).all(1)))
    assert len(found.lowest) > 3
    for k, bottom in enumerate(found.lowest[1:], 1):
        height = flooded(energy, bottom, set(found.lowest[:k].tolist()), n)
        assert found.barrier[k] == pytest.approx(height - energy[bottom])
    assert len(found.passes) == len(found.lowest) - 1
    assert energy[found.lowest[found.valley]].tolist() <= energy.tolist()


def test_the_ising_model_is_that_of_all_states():
    found = lesson("ising").numbers
    z = (found["small"][:, :2] - found["exact"]) / found["small"][:, 2:]
    assert (z**2).mean() < 3.5
    np.testing.assert_allclose(found["exact"][0, 1], -1.9510, atol=2e-3)  # T = 1.5
    assert lesson("ising").films["film"].shape == (3, 16, 72)


def test_a_machine_learns_thermodynamics():
    found = classroom.thermodynamics(n_hidden=5, n_samples=2000, n_steps=40).numbers
    assert (found["kl"] < 0.3).all()  # of fair coins: 1.0 at T = 4.5, 10.3 at T = 1
    assert np.abs(found["rbm"][:, 0] - found["exact"][:, 0]).max() < 0.1
    assert np.abs(found["data"][:, 2] - found["exact"][:, 2]).max() < 0.05


def test_log_z_by_hand():
    found = lesson("log_z").numbers
    machine = RBM(Bernoulli(), Bernoulli(), found["W"], -found["W"].sum(1) / 2, -found["W"].sum(0) / 2)
    assert found["exact"] == pytest.approx(machine.exact()[0])
    z = np.r_[
        (found["ais"] - found["exact"]) / found["ais_stderr"],
        (found["reverse"] - found["exact"]) / found["reverse_stderr"],
    ]
    assert (z[[3, 4, 5, 6, 10, 11, 12, 13]] ** 2).mean() < 3.0
    assert (np.diff(found["spread"]) < 0).all()


def test_the_softmax_is_a_machine():
    found = lesson("softmax").numbers
    np.testing.assert_allclose(found["machine"], found["regression"], atol=1e-12)
    for T, p in found["p"].items():
        np.testing.assert_allclose(p, np.exp(found["I"] / T) / np.exp(found["I"] / T).sum())


@pytest.mark.parametrize("n_layers", [1, 3])
def test_back_propagation_by_hand(n_layers):
    found = classroom.backprop(n_layers=n_layers, seed=2).numbers
    assert set(found["by_hand"]) == set(found["package"])
    for name, slope in found["by_hand"].items():
        np.testing.assert_allclose(slope, found["package"][name], atol=1e-12)
        np.testing.assert_allclose(slope, found["small_steps"][name], atol=1e-8)


def test_letters_make_pictures():
    assert str(Table("t", ("a", "b"), (("x", 1.5),))) == "t\n  a     b\n  x   1.5"
    assert "██████████|" in str(Bars("t", ("a", "b"), (-1.0, 0.5)))
    assert str(Grid("t", (np.eye(2), np.zeros((1, 2))), ("a", "b"))).count("██") == 2


def ebm(*arguments):
    return CliRunner().invoke(main, list(arguments))


def test_ebm_teach(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    listed = ebm("teach")
    assert all(name.replace("_", "-") in listed.output for name in SMALL)
    assert "--n-sweeps" in ebm("teach", "gibbs", "--help").output
    told = ebm("teach", "landscape", "--n", "3")
    assert told.exit_code == 0
    assert "tree.png" in told.output
    assert (tmp_path / "lessons" / "landscape" / "landscape.txt").read_text() in told.output
    assert ebm("teach", "log-z", "--n-visible", "3", "--n-hidden", "1", "--text").exit_code == 0
    assert not (tmp_path / "lessons" / "log-z").exists()


def test_ebm_teach_refuses():
    wrong = ebm("teach", "gibs")
    assert wrong.exit_code == 2
    assert "gibbs" in wrong.output
    wrong = ebm("teach", "hamiltonian", "--n", "40")
    assert wrong.exit_code == 1
    assert wrong.output.count("\n") == 1
    assert ebm("teach", "hamiltonian", "--text", "-o", "x").exit_code == 1


def test_notebooks_are_those_of_their_script():
    folder = Path(__file__).parents[1] / "docs" / "notebooks"
    script = runpy.run_path(str(folder / "make.py"))
    assert {path.stem for path in folder.glob("*.ipynb")} == set(script["LECTURES"])
    shown = set()
    for name, cells in script["LECTURES"].items():
        assert (folder / f"{name}.ipynb").read_text("utf-8") == script["notebook"](cells)
        for cell in cells:
            if not script["is_text"](cell):
                compile(cell, name, "exec")
                shown |= set(re.findall(r"classroom\.(\w+)\(", cell))
    assert shown == set(classroom.LESSONS)
