"""Diagnostics of ladders, and of samples from elsewhere: round trips, the temperature, projections."""

import math

import laws
import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from ebm import RBM, Bernoulli, BoltzmannMachine, EbmError, Gaussian, Ising, NotSupported, Potts
from ebm.diagnostics import (
    estimate_beta,
    principal_directions,
    projections,
    round_trips,
    swap_rates,
)

# Ladders.


def walk(rng, n_steps, n_ladders, n_levels):
    """Replicas exchanged by one accepted neighbour swap per ladder and step, chosen at random."""
    order = np.tile(np.arange(n_levels), (n_ladders, 1))
    history = np.empty((n_steps, n_ladders, n_levels), int)
    for t in range(n_steps):
        history[t] = order
        low = rng.integers(0, n_levels - 1, n_ladders)[:, None]
        order = np.where(order == low, low + 1, np.where(order == low + 1, low, order))
    return history


def trips_of(path, top):
    """One replica's round trips, step by step."""
    count, wanted = 0, None
    for level in path:
        if level == 0:
            count, wanted = count + (wanted == "bottom"), "top"
        elif level == top and wanted == "top":
            wanted = "bottom"
    return count


@pytest.mark.parametrize("n_levels", [2, 3, 6])
def test_round_trips_of_random_walks(n_levels):
    """Counts are those of each replica followed alone; the rate is that of a symmetric random walk.

    A walk on L levels that moves with probability 1/(L - 1) to each neighbour takes L(L - 1)^2 steps on
    average from end to end and back.
    """
    history = walk(np.random.default_rng(n_levels), 4000, 4, n_levels)
    found = round_trips(history)
    top = n_levels - 1
    expected = [[trips_of(history[:, i, j], top) for j in range(n_levels)] for i in range(4)]
    assert found.per_replica.tolist() == expected
    assert found.count == np.sum(expected)
    time = n_levels * (n_levels - 1) ** 2
    assert found.rate == found.count / (found.n_steps * 4 * n_levels)
    assert abs(found.rate - 1 / time) < 4 * found.stderr
    np.testing.assert_allclose(found.upward, 1 - np.arange(n_levels) / top, atol=0.1)
    assert found.upward[0] == 1
    assert found.upward[-1] == 0
    one = round_trips(history[:, 0])
    assert one.per_replica.tolist() == expected[:1]


def test_few_round_trips_say_so():
    still = np.tile(np.arange(5), (100, 1))
    with pytest.warns(RuntimeWarning, match="0 in 99 steps of 5 replicas"):
        found = round_trips(still)
    assert (found.count, found.stderr) == (0, math.inf)
    assert np.isnan(found.upward[1:4]).all()
    tempering = np.array([[0], [1], [2], [1], [0]])
    with pytest.warns(RuntimeWarning, match="1 in 4"):
        assert round_trips(tempering, n_levels=3).count == 1
    down_first = np.array([[2], [0], [2], [0]])
    with pytest.warns(RuntimeWarning, match="1 in 3"):
        assert round_trips(down_first, n_levels=3).count == 1


def test_swap_rates():
    rng = np.random.default_rng(0)
    tried = rng.random((50, 3, 4)) < 0.5
    accepted = tried & (rng.random((50, 3, 4)) < 0.3)
    np.testing.assert_allclose(swap_rates(accepted, tried), accepted.sum((0, 1)) / tried.sum((0, 1)))
    np.testing.assert_allclose(swap_rates([3, 0], [4, 5]), [0.75, 0])


# The temperature of samples.


def minus_log_pseudo_likelihood(machine, x, beta):
    """By the definition: each unit set to each state, the free energy at beta from the sum over states."""
    total = 0.0
    for i in range(machine.n_units):
        logs = []
        for s in laws.sites(machine.units, machine.n_units)[i].states:
            y = x.copy()
            y[:, i] = s
            logs.append(laws.minus_free_energy(machine, y, beta))
        total += (laws.minus_free_energy(machine, x, beta) - logsumexp(logs, axis=0)).sum()
    return -total


@pytest.mark.parametrize("name", laws.FINITE)
def test_beta_is_the_maximum_of_the_pseudo_likelihood(name):
    machine = laws.FINITE[name]()
    x = laws.exact_draws(machine, 60, np.random.default_rng(5), 0.8)
    found = estimate_beta(machine, x)
    best = minimize_scalar(
        lambda beta: minus_log_pseudo_likelihood(machine, x, beta), bounds=(0.1, 3), options={"xatol": 1e-9}
    )
    assert abs(found.value - best.x) < 2e-3 * found.stderr + 1e-6
    assert (float(found), found.n_rows) == (found.value, 60)


def test_beta_covers():
    """z-scores over machines, temperatures and seeds have mean square 1; a wrong beta is far outside."""
    z, wrong = [], []
    for k, make in enumerate(laws.SINGLE.values()):
        machine = make()
        for beta in (0.5, 1.0, 1.5):
            rng = np.random.default_rng([k, int(10 * beta)])
            for _ in range(8):
                found = estimate_beta(machine, laws.exact_draws(machine, 150, rng, beta))
                z.append((found.value - beta) / found.stderr)
                wrong.append((found.value - beta * 1.5) / found.stderr)
    assert abs(np.mean(np.square(z)) - 1) < 4 * math.sqrt(2 / len(z))
    assert abs(np.mean(z)) < 4 / math.sqrt(len(z))
    assert np.mean(np.square(wrong)) > 4


def test_sites_of_a_row_are_not_independent():
    """Two spins say the same thing twice: an error that counts sites as rows is too small by sqrt(2)."""
    pair = BoltzmannMachine(Ising(), [[0.0, 0.7], [0.7, 0.0]])
    rng, z = np.random.default_rng(0), []
    for _ in range(100):
        found = estimate_beta(pair, laws.exact_draws(pair, 200, rng))
        z.append((found.value - 1) / found.stderr)
    assert abs(np.mean(np.square(z)) - 1) < 4 * math.sqrt(2 / len(z))


@pytest.mark.parametrize("name", ["ising", "potts-sparse", "bernoulli-bernoulli", "bernoulli-gaussian"])
def test_beta_follows_the_units_of_energy(name):
    """An energy a thousand times as large has a beta a thousandth: no scale is built in but that of beta."""
    machine = laws.SINGLE[name]()
    x = laws.exact_draws(machine, 200, np.random.default_rng(1), 1.0)
    plain = estimate_beta(machine, x)
    for factor in (1e-3, 1e3, -1.0) if name == "ising" else (1e-3, 1e3):
        scaled = machine.copy()
        for p in scaled.params.values():
            p *= factor
        scaled.project()
        found = estimate_beta(scaled, x)
        assert found.value * factor == pytest.approx(plain.value, abs=0.01 * plain.stderr)
        assert found.stderr * abs(factor) == pytest.approx(plain.stderr, rel=1e-3)


@pytest.mark.parametrize("name", ["bernoulli", "bernoulli-bernoulli"])
def test_beta_in_single_precision(name):
    double, single = laws.SINGLE[name](), laws.SINGLE[name](dtype=np.float32)
    x = laws.exact_draws(double, 300, np.random.default_rng(2), 0.7)
    one, two = estimate_beta(double, x), estimate_beta(single, x)
    assert abs(one.value - two.value) < 0.02 * one.stderr
    assert two.stderr == pytest.approx(one.stderr, rel=0.01)


def test_ground_states_have_no_temperature():
    ring = BoltzmannMachine(Ising(), np.roll(np.eye(6), 1, 0) + np.roll(np.eye(6), -1, 0))
    with pytest.raises(EbmError, match="ground states"):
        estimate_beta(ring, [[1] * 6, [-1] * 6])


# Projections.


@pytest.mark.parametrize("shape", [(40, 6), (5, 9)])
def test_principal_directions_carry_the_most_variance(shape):
    rng = np.random.default_rng(0)
    data = rng.normal(size=shape) * np.arange(1, shape[1] + 1)
    centre, axes = principal_directions(data, 3)
    np.testing.assert_allclose(axes.T @ axes, np.eye(3), atol=1e-12)
    found = projections(data, axes, centre=centre)
    np.testing.assert_allclose(found.mean(0), 0, atol=1e-12)
    values = np.linalg.svd(data - data.mean(0), compute_uv=False)[:3]
    np.testing.assert_allclose(found.T @ found, np.diag(values**2), atol=1e-9)
    assert np.all(axes[np.abs(axes).argmax(0), range(3)] > 0)


def test_projections_encode_potts():
    x, units = np.array([[[0, 2], [1, 1]]]), Potts(3)
    d = np.arange(12.0).reshape(6, 2)
    np.testing.assert_allclose(projections(x, d, units=units), laws.phi(units, x) @ d)


# What is refused.


RING = BoltzmannMachine(Ising(), np.roll(np.eye(6), 1, 0) + np.roll(np.eye(6), -1, 0))


@pytest.mark.parametrize(
    "make",
    [
        lambda: round_trips([[0.0, 1.0], [1.0, 0.0]]),
        lambda: round_trips([[0, 0], [1, 0]]),
        lambda: round_trips([[0, 2], [2, 0]]),
        lambda: round_trips([[0, 1]]),
        lambda: round_trips([[0], [0]], n_levels=1),
        lambda: swap_rates([1, 2], [2, 0]),
        lambda: swap_rates([3], [2]),
        lambda: swap_rates([0.5], [1]),
        lambda: swap_rates([1], [2, 3]),
        lambda: estimate_beta(RING, np.ones((3, 5))),
        lambda: estimate_beta(RING, np.ones((3, 6))),
        lambda: estimate_beta(RING, np.zeros((3, 6))),
        lambda: estimate_beta(BoltzmannMachine(Ising(), np.zeros((2, 2))), [[1, 1], [1, -1]]),
        lambda: projections([[1, 2]], [1, 2, 3]),
        lambda: projections([[1, 2]], [1, 2], centre=[0]),
        lambda: projections([[1, np.nan]], [1, 2]),
        lambda: principal_directions([[1, 2], [3, 4]], 2),
        lambda: principal_directions([1, 2, 3], 1),
    ],
)
def test_refusals_are_one_line(make):
    with pytest.raises(EbmError) as error:
        make()
    assert "\n" not in str(error.value)


def test_continuous_units_have_no_pseudo_likelihood_of_beta():
    machine = RBM(Gaussian(), Bernoulli(), np.zeros((2, 2)), np.zeros(2), np.zeros(2))
    with pytest.raises(NotSupported, match="continuum"):
        estimate_beta(machine, np.zeros((3, 2)))
