"""Annealing in both directions against enumeration: AIS, its reverse, and the path between them."""

import itertools

import laws
import numpy as np
import pytest
from scipy.special import logsumexp

from ebm import EbmError
from ebm.partition import annealed_log_weights
from ebm.partition.annealed import even_betas, reverse_log_weights
from ebm.partition.estimate import log_mean_exp
from ebm.partition.raised import raise_log_likelihood


def base_of(machine):
    return 0.4 * np.random.default_rng(2).normal(size=len(machine.params["b"]))


@pytest.mark.parametrize("name", laws.MACHINES)
@pytest.mark.parametrize("with_base", [False, True], ids=["uniform", "base"])
def test_the_reverse_walk_estimates_one_over_z(name, with_base):
    """E exp(−log w) = 1/Z from exact draws, however coarse and uneven the path."""
    machine = laws.MACHINES[name]()
    x = laws.exact_draws(machine, 8000, np.random.default_rng(0)).astype(machine.dtype)
    base = base_of(machine) if with_base else None
    log_w = reverse_log_weights(machine, x, base=base, betas=[0, 0.15, 0.5, 0.8, 1], seed=2)
    value, stderr, _ = log_mean_exp(-log_w)
    assert stderr < 0.2
    assert abs(-value - machine.exact(stats=False)[0]) < 4 * stderr


def test_ais_and_its_reverse_bracket_log_z_on_average():
    """Four chains along three temperatures: the logarithm is biased, downwards and upwards."""
    machine = laws.MACHINES["bernoulli-bernoulli"]()
    exact, n = machine.exact(stats=False)[0], 400
    up = annealed_log_weights(machine, 3, 4 * n, seed=1).reshape(n, 4)
    x = laws.exact_draws(machine, 4 * n, np.random.default_rng(1))
    down = reverse_log_weights(machine, x, 3, seed=2).reshape(n, 4)
    low = np.array([log_mean_exp(w)[0] for w in up]) - exact
    high = -np.array([log_mean_exp(-w)[0] for w in down]) - exact
    assert low.mean() < -4 * low.std() / np.sqrt(n)
    assert high.mean() > 4 * high.std() / np.sqrt(n)
    for b in (0.5, 1.0, 2.0):  # Markov: beyond b with probability below e^-b
        assert np.mean(low > b) <= np.exp(-b)
        assert np.mean(-high > b) <= np.exp(-b)


@pytest.mark.parametrize("name", ["bernoulli", "potts", "ising-bernoulli"])
def test_even_betas_spread_the_variance_of_the_weights(name):
    """The standard deviations of the steps, by enumeration, vary half as much as those of equal steps."""
    machine = laws.MACHINES[name]()
    machine.params[machine.couplings[0]][:] *= 2
    machine.project()
    x = laws.all_states(machine.units, machine.n_units)

    def spread(betas):
        F = [-laws.minus_free_energy(machine, x, b) for b in betas]
        steps = [(f, g - f, np.exp(-f - logsumexp(-f))) for f, g in itertools.pairwise(F)]
        sigma = np.array([np.sqrt(p @ np.square(d) - (p @ d) ** 2) for _, d, p in steps])
        return sigma.std() / sigma.mean()

    betas = even_betas(machine, 12, seed=1)
    assert (betas[0], betas[-1], len(betas)) == (0, 1, 13)
    assert np.all(np.diff(betas) > 0)
    assert spread(betas) < spread(np.linspace(0, 1, 13)) / 2


@pytest.mark.parametrize("betas", [[0.1, 1], [0, 0.9], [0, 0.6, 0.5, 1], [0], [0, np.nan, 1], [[0, 1]]])
def test_paths_go_from_zero_to_one(betas):
    machine = laws.MACHINES["bernoulli-bernoulli"]()
    x = np.zeros((2, 5))
    for walk in (
        lambda: annealed_log_weights(machine, n_chains=2, betas=betas),
        lambda: reverse_log_weights(machine, x, betas=betas),
        lambda: raise_log_likelihood(machine, x, n_chains=2, betas=betas),
    ):
        with pytest.raises(EbmError, match="betas") as error:
            walk()
        assert "\n" not in str(error.value)
