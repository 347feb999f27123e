"""What is missing, predicted: against sums over all states."""

import laws
import numpy as np
import pytest
from scipy.special import logsumexp
from test_gaps import MACHINES, _rows

import ebm
from ebm import imputation
from ebm.testing import exactly


def _exact(machine, rows):
    """For each row p(state of all visible units | what was observed of it), and the states."""
    states = exactly.states_of(machine)
    log_p, v = states.log_p(machine), states.x[:, : machine.n_visible]
    for row in rows:
        of_row = np.where(((v == row) | np.isnan(row)).all(1), log_p, -np.inf)
        yield np.exp(of_row - logsumexp(of_row)), v


def _check(machine, rows, found, tolerance):
    for i, (row, (p, v)) in enumerate(zip(rows, _exact(machine, rows), strict=True)):
        mean, square = p @ v, p @ v**2
        allowed = tolerance(found.stderr[i])
        assert (np.abs(found.mean[i] - mean) <= allowed).all()
        assert np.abs(found.variance[i] - (square - mean**2)).max() <= 10 * allowed.max()
        for j in range(machine.n_visible):
            each = [p[v[:, j] == s].sum() for s in machine.units.one(j).states]
            assert np.abs(found.probabilities[i, j, : len(each)] - each).max() <= 3 * allowed.max()
        known = ~np.isnan(row)
        assert np.array_equal(
            found.completed[:, i][:, known],
            np.broadcast_to(row[known], found.completed[:, i][:, known].shape),
        )
        assert np.array_equal(found.mode[i, known], row[known])


@pytest.mark.parametrize("name", ["bernoulli rbm", "potts rbm", "mixed rbm", "bernoulli", "potts", "mixed"])
def test_few_states_are_summed(name):
    machine = MACHINES[name](np.float64)
    rows = _rows(machine, 8)
    found = ebm.impute(machine, rows, 3)
    assert not found.stderr.any()
    _check(machine, rows, found, lambda stderr: np.full(len(stderr), 1e-9))


@pytest.mark.parametrize("name", ["bernoulli rbm", "potts rbm", "bernoulli", "potts", "hidden", "deep"])
def test_many_states_are_sampled(name, monkeypatch):
    monkeypatch.setattr(imputation, "_MOST", 0)
    machine = MACHINES[name](np.float64)
    rows = _rows(machine, 6)
    found = ebm.impute(machine, rows, n_sweeps=300, seed=1)
    assert 0 < found.stderr.max() < 0.1
    _check(machine, rows, found, lambda stderr: 4.5 * stderr + 2e-3)


@pytest.mark.parametrize("most", [0, 2**10])
def test_draws_are_of_all_gaps_together(most, monkeypatch):
    """Two gaps that always agree agree in every draw."""
    monkeypatch.setattr(imputation, "_MOST", most)
    pair = ebm.BoltzmannMachine(ebm.Ising(), [[0.0, 1.0], [1.0, 0.0]])
    rows = np.full((1, 2), np.nan)
    found = ebm.impute(pair, rows, 2000, n_sweeps=20, seed=2)
    together = (found.completed[:, 0, 0] == found.completed[:, 0, 1]).mean()
    p = np.e**2 / (1 + np.e**2)
    assert together == pytest.approx(p, abs=5 * np.sqrt(p * (1 - p) / 2000))


def test_real_units():
    """Of a Gaussian pair given its hidden unit's other neighbours: mean and variance by quadrature."""
    machine = laws.restricted(ebm.Gaussian(), ebm.Bernoulli(), 2, 2)
    found = ebm.impute(machine, [[0.7, np.nan]], n_sweeps=2000, seed=3)
    mean, variance = ebm.conditional_moments(machine, [[0.7]])
    assert found.mean[0, 1] == pytest.approx(mean[0], abs=5 * found.stderr[0, 1])
    assert found.variance[0, 1] == pytest.approx(variance[0], rel=0.05)
    assert np.isnan(found.probabilities).all()


@pytest.mark.parametrize("name", MACHINES)
def test_likelihood_of_what_was_observed(name):
    """log p of rows with gaps is the sum over the gaps; rows that say nothing have probability 1."""
    machine = MACHINES[name](np.float64)
    rows = np.concatenate([_rows(machine, 6), np.full((1, machine.n_visible), np.nan)])
    states = exactly.states_of(machine)
    log_p = states.log_p(machine)
    log_p -= logsumexp(log_p)
    v = states.x[:, : machine.n_visible]
    expected = [logsumexp(log_p[((v == row) | np.isnan(row)).all(1)]) for row in rows]
    assert ebm.log_likelihood(machine, rows) == pytest.approx(expected, abs=1e-9)
    assert ebm.log_likelihood(machine, rows)[-1] == 0.0


def test_wrong_rows():
    machine = MACHINES["bernoulli"](np.float64)
    with pytest.raises(ebm.EbmError, match=r"rows: expected shape \(n, 6\), got \(1, 2\)"):
        ebm.impute(machine, [[0, np.nan]])
    with pytest.raises(ebm.EbmError, match=r"rows: 2.0 at row 0, column 1; Bernoulli.. takes 0 and 1"):
        ebm.impute(machine, [[np.nan, 2, 0, 0, 0, 0]])
    assert len(ebm.impute(machine, np.zeros((0, 6)))) == 0
