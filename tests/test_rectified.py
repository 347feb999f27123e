"""Rectified units beyond the laws that the catalogue runs: both layers real, learning, extreme inputs."""

import warnings

import laws
import numpy as np
import pytest
from scipy.special import logsumexp

import ebm
from ebm import (
    PCD,
    RBM,
    SGD,
    Bernoulli,
    DReLU,
    EbmError,
    Exact,
    Gaussian,
    ReLU,
    Stream,
    TooLarge,
    begin,
    train,
)

HALVES = DReLU(0.4, -0.6, 1.5, 0.7)


def pair(visible, hidden, n_v=2, n_h=2, scale=0.5, seed=1):
    rng = np.random.default_rng(seed)
    W = rng.normal(size=(n_v, n_h))
    W *= scale / np.linalg.norm(W, 2)
    return RBM(visible, hidden, W, *(0.5 * rng.normal(size=n) for n in (n_v, n_h)))


def by_quadrature(machine, beta=1.0):
    """log Z of two real layers: the nodes of both, those of h unit by unit; no cgf."""
    v, log_p = laws.product_nodes(machine.visible, machine.n_visible)
    h, own = laws.product_nodes(machine.hidden, 1)
    own = own - laws.potential(machine.hidden, h)
    log_p = log_p - laws.potential(machine.visible, v) + beta * v @ machine.b
    for I in beta * (machine.c + v @ machine.W).T:
        log_p += logsumexp(own + I[:, None] * h[:, 0], axis=1)
    return logsumexp(log_p)


def test_the_machine_that_was_taken_for_gaussian():
    """Both layers real and one not normal: log Z was that of Gaussian units, 3.8989 where 2.6444 is true."""
    for visible, hidden in ((ReLU(), ReLU()), (Gaussian(), ReLU()), (ReLU(), Gaussian()), (HALVES, ReLU())):
        machine = pair(visible, hidden, 1, 1)
        for beta in (1.0, 0.6):
            np.testing.assert_allclose(machine.exact(beta)[0], by_quadrature(machine, beta), rtol=1e-9)
        normal = RBM(Gaussian(), Gaussian(), machine.W, machine.b, machine.c)
        assert abs(normal.exact()[0] - machine.exact()[0]) > 0.1
        v = machine.sample0(4, Stream(0))
        if hidden == ReLU():
            assert np.all(np.abs(normal.free_energy(v) - machine.free_energy(v)) > 0.01)


REAL = [
    (ReLU(), ReLU()),
    pytest.param((ReLU(), Gaussian()), marks=pytest.mark.slow),
    pytest.param((HALVES, ReLU()), marks=pytest.mark.slow),
    (HALVES, DReLU(learn=True)),
    pytest.param((Gaussian(), HALVES), marks=pytest.mark.slow),
]


@pytest.mark.some(2)
@pytest.mark.parametrize("layers", REAL, ids=str)
def test_two_real_layers_agree_with_their_own_derivatives_and_with_ais(layers):
    machine = pair(*layers, n_v=2, n_h=3, scale=0.6)
    log_z, stats = machine.exact()
    rng = np.random.default_rng(0)
    for key, value in machine.params.items():  # along one direction through all numbers of a parameter
        step, up, down = 1e-5 * rng.normal(size=value.shape), machine.copy(), machine.copy()
        up.params[key] += step
        down.params[key] -= step
        slope = (up.exact(stats=False)[0] - down.exact(stats=False)[0]) / 2e-5
        np.testing.assert_allclose((stats[key] * step).sum() / 1e-5, slope, atol=1e-6)
    ais = ebm.log_z(machine, "ais", seed=3)
    assert abs(ais.value - log_z) < 5 * ais.stderr + 1e-3
    x = ebm.sample(machine, 20_000, seed=1).x
    np.testing.assert_allclose(x.mean(0), stats["b"], atol=6 * x.std(0).max() / np.sqrt(len(x)) * 2)


def test_what_has_no_density_is_inf_with_a_warning_and_refused():
    """ReLU with ReLU: only positive couplings pull both up; a cone's largest ratio, not a singular value."""
    for W, dense in (
        ([[-3.0]], True),
        ([[0.9]], True),
        ([[1.1]], False),
        ([[1.2, -1.5], [-1.5, 0.2]], False),
    ):
        machine = RBM(ReLU(), ReLU(), W, np.zeros(len(W)), np.zeros(len(W)))
        assert machine.normalisable() == dense
        if not dense:
            with pytest.warns(RuntimeWarning, match="normalisable"):
                assert machine.exact()[0] == np.inf
            with pytest.raises(EbmError, match="normalisable"):
                ebm.sample(machine, 5)
    W = [[0.5, 0.6], [0.6, -2.0]]  # a singular value of 2.1, but v, h >= 0 reach less than 1
    machine = RBM(ReLU(), ReLU(), W, np.zeros(2), np.zeros(2))
    assert machine.normalisable()
    np.testing.assert_allclose(machine.exact()[0], by_quadrature(machine), rtol=1e-9)


def test_too_many_real_units_are_refused_in_one_line():
    with pytest.raises(TooLarge, match="quadrature") as error:
        pair(ReLU(), ReLU(), 6, 6).exact()
    assert "\n" not in str(error.value)
    assert ebm.log_z(pair(ReLU(), ReLU(), 6, 6), rounds=1).method != "exact"


@pytest.mark.parametrize("units", [ReLU(), HALVES, DReLU(6.0, -6.0), DReLU(-40.0, 40.0, 2.0, 0.3)], ids=repr)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_input_is_too_large(units, dtype):
    """Finite, warning of nothing, monotone in u and between the ends of the range, at any input."""
    I = np.array([-1e6, -1e3, -40, -5, -1e-3, 0, 1e-3, 5, 40, 1e3, 1e6], dtype)[:, None] * np.ones(9, dtype)
    u = np.array([2.0**-24, 1e-3, 0.1, 0.3, 0.5, 0.7, 0.9, 0.999, 1 - 2.0**-24], dtype) * np.ones_like(I)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        x, mean, var, cgf = units.sample(I, u), units.mean(I), units.var(I), units.cgf(I)
    for value in (x, mean, var, cgf):
        assert value.dtype == dtype
        assert np.isfinite(value).all()
    assert np.all(np.diff(x, axis=1) >= 0)
    assert np.all(np.diff(mean, axis=0) >= 0)
    assert np.all(var > 0)
    assert np.all(x[:, :1] <= mean)
    assert np.all(mean <= x[:, -1:])


def test_equal_halves_are_a_gaussian_and_a_steep_one_leaves_a_relu():
    I = np.linspace(-6, 6, 25)[:, None]
    u = np.random.default_rng(0).random(I.shape)
    bound = Gaussian(learn_precision=True).bound(2.5)
    for f in ("cgf", "mean", "var"):
        np.testing.assert_allclose(getattr(DReLU(0, 0, 2.5, 2.5), f)(I), getattr(bound, f)(I), atol=1e-12)
        np.testing.assert_allclose(getattr(DReLU(0, 1e9), f)(I), getattr(ReLU(), f)(I), atol=1e-8)
    np.testing.assert_allclose(DReLU(0, 0, 2.5, 2.5).sample(I, u), bound.sample(I, u), atol=1e-9)


def test_pcd_learns_potentials_and_couplings():
    """Two features of +-: PCD with learnt halves finds what Exact finds, and better than it began."""
    rng = np.random.default_rng(0)
    data = np.repeat(rng.integers(0, 2, (400, 2)), 3, axis=1).astype(float)
    data = np.where(rng.random(data.shape) < 0.05, 1 - data, data)
    scores = {}
    for rule in (Exact(), PCD(5, n_chains=200, centred=True)):
        machine = RBM.from_data(data, 2, hidden=DReLU(learn=True), scale=0.3, dtype=np.float64, seed=2)
        before = ebm.log_likelihood(machine, data).mean()
        optimiser = SGD(0.05)
        for state in train(begin(machine, rule, optimiser), data, rule, optimiser, 400):
            if state.step == 300:
                break
        scores[rule] = ebm.log_likelihood(machine, data).mean()
        assert scores[rule] > before + 0.5
        assert np.ptp(machine.params["h.theta_plus"]) > 0
        assert machine.params["h.gamma_plus"].min() > 0
    exact, pcd = scores.values()
    assert abs(exact - pcd) < 0.15


def test_files_keep_learnt_potentials(tmp_path):
    machine = laws.MACHINES["bernoulli-drelu"]()
    ebm.save(tmp_path / "m.npz", machine)
    again = ebm.load(tmp_path / "m.npz")
    assert again.hidden == machine.hidden
    for key, value in machine.params.items():
        assert np.array_equal(again.params[key], value)
    v = laws.all_states(machine.visible, 5)
    assert np.array_equal(again.free_energy(v), machine.free_energy(v))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: DReLU(gamma_plus=0.0), "gamma_plus: expected a positive"),
        (lambda: DReLU(theta_minus="a"), "theta_minus"),
        (lambda: DReLU(learn=1), "learn: expected true or false"),
        (lambda: RBM(ReLU(), Bernoulli(), [[1.0]], [0.0], [0.0]).start([[-1.0]]), "from 0"),
        (
            lambda: RBM(Bernoulli(), ReLU(), [[1.0]], [0.0], [0.0], theta={"h.gamma": [1.0]}),
            "learn no potential",
        ),
        (
            lambda: RBM(Bernoulli(), DReLU(learn=True), [[1.0]], [0.0], [0.0], theta={"h.gamma_plu": [1.0]}),
            "did you mean 'h.gamma_plus'",
        ),
        (
            lambda: RBM(
                Bernoulli(), DReLU(learn=True), [[1.0]], [0.0], [0.0], theta={"h.gamma_plus": [-1.0]}
            ),
            "positive",
        ),
        (lambda: ebm.TAP().init(laws.MACHINES["bernoulli-drelu"](), Stream(0)), "CD, PCD or Exact"),
        (lambda: ebm.log_z(laws.MACHINES["bernoulli-relu"](), "tap"), "ReLU"),
        (lambda: ebm.rescaled(laws.MACHINES["drelu-bernoulli"](), 1.0, 2.0), "Gaussian"),
    ],
)
def test_refusals_are_one_line(make, said):
    with pytest.raises(EbmError, match=said) as error:
        make()
    assert "\n" not in str(error.value)
