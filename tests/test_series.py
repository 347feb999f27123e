"""Lagged rows hold the past and nothing else; forecasts are draws of the machine, step by step."""

import numpy as np
import pytest

import ebm
from ebm import ConditionalRBM, EbmError, Gaussian, Potts

CLOCK = np.stack([np.arange(10.0), 100 + np.arange(10.0)], axis=1)


def test_rows_hold_the_values_at_the_lags_and_then_their_own():
    rows = ebm.lagged(CLOCK, (1, 3), inputs=np.arange(10)[:, None] + 0.5)
    for row in rows:
        t = row[-2]
        assert row.tolist() == [t - 3, t + 97, t - 1, t + 99, t + 0.5, t, t + 100]
    assert rows[:, -2].tolist() == list(range(3, 10))


def test_nothing_of_the_test_part_is_in_the_training_part():
    train, test = ebm.lagged(CLOCK, 2, stop=6), ebm.lagged(CLOCK, 2, start=6)
    assert train.max() == 105
    assert test[:, -1].tolist() == [106, 107, 108, 109]
    assert np.array_equal(np.concatenate([train, test]), ebm.lagged(CLOCK, 2))


def test_states_enter_as_what_weights_see():
    rows = ebm.lagged([[0], [2], [1]], 1, units=Potts(3))
    assert rows.tolist() == [[1, 0, 0, 2], [0, 0, 1, 1]]


def linear(A, spread):
    """A machine without hidden units at work: v = past·A + noise."""
    n, d = A.shape
    theta = {"v.precision": np.full(d, spread**-2)}
    parts = np.zeros((d, 2)), np.zeros(d), np.zeros(2), A / spread**2, np.zeros((n, 2))
    return ConditionalRBM(Gaussian(learn_precision=True), ebm.Bernoulli(), *parts, theta=theta)


def test_paths_of_a_linear_machine_have_the_moments_of_theory():
    A = np.array([[0.1, 0.0], [0.2, -0.3], [0.5, 0.2], [0.0, 0.6]])  # lag 2, lag 1
    machine, history = linear(A, 0.5), np.array([[9.0, 9.0], [1.0, -1.0], [2.0, 0.5]])
    made = ebm.forecast(machine, history, 4, lags=2, n_paths=20_000)
    past, cov = history[1:].reshape(-1), np.zeros((4, 4))
    F = np.block([[np.zeros((2, 2)), A[:2]], [np.eye(2), A[2:]]])
    for t in range(4):
        past, cov = past @ F, F.T @ cov @ F
        cov[2:, 2:] += 0.25 * np.eye(2)
        error = 5 * np.sqrt(np.diag(cov)[2:] / 20_000)
        assert np.all(np.abs(made.mean[t] - past[2:]) < error)
        assert np.allclose(made.paths[:, t].var(0), np.diag(cov)[2:], rtol=0.06)
    low, high = made.bands(0.8)
    inside = ((low <= made.paths) & (made.paths <= high)).mean(0)
    assert np.allclose(inside, 0.8, atol=0.001)
    again = ebm.forecast(machine, history, 4, lags=2, n_paths=20_000)
    assert np.array_equal(again.paths, made.paths)


def test_inputs_of_the_times_ahead_are_used():
    machine = linear(np.array([[0.0], [1.0]]), 0.01)  # the value is the input of its time
    made = ebm.forecast(machine, [[5.0]], 3, lags=1, n_paths=50, inputs=[[1.0], [2.0], [3.0]])
    assert np.allclose(made.mean.ravel(), [1, 2, 3], atol=0.02)


def test_states_go_on_as_what_weights_see():
    A = np.zeros((3, 3))
    A[[0, 1, 2], [1, 2, 0]] = 50.0  # 0 → 1 → 2 → 0
    machine = ConditionalRBM(
        Potts(3), ebm.Bernoulli(), np.zeros((3, 1)), np.zeros(3), np.zeros(1), A, np.zeros((3, 1))
    )
    made = ebm.forecast(machine, [[1]], 4, lags=1, n_paths=5, units=Potts(3))
    assert (made.paths[:, :, 0] == [2, 0, 1, 2]).all()


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda m: ebm.lagged(CLOCK, 10), "more than 10 times"),
        (lambda m: ebm.lagged(CLOCK, 0), "lags"),
        (lambda m: ebm.lagged(CLOCK, ()), "at least one"),
        (lambda m: ebm.lagged(CLOCK, 2, start=1), "start"),
        (lambda m: ebm.lagged(CLOCK[:, 0], 2), r"\(n_times, n_outputs\)"),
        (lambda m: ebm.lagged(CLOCK, 1, inputs=CLOCK[1:]), "10 times"),
        (lambda m: ebm.forecast(m, CLOCK, 3, lags=1), "the lags that it has learnt with"),
        (lambda m: ebm.forecast(m, CLOCK[:1], 3, lags=2), "2 or more"),
        (lambda m: ebm.forecast(m, CLOCK, 3, lags=2, inputs=[[1.0]]), "3 times ahead"),
        (lambda m: ebm.forecast(m.given([0.0] * 4), CLOCK, 3, lags=2), "a ConditionalRBM"),
        (lambda m: ebm.forecast(m, CLOCK, 2, lags=2).bands(1.5), "cover"),
    ],
)
def test_what_cannot_be_is_one_line(call, line):
    with pytest.raises(EbmError, match=line):
        call(linear(np.zeros((4, 2)), 1.0))
