"""Trajectory tempering: it leaves every machine of the ladder as it is, and crosses what Gibbs cannot."""

import warnings

import laws
import numpy as np
import pytest

import ebm
from ebm import RBM, BoltzmannMachine, EbmError, Gibbs, Ising, Stream, TrajectoryTempering, select_machines

N = 20_000


def scaled(machine, factor):
    """The machine with its couplings and biases multiplied: a stage of an imagined training."""
    other = machine.copy()
    for value in other.params.values():
        value *= factor
    other.project()
    return other


def ladder(machine, factors=(0.2, 0.7)):
    return tuple(scaled(machine, f) for f in factors)


def at(state, machines, x):
    """Put exact draws of every machine on its rung."""
    chains = [m.start(rows) for m, rows in zip(machines, x, strict=True)]
    state.easier, state.chains = chains[:-1], chains[-1]


@pytest.mark.some(3)
@pytest.mark.parametrize("name", laws.MACHINES)
def test_every_rung_keeps_its_distribution(name):
    """From exact draws of each machine, steps with both sets of pairs leave each at exact draws."""
    machine = laws.MACHINES[name]()
    sampler = TrajectoryTempering(ladder(machine))
    machines = (*sampler.machines, machine)
    rng, numbers = Stream(1), np.random.default_rng(0)
    state = sampler.init(machine, N, Stream(0))
    at(state, machines, [laws.exact_draws(m, N, numbers).astype(m.dtype) for m in machines])
    for _ in range(4):
        state, info = sampler.step(machine, state, rng)
    assert np.all(state.acceptance > 0.1)
    assert np.array_equal(np.isnan(info["acceptance"]), [True, False])
    for each, chains in zip(machines, [*state.easier, state.chains], strict=True):
        laws.is_sample(each, chains.x)


@pytest.mark.parametrize("name", ["bernoulli", "potts-sparse", "bernoulli-bernoulli"])
def test_columns_are_independent_of_their_neighbours(name):
    """After swaps the states of two rungs in a column are still independent: their agreement is chance."""
    machine = laws.MACHINES[name]()
    sampler = TrajectoryTempering(ladder(machine, (0.9,)))
    machines = (*sampler.machines, machine)
    numbers = np.random.default_rng(0)
    state = sampler.init(machine, N, Stream(0))
    at(state, machines, [laws.exact_draws(m, N, numbers).astype(m.dtype) for m in machines])
    state, _ = sampler.step(machine, state, Stream(1))
    (_, p), (_, q) = (laws.distribution(m) for m in machines)
    same = (state.x == state.easier[0].x).all(1).mean()
    assert abs(same - p @ q) < 4.5 * np.sqrt(p @ q / N)


@pytest.mark.some(3)
@pytest.mark.parametrize("name", laws.MACHINES)
def test_it_forgets_its_start(name):
    machine = laws.MACHINES[name]()
    sampler, rng = TrajectoryTempering(ladder(machine)), Stream(2)
    state = sampler.init(machine, 8_000, rng)
    for _ in range(25):
        state, _ = sampler.step(machine, state, rng)
    laws.is_sample(machine, state.x)


def two_wells(dtype=np.float64):
    """Bernoulli units that are all on or all off together; one well weighs more than the other."""
    return RBM(
        ebm.Bernoulli(),
        ebm.Bernoulli(),
        *(a.astype(dtype) for a in (np.full((10, 1), 8.0), np.full(10, -4.0), np.array([-40.5]))),
    )


def test_it_crosses_what_gibbs_cannot():
    """Two wells, weights by enumeration; Gibbs from one stays, the ladder started there does not."""
    machine = two_wells()
    x, p = laws.distribution(machine)
    on = p[x.sum(1) > 5].sum()
    assert 0.2 < on < 0.8
    n = 2000
    wells = np.zeros((n, 10))
    stuck = machine.sweep(wells, Stream(0), 200)
    assert (stuck.sum(1) > 5).mean() < 0.02
    sampler, rng = TrajectoryTempering(ladder(machine, (0.0, 0.2, 0.4, 0.6, 0.8))), Stream(1)
    state = sampler.init(machine, n, rng)
    at(state, (*sampler.machines, machine), [wells] * 6)
    for _ in range(150):
        state, _ = sampler.step(machine, state, rng)
    laws.is_sample(machine, state.x)
    assert abs((state.x.sum(1) > 5).mean() - on) < 4 * np.sqrt(on * (1 - on) / n)


def test_machines_of_other_hidden_sizes_are_rungs_too():
    """Only x is exchanged, so an RBM may stand above one with fewer hidden units."""
    machine = laws.MACHINES["bernoulli-bernoulli"]()
    small = RBM(ebm.Bernoulli(), ebm.Ising(), 0.5 * machine.W[:, :1], machine.b, machine.c[:1])
    sampler, rng = TrajectoryTempering([small]), Stream(0)
    state = sampler.init(machine, 8_000, rng)
    for _ in range(25):
        state, _ = sampler.step(machine, state, rng)
    laws.is_sample(machine, state.x)
    laws.is_sample(small, state.easier[0].x)


# What is counted.


def test_replicas_are_followed_to_the_ends_and_back():
    """Trips counted by walking through the places of every replica; a replica is where its number says."""
    machine = laws.FULLY["ising"]()
    sampler, rng = TrajectoryTempering(ladder(machine)), Stream(0)
    state = sampler.init(machine, 50, rng)
    places = [np.argsort(state.replica, axis=0)]
    tried, accepted = np.zeros(2), np.zeros(2)
    for step in range(60):
        before = state.replica.copy()
        state, info = sampler.step(machine, state, rng)
        places.append(np.argsort(state.replica, axis=0))
        k = step % 2
        moved = (before != state.replica).any(0)
        tried[k] += 50
        accepted[k] += moved.sum()
        assert info["acceptance"][k] == moved.mean()
    np.testing.assert_allclose(state.acceptance, accepted / tried)
    trips = np.zeros((3, 50), int)
    for replica, column in np.ndindex(3, 50):
        ends = [place[replica, column] for place in places if place[replica, column] != 1]
        turns = [e for e, last in zip(ends, [None, *ends], strict=False) if e != last]
        while turns and turns[0] != 0:
            turns.pop(0)
        trips[replica, column] = max(0, (len(turns) - 1) // 2)
    assert trips.sum() > 100
    assert np.array_equal(trips, state.round_trips)
    assert np.array_equal(info["round_trips"], trips)


def test_identical_machines_always_swap():
    machine = laws.FULLY["bernoulli"]()
    sampler, rng = TrajectoryTempering((machine.copy(), machine.copy())), Stream(0)
    state = sampler.init(machine, 10, rng)
    for _ in range(6):
        state, _ = sampler.step(machine, state, rng)
    assert np.array_equal(state.acceptance, [1, 1])
    assert np.array_equal(state.tried, [30, 30])


# `sample` drives it; conditions: test_conditions.py.


@pytest.mark.slow
def test_sample_drives_it_where_gibbs_is_too_slow():
    n = 12
    machine = BoltzmannMachine(Ising(), 0.8 * (1 - np.eye(n)), np.full(n, 0.05))
    with pytest.warns(RuntimeWarning, match="autocorrelation"):
        ebm.sample(machine, 10, sampler=Gibbs())
    sampler = TrajectoryTempering(ladder(machine, (0.0, 0.05, 0.1, 0.15, 0.25, 0.5)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = ebm.sample(machine, 1000, sampler=sampler, n_chains=250)
    laws.is_sample(machine, found.x)
    assert np.isfinite(found.diagnostics["tau"])
    again = ebm.sample(machine, 20, sampler=sampler, burn_in=5, thin=2)
    twice = ebm.sample(machine, 20, sampler=sampler, burn_in=5, thin=2)
    assert np.array_equal(again.x, twice.x)


# Choosing the ladder.


def test_selected_machines_swap_as_often_as_wanted():
    machine = laws.FULLY["ising"]()
    saved = [scaled(machine, f) for f in np.linspace(0, 4, 200)[:-1]]
    target = scaled(machine, 4.0)
    chosen = select_machines(saved, target, least=0.4)
    assert chosen[0] is saved[0]
    assert 2 <= len(chosen) < 20
    where = [next(k for k, m in enumerate(saved) if m is c) for c in chosen]
    assert where == sorted(where)
    exact, numbers = [], np.random.default_rng(0)
    for a, b in zip(chosen, [*chosen[1:], target], strict=True):
        x, y = (laws.exact_draws(m, 4000, numbers) for m in (a, b))
        delta = a.free_energy(x) - b.free_energy(x) - a.free_energy(y) + b.free_energy(y)
        exact.append(np.minimum(1, np.exp(delta)).mean())
    assert min(exact) > 0.3  # 0.4 was estimated, from 200 chains on their way
    assert max(exact[1:]) < 0.6  # and no rung is wasted, but for the first, which may be close


def test_a_trajectory_with_a_gap_says_so():
    machine = laws.FULLY["ising"]()
    with pytest.warns(RuntimeWarning, match="machines 1 and 2 .* swap"):
        chosen = select_machines([scaled(machine, 0.0), scaled(machine, 0.2)], scaled(machine, 60.0))
    assert len(chosen) >= 1


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda m: TrajectoryTempering(()), "machines"),
        (lambda m: TrajectoryTempering((m,), n_sweeps=0), "n_sweeps"),
        (lambda m: TrajectoryTempering((3,)).init(m, 2, Stream(0)), "number 0"),
        (
            lambda m: TrajectoryTempering((m, laws.FULLY["ising"]())).init(m, 2, Stream(0)),
            "number 1.*6 units Bernoulli.*6 units Ising",
        ),
        (
            lambda m: TrajectoryTempering((laws.boltzmann(m.units, 5),)).init(m, 2, Stream(0)),
            "6 units .* got 5 units",
        ),
        (lambda m: TrajectoryTempering((m,), scan="all"), "scan"),
        (lambda m: select_machines([], m), "at least one"),
        (lambda m: select_machines([m], m, least=1.5), "least"),
        (lambda m: select_machines([m], m, n_chains=0), "n_chains"),
    ],
)
def test_refusals_are_one_line(make, what):
    with pytest.raises(EbmError, match=what) as error:
        make(laws.FULLY["bernoulli"]())
    assert "\n" not in str(error.value)


def test_a_machine_without_a_finite_integral_is_refused():
    machine = laws.MACHINES["gaussian-gaussian"]()
    with pytest.raises(EbmError, match=r"number 0.*not normalisable"):
        TrajectoryTempering((scaled(machine, 5.0),)).init(machine, 2, Stream(0))
