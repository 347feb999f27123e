"""Mean field is a bound, wherever it stops; TAP is right to one order more, and stationary."""

import importlib
import itertools
import math

import laws
import numpy as np
import pytest
import scipy.sparse

from ebm import RBM, Bernoulli, BoltzmannMachine, EbmError, Gaussian, Graph, Ising, NotSupported, Potts
from ebm.elimination import eliminate
from ebm.partition import mean_field, tap
from ebm.units import Units

each_machine = pytest.mark.parametrize("name", laws.CLOSED)
both = pytest.mark.parametrize("method", [mean_field, tap])
quiet = pytest.mark.filterwarnings("ignore:.*not converged:RuntimeWarning")


def scaled(name, factor):
    machine = laws.MACHINES[name]()
    machine.params[machine.couplings[0]] *= factor
    return machine


def trial(units, I, precision):
    """Mean, covariance and entropy-like term A(I) - I.m of one unit with input I: sums over its states."""
    if units.states is None:
        rest = 0.5 * math.log(2 * math.pi / precision) - 0.5 * I[0] ** 2 / precision
        return I / precision, np.eye(1) / precision, rest
    states = np.array(units.states)[:, None]
    phi, U = laws.phi(units, states), laws.potential(units, states)
    log_z = np.logaddexp.reduce(phi @ I - U)
    p = np.exp(phi @ I - U - log_z)
    m = p @ phi
    return m, (phi - m).T @ np.diag(p) @ (phi - m), log_z - I @ m


def plefka(graph, I, order):
    """The expansion at fixed means to first or second order in the couplings, unit by unit."""
    units = [u for u, n in graph.blocks for _ in range(n)]
    start = np.concatenate([[0], np.cumsum([u.width for u in units])])
    own = [slice(a, b) for a, b in itertools.pairwise(start)]
    precision = np.concatenate([np.broadcast_to(getattr(u, "precision", 1), n) for u, n in graph.blocks])
    m, C, rest = zip(*(trial(u, I[s], p) for u, s, p in zip(units, own, precision, strict=True)), strict=True)
    J, value = graph.J.toarray(), sum(rest) + np.concatenate(m) @ graph.b
    for i in range(len(units)):
        for j in range(i):
            block = J[own[i], own[j]]
            value += m[i] @ block @ m[j]
            if order == 2:
                value += 0.5 * np.trace(block @ C[j] @ block.T @ C[i])
    return value


# The bound.


@each_machine
@pytest.mark.parametrize("beta", [0.3, 1.0])
def test_the_bound_is_one_and_is_the_definition(name, beta):
    """At most log Z, and the value of its own trial distribution, the sum of <-E> and the entropy."""
    machine = laws.MACHINES[name]()
    found, log_z = mean_field(machine, beta=beta), machine.exact(beta)[0]
    assert found.converged
    assert found.residual <= 1e-8
    assert found.value < log_z
    graph = machine.graph().tempered(beta)
    assert abs(found.value - plefka(graph, found.inputs, 1)) < 1e-10
    field = graph.b + graph.J @ found.means
    np.testing.assert_allclose(
        np.concatenate([u.mean(field[c]) for u, _, c in graph.parts()]), found.means, atol=2e-8
    )


@quiet
@pytest.mark.parametrize("n_iterations", [1, 2, 5, 400])
@pytest.mark.parametrize("units", [Bernoulli(), Ising(), Potts(3)], ids=str)
def test_it_is_a_bound_wherever_it_stops(units, n_iterations):
    """Random machines with couplings of many nats, and their mirror images, stopped early or not at all."""
    for seed in range(8):
        for sign in (1, -1):
            machine = laws.boltzmann(units, 6, scale=sign * 3.0 * (1 + seed), seed=seed)
            log_z = machine.exact()[0]
            for n_starts in (1, 6):
                found = mean_field(machine, n_starts=n_starts, n_iterations=n_iterations, seed=seed)
                assert found.value <= log_z + 1e-9 * abs(log_z)
                assert abs(found.value - plefka(machine.graph(), found.inputs, 1)) < 1e-9 * abs(log_z)


@quiet
@pytest.mark.parametrize("name", ["ising", "potts", "bernoulli-ising", "precise-bernoulli"])
def test_the_bound_rises_from_iteration_to_iteration(name):
    machine = scaled(name, 2.0)
    values = [mean_field(machine, n_starts=1, n_iterations=n).value for n in range(1, 30)]
    assert np.all(np.diff(values) >= -1e-12)
    assert values[-1] > values[0]


def test_antiferromagnets_converge():
    """All units moved at once, the whole way, would swing for ever."""
    machine = BoltzmannMachine(Ising(), -0.9 * (1 - np.eye(12)), np.full(12, 0.1))
    found = mean_field(machine, n_starts=1, n_iterations=2000)
    assert found.converged
    assert found.value < machine.exact()[0]


@each_machine
@both
def test_units_without_couplings_are_exact(name, method):
    machine = scaled(name, 0.0)
    assert abs(method(machine).value - machine.exact()[0]) < 1e-10


def test_more_starts_are_no_worse():
    machine = laws.boltzmann(Ising(), 10, scale=1.0, seed=3)
    values = [mean_field(machine, n_starts=n).value for n in (1, 4, 32)]
    assert np.all(np.diff(values) >= -1e-9)
    assert values[-1] > values[0] + 0.01


def test_curie_weiss():
    """N spins of couplings β/N: the maximum over m of N (log 2 cosh(β m) - β m² / 2), found from any side."""
    n, beta = 400, 1.5
    machine = BoltzmannMachine(Ising(), (1 - np.eye(n)) / n)
    m = np.linspace(0, 1, 200_001)
    coupling = beta * (n - 1) / n
    best = n * (np.log(2 * np.cosh(coupling * m)) - coupling * m**2 / 2).max()
    found = mean_field(machine, beta=beta)
    assert abs(found.value - best) < 1e-6


def test_gaussian_machines_have_a_formula():
    """(v, h) normal: mean field has the exact means, and loses the determinant."""
    machine = laws.MACHINES["gaussian-gaussian"]()
    J, b = machine.graph().J.toarray(), machine.graph().b
    exact_means = np.linalg.solve(np.eye(5) - J, b)
    found = mean_field(machine, tolerance=1e-12)
    np.testing.assert_allclose(found.means, exact_means, atol=1e-10)
    assert abs(found.value - 0.5 * b @ exact_means - 2.5 * math.log(2 * math.pi)) < 1e-10
    log_det = np.linalg.slogdet(np.eye(5) - J)[1]
    assert abs(machine.exact()[0] - found.value + 0.5 * log_det) < 1e-10


# TAP.


@each_machine
@pytest.mark.parametrize(("method", "least", "most"), [(mean_field, 3.7, 4.3), (tap, 7.2, 17.0)])
def test_errors_are_of_second_and_of_third_order(name, method, least, most):
    """Halved couplings: errors fall by 4, and by 8 (by 16 where the third order vanishes)."""
    errors = []
    for factor in (0.015, 0.0075):
        machine = scaled(name, factor)
        errors.append(method(machine, n_starts=1, tolerance=1e-13).value - machine.exact()[0])
    assert abs(errors[1]) > 1e-11
    assert least < errors[0] / errors[1] < most


@each_machine
def test_tap_is_its_definition_and_stationary(name):
    """The value is Plefka's sum over pairs; its derivative by every input vanishes."""
    machine = scaled(name, 0.6)
    found = tap(machine, tolerance=1e-11)
    assert found.converged
    graph = machine.graph()
    assert abs(found.value - plefka(graph, found.inputs, 2)) < 1e-10
    for e in range(len(found.inputs)):
        step = 1e-4 * np.eye(len(found.inputs))[e]
        up, down = (plefka(graph, found.inputs + s, 2) for s in (step, -step))
        assert abs(up - down) / 2e-4 < 1e-7


def test_the_largest_of_several_solutions_is_kept(monkeypatch):
    """A magnet in a small field, from either well and several distances: the deeper well is the answer."""
    n, module = 30, importlib.import_module("ebm.partition.mean_fields")
    machine = BoltzmannMachine(Ising(), 3.0 * (1 - np.eye(n)) / n, np.full(n, 0.02))

    def value(method, *starts):
        monkeypatch.setattr(module, "_starts", lambda *_: np.outer(starts, np.ones(n)))
        return method(machine).value

    for method in (mean_field, tap):
        deep = value(method, 3.0)
        assert deep > value(method, -3.0) + 0.5
        for far in np.linspace(2.0, 4.0, 9):
            assert value(method, -far, 6 - far) == pytest.approx(deep, abs=1e-9)
            assert value(method, 6 - far, -far) == pytest.approx(deep, abs=1e-9)


def test_tap_of_a_glass_at_high_temperature():
    """Sherrington-Kirkpatrick, N = 20 at β = 0.4: nearer than mean field by a factor of ten."""
    n, rng = 20, np.random.default_rng(0)
    J = np.triu(rng.normal(size=(n, n)) / math.sqrt(n), 1)
    machine = BoltzmannMachine(Ising(), J + J.T, 0.3 * rng.normal(size=n))
    log_z = eliminate(machine.graph(), 0.4).log_z
    near, far = (abs(f(machine, beta=0.4).value - log_z) for f in (tap, mean_field))
    assert near < 0.1 * far
    beta = tap(machine, beta=0.4).value - tap(machine, beta=0.0).value
    assert tap(machine, beta=0.0).value == pytest.approx(n * math.log(2), abs=1e-9)
    assert beta > 0


def test_sparse_and_dense_couplings_and_wide_units_agree():
    """A Potts machine of two states is an Ising machine: wide blocks and single numbers, the same TAP."""
    ising = laws.boltzmann(Ising(), 6, scale=0.2, seed=2)
    signs = np.array([-1.0, 1.0])
    J = np.kron(ising.J, np.outer(signs, signs))
    potts = BoltzmannMachine(Potts(2), scipy.sparse.csr_array(J), np.kron(ising.b, signs))
    for method in (mean_field, tap):
        one, two = method(ising, tolerance=1e-11), method(potts, tolerance=1e-11)
        assert abs(one.value - two.value) < 1e-9
        np.testing.assert_allclose(two.means.reshape(-1, 2) @ signs, one.means, atol=1e-9)


# What is said and refused.


@both
def test_what_has_not_converged_says_so(method):
    machine = laws.boltzmann(Ising(), 12, scale=2.0, seed=3)
    with pytest.warns(RuntimeWarning, match=f"{method.__name__}: not converged after 3"):
        found = method(machine, n_iterations=3)
    assert not found.converged
    assert found.residual > 1e-8
    assert found.n_iterations == 3


@both
def test_seeds_repeat(method):
    machine = laws.FULLY["ising"]()
    one, two, other = (method(machine, seed=s, n_starts=3) for s in (1, 1, 2))
    assert np.array_equal(one.inputs, two.inputs)
    assert other.value == pytest.approx(one.value, abs=1e-8)
    assert float(one) == one.value


class Half(Units):
    """A continuous unit that is not Gaussian."""


class Odd(RBM):
    """A machine whose graph has such units."""

    def graph(self):
        return Graph(((Half(), 1),), np.zeros(1), scipy.sparse.csr_array((1, 1)), 1)


def too_strong():
    return RBM(Gaussian(), Gaussian(), [[1.5]], [0.0], [0.0])


@pytest.mark.parametrize(
    ("make", "kind", "words"),
    [
        (lambda f: f("a machine"), NotSupported, "graph"),
        (lambda f: f(too_strong()), EbmError, "normalisable"),
        (lambda f: f(laws.FULLY["ising"](), n_starts=0), EbmError, "n_starts"),
        (lambda f: f(laws.FULLY["ising"](), n_iterations=0), EbmError, "n_iterations"),
        (lambda f: f(laws.FULLY["ising"](), beta=math.nan), EbmError, "beta"),
        (lambda f: tap(Odd(Gaussian(), Gaussian(), [[0.0]], [0.0], [0.0])), NotSupported, "Half"),
    ],
)
@both
def test_refusals_are_one_line(method, make, kind, words):
    with pytest.raises(kind, match=words) as error:
        make(method)
    assert "\n" not in str(error.value)
