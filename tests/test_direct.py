"""Direct: its samples are exact and independent, whatever way they are drawn; nothing is measured of them."""

import itertools
import math
import warnings

import laws
import numpy as np
import pytest
import scipy.sparse

from ebm import (
    RBM,
    Bernoulli,
    BoltzmannMachine,
    Direct,
    EbmError,
    Gaussian,
    Ising,
    NotSupported,
    Stream,
    TooLarge,
    sample,
)
from ebm.diagnostics import autocorrelation_time
from ebm.elimination import eliminate, junction
from ebm.samplers import direct

each_machine = pytest.mark.parametrize("name", laws.CLOSED)
each_way = pytest.mark.parametrize("way", ["enumeration", "elimination"])


def force(monkeypatch, way):
    """Draw this way whatever the number of states; continuous states are never enumerated."""
    monkeypatch.setattr(direct, "_FEW", math.inf if way == "enumeration" else 0)


def expected_way(machine, way):
    return "elimination" if not machine.units.finite else way


@pytest.mark.some(5)
@each_machine
@each_way
@pytest.mark.parametrize("beta", [1.0, 0.4])
def test_samples_are_the_machines(name, way, beta, monkeypatch):
    machine = laws.MACHINES[name]()
    if machine.units.finite:
        force(monkeypatch, way)
    found = sample(machine, 20_000, sampler=Direct(beta), seed=1)
    laws.is_sample(machine, found.x, beta)
    np.testing.assert_allclose(found.free_energy, machine.free_energy(found.x))
    way = expected_way(machine, way)
    assert found.diagnostics == {"tau": 1.0, "burn_in": 0, "thin": 1, "n_chains": 20_000, "method": way}


@pytest.mark.some(3)
@each_machine
@each_way
def test_steps_draw_what_does_not_depend_on_the_states_before(name, way, monkeypatch):
    """The second states are the machine's; the pairs (first, second) have independent energies."""
    machine = laws.MACHINES[name]()
    if machine.units.finite:
        force(monkeypatch, way)
    sampler, rng = Direct(), Stream(2)
    state = sampler.init(machine, 20_000, rng)
    first = machine.free_energy(state.x)
    assert rng.counter == 1
    state, info = sampler.step(machine, state, rng)
    assert (rng.counter, state.time) == (2, 1)
    assert info == {"beta": 1.0, "method": expected_way(machine, way)}
    assert state.chains.x.dtype == machine.start(machine.sample0(1, rng)).x.dtype
    laws.is_sample(machine, state.x)
    second = machine.free_energy(state.x)
    for lag in (0, 1):
        correlation = np.corrcoef(first[lag:], second[: len(second) - lag])[0, 1]
        assert abs(correlation) < 5 / math.sqrt(20_000)
    assert autocorrelation_time(second) < 1.1


@pytest.mark.parametrize("name", [n for n in laws.FINITE if n in laws.CLOSED])
@each_way
def test_given_units_are_held_and_the_others_follow_the_condition(name, way, monkeypatch):
    force(monkeypatch, way)
    machine = laws.FINITE[name]()
    given = np.full(machine.n_units, np.nan)
    own = laws.sites(machine.units, machine.n_units)
    given[[0, -1]] = own[0].states[-1], own[-1].states[0]
    x, p = laws.distribution(machine, 0.7)
    keep = (x[:, [0, -1]] == given[[0, -1]]).all(1)
    p = np.where(keep, p, 0) / p[keep].sum()
    found = sample(machine, 4000, sampler=Direct(0.7), given=given, seed=3)
    assert np.all(found.x[:, [0, -1]] == given[[0, -1]])
    assert laws.total_variation(machine, found.x, p) < laws.tv_limit(p, 4000)


@each_way
@pytest.mark.parametrize("name", ["bernoulli", "potts", "potts-bernoulli"])
def test_each_row_of_given_follows_its_own_condition(name, way, monkeypatch):
    """Rows that clamp a unit to each of its states, and rows that clamp another unit, in mixed order."""
    force(monkeypatch, way)
    machine = laws.FINITE[name]()
    states, n = machine.units.states, machine.n_units
    conditions = np.full((len(states) + 1, n), np.nan)
    conditions[:-1, 1], conditions[-1, 0] = states, states[0]
    which = np.random.default_rng(0).permutation(np.repeat(np.arange(len(conditions)), 3000))
    found = sample(machine, len(which), sampler=Direct(), given=conditions[which], seed=4)
    x, p = laws.distribution(machine)
    for k, condition in enumerate(conditions):
        held = ~np.isnan(condition)
        keep = (x[:, held] == condition[held]).all(1)
        inside = np.where(keep, p, 0) / p[keep].sum()
        assert laws.total_variation(machine, found.x[which == k], inside) < laws.tv_limit(inside, 3000)


def test_gaussian_conditions():
    """Given one visible unit, the other of a Gaussian-Bernoulli machine is a mixture of normals."""
    machine = laws.MACHINES["gaussian-bernoulli"]()
    found = sample(machine, 20_000, sampler=Direct(), given=[0.5, np.nan], seed=5)
    assert np.all(found.x[:, 0] == 0.5)
    grid = np.arange(-12.0, 12.0, 0.01)
    log_p = laws.minus_free_energy(machine, np.stack([np.full(len(grid), 0.5), grid], 1))
    p = np.exp(log_p - log_p.max())
    p /= p.sum()
    mean, var = p @ grid, p @ grid**2 - (p @ grid) ** 2
    y = found.x[:, 1]
    assert abs(y.mean() - mean) < 5 * math.sqrt(var / len(y))
    assert abs(y.var() - var) < 5 * ((y - mean) ** 2).std() / math.sqrt(len(y))


def test_all_units_given():
    machine = laws.FULLY["ising"]()
    x = machine.sample0(1, Stream(0))[0]
    assert np.array_equal(sample(machine, 3, sampler=Direct(), given=x).x, np.tile(x, (3, 1)))


def test_large_machines_of_small_treewidth():
    """A lattice of 8 by 40, given a corner: two-point functions of half the sample and exact ones agree."""
    site = np.arange(320).reshape(8, 40)
    down, right = np.stack([site[:-1], site[1:]], -1), np.stack([site[:, :-1], site[:, 1:]], -1)
    pairs = np.concatenate([down.reshape(-1, 2), right.reshape(-1, 2)])
    rng = np.random.default_rng(6)
    half = scipy.sparse.coo_array((rng.normal(size=len(pairs)), tuple(pairs.T)), shape=(320, 320))
    machine = BoltzmannMachine(Ising(), (half + half.T).tocsr(), 0.2 * rng.normal(size=320))
    given = np.full(320, np.nan)
    given[0] = -1
    found = sample(machine, 4000, sampler=Direct(), given=given, seed=7)
    margins = eliminate(machine.graph(), given=given).marginals()
    i, j = pairs.T
    exact = margins.second[i, j]
    z = ((found.x[:, i] * found.x[:, j]).mean(0) - exact) / np.sqrt((1 - exact**2) / 4000 + 1e-9)
    assert np.abs(z).max() < 5
    assert found.diagnostics["method"] == "elimination"


def test_rbms_with_a_short_layer():
    """The mean of phi over 10^4 samples of machines 200 x 8 and 8 x 200 is the exact one."""
    for n_v, n_h in ((200, 8), (8, 200)):
        machine = RBM.random(Bernoulli(), Ising(), n_v, n_h, scale=0.3, seed=8, dtype="float64")
        x = sample(machine, 10_000, sampler=Direct(), seed=9).x
        mean = machine.exact()[1]["b"]
        assert np.all(np.abs(x.mean(0) - mean) < 5 * np.sqrt(mean * (1 - mean) / 10_000))


def test_samples_say_nothing_is_wrong_and_repeat():
    """Two wells that chains do not leave: no warning here, and both wells are found."""
    n = 12
    machine = BoltzmannMachine(Ising(), 0.8 * (1 - np.eye(n)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        one, two = (sample(machine, 1000, sampler=Direct(), seed=10).x for _ in range(2))
    assert np.array_equal(one, two)
    assert abs((one.mean(1) > 0).mean() - 0.5) < 5 * 0.5 / math.sqrt(1000)
    assert not np.array_equal(one, sample(machine, 1000, sampler=Direct(), seed=11).x)


class NoGraph:
    """A machine that offers the protocol and no more."""

    def __init__(self, machine):
        self._machine = machine

    def __getattr__(self, name):
        if name == "graph":
            raise AttributeError(name)
        return getattr(self._machine, name)


def test_machines_without_a_graph_are_enumerated():
    machine = NoGraph(laws.boltzmann(Bernoulli(), 14))
    found = sample(machine, 50, sampler=Direct())
    assert found.diagnostics["method"] == "enumeration"
    with pytest.raises(NotSupported, match="graph") as error:
        sample(NoGraph(laws.boltzmann(Bernoulli(), 21)), 50, sampler=Direct())
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("make", "kind", "words"),
    [
        (lambda m: sample(m, 3, sampler=Direct(), n_chains=2), EbmError, "do not apply to Direct"),
        (lambda m: sample(m, 3, sampler=Direct(), burn_in=2), EbmError, "do not apply to Direct"),
        (lambda m: Direct(beta=math.inf), EbmError, "beta"),
        (lambda m: Direct(limit=41), EbmError, "limit"),
        (lambda m: sample(laws.boltzmann(Ising(), 30), 3, sampler=Direct()), TooLarge, "treewidth 29"),
        (
            lambda m: sample(
                RBM.random(Gaussian(), Bernoulli(), 30, 40, dtype="float64"), 3, sampler=Direct()
            ),
            TooLarge,
            "40 neighbours",
        ),
    ],
)
def test_refusals_are_one_line(make, kind, words):
    with pytest.raises(kind, match=words) as error:
        make(laws.FULLY["bernoulli"]())
    assert "\n" not in str(error.value)


def test_conditions_are_summed_once_each_and_share_the_order(monkeypatch):
    """One condition for 500 samples is summed once; ten conditions of one set of units, ten times."""
    sums, orders = [], []
    monkeypatch.setattr(direct, "_FEW", 0)
    make, add = junction.make_plan, junction.Junction._sum
    monkeypatch.setattr(junction, "make_plan", lambda *a: orders.append(1) or make(*a))
    monkeypatch.setattr(junction.Junction, "_sum", lambda *a: sums.append(1) or add(*a))
    given = np.full((10, 6), np.nan)
    given[:, :4] = list(itertools.islice(itertools.product((0.0, 1.0), repeat=4), 10))
    assert len(sample(laws.FULLY["bernoulli"](), 10, sampler=Direct(), given=given)) == 10
    assert (len(sums), len(orders)) == (10, 1)
    assert len(sample(laws.FULLY["bernoulli"](), 500, sampler=Direct(), given=given[0])) == 500
    assert (len(sums), len(orders)) == (11, 2)
