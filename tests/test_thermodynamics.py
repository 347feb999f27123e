"""Curves over temperature, and their error bands, against enumeration."""

import laws
import numpy as np
import pytest
from scipy.special import logsumexp

import ebm
from ebm import BoltzmannMachine, EbmError, Ising, Stream, Tempering, thermodynamics
from ebm.datasets import lattice
from ebm.partition.ladder import Recorder, ends_apart, trouble
from ebm.partition.multistate import Ladder
from ebm.thermal import curves
from ebm.thermal.curves import _edges, recorded
from ebm.thermal.reweighting import Mixture, histograms

T = np.array(
    [0.8, 1.0, 1.7, 4.0]
)  # the coldest has β > 1; no Gaussian machine of the catalogue diverges there
CURVES = ("log_z", "free_energy", "energy", "heat_capacity", "entropy")
ONE_ROUND = {"accuracy": 1e9, "budget": 1e-9}
SHORT = Tempering(betas=(0.0, 0.35, 0.7, 1.0, 1.3), n_adapt=30)


def log_z_of(machine, beta):
    """By enumeration; by the machine's own formula where states are continuous."""
    if not machine.units.finite:
        return machine.exact(beta, stats=False)[0]
    x = laws.all_states(machine.units, machine.n_units)
    return logsumexp(laws.minus_free_energy(machine, x, beta))


def exact_curves(machine, temperatures, h=4e-3):
    """The CURVES from log Z and its derivatives by five-point differences, (5, n_temperatures)."""
    rows = []
    for beta in 1 / temperatures:
        a = [log_z_of(machine, beta + k * h) for k in (-2, -1, 0, 1, 2)]
        energy = -(a[0] - 8 * a[1] + 8 * a[3] - a[4]) / (12 * h)
        variance = (-a[0] + 16 * a[1] - 30 * a[2] + 16 * a[3] - a[4]) / (12 * h**2)
        rows.append([a[2], -a[2] / beta, energy, beta**2 * variance, a[2] + beta * energy])
    return np.array(rows).T


def z_scores(found, exact):
    """Errors in units of the standard errors, (5, n_temperatures)."""
    value, stderr = (np.array([getattr(found, name + tail) for name in CURVES]) for tail in ("", "_stderr"))
    return (value - exact) / stderr


# The curves.


@pytest.mark.some(3)
@pytest.mark.parametrize("name", laws.MACHINES)
def test_curves_are_those_of_enumeration(name):
    machine = laws.MACHINES[name]()
    found = thermodynamics(machine, T, **ONE_ROUND)
    assert not found.trouble
    assert np.abs(z_scores(found, exact_curves(machine, T))).max() < 4
    assert found.heat_capacity_stderr.max() < 0.06 * found.heat_capacity.max()
    assert found.log_z_stderr.max() < 0.06
    np.testing.assert_allclose(found.free_energy, found.energy - T * found.entropy, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["potts", "ising-sparse-hidden"])
def test_entropy_is_that_of_the_distribution(name):
    """−Σ p log p: the definition."""
    machine = laws.MACHINES[name]()
    found = thermodynamics(machine, T, **ONE_ROUND)
    for k, temperature in enumerate(T):
        p = laws.distribution(machine, 1 / temperature)[1]
        assert abs(found.entropy[k] + p @ np.log(p)) < 4 * found.entropy_stderr[k]


def test_entropy_counts_hidden_units():
    """Of an RBM without couplings: every unit's own, the hidden ones' too."""
    machine = ebm.RBM(ebm.Bernoulli(), Ising(), np.zeros((3, 2)), np.zeros(3), np.zeros(2))
    found = thermodynamics(machine, T, **ONE_ROUND)
    np.testing.assert_allclose(found.entropy, 5 * np.log(2), atol=1e-9)
    np.testing.assert_allclose(found.heat_capacity, 0, atol=1e-7)


def test_the_lattice_has_its_energy_curve():
    """4 × 4 Ising model: 65536 states, many temperatures from one run."""
    machine = BoltzmannMachine(Ising(), ebm.datasets.lattice((4, 4)))
    x = laws.all_states(machine.units, 16)
    H = -laws.minus_free_energy(machine, x)
    temperatures = np.linspace(1.0, 5.0, 25)
    found = thermodynamics(machine, temperatures, accuracy=0.02, budget=1e9)
    for k, beta in enumerate(1 / temperatures):
        p = np.exp(-beta * H - logsumexp(-beta * H))
        E = p @ H
        assert abs(found.energy[k] - E) < 4 * found.energy_stderr[k]
        C = beta**2 * (p @ (H - E) ** 2)
        assert abs(found.heat_capacity[k] - C) < 4 * found.heat_capacity_stderr[k]
    assert found.heat_capacity_stderr.max() <= 0.02 * found.heat_capacity.max()


def test_at_a_level_log_z_is_that_of_mbar():
    """There the weights are MBAR's own, whose equations the answer solves."""
    run = run_of("bernoulli-bernoulli", SHORT, 1 / np.array(SHORT.betas[1:]))
    mixture, at = Mixture.of(run.ladder()), run.at()
    found = [mixture.curve(*at(k)) for k in range(4)]
    np.testing.assert_allclose([value[0] for value, _ in found], -mixture.f[1:], atol=1e-8)
    np.testing.assert_allclose([moved[0] for _, moved in found], -mixture.influence[1:], atol=1e-8)


def run_of(name, sampler, temperatures, n_ladders=32, seed=0):
    run = recorded(laws.MACHINES[name](), sampler, n_ladders, 1 / temperatures, Stream(seed))
    run.run(64)
    return run


# Their errors.


def without(ladder, c):
    """The ladder numbered c left out."""
    return Ladder(ladder.betas, np.delete(ladder.u, c, axis=2))


@pytest.mark.parametrize("name", ["potts", "bernoulli-ising"])
def test_influence_is_what_a_ladder_moves(name):
    """Leave one ladder out, solve MBAR again: the jackknife's variance, and each ladder's own move."""
    n = 32
    run = run_of(name, SHORT, T, n)
    ladder, at = run.ladder(), run.at()
    whole = Mixture.of(ladder)
    parts = [Mixture.of(without(ladder, c)) for c in range(n)]
    for k in range(len(T)):
        influence = whole.curve(*at(k))[1]
        left = [m.curve(*(np.delete(a, c, axis=1) for a in at(k)))[0] for c, m in enumerate(parts)]
        moved = ((np.mean(left, 0) - left) * np.sqrt((n - 1) / n)).T
        np.testing.assert_allclose((influence**2).sum(1), (moved**2).sum(1), rtol=0.02)
        for one, other in zip(influence, moved, strict=True):
            assert np.corrcoef(one, other)[0, 1] > 0.99


def test_influence_on_overlaps_is_what_a_pair_moves():
    n = 32
    run = run_of("ising", SHORT, T, n)
    ladder, at, cells = run.ladder(), run.at(), run.kept(1)
    F = [at(k)[0] for k in range(len(T))]
    p, stderr = histograms(Mixture.of(ladder), F, cells, 7)
    left = []
    for c in range(n // 2):
        both = [2 * c, 2 * c + 1]
        part = Mixture.of(without(ladder, both))
        left.append(
            histograms(part, [np.delete(f, both, axis=1) for f in F], np.delete(cells, c, axis=1), 7)[0]
        )
    jackknife = np.std(left, axis=0) * np.sqrt(n // 2 - 1)
    np.testing.assert_allclose(p.sum(1), 1, rtol=1e-12)
    np.testing.assert_allclose(stderr, jackknife, rtol=0.01)


def covered(names, n_seeds, temperatures=T, sampler=SHORT):
    """z of the curves, (n_names, n_seeds, 5, n_temperatures)."""
    scores = []
    for name in names:
        machine = laws.MACHINES[name]()
        exact = exact_curves(machine, temperatures)
        runs = (
            thermodynamics(machine, temperatures, sampler=sampler, seed=seed, **ONE_ROUND)
            for seed in range(n_seeds)
        )
        scores.append([z_scores(run, exact) for run in runs])
    return np.array(scores)


@pytest.mark.parametrize("n", [8, pytest.param(100, marks=pytest.mark.slow)])
def test_error_bands_mean_what_they_say(n):
    """Mean z² of each curve: 31/29 for Student's t of 32 ladders, within 4 σ of 3 machines' n runs."""
    z = covered(["bernoulli", "potts", "bernoulli-ising"], n)
    assert np.all(np.abs((z**2).mean((0, 1, 3)) - 31 / 29) < 4 * 31 / 29 * np.sqrt(2 / (3 * n)))
    assert np.all(np.abs(z.mean((0, 1, 3))) < 4 / np.sqrt(3 * n))


@pytest.mark.slow
def test_error_bands_cover():
    """1 σ in 60 to 76 %, 2 σ in 92 % or more, 3 σ in 99 % or more."""
    names = ["bernoulli", "ising-sparse-hidden", "potts", "bernoulli-bernoulli", "gaussian-bernoulli"]
    z = np.abs(covered(names, 100, sampler=None)[:, :, [0, 2, 3, 4]])
    for curve in np.moveaxis(z, 2, 0):
        assert 0.60 <= np.mean(curve < 1) <= 0.76
        assert np.mean(curve < 2) >= 0.92
        assert np.mean(curve < 3) >= 0.985


# Overlaps.


def exact_overlaps(machine, beta):
    """The distribution of the number of units that agree in two independent states, by all pairs."""
    x, p = laws.distribution(machine, beta)
    agree = (x[:, None, :] == x[None, :, :]).sum(-1)
    return np.bincount(agree.ravel(), np.outer(p, p).ravel(), machine.n_units + 1)


@pytest.mark.parametrize("name", ["ising", "potts", "bernoulli-bernoulli", "bernoulli-gaussian"])
def test_overlaps_are_those_of_all_pairs(name):
    machine = laws.MACHINES[name]()
    found = thermodynamics(machine, T, n_ladders=65, **ONE_ROUND).overlap  # one ladder has no partner
    n, q = machine.n_units, len(machine.units.states)
    np.testing.assert_allclose(found.q, (q * np.arange(n + 1) / n - 1) / (q - 1), atol=1e-15)
    width = np.diff(found.edges)
    for k, temperature in enumerate(T):
        exact = exact_overlaps(machine, 1 / temperature)
        seen = exact > 1e-3  # rarer counts are not normal
        error = (found.density[k] * width - exact) / (found.density_stderr[k] * width)
        assert np.abs(error[seen]).max() < 5  # t of 31, over about 100 bins in all
    np.testing.assert_allclose(found.density @ width, 1, rtol=1e-12)


def test_overlap_of_spins_is_the_mean_of_their_product():
    """⟨q⟩ = Σ_i ⟨s_i⟩² / n."""
    machine = laws.MACHINES["ising"]()
    found = thermodynamics(machine, T, **ONE_ROUND).overlap
    x, p = laws.distribution(machine, 1.0)
    mean = (found.density[1] * np.diff(found.edges)) @ found.q
    spread = np.sqrt((found.density_stderr[1] * np.diff(found.edges)) ** 2 @ found.q**2)
    assert abs(mean - np.mean((p @ x) ** 2)) < 6 * spread


def test_continuous_units_have_no_overlap():
    assert thermodynamics(laws.MACHINES["gaussian-bernoulli"](), T, **ONE_ROUND).overlap is None


@pytest.mark.parametrize("n", [1, 2, 6, 64, 65, 66, 67, 100, 784, 1001])
def test_bins_are_even_and_symmetric(n):
    edges = _edges(n)
    sizes = np.diff(edges)
    assert (edges[0], edges[-1]) == (-0.5, n + 0.5)
    np.testing.assert_array_equal(edges % 1, 0.5)
    np.testing.assert_allclose(sizes, sizes[::-1])
    assert len(set(sizes[1:-1])) <= 1
    assert min(n, 20) < len(sizes) <= 67


# The run.


def test_same_seed_same_arrays_and_seeds_differ():
    one, two, other = (
        thermodynamics(laws.MACHINES["bernoulli-bernoulli"](), T, sampler=SHORT, seed=seed, **ONE_ROUND)
        for seed in (1, 1, 2)
    )
    for name, array in one.arrays().items():
        assert np.array_equal(array, two.arrays()[name])
    assert np.all(one.log_z != other.log_z)


@pytest.mark.parametrize("name", ["potts", "bernoulli-bernoulli"])
def test_a_full_memory_thins_the_records(name, monkeypatch):
    """Half of them go, the others stand twice as far apart; the curves stay right."""
    monkeypatch.setattr(curves, "_ROOM", 1)
    machine = laws.MACHINES[name]()
    found = thermodynamics(machine, T, sampler=SHORT, accuracy=0.001, budget=1.5)
    assert found.facts["stride"] > 4
    assert found.facts["n_records"] <= 17
    assert np.abs(z_scores(found, exact_curves(machine, T))).max() < 4


def test_a_longer_run_is_more_accurate():
    machine = laws.MACHINES["ising"]()
    coarse, fine = (
        thermodynamics(machine, T, sampler=SHORT, accuracy=accuracy, budget=1e9) for accuracy in (0.04, 0.01)
    )
    assert fine.facts["n_records"] > 2 * coarse.facts["n_records"]
    assert fine.heat_capacity_stderr.max() <= 0.01 * fine.heat_capacity.max()


def test_progress_is_told():
    told = []
    machine = laws.MACHINES["ising"]()
    thermodynamics(machine, T, sampler=SHORT, progress=lambda *args: told.append(args), **ONE_ROUND)
    assert told[-1] == (1.0, "")
    assert any("heat capacity" in text for _, *texts in told for text in texts)


def wells(n=40, J=8.0):
    """A ferromagnet far below its transition: two wells."""
    return BoltzmannMachine(Ising(), J / n * (1 - np.eye(n)), np.full(n, 0.05))


@pytest.mark.parametrize(
    ("machine", "settings", "said"),
    [
        (wells(), {"sampler": Tempering(betas=(0.0, 1.0), n_adapt=30)}, "do not swap"),
        (
            wells(),
            {"sampler": Tempering(betas=(0.0, 0.05, 1.0), n_adapt=30)},
            "swap|differ|drift|up and down",
        ),
        (laws.MACHINES["ising"](), {"n_ladders": 4}, "4 ladders are too few"),
    ],
)
def test_a_bad_run_is_not_trusted(machine, settings, said):
    with pytest.warns(RuntimeWarning, match=f"({said}).*do not trust"):
        found = thermodynamics(machine, [1.0, 3.0], **settings, **ONE_ROUND)
    assert found.trouble


def test_each_fault_is_named():
    """A sound run, then the same with one thing wrong."""
    run = run_of("ising", SHORT, T)
    ladder = run.ladder()
    facts = run.facts(ladder) | {"apart": 1.0}  # the run is short
    assert trouble(ladder, facts) == ""
    faults = {
        "apart": (3.6, "from both ends have not met"),
        "n_chains": (7.0, "too few"),
        "least_swap_rate": (0.005, "do not swap"),
    }
    faults |= {"round_trips": (0.0, "up and down"), "r_hat": (1.2, "differ"), "r_hat ": (np.nan, "differ")}
    for name, (value, said) in faults.items():
        assert said in trouble(ladder, facts | {name.strip(): value})
    u = ladder.u.copy()
    u[..., : u.shape[-1] // 2] *= 1.5
    assert "drifts" in trouble(Ladder(ladder.betas, u), facts, follows=True)
    apart = ladder.u.copy()
    apart[-1, :, ::2] += 5.0
    assert run.facts(Ladder(ladder.betas, apart))["r_hat"] > 1.1


def test_the_second_half_of_the_ladders_begins_at_the_other_end():
    """All replicas of each at the most probable state that any has met."""
    machine = wells()
    sampler = Tempering(stop=4.0, n_adapt=20)
    run = Recorder(machine, sampler, 10, Stream(1))
    x = run.state.chains.x[run.state.at]
    assert (x[:, 5:] == x[0, 5]).all()
    assert np.ptp(x[0, :5].sum(-1)) > 0
    energies = machine.energy(run.state.chains.x)
    assert energies[run.state.at[0, 5]] == energies.min()


def test_ends_that_have_not_met_are_seen_and_then_meet():
    """A glass that hot replicas take hundreds of steps to cool into: apart at first, not in the end."""
    machine = BoltzmannMachine(Ising(), lattice((8, 8), disorder="gaussian", seed=2))
    run = Recorder(machine, Tempering(stop=5.0, n_adapt=60), 16, Stream(0))
    run.run(24)
    early = run.facts(run.ladder(run.start))
    run.run(1000)
    late = run.facts(run.ladder(run.start))
    assert early["apart"] > 3.6
    assert late["apart"] < 4
    same = run.ladder(run.start)
    shifted = Ladder(same.betas, same.u + 0.0)
    shifted.u[:, :, :8] *= 1.02
    assert ends_apart(shifted) > ends_apart(same) + 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"temperatures": [1.0, 0.5]}, "temperatures: expected positive numbers, ascending"),
        ({"temperatures": [0.0, 0.5]}, "temperatures"),
        ({"temperatures": [np.nan]}, "temperatures"),
        ({"temperatures": []}, "temperatures"),
        ({"temperatures": [[1.0, 2.0]]}, "temperatures"),
        ({"temperatures": np.linspace(5, 1, 500)}, "temperatures"),
        ({"temperatures": np.linspace(1, 5, 1001)}, "temperatures: expected 1000 at most"),
        ({"temperatures": "cold"}, "temperatures: expected real numbers"),
        ({"n_ladders": 1}, "n_ladders: expected an integer >= 2"),
        ({"accuracy": 0}, "accuracy: expected a positive number"),
        ({"budget": np.nan}, "budget: expected a positive number"),
        ({"sampler": ebm.Gibbs()}, "sampler: got a Gibbs; expected a ladder such as Tempering"),
        ({"sampler": Tempering(start=0.2)}, "sampler: β from 0.2"),
        ({"sampler": Tempering(), "temperatures": [0.5]}, "expected 0 to 2 or beyond"),
        ({"sampler": Tempering(betas=(0.0, 1.0)), "temperatures": [0.5]}, "expected 0 to 2 or beyond"),
        ({"sampler": Tempering(base=np.zeros(6)), "temperatures": T[1:]}, "base"),
        ({"sampler": Tempering(houdayer=True), "temperatures": T[1:]}, "houdayer"),
    ],
)
def test_refusals_are_one_line(arguments, said):
    with pytest.raises(EbmError, match=said) as error:
        thermodynamics(laws.MACHINES["ising"](), **arguments)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 200


def test_a_machine_that_freezes_without_norm_is_refused():
    """Gaussian units with couplings of norm 0.7 have no density below T = 0.7."""
    machine = laws.MACHINES["gaussian-gaussian"]()
    with pytest.raises(EbmError, match=r"not normalisable at β = 1\.66667"):
        thermodynamics(machine, [0.6, 1.0])
    assert np.linalg.norm(machine.W, 2) == pytest.approx(0.7), "the machine itself was changed"
