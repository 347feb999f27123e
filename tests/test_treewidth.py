"""Elimination of graphs too large to enumerate: transfer matrices, recursions on trees, known treewidths."""

import itertools
import math

import numpy as np
import pytest
import scipy.sparse
from scipy.special import logsumexp

from ebm import RBM, Bernoulli, BoltzmannMachine, Ising, Potts, Stream
from ebm.elimination import eliminate, find_order
from ebm.elimination.factors import take_factors
from ebm.elimination.plan import make_plan


def spins(i, j, J, b):
    """A sparse Ising machine with couplings J between units i and j."""
    n = len(b)
    half = scipy.sparse.coo_array((J, (i, j)), shape=(n, n))
    return BoltzmannMachine(Ising(), (half + half.T).tocsr(), b)


# Against other methods.


def chain_by_transfer(J, b):
    """log Z of an open Ising chain."""
    s = np.array([-1.0, 1.0])
    log_v = b[0] * s
    for coupling, field in zip(J, b[1:], strict=True):
        log_v = np.logaddexp(log_v[0] - coupling * s, log_v[1] + coupling * s) + field * s
    return np.logaddexp(*log_v)


@pytest.mark.parametrize("n", [10_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_a_chain_of_many_spins(n):
    rng = np.random.default_rng(0)
    J, b = rng.normal(size=n - 1), 0.3 * rng.normal(size=n)
    found = eliminate(spins(np.arange(n - 1), np.arange(1, n), J, b).graph())
    assert abs(found.log_z / chain_by_transfer(J, b) - 1) < 1e-13
    assert found.bits == 1
    margins, x = found.marginals(), found.sample(40, Stream(0))
    z = (x.mean(0) - margins.mean) / np.sqrt((1 - margins.mean**2) / 40 + 1e-6)
    assert np.mean(z**2) == pytest.approx(1, abs=0.05)
    pairs = margins.second[np.arange(n - 1), np.arange(1, n)] - (x[:, :-1] * x[:, 1:]).mean(0)
    assert abs(pairs.mean()) < 5 / math.sqrt(40 * n)


def test_a_ring_is_a_trace_of_transfer_matrices():
    n, J = 500, 0.6
    ring = spins(np.arange(n), (np.arange(n) + 1) % n, np.full(n, J), np.zeros(n))
    found = eliminate(ring.graph())
    ratio = math.tanh(J)
    expected = n * math.log(2 * math.cosh(J)) + math.log1p(ratio**n)
    assert found.bits == 2
    assert abs(found.log_z - expected) < 1e-10
    neighbours = (ratio + ratio ** (n - 1)) / (1 + ratio**n)
    np.testing.assert_allclose(found.marginals().second.data, neighbours, rtol=1e-12)
    np.testing.assert_allclose(found.marginals().mean, 0, atol=1e-12)


def test_a_strip_is_a_product_of_transfer_matrices():
    """A lattice 5 wide and 60 long with random couplings and fields: row after row."""
    width, length, rng = 5, 60, np.random.default_rng(1)
    along, across = rng.normal(size=(length - 1, width)), rng.normal(size=(length, width - 1))
    b = 0.5 * rng.normal(size=(length, width))
    rows = np.array(list(itertools.product([-1.0, 1.0], repeat=width)))
    log_v = np.zeros(len(rows))
    for r in range(length):
        own = rows @ b[r] + (rows[:, :-1] * rows[:, 1:]) @ across[r]
        before = logsumexp(log_v[:, None] + (rows * along[r - 1]) @ rows.T, axis=0) if r else log_v
        log_v = before + own
    site = np.arange(length * width).reshape(length, width)
    i = np.concatenate([site[:-1].ravel(), site[:, :-1].ravel()])
    j = np.concatenate([site[1:].ravel(), site[:, 1:].ravel()])
    machine = spins(i, j, np.concatenate([along.ravel(), across.ravel()]), b.ravel())
    found = eliminate(machine.graph())
    assert abs(found.log_z - logsumexp(log_v)) < 1e-10
    assert found.bits <= width + 1


def test_a_random_tree_of_potts_units_by_recursion():
    q, n, rng = 3, 60, np.random.default_rng(2)
    parent = [int(rng.integers(k)) for k in range(1, n)]
    tables, b = rng.normal(size=(n - 1, q, q)), rng.normal(size=(n, q))
    J = np.zeros((n * q, n * q))
    for k, (p, table) in enumerate(zip(parent, tables, strict=True), 1):
        J[p * q : (p + 1) * q, k * q : (k + 1) * q] = table
    log_m = b.copy()
    for k in range(n - 1, 0, -1):
        log_m[parent[k - 1]] += logsumexp(tables[k - 1] + log_m[k], axis=1)
    machine = BoltzmannMachine(Potts(q), scipy.sparse.csr_array(J + J.T), b.ravel())
    found = eliminate(machine.graph())
    assert abs(found.log_z - logsumexp(log_m[0])) < 1e-10
    p = np.exp(log_m[0] - logsumexp(log_m[0]))
    np.testing.assert_allclose(found.marginals().mean[:q], p, atol=1e-12)


def test_a_lattice_of_eighteen_by_eighteen():
    """Zero field and uniform J: the exact energy is minus the derivative of log Z, and units are fair."""
    n, J = 18, 0.44
    site = np.arange(n * n).reshape(n, n)
    i = np.concatenate([site[:-1].ravel(), site[:, :-1].ravel()])
    j = np.concatenate([site[1:].ravel(), site[:, 1:].ravel()])
    graph = spins(i, j, np.full(len(i), J), np.zeros(n * n)).graph()
    found = eliminate(graph)
    assert found.bits == 18
    up, down = (eliminate(graph, 1 + eps).log_z for eps in (1e-4, -1e-4))
    margins = found.marginals()
    assert abs(J * margins.second.sum() / 2 - (up - down) / 2e-4) < 1e-4
    np.testing.assert_allclose(margins.mean, 0, atol=1e-12)


def test_an_rbm_is_summed_over_its_smaller_layer():
    for n_v, n_h in ((784, 10), (10, 784), (300, 8)):
        machine = RBM.random(Bernoulli(), Bernoulli(), n_v, n_h, scale=0.5, seed=1, dtype="float64")
        found = eliminate(machine.graph())
        log_z, stats = machine.exact()
        assert found.bits == min(n_v, n_h)
        assert abs(found.log_z - log_z) < 1e-10 * log_z
        margins = found.marginals()
        np.testing.assert_allclose(margins.mean, np.concatenate([stats["b"], stats["c"]]), atol=1e-11)
        np.testing.assert_allclose(margins.second[:n_v, n_v:].toarray(), stats["W"], atol=1e-11)


def test_a_stack_of_layers():
    """Three layers 4-3-5 of Bernoulli units, as a fully connected machine: its own enumeration."""
    rng = np.random.default_rng(3)
    J = np.zeros((12, 12))
    J[:4, 4:7], J[4:7, 7:] = rng.normal(size=(4, 3)), rng.normal(size=(3, 5))
    machine = BoltzmannMachine(Bernoulli(), J + J.T, rng.normal(size=12))
    found = eliminate(machine.graph())
    assert found.bits == 3
    assert abs(found.log_z - machine.exact()[0]) < 1e-10


# Orders.


@pytest.mark.parametrize("n", [4, 9, 12])
def test_orders_of_known_treewidth(n):
    def width(pairs, units):
        i, j = np.array(pairs).T
        return max(step.bits for step in find_order(i, j, np.full(units, 2), 22))

    assert width(list(itertools.combinations(range(n), 2)), n) == n - 1
    assert width([(k // 2, k) for k in range(1, n)], n) == 1
    assert width([(k, (k + 1) % n) for k in range(n)], n) == 2
    site = np.arange(n * n).reshape(n, n)
    down, right = np.stack([site[:-1], site[1:]], -1), np.stack([site[:, :-1], site[:, 1:]], -1)
    lattice = np.concatenate([down.reshape(-1, 2), right.reshape(-1, 2)])
    assert n <= width(lattice, n * n) <= n + 2


def test_a_caterpillar_needs_little_room():
    """A spine with a leg at each vertebra: the spine is gone down first, or all its tables would be open."""
    n = 400
    leg, spine = np.arange(n), np.arange(n, 2 * n)
    i, j = np.concatenate([spine[:-1], leg]), np.concatenate([spine[1:], spine])
    machine = spins(i, j, np.full(len(i), 0.3), np.zeros(2 * n))
    plan = make_plan(take_factors(machine.graph()), 22.0)
    assert plan.stack <= 16
    expected = 2 * n * math.log(2) + (2 * n - 1) * math.log(math.cosh(0.3))
    assert abs(eliminate(machine.graph()).log_z - expected) < 1e-9
