"""Elimination against enumeration, transfer matrices and recursions on trees."""

import math

import laws
import numpy as np
import pytest
import scipy.sparse
from scipy.special import logsumexp

import ebm
from ebm import (
    RBM,
    Bernoulli,
    BoltzmannMachine,
    EbmError,
    Gaussian,
    Graph,
    Ising,
    NotSupported,
    Potts,
    Stream,
    TooLarge,
)
from ebm.elimination import eliminate, junction, log_z_by_elimination
from ebm.units import Units

SUMMED = {
    n: make for n, make in laws.FINITE.items() if n in laws.CLOSED and "gaussian" not in n
}  # nothing is integrated
each_machine = pytest.mark.parametrize("name", laws.CLOSED)
each_summed = pytest.mark.parametrize("name", SUMMED)
TEMPERATURES = [(1.0, False), (0.4, False), (0.4, True), (0.0, True), (-0.7, False)]
each_temperature = pytest.mark.parametrize(("beta", "based"), TEMPERATURES)


def base_of(machine, based):
    return np.random.default_rng(7).normal(size=len(machine.params["b"])) if based else None


def joint(machine, beta=1.0, base=None):
    """All states of all units, their φ and their probabilities: the definition."""
    x = laws.all_states(machine.units, machine.n_units)
    if not isinstance(machine, RBM):
        p = laws.distribution(machine, beta, base)[1]
        return x, laws.phi(machine.units, x), p
    h = laws.all_states(machine.hidden, machine.n_hidden)
    both = np.concatenate([np.repeat(x, len(h), 0), np.tile(h, (len(x), 1))], 1)
    f, g = (
        laws.phi(u, both[:, s])
        for u, s in ((machine.units, slice(0, x.shape[1])), (machine.hidden, slice(x.shape[1], None)))
    )
    log_p = beta * (f @ machine.b + g @ machine.c + np.einsum("ni,ij,nj->n", f, machine.W, g))
    for u, s in ((machine.units, both[:, : x.shape[1]]), (machine.hidden, both[:, x.shape[1] :])):
        log_p -= laws.potential(u, s)
    if base is not None:
        log_p += (1 - beta) * (f @ base)
    return both, np.concatenate([f, g], 1), np.exp(log_p - logsumexp(log_p))


def pattern(graph):
    """The blocks of φφᵀ that belong to coupled units."""
    unit = np.repeat(np.arange(graph.n_units), graph.widths)
    couple = np.zeros((graph.n_units, graph.n_units), bool)
    row, column = graph.J.nonzero()
    couple[unit[row], unit[column]] = True
    return couple[unit][:, unit]


# Against enumeration.


@each_machine
@each_temperature
def test_log_z_is_that_of_enumeration(name, beta, based):
    machine = laws.MACHINES[name]()
    base = base_of(machine, based)
    found = eliminate(machine.graph(), beta, base).log_z
    if machine.units.finite:
        x = laws.all_states(machine.units, machine.n_units)
        assert abs(found - logsumexp(laws.minus_free_energy(machine, x, beta, base))) < 1e-10
    if base is None:
        assert abs(found - machine.exact(beta)[0]) < 1e-10
    elif beta == 0:
        assert abs(found - machine.log_z0(base)) < 1e-10


@each_summed
@each_temperature
def test_marginals_are_those_of_enumeration(name, beta, based):
    machine = laws.MACHINES[name]()
    base = base_of(machine, based)
    _, phi, p = joint(machine, beta, base)
    found = eliminate(machine.graph(), beta, base).marginals()
    np.testing.assert_allclose(found.mean, p @ phi, atol=1e-12)
    second = found.second.toarray()
    expected = np.where(pattern(machine.graph()), (phi.T * p) @ phi, 0)
    np.testing.assert_allclose(second, expected, atol=1e-12)


@each_summed
def test_clamped_units_are_evidence(name):
    """log Z, marginals and samples given two visible units and one hidden unit."""
    machine = laws.MACHINES[name]()
    x, phi, p = joint(machine)
    given = np.full(x.shape[1], np.nan)
    given[[0, 2, -1]] = x[p.argmin()][[0, 2, -1]]
    held = ~np.isnan(given)
    here = (x[:, held] == given[held]).all(1)
    found = eliminate(machine.graph(), given=given)
    assert abs(found.log_z - (machine.exact()[0] + math.log(p[here].sum()))) < 1e-10
    inside = np.where(here, p, 0) / p[here].sum()
    margins = found.marginals()
    np.testing.assert_allclose(margins.mean, inside @ phi, atol=1e-12)
    second = margins.second.toarray()
    expected = np.where(pattern(machine.graph()), (phi.T * inside) @ phi, 0)
    np.testing.assert_allclose(second, expected, atol=1e-12)
    y = found.sample(4000, Stream(1))
    assert np.all(y[:, held] == given[held])
    n_x = machine.n_units
    states, index = np.unique(x[:, :n_x], axis=0, return_inverse=True)
    p_x = np.bincount(index.ravel(), inside, len(states))
    assert laws.total_variation(machine, y[:, :n_x], p_x) < laws.tv_limit(p_x, 4000)


@each_machine
def test_data_given_is_the_free_energy(name):
    """All of x clamped, or the visible units: minus the free energy of either, Gaussian densities too."""
    machine = laws.MACHINES[name]()
    x = machine.sample0(3, Stream(2))
    for row, energy in zip(x, machine.free_energy(x), strict=True):
        assert abs(eliminate(machine.graph(), given=row).log_z + energy) < 1e-10
    v = x[:, : machine.n_visible]
    rest = np.full((3, machine.n_units - machine.n_visible), np.nan)
    for row, energy in zip(np.concatenate([v, rest], 1), machine.visible_free_energy(v), strict=True):
        assert abs(eliminate(machine.graph(), given=row).log_z + energy) < 1e-10


@each_machine
@pytest.mark.parametrize(("beta", "based"), [(1.0, False), (0.5, True)])
def test_samples_are_the_machines(name, beta, based):
    machine = laws.MACHINES[name]()
    base = base_of(machine, based)
    x = eliminate(machine.graph(), beta, base).sample(20_000, Stream(3))
    laws.is_sample(machine, x[:, : machine.n_units], beta, base)


@pytest.mark.parametrize("name", ["bernoulli-ising", "potts-potts", "potts", "gaussian-potts"])
def test_hidden_units_are_drawn_with_the_visible_ones(name):
    """All units of a sample are coupled as the machine couples them: their joint second moments."""
    machine = laws.MACHINES[name]()
    x = eliminate(machine.graph()).sample(40_000, Stream(4))
    phi = machine.graph().encode(x)
    expected = machine.exact()[1]
    if isinstance(machine, RBM):
        cut = len(machine.b)
        products = np.einsum("ni,nj->nij", phi[:, :cut], phi[:, cut:])
        expected = expected["W"]
    else:
        products = np.einsum("ni,nj->nij", phi, phi)
        expected = np.where(machine.J != 0, expected["J"], products.mean(0))
    sigma = products.std(0) / math.sqrt(len(x)) + 1e-9
    assert np.all(np.abs(products.mean(0) - expected) < 5 * sigma)


# What may go wrong.


def test_disconnected_parts_add_up():
    one, two = laws.FULLY["ising"](), laws.boltzmann(Ising(), 4, seed=8)
    J = scipy.sparse.block_diag([one.J, two.J, np.zeros((3, 3))])
    both = BoltzmannMachine(Ising(), J, np.concatenate([one.b, two.b, [0.0, 1.0, -2.0]]))
    alone = sum(math.log(2 * math.cosh(b)) for b in (0.0, 1.0, -2.0))
    found = eliminate(both.graph())
    assert abs(found.log_z - one.exact()[0] - two.exact()[0] - alone) < 1e-10
    np.testing.assert_allclose(found.marginals().mean[-3:], np.tanh([0.0, 1.0, -2.0]), atol=1e-14)
    laws.is_sample(one, found.sample(20_000, Stream(0))[:, :6])


@pytest.mark.parametrize(("units", "n"), [(Ising(), 8), (Potts(3), 5)], ids=str)
def test_strong_couplings_neither_overflow_nor_vanish(units, n):
    """Couplings of hundreds of nats that cancel: what a scaled product would lose."""
    x = laws.all_states(units, n)
    for seed in range(6):
        machine = laws.boltzmann(units, n, scale=600.0, seed=seed)
        machine.params["b"][:] = 1500 * np.random.default_rng(seed).normal(size=len(machine.b))
        log_p = laws.minus_free_energy(machine, x)
        found = eliminate(machine.graph())
        assert abs(found.log_z - logsumexp(log_p)) < 1e-10 * abs(log_p).max()
        p = np.exp(log_p - logsumexp(log_p))
        np.testing.assert_allclose(found.marginals().mean, p @ laws.phi(units, x), atol=1e-10)
        assert np.array_equal(found.sample(5, Stream(0)), np.repeat(x[[p.argmax()]], 5, 0))


def test_gaussian_units_coupled_to_one_another():
    """A graph of three Gaussian and two Potts units, all coupled: moments of a mixture of normals."""
    rng = np.random.default_rng(5)
    couple = 0.3 * rng.normal(size=(9, 9))
    couple[:3, :3] *= 1 - np.eye(3)
    couple[3:6, 3:6] = couple[6:, 6:] = 0
    J, b = (couple + couple.T) / 2, rng.normal(size=9)
    graph = Graph(((Gaussian(), 3), (Potts(3), 2)), b, scipy.sparse.csr_array(J), 5)
    s = laws.all_states(Potts(3), 2)
    f, precision = laws.phi(Potts(3), s), np.eye(3) - J[:3, :3]
    mean = np.linalg.solve(precision, (b[:3] + f @ J[3:, :3]).T).T
    log_p = f @ b[3:] + 0.5 * np.einsum("ni,ij,nj->n", f, J[3:, 3:], f)
    log_p += 0.5 * np.einsum("ni,ij,nj->n", mean, precision, mean)
    log_p += 1.5 * math.log(2 * math.pi) - 0.5 * np.linalg.slogdet(precision)[1]
    found = eliminate(graph)
    assert abs(found.log_z - logsumexp(log_p)) < 1e-10
    p = np.exp(log_p - logsumexp(log_p))
    x = found.sample(40_000, Stream(6))
    second = np.linalg.inv(precision) + (mean.T * p) @ mean
    products = np.einsum("ni,nj->nij", x[:, :3], x[:, :3])
    assert np.all(np.abs(products.mean(0) - second) < 5 * products.std(0) / 200)
    cross = np.einsum("ni,nj->nij", x[:, :3], laws.phi(Potts(3), x[:, 3:]))
    assert np.all(np.abs(cross.mean(0) - (mean.T * p) @ f) < 5 * cross.std(0) / 200)


def test_samples_depend_on_neither_threads_nor_batches(monkeypatch):
    machine = RBM.random(Bernoulli(), Potts(3), 40, 5, scale=1.0, seed=2, dtype="float64")
    found, before = eliminate(machine.graph()), ebm.get_num_threads()
    whole = found.sample(300, Stream(0))
    ebm.set_num_threads(2)
    try:
        assert np.array_equal(found.sample(300, Stream(0)), whole)
    finally:
        ebm.set_num_threads(before)
    monkeypatch.setattr(junction, "_AT_ONCE", 45 * 7)
    rng = Stream(0)
    assert np.array_equal(found.sample(300, rng), whole)
    assert rng.counter == 1
    assert not np.array_equal(found.sample(300, rng), whole)
    assert found.sample(0, rng).shape == (0, 45)


def test_tables_that_are_not_kept_at_once_are_made_when_needed(monkeypatch):
    machine = laws.FULLY["potts"]()
    kept = eliminate(machine.graph())
    monkeypatch.setattr(junction, "_ALWAYS_KEPT", 0)
    later = eliminate(machine.graph())
    assert later.log_z == kept.log_z
    assert np.array_equal(later.sample(50, Stream(0)), kept.sample(50, Stream(0)))
    assert np.array_equal(later.marginals().mean, kept.marginals().mean)
    monkeypatch.setattr(junction, "_MOST_KEPT", 1)
    with pytest.raises(TooLarge, match="keeping"):
        eliminate(machine.graph()).sample(1, Stream(0))


# What is refused.


class Half(Units):
    """A continuous unit that is not Gaussian."""


def dense(n):
    return laws.boltzmann(Ising(), n).graph()


@pytest.mark.parametrize(
    ("make", "kind", "words"),
    [
        (lambda: eliminate(dense(24)), TooLarge, r"2\^23.*treewidth 23.*2\^22"),
        (lambda: eliminate(dense(8), limit=5), TooLarge, r"2\^7.*limit is 2\^5"),
        (lambda: eliminate(laws.boltzmann(Potts(3), 6).graph(), limit=6), TooLarge, r"2\^8"),
        (
            lambda: eliminate(RBM.random(Bernoulli(), Bernoulli(), 60, 50, dtype="float64").graph()),
            TooLarge,
            r"2\^50",
        ),
        (
            lambda: eliminate(RBM.random(Bernoulli(), Gaussian(), 60, 50, dtype="float64").graph()),
            TooLarge,
            "60 neighbours",
        ),
        (lambda: eliminate(laws.MACHINES["gaussian-gaussian"]().graph(), 9.0), EbmError, "normalisable"),
        (lambda: eliminate(dense(4), given=[1.0]), EbmError, "given"),
        (lambda: eliminate(dense(4), given=[0.5, *[np.nan] * 3]), EbmError, "given"),
        (lambda: eliminate(dense(4), np.nan), EbmError, "beta"),
        (lambda: eliminate(dense(4), 0.5, [0.0]), EbmError, "base"),
        (lambda: eliminate(dense(4), limit=-1), EbmError, "limit"),
        (lambda: log_z_by_elimination(3), NotSupported, "graph"),
        (
            lambda: eliminate(Graph(((Half(), 1),), np.zeros(1), scipy.sparse.csr_array((1, 1)), 1)),
            NotSupported,
            "Half",
        ),
        (
            lambda: eliminate(laws.MACHINES["bernoulli-gaussian"]().graph()).marginals(),
            NotSupported,
            "Gaussian",
        ),
    ],
)
def test_refusals_are_one_line(make, kind, words):
    with pytest.raises(kind, match=words) as error:
        make()
    assert "\n" not in str(error.value)


def test_a_limit_is_kept_to_the_bit():
    assert eliminate(dense(6), limit=5).bits == 5
    with pytest.raises(TooLarge):
        eliminate(dense(6), limit=4.9)
