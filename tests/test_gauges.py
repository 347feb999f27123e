"""Gauges leave p unchanged; the natural gradient does not depend on coordinates."""

import laws
import numpy as np
import pytest
import scipy.sparse

import ebm
from ebm import SGD, NaturalGradient, Stream, begin, rescaled, train, zero_sum
from ebm.errors import NotSupported, TooLarge


@pytest.mark.parametrize("name", laws.FINITE)
def test_the_zero_sum_gauge_leaves_p_unchanged(name):
    machine = laws.FINITE[name]()
    before = laws.visible_distribution(machine)[1]
    zero_sum(machine)
    np.testing.assert_allclose(laws.visible_distribution(machine)[1], before, atol=1e-13)
    once = {key: value.copy() for key, value in machine.params.items()}
    zero_sum(machine)
    for key, value in machine.params.items():
        np.testing.assert_allclose(value, once[key], atol=1e-14)


@pytest.mark.parametrize("name", [n for n in laws.FINITE if "potts" in n or "mixed" in n])
def test_weights_and_biases_of_a_potts_unit_sum_to_zero(name):
    machine = laws.FINITE[name]()
    zero_sum(machine)
    if isinstance(machine, ebm.RBM):
        layers = [
            (own, rows[columns], biases[columns])
            for units, n, rows, biases in (
                (machine.visible, machine.n_visible, machine.W, machine.b),
                (machine.hidden, machine.n_hidden, machine.W.T, machine.c),
            )
            for own, _, columns in units.parts(n)
        ]
    else:
        J, parts = laws.dense(machine), machine.units.parts(machine.n_units)
        layers = [(own, J[columns], machine.b[columns]) for own, _, columns in parts]
    for own, rows, biases in layers:
        if isinstance(own, ebm.Potts):
            assert np.abs(rows.reshape(-1, own.q, rows.shape[1]).sum(1)).max() < 1e-13
            assert np.abs(biases.reshape(-1, own.q).sum(1)).max() < 1e-13


def test_parts_of_blocks_cannot_be_gauged():
    J = np.zeros((4, 4))
    J[0, 2] = J[2, 0] = 1.0
    machine = ebm.BoltzmannMachine(ebm.Potts(2), scipy.sparse.csr_array(J))
    with pytest.raises(NotSupported, match="whole q × q blocks"):
        zero_sum(machine)


REAL = [name for name in laws.RESTRICTED if name.startswith(("gaussian", "precise"))]


@pytest.mark.parametrize("name", REAL)
def test_rescaled_changes_nothing_but_units_of_measurement(name):
    """Log-densities fall by the Jacobian, hidden means stand, draws at the same u are moved; and back."""
    machine, rng = laws.MACHINES[name](), np.random.default_rng(0)
    n = machine.n_visible
    shift, scale = 3 * rng.normal(size=n), np.exp(rng.normal(size=n))
    v, before = rng.normal(size=(20, n)), {key: value.copy() for key, value in machine.params.items()}
    other = rescaled(machine, shift, scale)
    x = shift + scale * v

    def log_p(m, rows):  # the oracle's sum over h; that exact() is the integral is another law
        return laws.minus_free_energy(m, rows) - m.exact(stats=False)[0]

    np.testing.assert_allclose(log_p(other, x), log_p(machine, v) - np.log(scale).sum(), atol=1e-11)
    np.testing.assert_allclose(other.mean_h(x), machine.mean_h(v), atol=1e-12)
    h = machine.sample_h(v, Stream(1))
    drawn = shift + scale * machine.sample_v(h, Stream(2))
    np.testing.assert_allclose(other.sample_v(h, Stream(2)), drawn, atol=1e-12)
    back = rescaled(other, -shift / scale, 1 / scale)
    for key, value in before.items():
        np.testing.assert_allclose(back.params[key], value, atol=1e-12)
        np.testing.assert_array_equal(machine.params[key], value)
    np.testing.assert_allclose(back.visible.precision, np.broadcast_to(machine.visible.precision, n))


def test_learning_on_standardised_data_is_learning_the_data():
    """The maximum of the likelihood is the same machine, from whichever units of measurement."""
    rng = np.random.default_rng(0)
    data = (rng.choice([-1.0, 1.0], size=(300, 1)) + 0.6 * rng.normal(size=(300, 2))) * [0.2, 1.5] + [1, -2]
    shift, scale = data.mean(0), data.std(0)
    v = (data - shift) / scale
    learnt = ebm.RBM.from_data(v, 1, visible=ebm.Gaussian(learn_precision=True), scale=1.0, dtype=np.float64)
    raw = rescaled(learnt, shift, scale)
    found, same = ebm.maximise(learnt, v, tolerance=1e-8), ebm.maximise(raw, data, tolerance=1e-8)
    np.testing.assert_allclose(same.log_likelihood, found.log_likelihood - np.log(scale).sum(), atol=1e-8)
    moved = rescaled(learnt, shift, scale)
    np.testing.assert_allclose(moved.params["v.precision"], raw.params["v.precision"], rtol=1e-4)
    np.testing.assert_allclose(moved.exact()[1]["b"], raw.exact()[1]["b"], rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "shift", "scale", "said"),
    [
        ("bernoulli-gaussian", 0.0, 1.0, "Gaussian visible"),
        ("ising", 0.0, 1.0, "Gaussian visible"),
        ("gaussian-bernoulli", 0.0, [1.0, 0.0], "positive numbers, got 0 for unit 1"),
        ("gaussian-bernoulli", [0.0], 1.0, "shape"),
        ("gaussian-bernoulli", np.nan, 1.0, "nan"),
        ("gaussian-bernoulli", 0.0, [1, [2, 3]], "scale: .* ragged"),
    ],
)
def test_what_cannot_be_rescaled_is_one_line(name, shift, scale, said):
    with pytest.raises(ebm.EbmError, match=said) as error:
        rescaled(laws.MACHINES[name](), shift, scale)
    assert "\n" not in str(error.value)


def natural(machine, v, w, damping=1e-10):
    return NaturalGradient(damping).gradient(machine, (v, w), {}, Stream(0))[0]


@pytest.mark.parametrize("name", ["bernoulli", "ising", "bernoulli-sparse"])
def test_the_natural_gradient_is_invariant_to_flips(name):
    """Bernoulli units and Ising units are the same family in other coordinates: the same change of p."""
    machine = laws.FULLY[name]()
    v = laws.all_states(machine.units, 6)[:20]
    w = np.random.default_rng(0).dirichlet(np.ones(20))
    x, p = laws.distribution(machine)
    low, high = machine.units.states
    flipped, order = machine.copy(), [1, 4]
    J, b = laws.dense(machine).copy(), machine.b.copy()
    for i in order:  # x_i -> low + high − x_i
        b += (low + high) * J[:, i]
        J[i] *= -1
        J[:, i] *= -1
        b[i] *= -1
    flipped = ebm.BoltzmannMachine(machine.units, scipy.sparse.csr_array(J) if machine.sparse else J, b)
    u = v.copy()
    u[:, order] = low + high - u[:, order]
    eps, moved = 1e-4, []
    for each, rows in ((machine, v), (flipped, u)):
        step = natural(each, rows, w)
        for key, value in each.params.items():
            value += eps * step[key]
        each.project()
        moved.append(each)
    y = x.copy()
    y[:, order] = low + high - y[:, order]
    change = np.log(laws.distribution(moved[0])[1] / p)
    other = laws.minus_free_energy(moved[1], y)
    other = other - np.log(np.exp(other - other.max()).sum()) - other.max() - np.log(p)
    np.testing.assert_allclose(change, other, atol=1e-9)


def test_one_natural_step_is_newtons_near_the_optimum():
    """Without hidden units the Fisher matrix is the Hessian: a step of rate 1 squares the distance."""
    teacher = laws.FULLY["ising"]()
    x, p = laws.distribution(teacher)
    student = teacher.copy()
    for value in student.params.values():
        value *= 0.95
    far = 0.5 * np.abs(laws.distribution(student)[1] - p).sum()
    rule, optimiser = NaturalGradient(damping=1e-12), SGD(1.0)
    next(train(begin(student, rule, optimiser), x, rule, optimiser, len(x), weights=p))
    near = 0.5 * np.abs(laws.distribution(student)[1] - p).sum()
    assert near < 3 * far**2


def test_the_natural_gradient_refuses_large_machines():
    with pytest.raises(TooLarge, match="Fisher"):
        begin(
            ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 20, 2, dtype="float64"),
            NaturalGradient(),
            SGD(0.1),
        )
    with pytest.raises(TooLarge):
        begin(laws.MACHINES["gaussian-bernoulli"](), NaturalGradient(), SGD(0.1))


MIXED = ebm.Mixed([(ebm.Potts(3), 2), (ebm.Potts(4), 1), (ebm.Potts(2), 1)])
INFERRED = {
    "pseudo_likelihood": {},
    "rise": {},
    "probability_flow": {},
    "maximum_likelihood": {},
    "boltzmann": {"max_sweeps": 200},
    "pseudo_likelihood, a table": {"penalty": ebm.L2(0.01)},
    "pseudo_likelihood, joint": {"symmetrise": "joint"},
    "potts_mean_field": {},
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("units", [ebm.Potts(3), MIXED], ids=str)
@pytest.mark.parametrize("name", INFERRED)
def test_what_is_inferred_is_in_the_zero_sum_gauge(name, units, monkeypatch):
    """Rows and columns of each block, and biases; `zero_sum` moves nothing."""
    method, _, way = name.partition(", ")
    rows = ebm.sample(
        ebm.BoltzmannMachine.random(units, 4, scale=0.5, seed=1, dtype="float64"), 400, seed=0
    ).x
    if way == "a table":
        monkeypatch.setattr("ebm.inverse.methods._NEWTON", 0)
    if name == "potts_mean_field":
        found = ebm.inverse.potts_mean_field(rows, units, pseudocount=0.1)
    else:
        found = ebm.inverse.infer(rows, units, method, **INFERRED[name])
    gauged = found.machine.copy()
    zero_sum(gauged)
    atol = 1e-6 if way == "a table" else 1e-9
    np.testing.assert_allclose(gauged.J, found.J, atol=atol)
    np.testing.assert_allclose(gauged.b, found.b, atol=atol)
    for i in range(4):
        own = found.J[units.own(i)]
        np.testing.assert_allclose(own.sum(0), 0, atol=atol)
        np.testing.assert_allclose(found.b[units.own(i)].sum(), 0, atol=atol)
    assert np.abs(found.J).max() > 0.1
