"""Maximum likelihood by L-BFGS: the optimum where it is unique, a stationary point where it is not."""

import laws
import numpy as np
import pytest

from ebm import L2, RBM, Bernoulli, EbmError, Exact, Stream, TooLarge, maximise
from ebm.boltzmann import BoltzmannMachine


def exact_gradient(machine, v, weights):
    return Exact().gradient(machine, (v, weights), {}, Stream(0))[0]


@pytest.mark.parametrize("name", ["bernoulli", "bernoulli-sparse", "ising", "potts", "potts-sparse"])
def test_without_hidden_units_the_teacher_is_found(name):
    teacher = laws.FULLY[name]()
    x, p = laws.distribution(teacher)
    student = teacher.copy()
    for value in student.params.values():
        value[:] = 0
    found = maximise(student, x, weights=p)
    assert found.gradient_norm < 1e-7
    assert 0.5 * np.abs(laws.distribution(student)[1] - p).sum() < 1e-6
    np.testing.assert_allclose(found.log_likelihood, p @ np.log(p), atol=1e-10)


@pytest.mark.parametrize(
    "name", ["bernoulli-bernoulli", "ising-bernoulli", "potts-bernoulli", "bernoulli-hidden"]
)
def test_with_hidden_units_it_climbs_to_a_stationary_point(name):
    machine = laws.MACHINES[name]()
    v = laws.all_states(machine.units, machine.n_visible)
    weights = np.random.default_rng(0).dirichlet(np.ones(len(v)))
    before = laws.log_likelihood_of(machine, v, weights)
    penalties = [L2(0.01)]
    seen = []
    found = maximise(machine, v, weights=weights, penalties=penalties, callback=seen.append)
    assert found.log_likelihood > before
    np.testing.assert_allclose(found.log_likelihood, laws.log_likelihood_of(machine, v, weights))
    assert np.all(np.diff(seen) > -1e-12)
    for key, value in exact_gradient(machine, v, weights).items():
        rest = value - (penalties[0].gradient(machine.params[key]) if key in machine.couplings else 0)
        assert np.abs(rest).max() < 1e-6


def test_the_callback_ends_the_climb():
    machine = laws.MACHINES["bernoulli-bernoulli"]()
    v = laws.all_states(machine.units, 5)
    weights = np.random.default_rng(0).dirichlet(np.ones(len(v)))
    counts = []
    maximise(machine, v, weights=weights, callback=lambda value: counts.append(value) or len(counts) == 3)
    assert len(counts) == 3


def test_refusals_are_one_line():
    large = RBM.random(Bernoulli(), Bernoulli(), 60, 50)
    with pytest.raises(TooLarge):
        maximise(large, np.zeros((2, 60)))
    small = BoltzmannMachine(Bernoulli(), np.zeros((2, 2)))
    with pytest.raises(EbmError, match="weights"):
        maximise(small, np.zeros((2, 2)), weights=[0.0, 0.0])
    with pytest.raises(EbmError, match="data"):
        maximise(small, np.full((2, 2), 3))
