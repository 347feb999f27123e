"""The smaller half of the campaigns, with fixed seeds; and that what goes wrong in one is seen."""

import os
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1]))  # where experiments are, beside a checkout's tests
pytest.importorskip("experiments.campaigns")

import ebm
from experiments.campaigns import fuzz, grid, kills, layouts, odd
from experiments.campaigns.grid import operations
from experiments.campaigns.tally import Tally
from experiments.campaigns.verdicts import judged
from experiments.campaigns.workers import supervise

pytestmark = pytest.mark.filterwarnings("ignore")


def test_the_grid():
    tally = Tally()
    grid.run(tally, 120, seed=3)
    assert not tally.failures
    assert dict(tally.rows())["**all**"][2] > 70  # right ones


def test_fuzzed_inputs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # "text" is a path, too
    outcomes = [fuzz.attempt(1, number) for number in range(120)]
    assert [words for _, outcome, words in outcomes if outcome == "failed"] == []
    assert {outcome for _, outcome, _ in outcomes} == {"refused", "right"}


# Numbers of inputs by their seed: the same inputs as then, while each kind is made as it was on 2026-11-30.
FAILED_ONCE = {
    1: (3051, 4156, 6387, 7496, 8235, 11062, 11697),
    2: (2431, 3558, 4204, 4963, 5666, 6819, 6984, 10558, 14434, 19007, 27881, 29940, 31480),
    4: (7684,),
    5: (1759,),
    9: (32381, 92496),
    10: (44416,),
}


@pytest.mark.parametrize("seed", FAILED_ONCE)
def test_inputs_that_failed_once(seed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcomes = [fuzz.attempt(seed, number) for number in FAILED_ONCE[seed]]
    assert [words for _, outcome, words in outcomes if outcome == "failed"] == []


def test_an_input_is_made_again_from_its_number():
    one, same = ([fuzz.attempt(2, number) for number in range(40)] for _ in range(2))
    assert one == same


def test_layouts():
    tally = Tally()
    layouts.run(tally, 40)
    assert not tally.failures


def test_odd_values():
    tally = Tally()
    odd.run(tally, 150)
    assert not tally.failures
    assert set(tally.counts) == {"arguments of public functions", "parameters of estimators"}


def test_kills():
    tally = Tally()
    kills.run(tally, 6)
    assert not tally.failures


def test_who_ends_its_process_is_named():
    def attempt(seed, number):
        if number == 2:
            os.abort()
        return "all", "right", ""

    tally = Tally()
    supervise(attempt, 5, 0, tally)
    assert dict(tally.rows())["all"] == [4, 0, 4, 0]
    assert len(tally.failures) == 1
    assert "2: its process ended with -6" in tally.failures[0]


def raising(error):
    raise error


@pytest.mark.parametrize(
    ("call", "outcome"),
    [
        (lambda: 1, "right"),
        (lambda: raising(ebm.EbmError("n: expected 3, got 4")), "refused"),
        (lambda: raising(ebm.EbmError("short")), "failed"),
        (lambda: raising(ValueError("a line that is nobody's")), "failed"),
        (lambda: raising(TypeError("a line that is not raised in ebm")), "failed"),
        (lambda: ebm.CD(k=0), "refused"),
    ],
)
def test_how_a_call_ends(call, outcome):
    assert judged(call)[0] == outcome


def test_the_grid_sees_a_wrong_number(monkeypatch):
    right = ebm.RBM.free_energy
    monkeypatch.setattr(ebm.RBM, "free_energy", lambda m, *args: right(m, *args) + 1e-6)
    machine = ebm.RBM.random(ebm.Bernoulli(), ebm.Ising(), 3, 2, scale=0.5, dtype="float64")
    cells = dict(operations.cells(operations.Case(machine, 0)))
    assert judged(cells["free_energy, beta 1.0"])[0] == "failed"
    assert judged(cells["exact log Z, beta 1.0"])[0] == "right"


def test_the_grid_sees_a_sweep_that_drifts(monkeypatch):
    right = ebm.RBM.sweep
    monkeypatch.setattr(
        ebm.RBM, "sweep", lambda m, x, rng, n=1, beta=1.0, *a, **k: right(m, x, rng, n, 0.5, *a, **k)
    )
    machine = ebm.RBM.random(ebm.Bernoulli(), ebm.Ising(), 4, 2, scale=1.0, dtype="float64")
    cells = dict(operations.cells(operations.Case(machine, 0)))
    assert judged(cells["sweep, scan auto"])[0] == "failed"
