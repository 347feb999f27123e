"""Persistent chains that a sampler of the package moves, instead of Gibbs sweeps."""

import laws
import numpy as np
import pytest
from test_learning import data_of, gradient

from ebm import (
    PCD,
    RBM,
    SGD,
    Annealing,
    Bernoulli,
    EbmError,
    Exact,
    Linear,
    Tempering,
    TrajectoryTempering,
    begin,
    fit,
)


def test_a_sampler_that_ends_cannot_be_persistent():
    with pytest.raises(EbmError, match="go on for ever"):
        PCD(sampler=Annealing())


def test_tempered_chains_learn_two_far_patterns():
    """In about equal shares, to the end of learning, when no sweep leads from one to the other."""
    rows = np.repeat(np.array([[0.0], [1.0]]), 16, axis=1)
    machine = RBM.random(Bernoulli(), Bernoulli(), 16, 4, scale=0.1, dtype=np.float64)
    rule = PCD(k=2, n_chains=40, centred=True, sampler=Tempering(n_replicas=8, n_adapt=8))
    optimiser = SGD(Linear(0.1, 0.0, epochs=800))
    fit(machine, rows, rule=rule, optimiser=optimiser, epochs=800, batch_size=2)
    v, p = laws.visible_distribution(machine)
    one, other = (p[(v == value).all(1)].sum() for value in (0, 1))
    assert min(one, other) > 0.2
    assert one + other > 0.5


def test_chains_of_a_trajectory_estimate_the_gradient():
    """PCD over trajectory tempering: the ladder is carried from update to update as arrays."""
    machine = laws.MACHINES["bernoulli-bernoulli"]()
    easier = [machine.copy(), machine.copy()]
    for scale, rung in zip((0.0, 0.5), easier, strict=True):
        rung.params["W"] *= scale
        rung.project()
    rule = PCD(k=5, n_chains=100, sampler=TrajectoryTempering(tuple(easier)))
    v, weights = data_of(machine, 40), np.ones(40)
    exact, draws = gradient(machine, Exact(), v, weights), []
    for seed in range(40):
        state = begin(machine, rule, SGD(0.1), seed)
        chains = state.chains
        for _ in range(6):
            found, chains = rule.gradient(machine, (v, weights), chains, state.rng)
        draws.append(found)
    assert chains.walkers["time"] == 30
    for key, value in exact.items():
        mean = np.mean([d[key] for d in draws], 0)
        sigma = np.std([d[key] for d in draws], 0, ddof=1) / np.sqrt(len(draws))
        assert np.all(np.abs(mean - value) < 4.5 * sigma + 1e-9)
