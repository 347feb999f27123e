"""Rules: the exact gradient is the gradient, estimates of it average to it, weights are repeated rows."""

from dataclasses import replace

import laws
import numpy as np
import pytest

from ebm import (
    CD,
    PCD,
    RBM,
    SGD,
    Bernoulli,
    BoltzmannMachine,
    EbmError,
    Exact,
    FastPCD,
    Ising,
    Potts,
    RandomStart,
    SparseHidden,
    Stream,
    Tempering,
    begin,
    fit,
    train,
)
from ebm.learning.rules import normalised

FINITE = pytest.mark.parametrize("name", laws.FINITE)
TEMPERED = Tempering(betas=(0.0, 0.5, 1.0), n_adapt=4)
RULES = [
    CD(),
    CD(k=3),
    PCD(n_chains=30),
    PCD(k=2, n_chains=7),
    PCD(n_chains=7, sampler=TEMPERED),
    PCD(k="auto", n_chains=7),
    Exact(),
    FastPCD(n_chains=7),
    RandomStart(k=2),
]
CENTRED = [CD(centred=True), PCD(n_chains=20, centred=True), Exact(centred=True)]
each_rule = pytest.mark.parametrize("rule", RULES + CENTRED, ids=repr)


def gradient(machine, rule, v, weights, seed=0):
    state = begin(machine, rule, SGD(0.1), seed)
    return rule.gradient(machine, (v, weights), state.chains, state.rng)[0]


def data_of(machine, n, seed=0):
    """Rows that the machine did not make."""
    rng = np.random.default_rng(seed)
    return laws.states_of(machine.units, n, machine.n_visible, rng)


@FINITE
def test_exact_gradient_is_the_derivative_of_the_mean_log_likelihood(name):
    machine = laws.FINITE[name]()
    v, weights = data_of(machine, 6), np.array([1, 2, 0.5, 1, 0, 3])
    found = gradient(machine, Exact(), v, weights)
    for key in machine.params:
        for places in laws.moves(machine, key):
            slope = laws.derivative(
                machine, key, places, lambda m: laws.log_likelihood_of(m, v, weights / weights.sum())
            )
            np.testing.assert_allclose(found[key][places[0]], slope, atol=1e-7)


@pytest.mark.parametrize("name", laws.ENUMERABLE_H)
@pytest.mark.parametrize("centred", [False, True])
def test_exact_gradient_vanishes_at_the_truth(name, centred):
    """Student = teacher, rows weighted by p(v): below 1e-12, or to rounding where v is integrated."""
    machine = laws.MACHINES[name]()
    v, p = laws.visible_distribution(machine)
    limit = 1e-12 if machine.units.finite else 1e-10
    for value in gradient(machine, Exact(centred=centred), v, p).values():
        assert np.abs(value).max() < limit


@pytest.mark.parametrize("name", ["bernoulli", "bernoulli-sparse", "ising", "potts", "potts-sparse"])
@pytest.mark.parametrize("centred", [False, True])
def test_learning_from_zero_reaches_the_moments(name, centred):
    """Without hidden units the problem is convex: Exact() reaches gradient norm 1e-9, and the teacher's p."""
    teacher = laws.FULLY[name]()
    for value in teacher.params.values():
        value *= 0.5
    x, p = laws.distribution(teacher)
    student = teacher.copy()
    for value in student.params.values():
        value[:] = 0
    rule = Exact(centred=centred)
    optimiser = SGD(0.3 if isinstance(teacher.units, Ising) else 1.0, momentum=0.9)
    start = begin(student, rule, optimiser)
    for state in train(start, x, rule, optimiser, len(x), weights=p):
        if state.step % 100 == 0:
            rest = gradient(student, Exact(), x, p)
            norm = np.sqrt(sum(np.square(g).sum() for g in rest.values()))
            if norm < 1e-9 or state.step == 3000:
                break
    assert norm < 1e-9
    assert 0.5 * np.abs(laws.distribution(student)[1] - p).sum() < 1e-7


LONG = [
    CD(k=30),
    PCD(k=30, n_chains=200),
    PCD(k=10, n_chains=200, sampler=TEMPERED),
    FastPCD(k=30, n_chains=200),  # its first step has no fast weights
    RandomStart(k=30, n_chains=200),
]


@pytest.mark.some(4)
@pytest.mark.parametrize("rule", LONG, ids=repr)
@pytest.mark.parametrize(
    "name",
    [
        "bernoulli-hidden",
        "potts-sparse",
        "ising-bernoulli",
        "potts-gaussian",
        "bernoulli-bernoulli",
        "precise-bernoulli",
    ],
)
def test_long_chains_estimate_the_exact_gradient(rule, name):
    """Averaged over draws, within 4.5 sigma computed from the draws (30 sweeps forget their start here)."""
    machine = laws.MACHINES[name]()
    v, weights = data_of(machine, 40), np.random.default_rng(1).random(40)
    exact = gradient(machine, Exact(), v, weights)
    found = [gradient(machine, rule, v, weights, seed) for seed in range(60)]
    for key, value in exact.items():
        draws = np.array([f[key] for f in found])
        sigma = draws.std(0, ddof=1) / np.sqrt(len(draws))
        assert np.all(np.abs(draws.mean(0) - value) < 4.5 * sigma + 1e-9)


def test_cd_at_the_truth_has_no_bias():
    """CD(1) from exact draws of the machine: its chains are at equilibrium, its gradient averages to zero."""
    machine = laws.MACHINES["bernoulli-bernoulli"]()
    x = laws.exact_draws(machine, 100_000, np.random.default_rng(0))
    found = gradient(machine, CD(), x, np.ones(len(x)))
    for key, value in found.items():
        assert np.abs(value).max() < 4.5 * 2 / np.sqrt(len(x)), key


@each_rule
@pytest.mark.parametrize(
    "name",
    [
        "bernoulli-hidden",
        "ising-sparse-hidden",
        "potts",
        "bernoulli-bernoulli",
        "gaussian-bernoulli",
        "precise-gaussian",
        "potts-potts",
    ],
)
def test_a_batch_without_weight_teaches_nothing(rule, name):
    machine = laws.MACHINES[name]()
    found = gradient(machine, rule, data_of(machine, 3), np.zeros(3))
    assert set(found) == set(machine.params)
    for key, value in found.items():
        assert value.shape == machine.params[key].shape
        assert np.all(value == 0)


@pytest.mark.parametrize("centred", [False, True])
@pytest.mark.parametrize(
    "name",
    ["bernoulli-hidden", "ising-sparse-hidden", "potts-sparse", "bernoulli-gaussian", "precise-bernoulli"],
)
def test_weights_are_repeated_rows(name, centred):
    machine = laws.MACHINES[name]()
    v, weights = data_of(machine, 5), np.array([1, 3, 0, 2, 1])
    one = gradient(machine, Exact(centred=centred), v, weights.astype(float))
    same = gradient(machine, Exact(centred=centred), np.repeat(v, weights, 0), np.ones(weights.sum()))
    scaled = gradient(machine, Exact(centred=centred), v, 7.5 * weights)
    for key in one:
        np.testing.assert_allclose(one[key], same[key], atol=1e-12)
        np.testing.assert_allclose(one[key], scaled[key], atol=1e-12)


@each_rule
def test_rows_without_weight_are_ignored(rule):
    """The value of a row of weight zero changes nothing."""
    machine = laws.MACHINES["bernoulli-bernoulli"]()
    v = data_of(machine, 6)
    weights = np.array([1.0, 0.0, 1.0, 1.0, 0.0, 2.0])
    other = v.copy()
    other[[1, 4]] = 1 - other[[1, 4]]
    one, same = (gradient(machine, rule, rows, weights) for rows in (v, other))
    for key in one:
        np.testing.assert_allclose(one[key], same[key], rtol=1e-12, atol=1e-15)


@each_rule
def test_phases_are_normalised_apart(rule):
    """The bias gradient of a machine whose data equal its chains' mean does not grow with the batch."""
    machine = RBM(Bernoulli(), Bernoulli(), np.zeros((4, 3)), np.full(4, 50.0), np.full(3, -50.0))
    for n in (1, 7, 200):
        found = gradient(machine, rule, np.ones((n, 4)), np.ones(n))
        for value in found.values():
            assert np.abs(value).max() < 1e-15


@pytest.mark.parametrize(
    "name", ["bernoulli-hidden", "ising-sparse-hidden", "bernoulli-bernoulli", "potts-bernoulli"]
)
def test_persistent_chains_run_on_and_follow_the_machine(name):
    """At rate zero the chains of PCD are samples of the machine; they are not restarted at the data."""
    machine = laws.MACHINES[name]()
    rule = PCD(n_chains=10_000)
    state = begin(machine, rule, SGD(0.1))
    v = data_of(machine, 2)
    chains = state.chains
    for _ in range(40):
        before = chains.x.copy()
        _, chains = rule.gradient(machine, (v, np.ones(2)), chains, state.rng)
        assert np.any(before != chains.x)
    laws.is_sample(machine, chains.x)


@pytest.mark.parametrize("rule", CENTRED, ids=repr)
def test_offsets_are_moving_averages_of_the_datas_statistics(rule):
    """The first batch sets them; later ones move them by offset_rate, docs/math.md (5.6)."""
    machine = laws.MACHINES["bernoulli-bernoulli"]()
    state, chains = begin(machine, rule, SGD(0.1)), None
    chains = state.chains
    for k in range(3):
        v = data_of(machine, 4, seed=k)
        mean = {"b": v.mean(0), "c": machine.mean_h(v).mean(0)}
        old = {key: chains.offsets[key].copy() for key in mean}
        _, chains = rule.gradient(machine, (v, np.ones(4)), chains, state.rng)
        for key in mean:
            expected = mean[key] if k == 0 else old[key] + 0.01 * (mean[key] - old[key])
            np.testing.assert_allclose(chains.offsets[key], expected, rtol=1e-12)


def test_means_as_data_are_taken_as_means():
    """A row of probabilities gives the visible statistics of its states' average, for the bias exactly."""
    machine = laws.MACHINES["bernoulli-bernoulli"]()
    soft = np.array([[0.25, 0.5, 1.0, 0.0, 0.75]])
    found = machine.stats(soft)
    np.testing.assert_allclose(found["b"], soft[0])
    np.testing.assert_allclose(found["W"], np.outer(soft[0], machine.mean_h(soft)[0]))


@pytest.mark.some(4)
@pytest.mark.parametrize(
    ("rule", "centred"), [(CD, False), (PCD, False), (Exact, False), (PCD, True), (CD, True)], ids=str
)
@pytest.mark.parametrize("kind", ["rbm", "potts-rbm", "bm-hidden"])
def test_machines_learn_a_structured_distribution(rule, centred, kind):
    """Two pairs of equal bits, with noise: KL(q || p), enumerated, falls below half of that of fair bits.

    No product of marginals does better than fair bits here: what falls is due to the couplings.
    """
    rows, q = laws.all_states(Bernoulli(), 4), np.full(16, 0.02)
    q[[0b0000, 0b0011, 0b1100, 0b1111]] += 0.17
    if kind == "bm-hidden":
        machine = BoltzmannMachine(Bernoulli(), laws.boltzmann(Bernoulli(), 6, scale=0.3).J, n_visible=4)
    else:
        hidden = Bernoulli() if kind == "rbm" else Potts(3)
        machine = RBM.random(Bernoulli(), hidden, 4, 3, scale=0.3, seed=2, dtype=np.float64)
    optimiser = SGD(0.2)
    fit(machine, rows, weights=q, rule=rule(centred=centred), optimiser=optimiser, epochs=700, batch_size=16)
    entropy = -(q * np.log(q)).sum()
    kl = -entropy - laws.log_likelihood_of(machine, rows, q)
    assert -1e-9 < kl < 0.5 * (np.log(16) - entropy)


def test_negative_total_weight_is_refused():
    with pytest.raises(EbmError, match="weights"):
        normalised(np.array([1.0, -2.0]))


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: CD(k=0), "k"),
        (lambda: CD(k="5"), "k"),
        (lambda: CD(k=True), "k"),
        (lambda: PCD(n_chain=3), "n_chains"),
        (lambda: PCD(n_chains=0), "n_chains"),
        (lambda: Exact(offset_rate=2.0), "offset_rate"),
        (lambda: SGD(rate=-1.0), "rate"),
        (lambda: SGD(momentum=1.0), "momentum"),
    ],
)
def test_settings_are_checked_in_one_line(make, name):
    with pytest.raises(EbmError, match=name) as error:
        make()
    assert "\n" not in str(error.value)


def test_stream_is_advanced_by_every_rule_that_draws():
    """Two steps in a row see different numbers."""
    machine = laws.MACHINES["bernoulli-bernoulli"]()
    v = data_of(machine, 8)
    for rule in (CD(), PCD(n_chains=8)):
        rng = Stream(0)
        chains = rule.init(machine, rng)
        a, _ = rule.gradient(machine, (v, np.ones(8)), chains, rng)
        b, _ = rule.gradient(machine, (v, np.ones(8)), chains, rng)
        assert np.any(a["W"] != b["W"])


@pytest.mark.parametrize("name", ["bernoulli-bernoulli", "bernoulli-potts", "bernoulli-hidden"])
def test_hidden_units_come_to_their_target(name):
    """With a strong pull the means of hidden units given the data reach the target."""
    machine = laws.MACHINES[name]()
    v, rule = data_of(machine, 30), SparseHidden(PCD(n_chains=100), target=0.15, strength=20.0)
    fit(machine, v, rule=rule, optimiser=SGD(0.02), epochs=600, batch_size=30)
    if name == "bernoulli-hidden":
        found = machine.posterior_stats(v)["b"][machine.n_visible :]
        np.testing.assert_allclose(found, 0.15, atol=0.06)  # a sampled positive phase of 30 rows
    else:
        found = machine.mean_h(v).mean(0)
        expected = [0.7, 0.15, 0.15] * 2 if name == "bernoulli-potts" else [0.15] * 3
        np.testing.assert_allclose(found, expected, atol=0.02)


def test_without_strength_sparsity_changes_nothing():
    machine, v = laws.MACHINES["bernoulli-bernoulli"](), np.eye(5)
    plain, same = (
        gradient(machine, rule, v, np.ones(5)) for rule in (CD(k=2), SparseHidden(CD(k=2), strength=0.0))
    )
    for key, value in plain.items():
        np.testing.assert_array_equal(same[key], value)


def test_sparsity_needs_hidden_units():
    with pytest.raises(EbmError, match="no hidden units"):
        begin(laws.MACHINES["ising"](), SparseHidden(CD()), SGD(0.1))


@pytest.mark.parametrize(("offsets", "share"), [("data", 1.0), ("model", 0.0), ("average", 0.5)])
def test_offsets_follow_data_or_model_or_both(offsets, share):
    machine = laws.MACHINES["bernoulli-bernoulli"]()
    rule, v = Exact(centred=True, offsets=offsets), data_of(machine, 6)
    state = begin(machine, rule, SGD(0.1))
    _, chains = rule.gradient(machine, (v, np.ones(6)), state.chains, state.rng)
    model, data = machine.exact()[1], machine.stats(v)
    for key in "bc":
        np.testing.assert_allclose(chains.offsets[key], share * data[key] + (1 - share) * model[key])


def test_fast_weights_push_chains_away_and_fade():
    """Chains that sit in a well raise it for themselves alone; without gradient the fast weights decay."""
    machine = RBM(Bernoulli(), Bernoulli(), np.zeros((4, 3)), np.zeros(4), np.zeros(3))
    rule = FastPCD(n_chains=50, fast_rate=0.5, decay=0.5)
    state = begin(machine, rule, SGD(0.1))
    chains = replace(state.chains, x=np.ones((50, 4)))
    found, chains = rule.gradient(machine, (np.zeros((5, 4)), np.ones(5)), chains, state.rng)
    assert np.all(chains.fast["b"] < 0)
    np.testing.assert_allclose(chains.fast["b"], 0.5 * found["b"])
    assert not machine.b.any()
