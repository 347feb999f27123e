"""Scores by definition, against enumeration."""

import laws
import numpy as np
import pytest

from ebm import (
    Bernoulli,
    EbmError,
    NotSupported,
    Stream,
    free_energy_gap,
    kl_divergence,
    log_likelihood,
    pseudo_likelihood,
    reconstruction_error,
)

FULLY_SEEN = [n for n, make in laws.FINITE.items() if make().n_units == make().n_visible]
each = pytest.mark.parametrize("name", FULLY_SEEN)


def rows_of(machine, n=12, seed=0):
    return laws.states_of(machine.units, n, machine.n_visible, np.random.default_rng(seed))


def by_definition(machine, v):
    """Sum over i of log p(v) - log of the sum over v_i of p(v)."""
    total = np.zeros(len(v))
    for i in range(v.shape[1]):
        others = []
        for state in laws.sites(machine.units, machine.n_units)[i].states:
            w = v.copy()
            w[:, i] = state
            others.append(laws.minus_free_energy(machine, w))
        total += laws.minus_free_energy(machine, v) - np.logaddexp.reduce(others, axis=0)
    return total


@each
def test_pseudo_likelihood_is_the_sum_of_conditionals(name):
    machine = laws.FINITE[name]()
    v = rows_of(machine)
    np.testing.assert_allclose(pseudo_likelihood(machine, v), by_definition(machine, v), rtol=1e-10)


@each
def test_stochastic_pseudo_likelihood_is_unbiased(name):
    """One unit of each row, times n_visible: its mean over many copies is the sum, to 4.5 sigma."""
    machine = laws.FINITE[name]()
    v = rows_of(machine, 1)
    found = pseudo_likelihood(machine, np.repeat(v, 20_000, 0), stochastic=True, seed=3)
    assert len(np.unique(found)) > 1
    assert abs(found.mean() - by_definition(machine, v)[0]) < 4.5 * found.std() / np.sqrt(len(found))


def test_pseudo_likelihood_needs_states_it_can_list():
    for name in ("gaussian-bernoulli", "bernoulli-hidden"):
        machine = laws.MACHINES[name]()
        with pytest.raises(NotSupported) as error:
            pseudo_likelihood(machine, np.zeros((2, machine.n_visible)))
        assert "\n" not in str(error.value)
    with pytest.raises(EbmError):
        pseudo_likelihood(laws.MACHINES["bernoulli-bernoulli"](), np.full((2, 5), 0.5))


@pytest.mark.parametrize("name", laws.RESTRICTED)
def test_reconstruction_error_by_definition(name):
    machine = laws.RESTRICTED[name]()
    v = machine.sample0(9, Stream(0))
    mean = machine.visible.mean(
        machine.b + machine.hidden.mean(machine.c + laws.phi(machine.visible, v) @ machine.W) @ machine.W.T
    )
    expected = np.square(laws.phi(machine.visible, v) - mean).sum() / v.size
    np.testing.assert_allclose(reconstruction_error(machine, v), expected, rtol=1e-12)
    with pytest.raises(NotSupported):
        reconstruction_error(laws.MACHINES["ising"](), np.ones((2, 6)))


@pytest.mark.parametrize("name", laws.FINITE)
def test_free_energy_gap_is_the_difference_of_likelihoods(name):
    machine = laws.FINITE[name]()
    train, heldout = rows_of(machine), rows_of(machine, 7, seed=1)
    expected = log_likelihood(machine, train).mean() - log_likelihood(machine, heldout).mean()
    np.testing.assert_allclose(free_energy_gap(machine, train, heldout), expected, atol=1e-10)


@pytest.mark.parametrize("name", laws.FINITE)
def test_kl_divergence_by_enumeration(name):
    """Zero for p itself; else the sum of q log(q / p), equal rows counting together."""
    machine = laws.FINITE[name]()
    v, p = laws.visible_distribution(machine)
    assert abs(kl_divergence(machine, v, p)) < 1e-12
    q = np.random.default_rng(0).dirichlet(np.ones(len(v)))
    expected = (q * np.log(q / p)).sum()
    np.testing.assert_allclose(kl_divergence(machine, v, 3 * q), expected, rtol=1e-9)
    twice = np.concatenate([v, v])
    np.testing.assert_allclose(kl_divergence(machine, twice, np.concatenate([q, q])), expected, rtol=1e-9)
    few = v[[0, 0, 0, 1]]
    expected = 0.75 * np.log(0.75 / p[0]) + 0.25 * np.log(0.25 / p[1])
    np.testing.assert_allclose(kl_divergence(machine, few), expected, rtol=1e-10)
    np.testing.assert_allclose(kl_divergence(machine, v[:3], [1, 0, 0]), -np.log(p[0]), rtol=1e-10)


@pytest.mark.parametrize("score", [pseudo_likelihood, reconstruction_error, kl_divergence])
@pytest.mark.parametrize("data", [np.zeros((2, 4)), np.full((2, 5), 3.0), np.full((2, 5), np.nan)])
def test_scores_refuse_what_does_not_fit(score, data):
    machine = laws.restricted(Bernoulli(), Bernoulli(), 5, 3)
    if score is pseudo_likelihood and np.isnan(data).all():  # gaps: nothing was observed
        assert not score(machine, data).any()
        return
    with pytest.raises(EbmError) as error:
        score(machine, data)
    assert "\n" not in str(error.value)
