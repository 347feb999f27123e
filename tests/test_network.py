"""Networks: back-propagation against central differences; readouts that separate what can be separated."""

import laws
import numpy as np
import pytest
from networks import HIDDEN, INPUTS, PRECISE, READOUTS, network, pairs
from oracles import half_lines, rectified
from scipy.special import gammaln, log_softmax, logsumexp

from ebm import (
    LBFGS,
    RBM,
    SGD,
    Adam,
    Bernoulli,
    BoltzmannMachine,
    Diverged,
    DReLU,
    EbmError,
    Gaussian,
    Ising,
    Layer,
    Network,
    NotSupported,
    Poisson,
    Potts,
    Stream,
    fine_tune,
    readout,
)
from ebm.network import BackPropagation

each_readout = pytest.mark.parametrize("units", READOUTS, ids=str)


def loss_by_definition(net, units, x, y, w):
    """-log p(y | I) of the last layer: -log softmax, -log logistic, the normal density, or Poisson's."""
    I = net.forward(x)[0][-1]
    if isinstance(units, Poisson):
        each = np.exp(I) - y * I + gammaln(y + 1)
    elif isinstance(units, DReLU):
        each = laws.layer_log_sum(units, I) - I * y + rectified(half_lines(units, 0), y)
    elif units.states is None:
        precision = net.params.get("y.precision", np.ones(2))
        each = 0.5 * precision * (y - I / precision) ** 2 + 0.5 * np.log(2 * np.pi / precision)
    else:
        table = laws.phi(units, np.array(units.states)[:, None])
        score = I.reshape(*y.shape, units.width) @ table.T
        index = np.searchsorted(units.states, y)[..., None]
        each = logsumexp(score, axis=-1) - np.take_along_axis(score, index, -1)[..., 0]
    return w @ each.sum(1)


@pytest.mark.some(7)
@pytest.mark.parametrize("inputs", INPUTS, ids=str)
@pytest.mark.parametrize("hidden", HIDDEN, ids=str)
@each_readout
def test_back_propagation_is_the_derivative_of_the_loss(units, hidden, inputs):
    """Every loss x hidden type x input type, weighted rows: central differences, to 1e-6 (seen: 1e-9)."""
    net = network(units, hidden, inputs)
    x, y = pairs(units, inputs)
    weights = np.array([0.5, 0.0, 2.0, 1.0, 0.1, 0.4])
    for w in (weights, None):
        found = net.gradient(x, y, w)
        assert set(found) == set(net.params)
        for key, value in net.params.items():
            for place in np.ndindex(value.shape):
                kept, ends = value[place], []
                for step in (1e-5, -1e-5):
                    value[place] = kept + step
                    ends.append(net.loss(x, y, w))
                value[place] = kept
                slope = (ends[0] - ends[1]) / 2e-5
                assert abs(found[key][place] - slope) < 1e-6 * max(1, abs(slope))


@pytest.mark.parametrize("hidden", [Potts(5), None], ids=str)
@each_readout
def test_loss_is_the_negative_log_probability(units, hidden):
    net = network(units, hidden)
    x, y = pairs(units)
    weights = np.array([0.5, 0.0, 2.0, 1.0, 0.1, 0.4])
    np.testing.assert_allclose(
        net.loss(x, y, weights), loss_by_definition(net, units, x, y, weights), rtol=1e-12
    )
    mean = loss_by_definition(net, units, x, y, np.full(6, 1 / 6))
    np.testing.assert_allclose(net.loss(x, y), mean, rtol=1e-12)


@each_readout
def test_rule_ascends_the_weighted_mean(units):
    """BackPropagation is minus the gradient of the loss with weights of sum one; no weight, no gradient."""
    net, (x, y) = network(units, Bernoulli()), pairs(units)
    weights = np.array([1.0, 3, 0, 2, 1, 0])
    rule = BackPropagation()
    found, _ = rule.gradient(net, (x, y, weights), {}, None)
    repeated, _ = rule.gradient(
        net, (*(np.repeat(a, weights.astype(int), 0) for a in (x, y)), np.ones(7)), {}, None
    )
    expected = net.gradient(x, y, weights / 7)
    nothing, _ = rule.gradient(net, (x, y, np.zeros(6)), {}, None)
    for key in found:
        np.testing.assert_allclose(found[key], -expected[key], atol=1e-14)
        np.testing.assert_allclose(found[key], repeated[key], atol=1e-13)
        assert np.all(nothing[key] == 0)


@each_readout
def test_float32_networks_stay_float32(units):
    net, single = network(units, Bernoulli()), network(units, Bernoulli(), dtype=np.float32)
    for key in net.params:
        single.params[key][:] = net.params[key]
    x, y = pairs(units)
    found, expected = single.gradient(x, y), net.gradient(x, y)
    for key in found:
        assert found[key].dtype == np.float32
        np.testing.assert_allclose(found[key], expected[key], atol=2e-5)


@each_readout
def test_log_probabilities_are_those_of_the_loss(units):
    net, (x, y) = network(units, Bernoulli()), pairs(units)
    each = net.log_likelihood(x, y)
    np.testing.assert_allclose(-each.mean(), net.loss(x, y), rtol=1e-13)
    for r in range(len(x)):
        np.testing.assert_allclose(
            each[r], -loss_by_definition(net, units, x[[r]], y[[r]], np.ones(1)), rtol=1e-12
        )
    if units.states is None:
        with pytest.raises(NotSupported, match="infinitely many"):
            net.log_probabilities(x)
        return
    log_p = net.log_probabilities(x)
    np.testing.assert_allclose(logsumexp(log_p, axis=-1), 0, atol=1e-12)
    chosen = np.take_along_axis(log_p, np.searchsorted(units.states, y)[..., None], -1)
    np.testing.assert_allclose(chosen[..., 0].sum(1), each, rtol=1e-12)


def test_log_probabilities_do_not_underflow():
    net = Network([Layer(Potts(3), np.array([[1000.0, 0, -1000]]), np.zeros(3))])
    np.testing.assert_allclose(net.log_probabilities([[1.0]]), log_softmax([[1000.0, 0, -1000]], 1))


@each_readout
def test_variance_and_hidden_means_are_the_units_own(units):
    net, (x, _) = network(units, Potts(3)), pairs(units)
    inputs, outputs = net.forward(x)
    np.testing.assert_allclose(net.predict_variance(x), net.readout_units.var(inputs[-1]), rtol=1e-12)
    for layer in (0, 1, 2, -1, -2):
        np.testing.assert_allclose(net.transform(x, layer), outputs[1:][layer], rtol=1e-12)
    np.testing.assert_allclose(net.transform(x), outputs[-2], rtol=1e-12)
    assert np.array_equal(net.predict_mean(np.repeat(x, 700, 0))[::700], net.predict_mean(x))
    assert net.predict_mean(x[:0]).shape == (0, outputs[-1].shape[1])


def test_precisions_are_of_maximum_likelihood_and_keep_the_means():
    """After least squares the slopes of all the readout's parameters vanish; and intervals hold."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(4000, 3))
    y = x @ rng.normal(size=(3, 2)) + rng.normal(size=(4000, 2)) * [0.3, 2.0]
    net = readout(None, x[:2000], y[:2000], units=Gaussian(), optimiser=LBFGS(tolerance=1e-9))
    fitted = net.with_precision(x[:2000], y[:2000])
    np.testing.assert_allclose(fitted.predict(x), net.predict(x), atol=1e-12)
    for value in fitted.gradient(x[:2000], y[:2000]).values():
        np.testing.assert_allclose(value, 0, atol=1e-6)
    assert fitted.loss(x, y) < net.loss(x, y)
    half = 1.6449 * np.sqrt(fitted.predict_variance(x[2000:]))
    covered = np.mean(np.abs(y[2000:] - fitted.predict(x[2000:])) < half, axis=0)
    assert np.all(np.abs(covered - 0.9) < 4 * np.sqrt(0.09 / 2000))
    with pytest.raises(NotSupported, match="Gaussian"):
        network(Potts(3), None).with_precision(*pairs(Potts(3)))


def test_precisions_stay_positive():
    net = network(PRECISE, None)
    fine_tune(net, *pairs(PRECISE), optimiser=SGD(50.0), epochs=1)
    assert net.params["y.precision"].min() > 0


def blobs(n=150, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(classes, size=n)
    centres = 4 * np.stack(
        [np.cos(2 * np.pi * np.arange(classes) / classes), np.sin(2 * np.pi * np.arange(classes) / classes)],
        1,
    )
    return centres[y] + 0.5 * rng.normal(size=(n, 2)), y


def test_softmax_readout_separates_what_is_separable():
    x, y = blobs()
    net = readout(None, x, y, optimiser=Adam(0.1), epochs=60, batch_size=30)
    assert net.error(x, y) == 0
    p = net.predict_mean(x)
    np.testing.assert_allclose(p.sum(1), 1)
    assert np.array_equal(p.argmax(1), y)
    assert p[np.arange(len(y)), y].min() > 0.5


def test_logistic_readout_separates_and_takes_several_bits():
    x, y = blobs(classes=2)
    net = readout(
        None, x, np.stack([y, 1 - y], 1), units=Bernoulli(), optimiser=Adam(0.1), epochs=60, batch_size=30
    )
    assert np.array_equal(net.predict(x), np.stack([y, 1 - y], 1))
    assert net.error(x, np.stack([y, 1 - y], 1)) == 0
    assert net.error(x, np.stack([y, y], 1)) == 1


def test_gaussian_readout_is_least_squares():
    """Full batches to convergence give the normal equations' solution."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 3))
    y = x @ [[1.0, -2.0], [0.5, 0.0], [0.0, 3.0]] + [0.3, -1.0] + 0.1 * rng.normal(size=(80, 2))
    net = readout(None, x, y, units=Gaussian(), optimiser=SGD(0.5), epochs=300, batch_size=80)
    best = np.linalg.lstsq(np.column_stack([x, np.ones(80)]), y, rcond=None)[0]
    np.testing.assert_allclose(net.params["W0"], best[:3], atol=1e-8)
    np.testing.assert_allclose(net.params["b0"], best[3], atol=1e-8)
    np.testing.assert_allclose(net.predict(x), net.predict_mean(x))


def test_two_layers_learn_what_one_cannot():
    """Exclusive or: a readout of x fails, back-propagation through a hidden layer does not."""
    x, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], float), np.array([0, 1, 1, 0])
    assert readout(None, x, y, optimiser=Adam(0.1), epochs=200).error(x, y) > 0
    net = Network([Layer.random(Ising(), 2, 6, seed=1), Layer.random(Potts(2), 6, 1, seed=2)], Bernoulli())
    before = net.loss(x, y)
    fine_tune(net, x, y, optimiser=Adam(0.05), epochs=400)
    assert net.error(x, y) == 0
    assert net.loss(x, y) < 0.1 * before


@pytest.mark.parametrize("visible", [Bernoulli(), Potts(3), Gaussian()], ids=str)
@pytest.mark.parametrize("hidden", [Bernoulli(), Potts(3), Gaussian()], ids=str)
def test_readout_of_a_machine_reads_its_hidden_means(visible, hidden):
    """The first layer is the machine's, unchanged; training the readout leaves the machine alone."""
    machine = laws.restricted(visible, hidden, 3, 4)
    kept = {k: v.copy() for k, v in machine.params.items()}
    x = machine.sample0(30, Stream(0))
    y = np.arange(30) % 3
    net = readout(machine, x, y, epochs=3)
    np.testing.assert_allclose(net.forward(x)[1][1], machine.mean_h(x), atol=1e-12)
    assert np.array_equal(net.params["W0"], kept["W"])
    assert net.layer_units == (hidden, Potts(3))
    fine_tune(net, x, y, epochs=2)
    assert np.any(net.params["W0"] != kept["W"])
    for key, value in kept.items():
        assert np.array_equal(machine.params[key], value)


def test_weights_of_rows_count_in_fine_tuning():
    x, y = np.array([[1.0], [1.0]]), np.array([0, 1])
    net = readout(None, x, y, weights=[3, 1], optimiser=SGD(1.0), epochs=500, batch_size=2)
    np.testing.assert_allclose(net.predict_mean(x[:1])[0], [0.75, 0.25], atol=1e-6)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_an_absurd_rate_is_called_divergence():
    x, _y = blobs()
    with pytest.raises(Diverged):
        readout(None, 1e3 * x, 1e3 * x, units=Gaussian(), optimiser=SGD(1e6), epochs=300)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Network([]),
        lambda: Network([Layer(Potts(3), np.zeros((2, 4)), np.zeros(4))]),
        lambda: Network(
            [Layer(Ising(), np.zeros((2, 4)), np.zeros(4)), Layer(Ising(), np.zeros((3, 1)), np.zeros(1))]
        ),
        lambda: Network([Layer(Ising(), np.zeros((2, 4)), np.zeros(3))]),
        lambda: network(Potts(3), None).loss(np.zeros((2, 4)), np.zeros((2, 2))),
        lambda: network(Potts(3), None).loss(np.zeros((2, 3)), np.zeros((2, 3))),
        lambda: network(Potts(3), None).loss(np.zeros((2, 3)), np.full((2, 2), 3)),
        lambda: network(Bernoulli(), None).gradient(np.zeros((2, 3)), np.full((2, 2), -1)),
        lambda: readout(None, np.zeros((2, 3)), [0.5, 1.5]),
        lambda: readout(None, np.zeros((2, 3)), [-1, 1]),
        lambda: readout(None, np.zeros((2, 3)), [0, 1, 1]),
        lambda: readout(BoltzmannMachine(Ising(), np.zeros((3, 3))), np.ones((2, 3)), [0, 1]),
        lambda: readout(
            RBM.random(Bernoulli(), Bernoulli(), 3, 2, dtype="float64"), np.full((2, 3), 2.0), [0, 1]
        ),
        lambda: readout(
            RBM.random(Bernoulli(), Bernoulli(), 3, 2, dtype="float64"), np.zeros((2, 4)), [0, 1]
        ),
        lambda: readout(None, np.zeros(3), [0, 1, 1]),
        lambda: readout(None, np.zeros((2, 3)), [0, 1], batch_size=0),
        lambda: fine_tune(network(Potts(3), None), np.full((2, 3), np.nan), np.zeros((2, 2))),
        lambda: network(Poisson(), None).loss(np.zeros((2, 3)), np.full((2, 2), 0.5)),
        lambda: network(Poisson(), None).loss(np.zeros((2, 3)), np.full((2, 2), -1)),
        lambda: Network([Layer(PRECISE, np.zeros((3, 2)), np.zeros(2)), Layer.random(Ising(), 2, 1)]),
        lambda: network(Potts(3), Ising()).transform(np.zeros((2, 3)), 3),
        lambda: network(Potts(3), Ising()).transform(np.zeros(3)),
        lambda: network(Poisson(), None).loss(np.zeros((2, 3)), np.zeros((2, 2)), [1, [2, 3]]),
        lambda: readout(None, np.zeros((2, 3)), np.array([0, 2**63], np.uint64)),  # so many classes
    ],
)
def test_refusals_are_one_line(make):
    with pytest.raises(EbmError) as error:
        make()
    assert "\n" not in str(error.value)
    assert issubclass(NotSupported, EbmError)
