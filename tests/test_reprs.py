"""What results say of themselves: one short line or table, and a table in a notebook."""

import numpy as np
import pytest

import ebm
from ebm import RBM, Bernoulli, History, LogZ, Samples, Thermodynamics
from ebm.datasets import Digits


def curves():
    one = np.ones(30)
    return Thermodynamics(np.linspace(1, 2, 30), *[one] * 10, trouble="ladders differ")


def samples():
    facts = {"tau": 2.5, "burn_in": 50, "thin": 5, "n_chains": 100, "best_x": np.zeros((9, 9))}
    draw, chain = np.divmod(np.arange(200), 100)
    return Samples(np.zeros((200, 600)), np.linspace(-3, 0, 200), None, facts, chain, draw)


TABLES = {
    "log_z": LogZ(
        value=7.25,
        stderr=0.01,
        method="ais",
        estimates={"ais": {"value": 7.25, "ess": 90.0}, "mbar": {"value": 7.3}},
    ),
    "history": History([{"epoch": k, "rate": 0.05} for k in range(300)]),
    "samples": samples(),
    "thermodynamics": curves(),
}
LINES = {
    "state": ebm.begin(RBM.random(Bernoulli(), Bernoulli(), 60, 40, dtype="float64"), ebm.PCD(), ebm.SGD()),
    "data": Digits().load(),
    "graph": RBM.random(Bernoulli(), Bernoulli(), 60, 40, dtype="float64").graph(),
    "rbm": RBM.random(Bernoulli(), Bernoulli(), 60, 40, dtype="float64"),
    "dbm": ebm.DBM.random([40, 30, 20], dtype="float64"),
    "machine": ebm.BoltzmannMachine(ebm.Ising(), np.zeros((50, 50))),
}


@pytest.mark.parametrize("name", [*TABLES, *LINES])
def test_reprs_are_short(name):
    lines = repr((TABLES | LINES)[name]).splitlines()
    assert max(map(len, lines)) < 150
    if name == "samples":  # a short table
        assert len(lines) == 9
        return
    assert len(lines) == 1
    assert lines[0].endswith(")")


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_short(name):
    table = TABLES[name]._repr_html_()
    assert table.startswith("<table>")
    assert 1 < table.count("<tr>") <= 13
    assert table.count("<td>") % table.count("<th>") == 0


def test_what_they_say():
    assert repr(TABLES["log_z"]) == "LogZ(7.2500 ± 0.010 nats (ais))"
    assert repr(TABLES["history"]) == "History(300 rows of epoch, rate)"
    assert "DO NOT TRUST: ladders differ" in repr(TABLES["thermodynamics"])
    assert "2.5 steps" in repr(TABLES["samples"])
    assert repr(LINES["data"]) == "LabelledData(digits: 1437 + 360 rows of 64, bernoulli, 10 labels)"
