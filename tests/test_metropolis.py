"""Metropolis sampling: p_beta stands and is reached, on every machine; the kernel is its definition."""

import laws
import numpy as np
import pytest

from ebm import EbmError, Metropolis, Stream, get_num_threads, sample, set_num_threads
from ebm.samplers.metropolis import _sweep_any, _sweep_pairwise

each_machine = pytest.mark.parametrize("name", laws.MACHINES)


def run(sampler, machine, x, steps, *, free=None, seed=1):
    """States and the last info after some steps from x."""
    state, rng = sampler.init(machine, len(x), Stream(0)), Stream(seed)
    state.chains, state.free = machine.start(x), free
    for _ in range(steps):
        state, info = sampler.step(machine, state, rng)
    assert rng.counter == steps * sampler.n_sweeps
    assert state.time == steps
    return state.x, info


@pytest.mark.some(3)
@each_machine
@pytest.mark.parametrize("beta", [1.0, 0.5])
@pytest.mark.parametrize("clamped", [False, True], ids=["free", "clamped"])
def test_no_drift(name, beta, clamped):
    """From exact draws of p_beta, steps keep p_beta; clamped units stand still, the others move."""
    machine = laws.MACHINES[name]()
    x = laws.exact_draws(machine, 10_000, np.random.default_rng(0), beta).astype(machine.dtype)
    free = np.ones(machine.n_units, bool)
    free[[1, -1]] = not clamped
    y, info = run(Metropolis(2, beta, scale=1.5), machine, x, 2, free=free if clamped else None)
    assert np.array_equal((y != x).any(0), free)
    laws.is_sample(machine, y, beta)
    assert info["beta"] == beta
    assert 0.05 < info["acceptance"] < 0.98


@pytest.mark.some(3)
@each_machine
def test_it_forgets_its_start(name):
    machine = laws.MACHINES[name]()
    x = np.repeat(machine.sample0(1, Stream(1)), 4_000, axis=0)
    laws.is_sample(machine, run(Metropolis(20, scale=1.5), machine, x, 2)[0])


@pytest.mark.parametrize("name", laws.ALIKE)
def test_the_kernel_is_its_definition(name):
    """Sweeps with kept fields make the same decisions as differences of free energies, and count them."""
    machine = laws.FULLY[name]()
    order = np.array([0, 2, 3])
    for n, beta in ((70, 1.0), (3, -0.4)):
        x = machine.sample0(40, Stream(5))
        (a, taken), (b, expected) = (
            sweeps(machine, x, Stream(2), n, beta, order) for sweeps in (_sweep_pairwise, _sweep_any)
        )
        assert np.array_equal(a, b)
        assert taken == expected
        assert np.any(a != x)


def test_long_scans_take_uniforms_of_their_own():
    """More units than a block of positions has, for two states and for more; the definition agrees."""
    for units, n in ((laws.Ising(), 150), (laws.Potts(3), 70)):
        machine = laws.boltzmann(units, n, scale=0.1)
        x, order = machine.sample0(5, Stream(3)), np.arange(n)
        both = [s(machine, x, Stream(2), 2, 0.8, order) for s in (_sweep_pairwise, _sweep_any)]
        assert np.array_equal(both[0][0], both[1][0])
        assert both[0][1] == both[1][1]
        rows = both[0][0] != x
        assert not np.array_equal(rows[:, 64:128], rows[:, :64][:, : rows[:, 64:128].shape[1]])


@pytest.mark.parametrize("name", ["ising", "potts", "potts-bernoulli"])
def test_acceptance_is_that_of_the_formula(name):
    """One free unit: the mean over p of min(1, p(x')/p(x)) over the other states x'."""
    machine, n = laws.MACHINES[name](), 20_000
    x, p = laws.distribution(machine, 0.7)
    q = len(machine.units.states)
    own = laws.minus_free_energy(machine, x, 0.7)
    rate = 0.0
    for a in machine.units.states:
        y = x.copy()
        y[:, 0] = a
        ratio = np.exp(np.minimum(0, laws.minus_free_energy(machine, y, 0.7) - own))
        rate += p @ np.where(x[:, 0] == a, 0, ratio) / (q - 1)
    start = laws.exact_draws(machine, n, np.random.default_rng(3), 0.7)
    _, info = run(Metropolis(beta=0.7), machine, start, 1, free=np.arange(machine.n_units) == 0)
    assert abs(info["acceptance"] - rate) < 5 * np.sqrt(rate * (1 - rate) / n)


def test_scale_is_the_size_of_continuous_steps():
    machine = laws.MACHINES["gaussian-bernoulli"]()
    x = laws.exact_draws(machine, 10_000, np.random.default_rng(0))
    y, info = run(Metropolis(scale=1e-3), machine, x, 1)
    assert info["acceptance"] > 0.995
    np.testing.assert_allclose((y - x).std(0), 1e-3, rtol=5 / np.sqrt(2 * len(x)) + 0.005)


@pytest.mark.parametrize("name", ["ising", "ising-sparse-hidden", "potts"])
def test_threads_and_other_chains_change_nothing(name):
    machine = laws.FULLY[name]()
    x, sampler, before = machine.sample0(3000, Stream(4)), Metropolis(4), get_num_threads()
    try:
        found = []
        for threads in (1, 2):
            set_num_threads(threads)
            found.append(run(sampler, machine, x, 2)[0])
    finally:
        set_num_threads(before)
    assert np.array_equal(*found)
    assert np.array_equal(run(sampler, machine, x[:10], 2)[0], found[0][:10])


def test_samples_and_conditions_through_sample():
    """`sample` measures its burn-in and thinning; given units are held and the others follow."""
    machine = laws.FULLY["potts"]()
    given = [2, np.nan, np.nan, 0]
    found = sample(machine, 3000, sampler=Metropolis(3), given=given, n_chains=300, seed=2)
    x, p = laws.distribution(machine)
    keep = (x[:, [0, 3]] == [2, 0]).all(1)
    p = np.where(keep, p, 0) / p[keep].sum()
    assert laws.total_variation(machine, found.x, p) < laws.tv_limit(p, 3000)


def test_nothing_free_is_no_offer():
    machine = laws.FULLY["ising"]()
    x = machine.sample0(3, Stream(0))
    y, info = run(Metropolis(), machine, x, 1, free=np.zeros(6, bool))
    assert np.array_equal(x, y)
    assert np.isnan(info["acceptance"])


@pytest.mark.parametrize(
    "make", [lambda: Metropolis(0), lambda: Metropolis(scale=0.0), lambda: Metropolis(beta=np.inf)]
)
def test_refusals_are_one_line(make):
    with pytest.raises(EbmError) as error:
        make()
    assert "\n" not in str(error.value)
