"""Conditions: with some units clamped, every sampler draws the others from p given them.

One law for all samplers and all machines of the catalogue. Each row has a condition of its own, so chains of
different conditions run side by side; where that is wrong, or a machine is not one that a sampler takes, it
says so in one line.
"""

import laws
import numpy as np
import pytest
from scipy.special import logsumexp

import ebm
from ebm import EbmError, NotSupported, Stream, sample

N = 1_200
LADDER = (0.1, 0.5, 1.0)


def easier(machine):
    """The machine with half of its couplings and biases: a rung for `TrajectoryTempering`."""
    other = machine.copy()
    for value in other.params.values():
        value *= 0.5
    other.project()
    return other


# name: the sampler of a machine, and the steps after which it has forgotten its start.
SAMPLERS = {
    "gibbs": (lambda m: ebm.Gibbs(), 20),
    "tempering": (lambda m: ebm.Tempering(betas=LADDER, n_adapt=0), 10),
    "tempering-adapted": (lambda m: ebm.Tempering(n_replicas=3, n_adapt=16), 4),
    "tempering-houdayer": (lambda m: ebm.Tempering(betas=LADDER, n_adapt=0, houdayer=True), 10),
    "trajectory": (lambda m: ebm.TrajectoryTempering((easier(m),)), 14),
    "transitions": (lambda m: ebm.TemperedTransitions(n_temperatures=2, start=0.3), 10),
    "metropolis": (lambda m: ebm.Metropolis(5, scale=1.5), 8),
    "swendsen-wang": (lambda m: ebm.SwendsenWang(), 20),
    "wolff": (lambda m: ebm.Wolff(5), 20),
    "population": (lambda m: ebm.PopulationAnnealing(n_sweeps=3, overlap=0.8), None),
    "direct": (lambda m: ebm.Direct(), None),
}
MACHINES = laws.MACHINES | {
    "potts-ferromagnet": lambda: laws.ferromagnet(3, 4),
    "potts-ferromagnet-sparse": lambda: laws.ferromagnet(4, 4, sparse=True),
}
TWO_STATES = {n for n, make in laws.ALIKE.items() if len(make().units.states) == 2}
CLUSTERS = TWO_STATES | {
    "potts-ferromagnet",
    "potts-ferromagnet-sparse",
}
TAKES = {
    "swendsen-wang": CLUSTERS,
    "wolff": CLUSTERS,
    "tempering-houdayer": {name for name in MACHINES if name in laws.ALIKE or name in CLUSTERS},
}
PAIRS = [(sampler, name) for sampler in SAMPLERS for name in MACHINES]
TAKEN = [(sampler, name) for sampler, name in PAIRS if name in TAKES.get(sampler, MACHINES)]
REFUSED = [pair for pair in PAIRS if pair not in TAKEN]
FEW = ("bernoulli", "ising-sparse-hidden", "potts-sparse", "bernoulli-bernoulli", "gaussian-bernoulli")
TAKEN.remove(("direct", "drelu-bernoulli"))  # elimination has no sum in closed form
TAKEN = [(sampler, name) for sampler, name in TAKEN if sampler != "tempering-adapted" or name in FEW]


def conditions(machine):
    """Two states of the same clamped units, (2, n_units): few of them, or all but one if continuous."""
    given = np.full((2, machine.n_units), np.nan)
    if not machine.units.finite:
        given[:, :-1] = np.array([[0.6], [-1.0]])
        return given
    held = [0, -1] if machine.n_units > 3 else [0]
    own = laws.sites(machine.units, machine.n_units)
    given[:, held] = [own[i].states[-1] for i in held]
    given[1, 0] = own[0].states[0]
    return given


def follows(machine, y, condition, n_independent):
    """y are draws of p given the condition: in total variation, or in mean and variance of what is free."""
    held = ~np.isnan(condition)
    assert np.array_equal(y[:, held], np.tile(condition[held], (len(y), 1)).astype(y.dtype))
    if not machine.units.finite:
        grid = np.arange(-14.0, 14.0, 0.02)
        x = np.tile(condition, (len(grid), 1))
        x[:, -1] = grid
        log_p = laws.minus_free_energy(machine, x)
        p, free = np.exp(log_p - log_p.max()), y[:, -1].astype(float)
        p /= p.sum()
        for k in (1, 2):
            exact = p @ grid**k
            sigma = np.sqrt((p @ grid ** (2 * k) - exact**2) / n_independent)
            assert abs((free**k).mean() - exact) < 5 * sigma
        return
    x, p = laws.distribution(machine)
    keep = (x[:, held] == condition[held]).all(1)
    p = np.where(keep, p, 0) / p[keep].sum()
    assert laws.total_variation(machine, y, p) < laws.tv_limit(p, n_independent)


@pytest.mark.some(3)
@pytest.mark.parametrize(("sampler", "name"), TAKEN)
def test_free_units_follow_the_condition_and_clamped_ones_stand(sampler, name):
    machine = MACHINES[name]()
    make, burn_in = SAMPLERS[sampler]
    chosen, given = make(machine), conditions(machine)
    if sampler == "population":  # it takes one condition at a time, and its chains are related
        for k, condition in enumerate(given):
            found = sample(machine, N // 2, sampler=chosen, given=condition, seed=k)
            follows(machine, found.x, condition, N / 2 / found.diagnostics["rho_t"])
        return
    which = np.random.default_rng(0).integers(0, 2, N)
    limits = {} if burn_in is None else {"burn_in": burn_in}
    found = sample(machine, N, sampler=chosen, given=given[which], seed=3, **limits)
    np.testing.assert_allclose(found.free_energy, machine.free_energy(found.x))
    for k, condition in enumerate(given):
        follows(machine, found.x[which == k], condition, (which == k).sum())


@pytest.mark.parametrize("name", laws.FINITE)
def test_annealing_finds_the_lowest_state_under_each_condition(name):
    """It samples nothing, it cools: its best states are the lowest of those that the condition allows."""
    machine, n = laws.FINITE[name](), 40
    given = np.repeat(conditions(machine), n // 2, axis=0)
    sampler = ebm.Annealing(0.2, 12.0, n_steps=30)
    found = sample(machine, n, sampler=sampler, given=given, seed=1)
    held, best = ~np.isnan(given), found.diagnostics["best_x"]
    x = laws.all_states(machine.units, machine.n_units)
    energy = -laws.minus_free_energy(machine, x)
    for states in (found.x, best):
        assert np.array_equal(states[held], given[held].astype(states.dtype))
    np.testing.assert_allclose(found.diagnostics["best_energy"], machine.free_energy(best), atol=1e-10)
    for k, condition in enumerate(given[:: n // 2]):
        lowest = energy[(x[:, held[0]] == condition[held[0]]).all(1)].min()
        own = found.diagnostics["best_energy"][k * n // 2 : (k + 1) * n // 2]
        assert np.all(own >= lowest - 1e-9)
        assert np.mean(own < lowest + 1e-9) > 0.5


@pytest.mark.parametrize("name", ["gaussian-bernoulli", "gaussian-potts", "gaussian-gaussian"])
def test_annealing_holds_continuous_units(name):
    machine = laws.MACHINES[name]()
    given = np.repeat(conditions(machine), 5, axis=0)
    found = sample(machine, 10, sampler=ebm.Annealing(stop=1.0, n_steps=10), given=given)
    for states in (found.x, found.diagnostics["best_x"]):
        assert np.array_equal(states[:, :-1], given[:, :-1])


def one_line(error, *words):
    text = str(error.value)
    assert "\n" not in text
    assert len(text) < 250
    for word in (*words, "use "):
        assert word in text


@pytest.mark.parametrize(("sampler", "name"), REFUSED)
def test_machines_that_a_sampler_does_not_take_are_refused(sampler, name):
    """At the start, in one line: who, why, and what to use."""
    machine = MACHINES[name]()
    chosen = SAMPLERS[sampler][0](machine)
    with pytest.raises(NotSupported) as error:
        chosen.init(machine, 4, Stream(0), np.tile(conditions(machine)[0], (4, 1)))
    one_line(error, type(chosen).__name__, "needs")


def test_populations_of_different_conditions_are_apart():
    """Each follows its condition and knows the log Z of what is free; a row alone has a population, too."""
    machine, which = laws.FULLY["bernoulli"](), np.append(np.tile([0, 1], 3000), 2)
    given = np.vstack([conditions(machine), np.full((1, machine.n_units), np.nan)])
    found = sample(machine, len(which), sampler=ebm.PopulationAnnealing(), given=given[which], seed=1)
    for k, condition in enumerate(given[:2]):
        rows = which == k
        follows(machine, found.x[rows], condition, rows.sum() / found.diagnostics["rho_t"][rows][0])
    x, _ = laws.distribution(machine)
    for k, condition in enumerate(given):
        same = (np.isnan(condition) | (x == condition)).all(1)
        exact = logsumexp(laws.minus_free_energy(machine, x[same]))
        row = np.flatnonzero(which == k)[0]
        error = found.diagnostics["log_z_stderr"][row]
        assert abs(found.diagnostics["log_z"][row] - exact) < 5 * error, k
    assert found.diagnostics["n_chains"] == 6100


def test_a_population_itself_is_of_one_condition():
    """Resampling moves states between chains: rows of different conditions would get each other's."""
    machine = laws.FULLY["bernoulli"]()
    with pytest.raises(EbmError) as error:
        ebm.PopulationAnnealing().init(machine, 20, Stream(0), np.repeat(conditions(machine), 10, axis=0))
    one_line(error, "PopulationAnnealing", "condition", "Tempering")
