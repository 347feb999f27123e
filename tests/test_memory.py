"""What is per row goes in blocks of bounded memory; what needs more than is free says so first."""

import subprocess
import sys

import numpy as np
import pytest

import ebm
from ebm import EbmError
from ebm.datasets import lattice


@pytest.mark.parametrize(
    "machine",
    [
        ebm.RBM.random(ebm.Bernoulli(), ebm.Potts(3), 5, 4, scale=0.5, seed=1, dtype="float64"),
        ebm.RBM.random(ebm.Potts(3), ebm.Ising(), 5, 4, scale=0.5, seed=1, dtype="float64"),
        ebm.BoltzmannMachine.random(ebm.Ising(), 5, scale=0.5, seed=1, dtype="float64"),
        ebm.BoltzmannMachine.random(ebm.Bernoulli(), 3, 4, scale=0.5, seed=1, dtype="float64"),
        ebm.DBM.random([5, 3, 4], scale=0.5, seed=1, dtype="float64"),
    ],
)
def test_blocks_of_rows_change_nothing(machine, monkeypatch):
    rows = np.asarray(machine.sample0(30, ebm.Stream(0)))[:, : machine.n_visible]
    scores = {"visible": machine.visible_free_energy, "log": lambda x: ebm.log_likelihood(machine, x, 1.0)}
    if machine.n_units == machine.n_visible:
        scores["sites"] = lambda x: ebm.pseudo_likelihood(machine, x)
        scores["levels"] = lambda x: machine.free_energy(x, np.array([[0.5], [1.0]]) * np.ones(30)).T
    if isinstance(machine, ebm.RBM):
        scores |= {"mean": machine.mean_h, "back": machine.reconstruct}
        scores["error"] = lambda x: ebm.reconstruction_error(machine, x)
    whole = {name: score(rows) for name, score in scores.items()}
    monkeypatch.setattr(ebm.arrays, "_AT_ONCE", 60)
    monkeypatch.setattr(ebm.boltzmann.enumeration, "_AT_ONCE", 60)
    for name, score in scores.items():
        assert np.allclose(score(rows), whole[name], rtol=1e-12), name


def test_rows_are_looked_at_in_blocks(monkeypatch):
    monkeypatch.setattr(ebm.units.family, "_CHECKED", 20)
    rows = np.zeros((30, 4))
    rows[23, 2] = 0.5
    with pytest.raises(EbmError, match=r"data: 0.5 at row 23, column 2; Bernoulli"):
        ebm.Bernoulli().check(rows, strict=True)
    assert ebm.Bernoulli().check(np.zeros((0, 4)), strict=True).shape == (0, 4)
    assert ebm.Bernoulli().check(1.0, strict=True) == 1
    with pytest.raises(EbmError, match=r"data: 0.5 at ; |data: 0.5"):
        ebm.Bernoulli().check(0.5, strict=True)


PEAK = """
import resource, sys, numpy as np, ebm
X = (np.random.default_rng(0).random((200_000, 100), dtype=np.float32) < .2).view(np.uint8)
m = ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 100, 16, dtype="float64")
ebm.reconstruction_error(m, X[:10]), ebm.pseudo_likelihood(m, X[:10], stochastic=True)  # compiled, loaded
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
before = peak()
ebm.reconstruction_error(m, X), m.free_energy(X), m.mean_h(X), ebm.log_likelihood(m, X, 0.0)
print(peak() - before)
"""


def test_scores_of_many_rows_take_little_memory():
    """20 MB of rows; in one piece they took 800."""
    ran = subprocess.run([sys.executable, "-c", PEAK], capture_output=True, text=True, check=True)
    assert float(ran.stdout) < 250


def test_a_large_sparse_machine_is_not_made_dense(monkeypatch):
    chain = ebm.BoltzmannMachine(ebm.Ising(), lattice(2000, J=0.7, periodic=False))
    monkeypatch.setattr(type(chain), "_float64", lambda self: pytest.fail("made dense"))
    exact = 2000 * np.log(2) + 1999 * np.log(np.cosh(0.7))
    assert ebm.log_z(chain).value == pytest.approx(exact)
    up = np.ones((2, 2000))
    assert np.allclose(ebm.log_likelihood(chain, up, exact), 0.7 * 1999 - exact)


def test_what_needs_more_memory_than_is_free_says_so():
    for make in (
        lambda: ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 10**7, 10**7, dtype="float64"),
        lambda: ebm.BoltzmannMachine.random(ebm.Ising(), 10**7, dtype="float64"),
        lambda: ebm.sample(
            ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 10, 2, dtype="float64"), 2 * 10**9
        ),
    ):
        with pytest.raises(EbmError, match=r"GiB of memory, .* are free; expected fewer"):
            make()
