"""Long statistical checks, left out by default: ``python -m pytest -m slow``."""

import laws
import numpy as np
import pytest

from ebm import log_z

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("name", laws.MACHINES)
def test_no_drift_in_a_million_draws(name, dtype):
    """Forty times the draws of the everyday law: a bias six times smaller shows."""
    laws.no_drift(laws.MACHINES[name](dtype=dtype), n=1_000_000, seed=11)


def ais_errors(machine, n_seeds):
    """|AIS − exact| in units of the standard error, one per seed."""
    exact, _ = machine.exact(stats=False)
    runs = [log_z(machine, "ais", seed=k, n_temperatures=60, n_chains=400) for k in range(n_seeds)]
    return np.abs([(run.value - exact) / run.stderr for run in runs])


def test_the_standard_error_of_ais_covers_the_exact_log_z():
    """1 sigma in 60 to 76 % of all runs, 2 sigma in 92 % or more, 3 sigma in 99 % or more."""
    n = 100
    z = {name: ais_errors(make(), n) for name, make in laws.ENUMERABLE_H.items()}
    for name, each in z.items():  # no machine by itself is off by 4 sigma of its own count
        assert abs(np.mean(each < 1) - 0.683) < 4 * np.sqrt(0.683 * 0.317 / n), name
    pooled = np.concatenate(list(z.values()))
    assert 0.60 <= np.mean(pooled < 1) <= 0.76
    assert np.mean(pooled < 2) >= 0.92
    assert np.mean(pooled < 3) >= 0.99
