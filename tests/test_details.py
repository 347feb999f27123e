"""Details that a small mistake would change and no law covers."""

import itertools

import laws
import numpy as np
import pytest

import ebm
from ebm import (
    RBM,
    Bernoulli,
    BoltzmannMachine,
    FastPCD,
    Gaussian,
    Ising,
    NaturalGradient,
    SparseHidden,
    Stream,
)
from ebm.conditional import conditional_moments
from ebm.deep.posterior import even_means
from ebm.diagnostics import relaxation_time
from ebm.learning.fields import _second_moments
from ebm.learning.restarted import FastChains
from ebm.learning.sparsity import SparseCarried
from ebm.samplers.walkers import turn


def test_machines_that_all_swap_come_down_to_the_earliest():
    machine = laws.MACHINES["ising"]()
    assert len(ebm.select_machines([machine.copy() for _ in range(4)], machine)) == 1


@pytest.mark.parametrize("name", laws.MACHINES)
def test_the_chains_of_fast_pcd_meet_the_fast_weights(name):
    """From given fast weights, the chains are those of a machine made with them."""
    machine, rule = laws.MACHINES[name](), FastPCD(k=2, n_chains=6)
    x, v = machine.sample0(6, Stream(1)), machine.sample0(5, Stream(2))[:, : machine.n_visible]
    zeros = {key: np.zeros_like(p) for key, p in machine.params.items()}
    gradient, _ = rule.gradient(machine, (v, np.ones(len(v))), FastChains(x.copy(), zeros), Stream(4))
    fast = {key: (0.3 * np.asarray(g)).astype(machine.dtype) for key, g in gradient.items()}
    for key in fast:
        if "precision" in key or "gamma" in key:  # below what the constraints allow
            fast[key] = -2 * machine.params[key]
    _, carried = rule.gradient(machine, (v, np.ones(len(v))), FastChains(x.copy(), fast), Stream(3))
    faster = machine.copy()
    for key, value in faster.params.items():
        value += fast[key]
    faster.project()
    np.testing.assert_array_equal(np.asarray(carried.x), faster.sweep(x.copy(), Stream(3), 2))


@pytest.mark.parametrize("name", ["bernoulli-potts", "ising-mixed", "mixed-mixed"])
def test_second_moments_of_layers_are_symmetric(name):
    match = [key for key in laws.MACHINES if key.startswith(name.split("-")[0]) and "gaussian" not in key]
    machine = next(m for m in (laws.MACHINES[key]() for key in match) if isinstance(m, RBM))
    graph, rng = machine.graph(), np.random.default_rng(1)
    I = rng.normal(size=(3, graph.J.shape[0]))
    means = np.empty_like(I)
    for units, _, own in graph.parts():
        means[:, own] = units.mean(I[:, own])
    moments = _second_moments(graph, I, means, second=True)
    np.testing.assert_allclose(moments, moments.T)


def test_relaxation_reads_a_series_the_same_from_both_ends():
    """Also one whose spread changes along the way."""
    rng = np.random.default_rng(0)
    x = np.zeros((4, 400))
    for t in range(1, 400):
        x[:, t] = 0.9 * x[:, t - 1] + rng.normal(size=4)
    x *= np.linspace(3, 0.3, 400)
    x -= x.mean()
    forward, backward = (relaxation_time(s, warn=False) for s in (x, x[:, ::-1]))
    assert forward == pytest.approx(backward, rel=1e-12)


def test_data_count_twice_in_the_first_pass_of_a_posterior():
    rng = np.random.default_rng(2)
    rbm = RBM(Bernoulli(), Bernoulli(), rng.normal(size=(7, 4)), rng.normal(size=7), rng.normal(size=4))
    v = rng.integers(0, 2, (5, 3)).astype(float)
    mean, below = (lambda I: 1 / (1 + np.exp(-I))), v @ rbm.W[:3]
    m = mean(mean(2 * below + rbm.c) @ rbm.W[3:].T + rbm.b[3:])
    m = mean(mean(below + m @ rbm.W[3:] + rbm.c) @ rbm.W[3:].T + rbm.b[3:])
    np.testing.assert_allclose(even_means(rbm, v, 3, np.inf)[0], m)


@pytest.mark.parametrize("units", [Bernoulli(), Ising()])
def test_the_floor_of_a_link_is_a_probability_of_each_state(units):
    states = np.asarray(units.states, float)
    mean = units.mean(units.link(states, floor=0.1))
    chance = (mean - states.min()) / np.ptp(states)
    np.testing.assert_allclose(chance, [0.1, 0.9])


def test_moments_of_a_real_unit_far_out_under_many_hidden_units():
    """Six hidden units pull it further than any one of them."""
    W = np.array([[4.0] * 6, [0.3] * 6])
    machine = RBM(Gaussian(), Bernoulli(), W, np.zeros(2), np.full(6, -1.0))
    mean, variance = conditional_moments(machine, [[0.5]], unit=0)
    h = np.array(list(itertools.product([0, 1], repeat=6)), float)
    log_p = h @ (machine.c + 0.5 * W[1]) + (h @ W[0]) ** 2 / 2
    p = np.exp(log_p - log_p.max())
    p /= p.sum()
    centre = p @ (h @ W[0])
    assert mean[0] == pytest.approx(centre, rel=1e-6)
    assert variance[0] == pytest.approx(1 + p @ (h @ W[0] - centre) ** 2, rel=1e-5)


def test_a_replica_that_begins_at_the_top_makes_no_round_trip_from_there():
    heading = np.zeros(3, np.int8)
    assert not turn(heading, [0], [2]).any()
    assert heading.tolist() == [1, 0, 0]
    assert not turn(heading, [2], [0]).any()
    assert heading.tolist() == [2, 0, 1]
    assert turn(heading, [0], [2]).all()


def test_transitions_visit_single_sites_in_random_order_where_there_is_one(monkeypatch):
    """The way up has to reverse the way down: an order that is drawn anew each sweep does."""
    machine, seen = laws.MACHINES["ising"](), []
    sweep = type(machine).sweep

    def watched(self, x, rng, n=1, beta=1.0, base=None, free=None, scan="auto"):
        seen.append(scan)
        return sweep(self, x, rng, n, beta, base, free, scan)

    monkeypatch.setattr(type(machine), "sweep", watched)
    ebm.sample(machine, 4, sampler=ebm.TemperedTransitions(n_temperatures=3), burn_in=2, thin=1)
    assert "random" in machine.scans
    assert set(seen) == {"random"}


def test_the_mean_of_sparse_units_keeps_a_share_of_the_past():
    machine = RBM.random(Bernoulli(), Bernoulli(), 5, 3, seed=1, dtype="float64")
    rule, v = SparseHidden(ebm.CD(), decay=0.75), np.ones((4, 5), machine.dtype)
    begun = rule.init(machine, Stream(0))
    before = SparseCarried(begun.inner, np.full(3, 0.2, machine.dtype))
    _, after = rule.gradient(machine, (v, np.ones(len(v))), before, Stream(1))
    now = machine.hidden.mean(v @ machine.W + machine.c).mean(0)
    np.testing.assert_allclose(after.mean, 0.75 * 0.2 + 0.25 * now, rtol=1e-5)


def test_a_natural_step_counts_each_pair_once():
    """Damping acts on one parameter for each pair, though J holds it twice."""
    rng, damping = np.random.default_rng(0), 0.1
    J = rng.normal(size=(4, 4)) / 3
    machine = BoltzmannMachine(Ising(), (J + J.T) * (1 - np.eye(4)), rng.normal(size=4))
    v = rng.choice([-1.0, 1.0], (6, 4))
    rule = NaturalGradient(damping=damping)
    step, _ = rule.gradient(machine, (v, np.ones(len(v))), rule.init(machine, Stream(0)), Stream(1))
    x = laws.all_states(Ising(), 4)
    i, j = np.triu_indices(4, 1)
    p = np.exp(laws.minus_free_energy(machine, x, 1.0))
    p /= p.sum()
    stats, data = (np.concatenate([y[:, i] * y[:, j], y], axis=1) for y in (x, v))
    mean = p @ stats
    fisher = (stats - mean).T @ (p[:, None] * (stats - mean)) + damping * np.eye(len(mean))
    expected = np.linalg.solve(fisher, data.mean(0) - mean)
    np.testing.assert_allclose(step["J"][i, j], expected[:6], rtol=1e-6)
    np.testing.assert_allclose(step["b"], expected[6:], rtol=1e-6)


def test_the_least_spread_is_a_twentieth_of_the_largest():
    np.testing.assert_allclose(Bernoulli().spread(np.array([0.5, 1e-6])), [0.25, 0.25 / 20])


def test_weights_of_rows_count_by_their_ratios():
    from ebm.estimators import RBMTransformer

    rng = np.random.default_rng(0)
    X, weights = rng.integers(0, 2, (40, 6)).astype(np.float32), rng.uniform(0.5, 2, 40)
    one, other = (
        RBMTransformer(n_components=3, n_iter=2, random_state=1).fit(X, sample_weight=w)
        for w in (weights, 8 * weights)
    )
    np.testing.assert_array_equal(one.machine_.W, other.machine_.W)


@pytest.mark.parametrize("units", [Gaussian(), Gaussian(learn_precision=True)], ids=str)
def test_real_features_are_centred_and_scaled(units):
    """Inside, columns have mean 0 and one standard deviation, whatever they are measured from and in."""
    from ebm.estimators import BoltzmannMachineDensity

    X = np.random.default_rng(0).normal((1e3, -7.0), (3.0, 0.1), (60, 2))
    model = BoltzmannMachineDensity(n_components=2, n_iter=1, visible=units, random_state=0).fit(X)
    inside = model._inputs(X)
    np.testing.assert_allclose(inside.mean(0), 0, atol=1e-9)
    np.testing.assert_allclose(inside.std(0), inside.std(0)[0], rtol=1e-9)
    np.testing.assert_allclose(inside, (X - X.mean(0)) / X.std(0) * inside.std(0)[0], atol=1e-9)
