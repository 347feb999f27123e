"""Every kernel with its path forced: against one-unit-at-a-time Gibbs with the same uniforms; no drift."""

import os

import laws
import numba
import numpy as np
import pytest
import scipy.sparse

import ebm
from ebm import Bernoulli, BoltzmannMachine, Ising, Potts, Stream
from ebm.boltzmann import sweeping
from ebm.kernels import threads
from ebm.kernels.numbers.random import uniform_rows
from ebm.rbm import products, statistics
from ebm.rbm import sweeping as layers

DTYPES = [np.float32, np.float64]
each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=["float32", "float64"])
two_states = pytest.mark.parametrize("units", [Bernoulli(), Ising()], ids=str)
# path: how `sweeping` is made to take it
DENSE = {"blocked": ("blocked_is_cheaper", lambda *_: True), "kept": ("blocked_is_cheaper", lambda *_: False)}
SPARSE = {"sites": ("_FEW", 0), "few": ("_FEW", 10**9)}


def force(monkeypatch, path):
    name, value = (DENSE | SPARSE).get(path, (None, None))
    if name:
        monkeypatch.setattr(sweeping, name, value)


def gibbs(machine, x, beta, base, order, stream, n):
    """The definition: units in order, each drawn by its quantile function at the uniform of its position."""
    x, low, high = x.astype(float).copy(), *machine.units.interval
    J, b = laws.dense(machine).astype(float), machine.b.astype(float)
    for k in range(n):
        u = np.empty((len(x), -(-len(order) // 64) * 64))
        uniform_rows(np.uint64(stream.key), stream.counter + k, 0, 0, u)
        for s, i in enumerate(order):
            I = beta * (b[i] + x @ J[i]) + (1 - beta) * base[i]
            x[:, i] = np.where(u[:, s] > 1 / (1 + np.exp((high - low) * I)), high, low)
    return x


def random_machine(units, n, dtype, sparse, rng):
    J = rng.normal(size=(n, n)) / (1.0 if sparse else np.sqrt(n))
    J = np.triu(J * (rng.random((n, n)) < 6 / n) if sparse else J, 1)
    J, b = (J + J.T).astype(dtype), (0.2 * rng.normal(size=n)).astype(dtype)
    return BoltzmannMachine(units, scipy.sparse.csr_array(J) if sparse else J, b)


@pytest.mark.parametrize("path", [*DENSE, *SPARSE])
@pytest.mark.parametrize("scan", ["systematic", "random", "chromatic"])
@pytest.mark.parametrize("clamped", [False, True], ids=["free", "clamped"])
@two_states
@each_dtype
def test_sweeps_are_gibbs_one_unit_at_a_time(path, scan, clamped, units, dtype, monkeypatch):
    """Beyond one block of units, one tile of chains and one vector; temperatures per chain, and a base."""
    force(monkeypatch, path)
    rng = np.random.default_rng(0)
    machine = random_machine(units, 150, dtype, path in SPARSE, rng)
    x = machine.sample0(150, Stream(1))
    beta, base = 1.5 * rng.random(150).astype(dtype), rng.normal(size=150).astype(dtype)
    free = rng.random(150) < 0.7 if clamped else np.ones(150, bool)
    stream = Stream(5)
    y = machine.sweep(x, stream, 1 if scan == "random" else 3, beta, base, free, scan)
    stream = Stream(5)
    if scan == "random":
        order = np.argsort(stream.uniform(1, 150), axis=1, kind="stable")[0]
    else:
        order = np.argsort(machine.colours(), kind="stable") if scan == "chromatic" else np.arange(150)
    z = gibbs(machine, x, beta, base, order[free[order]], stream, 1 if scan == "random" else 3)
    wrong = (y != z).any(1).mean()  # chains in which rounding decided a unit, and what followed from it
    assert wrong <= (0.05 if dtype == np.float32 else 0)
    assert np.array_equal(y[:, ~free], x[:, ~free])


FORCED = [(path, name) for name in laws.ALIKE for path in (SPARSE if "sparse" in name else DENSE)]


@pytest.mark.some(3)
@pytest.mark.parametrize(("path", "name"), FORCED)
@pytest.mark.parametrize("scan", ["auto", "systematic", "random", "chromatic"])
@each_dtype
def test_no_drift_on_every_path(path, name, scan, dtype, monkeypatch):
    force(monkeypatch, path)
    machine = laws.FULLY[name](dtype=dtype)
    laws.no_drift(machine, betas=(0.4, 1.0), scan=scan)
    free = np.arange(machine.n_units) % 3 != 1
    y = machine.sweep(
        laws.exact_draws(machine, 50, np.random.default_rng(0)), Stream(0), 3, free=free, scan=scan
    )
    assert len(y) == 50


def test_many_sweeps_in_one_call_change_the_kernel_and_keep_the_fields_true():
    """Flips get rare inside a call, fields are kept and made anew; the chains stay in equilibrium."""
    machine = laws.FULLY["ising"](dtype=np.float32)
    x = laws.exact_draws(machine, 24_000, np.random.default_rng(2)).astype(np.float32)
    laws.is_sample(machine, machine.sweep(x, Stream(3), 200), 1.0)


def test_kernels_that_change_inside_a_call_agree_with_one_unit_at_a_time():
    """A cold machine starts in blocks; flips get rare, fields are kept, and made anew after 64 sweeps."""
    machine = random_machine(Ising(), 200, np.float64, False, np.random.default_rng(3))
    x, base = machine.sample0(70, Stream(0)), np.zeros(200)
    y = machine.sweep(x, Stream(1), 80, 4.0)
    z = gibbs(machine, x, np.full(70, 4.0), base, np.arange(200), Stream(1), 80)
    assert np.array_equal(y, z)


def test_which_kernel_depends_on_chains_and_flips():
    assert sweeping.blocked_is_cheaper(2000, 256, 0.25, 10)
    assert not sweeping.blocked_is_cheaper(2000, 256, 0.01, 10)
    assert not sweeping.blocked_is_cheaper(2000, 1, 0.25, 10)


# Threads.


def shared_work(monkeypatch, whole):
    """Results of kernels that are shared among threads, each made to find it worth while: all, or a few."""
    monkeypatch.setattr(sweeping, "_WORTH", 0)
    for module in (products, statistics, layers):
        monkeypatch.setattr(module, "WORTH", 0)
    rng, out = np.random.default_rng(0), []
    for path in (*DENSE, *SPARSE) if whole else ("blocked", "sites"):
        force(monkeypatch, path)
        machine = random_machine(Ising(), 700 if path == "few" else 150, np.float32, path in SPARSE, rng)
        out.append(machine.sweep(machine.sample0(300, Stream(0)), Stream(1), 3))
    if whole:
        J = laws.boltzmann(Potts(3), 30)
        out.append(J.sweep(J.sample0(40, Stream(0)), Stream(1), 3))
    for visible in (Bernoulli(), Potts(4), ebm.Gaussian()) if whole else (Bernoulli(),):
        X = visible.sample(np.zeros((600, 70 * visible.width)), rng.random((600, 70)))
        machine = ebm.RBM.from_data(X, 200, visible=visible)
        ebm.fit(machine, X, epochs=1, batch_size=200, optimiser=ebm.SGD(0.01))
        out += [machine.W, machine.free_energy(X), machine.sweep(X, Stream(2), 2)]
    return out


@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_same_numbers_for_one_thread_and_two(monkeypatch, whole):
    before = ebm.get_num_threads()
    try:
        ebm.set_num_threads(1)
        one = shared_work(monkeypatch, whole)
        ebm.set_num_threads(2)
        two = shared_work(monkeypatch, whole)
    finally:
        ebm.set_num_threads(before)
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork")
def test_a_forked_child_works_on(monkeypatch):
    """GNU OpenMP would abort it: the child works on one thread, and gets the same numbers."""
    monkeypatch.setattr(sweeping, "_WORTH", 0)
    machine = random_machine(Ising(), 100, np.float32, False, np.random.default_rng(0))
    x = machine.sample0(300, Stream(0))
    expected = machine.sweep(x, Stream(1), 2)
    child = os.fork()
    if child == 0:
        same = np.array_equal(machine.sweep(x, Stream(1), 2), expected)
        os._exit(0 if same and threads._state["forked"] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("n", [0, -1, 1.5, True, "2"])
def test_bad_numbers_of_threads_are_refused(n):
    with pytest.raises(ebm.EbmError, match="set_num_threads"):
        ebm.set_num_threads(n)


@pytest.mark.parametrize(
    ("named", "priority", "safe"),
    [
        ("default", ["omp", "workqueue"], True),
        ("default", ["workqueue", "omp"], False),
        ("omp", [], True),
        ("workqueue", ["omp"], False),
    ],
)
def test_work_queues_are_never_used(named, priority, safe, monkeypatch):
    """They abort the process when two Python threads meet in one."""
    monkeypatch.setattr(numba.config, "THREADING_LAYER", named)
    monkeypatch.setattr(numba.config, "THREADING_LAYER_PRIORITY", priority)
    assert threads._layer.__wrapped__() == safe


def test_the_environment_sets_the_number_of_threads(monkeypatch):
    monkeypatch.setitem(threads._state, "threads", 0)
    monkeypatch.setenv("EBM_NUM_THREADS", "1")
    assert ebm.get_num_threads() == 1
    monkeypatch.setitem(threads._state, "threads", 0)
    monkeypatch.setenv("EBM_NUM_THREADS", "many")
    with pytest.raises(ebm.EbmError, match="EBM_NUM_THREADS"):
        ebm.get_num_threads()
