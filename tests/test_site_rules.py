"""Rules made of one-unit changes: each is the derivative of its objective, and vanishes at the truth."""

import laws
import numpy as np
import pytest
from scipy.special import logsumexp

import ebm
from ebm import SGD, Exact, MinimumProbabilityFlow, PseudoLikelihood, RatioMatching, Stream, begin, train
from ebm.errors import NotSupported

# Without hidden units in the state, and of finitely many states.
NAMES = [k for k, make in laws.FINITE.items() if make().n_units == make().n_visible]
each_machine = pytest.mark.parametrize("name", NAMES)


def sites(machine):
    """The states of each unit."""
    return [np.asarray(u.states) for u in laws.sites(machine.units, machine.n_units)]


def conditionals(machine, x):
    """Every state of every unit given the others, and where the row stands: of each unit (n, n_states)."""
    log_p, own = [], []
    for i, states in enumerate(sites(machine)):
        changed = np.repeat(x[:, None], len(states), 1)
        changed[:, :, i] = states
        one = laws.minus_free_energy(machine, changed.reshape(-1, x.shape[1])).reshape(len(x), -1)
        log_p.append(one - logsumexp(one, axis=1, keepdims=True))
        own.append(x[:, [i]] == states)
    return zip(log_p, own, strict=True)


def log_pseudo_likelihood(machine, x):
    return sum(log_p.sum(1, where=own) for log_p, own in conditionals(machine, x))


def minus_ratio(machine, x):
    return sum(-0.5 * np.square(own - np.exp(log_p)).sum(1) for log_p, own in conditionals(machine, x))


def minus_flow(machine, x):
    total = 0.0
    for log_p, own in conditionals(machine, x):
        total -= np.exp((log_p - log_p.sum(1, where=own)[:, None]) / 2).sum(1, where=~own)
    return total


OBJECTIVES = [
    (PseudoLikelihood(), log_pseudo_likelihood),
    (RatioMatching(), minus_ratio),
    (MinimumProbabilityFlow(), minus_flow),
]
each_rule = pytest.mark.parametrize(
    ("rule", "objective"), OBJECTIVES, ids=lambda o: getattr(o, "__name__", "")
)


def gradient(machine, rule, v, weights):
    return rule.gradient(machine, (v, weights), rule.init(machine, Stream(0)), Stream(0))[0]


@each_machine
def test_site_contrast_sums_differences_of_statistics(name):
    machine, rng = laws.MACHINES[name](), np.random.default_rng(0)
    x = laws.states_of(machine.units, 4, machine.n_units, rng)
    own = sites(machine)
    weights = rng.normal(size=(*x.shape, max(map(len, own))))
    expected = {key: np.zeros_like(value) for key, value in machine.params.items()}
    for i, states in enumerate(own):
        for s, value in enumerate(states):
            changed, w = x.copy(), weights[:, i, s]
            changed[:, i] = value
            new, old = machine.stats(changed, w), machine.stats(x, w)
            for key in expected:
                expected[key] += new[key] - old[key]
    for state in (x, machine.start(x)):
        for key, value in machine.site_contrast(state, weights).items():
            np.testing.assert_allclose(value, expected[key], atol=1e-12)


@pytest.mark.some(4)
@each_machine
@each_rule
def test_the_gradient_is_the_derivative_of_the_objective(name, rule, objective):
    machine, rng = laws.MACHINES[name](), np.random.default_rng(1)
    v = laws.states_of(machine.units, 5, machine.n_visible, rng)
    weights = np.array([1, 0, 2, 0.5, 1.5])
    found = gradient(machine, rule, v, weights)
    for key in machine.params:
        for places in laws.moves(machine, key):
            slope = laws.derivative(machine, key, places, lambda m: weights @ objective(m, v) / weights.sum())
            np.testing.assert_allclose(found[key][places[0]], slope, atol=2e-7)


@each_machine
@each_rule
def test_the_gradient_vanishes_at_the_truth(name, rule, objective):
    machine = laws.MACHINES[name]()
    v, p = laws.visible_distribution(machine)
    for value in gradient(machine, rule, v, p).values():
        assert np.abs(value).max() < 1e-12


@pytest.mark.some(2)
@each_rule
def test_learning_from_zero_reaches_the_teacher(rule, objective):
    """Without hidden units and with the teacher's p as weights, all three have the teacher as optimum."""
    teacher = laws.FULLY["bernoulli"]()
    x, p = laws.distribution(teacher)
    student = teacher.copy()
    for value in student.params.values():
        value[:] = 0
    optimiser = SGD(0.3, momentum=0.9)
    for state in train(begin(student, rule, optimiser), x, rule, optimiser, len(x), weights=p):
        if state.step == 4000:
            break
    assert 0.5 * np.abs(laws.distribution(student)[1] - p).sum() < 1e-3
    worse = laws.FULLY["bernoulli"](seed=8)
    assert p @ objective(student, x) > p @ objective(worse, x)


@each_rule
def test_rows_without_weight_and_empty_batches_teach_nothing(rule, objective):
    machine = laws.MACHINES["bernoulli-bernoulli"]()
    v = np.eye(5)
    one = gradient(machine, rule, v, np.array([1.0, 0, 1, 0, 1]))
    same = gradient(machine, rule, v[::2], np.ones(3))
    none = gradient(machine, rule, v, np.zeros(5))
    for key, value in one.items():
        np.testing.assert_allclose(value, same[key], atol=1e-13)
        assert not none[key].any()


@each_rule
@pytest.mark.parametrize(
    ("name", "said"), [("gaussian-bernoulli", "continuum"), ("bernoulli-hidden", "hidden units in its state")]
)
def test_what_has_no_changes_of_one_unit_is_refused(name, said, rule, objective):
    machine = laws.MACHINES[name]()
    with pytest.raises(NotSupported, match=said) as error:
        gradient(machine, rule, np.zeros((2, machine.n_visible)), np.ones(2))
    assert "\n" not in str(error.value)


def test_means_are_refused():
    """Pseudo-likelihoods are of states."""
    machine = laws.MACHINES["bernoulli-bernoulli"]()
    with pytest.raises(ebm.EbmError, match="data"):
        gradient(machine, PseudoLikelihood(), np.full((2, 5), 0.5), np.ones(2))


def test_pseudo_likelihood_is_flatter_than_the_likelihood_is_steep():
    """At a machine of independent units both gradients of the biases agree: no coupling, no difference."""
    machine = laws.FULLY["ising"]()
    machine.params["J"][:] = 0
    v = np.random.default_rng(0).choice([-1.0, 1.0], size=(7, 6))
    one = gradient(machine, PseudoLikelihood(), v, np.ones(7))
    other = Exact().gradient(machine, (v, np.ones(7)), {}, Stream(0))[0]
    np.testing.assert_allclose(one["b"], other["b"], atol=1e-12)
