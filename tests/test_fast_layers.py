"""Layers of restricted machines beyond one tile and word, against the definition, for all unit types."""

import itertools
import pickle

import laws
import numpy as np
import pytest

import ebm
from ebm import Bernoulli, Ising, Potts, Stream
from ebm.bits import as_bits
from ebm.deferred import Deferred
from ebm.kernels.numbers.random import uniform_rows
from ebm.rbm import sweeping

each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])


def layer_by_layer(machine, v, beta, base, stream):
    """The definition of a sweep: h given v, then v given h, by quantile functions at the same uniforms."""
    u = np.empty((len(v), 1024))
    uniform_rows(np.uint64(stream.key), stream.counter, 0, 0, u)
    first_h, (W, b, c) = -(-v.shape[1] // 64) * 64, (p.astype(float) for p in machine.params.values())
    I = beta[:, None] * (c + laws.phi(machine.visible, v) @ W)
    h = machine.hidden.sample(I, u[:, first_h : first_h + machine.n_hidden])
    I = beta[:, None] * (b + laws.phi(machine.hidden, h) @ W.T) + (1 - beta)[:, None] * base
    return machine.visible.sample(I, u[:, : machine.n_visible])


def random_rbm(visible, hidden, dtype, rng):
    W = rng.normal(size=(150 * visible.width, 130 * hidden.width)) / 12
    b, c = 0.3 * rng.normal(size=len(W)), 0.3 * rng.normal(size=W.shape[1])
    machine = ebm.RBM(visible, hidden, *(a.astype(dtype) for a in (W, b, c)))
    v = visible.sample(np.zeros((70, len(W))), rng.random((70, 150)))
    return machine, v


UNITS = [Bernoulli(), Ising(), Potts(3), ebm.Gaussian()]
each_pair = pytest.mark.parametrize(
    ("visible", "hidden"), list(itertools.product(UNITS, UNITS)), ids=lambda units: type(units).__name__
)


@each_pair
@pytest.mark.parametrize("known", [False, True], ids=["", "product known"])
@each_dtype
def test_layers_beyond_one_tile_are_drawn_given_the_other(visible, hidden, known, dtype):
    """Several words of units, several passes of tables, temperatures per chain and a base."""
    rng = np.random.default_rng(0)
    machine, v = random_rbm(visible, hidden, dtype, rng)
    beta, base = rng.random(70).astype(dtype), rng.normal(size=len(machine.b)).astype(dtype)
    chains = machine.start(v)
    if known:
        machine.free_energy(chains)
    y = machine.sweep(chains, Stream(3), 1, beta, base).x
    z = layer_by_layer(machine, v, beta.astype(float), base.astype(float), Stream(3))
    if visible == ebm.Gaussian():
        wrong = (np.abs(y - z) > 1e-3).any(1).mean()
    else:
        wrong = (y != z).any(1).mean()  # rows in which rounding decided a unit of either layer
    assert wrong <= (0.05 if dtype == np.float32 else 0)


@each_pair
@each_dtype
def test_statistics_beyond_one_tile(visible, hidden, dtype):
    rng = np.random.default_rng(1)
    machine, v = random_rbm(visible, hidden, dtype, rng)
    y, w = v[:33], rng.normal(size=70)
    found, first = machine.contrast(v, w, y)
    phi, other = laws.phi(visible, v), laws.phi(visible, y)
    mean_h = w[:, None] * hidden.mean(machine.c + phi @ machine.W)
    mean_y = hidden.mean(machine.c + other @ machine.W) / 33
    expected = {
        "W": phi.T @ mean_h - other.T @ mean_y,
        "b": w @ phi - other.mean(0),
        "c": mean_h.sum(0) - mean_y.sum(0),
    }
    for key, value in expected.items():
        np.testing.assert_allclose(found[key], value, atol=2e4 * np.finfo(dtype).eps, err_msg=key)
    for key, value in {"b": w @ phi, "c": mean_h.sum(0)}.items():
        np.testing.assert_allclose(first[key], value, atol=2e4 * np.finfo(dtype).eps, err_msg=key)


@each_pair
def test_sweeps_from_a_copy_of_the_couplings_are_the_same(visible, hidden, monkeypatch):
    """Many sweeps with one W are worth a copy of its transpose: the same numbers, to the bit."""
    machine, v = random_rbm(visible, hidden, np.float32, np.random.default_rng(2))
    y = machine.sweep(v, Stream(1), 20)
    monkeypatch.setattr(sweeping, "_READS", 10**9)
    machine.project()
    assert np.array_equal(machine.sweep(v, Stream(1), 20), y)


@each_pair
def test_a_sweep_may_begin_before_an_update(visible, hidden):
    """What is carried holds h given v of the machine as it was; the next v is drawn given that h."""
    machine, v = random_rbm(visible, hidden, np.float64, np.random.default_rng(3))
    chains = machine.start(v)
    assert machine.carry(chains, Stream(0))[1] is None  # nothing is known of it yet
    machine.free_energy(chains)
    rng = Stream(4)
    carried = machine.carry(chains, rng)
    u = np.empty((70, 1024))
    uniform_rows(np.uint64(rng.key), 0, 0, 0, u)
    h = hidden.sample(machine.inputs_h(v), u[:, 192 : 192 + 130])
    np.testing.assert_allclose(carried[1], h, atol=1e-9)
    machine.W[:] *= 0.5
    machine.project()
    uniform_rows(np.uint64(rng.key), 1, 0, 0, u)
    expected = visible.sample(machine.inputs_v(h), u[:, :150])
    again = machine.restart(*carried)
    np.testing.assert_allclose(machine.sweep(again, rng).x, expected, atol=1e-9)
    assert rng.counter == 2
    assert again.h is None


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_gradients_are_added_without_being_made(momentum):
    machine, v = random_rbm(Bernoulli(), Ising(), np.float32, np.random.default_rng(4))
    optimiser, other = ebm.SGD(0.1, momentum=momentum), machine.copy()
    memory, again = optimiser.init(machine.params), optimiser.init(machine.params)
    for _ in range(3):
        gradient, _ = machine.contrast(v, None, v[:20])
        made = {key: np.array(value) for key, value in gradient.items()}
        assert isinstance(gradient["W"], Deferred)
        assert made["W"].shape == machine.W.shape
        assert np.array_equal(2 * gradient["W"] - machine.W, 2 * made["W"] - machine.W)
        assert np.array_equal(gradient["W"][3], made["W"][3])
        assert gradient["W"].max() == made["W"].max()
        optimiser.update(machine.params, gradient, memory)
        optimiser.update(other.params, made, again)
        machine.project()
    np.testing.assert_allclose(machine.W, other.W, atol=1e-6)


def test_a_changed_gradient_is_what_is_added():
    """Clipped in place, through numpy or by an element."""
    machine, v = random_rbm(Bernoulli(), Bernoulli(), np.float32, np.random.default_rng(5))
    before = machine.W.copy()
    gradient, _ = machine.contrast(v, None, v[:20])
    np.clip(gradient["W"], -0.01, 0.01, out=gradient["W"])
    gradient["W"][0] = 0
    expected = np.array(gradient["W"])
    ebm.SGD(1.0).update(machine.params, gradient, ebm.SGD(1.0).init(machine.params))
    np.testing.assert_allclose(machine.W, before + expected, atol=1e-6)
    gradient["W"] *= 2
    assert np.array_equal(gradient["W"], 2 * expected)
    assert pickle.loads(pickle.dumps(machine.contrast(v, None, v)[0]["W"])).shape == before.shape


def test_states_kept_as_bits_are_an_array_to_read():
    x = (np.random.default_rng(0).random((5, 70)) < 0.5).astype(np.float32)
    b = as_bits(x, Bernoulli(), np.float32)
    assert b.shape == x.shape
    assert b.dtype == x.dtype
    for place in (2, (1, 3), slice(1, 4), np.array([0, 4]), x == 1, np.array([[0, 1], [2, 3]])):
        assert np.array_equal(b[place], x[place])
    assert np.array_equal(b + 1, x + 1)
    assert b.mean() == x.mean()
    for change in (lambda: b.__setitem__(0, 1), lambda: np.add(b, 1, out=b)):
        with pytest.raises((TypeError, ValueError)):
            change()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bits_of_another_machine_are_taken_for_what_they_are(dtype):
    rng = np.random.default_rng(0)
    machine = ebm.RBM.random(Bernoulli(), Bernoulli(), 70, 9, scale=1.0, dtype=dtype)
    x = (rng.random((50, 70)) < 0.5).astype(float)
    for other in (np.float32, np.float64):
        bits = as_bits(x, Bernoulli(), other)
        assert np.array_equal(machine.free_energy(bits), machine.free_energy(x))
        assert np.array_equal(machine.restart(bits).x, x)
    potts = ebm.RBM.random(Potts(2), Bernoulli(), 70, 9, scale=1.0, dtype="float64")
    assert np.array_equal(potts.free_energy(bits), potts.free_energy(x.astype(int)))
    for wrong in (as_bits(x[:, :30], Bernoulli(), dtype), x[:, :30], x[0]):
        with pytest.raises(ebm.EbmError):
            machine.free_energy(wrong)
    for wrong in (x[:, :30], np.ones((3, 90)), x[0], np.full((2, 70), "a")):
        with pytest.raises(ebm.EbmError, match="data"):
            next(ebm.train(ebm.begin(machine, ebm.CD(), ebm.SGD(0.1)), wrong, ebm.CD(), ebm.SGD(0.1), 2))


def test_a_machine_from_another_process_has_its_own_versions():
    """What is kept for one version of the parameters must not be taken for another's after unpickling."""
    machine, v = random_rbm(Bernoulli(), Bernoulli(), np.float32, np.random.default_rng(6))
    machine.sweep(v, Stream(0), 20)  # keeps a copy of W turned over
    again = pickle.loads(pickle.dumps(machine))
    again.W[:] *= -1
    again.project()
    assert np.array_equal(again.sweep(v, Stream(1), 2), again.copy().sweep(v, Stream(1), 2))
