"""Machines against enumeration: energies, statistics, exact sums, sweeps, constraints, conditioning."""

import laws
import numpy as np
import pytest
import scipy.sparse
from scipy.special import logsumexp

from ebm import (
    RBM,
    Bernoulli,
    BoltzmannMachine,
    EbmError,
    Gaussian,
    Ising,
    NotSupported,
    Potts,
    Stream,
    TooLarge,
)
from ebm.states import enumerate_states
from ebm.testing import check_machine

each_machine = pytest.mark.parametrize("name", laws.MACHINES)


def some_states(machine, n=5, seed=0):
    return machine.sweep(machine.sample0(n, Stream(seed)), Stream(seed + 1), 2)


def some_base(machine, seed=0):
    return 0.7 * np.random.default_rng(seed).normal(size=len(machine.params["b"]))


@pytest.mark.some(5)
@pytest.mark.parametrize("name", laws.CATALOGUE)
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
def test_machines_keep_the_laws(name, dtype):
    check_machine(laws.CATALOGUE[name](dtype=dtype))


# Energies and what follows from them.


@each_machine
def test_free_energy_is_log_sum_of_energies(name):
    machine = laws.MACHINES[name]()
    laws.free_energy_is_log_sum(machine, some_states(machine), some_base(machine))


@each_machine
def test_free_energy_in_float32(name):
    machine = laws.MACHINES[name](dtype=np.float32)
    laws.free_energy_is_log_sum(machine, some_states(machine), some_base(machine), rtol=1e-5)


@each_machine
@pytest.mark.parametrize("beta", [1.0, 0.4])
def test_exact_is_enumeration(name, beta):
    """log Z sums states; expected stats are its derivatives by beta·parameters, by a precision itself."""
    machine = laws.MACHINES[name]()
    log_z, stats = machine.exact(beta)
    if machine.units.finite:
        x = laws.all_states(machine.units, machine.n_units)
        log_p = laws.minus_free_energy(machine, x, beta)
        np.testing.assert_allclose(log_z, logsumexp(log_p), rtol=1e-12)
    for key in machine.params:
        for places in laws.moves(machine, key):
            slope = laws.derivative(machine, key, places, lambda m: m.exact(beta, stats=False)[0])
            factor = beta if key in ("W", "J", "b", "c") else 1
            np.testing.assert_allclose(factor * stats[key][places[0]], slope, atol=1e-7)
    assert machine.exact(beta, stats=False) == (log_z, {})


@pytest.mark.parametrize("name", [n for n in laws.MACHINES if n not in laws.FINITE])
@pytest.mark.parametrize("beta", [1.0, 0.6])
def test_exact_is_an_integral(name, beta):
    """Real visible units: log Z is the integral of exp(-F), by quadrature."""
    machine = laws.MACHINES[name]()
    v, log_w = laws.product_nodes(machine.units, machine.n_visible)
    if isinstance(machine.hidden, Gaussian):  # integrate h by hand: log of the integral is I^2 / 2
        I = beta * (machine.c + v @ machine.W)
        log_p = (0.5 * I * I + 0.5 * np.log(2 * np.pi)).sum(1)
        log_p += beta * v @ machine.b - laws.potential(machine.units, v)
    else:
        log_p = laws.minus_free_energy(machine, v, beta)
    expected = logsumexp(log_p + log_w)
    np.testing.assert_allclose(machine.exact(beta)[0], expected, rtol=1e-10)


@pytest.mark.parametrize("name", laws.RESTRICTED)
def test_joint_energy_is_the_definition(name):
    """E(v, h) of an RBM, and its conditionals: h -> E is linear in phi(h) with slope -inputs_h."""
    machine = laws.RESTRICTED[name]()
    rng = np.random.default_rng(1)
    v = machine.sample0(6, Stream(0))
    h = machine.sample_h(v, Stream(1))
    f, g = laws.phi(machine.visible, v), laws.phi(machine.hidden, h)
    U = laws.potential(machine.visible, v) + laws.potential(machine.hidden, h)
    expected = U - f @ machine.b - g @ machine.c - (f @ machine.W * g).sum(1)
    np.testing.assert_allclose(machine.energy(v, h), expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(machine.inputs_h(v), machine.c + f @ machine.W, atol=1e-12)
    np.testing.assert_allclose(machine.inputs_v(h), machine.b + g @ machine.W.T, atol=1e-12)
    many = np.repeat(v[:1], 20_000, 0)
    drawn = laws.phi(machine.hidden, machine.sample_h(many, Stream(rng.integers(9))))
    sigma = np.sqrt(machine.hidden.var(machine.inputs_h(v[:1])) / len(many)) + 1e-9
    assert np.all(np.abs(drawn.mean(0) - machine.mean_h(v[:1])) < 4.5 * sigma)


@pytest.mark.parametrize("name", laws.FINITE)
def test_conditionals_are_ratios_of_p(name):
    """site_energies, and the inputs of a fully connected machine, give p(x_i | the rest)."""
    machine = laws.FINITE[name]()
    x = some_states(machine)
    for i in range(machine.n_units):
        own = laws.sites(machine.units, machine.n_units)[i].states
        flipped = np.repeat(x[:, None], len(own), 1)
        flipped[:, :, i] = own
        log_p = laws.minus_free_energy(machine, flipped.reshape(-1, x.shape[1])).reshape(len(x), -1)
        log_p -= logsumexp(log_p, axis=1, keepdims=True)
        energies = -machine.site_energies(x, i)
        np.testing.assert_allclose(energies - logsumexp(energies, axis=1, keepdims=True), log_p, atol=1e-12)
        if isinstance(machine, BoltzmannMachine):
            unit = laws.sites(machine.units, machine.n_units)[i]
            mine = laws.owners(machine.units, machine.n_units) == i
            mean = machine.units.mean(machine.inputs(x))[:, mine]
            table = laws.phi(unit, np.array(unit.states)[:, None])
            np.testing.assert_allclose(mean, np.exp(log_p) @ table, atol=1e-12)
            if all(len(one.states) == 2 for one in laws.sites(machine.units, machine.n_units)):
                np.testing.assert_allclose(machine.probability_on(x)[:, i], np.exp(log_p[:, 1]), atol=1e-12)
                hot = np.exp(0.5 * log_p[:, 1]) / np.exp(0.5 * log_p).sum(1)
                np.testing.assert_allclose(machine.probability_on(x, 0.5)[:, i], hot, atol=1e-12)


# Hidden units of a fully connected machine.


@each_machine
def test_visible_free_energy_and_posterior_stats(name):
    """Summing the hidden units: -log sum exp(-E), whose derivatives are the posterior stats."""
    machine = laws.MACHINES[name]()
    v = some_states(machine)[:, : machine.n_visible]
    weights = np.array([0.3, 1.7, 0.5, 0.0, 2.0])
    np.testing.assert_allclose(machine.visible_free_energy(v), -laws.visible_log_sum(machine, v), rtol=1e-12)
    stats = machine.posterior_stats(v, weights)
    for key in machine.params:
        for places in laws.moves(machine, key):
            slope = laws.derivative(machine, key, places, lambda m: weights @ m.visible_free_energy(v))
            np.testing.assert_allclose(stats[key][places[0]], -slope, atol=1e-7)


@pytest.mark.parametrize("name", ["bernoulli-hidden", "ising-sparse-hidden"])
def test_clamp_completes_data_from_the_posterior(name):
    """Visible units stand as given, hidden ones follow p(h | v)."""
    machine = laws.FULLY[name]()
    v = np.repeat(laws.all_states(machine.units, machine.n_visible)[5:6], 30_000, 0)
    x = machine.clamp(v, Stream(3), n=30)
    assert np.array_equal(x[:, : machine.n_visible], v)
    rest, _ = machine.condition(np.concatenate([v[0], np.full(machine.n_hidden, np.nan)]))
    laws.is_sample(rest, x[:, machine.n_visible :])


# Sweeps.


@pytest.mark.parametrize("name", laws.RESTRICTED)
def test_an_rbm_has_one_scan_under_two_names(name):
    machine = laws.RESTRICTED[name]()
    x = machine.sample0(9, Stream(0))
    assert np.array_equal(machine.sweep(x, Stream(0), scan="chromatic"), machine.sweep(x, Stream(0)))
    for scan in ("systematic", "random"):
        with pytest.raises(NotSupported):
            machine.sweep(x, Stream(0), scan=scan)


# Constraints.


@pytest.mark.parametrize("name", laws.FULLY)
def test_project_leaves_p_and_restores_symmetry(name):
    """A J pushed off the constraints by an antisymmetric part and a diagonal comes back to the same p."""
    machine = laws.FULLY[name]()
    _x, p = laws.distribution(machine)
    before, J = machine.params["J"].copy(), machine.params["J"]
    rng = np.random.default_rng(0)
    if machine.sparse:
        for (one,), (other,) in laws.moves(machine, "J"):
            J[one] += 0.1 * one
            J[other] -= 0.1 * one
    else:
        A = rng.normal(size=J.shape)
        owner = laws.owners(machine.units, machine.n_units)
        J += A - A.T + np.where(owner[:, None] == owner, rng.normal(size=J.shape), 0)
    machine.project()
    np.testing.assert_allclose(machine.params["J"], before, atol=1e-14)
    np.testing.assert_allclose(laws.distribution(machine)[1], p, atol=1e-14)
    full = laws.dense(machine)
    assert np.array_equal(full, full.T)
    once = machine.params["J"].copy()
    machine.project()
    assert np.array_equal(machine.params["J"], once)


@pytest.mark.parametrize("name", laws.FINITE)
def test_centred_gradient_is_the_gradient_in_centred_coordinates(name):
    """Hold b' = b + W lambda and c' = c + W^T mu (b' = b + J mu) while W (J) moves: central differences."""
    machine = laws.FINITE[name]()
    rng = np.random.default_rng(2)
    v, weights = laws.all_states(machine.units, machine.n_visible)[:7], rng.dirichlet(np.ones(7))
    biases = [k for k in machine.params if k not in machine.couplings]
    offsets = {k: rng.random(len(machine.params[k])) for k in biases}
    positive, negative = machine.posterior_stats(v, weights), machine.exact()[1]
    plain = {k: positive[k] - negative[k] for k in positive}
    centred = machine.centre(plain, offsets)
    key = machine.couplings[0]

    def log_likelihood(moved):
        shift = (moved.J if key == "J" else moved.W) - (machine.J if key == "J" else machine.W)
        moved.params["b"] -= shift @ offsets["b" if key == "J" else "c"]
        if key == "W":
            moved.params["c"] -= offsets["b"] @ shift
        return laws.log_likelihood_of(moved, v, weights)

    for places in laws.moves(machine, key):
        slope = laws.derivative(machine, key, places, log_likelihood, eps=1e-4)
        np.testing.assert_allclose(centred[key][places[0]], slope, atol=1e-6)
    # Back in (b, W): a step along the centred gradient changes b' = b + W lambda by the plain bias gradient.
    step = machine.uncentre(centred, offsets)
    full = step[key]
    if key == "J" and machine.sparse:
        full = scipy.sparse.csr_array((full, machine.J.indices, machine.J.indptr), shape=machine.J.shape)
    np.testing.assert_allclose(step["b"] + full @ offsets["b" if key == "J" else "c"], plain["b"], atol=1e-12)
    if key == "W":
        np.testing.assert_allclose(step["c"] + offsets["b"] @ full, plain["c"], atol=1e-12)


@pytest.mark.parametrize("name", laws.FULLY)
def test_condition_is_the_conditional_distribution(name):
    machine = laws.FULLY[name]()
    given = np.full(machine.n_units, np.nan)
    own = laws.sites(machine.units, machine.n_units)
    given[[0, 2]] = own[0].states[-1], own[2].states[0]
    rest, energy = machine.condition(given)
    free = np.isnan(given)
    x = np.tile(given, (len(laws.all_states(rest.units, rest.n_units)), 1))
    x[:, free] = laws.all_states(rest.units, rest.n_units)
    np.testing.assert_allclose(rest.energy(x[:, free]) + energy, machine.energy(x), rtol=1e-12, atol=1e-12)


# What is refused.


def symmetric(n, seed=0):
    J = np.random.default_rng(seed).normal(size=(n, n))
    return np.triu(J, 1) + np.triu(J, 1).T


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize(
    ("units", "place", "value", "message"),
    [
        (Ising(), (1, 2), 9.0, r"\((1, 2|2, 1)\)"),
        (Ising(), (3, 3), 1.0, r"\(3, 3\)"),
        (Potts(2), (4, 5), 1.0, r"\(4, 5\)|\(5, 4\)"),
        (Ising(), (0, 1), np.nan, "nan"),
        (Ising(), (0, 1), np.inf, "inf"),
    ],
    ids=["asymmetric", "diagonal", "block", "nan", "inf"],
)
def test_couplings_that_break_a_rule_are_named(units, place, value, message, sparse):
    J = symmetric(6)
    for i in range(0, 6, units.width):
        J[i : i + units.width, i : i + units.width] = 0
    BoltzmannMachine(units, scipy.sparse.csr_array(J) if sparse else J)
    J[place] = value
    with pytest.raises(EbmError, match=message) as error:
        BoltzmannMachine(units, scipy.sparse.csr_array(J) if sparse else J)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: BoltzmannMachine(Gaussian(), np.zeros((2, 2))),
        lambda: BoltzmannMachine(Ising(), np.zeros((2, 3))),
        lambda: BoltzmannMachine(Potts(3), np.zeros((4, 4))),
        lambda: BoltzmannMachine(Ising(), np.zeros((2, 2)), [1.0]),
        lambda: BoltzmannMachine(Ising(), np.zeros((2, 2)), n_visible=3),
        lambda: BoltzmannMachine(Ising(), scipy.sparse.csr_array(np.triu(symmetric(3)))),
        lambda: RBM(Bernoulli(), Bernoulli(), np.zeros((2, 2)), np.zeros(3), np.zeros(2)),
        lambda: RBM(Bernoulli(), Potts(3), np.zeros((2, 4)), np.zeros(2), np.zeros(4)),
        lambda: RBM(Bernoulli(), Bernoulli(), np.full((2, 2), np.nan), np.zeros(2), np.zeros(2)),
        lambda: RBM.from_data([[0.0, 2.0]], 3),
        lambda: laws.MACHINES["ising"]().free_energy(np.ones((2, 5))),
        lambda: laws.MACHINES["ising"]().sweep(np.ones((2, 6)), Stream(0), free=[1, 0, 0, 0, 0, 0]),
        lambda: laws.MACHINES["ising"]().sweep(np.ones((2, 6)), Stream(0), beta=[1, 1, 1]),
        lambda: laws.MACHINES["ising"]().sweep(np.ones((2, 6)), Stream(0), scan="chromtic"),
        lambda: laws.MACHINES["ising"]().condition(np.ones(6)),
        lambda: boltzmann_of(40).exact(),
        lambda: RBM.random(Bernoulli(), Bernoulli(), 60, 60, dtype="float64").exact(),
    ],
)
def test_refusals_are_one_line(make):
    with pytest.raises(EbmError) as error:
        make()
    assert "\n" not in str(error.value)


def boltzmann_of(n):
    return BoltzmannMachine(Ising(), np.zeros((n, n)))


def test_too_large_tells_time_and_memory():
    with pytest.raises(TooLarge, match=r"\d (s|h).*MiB"):
        boltzmann_of(40).exact()


def test_a_sparse_machine_is_the_dense_one():
    """The same couplings, dense and sparse: the same energies and the same chains, bit for bit."""
    sparse = laws.FULLY["potts-sparse"]()
    full = BoltzmannMachine(sparse.units, laws.dense(sparse), sparse.b)
    x = sparse.sample0(50, Stream(0))
    np.testing.assert_allclose(sparse.energy(x), full.energy(x), rtol=1e-12)
    assert np.array_equal(sparse.sweep(x, Stream(1), 9), full.sweep(x, Stream(1), 9))


def test_explicit_zeros_on_a_sparse_diagonal_are_no_parameters():
    J = scipy.sparse.coo_array(([1.0, 1.0, 0.0], ([0, 1, 1], [1, 0, 1])), shape=(2, 2))
    machine = BoltzmannMachine(Ising(), J)
    assert len(machine.params["J"]) == 2


def test_gaussian_pair_beyond_normalisability_is_inf_with_a_warning():
    machine = RBM(Gaussian(), Gaussian(), [[1.1]], [0.0], [0.0])
    with pytest.warns(RuntimeWarning, match="normalisable"):
        assert machine.exact()[0] == np.inf
    assert np.isfinite(machine.exact(0.9)[0])


@pytest.mark.parametrize("visible", [Bernoulli(), Ising(), Potts(4), Gaussian()], ids=str)
def test_from_data_starts_at_the_marginals(visible):
    """With W = 0 the visible means are the data's, up to half a row of pseudocounts, also if constant."""
    rng = np.random.default_rng(0)
    data = rng.normal(size=(200, 5)) if visible.states is None else rng.choice(visible.states, size=(200, 5))
    data[:, 2] = data[0, 2]
    machine = RBM.from_data(data, 3, visible=visible, scale=0.0)
    mean = visible.mean(machine.b.astype(float))
    assert np.isfinite(machine.b).all()
    np.testing.assert_allclose(mean, laws.phi(visible, data).mean(0), atol=3 / len(data))


def test_states_are_enumerated_in_order():
    for units in laws.DISCRETE:
        assert np.array_equal(enumerate_states(units, 3), laws.all_states(units, 3))
        assert np.array_equal(enumerate_states(units, 3, 2, 5), laws.all_states(units, 3)[2:5])
