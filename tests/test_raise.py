"""RAISE: the annealed model is normalised, overstates nothing, and its errors say what few chains cost."""

import re

import laws
import numpy as np
import pytest

from ebm import log_z
from ebm.partition.raised import raise_log_likelihood


def raised(*args, **settings):
    rows = raise_log_likelihood(*args, **settings)
    return rows.value, rows.stderr


def base_of(machine):
    return 0.4 * np.random.default_rng(2).normal(size=len(machine.params["b"]))


@pytest.mark.parametrize(
    "name", ["bernoulli", "ising-sparse-hidden", "potts", "bernoulli-potts", "potts-gaussian"]
)
def test_the_annealed_model_is_normalised(name):
    """Σ_v E p_ann(v) = 1 for any path and base, and one step is the base itself."""
    machine = laws.MACHINES[name]()
    v = laws.all_states(machine.units, machine.n_units)
    for n_temperatures, base in ((2, None), (6, base_of(machine))):
        value, stderr = raised(machine, v, n_temperatures, 100, base=base, seed=3)
        sigma = np.sqrt(np.square(np.exp(value) * stderr).sum())
        assert sigma < 0.05
        assert abs(np.exp(value).sum() - 1) < 4 * sigma
    value, stderr = raised(machine, v, 1, 2, base=base)
    np.testing.assert_allclose(value, -machine.free_energy(v, 0.0, base) - machine.log_z0(base))
    np.testing.assert_allclose(stderr, 0, atol=1e-12)


@pytest.mark.parametrize("name", ["bernoulli", "bernoulli-potts", "gaussian-bernoulli"])
def test_with_many_temperatures_the_annealed_model_is_the_machine(name):
    machine = laws.MACHINES[name]()
    v = laws.exact_draws(machine, 12, np.random.default_rng(0))
    exact = -machine.free_energy(v) - machine.exact(stats=False)[0]
    near, stderr = raised(machine, v, 400, 40, seed=1)
    assert np.all(stderr < 0.05)
    assert np.all(np.abs(near - exact) < 4 * stderr + 0.03)
    far, _ = raised(machine, v, 2, 40, seed=1)
    assert np.abs(far - exact).max() > 0.2


def test_raise_overstates_no_likelihood_of_the_machines_own_samples():
    """The mean of log p_ann over p is below that of log p, by a divergence; log Z errs upwards with it."""
    machine = laws.MACHINES["bernoulli-bernoulli"]()
    v, p = laws.visible_distribution(machine)
    value, _ = raised(machine, v, 4, 20, seed=1)
    assert p @ value < p @ np.log(p) - 0.02
    data = laws.exact_draws(machine, 400, np.random.default_rng(2))
    found = log_z(machine, "raise", data=data, n_temperatures=3, n_chains=200, base=np.zeros(5), seed=1)
    off = found.value - machine.exact(stats=False)[0]
    assert 0.02 < off < 4 * found.stderr  # that of one temperature says how far it may be
    assert found.verdict == "do not trust"
    assert "standard error" in found.reason


def test_the_error_of_a_mean_over_rows_has_what_the_logarithm_takes_from_each():
    """Few chains a row, many rows: what is too low in every row is no noise, and does not average out."""
    machine = laws.MACHINES["bernoulli-bernoulli"]()
    v = laws.all_states(machine.units, machine.n_visible)
    truth, _ = raised(machine, v, 4, 5000, seed=1)
    rows = np.random.default_rng(0).integers(0, len(v), 300)
    runs = [raise_log_likelihood(machine, v[rows], 4, 5, seed=seed) for seed in range(20)]
    errors = np.array([run.value.mean() - truth[rows].mean() for run in runs])
    claimed = np.mean([run.mean_stderr for run in runs])
    assert errors.mean() < -4 * errors.std() / np.sqrt(20)
    assert 0.5 < np.sqrt(np.square(errors).mean()) / claimed < 1.3


def test_too_few_chains_a_row_say_so():
    machine = laws.MACHINES["bernoulli-bernoulli"]()
    data = laws.exact_draws(machine, 50, np.random.default_rng(0))
    rows = raise_log_likelihood(machine, data, 2, 2)
    assert re.search("of 2 chains a row 1.* count", rows.trouble)
    assert np.sqrt(np.square(rows.stderr).mean()) > 0.3
    with pytest.warns(RuntimeWarning, match="do not trust"):
        found = log_z(machine, "raise", data=data, n_temperatures=2, n_chains=20, base=np.zeros(5))
    assert found.verdict == "do not trust"
    assert 1 <= found.estimates["raise"]["ess"] < 2
    assert raise_log_likelihood(machine, data, 100, 20).trouble == ""
