"""One visible unit given the others: probabilities, slopes, moments, and the rules that learn them."""

import laws
import numpy as np
import pytest
from scipy.special import logsumexp

import ebm
from ebm import (
    CD,
    RBM,
    SGD,
    Adam,
    Bernoulli,
    Discriminative,
    EbmError,
    Exact,
    Gaussian,
    Hybrid,
    Ising,
    Mixed,
    NotSupported,
    Potts,
    SparseHidden,
    Stream,
)
from ebm.nonzeros import Nonzeros
from ebm.scratch import Scratch

IN_THE_MIDDLE = Mixed(((Ising(), 2), (Potts(3), 1), (Bernoulli(), 2)))
MACHINES = {
    "labelled": (lambda **k: laws.restricted(laws.LABELLED, Bernoulli(), 4, 4, **k), -1),
    "many-hidden": (lambda **k: laws.restricted(laws.LABELLED, Bernoulli(), 4, 37, scale=0.4, **k), 3),
    "in-the-middle": (lambda **k: laws.restricted(IN_THE_MIDDLE, Bernoulli(), 5, 3, **k), 2),
    "ising-hidden": (lambda **k: laws.restricted(laws.LABELLED, Ising(), 4, 3, **k), -1),
    "potts-hidden": (lambda **k: laws.restricted(laws.LABELLED, Potts(3), 4, 3, **k), -1),
    "gaussian-hidden": (lambda **k: laws.restricted(laws.LABELLED, Gaussian(), 4, 3, scale=0.5, **k), -1),
    "mixed-hidden": (lambda **k: laws.MACHINES["mixed-mixed"](**k), 0),
    "a-spin": (lambda **k: laws.MACHINES["ising-bernoulli"](**k), 1),
    "a-count": (lambda **k: laws.MACHINES["levels-bernoulli"](**k), 2),
    "a-count-of-counts": (lambda **k: laws.FULLY["binomial"](**k), 1),
    "fully-connected": (lambda **k: laws.FULLY["mixed"](**k), -1),
    "sparse": (lambda **k: laws.FULLY["bernoulli-sparse"](**k), 2),
}
HIDDEN_IN_THE_STATE = {
    "hidden-in-the-state": (lambda **k: laws.FULLY["bernoulli-hidden"](**k), 1),
    "several-types": (lambda **k: laws.FULLY["mixed-sparse-hidden"](**k), 1),
    "deep": (lambda **k: laws.deep(**k), -1),
}
each = pytest.mark.parametrize("name", MACHINES)


def make(name, **settings):
    build, unit = (MACHINES | HIDDEN_IN_THE_STATE)[name]
    machine = build(**settings)
    return machine, unit % machine.n_visible


def rows_of(machine, n=9, seed=0):
    return laws.states_of(machine.units, n, machine.n_visible, np.random.default_rng(seed))


def gradient_of(rule, machine, rows, weights, seed=0):
    rng = Stream(seed)
    return rule.gradient(machine, (rows, weights), rule.init(machine, rng), rng)[0]


def joint(machine, x, i):
    """log of the unnormalised p with unit i in each of its states: (n, n_states), and its states."""
    states = laws.sites(machine.units, machine.n_visible)[i].states
    found = []
    for s in states:
        y = x.copy()
        y[:, i] = s
        found.append(laws.visible_log_sum(machine, y) if machine.n_hidden < 10 else -machine.free_energy(y))
    return np.stack(found, 1), np.asarray(states)


@pytest.mark.parametrize("name", MACHINES | HIDDEN_IN_THE_STATE)
def test_probabilities_and_what_is_left_are_those_of_the_joint(name):
    machine, i = make(name)
    x = rows_of(machine)
    log_p, _ = joint(machine, x, i)
    others = np.delete(x, i, 1)
    p = ebm.conditional_probabilities(machine, others, unit=i)
    np.testing.assert_allclose(p, np.exp(log_p - logsumexp(log_p, 1, keepdims=True)), atol=1e-12)
    np.testing.assert_allclose(p.sum(1), 1, atol=1e-14)
    own = np.searchsorted(laws.sites(machine.units, x.shape[1])[i].states, x[:, i])
    chosen = ebm.conditional_log_likelihood(machine, x, unit=i)
    np.testing.assert_allclose(chosen, np.log(p[np.arange(len(x)), own]), atol=1e-11)
    left = ebm.marginal_free_energy(machine, others, unit=i)
    np.testing.assert_allclose(left, -logsumexp(log_p, 1), rtol=1e-12)


@each
def test_slopes_are_derivatives(name):
    """conditional = d of the weighted sum of log p(v_i | the others), which it also gives."""
    machine, i = make(name)
    x, weights = rows_of(machine), np.random.default_rng(1).normal(size=9)
    found, log_p = machine.conditional(x, i, weights)
    every, states = joint(machine, x, i)
    own = np.searchsorted(states, x[:, i])
    expected = every[np.arange(9), own] - logsumexp(every, 1)
    np.testing.assert_allclose(log_p, expected, atol=1e-11)

    def value(m):
        log_p, _ = joint(m, x, i)
        return weights @ (log_p[np.arange(9), own] - logsumexp(log_p, 1))

    for key in machine.params:
        assert found[key].shape == machine.params[key].shape
        for places in laws.moves(machine, key):
            slope = laws.derivative(machine, key, places, value)
            np.testing.assert_allclose(found[key][places[0]], slope, atol=1e-6)


@pytest.mark.parametrize("scale", [0.3, 30.0])
def test_single_precision_and_threads(scale):
    """float32 to its own rounding, inputs of any size; the same numbers with one thread and with two."""
    double, i = laws.restricted(laws.LABELLED, Bernoulli(), 4, 530, scale=scale), 3
    single = RBM(laws.LABELLED, Bernoulli(), *(double.params[k].astype(np.float32) for k in "Wbc"))
    double = RBM(laws.LABELLED, Bernoulli(), *(single.params[k].astype(np.float64) for k in "Wbc"))
    x, weights, before, found = rows_of(double, 70), np.full(70, 1 / 70), ebm.get_num_threads(), []
    try:
        for n in (1, 2):
            ebm.set_num_threads(n)
            found.append(single.conditional(x, i, weights))
    finally:
        ebm.set_num_threads(before)
    exact, log_p = double.conditional(x, i, weights)
    size = 100 * (1 + scale)  # of the sums that log p is a difference of
    np.testing.assert_allclose(found[0][1], log_p, atol=3e-6 * size)
    for key in exact:
        assert found[0][0][key].dtype == np.float32
        assert np.array_equal(found[0][0][key], found[1][0][key])
        np.testing.assert_allclose(found[0][0][key], exact[key], atol=1e-5 * size)


@pytest.mark.parametrize("rule", [Discriminative(dropout=0.4), Hybrid(0.0, dropout=0.4)], ids=repr)
def test_dropout_is_the_slope_at_thinned_inputs(rule):
    """The mean over masks of (the slope with each input left out or scaled); Potts units and y stay."""
    units = Mixed(((Ising(), 2), (Potts(3), 1), (Bernoulli(), 2)))
    machine = laws.restricted(units, Bernoulli(), 5, 3)
    rows, weights, n = rows_of(machine, seed=1), np.random.default_rng(2).dirichlet(np.ones(9)), 3000
    assert 0 < rows[:, 4].mean() < 1
    masks = laws.all_states(Bernoulli(), 3)  # of the units 0, 1 and 3
    expected = {key: np.zeros(value.shape) for key, value in machine.params.items()}
    for mask in masks:
        scale = np.ones((9, 5))
        scale[:, [0, 1, 3]] = mask / 0.6
        share = np.prod(np.where(mask, 0.6, 0.4))
        for key, value in machine.conditional(rows, 4, weights, scale)[0].items():
            expected[key] += share * value
    draws = [gradient_of(rule, machine, rows, weights, seed) for seed in range(n)]
    for key, value in expected.items():
        values = np.stack([d[key] for d in draws])
        assert values.std(0).max() < 1
        assert np.all(np.abs(values.mean(0) - value) < 4.5 * values.std(0) / np.sqrt(n) + 1e-12)
    assert np.abs(draws[0]["W"] - draws[1]["W"]).max() > 0.01


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_zeros_that_are_skipped_change_nothing(dtype, monkeypatch):
    """Rows of which one in ten is not zero: the products that skip zeros against those of BLAS."""
    units = Mixed(((Bernoulli(), 60), (Potts(3), 1)))
    machine = laws.restricted(units, Bernoulli(), 61, 85, dtype=dtype, scale=0.3)
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.random((40, 60)) * (rng.random((40, 60)) < 0.1), rng.integers(3, size=40)])
    weights = rng.normal(size=40)
    assert Nonzeros.worth(units.encode(x.astype(dtype)).astype(dtype), machine.W, Scratch().take) is not None
    start, tolerance = rng.normal(size=machine.W.shape).astype(dtype), 1e-4 if dtype == np.float32 else 1e-12

    def slopes():
        """All of them, and that of W added to what is there already, as optimisers do."""
        added = start.copy()
        found, log_p = machine.conditional(x.astype(dtype), 60, weights)
        found["W"].add_to(added, 0.5, 3.0)
        found = {key: np.array(value) for key, value in found.items()}
        np.testing.assert_allclose(added, 0.5 * start + 3 * found["W"], atol=tolerance)
        return found, log_p

    found, log_p = slopes()
    monkeypatch.setattr(Nonzeros, "worth", lambda *_: None)
    expected, other = slopes()
    np.testing.assert_allclose(log_p, other, atol=tolerance)
    for key in expected:
        np.testing.assert_allclose(found[key], expected[key], atol=tolerance)
    assert np.abs(expected["W"]).max() > 0.1


def weights_of(machine, x, i):
    """Of the mixture that a Gaussian unit is given the others: weights, means, precision."""
    h = laws.phi(machine.hidden, laws.all_states(machine.hidden, machine.n_hidden))
    f, own = laws.phi(machine.units, x), machine.units.own(i).start
    precision = np.broadcast_to(machine.units.one(i).precision, 1)[0]
    I = machine.b[own] + h @ machine.W[own]
    others = np.delete(np.arange(f.shape[1]), own)
    log_w = f[:, others] @ machine.W[others] @ h.T + h @ machine.c + I**2 / (2 * precision)
    w = np.exp(log_w - logsumexp(log_w, 1, keepdims=True))
    return w, I / precision, precision


def mixture(machine, x, i):
    """Mean and variance of a Gaussian unit given the others."""
    w, means, precision = weights_of(machine, x, i)
    mean = w @ means
    return mean, w @ (means**2 + 1 / precision) - mean**2


HIDDEN = [Bernoulli(), Potts(3), Mixed(((Ising(), 2), (Bernoulli(), 1)))]
WITH_REAL = [Mixed(((Bernoulli(), 3), (Gaussian(), 1))), Gaussian(), Gaussian(learn_precision=True)]


def density(machine, x, i):
    """p(v_i | the others) of a Gaussian unit: the mixture's, at v_i."""
    w, means, precision = weights_of(machine, x, i)
    away = x[:, [i]] - means
    return (w * np.exp(-precision * away**2 / 2)).sum(1) * np.sqrt(precision / (2 * np.pi))


@pytest.mark.parametrize("hidden", HIDDEN, ids=str)
@pytest.mark.parametrize("visible", WITH_REAL, ids=str)
def test_moments_of_a_real_unit_are_those_of_the_mixture(visible, hidden):
    machine = laws.restricted(visible, hidden, 4, 3, scale=1.5)
    x = rows_of(machine)
    mean, variance = ebm.conditional_moments(machine, x[:, :3])
    expected = mixture(machine, x, 3)
    np.testing.assert_allclose(mean, expected[0], atol=1e-12)
    np.testing.assert_allclose(variance, expected[1], atol=1e-12)
    log_p = np.log(density(machine, x, 3))
    np.testing.assert_allclose(ebm.conditional_log_likelihood(machine, x), log_p, atol=1e-11)


@pytest.mark.parametrize("visible", WITH_REAL, ids=str)
def test_moments_with_normal_hidden_units_are_integrals(visible):
    """Normal hidden units widen the density of a real unit: by the trapezoidal rule over free energies."""
    hidden = Mixed(((Gaussian(), 2), (Bernoulli(), 2)))
    machine = laws.restricted(visible, hidden, 4, 4, scale=0.4)
    x, y = rows_of(machine, 4), np.linspace(-14, 14, 4001)
    mean, variance = ebm.conditional_moments(machine, x[:, :3])
    log_p = ebm.conditional_log_likelihood(machine, x)
    for k, row in enumerate(x):
        rows = np.tile(row, (len(y), 1))
        rows[:, 3] = y
        log_w = laws.minus_free_energy(machine, rows)
        p = np.exp(log_w - logsumexp(log_w))
        np.testing.assert_allclose((mean[k], variance[k]), (p @ y, p @ y**2 - (p @ y) ** 2), atol=1e-12)
        whole = logsumexp(log_w) + np.log(y[1] - y[0])
        np.testing.assert_allclose(
            log_p[k], laws.minus_free_energy(machine, row[None])[0] - whole, atol=1e-10
        )


def test_moments_of_few_states():
    machine, i = make("a-spin")
    x = np.delete(rows_of(machine), i, 1)
    mean, variance = ebm.conditional_moments(machine, x, unit=i)
    p = ebm.conditional_probabilities(machine, x, unit=i)[:, 1]
    np.testing.assert_allclose(mean, 2 * p - 1)
    np.testing.assert_allclose(variance, 4 * p * (1 - p))


# Rules.


def test_a_hybrid_is_the_sum_of_its_parts():
    machine, i = make("labelled")
    rows, weights = rows_of(machine), np.random.default_rng(2).uniform(0.5, 2, 9)
    found = gradient_of(Hybrid(0.3, Exact()), machine, rows, weights)
    one = gradient_of(Discriminative(), machine, rows, weights)
    other = gradient_of(Exact(), machine, rows, weights)
    for key in found:
        np.testing.assert_allclose(found[key], one[key] + 0.3 * other[key], atol=1e-14)
    bare = machine.conditional(rows, i, weights / weights.sum())[0]
    for key in found:
        np.testing.assert_allclose(one[key], bare[key], atol=1e-15)


def test_rows_without_a_label_add_their_density():
    """The mean over draws of y is the slope of sum w [log p(y|x) + a log p(x, y)] + sum w beta log p(x)."""
    machine, i = make("labelled")
    rows, weights, known = rows_of(machine), np.random.default_rng(2).dirichlet(np.ones(9)), np.arange(9) < 5
    asked = np.where((np.arange(4) == i) & ~known[:, None], np.nan, rows)
    every = laws.all_states(machine.units, 4)

    def value(m):
        log_p, _ = joint(m, rows, i)
        given, left = log_p[np.arange(9), rows[:, i].astype(int)], logsumexp(log_p, 1)
        log_z = logsumexp(laws.minus_free_energy(m, every))
        labelled = given - left + 0.3 * (given - log_z)
        return weights @ np.where(known, labelled, 0.7 * (left - log_z))

    rule, n = Hybrid(0.3, Exact(), beta=0.7), 400
    draws = [gradient_of(rule, machine, asked, weights, seed) for seed in range(n)]
    for key in machine.params:
        values = np.stack([d[key] for d in draws])
        error = values.std(0) / np.sqrt(n) + 1e-9
        slope = np.array(
            [laws.derivative(machine, key, [place], value) for place in np.ndindex(values.shape[1:])]
        ).reshape(values.shape[1:])
        assert np.all(np.abs(values.mean(0) - slope) < 4.5 * error)
        assert np.abs(values.mean(0)).max() > 0.02
    alone = gradient_of(Discriminative(), machine, asked, weights)
    bare = machine.conditional(rows, i, np.where(known, weights, 0))[0]
    for key in alone:
        np.testing.assert_allclose(alone[key], bare[key], atol=1e-15)


def test_scores_are_the_mean_loss_and_the_part_of_wrong_rows():
    machine, i = make("labelled")
    rows = rows_of(machine, 40)
    p = ebm.conditional_probabilities(machine, rows[:, :i])
    loss, error = -np.log(p[np.arange(40), rows[:, i].astype(int)]), p.argmax(1) != rows[:, i]
    np.testing.assert_allclose(Discriminative().score(machine, rows), (loss.mean(), error.mean()))
    assert 0 < error.mean() < 1
    rows[::2, i] = np.nan
    np.testing.assert_allclose(Hybrid().score(machine, rows), (loss[1::2].mean(), error[1::2].mean()))


@pytest.mark.parametrize("score", [None, "error", "pseudo_likelihood"])
def test_fit_follows_predictions_and_keeps_the_best(score):
    """A teacher's labels with noise: the machine kept is the one whose held-out score was best."""
    rng = np.random.default_rng(0)
    x = rng.integers(2, size=(400, 6))
    rows = np.column_stack([x, (x[:, 0] ^ x[:, 1]) ^ (rng.random(400) < 0.2)])
    units = Mixed(((Bernoulli(), 6), (Potts(2), 1)))
    machine = RBM.from_data(rows, 40, visible=units, scale=0.3, seed=1, dtype=np.float64)
    history = ebm.fit(
        machine, rows[:100], rule=Discriminative(), optimiser=Adam(0.02), epochs=200, batch_size=20,
        validation=rows[100:], stopping=ebm.EarlyStopping(patience=15, score=score),
    )  # fmt: skip
    loss, error = Discriminative().score(machine, rows[100:])
    if score == "pseudo_likelihood":
        assert loss > history["loss_heldout"].min() + 1e-3
        return
    best = history["loss_heldout" if score is None else "error_heldout"]
    assert len(history) == best.argmin() + 16 < 200
    assert (loss if score is None else error) == best.min()
    assert history["loss_train"][-1] < history["loss_heldout"].min()


@pytest.mark.parametrize(
    "rule", [Discriminative(), Hybrid(0.05, CD()), SparseHidden(Discriminative(), target=0.2)], ids=repr
)
def test_they_learn_what_no_linear_classifier_can(rule):
    """Parity of three bits; with a density beside it, samples of x given y have that parity."""
    x = laws.all_states(Bernoulli(), 3)
    rows = np.column_stack([x, x.sum(1) % 2])
    machine = RBM.from_data(rows, 12, visible=Mixed(((Bernoulli(), 3), (Potts(2), 1))), scale=1.0, seed=1)
    ebm.fit(machine, rows, rule=rule, optimiser=Adam(0.05), epochs=600, batch_size=8)
    p = ebm.conditional_probabilities(machine, x)
    assert np.array_equal(p.argmax(1), rows[:, -1])
    if isinstance(rule, Hybrid):
        drawn = ebm.sample(machine, 2000, given=[np.nan] * 3 + [1.0], burn_in=50, n_chains=2000).x
        assert (drawn[:, :3].sum(1) % 2).mean() > 0.8


LABELLED = make("labelled")[0]
REAL = laws.MACHINES["gaussian-bernoulli"]()


@pytest.mark.filterwarnings("ignore:learning has left equilibrium")
def test_the_sparse_variant_predicts_with_hidden_units_that_are_rarely_on():
    x = laws.all_states(Bernoulli(), 3)
    rows = np.column_stack([x, x.sum(1) % 2]).astype(float)
    units = Mixed(((Bernoulli(), 3), (Potts(2), 1)))
    on = {}
    for strength in (0.0, 0.05):
        machine = RBM.from_data(rows, 20, visible=units, scale=1.0, dtype=np.float64)
        rule = ebm.SparseHidden(Hybrid(0.01), target=0.05, strength=strength)
        history = ebm.fit(machine, rows, rule=rule, optimiser=Adam(0.05), epochs=600, batch_size=8)
        assert history["error_train"][-1] == 0
        on[strength] = machine.mean_h(rows).mean()
    assert on[0.05] < 0.5 * on[0.0]
    assert not hasattr(ebm.SparseHidden(ebm.CD()), "score")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ebm.conditional_probabilities(LABELLED, np.zeros((2, 4))), r"expected shape \(n, 3\)"),
        (lambda: ebm.conditional_probabilities(LABELLED, [[0, 0, 3]]), "3 at row 0, column 2"),
        (lambda: ebm.conditional_probabilities(LABELLED, np.zeros((2, 3)), unit=4), "from -4 to 3"),
        (lambda: ebm.conditional_probabilities(REAL, [[0.0]]), "continuum"),
        (lambda: ebm.marginal_free_energy(REAL, [[0.0]]), "continuum"),
        (lambda: ebm.conditional_moments(laws.MACHINES["drelu-bernoulli"](), [[0.0]]), "finitely"),
        (lambda: ebm.begin(laws.FULLY["bernoulli-hidden"](), Discriminative(), SGD(0.1)), "expected an RBM"),
        (lambda: ebm.begin(REAL, Hybrid(), SGD(0.1)), "finitely many"),
        (lambda: ebm.begin(LABELLED, Hybrid(unit=7), SGD(0.1)), "from -4 to 3"),
        (lambda: LABELLED.conditional([[0, 0.5, 0, 1]], 1, np.ones(1)), "unit 1: 0.5 at row 0"),
    ],
)
def test_what_cannot_be_is_one_line(call, message):
    with pytest.raises((EbmError, NotSupported), match=message) as error:
        call()
    assert "\n" not in str(error.value)
