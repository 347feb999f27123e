"""Maximum likelihood: the optimum where it is unique, a stationary point where it is not."""

import laws
import numpy as np
import pytest

import ebm
from ebm import L2, RBM, Bernoulli, EbmError, Exact, Ising, Stream, TooLarge, maximise, maximum
from ebm.boltzmann import BoltzmannMachine


def exact_gradient(machine, v, weights):
    return Exact().gradient(machine, (v, weights), {}, Stream(0))[0]


def norm_of(machine, v, weights):
    """Of the exact gradient, a pair of units counted once."""
    g = exact_gradient(machine, v, weights)
    return np.sqrt(sum((machine.share if k in machine.couplings else 1) * np.square(g[k]).sum() for k in g))


@pytest.mark.parametrize("name", ["bernoulli", "bernoulli-sparse", "ising", "potts", "potts-sparse"])
def test_without_hidden_units_the_teacher_is_found(name):
    teacher = laws.FULLY[name]()
    x, p = laws.distribution(teacher)
    student = teacher.copy()
    for value in student.params.values():
        value[:] = 0
    found = maximise(student, x, weights=p)
    assert found.gradient_norm < 1e-9
    np.testing.assert_allclose(found.gradient_norm, norm_of(student, x, p), atol=1e-14)
    assert 0.5 * np.abs(laws.distribution(student)[1] - p).sum() < 1e-8
    np.testing.assert_allclose(found.log_likelihood, p @ np.log(p), atol=1e-13)


def test_rounding_of_the_likelihood_is_no_limit():
    """A line search cannot see the last steps, whose gradients are below the root of rounding."""
    teacher = laws.boltzmann(Bernoulli(), 10, scale=1.0)
    x, p = laws.distribution(teacher)
    student = BoltzmannMachine(Bernoulli(), np.zeros((10, 10)))
    found = maximise(student, x, weights=p, tolerance=1e-13)
    assert norm_of(student, x, p) < 1e-13
    assert "Newton" in found.message


@pytest.mark.parametrize("name", ["bernoulli-hidden", "bernoulli-bernoulli", "potts-bernoulli"])
def test_newton_steps_sharpen_the_end_of_other_machines(name, monkeypatch):
    """Hidden units, gauges: the gradient falls to rounding, the likelihood stays."""
    results = []
    for steps in (0, 10):
        monkeypatch.setattr(maximum, "_NEWTON", steps)
        machine = laws.MACHINES[name]()
        v = laws.all_states(machine.units, machine.n_visible)
        weights = np.random.default_rng(1).dirichlet(np.ones(len(v)))
        results.append(maximise(machine, v, weights=weights, tolerance=1e-10))
        np.testing.assert_allclose(results[-1].gradient_norm, norm_of(machine, v, weights), atol=1e-14)
    assert results[1].gradient_norm < 1e-10 < results[0].gradient_norm
    np.testing.assert_allclose(results[1].log_likelihood, results[0].log_likelihood, atol=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_newton_steps_that_do_not_help_are_refused(seed):
    """Far from a maximum they lead anywhere: the objective never falls, the norm never grows."""
    machine = RBM.random(Ising(), Ising(), 4, 3, scale=1.0, seed=seed, dtype=np.float64)
    v = laws.all_states(Ising(), 4)
    climb = maximum._Climb(machine, v, np.random.default_rng(seed).dirichlet(np.ones(16)), [])
    loss, _ = climb(climb.start)
    norm = climb.norm
    y, _ = maximum._newton(climb, climb.start, 1e-12, None)
    assert climb(y)[0] <= loss + 1e-11
    assert climb.norm <= norm


def test_newton_steps_do_not_go_down_to_a_saddle():
    """With small weights the nearest stationary point is W = 0, which has the lower likelihood."""
    machine = RBM(Ising(), Ising(), np.full((4, 1), 0.1), np.zeros(4), np.zeros(1))
    climb = maximum._Climb(machine, np.array([[1, 1, 1, 1], [-1, -1, -1, -1]]), np.full(2, 0.5), [])
    y, steps = maximum._newton(climb, climb.start, 1e-12, None)
    assert steps == 0
    assert np.array_equal(y, climb.start)


def test_machines_of_float32_make_no_newton_steps():
    """Differences of gradients at points that float32 does not tell apart say nothing."""
    machine = BoltzmannMachine(Ising(), np.zeros((4, 4), np.float32), np.zeros(4, np.float32))
    x, p = laws.distribution(laws.boltzmann(Ising(), 4))
    found = maximise(machine, x, weights=p)
    assert found.message.endswith("0 Newton steps")
    assert found.n_evaluations < 100  # a refused step would have cost 200
    assert found.gradient_norm < 1e-5


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
    large = RBM.random(Bernoulli(), Bernoulli(), 60, 50, dtype="float64")
    with pytest.raises(TooLarge):
        maximise(large, np.zeros((2, 60)))
    small = BoltzmannMachine(Bernoulli(), np.zeros((2, 2)))
    with pytest.raises(EbmError, match="weights"):
        maximise(small, np.zeros((2, 2)), weights=[0.0, 0.0])
    with pytest.raises(EbmError, match="data"):
        maximise(small, np.full((2, 2), 3))


@pytest.mark.parametrize("seed", range(3))
def test_normal_units_reach_the_maximum_though_steps_leave_the_density(seed):
    """Of one hidden normal unit the likeliest covariance has a closed form: the first principal component.

    With v.precision fixed at 1 the covariance of v is (1 − WWᵀ)⁻¹: the maximum is where its largest
    eigenvalue is that of the data, if above 1.
    """
    rng = np.random.default_rng(seed)
    data = rng.normal(size=(400, 3)) * [4.0, 1.0, 0.9]
    data -= data.mean(0)
    top = np.linalg.eigvalsh(data.T @ data / len(data))[-1]
    machine = ebm.RBM.random(ebm.Gaussian(), ebm.Gaussian(), 3, 1, scale=0.3, seed=seed, dtype=np.float64)
    seen = []
    normalisable = machine.normalisable
    machine.normalisable = lambda beta=1.0, free=None: seen.append(normalisable(beta)) or seen[-1]
    found = ebm.maximise(machine, data, tolerance=1e-6)
    assert found.gradient_norm < 1e-5, found
    assert np.linalg.norm(machine.W) ** 2 == pytest.approx(1 - 1 / top, rel=1e-4)
    assert seed or not all(seen), "no step left the density: the test tests nothing"


def test_penalties_with_kinks_and_machines_without_density_are_refused():
    machine = ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 3, 2, dtype=np.float64)
    for penalty in (ebm.L1(0.1), ebm.GroupLasso(0.1)):
        with pytest.raises(ebm.EbmError, match=r"penalties: got .*expected a sequence of L2; .* use fit"):
            ebm.maximise(machine, np.eye(3), penalties=[penalty])
    wild = ebm.RBM(ebm.Gaussian(), ebm.Gaussian(), np.eye(2), np.zeros(2), np.zeros(2))
    with pytest.raises(ebm.EbmError, match=r"maximise: .*not normalisable"):
        ebm.maximise(wild, np.eye(2))
