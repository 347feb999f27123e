"""Gaussian visible units that learn their precisions, beyond the laws that the catalogue runs."""

import laws
import numpy as np
import pytest

from ebm import (
    CD,
    PCD,
    RBM,
    SGD,
    TAP,
    Bernoulli,
    EbmError,
    Exact,
    Gaussian,
    Layer,
    Mixed,
    Network,
    NotSupported,
    Potts,
    Stream,
    begin,
    load,
    log_likelihood,
    maximise,
    save,
    train,
)
from ebm.testing import check_machine
from ebm.units.family import LEAST
from ebm.units.tables import units_from_dict

PRECISE = Gaussian(learn_precision=True)
TABLE = Mixed(((Bernoulli(), 1), (PRECISE, 2), (Potts(3), 1)))
NAMES = ("precise-bernoulli", "precise-gaussian")
each_machine = pytest.mark.parametrize("name", NAMES)


def likelihood(machine, v, weights):
    return -weights @ machine.free_energy(v) - machine.exact(stats=False)[0]


@each_machine
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_layer_that_kernels_draw_is_the_units_own_sample(name, dtype):
    machine = laws.MACHINES[name](dtype=dtype)
    machine.params["W"][:] = 0
    machine.project()
    drawn = machine.sweep(np.zeros((200, machine.n_visible), dtype), Stream(0))
    u = Stream(0).uniform(200, machine.n_visible, dtype)
    laws.draws_agree(machine.visible, np.tile(machine.b, (200, 1)), u, drawn)


def table():
    return laws.restricted(TABLE, Bernoulli(), 4, 2)


@pytest.mark.parametrize("make", [*(laws.MACHINES[name] for name in NAMES), table])
def test_centred_coordinates_hold_the_centred_biases(make):
    """b + W lambda - precision mu stands while W or a precision moves: by central differences."""
    machine, rng = make(), np.random.default_rng(0)
    v, weights = machine.sample0(6, Stream(0)), rng.dirichlet(np.ones(6))
    offsets = {key: rng.normal(size=len(machine.params[key])) for key in machine.biases}
    positive, negative = machine.stats(v, weights), machine.exact()[1]
    plain = {key: positive[key] - negative[key] for key in positive}
    found = machine.centre(plain, offsets)

    def along(step):
        values = []
        for sign in (1, -1):
            moved = machine.copy()
            for key, value in machine.uncentre(step, offsets).items():
                moved.params[key] += sign * 1e-5 * value
            values.append(likelihood(moved, v, weights))
        return (values[0] - values[1]) / 2e-5

    for key, value in found.items():
        for place in np.ndindex(value.shape):
            step = {k: np.zeros(p.shape) for k, p in machine.params.items()}
            step[key][place] = 1
            np.testing.assert_allclose(value[place], along(step), atol=1e-8)
    step = {k: np.zeros(p.shape) for k, p in machine.params.items()}
    step["v.precision"][0] = 2.0
    first = int(np.arange(len(machine.b))[machine.visible.learners("precision", machine.n_visible)[1]][0])
    moved = machine.uncentre(step, offsets)
    np.testing.assert_allclose(moved["b"], 2.0 * offsets["b"] * (np.arange(len(machine.b)) == first))


def test_blocks_of_a_layer_learn_their_own():
    """What a layer of several types learns is its blocks' own, and stays with units that are taken out."""
    machine = table()
    assert machine.params["v.precision"].shape == (2,)
    machine.params["v.precision"][:] = 4.0, 0.25
    machine.project()
    np.testing.assert_allclose(machine.visible.one(2).var(np.zeros(1)), [4.0])
    rest, _ = machine.condition([1.0, np.nan, 0.3, np.nan])
    assert rest.visible.learns == ("precision",)
    np.testing.assert_allclose(rest.params["v.precision"], [4.0])
    assert machine.condition([np.nan, 0.1, 0.3, np.nan])[0].visible.learns == ()


def test_a_layer_of_several_types_keeps_the_laws():
    check_machine(table())


def test_a_file_keeps_the_precisions_of_a_block(tmp_path):
    machine = table()
    save(tmp_path / "m.npz", machine)
    v = machine.sample0(5, Stream(0))
    np.testing.assert_array_equal(load(tmp_path / "m.npz").free_energy(v), machine.free_energy(v))


def test_learning_finds_the_variances_of_independent_units():
    """Without couplings the maximum is the mean and one over the variance of the data."""
    data = np.random.default_rng(0).normal(size=(500, 3)) * [0.7, 1.0, 1.6] + [1.0, 0.0, -1.0]
    machine = RBM(PRECISE, Bernoulli(), np.zeros((3, 1)), np.zeros(3), np.zeros(1))
    rule, optimiser = Exact(centred=True), SGD(0.3)
    for state in train(begin(machine, rule, optimiser), data, rule, optimiser, len(data)):
        machine.params["W"][:] = 0
        if state.step == 2000:
            break
    np.testing.assert_allclose(machine.params["v.precision"], 1 / data.var(0), rtol=1e-6)
    np.testing.assert_allclose(machine.b / machine.params["v.precision"], data.mean(0), atol=1e-6)


def test_maximise_finds_a_teacher_again():
    teacher, student = (laws.MACHINES["precise-bernoulli"](seed=seed) for seed in (5, 7))
    v, p = laws.visible_distribution(teacher)
    found = maximise(student, v, weights=p, tolerance=1e-8)
    best = p @ log_likelihood(teacher, v, teacher.exact()[0])
    np.testing.assert_allclose(found.log_likelihood, best, atol=1e-7)
    assert np.all(student.params["v.precision"] > 0)


@pytest.mark.parametrize("rule", [CD(), PCD(n_chains=50, centred=True), PCD(n_chains=50)], ids=repr)
def test_sampling_rules_learn_variances(rule):
    """A mixture of two narrow peaks, the same in three units: nearly all variance is between them."""
    rng = np.random.default_rng(0)
    data = rng.choice([-1.0, 1.0], size=(400, 1)) + 0.5 * rng.normal(size=(400, 3))
    machine = RBM.from_data(data, 2, visible=PRECISE, scale=0.1, dtype=np.float64)
    before = log_likelihood(machine, data).mean()
    optimiser = SGD(0.02)
    for state in train(begin(machine, rule, optimiser), data, rule, optimiser, 50):
        if state.step == 2500:
            break
    assert log_likelihood(machine, data).mean() > before + 0.5
    np.testing.assert_allclose(machine.params["v.precision"], 4, rtol=0.35)


def test_from_data_starts_at_the_marginals():
    data = np.random.default_rng(0).normal(size=(200, 4)) * [0.1, 1, 10, 0] + [1, 2, 3, 4]
    machine = RBM.from_data(data, 2, visible=PRECISE, scale=0.0, dtype=np.float64)
    precision = machine.params["v.precision"]
    np.testing.assert_allclose(precision[:3], 1 / data.var(0)[:3], rtol=1e-12)
    assert np.isfinite(precision[3])
    np.testing.assert_allclose(machine.exact()[1]["b"], data.mean(0), rtol=1e-12)


def test_precisions_stay_positive():
    """A step below zero is put back by project, wherever the array is."""
    machine = laws.MACHINES["precise-bernoulli"]()
    machine.params["v.precision"][0] = -3.0
    machine.project()
    assert machine.params["v.precision"][0] == LEAST
    assert np.isfinite(machine.exact()[0])
    machine.params["v.precision"] = np.array([4.0, 0.25])
    machine.project()
    np.testing.assert_allclose(machine.visible.var(np.zeros((1, 2))), [[0.25, 4.0]])


def test_a_copy_has_precisions_of_its_own():
    machine = laws.MACHINES["precise-bernoulli"]()
    before, other, graph = machine.free_energy(np.ones((1, 2))), machine.copy(), machine.graph()
    energy = graph.energy(np.ones((1, 5)))
    machine.params["v.precision"] *= 2
    assert machine.free_energy(np.ones((1, 2))) > before
    np.testing.assert_array_equal(other.free_energy(np.ones((1, 2))), before)
    np.testing.assert_array_equal(graph.energy(np.ones((1, 5))), energy)


def test_conditioned_graphs_keep_the_precisions_of_their_units():
    """E of all units = E of the free ones, conditioned, and of the clamped ones: a Gaussian unit of each."""
    machine = laws.MACHINES["precise-bernoulli"]()
    graph, x = machine.graph(), np.array([[0.7, -1.2, 1, 0, 1]])
    rest, energy = graph.condition(np.array([np.nan, -1.2, np.nan, 0, np.nan]))
    np.testing.assert_allclose(rest.energy(x[:, [0, 2, 4]]) + energy, machine.energy(x[:, :2], x[:, 2:]))


def test_unit_precisions_are_the_plain_machine():
    """Precisions of 1 change no bit of a chain."""
    plain = laws.MACHINES["gaussian-bernoulli"](dtype=np.float32)
    same = RBM(PRECISE, plain.hidden, plain.W, plain.b, plain.c)
    x = plain.sample0(20, Stream(0))
    np.testing.assert_array_equal(same.sample0(20, Stream(0)), x)
    np.testing.assert_array_equal(same.sweep(x, Stream(1), 3), plain.sweep(x, Stream(1), 3))
    assert same.exact(stats=False) == plain.exact(stats=False)


WEIGHTS = np.zeros((2, 2)), np.zeros(2), np.zeros(2)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: RBM(Bernoulli(), PRECISE, *WEIGHTS), "columns of W"),
        (
            lambda: RBM(Bernoulli(), Bernoulli(), *WEIGHTS, theta={"v.precision": [1, 1]}),
            "learn no potential",
        ),
        (lambda: RBM(PRECISE, Bernoulli(), *WEIGHTS, theta={"v.precision": [1, 0]}), "positive"),
        (lambda: RBM(PRECISE, Bernoulli(), *WEIGHTS, theta={"v.precision": [1]}), "shape"),
        (lambda: RBM(PRECISE, Bernoulli(), *WEIGHTS, theta={"v.precision": [1, np.nan]}), "nan"),
        (lambda: Gaussian(learn_precision="yes"), "true or false"),
        (lambda: units_from_dict({"type": "Gaussian", "learn_variance": True}), "learn_variance"),
        (
            lambda: Network([Layer(PRECISE, np.zeros((2, 1)), np.zeros(1)), Layer.random(PRECISE, 1, 1)]),
            "only a readout",
        ),
        (lambda: begin(laws.MACHINES["precise-bernoulli"](), TAP(), SGD(0.1)), "CD, PCD or Exact"),
    ],
)
def test_refusals_are_one_line(make, said):
    with pytest.raises((EbmError, NotSupported), match=said) as error:
        make()
    assert "\n" not in str(error.value)
