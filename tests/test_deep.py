"""Deep machines: sums over all layers, bounds, learning; belief networks, up and down."""

import itertools

import laws
import numpy as np
import pytest
from scipy.special import logsumexp

import ebm
from ebm import CD, DBM, DBN, PCD, SGD, Bernoulli, Exact, Ising, NotSupported, Potts, Stream
from ebm.learning.clamped import MeanState

LAYERS = {
    "three": ([Bernoulli()] * 3, (4, 3, 2)),
    "four": ([Bernoulli()] * 4, (3, 2, 3, 2)),
    "five": ([Bernoulli()] * 5, (2, 2, 2, 2, 2)),
    "ising-odd": ([Bernoulli(), Ising(), Bernoulli()], (4, 3, 2)),
    "ising-even": ([Bernoulli(), Bernoulli(), Ising(), Ising(), Bernoulli()], (3, 2, 2, 2, 2)),
    "potts-data": ([Potts(3), Bernoulli(), Bernoulli()], (2, 3, 2)),
}
each = pytest.mark.parametrize("name", LAYERS)


def make(name, scale=1.0, seed=0):
    units, sizes = LAYERS[name]
    rng = np.random.default_rng(seed)
    columns = [u.width * n for u, n in zip(units, sizes, strict=True)]
    weights = [scale * rng.normal(size=shape) for shape in itertools.pairwise(columns)]
    return DBM(units, weights, [0.5 * rng.normal(size=n) for n in columns])


def log_weights(machine):
    """All joint states of all layers, and their -E: the definition."""
    units, sizes = machine.layer_units, machine.sizes
    every = [laws.all_states(u, n) for u, n in zip(units, sizes, strict=True)]
    index = np.array(list(itertools.product(*(range(len(e)) for e in every))))
    layers = [e[i] for e, i in zip(every, index.T, strict=True)]
    phi = [laws.phi(u, x) for u, x in zip(units, layers, strict=True)]
    weights, biases = machine.layers()
    total = sum(f @ b for f, b in zip(phi, biases, strict=True))
    for k, W in enumerate(weights):
        total = total + np.einsum("ni,ij,nj->n", phi[k], W, phi[k + 1])
    return layers, total


def summed(keys, log_w):
    """log of the sum of exp(log_w) over equal rows of keys."""
    rows, which = np.unique(keys, axis=0, return_inverse=True)
    return rows, np.array([logsumexp(log_w[which.ravel() == k]) for k in range(len(rows))])


@each
def test_sums_are_those_over_all_layers(name):
    machine = make(name)
    layers, log_w = log_weights(machine)
    x, log_p = summed(np.concatenate(layers[::2], axis=1), log_w)
    np.testing.assert_allclose(-machine.free_energy(x), log_p, rtol=1e-12, atol=1e-12)
    v, log_v = summed(layers[0], log_w)
    np.testing.assert_allclose(-machine.visible_free_energy(v), log_v, rtol=1e-12, atol=1e-12)
    assert abs(machine.exact()[0] - logsumexp(log_w)) < 1e-10
    np.testing.assert_allclose(
        ebm.log_likelihood(machine, v, float(logsumexp(log_w))), log_v - logsumexp(log_w), atol=1e-10
    )


@each
def test_gradients_are_derivatives_of_the_mean_log_likelihood(name):
    """posterior_stats - exact stats = d/dparams; there are no couplings between distant layers."""
    machine = make(name)
    v = laws.states_of(machine.layer_units[0], 5, machine.n_visible, np.random.default_rng(1))
    weights = np.random.default_rng(2).dirichlet(np.ones(5))
    state = ebm.begin(machine, Exact(), SGD(0.1))
    found = Exact().gradient(machine, (v, weights), state.chains, state.rng)[0]

    def value(m):
        return weights @ -m.visible_free_energy(v) - m.exact(stats=False)[0]

    for key in machine.params:
        for place in np.ndindex(found[key].shape):
            if key == "W" and not machine.coupled[place]:
                assert found[key][place] == 0
                continue
            np.testing.assert_allclose(
                found[key][place], laws.derivative(machine, key, [place], value), atol=1e-7
            )


@each
def test_no_drift_and_exact_samples(name):
    machine = make(name, scale=1.4)
    layers, log_w = log_weights(machine)
    x, log_p = summed(np.concatenate(layers[::2], axis=1), log_w)
    p, n = np.exp(log_p - logsumexp(log_p)), 20_000
    drawn = x[np.random.default_rng(3).choice(len(x), size=n, p=p)]
    y = np.asarray(machine.sweep(drawn, Stream(4), 3))
    assert laws.total_variation(machine, y, p) < laws.tv_limit(p, n)
    few = drawn[:10_000]
    held = np.asarray(machine.clamp(few[:, : machine.n_visible], Stream(5), 200))
    assert np.array_equal(held[:, : machine.n_visible], few[:, : machine.n_visible])
    assert laws.total_variation(machine, held, p) < laws.tv_limit(p, len(few))


@each
def test_the_bound_is_below_and_tight_without_couplings(name):
    machine = make(name, scale=0.8)
    v = laws.all_states(machine.layer_units[0], machine.n_visible)
    log_z, _ = machine.exact(stats=False)
    exact, bound = ebm.log_likelihood(machine, v, log_z), machine.log_likelihood_bound(v, log_z)
    assert np.all(bound < exact + 1e-9)
    assert (exact - bound).max() > 1e-3
    loose = make(name, scale=1e-4)
    log_z, _ = loose.exact(stats=False)
    gap = ebm.log_likelihood(loose, v, log_z) - loose.log_likelihood_bound(v, log_z)
    assert np.abs(gap).max() < 1e-6


def test_mean_fields_satisfy_their_equations():
    machine = make("five", scale=0.7)
    v = laws.all_states(Bernoulli(), 2)
    x, entropy = machine.mean_field(v)
    weights, biases = machine.layers()
    rbm = machine._rbm
    odd = Bernoulli().mean(rbm.c + x @ rbm.W)
    m1, m3 = odd[:, :2], odd[:, 2:]
    m2, m4 = x[:, 2:4], x[:, 4:]
    sigmoid = Bernoulli().mean
    np.testing.assert_allclose(m1, sigmoid(biases[1] + v @ weights[0] + m2 @ weights[1].T), atol=1e-12)
    np.testing.assert_allclose(m2, sigmoid(biases[2] + m1 @ weights[1] + m3 @ weights[2].T), atol=2e-4)
    np.testing.assert_allclose(m4, sigmoid(biases[4] + m3 @ weights[3]), atol=2e-4)
    p = x[:, 2:]
    np.testing.assert_allclose(entropy, -(p * np.log(p) + (1 - p) * np.log(1 - p)).sum(1))


@each
def test_mean_fields_teach_what_their_independent_units_are(name):
    """All units independent, odd layers with the means that the even layers' means give them."""
    machine = make(name, scale=0.7)
    v = laws.states_of(machine.layer_units[0], 3, machine.n_visible, np.random.default_rng(1))
    w = np.array([0.5, 0.3, 0.2])
    means = machine.mean_field(v, tolerance=3e-3)[0][:, machine.n_visible :]
    positive = MeanState(machine, v)
    model = machine.start(laws.states_of(machine.units, 4, machine.n_units, np.random.default_rng(2)))
    found = positive.contrast(w, model)[0]
    W, c = machine.params["W"], machine.params["c"]
    even = np.concatenate([laws.phi(machine.layer_units[0], v), means], axis=1)
    odd = machine.hidden.mean(c + even @ W)
    expected = {"W": np.where(machine.coupled, (even.T * w) @ odd, 0), "b": w @ even, "c": w @ odd}
    for key, value in machine.stats(model).items():
        np.testing.assert_allclose(found[key], expected[key] - value, atol=1e-12)
    many = MeanState(machine, np.repeat(v[:1], 20_000, axis=0)).start(Stream(3))
    drawn = np.asarray(many.x)
    assert np.array_equal(drawn[:, : machine.n_visible], np.repeat(v[:1], 20_000, axis=0))
    assert np.abs(drawn[:, machine.n_visible :].mean(0) - means[0]).max() < 4.5 * 1 / np.sqrt(20_000)


@pytest.mark.parametrize("name", ["four", "five", "ising-even"])
@pytest.mark.parametrize(
    "rule",
    [Exact(), PCD(), CD(centred=True), PCD(positive="mean-field", standardised=True), ebm.MeanField()],
    ids=repr,
)
def test_layers_that_are_no_neighbours_stay_uncoupled(name, rule):
    """Of the gradient, in every step, and of what penalties and momentum make of it."""
    machine = make(name, scale=0.5)
    data = laws.states_of(machine.layer_units[0], 30, machine.n_visible, np.random.default_rng(1))
    optimiser = SGD(0.1, momentum=0.5)
    state = ebm.begin(machine, rule, optimiser, 0)
    found = rule.gradient(machine, (data, np.full(30, 1 / 30)), state.chains, state.rng)[0]
    assert np.all(np.asarray(found["W"])[~machine.coupled] == 0)
    before = machine.params["W"].copy()
    ebm.fit(machine, data, rule=rule, optimiser=optimiser, epochs=3, batch_size=10, penalties=[ebm.L2(0.1)])
    assert not np.array_equal(machine.params["W"], before)
    assert np.all(machine.params["W"][~machine.coupled] == 0)
    machine.params["W"] += 1
    machine.project()
    assert np.array_equal(machine.params["W"] == 0, ~machine.coupled)


def bars():
    """Bars of a 3 × 3 square, all columns or all rows, (14, 9)."""
    on = laws.all_states(Bernoulli(), 3)
    columns = np.repeat(on[:, None, :], 3, 1).reshape(-1, 9)
    rows = np.repeat(on[:, :, None], 3, 2).reshape(-1, 9)
    return np.unique(np.concatenate([columns, rows]), axis=0)


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param(PCD(n_chains=200, positive="mean-field", centred=True), marks=pytest.mark.slow),
        pytest.param(PCD(n_chains=200, positive="mean-field", standardised=True), marks=pytest.mark.slow),
        PCD(n_chains=200, centred=True),
        pytest.param(CD(k=5, positive="mean-field", centred=True), marks=pytest.mark.slow),
    ],
    ids=repr,
)
@pytest.mark.filterwarnings("ignore:learning has left equilibrium")
def test_it_learns(rule):
    """Bars are learnt to within a nat of log 14; independent units are 3.6 nats from it."""
    data = bars()
    machine = DBM.from_data(data, [8, 4], scale=0.1, seed=1, dtype=np.float64)
    before = ebm.log_likelihood(machine, data).mean()
    rate = 0.02 if rule.standardised else 0.5
    ebm.fit(machine, data, rule=rule, optimiser=SGD(ebm.Linear(rate, 0.0, epochs=1500)), epochs=1500)
    after = ebm.log_likelihood(machine, data).mean()
    assert before < -6
    assert after > -np.log(14) - 1.0
    assert machine.log_likelihood_bound(data).mean() <= after


def test_resume_and_files(tmp_path):
    data = bars()
    machine = DBM.from_data(data, [4, 3, 2], seed=1)
    rule, optimiser = PCD(n_chains=5, positive="mean-field", centred=True), SGD(0.1, momentum=0.5)

    def run(state, step):
        return next(s for s in ebm.train(state, data, rule, optimiser, 5, 3) if s.step == step)

    whole = run(ebm.begin(machine.copy(), rule, optimiser, 2), 8)
    ebm.save(tmp_path / "s.npz", run(ebm.begin(machine.copy(), rule, optimiser, 2), 5))
    loaded = run(ebm.load(tmp_path / "s.npz"), 8)
    assert repr(loaded.machine) == repr(whole.machine)
    for key in machine.params:
        assert np.array_equal(loaded.machine.params[key], whole.machine.params[key])


def test_the_networks_of_a_machine_count_what_is_missing_twice():
    v = laws.all_states(Bernoulli(), 4)
    machine = make("three")
    unfolded = machine.unfold(Bernoulli(), 2)
    weights, biases = machine.layers()
    first = Bernoulli().mean(biases[1] + 2 * v @ weights[0])
    second = Bernoulli().mean(biases[2] + first @ weights[1])
    np.testing.assert_allclose(unfolded.transform(v), second, atol=1e-12)
    coder = machine.autoencoder()
    down = Bernoulli().mean(biases[1] + 2 * second @ weights[1].T)
    np.testing.assert_allclose(
        coder.predict_mean(v), Bernoulli().mean(biases[0] + down @ weights[0].T), atol=1e-12
    )


@pytest.mark.parametrize("name", ["three", "four"])
def test_features_are_means_of_the_top_layer(name):
    machine = make(name, scale=0.5)
    v = laws.all_states(Bernoulli(), machine.n_visible)
    x = machine.mean_field(v)[0]
    (*_, weights), (*_, bias) = machine.layers()
    if name == "three":
        expected = x[:, machine.n_visible :]
    else:
        expected = Bernoulli().mean(bias + x[:, machine.n_visible :] @ weights)
    np.testing.assert_allclose(machine.transform(v), expected, atol=1e-12)
    assert machine.transform(v).shape == (len(v), machine.sizes[-1])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: DBM([Bernoulli()] * 2, [np.zeros((2, 2))], [np.zeros(2)] * 2), "three layers"),
        (
            lambda: DBM([Bernoulli()] * 3, [np.zeros((2, 2)), np.zeros((3, 2))], [np.zeros(2)] * 3),
            "weights 1",
        ),
        (lambda: make("three").mean_field(np.zeros((1, 5))), r"v: expected shape \(n, 4\)"),
        (lambda: make("three").log_likelihood_bound([[0, 0, 0.5, 0]]), "0.5 at row 0, column 2"),
        (lambda: DBM([Bernoulli()] * 3, [np.zeros((2, 2))] * 2, [[0, [0, 0]]] * 3), "biases 0: .* ragged"),
        (lambda: DBM.from_data([[0, 1], [0]], [2, 2]), "data: .* ragged"),
        (lambda: DBN([]), "at least one"),
        (
            lambda: DBN([laws.MACHINES["bernoulli-ising"](), laws.MACHINES["bernoulli-bernoulli"]()]),
            "do not fit",
        ),
        (lambda: DBN.greedy(np.eye(3), [2, 2], epochs=[1]), "one for each of 2 layers"),
    ],
)
def test_what_cannot_be_is_one_line(call, message):
    with pytest.raises((ebm.EbmError, NotSupported), match=message) as error:
        call()
    assert "\n" not in str(error.value)
