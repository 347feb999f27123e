"""How long chains remember: what `sample` measures sees phases that the energy does not."""

import warnings

import laws
import numpy as np
import pytest

from ebm import (
    RBM,
    Bernoulli,
    BoltzmannMachine,
    Gibbs,
    Ising,
    Potts,
    Stream,
    SwendsenWang,
    Tempering,
    get_num_threads,
    sample,
    set_num_threads,
)
from ebm.diagnostics import autocorrelation_time
from ebm.samplers import pilot


def curie_weiss(beta, n=100):
    return BoltzmannMachine(Ising(), beta / n * (1 - np.eye(n)))


def blind(n=8):
    """Potts units that take one state all together, any: five wells that are never left."""
    J = np.kron(1 - np.eye(n), 3.0 * np.eye(5))
    return BoltzmannMachine(Potts(5), J)


def twins():
    """An RBM with two wells of one weight: all ten visible units on, or all off."""
    return RBM(Bernoulli(), Bernoulli(), np.full((10, 1), 8.0), np.full(10, -4.0), np.array([-40.0]))


@pytest.mark.parametrize(
    ("machine", "n"), [(curie_weiss(1.5), 200), (curie_weiss(1.5), 10), (blind(), 20), (twins(), 20)]
)
def test_chains_that_stay_in_wells_of_one_energy_say_so(machine, n, monkeypatch):
    """Each chain stays where fair units fell to; its energy has forgotten all there is to forget."""
    monkeypatch.setattr(pilot, "_PILOT_LIMIT", 512)
    with pytest.warns(RuntimeWarning, match="autocorrelation time of overlaps"):
        found = sample(machine, n, seed=1)
    assert found.diagnostics["slowest"] == "overlap"
    assert found.diagnostics["tau"] > 100
    assert found.diagnostics["thin"] <= 512 / 10 + 1  # stuck chains are not waited for
    energies = []
    state, rng = Gibbs().init(machine, n, Stream(1)), Stream(2)
    for _ in range(300):
        Gibbs().step(machine, state, rng)
        energies.append(machine.free_energy(state.x))
    assert autocorrelation_time(np.array(energies[44:]).T, warn=False) < 5


@pytest.mark.parametrize("sampler", [Gibbs(), SwendsenWang(), Tempering(n_replicas=8)], ids=repr)
def test_chains_that_cross_do_not_say_so(sampler):
    """Above its critical temperature, or by samplers that cross, the same machine is sampled in silence."""
    machine = curie_weiss(0.8 if isinstance(sampler, Gibbs) else 1.2, 40)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = sample(machine, 400, sampler=sampler, seed=1)
    up = (found.x.sum(1) > 0).mean() + (found.x.sum(1) == 0).mean() / 2
    assert abs(up - 0.5) < 5 * 0.5 / np.sqrt(400)


def test_overlaps_slower_than_the_energy_set_the_thinning():
    """Without fields an Ising pair's energy forgets in one sweep what its sign remembers for many."""
    found = sample(BoltzmannMachine(Ising(), [[0.0, 1.0], [1.0, 0.0]]), 4000, seed=1)
    rho = np.tanh(1.0) ** 2  # of the second unit: E s' = tanh(s_1'), and s_1' follows tanh(s_2)
    exact = (1 + rho) / (1 - rho)
    assert found.diagnostics["slowest"] == "overlap"
    assert abs(found.diagnostics["tau"] / exact - 1) < 0.3
    assert found.diagnostics["thin"] == np.ceil(2 * found.diagnostics["tau"])


@pytest.mark.parametrize("name", ["ising", "potts", "bernoulli-gaussian", "gaussian-bernoulli"])
def test_overlaps_that_never_change_are_no_number_and_no_alarm(name):
    """All units clamped, to one state or each row to its own: nothing moves, tau is 1."""
    machine = laws.MACHINES[name]()
    x = machine.sample0(30, Stream(3)).astype(float)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for given in (x[0], x):
            found = sample(machine, 30, given=given, seed=1)
            assert found.diagnostics["tau"] == 1
            assert found.diagnostics["slowest"] == "free energy"


@pytest.mark.parametrize("name", ["ising-sparse-hidden", "potts", "bernoulli-bernoulli"])
def test_what_is_measured_does_not_depend_on_threads(name):
    machine, before, found = laws.MACHINES[name](), get_num_threads(), []
    try:
        for threads in (1, 2):
            set_num_threads(threads)
            found.append(sample(machine, 150, seed=4))
    finally:
        set_num_threads(before)
    assert found[0].diagnostics == found[1].diagnostics
    assert np.array_equal(found[0].x, found[1].x)
