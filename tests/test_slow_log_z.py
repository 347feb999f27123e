"""Do the error bars of the estimators of log Z mean what they say?

``python -m pytest -m slow tests/test_slow_log_z.py``

50 random machines of every kind × 20 seeds, each estimate of small effort against enumeration: |error| is
below 1 stderr in 60 to 76 % of them, below 2 in 92 % or more, below 3 in 99 % or more. The table is printed
with ``-s``.
"""

import laws
import numpy as np
import pytest

from ebm import Bernoulli, Ising, PopulationAnnealing, Potts, Stream, Tempering
from ebm.partition.annealed import (
    annealed_log_weights,
    even_betas,
    raise_log_likelihood,
    reverse_log_weights,
)
from ebm.partition.estimate import log_mean_exp, weighty
from ebm.partition.tempered import Recorder, reversed_estimate, tempered_estimates

pytestmark = pytest.mark.slow

N_MACHINES, N_SEEDS = 50, 20
TEMPERED = ("mbar", "bennett", "thermodynamic")
NAMES = ("ais", "reverse_ais", "raise", "population", *TEMPERED, "reverse_of_tempered")
UNITS = ((Bernoulli(), 9, 1.1), (Ising(), 9, 0.4), (Potts(3), 5, 0.8))


def random_machine(k):
    """The k-th machine: fully connected, dense or sparse, with hidden units or without, and all pairs."""
    rng = np.random.default_rng([7, k])
    kinds = 12 + len(laws.PAIRS)
    kind, strength = k % kinds, rng.uniform(0.7, 2.0)
    if kind < 12:
        units, n, scale = UNITS[kind % 3]
        n -= int(rng.integers(0, 3))
        n_visible = n - 2 if kind >= 6 else None
        return laws.boltzmann(
            units, n, n_visible=n_visible, sparse=kind % 6 >= 3, scale=strength * scale, seed=k
        )
    visible, hidden, n_v, n_h, scale = list(laws.PAIRS.values())[kind - 12]
    n_v, n_h = n_v + int(rng.integers(0, 2)), n_h + int(rng.integers(0, 2))
    return laws.restricted(visible, hidden, n_v, n_h, scale=strength * scale, seed=k)


def once(machine, base, exact, k, seed):
    """(value − log Z, stderr, trouble) of every estimator, by small effort."""
    rng = Stream(10_000 * seed + k)
    draw = np.random.default_rng([seed, k])
    betas = even_betas(machine, 40, base=base, seed=rng.split(0))
    path = {"base": base, "betas": betas}
    found = {"ais": weighty(annealed_log_weights(machine, n_chains=150, seed=rng.split(1), **path), "AIS")}
    x = laws.exact_draws(machine, 150, draw).astype(machine.dtype)
    up = weighty(-reverse_log_weights(machine, x, seed=rng.split(2), **path), "reverse AIS")
    run = Recorder(machine, Tempering(n_adapt=56, base=base), 32, rng.split(3))
    run.run(40)
    found |= tempered_estimates(run, TEMPERED)
    found["reverse_of_tempered"] = reversed_estimate(run, 2, 40, betas, rng.split(4))
    found["population"] = populated(machine, base, rng.split(5))
    z = {name: (e.value - exact, e.stderr, e.trouble) for name, e in found.items()}
    z["reverse_ais"] = -up.value - exact, up.stderr, up.trouble
    z["raise"] = raised(machine, base, rng.split(6))
    return z


def populated(machine, base, rng):
    sampler = PopulationAnnealing(base=base, n_sweeps=3)
    state = sampler.init(machine, 500, rng)
    while not state.done:
        sampler.step(machine, state, rng)
    return weighty(state.group_log_z, "population annealing")


def raised(machine, base, rng):
    """Σ_v p_ann(v) − 1 over all states: the annealed model is normalised."""
    if machine.units.states is None:
        return 0.0, 1.0, "states are not finite"
    v = laws.all_states(machine.units, machine.n_units)
    value, stderr = raise_log_likelihood(machine, v, 20, 30, base=base, seed=rng)
    return np.exp(value).sum() - 1, float(np.sqrt(np.square(np.exp(value) * stderr).sum())), ""


@pytest.fixture(scope="module")
def runs():
    """name -> (n_machines, n_seeds, 2): error and stderr, NaN where the estimate says not to trust it."""
    out = {name: np.full((N_MACHINES, N_SEEDS, 2), np.nan) for name in NAMES}
    for k in range(N_MACHINES):
        machine = random_machine(k)
        exact = machine.exact(stats=False)[0]
        base = machine.params["b"] if k % 2 else None
        for seed in range(N_SEEDS):
            for name, (error, stderr, trouble) in once(machine, base, exact, k, seed).items():
                if not trouble:
                    out[name][k, seed] = error, stderr
    return out


def table(runs):
    """One line per estimator: coverage, mean z, and what was left out."""
    lines = [f"{'':22}{'1σ':>7}{'2σ':>7}{'3σ':>8}{'mean z':>8}{'stderr':>8}{'of':>6}"]
    for name, each in runs.items():
        error, stderr = each.reshape(-1, 2)[~np.isnan(each.reshape(-1, 2)[:, 0])].T
        z = error / stderr
        one, two, three = (100 * np.mean(np.abs(z) < s) for s in (1, 2, 3))
        lines.append(
            f"{name:22}{one:6.1f}%{two:6.1f}%{three:7.2f}%{z.mean():+8.2f}{np.median(stderr):8.4f}{len(z):6d}"
        )
    return "\n".join(lines)


@pytest.mark.parametrize("name", NAMES)
def test_error_bars_cover(runs, name):
    """1 sigma in 60 to 76 %, 2 sigma in 92 % or more, 3 sigma in 99 % or more; few say not to trust them."""
    if name == NAMES[0]:
        print("\n" + table(runs))
    error, stderr = runs[name][..., 0], runs[name][..., 1]
    kept = ~np.isnan(error)
    discrete = sum(random_machine(k).units.states is not None for k in range(N_MACHINES))
    assert kept.sum() > 0.95 * N_SEEDS * (discrete if name == "raise" else N_MACHINES)
    z = np.abs(error[kept] / stderr[kept])
    assert 0.60 <= np.mean(z < 1) <= 0.76
    assert np.mean(z < 2) >= 0.92
    assert np.mean(z < 3) >= 0.99


def test_ais_is_below_log_z_and_reverse_ais_above_on_average():
    """Few chains along a coarse path: the bias of the logarithm shows, and has its sign on every machine."""
    errors = np.empty((2, N_MACHINES, N_SEEDS))
    for k in range(N_MACHINES):
        machine, draw = random_machine(k), np.random.default_rng(k)
        exact = machine.exact(stats=False)[0]
        for seed in range(N_SEEDS):
            x = laws.exact_draws(machine, 10, draw).astype(machine.dtype)
            up = log_mean_exp(-reverse_log_weights(machine, x, 4, seed=seed))[0]
            errors[:, k, seed] = log_mean_exp(annealed_log_weights(machine, 4, 10, seed=seed))[0], -up
            errors[:, k, seed] -= exact
    mean, sigma = errors.mean(-1), errors.std(-1, ddof=1) / np.sqrt(N_SEEDS)
    assert np.all(mean[0] < 4 * sigma[0])
    assert np.all(mean[1] > -4 * sigma[1])
    below, above = mean.mean(-1)
    whole = np.sqrt(np.square(sigma).sum(-1)) / N_MACHINES
    assert below < -4 * whole[0]
    assert above > 4 * whole[1]
