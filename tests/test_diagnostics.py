"""Diagnostics: definitions transcribed, errors that cover, alarms that ring and are rarely false."""

import math
import subprocess
import sys
import warnings

import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.special import gammaln, logsumexp
from scipy.stats import binom, kstest, norm, rankdata, ttest_ind

from ebm import RBM, Bernoulli, BoltzmannMachine, EbmError, Ising, Stream
from ebm.diagnostics import (
    agreement,
    autocorrelation_time,
    ess_bulk,
    ess_tail,
    principal_directions,
    projections,
    r_hat,
    relaxation_time,
    summarise,
)

SIZE = 1 / np.finfo(float).eps


def autoregressive(rng, m, n, rho):
    """Stationary x' = rho x + noise of variance 1: tau = (1 + rho) / (1 - rho)."""
    x = rng.normal(size=(m, n)) * math.sqrt(1 - rho**2)
    x[:, 0] /= math.sqrt(1 - rho**2)
    return lfilter([1], [1, -rho], x, axis=1)


def telegraph(rng, m, n, p):
    """Two wells; a chain changes well with probability p per step: tau = (1 - p) / p."""
    return (np.cumsum(rng.random((m, n)) < p, axis=1) + rng.integers(0, 2, (m, 1))) % 2 * 3.0


def quietly(f, *args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return f(*args, **kwargs)


# One set of chains.


@pytest.mark.parametrize("rho", [0.0, 0.6, 0.9])
def test_autocorrelation_time_is_its_definition(rho):
    """docs/math.md (10.1), term by term."""
    x = autoregressive(np.random.default_rng(1), 3, 300, rho)
    y, n = x - x.mean(), 300
    C = [np.mean(y[:, : n - t] * y[:, t:]) for t in range(n)]
    tau = [1 + 2 * sum(C[1 : t + 1]) / C[0] for t in range(n)]
    expected = next(tau[t] for t in range(1, n) if t >= 5 * tau[t])
    assert autocorrelation_time(x) == pytest.approx(max(1.0, expected), rel=1e-9)


def rank_normalised(x):
    return norm.ppf((rankdata(x).reshape(x.shape) - 3 / 8) / (x.size + 1 / 4))


def r_hat_of(x):
    """Vehtari et al. (2021), equations 1 to 4 on halves of chains, rank-normalised, plain and folded."""
    n = x.shape[1] // 2
    x = np.concatenate([x[:, :n], x[:, -n:]])
    found = []
    for z in (rank_normalised(x), rank_normalised(np.abs(x - np.median(x)))):
        B, W = n * z.mean(1).var(ddof=1), z.var(1, ddof=1).mean()
        found.append(math.sqrt(((n - 1) / n * W + B / n) / W))
    return max(found)


def test_r_hat_is_its_definition():
    rng = np.random.default_rng(0)
    x = np.stack([autoregressive(rng, 4, 201, rho) for rho in (0.0, 0.5, 0.95)], axis=-1)
    x[0] += 0.3
    x[1, :, 1] *= 3
    found = r_hat(x)
    np.testing.assert_allclose(found, [r_hat_of(x[..., j]) for j in range(3)], rtol=1e-12)
    assert isinstance(r_hat(x[..., 0]), float)
    assert r_hat(x[..., 0]) == found[0]
    stuck = np.repeat([[0.0], [1.0], [2.0]], 50, axis=1)
    assert r_hat(stuck) == math.inf


@pytest.mark.parametrize("rho", [-0.3, 0.0, 0.8])
def test_effective_size_of_an_autoregressive_chain(rho):
    """n / tau in the bulk, to 5 sigma over seeds."""
    n = 4 * 4000
    found = [ess_bulk(autoregressive(np.random.default_rng(s), 4, 4000, rho)) for s in range(8)]
    expected = n * (1 - rho) / (1 + rho)
    assert abs(np.mean(found) - expected) < max(5 * np.std(found) / math.sqrt(8), 0.03 * expected)


def test_bulk_and_r_hat_know_only_ranks():
    """Of heavy tails without a variance as of normal ones."""
    x = autoregressive(np.random.default_rng(0), 4, 1000, 0.5)
    for f in (ess_bulk, ess_tail):
        assert f(np.exp(20 * x)) == f(x)
    assert r_hat(np.exp(20 * x)) == pytest.approx(r_hat(x), abs=1e-3)  # it folds numbers, not ranks


def test_tails_of_discrete_chains_are_not_perfect():
    """Rare zeros or rare ones: the tail is the same, and worth as much as the mean of that event."""
    x = (autoregressive(np.random.default_rng(0), 4, 4000, 0.9) > 2) * 1.0
    assert 0.01 < x.mean() < 0.04
    worth = x.size / autocorrelation_time(x)
    for y in (x, 1 - x, 5 - 3 * x):
        assert ess_tail(y) == ess_tail(x)
        assert abs(ess_tail(y) / worth - 1) < 0.25
    y = autoregressive(np.random.default_rng(1), 4, 1000, 0.5)
    assert ess_tail(-y) == ess_tail(y) == ess_tail(np.stack([y, y], -1))[1] < y.size


def test_errors_of_the_mean_cover():
    z = []
    for s in range(150):
        x = 7 + 1e-9 * autoregressive(np.random.default_rng(s), 4, 800, 0.8)
        found = quietly(summarise, x)
        z.append((found.mean - 7) / found.stderr)
    assert abs(np.mean(np.square(z)) - 1) < 4 * math.sqrt(2 / len(z))


def test_what_is_trusted_and_why_not():
    rng = np.random.default_rng(0)
    good = autoregressive(rng, 4, 4000, 0.5)
    found = summarise(good, "energy")
    assert found.trusted
    assert found.reason == ""
    assert (found.tau, found.ess_bulk, found.ess_tail, found.r_hat) == (
        autocorrelation_time(good),
        ess_bulk(good),
        ess_tail(good),
        r_hat(good),
    )
    assert (found.n_chains, found.n_steps, found.names) == (4, 4000, ("energy",))
    assert "trusted" in str(found)
    cases = {
        "span": autoregressive(rng, 4, 1000, 0.98),
        "one chain": good[:1],
        "R-hat": good + np.array([[0], [0], [0], [0.6]]),
        "bulk": autoregressive(rng, 2, 480, 0.5),
        "never changes": np.full((4, 1000), 0.1),
    }
    for match, series in cases.items():
        with pytest.warns(RuntimeWarning, match=match) as caught:
            found = summarise(series)
        assert len(caught) == 1
        assert "\n" not in str(caught[0].message)
        assert not found.trusted
    both = summarise(np.stack([good, cases["R-hat"]], -1), ["fine", "off"], warn=False)
    assert both.tau.shape == (2,)
    assert both.reason.startswith("off: R-hat")


def test_short_chains_and_constant_ones_are_not_passed_over():
    slow = autoregressive(np.random.default_rng(0), 4, 500, 0.98)
    for f in (ess_bulk, ess_tail):
        with pytest.warns(RuntimeWarning, match="below 50 per chain"):
            f(slow)
    with pytest.warns(RuntimeWarning, match="larger"):
        autocorrelation_time(slow, warn=True)
    constant = np.stack([slow, np.full((4, 500), 0.1)], -1)
    for f in (r_hat, ess_bulk, ess_tail):
        with pytest.warns(RuntimeWarning) as caught:
            found = f(constant)
        assert "never changes" in str(caught[0].message)
        assert len(caught) == (1 if f is r_hat else 2)
        assert np.isnan(found).tolist() == [False, True]
        assert caught[0].filename == __file__


# Two sets of chains.


FALSE_ALARMS = {
    "autoregressive": (lambda rng: autoregressive(rng, 20, 300, 0.5), 1),
    "two wells": (lambda rng: telegraph(rng, 12, 600, 0.05), 1),
    "several": (lambda rng: np.moveaxis(autoregressive(rng, 30, 200, 0.3).reshape(3, 10, 200), 0, 2), 3),
}


@pytest.mark.parametrize(
    "name", [n if n == "several" else pytest.param(n, marks=pytest.mark.slow) for n in FALSE_ALARMS]
)
def test_false_alarms_are_as_rare_as_the_level(name):
    """Over many pairs of agreeing sets; p-values of means and memory are uniform, no p-value too small."""
    make, k = FALSE_ALARMS[name]
    K, found = 400, []
    for s in range(K):
        rng = np.random.default_rng(s)
        found.append(quietly(agreement, make(rng), make(rng)))
    for level in (0.01, 0.05):
        alarms = sum(f.p < level for f in found)
        assert alarms <= binom.isf(1e-4, K, level)
    assert [f.agree for f in found] == [f.p >= 0.01 for f in found]
    for key in ("p_mean", "p_memory"):
        p = np.array([np.ravel(getattr(f, key))[k - 1] for f in found])
        assert kstest(p, "uniform").pvalue > 1e-3, key
    p = np.array([np.ravel(f.p_distribution)[0] for f in found])
    assert (p < 0.05).sum() <= binom.isf(1e-4, K, 0.05)


@pytest.mark.parametrize("chains", [(2, 2), (3, 9), (20, 5)])
def test_means_are_compared_by_welchs_test(chains):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(chains[0], 30)), 2 * rng.normal(size=(chains[1], 50)) + 0.2
    found, expected = agreement(a, b, warn=False), ttest_ind(a.mean(1), b.mean(1), equal_var=False)
    np.testing.assert_allclose([found.z, found.p_mean], expected, rtol=1e-9)


def test_differences_are_seen_and_named():
    rng = np.random.default_rng(0)
    a, b = autoregressive(rng, 60, 300, 0.5), autoregressive(rng, 60, 300, 0.5)
    assert agreement(a, b).agree
    moved = agreement(a, b + 0.2)
    assert not moved.agree
    assert "means" in moved.reason
    assert moved.z < -4
    wide = agreement(a, 3 * b)
    assert "distributed" in wide.reason
    wells = 5.0 * (np.arange(60) % 2)[:, None]
    stuck = agreement(a + wells, b + wells)
    assert abs(stuck.z) < 3
    assert "beginning" in stuck.reason
    assert stuck.r_hat > 1.5
    three = agreement(np.stack([a, a, a], -1), np.stack([b, b + 0.5, b], -1), names=("x", "y", "z"))
    assert three.reason.startswith("y: ")
    assert three.z.shape == three.p_mean.shape == (3,)
    assert np.argmin(three.p_mean) == 1


def test_equal_up_to_rounding_is_equal():
    """Constants, and the same discrete energies computed by another path."""
    x = telegraph(np.random.default_rng(0), 40, 300, 0.3) - 1 / 3
    y = telegraph(np.random.default_rng(1), 40, 300, 0.3) - 1 / 3
    exact, rounded = agreement(x, y), agreement(x, y * (1 + 4 / SIZE) + 1e-16)
    assert exact.p_distribution == rounded.p_distribution > 0.1
    with pytest.warns(RuntimeWarning, match="never changes"):
        still = agreement(np.full((5, 30), 0.1), np.full((7, 50), 0.1 + 1e-17))
    assert still.agree
    assert still.p == 1
    apart = agreement(np.full((5, 30), 0.1), np.full((7, 50), 0.2))
    assert not apart.agree
    assert apart.z == -math.inf


def test_chains_too_short_to_disagree_say_so():
    rng = np.random.default_rng(3)
    a, b = (autoregressive(rng, 5, 40, 0.8) for _ in range(2))
    with pytest.warns(RuntimeWarning, match="too short") as caught:
        assert agreement(a, b).agree
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        agreement(a, b, warn=False)


def follow(machine, x, n, seed, direction):
    """Energies and a projection along chains from x, a fifth cut off: (n_chains, n, 2)."""
    chains, rng, found = machine.start(x), Stream(seed), []
    for t in range(-n // 4, n):
        machine.sweep(chains, rng)
        if t >= 0:
            along = projections(chains.x, direction)[:, 0]
            found.append(np.stack([machine.free_energy(chains), along], -1))
    return np.stack(found, 1)


def two_phases():
    """An RBM of equal weights, and its exact draws through the distribution of the number of ones.

    The issue's 784 x 500 machine at an eighth of the size: phases of few and of many ones.
    """
    n_v, n_h, w, a, c = 98, 62, 0.08, -2.498, -3.92
    machine = RBM(Bernoulli(), Bernoulli(), np.full((n_v, n_h), w), np.full(n_v, a), np.full(n_h, c))
    k = np.arange(n_v + 1)
    log_p = (
        gammaln(n_v + 1) - gammaln(k + 1) - gammaln(n_v - k + 1) + a * k + n_h * np.logaddexp(0, c + w * k)
    )
    return machine, np.exp(log_p - logsumexp(log_p))


def test_an_rbm_whose_chains_stay_in_their_phase_is_caught():
    """From data that are in one phase and from noise, which finds the other: means. From both: memory."""
    machine, p = two_phases()
    n = machine.n_visible
    assert 0.1 < p[: n // 2].sum() < 0.9
    rng, ones = np.random.default_rng(0), np.ones(n)
    draws = rng.choice(n + 1, size=20, p=p)
    data = np.array([rng.permutation(np.arange(n) < k) for k in draws]).astype(float)
    noise = follow(machine, machine.sample0(20, Stream(5)), 200, 6, ones)
    exact = follow(machine, data, 200, 7, ones)
    found = agreement(exact, noise, names=("free energy", "ones"), warn=False)
    assert not found.agree
    assert found.reason.startswith("ones")
    dense = follow(machine, np.ones((20, n)), 200, 8, ones)
    sparse = follow(machine, np.zeros((20, n)), 200, 8, ones)
    assert "means" in agreement(dense, sparse, warn=False).reason


@pytest.mark.parametrize(("strength", "agree"), [(0.5, True), (1.6, False)])
def test_a_magnet_above_and_below_its_transition(strength, agree):
    """Curie-Weiss, N = 60: from all spins up and from noise."""
    n = 60
    machine = BoltzmannMachine(Ising(), strength / n * (1 - np.eye(n)))
    up = follow(machine, np.ones((20, n)), 400, 1, np.ones(n))
    noise = follow(machine, machine.sample0(20, Stream(2)), 400, 3, np.ones(n))
    found = agreement(up, noise, names=("energy", "magnetisation"), warn=False)
    assert found.agree == agree, found.reason
    assert summarise(up[..., 0], warn=False).n_steps == 400


# What is refused, and what is loaded.


X = np.random.default_rng(0).normal(size=(4, 50))


@pytest.mark.parametrize(
    "make",
    [
        lambda: r_hat(np.where(X > 1, np.nan, X)),
        lambda: ess_bulk(np.where(X > 1, np.inf, X)),
        lambda: ess_tail([["a"] * 5] * 2),
        lambda: summarise([[1, 2, 3, 4], [1, 2]]),
        lambda: r_hat(X[:1]),
        lambda: r_hat(X[:, :3]),
        lambda: r_hat(X[0]),
        lambda: ess_bulk(np.zeros((2, 3, 4, 5))),
        lambda: summarise(X, ["a", "b"]),
        lambda: agreement(X, X[:1]),
        lambda: agreement(X, X[..., None]),
        lambda: agreement(X[..., None], np.stack([X, X], -1)),
        lambda: agreement(X, X * np.nan),
        lambda: agreement(X, X, level=0.0),
        lambda: principal_directions(X[:1], 1),
        lambda: principal_directions(X, np.uint64(99)),
    ],
)
def test_refusals_are_one_line(make):
    with pytest.raises(EbmError) as error:
        make()
    assert "\n" not in str(error.value)


def test_arviz_is_loaded_by_who_needs_it():
    code = (
        "import sys, ebm, ebm.diagnostics as d; ebm.sample; d.autocorrelation_time([[1, 2, 3, 4]]);"
        "print('arviz_stats' in sys.modules, 'scipy.stats' in sys.modules);"
        "d.r_hat([[1, 2, 3, 4], [2, 1, 4, 3]]); print('arviz_stats' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False", "False", "True"]


def test_counts_of_any_integer_type():
    for k in (np.uint64(2), np.int8(2)):
        assert np.array_equal(principal_directions(X, k)[1], principal_directions(X, 2)[1])


def test_relaxation_times_know_no_unit():
    assert relaxation_time(1e200 * X) == pytest.approx(relaxation_time(X))
    assert relaxation_time([[0, 1, -1, 0]] * 2) == 0  # whose ends say nothing
