"""log Z: every estimate agrees with enumeration within its own error."""

import laws
import numpy as np
import pytest
from scipy.special import logsumexp

from ebm import (
    RBM,
    Bernoulli,
    BoltzmannMachine,
    EbmError,
    Gaussian,
    Ising,
    Potts,
    Stream,
    TooLarge,
    base_rate,
    log_likelihood,
    log_z,
)
from ebm.partition import annealed_log_weights
from ebm.partition.estimate import log_mean_exp

each_machine = pytest.mark.parametrize("name", laws.MACHINES)


@pytest.mark.some(4)
@each_machine
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
def test_ais_agrees_with_exact_within_its_error(name, dtype):
    """4 sigma of the estimator, which is small enough for that to mean something."""
    machine = laws.MACHINES[name](dtype=dtype)
    exact = log_z(machine, "exact")
    found = log_z(machine, "ais", n_temperatures=150, n_chains=300, seed=1)
    assert exact.stderr == 0
    assert exact.lower == exact.value == exact.upper == float(exact)
    assert 0 < found.stderr < 0.1
    assert abs(found.value - exact.value) < 4 * found.stderr
    assert found.lower <= found.value <= found.upper


@pytest.mark.some(3)
@each_machine
def test_few_temperatures_are_noisy_but_not_biased(name):
    """E exp(log w) = Z however coarse the path, from any base: 3 temperatures, many chains."""
    machine = laws.MACHINES[name]()
    rng = np.random.default_rng(3)
    for base in (None, 0.5 * rng.normal(size=len(machine.params["b"])), machine.params["b"]):
        log_w = annealed_log_weights(machine, 3, 20_000, base=base, seed=2)
        value, stderr, _ = log_mean_exp(log_w)
        if stderr < 0.2:
            assert abs(value - machine.exact(stats=False)[0]) < 4 * stderr


@pytest.mark.some(4)
@each_machine
def test_stderr_is_the_spread_of_repetitions(name):
    """Over 40 repetitions, the errors in units of their stderr have mean square near one."""
    machine = laws.MACHINES[name]()
    exact = machine.exact(stats=False)[0]
    runs = [log_mean_exp(annealed_log_weights(machine, 30, 200, seed=k)) for k in range(40)]
    z = np.array([(value - exact) / stderr for value, stderr, _ in runs])
    assert 0.4 < np.mean(z**2) < 2.5
    assert abs(z.mean()) < 4.5 / np.sqrt(40)


@each_machine
def test_the_base_is_exact_where_there_are_no_couplings(name):
    """With W = 0 and base = b, p_0 is p: all weights are Z, whatever the temperatures."""
    machine = laws.MACHINES[name]()
    for key in machine.couplings:
        machine.params[key][:] = 0
    if "c" in machine.params:
        machine.params["c"][:] = 0
    machine.project()
    log_w = annealed_log_weights(machine, 5, 20, base=machine.params["b"], seed=0)
    np.testing.assert_allclose(log_w, machine.exact(stats=False)[0], rtol=1e-12)


def test_log_mean_exp_is_the_log_of_the_mean_weight():
    """Not the mean of log-weights; the error by the delta method; the effective sample size by definition."""
    rng = np.random.default_rng(0)
    log_w = rng.normal(size=50)
    w = np.exp(log_w)
    value, stderr, ess = log_mean_exp(log_w)
    np.testing.assert_allclose(value, np.log(w.mean()))
    np.testing.assert_allclose(stderr, w.std(ddof=1) / np.sqrt(50) / w.mean())
    np.testing.assert_allclose(ess, w.sum() ** 2 / (w**2).sum())
    shifted = log_mean_exp(log_w + 5000)
    np.testing.assert_allclose(shifted[0], value + 5000)
    np.testing.assert_allclose(shifted[1:], (stderr, ess))
    assert log_mean_exp([1.0])[1] == np.inf


def test_an_estimate_that_is_none_warns():
    """Two temperatures through a strong ferromagnet: a single weight carries the mean."""
    J = 3 * (1 - np.eye(24))
    machine = BoltzmannMachine(Ising(), J, np.full(24, 0.2))
    with pytest.warns(RuntimeWarning, match="no estimate"):
        log_z(machine, "ais", n_temperatures=2, n_chains=20, base=np.zeros(24))


def test_auto_is_exact_where_it_fits_and_a_report_beyond():
    small, large = (
        laws.MACHINES["bernoulli-bernoulli"](),
        RBM.random(Bernoulli(), Bernoulli(), 40, 40, scale=0.05, dtype="float64"),
    )
    assert log_z(small).method == "exact"
    found = log_z(large)
    assert found.method in ("mbar", "mbar_uniform")
    assert abs(found.value - 80 * np.log(2)) < 1
    with pytest.raises(TooLarge):
        log_z(large, "exact")
    with pytest.raises(EbmError, match="method"):
        log_z(small, "aiss")
    with pytest.raises(EbmError, match="temperature"):
        log_z(small, "ais", n_temperatures=0)


def test_progress_is_told_and_seeds_repeat():
    machine, seen = laws.MACHINES["potts"](), []
    settings = {"n_temperatures": 100, "n_chains": 20, "seed": 4}
    one = log_z(machine, "ais", progress=lambda done, line: seen.append(done), **settings)
    assert seen == [0.5, 1.0, 1.0]
    assert one.value == log_z(machine, "ais", n_temperatures=100, n_chains=20, seed=4).value
    assert one.value != log_z(machine, "ais", n_temperatures=100, n_chains=20, seed=5).value


@pytest.mark.parametrize("units", laws.UNITS, ids=str)
def test_base_rate_has_the_means_of_the_data(units):
    """Up to half a row of pseudocounts; finite for constant columns."""
    rng = np.random.default_rng(0)
    data = rng.normal(size=(100, 3)) if units.states is None else rng.choice(units.states, size=(100, 3))
    data[:, 1] = data[0, 1]
    data = np.maximum(data, units.interval[0])
    machine = RBM.random(units, Bernoulli(), 3, 2, dtype=np.float64)
    base = base_rate(machine, data)
    assert np.isfinite(base).all()
    np.testing.assert_allclose(machine.units.mean(base), laws.phi(units, data).mean(0), atol=3 / 100)


# Likelihoods.


@pytest.mark.parametrize("name", laws.FINITE)
def test_log_likelihood_is_log_p(name):
    """Rows of log p(v) by enumeration; they sum to one; a given log Z is used."""
    machine = laws.FINITE[name]()
    v, p = laws.visible_distribution(machine)
    np.testing.assert_allclose(log_likelihood(machine, v), np.log(p), atol=1e-10)
    np.testing.assert_allclose(logsumexp(log_likelihood(machine, v)), 0, atol=1e-12)
    np.testing.assert_allclose(log_likelihood(machine, v, 5.0), -machine.visible_free_energy(v) - 5)
    np.testing.assert_allclose(log_likelihood(machine, v, log_z(machine)), np.log(p), atol=1e-10)


@pytest.mark.parametrize("name", ["gaussian-bernoulli", "gaussian-potts", "precise-bernoulli"])
def test_log_likelihood_is_a_density(name):
    """Gaussian visible units: exp(log-likelihood) integrates to one."""
    machine = laws.MACHINES[name]()
    v, _ = laws.visible_distribution(machine)
    np.testing.assert_allclose(
        logsumexp(log_likelihood(machine, v)) + machine.n_visible * np.log(0.4), 0, atol=1e-10
    )


@pytest.mark.parametrize("units", [Bernoulli(), Potts(2)], ids=str)
def test_many_hidden_units_are_summed_by_ais(units):
    """22 hidden units that see only the visible ones: the exact sum is a product of softplus."""
    n_h, w = 22, units.width
    rng = np.random.default_rng(0)
    J = np.zeros(((2 + n_h) * w,) * 2)
    J[: 2 * w, 2 * w :] = 0.5 * rng.normal(size=(2 * w, n_h * w))
    J += J.T
    b = 0.3 * rng.normal(size=len(J))
    machine = BoltzmannMachine(units, J, b, n_visible=2)
    v = laws.all_states(units, 2)
    with pytest.raises(TooLarge):
        machine.visible_free_energy(v)
    f = laws.phi(units, v)
    I = (b[2 * w :] + f @ J[: 2 * w, 2 * w :]).reshape(len(v), n_h, w)
    hidden = logsumexp(I, axis=-1) if w > 1 else np.log1p(np.exp(I))[..., 0]
    expected = f @ b[: 2 * w] + 0.5 * np.einsum("ni,ij,nj->n", f, J[: 2 * w, : 2 * w], f) + hidden.sum(1)
    found = log_likelihood(machine, v, 0.0)
    np.testing.assert_allclose(found, expected, atol=0.1)


@pytest.mark.parametrize(
    "data", [np.zeros((2, 4)), np.full((2, 5), 2.0), np.zeros(5)], ids=["width", "domain", "rank"]
)
def test_log_likelihood_refuses_what_does_not_fit(data):
    with pytest.raises(EbmError) as error:
        log_likelihood(laws.MACHINES["bernoulli-bernoulli"](), data)
    assert "\n" not in str(error.value)


def bits(n):
    return ((np.arange(2**n)[:, None] >> np.arange(n)) & 1).astype(float)


def test_exact_sums_cover_uneven_sides_and_blocks():
    """More states than one block of the sum, whichever layer is the smaller; agreement of both orders."""
    machine = laws.restricted(Bernoulli(), Bernoulli(), 17, 4, scale=0.5)
    mirror = RBM(Bernoulli(), Bernoulli(), machine.W.T, machine.c, machine.b)
    (one, stats), (other, turned) = machine.exact(), mirror.exact()
    np.testing.assert_allclose(one, other, rtol=1e-12)
    np.testing.assert_allclose(stats["W"], turned["W"].T, rtol=1e-10)
    v = bits(17)
    log_p = laws.minus_free_energy(machine, v)
    np.testing.assert_allclose(one, logsumexp(log_p), rtol=1e-12)
    np.testing.assert_allclose(stats["b"], np.exp(log_p - one) @ v, rtol=1e-9)
    wide = laws.restricted(Bernoulli(), Gaussian(), 18, 20, scale=0.1)  # 2^18 x 20 terms: two blocks
    v = bits(18)
    I = wide.c + v @ wide.W
    log_p = v @ wide.b + 0.5 * (I * I).sum(1) + 10 * np.log(2 * np.pi)
    np.testing.assert_allclose(wide.exact()[0], logsumexp(log_p), rtol=1e-12)


def test_exact_of_a_larger_boltzmann_machine_over_blocks():
    """2^23 states, in more than one block, against a chain's transfer matrices."""
    n, K, h = 23, 0.7, 0.2
    J = np.diag(np.full(n - 1, K), 1)
    machine = BoltzmannMachine(Ising(), J + J.T, np.full(n, h))
    s = np.array([-1.0, 1.0])
    transfer = np.exp(K * np.outer(s, s) + h * s[None, :])
    z = np.exp(h * s)
    for _ in range(n - 1):
        z = z @ transfer
    np.testing.assert_allclose(machine.exact(stats=False)[0], np.log(z.sum()), rtol=1e-12)


def test_ais_leaves_a_given_stream_advanced():
    stream = Stream(0)
    annealed_log_weights(laws.MACHINES["ising"](), 5, 3, seed=stream)
    assert stream.counter == 5  # one draw at beta = 0 and four sweeps
