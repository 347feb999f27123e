"""Clusters: p_beta stands and is reached, clusters are Fortuin and Kasteleyn's, exchanges conserve."""

import laws
import numpy as np
import pytest
import scipy.sparse
from scipy.sparse.csgraph import connected_components

from ebm import (
    BoltzmannMachine,
    EbmError,
    Ising,
    NotSupported,
    Potts,
    Stream,
    SwendsenWang,
    Wolff,
    get_num_threads,
    sample,
    set_num_threads,
)
from ebm.samplers.houdayer import houdayer

CRITICAL = 0.5 * np.log(1 + np.sqrt(2))


def lattice(size, J=1.0):
    """A square lattice with periodic boundaries and no fields."""
    i = np.arange(size * size)
    right, down = i - i % size + (i + 1) % size, (i + size) % size**2
    A = scipy.sparse.coo_array((np.full(2 * len(i), J), (np.tile(i, 2), np.concatenate([right, down]))))
    return BoltzmannMachine(Ising(), scipy.sparse.csr_array(A + A.T))


MACHINES = {name: make for name, make in laws.ALIKE.items() if not name.startswith(("potts", "ordered"))} | {
    "single": lambda: laws.boltzmann(Ising(), 6, sparse=True, scale=0.6, dtype=np.float32),
    "ferromagnet": lambda: BoltzmannMachine(Ising(), 0.2 * (1 - np.eye(6))),
    "potts-two": lambda: laws.boltzmann(Potts(2), 5, scale=0.6),
    "potts-ferromagnet": lambda: laws.ferromagnet(3, 4),
    "potts-ferromagnet-sparse": lambda: laws.ferromagnet(4, 4, sparse=True),
    "potts-gauge": lambda: laws.ferromagnet(3, 4, gauge=True),
}
SAMPLERS = {"swendsen-wang": lambda beta: SwendsenWang(1, beta), "wolff": lambda beta: Wolff(5, beta)}
each_machine = pytest.mark.parametrize("name", MACHINES)
each_sampler = pytest.mark.parametrize("make", SAMPLERS.values(), ids=SAMPLERS)


def run(sampler, machine, x, steps, *, free=None, seed=1):
    """States and infos after some steps from x."""
    state, rng, infos = sampler.init(machine, len(x), Stream(0)), Stream(seed), []
    state.chains, state.free = machine.start(x), free
    for _ in range(steps):
        state, info = sampler.step(machine, state, rng)
        infos.append(info)
    assert state.time == steps
    assert rng.counter == steps * getattr(sampler, "n_sweeps", getattr(sampler, "n_clusters", None))
    return state.x, infos


@pytest.mark.some(3)
@each_machine
@each_sampler
@pytest.mark.parametrize("beta", [1.0, 0.5])
@pytest.mark.parametrize("clamped", [False, True], ids=["free", "clamped"])
def test_no_drift(name, make, beta, clamped):
    """From exact draws of p_beta, steps keep p_beta; clamped units stand still, the others move."""
    machine = MACHINES[name]()
    x = laws.exact_draws(machine, 12_000, np.random.default_rng(0), beta).astype(machine.dtype)
    free = np.ones(machine.n_units, bool)
    free[[1, -1]] = not clamped
    y, infos = run(make(beta), machine, x, 4, free=free if clamped else None)
    assert np.array_equal((y != x).any(0), free)
    laws.is_sample(machine, y, beta)
    assert all(info["beta"] == beta for info in infos)


@each_machine
@each_sampler
def test_they_forget_their_start(name, make):
    machine = MACHINES[name]()
    x = np.repeat(machine.sample0(1, Stream(1)), 4_000, axis=0)
    laws.is_sample(machine, run(make(1.0), machine, x, 40)[0])


@each_sampler
def test_no_drift_at_negative_temperature(make):
    """beta < 0 turns a ferromagnet into an antiferromagnet: for two states that is allowed."""
    machine = MACHINES["ising"]()
    x = laws.exact_draws(machine, 20_000, np.random.default_rng(0), -0.8)
    laws.is_sample(machine, run(make(-0.8), machine, x, 4)[0], -0.8)


# A lattice, where they belong.


@each_sampler
def test_energy_of_a_lattice_from_a_cold_and_a_hot_start(make):
    """4 x 4 at the critical point, by enumeration: the mean energy and squared magnetisation to 5 sigma."""
    machine, n = lattice(4), 4_000
    x, p = laws.distribution(machine, CRITICAL)
    start = machine.sample0(n, Stream(1))
    start[: n // 2] = 1
    y, _ = run(make(CRITICAL), machine, start, 20)
    for f in (machine.energy, lambda s: s.mean(1) ** 2, lambda s: s.mean(1)):
        exact, spread = p @ f(x), np.sqrt(p @ f(x) ** 2 - (p @ f(x)) ** 2)
        assert abs(f(y).mean() - exact) < 5 * spread / np.sqrt(n)


def test_wolff_clusters_measure_the_susceptibility():
    """Without fields the mean size of a cluster is sum_j <s_i s_j>, here N <m^2>."""
    machine, n = lattice(4), 6_000
    x, p = laws.distribution(machine, 0.4)
    start = laws.exact_draws(machine, n, np.random.default_rng(0), 0.4)
    _, infos = run(Wolff(2, 0.4), machine, start, 1)
    sizes = infos[0]["cluster_size"]
    assert abs(sizes.mean() - 16 * (p @ x.mean(1) ** 2)) < 5 * sizes.std() / np.sqrt(n)
    assert np.all(infos[0]["acceptance"] == 1)


@pytest.mark.parametrize("sign", [1, -1])
def test_bonds_of_a_tree_are_as_many_as_they_should_be(sign):
    """On a chain of N spins clusters are N minus the bonds: N - (N-1) (1 - e^-2b) / (1 + e^-2b)."""
    n, chains, beta = 30, 2_000, 0.7
    ring = np.eye(n, k=1) + np.eye(n, k=-1)
    machine = BoltzmannMachine(Ising(), scipy.sparse.csr_array(sign * ring))
    satisfied = np.random.default_rng(2).random((chains, n)) < 1 / (1 + np.exp(-2 * beta))
    x = np.where(satisfied, sign, -sign).cumprod(1)
    counts = run(SwendsenWang(1, beta), machine, x, 1)[1][0]["clusters"]
    assert abs(counts.mean() - (n - (n - 1) * np.tanh(beta))) < 5 * counts.std() / np.sqrt(chains)


def test_mean_field_potts_model_against_the_sum_over_occupations():
    """p ~ exp((K/N) sum_{i<j} delta): the largest occupation, N = 8, q = 4, at its first-order transition."""
    n, q, K = 8, 4, 3.6
    machine = BoltzmannMachine(Potts(q), np.kron(K / n * (1 - np.eye(n)), np.eye(q)))
    x, p = laws.distribution(machine)
    largest = np.max([(x == a).sum(1) for a in range(q)], axis=0)
    y, _ = run(SwendsenWang(2), machine, machine.sample0(5_000, Stream(0)), 20)
    found = np.max([(y == a).sum(1) for a in range(q)], axis=0)
    exact = p @ largest
    assert abs(found.mean() - exact) < 5 * np.sqrt((p @ largest**2 - exact**2) / 5_000)


# How they are called.


@each_sampler
@pytest.mark.parametrize("machine", [lattice(8), laws.ferromagnet(3, 6)], ids=["lattice", "potts"])
def test_threads_and_other_chains_change_nothing(machine, make):
    x, before, sampler = machine.sample0(600, Stream(4)), get_num_threads(), make(0.5)
    try:
        found = []
        for threads in (1, 2):
            set_num_threads(threads)
            found.append(run(sampler, machine, x, 3)[0])
    finally:
        set_num_threads(before)
    assert np.array_equal(*found)
    assert np.array_equal(run(sampler, machine, x[:10], 3)[0], found[0][:10])
    assert not np.array_equal(run(sampler, machine, x, 3, seed=2)[0], found[0])


@each_sampler
def test_parameters_changed_between_steps_are_seen(make):
    """Steps on a machine that learns are those of the machine as it is."""
    machine, sampler = MACHINES["bernoulli-sparse"](), make(1.0)
    x = machine.sample0(200, Stream(3))
    for key in ("J", "b"):
        state = sampler.init(machine, 200, Stream(0))
        sampler.step(machine, state, Stream(1))
        machine.params[key][:] *= -1
        state.chains = machine.start(x)
        assert np.array_equal(sampler.step(machine, state, Stream(1))[0].x, run(sampler, machine, x, 1)[0])


@each_sampler
def test_any_walkers_will_do(make):
    """States that another sampler made are taken, and sweeps of Gibbs may come between."""
    from ebm import Gibbs

    machine, rng = MACHINES["ising"](), Stream(1)
    state = Gibbs().init(machine, 20_000, Stream(0))
    state.chains = machine.start(laws.exact_draws(machine, 20_000, np.random.default_rng(0)))
    for sampler in (make(1.0), Gibbs(), make(1.0)):
        state, _ = sampler.step(machine, state, rng)
    laws.is_sample(machine, state.x)


@each_sampler
def test_samples_and_conditions_through_sample(make):
    machine = MACHINES["bernoulli"]()
    given = np.full(6, np.nan)
    given[[0, 4]] = 1, 0
    found = sample(machine, 3000, sampler=make(1.0), given=given, n_chains=300, seed=2)
    x, p = laws.distribution(machine)
    keep = (x[:, [0, 4]] == [1, 0]).all(1)
    p = np.where(keep, p, 0) / p[keep].sum()
    assert laws.total_variation(machine, found.x, p) < laws.tv_limit(p, 3000)


@each_sampler
def test_nothing_free_stays(make):
    machine = MACHINES["ising"]()
    x = machine.sample0(5, Stream(0))
    assert np.array_equal(run(make(1.0), machine, x, 2, free=np.zeros(6, bool))[0], x)


def test_uncoupled_units_are_clusters_of_their_own():
    """No couplings at all: units are drawn from their fields."""
    b = np.array([0.5, -1.0, 0.0])
    machine = BoltzmannMachine(Ising(), scipy.sparse.csr_array((3, 3)), b)
    y, infos = run(SwendsenWang(), machine, np.ones((20_000, 3)), 1)
    assert np.all(infos[0]["clusters"] == 3)
    laws.is_sample(machine, y)


@each_sampler
@pytest.mark.parametrize("name", [n for n in laws.MACHINES if n not in MACHINES])
def test_other_machines_are_refused_in_one_line(name, make):
    machine = laws.MACHINES[name]()
    with pytest.raises(NotSupported, match="needs") as error:
        make(1.0).init(machine, 3, Stream(0))
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 250


@each_sampler
def test_potts_antiferromagnets_are_refused(make):
    machine = laws.ferromagnet(3, 4)
    make(0.0).init(machine, 2, Stream(0))
    with pytest.raises(NotSupported, match="β K ≥ 0"):
        make(-1.0).init(machine, 2, Stream(0))


@each_sampler
def test_potts_couplings_of_another_form_are_refused(make):
    """A little more for one pair of states of one pair of units: no K delta, though all K are positive."""
    machine = laws.ferromagnet(3, 4)
    J = machine.J.copy()
    J[0, 4] = J[4, 0] = J[0, 4] + 0.1
    with pytest.raises(NotSupported, match="units 0 and 1 are others"):
        make(1.0).init(BoltzmannMachine(Potts(3), J, machine.b), 2, Stream(0))


@pytest.mark.parametrize(
    "make", [lambda: SwendsenWang(0), lambda: Wolff(0), lambda: Wolff(beta=np.nan), lambda: SwendsenWang(k=1)]
)
def test_settings_out_of_range_are_one_line(make):
    with pytest.raises(EbmError) as error:
        make()
    assert "\n" not in str(error.value)


# Exchanges between replicas.

REPLICAS = (
    MACHINES
    | {name: laws.FULLY[name] for name in ("potts", "potts-sparse")}
    | {"lattice": lambda: lattice(6)}
)
PRODUCTS = {
    "ising-sparse": lambda: laws.boltzmann(Ising(), 4, sparse=True, scale=0.6, seed=1),
    "bernoulli-sparse": lambda: laws.boltzmann(laws.Bernoulli(), 4, sparse=True, scale=1.2, seed=1),
    "potts-sparse": lambda: laws.boltzmann(Potts(3), 3, sparse=True, scale=0.6, seed=4),
}


@pytest.mark.parametrize("name", REPLICAS)
def test_an_exchange_conserves_the_energy_of_the_pair(name):
    """E + E' to rounding, biases and all; in every pair that differs one connected cluster changes places."""
    machine = REPLICAS[name]()
    x = machine.sample0(400, Stream(7))
    pairs = np.random.default_rng(0).permutation(400)[:396].reshape(-1, 2)
    before = x.copy()
    y = houdayer(machine, x, pairs, Stream(1))
    assert np.array_equal(x, before)
    assert y.dtype == x.dtype
    alone = np.setdiff1d(np.arange(400), pairs)
    assert np.array_equal(y[alone], x[alone])
    one, two = pairs.T
    total, tolerance = machine.energy(x)[one] + machine.energy(x)[two], 1e3 * np.finfo(machine.dtype).eps
    np.testing.assert_allclose(machine.energy(y)[one] + machine.energy(y)[two], total, atol=tolerance)
    coupled = np.abs(laws.dense(machine)).reshape(machine.n_units, machine.units.width, machine.n_units, -1)
    coupled = coupled.sum((1, 3)) > 0
    for a, b in pairs:
        differ, moved = x[a] != x[b], y[a] != x[a]
        assert np.array_equal(y[a], np.where(moved, x[b], x[a]))
        assert np.array_equal(y[b], np.where(moved, x[a], x[b]))
        _, label = connected_components(coupled & differ & differ[:, None])
        assert moved.any() == differ.any()
        if differ.any():
            assert np.array_equal(moved, (label == label[moved][0]) & differ)


def test_the_seed_of_an_exchange_is_a_differing_unit_at_random():
    """Clusters are met in proportion to their sizes: here 3, 1 and 2 of a chain of 9."""
    machine = BoltzmannMachine(Ising(), np.eye(9, k=1) + np.eye(9, k=-1))
    n = 12_000
    x = np.ones((2 * n, 9))
    x[::2, [1, 2, 3, 5, 7, 8]] = -1
    y = houdayer(machine, x, np.arange(2 * n).reshape(n, 2), Stream(3))
    counts = np.array([(y[::2, i] == 1).sum() for i in (1, 5, 8)])
    p = np.array([3, 1, 2]) / 6
    assert counts.sum() == n
    assert np.all(np.abs(counts - n * p) < 4 * np.sqrt(n * p * (1 - p)))


@pytest.mark.parametrize("name", PRODUCTS)
@pytest.mark.parametrize("clamped", [False, True], ids=["free", "clamped"])
def test_no_drift_of_the_product_measure(name, clamped):
    """Pairs drawn from p x p are pairs of p x p after exchanges and sweeps, over the states of both."""
    machine, n, rng = PRODUCTS[name](), 20_000, Stream(1)
    free = np.ones(machine.n_units, bool)
    free[1] = not clamped
    x = laws.exact_draws(machine, 2 * n, np.random.default_rng(0), 1.0)
    start, pairs = x, np.arange(2 * n).reshape(2, n).T
    for _ in range(3):
        x = houdayer(machine, x, pairs, rng, free)
        x = machine.sweep(x, rng, 1, free=free)
    x = houdayer(machine, x, pairs, rng, free)
    assert np.array_equal((x != start).any(0), free)
    p = laws.distribution(machine)[1]
    product = np.repeat(p, len(p)) * np.tile(p, len(p))
    found = np.concatenate([x[:n], x[n:]], 1)
    assert laws.total_variation(machine, found, product) < laws.tv_limit(product, n)


def test_clusters_with_clamped_units_stay():
    """Two clusters of a chain, one with a clamped unit that differs: only the other ever moves."""
    machine = BoltzmannMachine(Ising(), np.eye(5, k=1) + np.eye(5, k=-1))
    x = np.tile([[1.0, 1, 1, 1, 1], [-1, -1, 1, -1, -1]], (2000, 1))
    pairs, free = np.arange(4000).reshape(-1, 2), np.array([True, False, True, True, True])
    y = houdayer(machine, x, pairs, Stream(0), free)
    assert np.array_equal(y[:, :3], x[:, :3])
    moved = (y[::2, 3:] != x[::2, 3:]).all(1)
    assert np.array_equal(moved, (y[::2, 3:] != x[::2, 3:]).any(1))
    assert abs(moved.mean() - 2 / 3) < 4 * np.sqrt(2 / 9 / 2000)  # of the free units that differ, 2 of 3
    assert np.array_equal(houdayer(machine, x, pairs, Stream(0), np.zeros(5, bool)), x)


def test_exchanges_do_not_depend_on_threads():
    machine, before = lattice(8, -1.0), get_num_threads()
    x, pairs = machine.sample0(1000, Stream(0)), np.arange(1000).reshape(-1, 2)
    try:
        found = []
        for threads in (1, 2):
            set_num_threads(threads)
            found.append(houdayer(machine, x, pairs, Stream(1)))
    finally:
        set_num_threads(before)
    assert np.array_equal(*found)
    assert np.array_equal(houdayer(machine, x, pairs[:7], Stream(1))[:14], found[0][:14])
    assert not np.array_equal(houdayer(machine, x, pairs, Stream(2)), found[0])


@pytest.mark.parametrize(
    "make",
    [
        lambda m, x: houdayer(laws.MACHINES["bernoulli-bernoulli"](), x, [[0, 1]], Stream(0)),
        lambda m, x: houdayer(m, x, [0, 1], Stream(0)),
        lambda m, x: houdayer(m, x, [[0.0, 1.0]], Stream(0)),
        lambda m, x: houdayer(m, x, [[0, 4]], Stream(0)),
        lambda m, x: houdayer(m, x, [[-1, 1]], Stream(0)),
        lambda m, x: houdayer(m, x, [[0, 1], [1, 2]], Stream(0)),
        lambda m, x: houdayer(m, x, [[2, 2]], Stream(0)),
        lambda m, x: houdayer(m, x[:, 1:], [[0, 1]], Stream(0)),
        lambda m, x: houdayer(m, x + 0.5, [[0, 1]], Stream(0)),
        lambda m, x: houdayer(m, x, [[0, 1]], Stream(0), np.ones(5, bool)),
    ],
)
def test_exchanges_that_are_refused(make):
    machine = MACHINES["ising"]()
    with pytest.raises(EbmError) as error:
        make(machine, machine.sample0(4, Stream(0)))
    assert "\n" not in str(error.value)


def test_no_pairs_are_no_exchange():
    machine = MACHINES["ising"]()
    x = machine.sample0(4, Stream(0))
    assert np.array_equal(houdayer(machine, x, np.empty((0, 2), int), Stream(0)), x)
