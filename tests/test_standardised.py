"""Standardised gradients, docs/math.md (5.6a)."""

import laws
import numpy as np
import pytest

from ebm import CD, PCD, RBM, SGD, Bernoulli, BoltzmannMachine, Exact, Ising, Stream, fit
from ebm.learning import NaturalGradient

BITS = ["rbm", "fully connected"]


def pair(kind):
    """One distribution over {0, 1} and over {-1, 1}: x = (1 + s)/2."""
    rng = np.random.default_rng(3)
    if kind == "rbm":
        W, b, c = 0.5 * rng.normal(size=(4, 3)), rng.normal(size=4), rng.normal(size=3)
        spins = W / 4, b / 2 + W.sum(1) / 4, c / 2 + W.sum(0) / 4
        return RBM(Bernoulli(), Bernoulli(), W, b, c), RBM(Ising(), Ising(), *spins)
    J, b = np.triu(rng.normal(size=(4, 4)), 1), rng.normal(size=4)
    J += J.T
    return BoltzmannMachine(Bernoulli(), J, b), BoltzmannMachine(Ising(), J / 4, b / 2 + J.sum(1) / 4)


def visible(machine):
    """p(v) of all states, in the order of the states."""
    states = laws.all_states(machine.units, 4)
    minus = -machine.visible_free_energy(states)
    p = np.exp(minus - minus.max())
    return p / p.sum()


@pytest.mark.parametrize("kind", BITS)
def test_learning_does_not_depend_on_how_states_are_written(kind):
    rows = np.random.default_rng(1).integers(0, 2, (30, 4)) | np.array([0, 0, 1, 1])
    bits, spins = pair(kind)
    np.testing.assert_allclose(visible(bits), visible(spins), rtol=1e-12)
    before = visible(bits)
    for machine, states in (bits, rows), (spins, 2 * rows - 1):
        fit(machine, states, rule=Exact(standardised=True), optimiser=SGD(0.05), epochs=20, batch_size=30)
    assert np.abs(visible(bits) - before).max() > 0.02
    np.testing.assert_allclose(visible(bits), visible(spins), rtol=1e-9)


@pytest.mark.parametrize("units", [Bernoulli(), Ising()], ids=repr)
@pytest.mark.parametrize("sparse", [False, True])
def test_of_independent_units_it_is_the_natural_gradient(units, sparse):
    import scipy.sparse

    pattern = 1.0 - np.eye(4)
    pattern[0, 3] = pattern[3, 0] = 1 - sparse
    J = scipy.sparse.csr_array(pattern) if sparse else pattern
    machine = BoltzmannMachine(units, J * 0.0 if not sparse else J, np.array([0.5, -0.3, 0.2, 0.9]))
    if sparse:
        machine.params["J"][:] = 0
    rng = np.random.default_rng(0)
    batch = (rng.choice(units.states, size=(9, 4)), np.ones(9))
    rule = Exact(standardised=True, offsets="model", offset_rate=1.0)
    found = rule.gradient(machine, batch, rule.init(machine, Stream(0)), Stream(0))[0]
    natural = NaturalGradient(damping=1e-8)
    wanted = natural.gradient(machine, batch, natural.init(machine, Stream(0)), Stream(0))[0]
    for key in wanted:
        np.testing.assert_allclose(found[key], wanted[key], atol=1e-5)


@pytest.mark.parametrize("name", laws.FINITE)
def test_its_step_is_the_chain_rule_of_standardised_coordinates(name):
    """sum of step * gradient = |gradient in standardised coordinates|^2, each coupling counted once."""
    machine = laws.FINITE[name]()
    rng = np.random.default_rng(5)
    v, weights = laws.all_states(machine.units, machine.n_visible)[:7], rng.dirichlet(np.ones(7))
    layers = {"b": machine.units} | ({"c": machine.hidden} if isinstance(machine, RBM) else {})
    offsets = {key: rng.uniform(0.2, 0.4, len(machine.params[key])) for key in layers}
    positive, negative = machine.posterior_stats(v, weights), machine.exact()[1]
    plain = {key: positive[key] - negative[key] for key in positive}
    centred = {key: value.copy() for key, value in machine.centre(plain, offsets).items()}
    step = machine.uncentre(machine.standardise(centred, offsets), offsets)
    climbed = sum(
        float(np.sum(step[key] * plain[key])) * (machine.share if key in machine.couplings else 1)
        for key in plain
    )
    spread = {key: units.spread(offsets[key]) for key, units in layers.items()}
    squares = sum(float(np.sum(centred[key] ** 2 / spread[key])) for key in spread)
    squares += sum(float(np.sum(centred[key] ** 2)) for key in centred.keys() - {*layers, "W", "J"})
    if isinstance(machine, RBM):
        squares += float(np.sum(centred["W"] ** 2 / np.outer(spread["b"], spread["c"])))
    else:
        full = np.zeros((len(spread["b"]),) * 2)
        if machine.sparse:
            rows = np.repeat(np.arange(len(full)), np.diff(machine.J.indptr))
            full[rows, machine.J.indices] = centred["J"]
        else:
            full[:] = centred["J"]
        squares += 0.5 * float(np.sum(full**2 / np.outer(spread["b"], spread["b"])))
    assert climbed == pytest.approx(squares, rel=1e-10)


def test_a_unit_that_never_moves_is_not_divided_by_nothing():
    rows = np.random.default_rng(0).integers(0, 2, (50, 4)).astype(float)
    rows[:, 2] = 0
    machine = RBM.from_data(rows, 3, seed=0)
    for rule in CD(standardised=True), PCD(n_chains=20, standardised=True):
        fit(machine, rows, rule=rule, optimiser=SGD(0.01), epochs=3, batch_size=10)
        assert all(np.isfinite(p).all() for p in machine.params.values())
