"""Boltzmann learning: against exact maximum likelihood, within what its own rules promise."""

import itertools

import numpy as np
import pytest
from click.testing import CliRunner

import ebm
from ebm import L1, L2, Bernoulli, BoltzmannMachine, EbmError, Ising, Mixed, NotSupported, Potts, Stream
from ebm.inverse import BoltzmannLearning, infer
from ebm.inverse.boltzmann_learning import _Learner
from ebm.inverse.joint import Places
from ebm.inverse.likelihood import fisher
from ebm.inverse.moments import Indicators, moments_of
from ebm.inverse.penalised import NONE
from ebm.inverse.rows import rows_of
from ebm.inverse.sampled import sampled_fisher

MIXED = Mixed(((Potts(3), 1), (Ising(), 2), (Bernoulli(), 1)))
LAYERS = {"ising": (Ising(), 5), "bernoulli": (Bernoulli(), 4), "potts": (Potts(3), 4), "mixed": (MIXED, 4)}
QUICK = {"n_chains": 500, "tolerance": 0.2, "errors": False}


def made(units, n, strength=0.6, seed=0):
    rng = np.random.default_rng(seed)
    owners = units.owners(n)
    J = rng.normal(size=(len(owners),) * 2) * strength / np.sqrt(n)
    J[owners[:, None] == owners] = 0.0
    return BoltzmannMachine(units, J + J.T, 0.3 * rng.normal(size=len(owners)))


def drawn(name, n_rows=500, seed=0):
    units, n = LAYERS[name]
    return ebm.sample(made(units, n, seed=seed), n_rows, sampler=ebm.Direct(), seed=seed).x, units


@pytest.mark.parametrize("name", LAYERS)
def test_it_is_maximum_likelihood_to_its_tolerance(name):
    """Couplings and biases within a fraction of their standard errors, and the rule says so by itself."""
    x, units = drawn(name)
    found, exact = infer(x, units, "boltzmann", **QUICK), infer(x, units, "maximum_likelihood")
    learnt = found.diagnostics
    assert learnt.stopped == "tolerance"
    assert learnt.mixed
    assert learnt.residual < 0.4
    assert learnt.chi2 < 1.2
    assert learnt.pearson > 0.97
    apart = (found.J - exact.J) / exact.stderr_J
    assert np.sqrt(np.nanmean(apart**2)) < 0.35
    assert np.sqrt(np.mean(((found.b - exact.b) / exact.stderr_b) ** 2)) < 0.5


def test_l2_and_masks_are_those_of_maximum_likelihood():
    x, units = drawn("ising")
    exact = infer(x, units, "maximum_likelihood", penalty=L2(0.2))
    found = infer(x, units, "boltzmann", penalty=L2(0.2), **QUICK)
    plain = infer(x, units, "maximum_likelihood")
    scale = np.nanmean(plain.stderr_J)
    assert np.abs(found.J - exact.J).max() < 0.5 * scale < np.abs(plain.J - exact.J).max()
    pairs = np.abs(np.subtract.outer(np.arange(5), np.arange(5))) == 1
    chain = infer(x, units, "boltzmann", mask=pairs, **QUICK)
    assert np.all((chain.J != 0) == pairs)
    # of a chain the likelihood falls apart into pairs
    for i in range(4):
        two = infer(x[:, i : i + 2], units, "maximum_likelihood")
        assert abs(chain.J[i, i + 1] - two.J[0, 1]) < 0.5 * scale


def test_weights_are_counts_of_rows():
    x, units = drawn("potts", 200)
    twice = infer(np.concatenate([x, x[:50]]), units, "boltzmann", seed=3, **QUICK)
    weights = np.ones(200)
    weights[:50] = 2.0
    weighted = infer(x, units, "boltzmann", weights=weights, n_effective=250, seed=3, **QUICK)
    np.testing.assert_allclose(twice.J, weighted.J, atol=1e-5)


@pytest.mark.parametrize("name", ["ising", "potts", "mixed"])
def test_errors_are_those_of_the_fisher_matrix(name):
    x, units = drawn(name)
    found = infer(x, units, "boltzmann", **(QUICK | {"errors": None}))
    exact = infer(x, units, "maximum_likelihood")
    between = ~np.isnan(exact.stderr_J)
    np.testing.assert_array_equal(between, ~np.isnan(found.stderr_J))
    np.testing.assert_allclose(found.stderr_J[between], exact.stderr_J[between], rtol=0.25)
    np.testing.assert_allclose(found.stderr_b, exact.stderr_b, rtol=0.25)
    assert abs(np.log(found.stderr_J[between] / exact.stderr_J[between]).mean()) < 0.05


@pytest.mark.parametrize("name", LAYERS)
def test_the_sampled_fisher_matrix_of_all_states_is_the_exact_one(name):
    """Every state as often as its probability says, to rounding: what is left is the rounding."""
    units, n = LAYERS[name]
    machine = made(units, n)
    states = [own.states for own, places, _ in units.parts(n) for _ in range(places.stop - places.start)]
    x = np.array(list(itertools.product(*states)))
    p = np.exp(-machine.energy(x))
    often = np.round(2e5 * p / p.sum()).astype(int)
    rows = rows_of(np.repeat(x, often, axis=0), units)
    places = Places(rows, NONE)
    codes = rows_of(x, units, weights=np.arange(1, len(x) + 1)).codes  # distinct rows in their own order
    order = np.lexsort(codes.T[::-1])
    sampled, count = sampled_fisher(rows, places, [np.repeat(codes[order], often, axis=0)])
    assert count == often.sum()
    np.testing.assert_allclose(sampled, fisher(machine, places), atol=1e-3)


def test_chains_that_do_not_mix_are_told():
    """Two phases that Gibbs sweeps do not change between: moments agree, and mean nothing."""
    rng = np.random.default_rng(0)
    x = np.where(rng.random((400, 12)) < 0.02, -1, 1) * rng.choice([-1, 1], (400, 1))
    with pytest.warns(RuntimeWarning, match="forget too slowly"):
        found = infer(x, Ising(), "boltzmann", penalty=L2(0.001), max_sweeps=2000, **QUICK)
    assert not found.diagnostics.mixed
    assert np.isfinite(found.J).all()


def test_residuals_have_no_noise_in_them():
    """Chains of the very machine that the rows are of: on average no residual, though each look has some."""
    x = np.array(list(itertools.product((0.0, 1.0), repeat=4)))
    rows = rows_of(x, Bernoulli(), n_effective=1e6)
    learner = _Learner(rows, NONE, BoltzmannLearning(n_chains=100), Stream(0))
    looks = np.array([learner.signal(learner.half(20, 0.0), learner.half(20, 0.0)) for _ in range(100)])
    mean, error = looks.mean(0), looks.std(0) / 10
    assert abs(mean[0]) < 4 * error[0]
    assert mean[1] > 4 * abs(mean[0])
    assert mean[1] == pytest.approx(1e6 / (100 * 40), rel=0.3)  # neighbouring sweeps are all but independent


def test_reasons_to_stop():
    x, units = drawn("potts")
    how = QUICK | {"tolerance": 0.01}
    with pytest.warns(RuntimeWarning, match="stopped by max_sweeps"):
        most = infer(x, units, "boltzmann", max_sweeps=50, **how).diagnostics
    assert most.stopped == "max_sweeps"
    assert most.windows[-1].sweeps == 48
    early = infer(x, units, "boltzmann", pearson=0.9, **how).diagnostics
    assert early.stopped == "pearson"
    assert early.windows[-1].pearson >= 0.9 > max(w.pearson for w in early.windows[:-1])
    seen = []
    watched = infer(x, units, "boltzmann", watch=lambda w: seen.append(w) or len(seen) == 3, **how)
    assert watched.diagnostics.stopped == "watch"
    assert seen == watched.diagnostics.windows
    np.testing.assert_allclose(watched.J, seen[-1].J, atol=1e-12)
    lines = []
    infer(x, units, "boltzmann", pearson=0.9, progress=lambda done, line: lines.append((done, line)), **how)
    assert "Pearson" in lines[-1][1]
    with pytest.warns(RuntimeWarning, match="stopped by seconds"):
        assert infer(x, units, "boltzmann", seconds=1e-6, **how).diagnostics.stopped == "seconds"


def test_the_seed_decides():
    x, units = drawn("mixed", 200)
    one, same, other = (infer(x, units, "boltzmann", seed=s, **QUICK).J for s in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("what", ["a state never seen", "two columns that are the same"])
def test_what_has_no_maximum_is_finite_by_l2(what):
    x, units = np.random.default_rng(0).integers(0, 2, (100, 4)), Potts(3)
    if what != "a state never seen":
        units, x[:, 1] = Bernoulli(), x[:, 0]
    found = infer(x, units, "boltzmann", penalty=L2(0.1), **QUICK)
    assert np.isfinite(found.J).all()
    assert np.isfinite(found.b).all()
    if units == Bernoulli():
        assert found.edges()[0]["J"] == found.J[0, 1] > 1


def test_moments_count_states():
    units, _ = LAYERS["mixed"]
    rows = rows_of(drawn("mixed", 130)[0], units)
    states = Indicators(rows.basis)
    codes = states.codes(rows.codes)
    counts = np.zeros((states.size, states.size), np.int32)
    states.count(codes, counts)
    phi = states.units.encode(codes)
    np.testing.assert_array_equal(np.triu(counts), np.triu(phi.T @ phi))
    mean, pairs = moments_of(states, rows.codes, rows.w)
    np.testing.assert_allclose(pairs, (phi * rows.w[:, None]).T @ phi)
    np.testing.assert_allclose(mean, pairs.diagonal())


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"penalty": L1(0.1)}, "L2 alone"),
        ({"n_chain": 10}, "n_chains"),
        ({"n_chains": 1}, "n_chains"),
        ({"tolerance": 0.0}, "tolerance"),
        ({"pearson": 1.5}, "pearson"),
        ({"watch": 3}, "watch"),
        ({"symmetrise": "and"}, "one estimate"),
    ],
)
def test_refusals_are_one_line(settings, line):
    x, units = drawn("ising", 50)
    with pytest.raises((EbmError, NotSupported), match=line) as raised:
        infer(x, units, "boltzmann", **settings)
    assert "\n" not in str(raised.value)


def test_errors_of_too_many_numbers_are_refused():
    x = Stream(0).uniform(50, 100) < 0.5
    with pytest.raises(EbmError, match="errors: 5050"):
        infer(x.astype(float), Bernoulli(), "boltzmann", errors=True)
    assert BoltzmannLearning().errors is None


def test_the_command(tmp_path):
    x, _ = drawn("ising", 200)
    np.save(tmp_path / "x.npy", x)
    from ebm.cli import main

    said = CliRunner().invoke(
        main, ["infer", str(tmp_path / "x.npy"), "--method", "boltzmann", "--seed", "1"]
    )
    assert said.exit_code == 0, said.output
    assert "by boltzmann" in said.output


@pytest.mark.parametrize("sampler", [ebm.Tempering(n_replicas=4), ebm.Direct()], ids=["ladder", "exact"])
def test_a_sampler_crosses_where_sweeps_do_not(sampler):
    """Two clusters, all up and all down: single flips go from one to the other once in hundreds of sweeps."""
    J = 0.5 * (np.ones((5, 5)) - np.eye(5))
    made = BoltzmannMachine(Ising(), J, np.linspace(0, 0.1, 5))
    x = np.array(list(itertools.product((-1.0, 1.0), repeat=5)))
    p = np.exp(-made.energy(x))
    counts = np.round(2000 * p / p.sum())
    how = {"weights": counts, "n_effective": counts.sum()}
    exact = infer(x, Ising(), "maximum_likelihood", **how)
    found = infer(
        x,
        Ising(),
        "boltzmann",
        sampler=sampler,
        n_chains=200,
        tolerance=1.0,
        max_sweeps=600,
        errors=False,
        **how,
    )
    assert found.diagnostics.mixed
    assert found.diagnostics.stopped == "tolerance"  # sweeps alone: max_sweeps, not mixed, 3.3 errors away
    assert found.diagnostics.autocorrelation < 15  # sweeps alone: 37
    assert np.nanmax(np.abs(found.J - exact.J) / exact.stderr_J) < 3
    with pytest.raises(EbmError, match="sampler"):
        BoltzmannLearning(sampler=ebm.Annealing(n_steps=10))
