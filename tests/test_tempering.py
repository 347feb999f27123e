"""Samplers that know many temperatures: each keeps the machine's distribution, and crosses barriers."""

import laws
import numpy as np
import pytest

from ebm import (
    BoltzmannMachine,
    EbmError,
    Ising,
    PopulationAnnealing,
    Stream,
    TemperedTransitions,
    Tempering,
    sample,
    set_num_threads,
)
from ebm.samplers.walkers import turn

each_machine = pytest.mark.parametrize("name", laws.MACHINES)
LADDER = (0.0, 0.3, 0.65, 1.0)
N = 6_000


def base_of(machine):
    return 0.4 * np.random.default_rng(2).normal(size=len(machine.params["b"]))


def placed(machine, sampler, n, rng, base=None):
    """Walkers of `sampler` standing at exact draws of every level."""
    state = sampler.init(machine, n, Stream(0))
    x = np.empty((state.at.size, machine.n_units), machine.dtype)
    for level, beta in enumerate(state.betas):
        x[state.at[level]] = laws.exact_draws(machine, n, rng, beta, base)
    state.chains = machine.start(x)
    return state


# Tempering.


@pytest.mark.some(3)
@each_machine
@pytest.mark.parametrize("with_base", [False, True], ids=["uniform", "base"])
def test_tempering_keeps_every_level(name, with_base):
    """From exact draws at all levels, sweeps and swaps leave each level at its own temperature."""
    machine = laws.MACHINES[name]()
    base = base_of(machine) if with_base else None
    sampler = Tempering(betas=LADDER, n_adapt=0, base=base)
    state, stream = placed(machine, sampler, N, np.random.default_rng(0), base), Stream(1)
    first = state.at.copy()
    for _ in range(4):
        state, info = sampler.step(machine, state, stream)
    assert np.all(info["swap_rates"] > 0.05)
    assert np.any(state.at != first)
    assert np.array_equal(np.sort(state.at, axis=None), np.arange(4 * N))
    for level, beta in enumerate(LADDER):
        laws.is_sample(machine, state.chains.take(state.at[level]).x, beta, base)


@pytest.mark.parametrize("name", ["ising-sparse-hidden", "bernoulli-sparse", "potts-sparse"])
def test_cluster_exchanges_keep_every_level(name):
    machine = laws.MACHINES[name]()
    sampler = Tempering(betas=LADDER, n_adapt=0, houdayer=True)
    state, stream = placed(machine, sampler, N, np.random.default_rng(0)), Stream(1)
    for _ in range(3):
        sampler.step(machine, state, stream)
    for level, beta in enumerate(LADDER):
        laws.is_sample(machine, state.chains.take(state.at[level]).x, beta)


def test_ladders_do_not_mix():
    """A swap exchanges replicas of one ladder."""
    machine = laws.MACHINES["ising"]()
    sampler = Tempering(betas=LADDER, n_adapt=7)
    state = sampler.init(machine, 9, Stream(0))
    assert np.array_equal(np.sort(state.at % 9, axis=1), np.tile(np.arange(9), (4, 1)))
    assert np.array_equal(np.unique(state.at % 9, axis=0)[0], np.arange(9))


def test_swaps_are_accepted_with_metropolis_probability():
    """The swap rate is the mean of min(1, exp of the free-energy differences), by enumeration of both."""
    machine = laws.MACHINES["bernoulli-bernoulli"]()
    sampler = Tempering(betas=(0.2, 1.0), n_adapt=0)
    state, stream = placed(machine, sampler, 40_000, np.random.default_rng(0)), Stream(1)
    for _ in range(4):
        sampler.step(machine, state, stream)
    x, hot = laws.distribution(machine, 0.2)
    _, cold = laws.distribution(machine, 1.0)
    gain = laws.minus_free_energy(machine, x, 1.0) - laws.minus_free_energy(machine, x, 0.2)
    rate = hot @ np.minimum(1, np.exp(gain[:, None] - gain[None, :])) @ cold
    assert abs(state.swap_rates[0] - rate) < 4 * 0.5 / np.sqrt(80_000)


@pytest.mark.some(3)
@each_machine
@pytest.mark.parametrize("n", [500, pytest.param(6000, marks=pytest.mark.slow)])
def test_tempered_samples_are_the_machines(name, n):
    """Adapted ladder, burn-in measured, as a user calls it."""
    machine = laws.MACHINES[name]()
    found = sample(machine, n, n_chains=n, sampler=Tempering(n_adapt=60), seed=1)
    laws.is_sample(machine, found.x)
    assert found.diagnostics["betas"][-1] == 1


@pytest.mark.parametrize("name", ["ising", "bernoulli-bernoulli", "gaussian-bernoulli"])
def test_levels_above_one_leave_samples_at_one(name):
    machine = laws.MACHINES[name]()
    found = sample(machine, 2000, n_chains=2000, sampler=Tempering(n_adapt=60, stop=2.0), seed=1)
    laws.is_sample(machine, found.x)
    betas = found.diagnostics["betas"]
    assert 1.0 in betas
    assert betas[-1] == 2.0
    assert np.all(np.diff(betas) > 0)


def wells(n=40, J=2.0, tilt=0.02):
    """A ferromagnet whose two wells Gibbs sampling does not leave; p(up) in closed form by its mean spin."""
    from scipy.special import gammaln, logsumexp

    machine = BoltzmannMachine(Ising(), J / n * (1 - np.eye(n)), np.full(n, tilt))
    k = np.arange(n + 1)
    m = 2 * k - n
    log_p = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1) + J / n * (m * m - n) / 2 + tilt * m
    p = np.exp(log_p - logsumexp(log_p))
    return machine, p[m > 0].sum() + p[m == 0].sum() / 2


def fraction_up(x):
    m = x.sum(1)
    return (m > 0).mean() + (m == 0).mean() / 2


@pytest.mark.parametrize(
    "sampler",
    [
        Tempering(),
        Tempering(n_replicas=5, stop=1.3),
        TemperedTransitions(n_temperatures=12, start=0.4),
        PopulationAnnealing(),
    ],
    ids=lambda s: type(s).__name__,
)
def test_barriers_are_crossed(sampler):
    """All chains start in one well; the weights of both come out right."""
    machine, up = wells()
    n = 500
    if isinstance(sampler, PopulationAnnealing):
        found = sample(machine, 4 * n, sampler=sampler, seed=3)
        ess = 4 * n / found.diagnostics["rho_t"]
        assert abs(fraction_up(found.x) - up) < 4 * np.sqrt(up * (1 - up) / ess)
        return
    stream = Stream(3)
    state = sampler.init(machine, n, stream)
    state.chains = machine.start(-np.ones((len(state.chains), 40)))
    for _ in range(200 if isinstance(sampler, Tempering) else 40):
        sampler.step(machine, state, stream)
    assert abs(fraction_up(state.x) - up) < 4 * np.sqrt(up * (1 - up) / n)


def test_the_ladder_adapts_to_equal_swap_rates():
    machine, _ = wells(n=80)
    sampler, stream = Tempering(n_adapt=300), Stream(0)
    state = sampler.init(machine, 40, stream)
    for _ in range(200):
        sampler.step(machine, state, stream)
    assert np.all(np.abs(state.swap_rates - state.swap_rates.mean()) < 0.1)
    assert 0.4 < state.swap_rates.mean() < 0.75
    assert state.round_trips > 5
    assert np.any(np.abs(np.diff(state.betas) / np.diff(state.betas).mean() - 1) > 0.5), "it did not adapt"


def test_round_trips_are_counted():
    """One replica walked by hand from the bottom to the top and back is one trip; half the way is none."""
    heading, trips = np.zeros(3, np.int8), []
    for order in ([0, 1, 2], [1, 0, 2], [1, 2, 0], [1, 0, 2], [0, 1, 2], [1, 0, 2], [0, 1, 2]):
        trips.append(int(turn(heading, order[0], order[-1])))
    assert trips == [0, 0, 0, 0, 1, 0, 0]


@pytest.mark.parametrize("sampler", [Tempering(n_adapt=20), PopulationAnnealing()], ids=repr)
def test_threads_change_nothing(sampler):
    machine = laws.MACHINES["bernoulli-bernoulli"]()
    limits = {} if sampler.length else {"n_chains": 50, "burn_in": 5}
    found = []
    for threads in (1, 2):
        set_num_threads(threads)
        found.append(sample(machine, 50, sampler=sampler, seed=2, **limits).x)
    assert np.array_equal(*found)


# Tempered transitions.


@pytest.mark.some(3)
@each_machine
@pytest.mark.parametrize("with_base", [False, True], ids=["uniform", "base"])
def test_tempered_transitions_keep_the_distribution(name, with_base):
    machine = laws.MACHINES[name]()
    base = base_of(machine) if with_base else None
    sampler = TemperedTransitions(n_temperatures=3, start=0.25, base=base)
    state, stream = sampler.init(machine, N, Stream(0)), Stream(1)
    state.chains = machine.start(laws.exact_draws(machine, N, np.random.default_rng(0)).astype(machine.dtype))
    for _ in range(3):
        state, info = sampler.step(machine, state, stream)
    assert 0.05 < info["acceptance"] < 1
    laws.is_sample(machine, state.x)


# Population annealing.


@each_machine
def test_populations_are_the_machines(name):
    """In total variation with the effective number of samples; log Z within its error."""
    machine = laws.MACHINES[name]()
    found = sample(machine, 4000, sampler=PopulationAnnealing(), seed=2)
    facts = found.diagnostics
    assert abs(facts["log_z"] - machine.exact(stats=False)[0]) < 4 * facts["log_z_stderr"] + 1e-9
    assert facts["beta"] == 1
    assert 1 <= facts["rho_t"] < 100
    assert 0 < facts["family_entropy"] <= np.log(4000)
    if machine.units.finite:
        p = laws.distribution(machine)[1]
        n = len(found) / facts["rho_t"]
        assert laws.total_variation(machine, found.x, p) < laws.tv_limit(p, n)


def test_systematic_resampling_keeps_expectations():
    """Each index is drawn floor or ceil of n p times, n p on average over u."""
    from ebm.samplers.population import _systematic

    p = np.random.default_rng(0).dirichlet(np.ones(7))
    counts = np.array([np.bincount(_systematic(p, u), minlength=7) for u in (np.arange(2000) + 0.5) / 2000])
    assert np.all((counts >= np.floor(7 * p)) & (counts <= np.ceil(7 * p)))
    np.testing.assert_allclose(counts.mean(0), 7 * p, atol=2e-3)


# What is refused.


@pytest.mark.parametrize(
    "make",
    [
        lambda: Tempering(betas=(0.5, 0.9)),
        lambda: Tempering(betas=(1.0, 0.5)),
        lambda: Tempering(betas=(0.0, np.nan, 1.0)),
        lambda: Tempering(start=1.0),
        lambda: Tempering(stop=0.9),
        lambda: Tempering(stop=2.0, base=np.zeros(6)),
        lambda: Tempering(n_replicas=1),
        lambda: TemperedTransitions(start=0.0),
        lambda: TemperedTransitions(n_temperatures=0),
        lambda: PopulationAnnealing(overlap=1.0),
        lambda: PopulationAnnealing(n_groups=1),
        lambda: sample(laws.FULLY["bernoulli"](), 5, sampler=PopulationAnnealing(), thin=2),
    ],
)
def test_refusals_are_one_line(make):
    with pytest.raises(EbmError) as error:
        make()
    assert "\n" not in str(error.value)
