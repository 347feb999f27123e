"""Counts and levels: Binomial, Ordered and TruncatedPoisson units, against what they are made of."""

import laws
import numpy as np
import pytest
from click.testing import CliRunner
from scipy.stats import binom, poisson

import ebm
from ebm import RBM, Bernoulli, Binomial, EbmError, Mixed, Ordered, Potts, TruncatedPoisson
from ebm.cli import main
from ebm.units import Units

LEVELS = [Binomial(5), Ordered(4), TruncatedPoisson(12)]
each_level = pytest.mark.parametrize("units", LEVELS, ids=str)


def parameters(n_v, n_h, seed=0):
    rng = np.random.default_rng(seed)
    return 0.7 * rng.normal(size=(n_v, n_h)), rng.normal(size=n_v), rng.normal(size=n_h)


def test_a_binomial_unit_is_as_many_bits_of_one_input():
    """log Z of a machine whose visible (hidden) units are each three bits with the same weights."""
    W, b, c = parameters(2, 3)
    bits = RBM(Bernoulli(), Bernoulli(), np.repeat(W, 3, 0), np.repeat(b, 3), c)
    counts = RBM(Binomial(3), Bernoulli(), W, b, c)
    np.testing.assert_allclose(counts.exact()[0], bits.exact()[0], rtol=1e-13)
    x = laws.all_states(Bernoulli(), 6)
    sums = x.reshape(-1, 2, 3).sum(-1)
    both = np.logaddexp.reduce(-bits.free_energy(x)[(sums == [2, 1]).all(1)])
    np.testing.assert_allclose(-counts.free_energy(np.array([[2, 1]])), both, rtol=1e-12)
    turned = RBM(Bernoulli(), Binomial(3), W.T, c, b)
    np.testing.assert_allclose(turned.exact()[0], bits.exact()[0], rtol=1e-13)


def test_an_ordered_unit_is_a_potts_unit_by_its_steps():
    """Weights of states are sums of those of steps; neighbours' odds are the inputs of steps."""
    steps = parameters(2 * 3, 2)
    ordered = RBM(Ordered(4), Bernoulli(), *steps)
    W, b = (np.cumsum(np.insert(a.reshape(2, 3, -1), 0, 0, axis=1), 1).reshape(8, -1) for a in steps[:2])
    one_hot = RBM(Potts(4), Bernoulli(), W, b[:, 0], steps[2])
    x = laws.all_states(Ordered(4), 2)
    np.testing.assert_allclose(ebm.log_likelihood(ordered, x), ebm.log_likelihood(one_hot, x), rtol=1e-12)
    I = np.array([[0.3, -1.0, 2.0]])
    p = -np.diff(np.concatenate([[1.0], Ordered(4).mean(I)[0], [0.0]]))
    np.testing.assert_allclose(np.diff(np.log(p)), I[0], rtol=1e-12)


def test_counts_far_from_the_top_are_poisson_and_couplings_may_attract():
    units, I = TruncatedPoisson(200), np.linspace(-4, 3, 15)[:, None]
    np.testing.assert_allclose(units.mean(I), np.exp(I), rtol=1e-12)
    x = np.arange(40.0)
    log_p = I * x - units.potential(x) - units.cgf(I)
    np.testing.assert_allclose(log_p, poisson.logpmf(x, np.exp(I)), rtol=1e-10)
    u = np.random.default_rng(0).random((500, 15))
    assert np.array_equal(units.sample(np.tile(I.T, (500, 1)), u), poisson.ppf(u, np.exp(I.T)))
    pair = RBM(TruncatedPoisson(9), TruncatedPoisson(9), np.ones((1, 1)), np.zeros(1), np.zeros(1))
    y = np.arange(10.0)
    terms = y[:, None] * y - units.potential(y)[:, None] - units.potential(y)
    np.testing.assert_allclose(pair.exact()[0], np.logaddexp.reduce(terms.ravel()), rtol=1e-13)


def test_draws_of_binomial_units_are_scipys_quantiles():
    I, u = np.random.default_rng(1).normal(size=(800, 6)), np.random.default_rng(2).random((800, 6))
    assert np.array_equal(Binomial(30).sample(I, u), binom.ppf(u, 30, 1 / (1 + np.exp(-I))))


@each_level
def test_links_in_closed_form_are_those_by_newtons_method(units):
    mean = units.mean(np.random.default_rng(0).normal(size=(5, 2 * units.width)))
    np.testing.assert_allclose(units.link(mean), Units.link(units, mean), atol=1e-7)


@each_level
@pytest.mark.parametrize("wrong", [2.5, -1, 40])
def test_data_are_whole_and_within(units, wrong):
    with pytest.raises(EbmError, match=f"row 0, column 1; .* takes integers 0 to {units.states[-1]:g}"):
        units.check([[1, wrong]])
    assert units.check([[1, 2]]).tolist() == [[1, 2]]


@pytest.mark.parametrize(("make", "most"), [(Binomial, 4096), (Ordered, 256), (TruncatedPoisson, 4096)])
def test_how_many_states_there_may_be(make, most):
    for wrong in (0, most + 1, 2.5, True, "a"):
        with pytest.raises(EbmError, match=f"{make.__name__}: .*expected an integer from [12] to {most}"):
            make(wrong)
    assert make(np.int64(3)) == make(3)


class Gaps(Units):
    """Declared whole, with a whole number left out."""

    whole = True
    states = (0.0, 2.0)


def test_whole_units_have_all_numbers_between_their_ends():
    with pytest.raises(EbmError, match="whole numbers, one after the other"):
        RBM.random(Gaps(), Bernoulli(), 2, 2, dtype="float64")


def test_counts_without_an_end_are_refused_in_mixed_layers_too():
    with pytest.raises(EbmError, match="readouts of networks only"):
        RBM.random(Mixed(((Bernoulli(), 1), (ebm.Poisson(), 1))), Bernoulli(), 2, 2, dtype="float64")


@each_level
def test_machines_begin_at_the_marginals_and_learn(units):
    """Two columns that go together and one that does not, from the marginals to what they share."""
    rng = np.random.default_rng(0)
    common = rng.normal(size=(800, 1))
    I = common @ np.array([[1.0, 1.0, 0.0]])
    data = units.sample(np.repeat(I, units.width, 1), rng.random((800, 3)))
    start = RBM.from_data(data, 2, visible=units, dtype=np.float64, seed=1)
    np.testing.assert_allclose(start.exact()[1]["b"], units.encode(data).mean(0), atol=0.02)
    counts = [np.bincount(x.astype(int), minlength=len(units.states)) for x in data.T]
    apart = sum(np.log((k / k.sum())[k > 0]) @ k[k > 0] / len(data) for k in counts)
    before = ebm.log_likelihood(start, data).mean()
    if isinstance(units, Ordered):  # its marginals are free
        np.testing.assert_allclose(before, apart, atol=1e-2)
    ebm.maximise(start, data)
    assert ebm.log_likelihood(start, data).mean() > max(apart, before) + 0.05


def test_layers_of_levels_come_back_from_files_and_gaps_are_filled(tmp_path):
    mixed = Mixed(tuple((units, 1) for units in LEVELS))
    machine = RBM.random(mixed, Binomial(2), 3, 2, scale=0.5, seed=1, dtype="float64")
    ebm.save(tmp_path / "m.npz", machine)
    twin = ebm.load(tmp_path / "m.npz")
    x = ebm.sample(machine, 5, seed=0).x
    assert twin.units == mixed
    assert np.array_equal(twin.free_energy(x), machine.free_energy(x))
    given = np.array([[2.0, np.nan, np.nan]])
    found = ebm.sample(machine, 10, given=np.repeat(given, 10, 0), seed=0).x
    assert np.all(found[:, 0] == 2)


def test_configs_take_counts(tmp_path):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "x.npy", rng.binomial(16, 0.3, size=(60, 4)))
    config = """
[data]
type = "File"
path = "{0}/x.npy"
kind = "potts"
[machine]
type = "RBM"
visible = {{ type = "Binomial", n = {1} }}
n_hidden = 3
[train]
epochs = 2
"""
    for n, code in ((16, 0), (4, 1)):
        path = tmp_path / f"{n}.toml"
        path.write_text(config.format(tmp_path, n))
        found = CliRunner().invoke(main, ["run", str(path), "--out", str(tmp_path / f"run{n}")])
        assert found.exit_code == code, found.output
    assert "Binomial(n=4) takes integers 0 to 4" in found.output


def test_readouts_of_counts_and_of_ordered_classes():
    """Regression of counts out of n finds the truth; ordered classes are said as well as by softmax."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3000, 2))
    y = binom.ppf(rng.random(3000), 8, 1 / (1 + np.exp(-(x @ [1.0, -0.5] + 0.3))))
    net = ebm.readout(None, x, y, units=Binomial(8), optimiser=ebm.LBFGS())
    np.testing.assert_allclose(np.append(net.layers()[0].W, net.layers()[0].b), [1.0, -0.5, 0.3], atol=0.05)
    log_p = net.log_probabilities(x[:5])
    np.testing.assert_allclose(np.exp(log_p).sum(-1), 1, atol=1e-12)
    np.testing.assert_allclose(log_p[np.arange(5), y[:5].astype(int)], net.log_likelihood(x[:5], y[:5]))
    assert np.array_equal(net.predict(x[:5]), log_p.argmax(-1))
    levels = np.minimum(y // 2, 3).astype(int)
    ordered = ebm.readout(None, x, levels, units=Ordered(4), optimiser=ebm.LBFGS())
    softmax = ebm.readout(None, x, levels, optimiser=ebm.LBFGS())
    np.testing.assert_allclose(ordered.loss(x, levels), softmax.loss(x, levels), atol=1e-4)
    assert np.array_equal(ordered.predict(x), ordered.log_probabilities(x).argmax(-1))


@pytest.mark.parametrize("method", ["pseudo_likelihood", "maximum_likelihood", "boltzmann"])
def test_couplings_of_ordered_units_are_inferred(method):
    machine = laws.boltzmann(Ordered(3), 4, scale=0.4)
    x = ebm.sample(machine, 10_000, sampler=ebm.Direct(), seed=0).x
    found = ebm.inverse.infer(x, Ordered(3), method)
    z = (found.J - machine.J)[found.stderr_J > 0] / found.stderr_J[found.stderr_J > 0]
    assert np.abs(z).max() < 4
    assert 0.6 < np.sqrt(np.mean(z**2)) < 1.4
    assert found.machine.units == Ordered(3)


def test_a_fully_connected_machine_of_counts_is_one_of_as_many_bits():
    """Counts of three bits each, which do not see those of their own count: log Z, learning, temperature."""
    rng = np.random.default_rng(0)
    J, b = np.triu(0.3 * rng.normal(size=(3, 3)), 1), 0.5 * rng.normal(size=3)
    counts = ebm.BoltzmannMachine(Binomial(3), J + J.T, b)
    bits = ebm.BoltzmannMachine(Bernoulli(), np.kron(J + J.T, np.ones((3, 3))), np.repeat(b, 3))
    for beta in (1.0, 0.3):
        np.testing.assert_allclose(counts.exact(beta)[0], bits.exact(beta)[0], rtol=1e-13)
    rest, energy = counts.condition([2, np.nan, np.nan])
    x = laws.all_states(Binomial(3), 3)
    held = x[x[:, 0] == 2]
    np.testing.assert_allclose(counts.energy(held), rest.energy(held[:, 1:]) + energy, atol=1e-12)
    data = ebm.sample(counts, 4000, sampler=ebm.Direct(), seed=0).x
    learnt = ebm.BoltzmannMachine.from_data(data, units=Binomial(3), dtype=np.float64)
    ebm.maximise(learnt, data)
    for key, value in learnt.exact()[1].items():
        np.testing.assert_allclose(value, learnt.stats(data)[key], atol=1e-4)
    gain = (ebm.log_likelihood(learnt, data) - ebm.log_likelihood(counts, data)).sum()
    assert 0 < gain < 20  # half a chi-squared of six numbers
    found = ebm.diagnostics.estimate_beta(counts, data)
    assert abs(found.value - 1) < 4 * found.stderr
