"""Held-out rows decide which machine of a run is kept; the ratio of two partition functions."""

import laws
import numpy as np
import pytest

from ebm import (
    PCD,
    RBM,
    SGD,
    Averaged,
    Bernoulli,
    EarlyStopping,
    EbmError,
    Exact,
    TooLarge,
    begin,
    fit,
    log_z_ratio,
)
from ebm.selection import gain
from ebm.stream import Stream
from ebm.training import Course


def rows_of(n, seed=0):
    """Two pairs of equal bits, with noise."""
    rng = np.random.default_rng(seed)
    rows = np.repeat(rng.integers(0, 2, (n, 3)), 2, axis=1)
    return np.where(rng.random(rows.shape) < 0.1, 1 - rows, rows)


def score(machine, rows):
    return laws.log_likelihood_of(machine, rows, np.full(len(rows), 1 / len(rows)))


@pytest.mark.parametrize("name", ["ising", "bernoulli-bernoulli", "potts-gaussian", "gaussian-bernoulli"])
def test_the_ratio_of_partition_functions_is_that_of_enumeration(name):
    """Coverage of its own error over 60 repetitions; with unequal numbers of samples."""
    one = laws.MACHINES[name]()
    other, z = one.copy(), []
    for value in other.params.values():
        value *= 0.8
    other.project()
    exact = other.exact(stats=False)[0] - one.exact(stats=False)[0]
    for seed in range(60):
        rng = np.random.default_rng(seed)
        x = [laws.exact_draws(m, n, rng) for m, n in ((one, 300), (other, 700))]
        value, stderr = log_z_ratio(one, other, *x)
        z.append((value - exact) / stderr)
    assert 0.7 < np.std(z) < 1.35
    assert abs(np.mean(z)) < 4 / np.sqrt(60)


def test_early_stopping_keeps_the_best_of_a_run_that_overfits():
    train, heldout = rows_of(12), rows_of(500, seed=1)
    machine = RBM.random(Bernoulli(), Bernoulli(), 6, 12, scale=0.1, dtype=np.float64)
    stopping = EarlyStopping(patience=8, score="log_likelihood")
    settings = {"rule": Exact(), "optimiser": SGD(0.5), "batch_size": 12, "validation": heldout}
    stopped = machine.copy()
    history = fit(stopped, train, epochs=400, stopping=stopping, **settings)
    assert len(history) < 400
    overfitted = machine.copy()
    fit(overfitted, train, epochs=400, **settings)
    assert score(stopped, heldout) > score(overfitted, heldout) + 0.05
    again = machine.copy()
    fit(again, train, epochs=len(history) - stopping.patience, **settings)
    for key, value in again.params.items():
        np.testing.assert_array_equal(value, stopped.params[key])


def test_the_gap_stops_when_it_passes_its_limit():
    train, heldout = rows_of(12), rows_of(500, seed=1)
    machine = RBM.random(Bernoulli(), Bernoulli(), 6, 12, scale=0.1, dtype=np.float64)
    stopping = EarlyStopping(patience=2, score="free_energy_gap", limit=0.3)
    history = fit(
        machine, train, rule=Exact(), optimiser=SGD(0.5), epochs=400, batch_size=12, validation=heldout,
        stopping=stopping,
    )  # fmt: skip
    assert len(history) < 400
    gaps = history["free_energy_gap"]
    assert np.all(gaps[:-2] <= 0.3)
    assert np.all(gaps[-2:] > 0.3)


def test_the_better_of_last_and_average_is_kept():
    """With a large rate at the end the last machine is noisy and the average better."""
    train, heldout = rows_of(200), rows_of(500, seed=1)
    machine = RBM.random(Bernoulli(), Bernoulli(), 6, 4, scale=0.1, dtype=np.float64)
    rule, optimiser = PCD(n_chains=5), Averaged(SGD(0.7), start=20.0)
    last = machine.copy()
    fit(last, train, rule=rule, optimiser=optimiser.optimiser, epochs=60, batch_size=10, validation=heldout)
    averaged = machine.copy()
    fit(averaged, train, rule=rule, optimiser=optimiser, epochs=60, batch_size=10, validation=heldout)
    assert np.any(averaged.W != last.W)
    assert score(averaged, heldout) > score(last, heldout)


def test_an_average_that_is_worse_is_not_taken():
    train, heldout = rows_of(200), rows_of(500, seed=1)
    machine = RBM.random(Bernoulli(), Bernoulli(), 6, 4, scale=0.1, dtype=np.float64)
    settings = {"rule": Exact(), "epochs": 150, "batch_size": 200, "validation": heldout}
    last = machine.copy()
    fit(last, train, optimiser=SGD(0.5), **settings)
    fit(machine, train, optimiser=Averaged(SGD(0.5)), **settings)
    np.testing.assert_array_equal(machine.W, last.W)


def test_gain_is_estimated_where_sums_are_too_large(monkeypatch):
    """By Bennett's ratio, within its error."""
    one = laws.MACHINES["bernoulli-bernoulli"]()
    other = one.copy()
    other.params["W"] *= 0.9
    rows = laws.exact_draws(one, 2000, np.random.default_rng(0))
    exact = score(other, rows) - score(one, rows)

    def refuse(self):
        raise TooLarge("too large")

    monkeypatch.setattr(RBM, "require_exact", refuse)
    found, stderr = gain(one, other, rows, Stream(1))
    assert 0 < stderr < 0.02
    assert abs(found - exact) < 4 * stderr


def test_gain_is_the_difference_of_log_likelihoods():
    one, other = (laws.MACHINES["bernoulli-bernoulli"](seed=seed) for seed in (5, 6))
    rows = rows_of(50)[:, :5]
    found, stderr = gain(one, other, rows, Stream(0))
    np.testing.assert_allclose(found, score(other, rows) - score(one, rows), atol=1e-10)
    assert stderr == 0


def test_without_anything_remembered_the_last_machine_stays():
    machine = laws.MACHINES["ising"]()
    state = begin(machine, PCD(), SGD(0.1))
    assert Course(1, 1).settle(state) == "last"
    assert state.watch.best is None


def test_refusals_are_one_line():
    machine = laws.MACHINES["bernoulli-bernoulli"]()
    with pytest.raises(EbmError, match="validation"):
        fit(machine, rows_of(5)[:, :5], stopping=EarlyStopping())
    with pytest.raises(EbmError, match="same states"):
        log_z_ratio(machine, laws.MACHINES["ising"](), np.zeros((2, 5)), np.zeros((2, 6)))
    with pytest.raises(EbmError, match="two samples"):
        log_z_ratio(machine, machine, np.zeros((1, 5)), np.zeros((3, 5)))
