"""Samplers: their samples are the machine's, conditions are held, annealing keeps the best it met."""

import warnings

import laws
import numpy as np
import pytest
from scipy.sparse import csr_array

import ebm.boltzmann.sweeping as sweeping
from ebm import (
    RBM,
    Annealing,
    Bernoulli,
    BoltzmannMachine,
    EbmError,
    Gibbs,
    Ising,
    Potts,
    Stream,
    get_num_threads,
    sample,
    set_num_threads,
)
from ebm.datasets import random_regular, sk
from ebm.diagnostics import autocorrelation_time
from ebm.samplers.walkers import advance

each_machine = pytest.mark.parametrize("name", laws.MACHINES)


@pytest.mark.some(4)
@each_machine
def test_samples_are_the_machines(name):
    """Chains run side by side, burn-in measured: in total variation or moments like exact draws."""
    machine = laws.MACHINES[name]()
    found = sample(machine, 1500, n_chains=1500, seed=1)
    assert len(found) == len(found.x) == 1500
    laws.is_sample(machine, found.x)
    np.testing.assert_allclose(found.free_energy, machine.free_energy(found.x))
    if isinstance(machine, RBM):
        assert found.energy is None
    else:
        np.testing.assert_allclose(found.energy, machine.energy(found.x))
    assert found.diagnostics["n_chains"] == 1500
    assert found.diagnostics["burn_in"] >= 2 * 10 * found.diagnostics["tau"]


@pytest.mark.parametrize("name", ["bernoulli", "potts-sparse", "bernoulli-bernoulli"])
@pytest.mark.parametrize("sampler", [Gibbs(2), Gibbs(beta=0.5), Gibbs(3, "auto", 0.8)], ids=repr)
def test_no_drift_of_gibbs_steps(name, sampler):
    """From exact draws of p_beta, steps keep p_beta."""
    machine = laws.MACHINES[name]()
    state = sampler.init(machine, 20_000, Stream(0))
    x = laws.exact_draws(machine, 20_000, np.random.default_rng(0), sampler.beta)
    state.chains, rng = machine.start(x), Stream(1)
    for _ in range(3):
        state, info = sampler.step(machine, state, rng)
    assert rng.counter == 3 * sampler.n_sweeps
    assert info["beta"] == sampler.beta
    laws.is_sample(machine, state.x, sampler.beta)


@pytest.mark.parametrize("scan", ["systematic", "random", "chromatic"])
def test_thinned_chains_are_the_machines(scan):
    """Few long chains: with the measured thinning the histogram is that of independent draws."""
    machine = laws.FULLY["ising"]()
    found = sample(machine, 5000, sampler=Gibbs(scan=scan), n_chains=100, seed=2)
    assert found.diagnostics["thin"] >= 2 * found.diagnostics["tau"]
    laws.is_sample(machine, found.x)
    chains = found.x.reshape(50, 100, -1)
    assert np.all((chains[1:] != chains[:-1]).any(2).mean() > 0.2)


@pytest.mark.parametrize("name", laws.FINITE)
def test_given_units_are_held_and_the_others_follow_the_condition(name):
    machine = laws.FINITE[name]()
    given = np.full(machine.n_units, np.nan)
    own = laws.sites(machine.units, machine.n_units)
    given[[0, -1]] = own[0].states[-1], own[-1].states[0]
    found = sample(machine, 3000, given=given, n_chains=3000, burn_in=40, seed=3)
    assert np.all(found.x[:, [0, -1]] == given[[0, -1]])
    x, p = laws.distribution(machine)
    keep = (x[:, [0, -1]] == given[[0, -1]]).all(1)
    p = np.where(keep, p, 0) / p[keep].sum()
    assert laws.total_variation(machine, found.x, p) < laws.tv_limit(p, 3000)


@pytest.mark.parametrize(
    "name", ["bernoulli", "ising-sparse-hidden", "potts", "bernoulli-bernoulli", "gaussian-bernoulli"]
)
def test_each_row_of_given_is_one_sample_in_its_place(name):
    """Rows with different clamped units come back in order; half of them clamp everything."""
    machine = laws.MACHINES[name]()
    x = machine.sample0(20, Stream(0)).astype(float)
    mask = np.random.default_rng(0).random(x.shape) < 0.5
    mask[::2] = True
    found = sample(machine, 20, given=np.where(mask, x, np.nan), seed=1, burn_in=10)
    assert np.array_equal(found.x[mask], x[mask].astype(found.x.dtype))
    assert np.array_equal(found.x[::2], x[::2].astype(found.x.dtype))


def test_rows_of_given_with_different_conditions_are_no_slow_chains():
    """Chains of different conditions have different means, which is no autocorrelation: no warning."""
    machine = laws.FULLY["bernoulli"]()
    given = np.full((200, 6), np.nan)
    given[:, 0] = np.arange(200) % 2
    given[:, 1] = np.arange(200) // 2 % 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = sample(machine, 200, given=given)
    assert found.diagnostics["burn_in"] < 2000


def test_seeds_of_every_kind_repeat():
    machine = laws.FULLY["bernoulli"]()
    for make in (lambda: 3, lambda: np.random.SeedSequence(3), lambda: np.random.default_rng(3)):
        one, two = (sample(machine, 20, seed=make()).x for _ in range(2))
        assert np.array_equal(one, two)
    assert not np.array_equal(sample(machine, 20, seed=3).x, sample(machine, 20, seed=4).x)


def test_samples_come_in_the_number_asked_for():
    machine = laws.FULLY["bernoulli"]()
    for n in (1, 7, 100, 101, 250):
        assert sample(machine, n).x.shape == (n, 6)
    assert sample(machine, 30, n_chains=4, burn_in=5, thin=2).diagnostics == {
        "tau": pytest.approx(np.nan, nan_ok=True),
        "burn_in": 5,
        "thin": 2,
        "n_chains": 4,
    }


def test_slow_chains_say_so():
    """Two wells of different energy that chains do not leave in thousands of sweeps."""
    n = 12
    machine = BoltzmannMachine(Ising(), 0.8 * (1 - np.eye(n)), np.full(n, 0.05))
    with pytest.warns(RuntimeWarning, match="autocorrelation"):
        sample(machine, 10)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sample(machine, 10, burn_in=10, thin=1)


# Sweeps.


@pytest.mark.parametrize("name", laws.FULLY)
def test_colours_separate_coupled_units(name):
    machine = laws.FULLY[name]()
    colours, J = machine.colours(), np.abs(laws.dense(machine))
    first = np.searchsorted(laws.owners(machine.units, machine.n_units), np.arange(machine.n_units))
    J = np.add.reduceat(np.add.reduceat(J, first, axis=0), first, axis=1)
    i, j = np.nonzero(J)
    assert np.all(colours[i] != colours[j])
    assert colours.max() <= np.count_nonzero(J, axis=1).max()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_chains", [1, 63, 64, 200])
@pytest.mark.parametrize("units", [Bernoulli(), Ising()], ids=str)
def test_running_chains_of_a_sparse_machine_have_the_energies_of_their_states(units, n_chains, dtype):
    """Energies made of bits are -b.x - x.J.x/2, to the rounding of a unit's sum, and so are tempered ones."""
    rng = np.random.default_rng(0)
    J = random_regular(50, 6, disorder="gaussian", seed=1)
    machine = BoltzmannMachine(units, J.astype(dtype), rng.normal(size=50).astype(dtype))
    chains = machine.start(machine.sample0(n_chains, Stream(0)))
    machine.sweep(chains, Stream(1), 3)
    x = chains.x.astype(float)
    exact = -x @ machine.b - 0.5 * np.einsum("ni,ni->n", x, (machine.J.astype(float) @ x.T).T)
    limit = 8 * np.finfo(dtype).eps * (np.abs(machine.b).sum() + np.abs(machine.J.data).sum())
    found = machine.energy(chains)
    assert found.shape == (n_chains,)
    assert found.dtype == np.float64
    assert np.abs(found - exact).max() < limit
    base = rng.normal(size=50)
    tempered = machine.free_energy(chains, [[0.3], [1.2]], base)
    np.testing.assert_allclose(tempered, machine.free_energy(x, [[0.3], [1.2]], base), atol=2 * limit)


def test_energies_of_running_chains_do_not_depend_on_threads(monkeypatch):
    monkeypatch.setattr(sweeping, "_WORTH_ENERGY", 0)
    J = random_regular(50, 6, disorder="gaussian", seed=1)
    machine = BoltzmannMachine(Ising(), J, np.linspace(-1, 1, 50))
    chains, before, found = machine.start(machine.sample0(300, Stream(0))), get_num_threads(), []
    try:
        for k in (1, 2):
            set_num_threads(k)
            found.append(machine.energy(chains))
    finally:
        set_num_threads(before)
    assert np.array_equal(*found)


# Annealing.


@pytest.mark.parametrize("name", laws.FINITE)
@pytest.mark.parametrize("spacing", ["linear", "geometric", "harmonic"])
def test_annealing_finds_the_ground_state(name, spacing):
    machine = laws.FINITE[name]()
    sampler = Annealing(0.2, 12.0, n_steps=40, n_sweeps=2, spacing=spacing)
    found = sample(machine, 30, sampler=sampler, seed=1)
    x = laws.all_states(machine.units, machine.n_units)
    lowest = -laws.minus_free_energy(machine, x).max()
    best = found.diagnostics["best_energy"]
    np.testing.assert_allclose(best, machine.free_energy(found.diagnostics["best_x"]), rtol=1e-10, atol=1e-10)
    assert np.all(best <= found.free_energy + 1e-9)
    assert np.all(best >= lowest - 1e-9)
    np.testing.assert_allclose(best.min(), lowest, rtol=1e-10)
    assert found.diagnostics["burn_in"] == 40


@pytest.mark.parametrize("sparse", [False, True])
def test_annealing_finds_the_ground_states_of_spin_glasses(sparse):
    """Sherrington-Kirkpatrick, N = 12: the least of the 2^12 energies, of every instance."""
    x = laws.all_states(Ising(), 12)
    for seed in range(8):
        J = sk(12, seed=seed)
        machine = BoltzmannMachine(Ising(), csr_array(J) if sparse else J)
        sampler = Annealing(1 / 1.5, 1 / 0.05, n_steps=50, n_sweeps=5, spacing="harmonic")
        best = sample(machine, 32, sampler=sampler, seed=seed).diagnostics["best_energy"]
        assert abs(best.min() + laws.minus_free_energy(machine, x).max()) < 1e-12
        assert np.mean(best < best.min() + 1e-12) > 0.5


@pytest.mark.parametrize("name", ["ising", "ising-sparse-hidden", "potts", "bernoulli-bernoulli"])
@pytest.mark.parametrize("n_sweeps", [1, 3])
def test_annealing_keeps_the_best_state_it_met(name, n_sweeps):
    """Stopping hot, the last state is usually not the best; the best is the best of those after each step."""
    machine = laws.MACHINES[name]()
    sampler, rng = Annealing(0.5, 0.6, n_steps=20, n_sweeps=n_sweeps), Stream(0)
    state = sampler.init(machine, 50, rng)
    first = rng.counter
    met, energies, betas = [state.x.copy()], [machine.free_energy(state.x)], []
    for k in range(20):
        state, info = sampler.step(machine, state, rng)
        assert rng.counter == first + (k + 1) * n_sweeps
        met.append(state.x.copy())
        energies.append(machine.free_energy(state.x))
        betas.append(info["beta"])
        np.testing.assert_allclose(info["energy"], energies[-1], rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(betas, np.linspace(0.5, 0.6, 20))
    np.testing.assert_allclose(state.best_energy, np.min(energies, axis=0), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(machine.free_energy(state.best_x), state.best_energy, rtol=1e-10, atol=1e-10)
    assert np.all((np.array(met) == state.best_x).all(2).any(0))
    assert np.any(state.best_energy < energies[-1])


def test_spacings_of_annealing():
    """Equal steps of beta, of its logarithm, of the temperature 1/beta, between the same ends."""
    for spacing, even in (("linear", np.asarray), ("geometric", np.log), ("harmonic", np.reciprocal)):
        betas = Annealing(0.5, 4.0, n_steps=8, spacing=spacing).betas
        np.testing.assert_allclose(betas[[0, -1]], [0.5, 4.0])
        steps = np.diff(even(betas))
        np.testing.assert_allclose(steps, steps[0])


def test_annealing_holds_given_units():
    machine = BoltzmannMachine(Ising(), 1 - np.eye(5), np.full(5, 0.3))
    found = sample(machine, 8, sampler=Annealing(n_steps=20), given=[-1, np.nan, np.nan, np.nan, -1])
    assert np.all(found.x[:, [0, 4]] == -1)
    assert np.all(found.diagnostics["best_x"][:, [0, 4]] == -1)


# What is refused; what the autocorrelation time is.


@pytest.mark.parametrize(
    "make",
    [
        lambda m: sample(m, 0),
        lambda m: sample(m, 3, given=[1, 0]),
        lambda m: sample(m, 3, given=np.full((2, 6), np.nan)),
        lambda m: sample(m, 3, given=[0.5, *[np.nan] * 5]),
        lambda m: sample(m, 3, given=[2, *[np.nan] * 5]),
        lambda m: sample(m, 3, sampler=Gibbs(scan="all")),
        lambda m: sample(m, 3, sampler=Gibbs(n_sweeps=0)),
        lambda m: sample(m, 3, sampler=Annealing(start=-1.0)),
        lambda m: sample(m, 3, sampler=Annealing(n_steps=1)),
        lambda m: sample(m, 3, n_chains=0),
        lambda m: sample(m, 3, n_chains=-1),
        lambda m: sample(m, 3, thin=0),
        lambda m: sample(m, 3, burn_in=-1),
        lambda m: sample(m, 3, seed="x"),
    ],
)
def test_refusals_are_one_line(make):
    with pytest.raises(EbmError) as error:
        make(laws.FULLY["bernoulli"]())
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_autocorrelation_time_of_an_autoregressive_chain(rho):
    """x' = rho x + noise has tau = (1 + rho) / (1 - rho)."""
    rng = np.random.default_rng(0)
    x = np.empty((40, 4000))
    x[:, 0] = rng.normal(size=40) / np.sqrt(1 - rho**2)
    for t in range(1, 4000):
        x[:, t] = rho * x[:, t - 1] + rng.normal(size=40)
    tau = (1 + rho) / (1 - rho)
    assert abs(autocorrelation_time(x) / tau - 1) < 0.1
    assert autocorrelation_time(np.ones(100)) == 1
    stuck = np.repeat([[0.0], [1.0]], 200, 1) + 0.1 * rng.normal(size=(2, 200))
    assert autocorrelation_time(stuck, warn=False) > 20


def test_potts_conditions_are_states():
    machine = laws.FULLY["potts"]()
    found = sample(machine, 5, given=[2, np.nan, np.nan, 0])
    assert np.all(found.x[:, [0, 3]] == [2, 0])
    assert isinstance(machine.units, Potts)


def test_a_bernoulli_machine_at_infinite_temperature_is_fair():
    machine = laws.FULLY["bernoulli"]()
    x = sample(machine, 20_000, sampler=Gibbs(beta=0.0), n_chains=20_000, burn_in=1).x
    assert isinstance(machine.units, Bernoulli)
    assert np.all(np.abs(x.mean(0) - 0.5) < 4.5 * 0.5 / np.sqrt(len(x)))


@pytest.mark.parametrize("scan", ["auto", "random"])
@pytest.mark.parametrize("n", [0, 1, 5])
def test_many_steps_at_once_are_the_same_steps(scan, n):
    machine, sampler = laws.MACHINES["ising"](), Gibbs(n_sweeps=2, scan=scan)
    one, other = (sampler.init(machine, 9, Stream(0)) for _ in range(2))
    first, second = Stream(1), Stream(1)
    for _ in range(n):
        one, _ = sampler.step(machine, one, first)
    other = advance(sampler, machine, other, second, n)
    assert np.array_equal(one.x, other.x)
    assert (one.time, first.counter) == (other.time, second.counter)
