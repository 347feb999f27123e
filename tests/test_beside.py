"""Samples by an executor: the same for any of them, of the machine, and as one would have them."""

import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from ebm import (
    RBM,
    Annealing,
    Bernoulli,
    BoltzmannMachine,
    EbmError,
    Gaussian,
    Gibbs,
    Ising,
    PopulationAnnealing,
    Tempering,
    sample,
)
from ebm.experiment import Workers
from ebm.samplers.beside import blocks

PAIR = BoltzmannMachine(Ising(), [[0, 0.7, 0.2], [0.7, 0, -0.4], [0.2, -0.4, 0]], [0.3, -0.2, 0.1])
RBM_ = RBM.random(Bernoulli(), Bernoulli(), 6, 4, scale=0.7, seed=1, dtype="float64")
REAL = RBM.random(Gaussian(), Bernoulli(), 4, 3, scale=0.3, seed=1, dtype="float64")
CASES = [
    (PAIR, 130, {}),
    (RBM_, 1000, {"n_chains": 60, "burn_in": 20, "thin": 2}),
    (REAL, 77, {"burn_in": 5}),
    (RBM_, 90, {"sampler": Tempering(n_replicas=3)}),
    (PAIR, 70, {"sampler": Annealing(n_steps=20)}),
    (PAIR, 60, {"given": [1, np.nan, np.nan]}),
    (PAIR, 60, {"given": [[1, np.nan, np.nan], [np.nan, -1, 1]] * 30}),
]


@pytest.mark.parametrize(("machine", "n", "how"), CASES)
def test_samples_are_the_same_for_any_executor(machine, n, how):
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(4) as four:
        found = [sample(machine, n, seed=3, executor=executor, **how) for executor in (one, four)]
    assert np.array_equal(found[0].x, found[1].x)
    assert np.array_equal(found[0].free_energy, machine.free_energy(found[0].x))
    assert len(found[0]) == n
    assert found[0].diagnostics["n_chains"] >= min(n, 60)
    if "given" in how:
        given = np.broadcast_to(how["given"], found[0].x.shape)
        held = ~np.isnan(given)
        assert np.array_equal(found[0].x[held], given[held])


def test_processes_draw_the_same():
    with ThreadPoolExecutor(2) as threads, Workers(2) as workers:
        found = [sample(RBM_, 200, seed=1, executor=executor) for executor in (threads, workers)]
    assert np.array_equal(found[0].x, found[1].x)


def test_they_are_of_the_machine_and_no_two_blocks_are_alike():
    with ThreadPoolExecutor(2) as executor:
        x = sample(PAIR, 40_000, seed=5, executor=executor, thin=4).x
    states = np.array(np.meshgrid(*[[-1, 1]] * 3, indexing="ij")).reshape(3, -1).T
    p = np.exp(-PAIR.energy(states))
    counts = np.array([(x == state).all(1).sum() for state in states])
    expected = len(x) * p / p.sum()
    assert ((counts - expected) ** 2 / expected).sum() < 40  # χ² of 7: p < 1e-6 beyond
    parts = [x[rows] for rows in blocks(40_000, 100)]
    assert len({part.tobytes() for part in parts}) == len(parts) == 4


def test_every_sample_is_of_one_block():
    for n, c in ((1, 1), (100, 100), (101, 100), (5000, 77), (10_000, 10_000)):
        parts = blocks(n, c)
        assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(n))
        assert len(parts) <= 64


def test_what_is_warned_of_elsewhere_is_heard_here():
    stuck = BoltzmannMachine(Ising(), 3.0 * (1 - np.eye(12)))
    with Workers(1) as executor, pytest.warns(RuntimeWarning, match="autocorrelation"):
        sample(stuck, 20, seed=0, sampler=Gibbs(), executor=executor)
    with warnings.catch_warnings(), ThreadPoolExecutor(1) as executor:
        warnings.simplefilter("error")
        sample(PAIR, 200, executor=executor)


def test_what_makes_no_sense_is_refused():
    with ThreadPoolExecutor(1) as executor:
        with pytest.raises(EbmError, match="one population"):
            sample(PAIR, 10, sampler=PopulationAnnealing(), executor=executor)
        with pytest.raises(EbmError, match="given"):
            sample(PAIR, 10, given=[1, 2], executor=executor)
    with pytest.raises(EbmError, match="executor: got the number 2"):
        sample(PAIR, 10, executor=2)
