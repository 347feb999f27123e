"""The mean-field positive phase: exact where hidden units are independent, near where they almost are."""

from dataclasses import replace

import laws
import numpy as np
import pytest

from ebm import CD, PCD, SGD, Bernoulli, EbmError, Exact, Ising, Potts, Stream, begin, fit
from ebm.learning.clamped import HiddenMeans

UNITS = [Bernoulli(), Ising(), Potts(3)]
each_kind = [
    pytest.mark.parametrize("units", UNITS, ids=str),
    pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"]),
]
RULES = pytest.mark.parametrize("rule", [CD(positive="mean-field"), PCD(positive="mean-field")], ids=repr)


def machine_of(units, sparse, scale):
    """Seven units, four of them visible; couplings among hidden units times `scale`."""
    machine = laws.boltzmann(units, 7, n_visible=4, sparse=sparse)
    among = np.zeros(machine.J.shape, bool)
    among[4 * units.width :, 4 * units.width :] = True
    J = machine.params["J"]
    J *= np.where(among[machine.J.nonzero()] if sparse else among, scale, 1.0)
    machine.project()
    return machine


def rows_of(machine, n=6):
    return np.random.default_rng(0).choice(machine.units.states, size=(n, machine.n_visible))


def errors(machine):
    """Largest differences from the exact statistics, (b, J): by mean fields, and exact ones without J_hh."""
    v, w = rows_of(machine), np.random.default_rng(1).dirichlet(np.ones(6))
    exact, found = machine.posterior_stats(v, w), HiddenMeans(machine, v).stats(w)
    without = machine_of(machine.units, machine.sparse, 0.0).posterior_stats(v, w)
    assert found.keys() == exact.keys()
    return [[np.abs(stats[k] - exact[k]).max() for k in ("b", "J")] for stats in (found, without)]


def each(test):
    for mark in each_kind:
        test = mark(test)
    return test


@each
def test_hidden_units_that_are_not_coupled_are_exact(units, sparse):
    assert max(errors(machine_of(units, sparse, 0.0))[0]) < 1e-12


@each
def test_weak_couplings_are_near(units, sparse):
    """Means err by the second order in J_hh, pairs of hidden units by the first: J_ij C_i C_j is left out."""
    by_means, without = errors(machine_of(units, sparse, 0.05))
    assert by_means[0] < 1e-3
    assert by_means[0] < 0.3 * without[0]
    assert max(errors(machine_of(units, sparse, 1e-3))[0]) < 1e-3


@each
@pytest.mark.parametrize("scale", [1.0, 4.0])
def test_the_means_satisfy_their_equations(units, sparse, scale):
    """Also where couplings are so strong that plain iteration would go round in circles."""
    machine = machine_of(units, sparse, scale)
    v = rows_of(machine)
    m = HiddenMeans(machine, v).means
    J, phi = machine.J.toarray() if sparse else machine.J, units.encode(v)
    cut = phi.shape[1]
    I = machine.b[cut:] + phi @ J[:cut, cut:] + m @ J[cut:, cut:]
    np.testing.assert_allclose(units.mean(I), m, atol=2e-6)


@each
def test_chains_start_at_draws_with_these_means(units, sparse):
    machine = machine_of(units, sparse, 1.0)
    v = np.repeat(rows_of(machine, 1), 20_000, axis=0)
    given = HiddenMeans(machine, v)
    x = given.start(Stream(3)).x
    assert np.array_equal(x[:, :4], v)
    phi = units.encode(x[:, 4:])
    assert np.all(np.abs(phi.mean(0) - given.means[0]) < 4.5 * phi.std(0) / np.sqrt(len(x)) + 1e-9)


@RULES
def test_the_gradient_is_the_exact_one_on_average(rule):
    """Hidden units that are not coupled, the model's chains long: within 4.5 sigma of the draws."""
    machine = machine_of(Bernoulli(), False, 0.0)
    rule, v, w = type(rule)(k=30, positive="mean-field"), rows_of(machine, 40), np.linspace(0.5, 1.5, 40)
    exact, found = Exact().gradient(machine, (v, w), {}, Stream(0))[0], []
    for seed in range(60):
        state = begin(machine, rule, SGD(0.1), seed)
        found.append(rule.gradient(machine, (v, w), state.chains, state.rng)[0])
    for key, value in exact.items():
        draws = np.array([f[key] for f in found])
        sigma = draws.std(0, ddof=1) / np.sqrt(len(draws))
        assert np.all(np.abs(draws.mean(0) - value) < 4.5 * sigma + 1e-9)


@RULES
def test_rows_without_weight_are_ignored(rule):
    machine, w = machine_of(Bernoulli(), False, 1.0), np.array([1.0, 0.0, 3.0, 1.0, 0.0, 2.0])
    v = rows_of(machine)
    other = np.where((w == 0)[:, None], 1 - v, v)
    one, same = (
        rule.gradient(machine, (rows, w), begin(machine, rule, SGD(0.1)).chains, Stream(1))[0]
        for rows in (v, other)
    )
    for key in one:
        np.testing.assert_allclose(one[key], same[key], rtol=1e-12, atol=1e-15)
    none, _ = rule.gradient(machine, (v, 0 * w), begin(machine, rule, SGD(0.1)).chains, Stream(1))
    assert not any(value.any() for value in none.values())


@pytest.mark.parametrize(
    ("rule", "centred"),
    [
        (CD, True),
        (PCD, False),
        pytest.param(CD, False, marks=pytest.mark.slow),
        pytest.param(PCD, True, marks=pytest.mark.slow),
    ],
)
def test_a_machine_learns_by_it(rule, centred):
    """Two pairs of equal bits: the exact KL falls below half of that of fair bits, as by sweeps."""
    rows, q = laws.all_states(Bernoulli(), 4), np.full(16, 0.02)
    q[[0b0000, 0b0011, 0b1100, 0b1111]] += 0.17
    machine = laws.boltzmann(Bernoulli(), 6, n_visible=4, scale=0.3)
    machine.b[:] = 0
    rule = rule(positive="mean-field", centred=centred)
    fit(machine, rows, weights=q, rule=rule, optimiser=SGD(0.2), epochs=700, batch_size=16)
    entropy = -(q * np.log(q)).sum()
    assert -1e-9 < -entropy - laws.log_likelihood_of(machine, rows, q) < 0.5 * (np.log(16) - entropy)


@RULES
@pytest.mark.parametrize("name", ["bernoulli-bernoulli", "gaussian-bernoulli", "ising", "potts-sparse"])
def test_without_hidden_units_in_the_state_it_is_refused(rule, name):
    machine = laws.MACHINES[name]()
    with pytest.raises(EbmError, match=r"positive='mean-field'.*no hidden units") as error:
        begin(machine, rule, SGD(0.1))
    assert "\n" not in str(error.value)
    x = machine.sample0(2, Stream(0))
    carried = replace(rule, positive="gibbs").init(machine, Stream(0))
    with pytest.raises(EbmError, match="no hidden units"):
        rule.gradient(machine, (x, np.ones(2)), carried, Stream(0))


def test_other_words_are_refused():
    with pytest.raises(EbmError, match="CD: positive"):
        CD(positive="exact")
