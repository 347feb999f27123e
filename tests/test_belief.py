"""Belief networks: samples, bounds and the up-down algorithm against sums over all layers."""

import itertools

import laws
import numpy as np
import pytest
from scipy.special import logsumexp
from test_deep import bars, summed

import ebm
from ebm import DBN, PCD, RBM, SGD, Bernoulli, Ising, Potts, Stream, UpDown

MIXTURE = (Bernoulli(), Ising(), Bernoulli(), Bernoulli())


def network(scale=1.0, seed=0, tied=True, units=MIXTURE):
    """A belief network 4 - 3 - 2 - 2."""
    sizes = (4, 3, 2, 2)
    machines = [
        laws.restricted(units[k], units[k + 1], sizes[k], sizes[k + 1], scale=scale, seed=seed + k)
        for k in range(3)
    ]
    dbn = DBN(machines)
    if not tied:
        rng = np.random.default_rng(seed)
        for value in dbn.params.values():
            value += 0.5 * rng.normal(size=value.shape)
        dbn.project()
    return dbn


def conditional(units, I, x):
    """log p(x | I) of every row of inputs and every row of states of two-state units: (n, m)."""
    return I @ x.T - units.cgf(I).sum(1)[:, None]


def log_p_joint(dbn):
    """All states of the layers 0, 1 and 2, and log p of them: the definition."""
    units = dbn.layer_units
    every = [laws.all_states(u, n) for u, n in zip(units[:3], dbn.sizes[:3], strict=True)]
    index = np.array(list(itertools.product(*(range(len(e)) for e in every))))
    v, h1, h2 = (e[i] for e, i in zip(every, index.T, strict=True))
    top = dbn.top
    log_p = laws.minus_free_energy(top, h2) - top.exact()[0]
    for units_k, x, above, k in ((units[0], v, h1, 0), (units[1], h1, h2, 1)):
        I = dbn.params[f"g{k}"] + above @ dbn.params[f"G{k}"]
        log_p = log_p + (I * x).sum(1) - units_k.cgf(I).sum(1)
    return (v, h1, h2), log_p


@pytest.mark.parametrize("tied", [True, False])
def test_samples_and_bound_of_a_belief_network(tied):
    dbn = network(tied=tied)
    (v, _, _), log_p = log_p_joint(dbn)
    rows, log_v = summed(v, log_p)
    assert abs(logsumexp(log_v)) < 1e-10
    drawn = dbn.sample(20_000, seed=1, sampler=ebm.Direct())
    p = np.exp(log_v)
    seen = (drawn[:, None] == rows).all(2).mean(0)
    assert 0.5 * np.abs(seen - p).sum() < laws.tv_limit(p, 20_000)
    bound = dbn.log_likelihood_bound(rows, n_draws=400, seed=2)
    assert np.all(bound < log_v + 0.05)
    assert (log_v - bound).max() > 0.05


def test_one_machine_is_a_network_whose_bound_is_its_likelihood():
    machine = laws.MACHINES["bernoulli-bernoulli"]()
    v = laws.all_states(Bernoulli(), 5)
    np.testing.assert_allclose(
        DBN([machine]).log_likelihood_bound(v), ebm.log_likelihood(machine, v), atol=1e-10
    )


def test_up_teaches_the_generative_weights():
    """The mean step over draws is the slope of the mean of log p(v, h) under the recognition distribution."""
    dbn = network(scale=0.7, tied=False)
    v = laws.all_states(Bernoulli(), 4)[3:4]
    h1, h2 = laws.all_states(Ising(), 3), laws.all_states(Bernoulli(), 2)
    q1 = np.exp(conditional(dbn.layer_units[1], dbn.inputs_up(v, 0), h1))[0]
    q2 = np.exp(conditional(dbn.layer_units[2], dbn.inputs_up(h1, 1), h2))

    def value(m):
        low = conditional(m.layer_units[0], m.inputs_down(h1, 0), v)[:, 0]
        high = conditional(m.layer_units[1], m.inputs_down(h2, 1), h1).T
        return q1 @ low + (q1[:, None] * q2 * high).sum()

    n = 20_000
    step = UpDown(1).gradient(dbn, (np.tile(v, (n, 1)), np.ones(n)), {}, Stream(0))[0]
    for key in ("G0", "g0", "G1", "g1"):
        for place in np.ndindex(step[key].shape):
            slope = laws.derivative(dbn, key, [place], value)
            assert abs(step[key][place] - slope) < 5 / np.sqrt(n)
            assert abs(slope) > 1e-4


def test_down_teaches_the_recognition_weights():
    """At the true posterior the mean step of the recognition weights vanishes."""
    dbn = DBN(
        [
            RBM.random(Bernoulli(), Bernoulli(), 3, 2, scale=0.0, dtype="float64"),
            RBM.random(Bernoulli(), Bernoulli(), 2, 2, dtype="float64"),
        ]
    )
    dbn.params["g0"] += [0.3, -0.2, 0.1]
    dbn.top.params["b"] += [0.5, -0.5]
    dbn.params["r0"] += [0.5, -0.5]  # independent layers: the posterior is the prior
    dbn.project()
    v = np.zeros((4000, 3))
    step = UpDown(5).gradient(dbn, (v, np.ones(4000)), {}, Stream(3))[0]
    for key in ("R0", "r0"):
        assert np.abs(step[key]).max() < 4.5 * 0.5 / np.sqrt(4000)
    dbn.params["r0"] += 1.0
    step = UpDown(5).gradient(dbn, (v, np.ones(4000)), {}, Stream(3))[0]
    assert step["r0"].max() < -0.1


@pytest.mark.filterwarnings("ignore:learning has left equilibrium")
def test_greedy_and_up_down_learn():
    data = bars()
    optimiser = SGD(ebm.Linear(0.3, 0.0, epochs=1500), momentum=0.5)
    dbn = DBN.greedy(
        data, [8, 6], rule=PCD(n_chains=100), optimiser=optimiser, epochs=300, batch_size=14, seed=1
    )
    greedy = dbn.log_likelihood_bound(data, n_draws=50).mean()
    assert greedy > -5.8  # independent units: -6.2
    ebm.up_down(
        dbn, data, optimiser=SGD(ebm.Linear(0.05, 0.0, epochs=600)), epochs=600, batch_size=14, seed=1
    )
    assert dbn.log_likelihood_bound(data, n_draws=50).mean() > greedy + 0.1


def test_greedy_says_where_it_is_and_goes_on_above_what_is_learnt():
    data, said, machines = bars(), [], []
    whole = DBN.greedy(
        data, [4, 3], epochs=[2, 3], seed=1, progress=lambda *now: said.append(now),
        each=lambda k, machine: machines.append((k, machine)),
    )  # fmt: skip
    np.testing.assert_allclose([done for done, _ in said], [1 / 4, 1 / 2, 2 / 3, 5 / 6, 1])
    assert said[2][1].startswith("layer 2/2, epoch 1/3, rate 0.05")
    assert [k for k, _ in machines] == [0, 1]
    afresh = []
    again = DBN.greedy(
        data, [4, 3], epochs=[2, 3], seed=1, learnt=[machines[0][1]], each=lambda k, _: afresh.append(k)
    )
    assert afresh == [1]
    for key, value in whole.params.items():
        assert np.array_equal(again.params[key], value)


def test_networks_have_the_same_means():
    dbn = network(units=(Bernoulli(),) * 4)
    v = laws.all_states(Bernoulli(), 4)
    net = dbn.unfold(Potts(3))
    np.testing.assert_allclose(net.transform(v), dbn.transform(v), atol=1e-12)
    assert np.allclose(net.predict_mean(v), 1 / 3)
    coder = dbn.autoencoder()
    x = v
    for layer in coder.layers():
        x = layer.units.mean(layer.b + x @ layer.W)
    np.testing.assert_allclose(coder.predict_mean(v), x, atol=1e-12)
    np.testing.assert_array_equal(dbn.reconstruct(v), coder.predict_mean(v))
    assert x.shape == v.shape
    before = coder.loss(v, v)
    ebm.fine_tune(coder, v, v, optimiser=ebm.Adam(0.02), epochs=200, batch_size=16)
    assert coder.loss(v, v) < before - 0.3


def test_files(tmp_path):
    data = bars()
    dbn = DBN.greedy(data, [4, 3], epochs=1)
    dbn.params["G0"] += 1
    ebm.save(tmp_path / "d.npz", dbn)
    again = ebm.load(tmp_path / "d.npz")
    assert repr(again) == repr(dbn)
    for key in dbn.params:
        assert np.array_equal(again.params[key], dbn.params[key])
