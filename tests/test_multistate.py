"""log Z from ladders: the equations that its estimators solve, and the errors that they state.

Most ladders here are made by hand from exact draws of every level, so that what is tested is the estimator
and not the tempering.
"""

import laws
import numpy as np
import pytest
from scipy.special import logsumexp

from ebm import BoltzmannMachine, Ising, Stream, Tempering
from ebm.partition.multistate import Ladder, bennett, centred, mbar, thermodynamic
from ebm.partition.tempered import _own_derivatives, recorded, reversed_estimate, tempered_estimates

BETAS = np.array([0.0, 0.2, 0.45, 0.75, 1.0])
NAMES = [
    "bernoulli",
    "ising-sparse-hidden",
    "potts",
    "bernoulli-bernoulli",
    "potts-gaussian",
    "ising-bernoulli",
]
each_name = pytest.mark.parametrize("name", NAMES)


def base_of(machine):
    return 0.4 * np.random.default_rng(2).normal(size=len(machine.params["b"]))


def table(machine, betas, base=None, eps=1e-4):
    """All states x; F, its two derivatives by β, and p, of each at every level; −log Z of the levels."""
    x = laws.all_states(machine.units, machine.n_units)
    F = {
        s: -np.array([laws.minus_free_energy(machine, x, b + s * eps, base) for b in betas])
        for s in (-1, 0, 1)
    }
    slope, curve = (F[1] - F[-1]) / (2 * eps), (F[1] - 2 * F[0] + F[-1]) / eps**2
    f = -logsumexp(-F[0], axis=1)
    return x, F[0], slope, curve, np.exp(f[:, None] - F[0]), f - f[0]


def drawn(states, betas, n_ladders, n_records, rng, repeat=1):
    """A ladder of exact draws, each `repeat` times in its ladder; F and its slopes at their own levels."""
    _, F, slope, curve, p, _ = states
    index = np.stack([rng.choice(len(q), size=(n_ladders, n_records), p=q / q.sum()) for q in p])
    index = index.repeat(repeat, axis=-1)
    level = np.arange(len(betas))[:, None, None]
    return Ladder(betas, F[:, index]), (betas, slope[level, index], curve[level, index])


def error(influence):
    return np.sqrt(np.square(influence).sum(-1))


@each_name
@pytest.mark.parametrize("with_base", [False, True], ids=["uniform", "base"])
def test_exact_draws_give_exact_log_z(name, with_base):
    """All levels within 4 sigma of enumeration; the lowest is zero without error."""
    machine = laws.MACHINES[name]()
    states = table(machine, BETAS, base_of(machine) if with_base else None)
    ladder, _ = drawn(states, BETAS, 25, 160, np.random.default_rng(1))
    for f, influence in (bennett(ladder), mbar(ladder)):
        sigma = error(influence)
        assert f[0] == 0
        assert sigma[0] == 0
        assert np.all(sigma[1:] > 0)
        assert np.all(sigma < 0.06)
        assert np.all(np.abs(f - states[-1])[1:] < 4 * sigma[1:])


@each_name
def test_thermodynamic_integration_is_right_within_both_its_errors(name):
    """So many draws that leaving out the slope of the integrand shows."""
    machine = laws.MACHINES[name]()
    states = table(machine, BETAS)
    _, slopes = drawn(states, BETAS, 25, 4000, np.random.default_rng(1))
    f, influence, discretisation = thermodynamic(*slopes)
    assert error(influence) < 0.01
    assert discretisation < 0.02
    assert abs(f - states[-1][-1]) < 4 * np.hypot(error(influence), discretisation)


def path_of(power, betas):
    """A ladder without fluctuations: F = β^power for every sample."""
    shape = (len(betas), 3, 4)
    slope, curve = power * betas ** (power - 1), power * (power - 1) * betas ** (power - 2)
    return betas, *(np.broadcast_to(a[:, None, None], shape) for a in (slope, curve))


@pytest.mark.parametrize("power", [2, 3, 4])
def test_thermodynamic_integration_is_exact_for_cubic_integrands(power):
    f, influence, discretisation = thermodynamic(*path_of(power, np.array([0.0, 0.1, 0.35, 0.6, 1.0])))
    np.testing.assert_allclose((f, discretisation), (1, 0), atol=1e-14)
    np.testing.assert_allclose(influence, 0, atol=1e-14)


def step_at(place, sharpness, betas):
    """A ladder without fluctuations whose integrand is a step of some width: its integral from 0 to 1."""
    t = np.tanh(sharpness * (betas - place))
    slope, curve = (
        np.broadcast_to(a[:, None, None], (len(betas), 3, 4)) for a in (t, sharpness * (1 - t * t))
    )
    exact = np.log(np.cosh(sharpness * (1 - place)) / np.cosh(sharpness * place)) / sharpness
    return (betas, slope, curve), exact


@pytest.mark.parametrize("sharpness", [5, 10, 20, 40])
def test_the_error_of_the_integration_itself_is_covered(sharpness):
    """Of smooth integrands and of steps narrower than those of the ladder: within 2 sigma nearly always."""
    covered = []
    for place in np.linspace(0.3, 0.7, 41):
        slopes, exact = step_at(place, sharpness, np.linspace(0, 1, 9))
        f, _, discretisation = thermodynamic(*slopes)
        covered.append(abs(f - exact) < 2 * discretisation)
    assert np.mean(covered) > 0.95


@each_name
def test_mbar_solves_its_equation(name):
    """exp(−f_i) = Σ_n exp(−u_i(n)) / Σ_k N_k exp(f_k − u_k(n)) to 1e-8, from any start."""
    machine = laws.MACHINES[name]()
    ladder, _ = drawn(table(machine, BETAS), BETAS, 10, 30, np.random.default_rng(3))
    f, _ = mbar(ladder)
    u = ladder.u.reshape(len(BETAS), -1)
    again = -logsumexp(-u - logsumexp(f[:, None] - u, axis=0) - np.log(10 * 30), axis=1)
    np.testing.assert_allclose(f, again - again[0], atol=1e-8)
    np.testing.assert_allclose(mbar(ladder, np.linspace(0, 9, 5))[0], f, atol=1e-8)


@each_name
def test_of_two_levels_mbar_is_bennett(name):
    machine = laws.MACHINES[name]()
    betas = BETAS[2:4]
    ladder, _ = drawn(table(machine, betas), betas, 10, 40, np.random.default_rng(4))
    for one, other in zip(bennett(ladder), mbar(ladder), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-8)


def test_the_squares_of_influences_add_up_to_the_variance_of_a_sum():
    s = np.random.default_rng(0).normal(size=(3, 7))
    np.testing.assert_allclose(np.square(centred(s)).sum(-1), 7 * s.var(-1, ddof=1))


def test_errors_are_the_spread_of_repetitions():
    """Whatever the correlation along a ladder: mean square of the errors in units of sigma is one."""
    betas, n = np.array([0.0, 0.5, 1.0]), 300
    states, rng = table(laws.MACHINES["bernoulli-bernoulli"](), betas), np.random.default_rng(5)
    z = []
    for _ in range(n):
        ladder, slopes = drawn(states, betas, 40, 4, rng, repeat=6)
        (f, one), (g, other), (h, third, _) = bennett(ladder), mbar(ladder), thermodynamic(*slopes)
        z.append([f[-1] / error(one[-1]), g[-1] / error(other[-1]), h / error(third)])
        z[-1] -= states[-1][-1] / np.array([error(one[-1]), error(other[-1]), error(third)])
    z = np.array(z)
    aside = z - z.mean(0)  # the discretisation of so few levels is not meant here
    assert np.all(np.abs(np.square(aside).mean(0) - 1) < 4.5 * np.sqrt(2 / n))
    assert np.all(np.abs(z.mean(0))[:2] < 4.5 / np.sqrt(n))


# Records of tempering.


@each_name
@pytest.mark.parametrize("with_base", [False, True], ids=["uniform", "base"])
def test_records_are_free_energies_of_replicas(name, with_base):
    """All levels × all levels, and both derivatives at the own level, as the definition has them."""
    machine = laws.MACHINES[name]()
    base = base_of(machine) if with_base else None
    run = recorded(machine, Tempering(betas=tuple(BETAS), n_adapt=3, base=base), 6, Stream(0), stride=1)
    run.run(3)
    ladder, chains = run.ladder(), run.state.chains
    slope, curve = _own_derivatives(run, 0)
    assert ladder.u.shape == (5, 5, 6, 3)
    for level, beta in enumerate(BETAS):
        x = chains.take(run.state.at[level]).x
        for k, other in enumerate(BETAS):
            expected = -laws.minus_free_energy(machine, x, other, base)
            np.testing.assert_allclose(ladder.u[k, level, :, -1], expected, rtol=1e-12, atol=1e-12)
        below, at, above = (-laws.minus_free_energy(machine, x, beta + s, base) for s in (-1e-4, 0, 1e-4))
        np.testing.assert_allclose(slope[level, :, -1], (above - below) / 2e-4, atol=1e-4)
        np.testing.assert_allclose(curve[level, :, -1], (above - 2 * at + below) / 1e-8, atol=2e-2)
    np.testing.assert_array_equal(run.kept(1)[..., -1], run.state.x)


def test_thinned_records_are_the_same_records():
    """When the room is full every second record goes; those left are those of a run with twice the stride."""
    machine = laws.MACHINES["ising"]()
    sampler = Tempering(betas=(0.0, 0.5, 1.0), n_adapt=10)
    wide = recorded(machine, sampler, 5, Stream(0), stride=4)
    wide.run(15)
    run = recorded(machine, sampler, 5, Stream(0), stride=2, room=3 * 3 * 5 * 19)
    run.run(30)
    assert (run.stride, len(run)) == (4, 15)
    assert run.state.time == wide.state.time
    for one, other in zip(vars(run.ladder()).values(), vars(wide.ladder()).values(), strict=True):
        np.testing.assert_array_equal(one, other)
    before = run.state.time
    run.run(5)
    assert run.state.time == before + 20


@each_name
def test_tempering_estimates_log_z(name):
    """With an adaptive ladder, every method within 4 sigma; a reverse walk from its samples too."""
    machine = laws.MACHINES[name]()
    exact = machine.exact(stats=False)[0]
    base = machine.params["b"]
    run = recorded(machine, Tempering(n_adapt=120, base=base), 32, Stream(2))
    run.run(60)
    found = tempered_estimates(run, ("mbar", "bennett", "thermodynamic"))
    found["reverse"] = reversed_estimate(run, 3, 50, None, Stream(3))
    for e in found.values():
        assert not e.trouble
        assert 0 < e.stderr < 0.12
        assert abs(e.value - exact) < 4 * e.stderr


# What speaks against a run.


def ferromagnet(n=60, J=6.0):
    return BoltzmannMachine(Ising(), J / n * (1 - np.eye(n)), np.full(n, 0.01))


@pytest.mark.parametrize(
    ("sampler", "n_ladders", "said"),
    [
        (Tempering(n_adapt=20), 4, "too few"),
        (Tempering(betas=(0.0, 1.0), n_adapt=20), 20, "do not swap"),
        (Tempering(betas=(0.9, 0.95, 1.0), n_adapt=20), 20, "R-hat"),
    ],
)
def test_a_run_that_cannot_be_trusted_says_why(sampler, n_ladders, said):
    machine = ferromagnet()
    machine.params["b"][:] = 0.3
    run = recorded(machine, sampler, n_ladders, Stream(0))
    run.run(24)
    e = tempered_estimates(run, ("mbar",))["mbar"]
    assert said in e.trouble
    assert "\n" not in e.trouble


def test_a_run_that_drifts_says_so():
    """Records whose first half is of hotter replicas."""
    machine = laws.MACHINES["bernoulli-bernoulli"]()
    run = recorded(machine, Tempering(n_adapt=60), 32, Stream(0))
    run.run(60)
    assert not tempered_estimates(run, ("mbar",))["mbar"].trouble
    for k in range(len(run) // 4, 3 * len(run) // 4):
        values, *rest = run._records[k]
        run._records[k] = values + 0.2 * np.arange(len(run.state.betas))[:, None, None], *rest
    trouble = tempered_estimates(run, ("mbar",))["mbar"].trouble
    assert "drifts" in trouble or "differ" in trouble
