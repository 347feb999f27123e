"""Mean-field and TAP rules: their model phase is the derivative of their log Z."""

import laws
import numpy as np
import pytest

from ebm import SGD, TAP, Exact, MeanField, Stream, fit
from ebm.partition import mean_field, tap

RULES = [(MeanField(400, 1), mean_field), (TAP(400, 1), tap)]
each_rule = pytest.mark.parametrize(("rule", "log_z"), RULES, ids=["mean-field", "tap"])


def weak(name, scale=0.3):
    """A machine of the catalogue with couplings so weak that the equations have one solution."""
    machine = laws.MACHINES[name]()
    machine.params[machine.couplings[0]] *= scale
    machine.project()
    return machine


@pytest.mark.some(7)
@pytest.mark.parametrize("name", [n for n, make in laws.CLOSED.items() if not make().units.learns])
@each_rule
def test_the_model_phase_is_the_derivative_of_log_z(name, rule, log_z):
    machine = weak(name)
    rng = Stream(0)
    chains = rule.init(machine, rng)
    v = machine.sample0(3, rng)[:, : machine.n_visible]
    state = machine.clamp(v, Stream(5))
    twin = Stream(5)
    found, _ = rule.gradient(machine, (v, np.ones(3)), chains, twin)
    positive = machine.stats(state)
    for key in machine.params:
        for places in laws.moves(machine, key)[:12]:
            slope = laws.derivative(machine, key, places, lambda m: log_z(m, tolerance=1e-12).value)
            np.testing.assert_allclose(positive[key][places[0]] - found[key][places[0]], slope, atol=2e-6)


@pytest.mark.parametrize("name", ["ising", "bernoulli-bernoulli", "potts-bernoulli", "bernoulli-ising"])
def test_the_second_order_is_closer_to_the_exact_gradient(name):
    machine = weak(name, 0.3)
    v = laws.all_states(machine.units, machine.n_visible)[:9]
    exact = Exact().gradient(machine, (v, np.ones(9)), {}, Stream(0))[0]
    errors = []
    for rule, _ in RULES:
        found, _ = rule.gradient(machine, (v, np.ones(9)), rule.init(machine, Stream(0)), Stream(0))
        errors.append(np.sqrt(sum(np.square(found[k] - exact[k]).sum() for k in exact)))
    assert errors[1] < 0.4 * errors[0]


def test_learning_by_tap_comes_near_the_exact_optimum():
    """A weakly coupled teacher: much nearer than independent units."""
    teacher = weak("ising", 0.5)
    x, p = laws.distribution(teacher)
    student = teacher.copy()
    for value in student.params.values():
        value[:] = 0
    fit(student, x, weights=p, rule=TAP(), optimiser=SGD(0.2), epochs=300, batch_size=len(x))
    kl = p @ np.log(p / laws.distribution(student)[1])
    independent = p @ np.log(p / laws.distribution(_without_couplings(teacher, x, p))[1])
    assert 0 <= kl < 0.25 * independent


def _without_couplings(machine, x, p):
    flat = machine.copy()
    flat.params["J"][:] = 0
    flat.params["b"][:] = np.arctanh(p @ x)
    return flat
