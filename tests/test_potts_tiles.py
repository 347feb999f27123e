"""Potts units by tiles of chains, and pairs of states counted by bits: against what they stand for."""

import numpy as np
import pytest

import ebm
from ebm.boltzmann.sweeping import _padded
from ebm.kernels.dense.potts import potts_sweeps, potts_tiles
from ebm.kernels.layers.potts import gather_rows
from ebm.kernels.learning.pairs import count_pairs, state_bits


def couplings(n, q, rng):
    J = rng.normal(size=(n * q, n * q)) / np.sqrt(n)
    own = np.repeat(np.arange(n), q)
    J[own[:, None] == own] = 0.0
    return J + J.T


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize(
    ("n", "q", "chains", "tile"), [(5, 2, 3, 16), (70, 5, 37, 16), (9, 9, 20, 64), (6, 21, 70, 64)]
)
@pytest.mark.parametrize("order", ["systematic", "some, in another order each sweep"])
def test_tiles_are_chain_by_chain_to_the_bit(n, q, chains, tile, order, dtype):
    """Temperatures of each chain and a base; more states than lanes, and a part of a vector."""
    rng = np.random.default_rng(n)
    J = couplings(n, q, rng).astype(dtype)
    beta = rng.uniform(0.3, 1.2, chains).astype(dtype)
    tempered = _padded((*rng.normal(size=(2, n * q)).astype(dtype), beta), n * q + 64)
    x = rng.integers(0, q, (chains, n)).astype(np.int32)
    fields = np.zeros((chains, n * q + 64), dtype)
    gather_rows(False, x, q, J, fields)
    rows = (
        np.arange(n)[None]
        if order == "systematic"
        else rng.permuted(np.tile(np.arange(n), (3, 1)), axis=1)[:, 1:]
    )
    y, others = x.copy(), fields.copy()
    sweeps = np.uint64(7), 3, 4
    potts_sweeps(False, x, q, fields, J, tempered, rows, sweeps)
    potts_tiles(False, tile, y, q, others, J, tempered, rows, sweeps)
    np.testing.assert_array_equal(x, y)
    np.testing.assert_array_equal(fields, others)


def test_how_chains_are_split_changes_nothing():
    """One chain, a few and many take different kernels: the first chains of all are the same."""
    rng = np.random.default_rng(0)
    made = ebm.BoltzmannMachine(ebm.Potts(4), couplings(30, 4, rng), rng.normal(size=120))
    x = made.sample0(300, ebm.Stream(1))
    every = made.sweep(x, ebm.Stream(2), 5)
    for n in (1, 5, 70):
        np.testing.assert_array_equal(made.sweep(x[:n], ebm.Stream(2), 5), every[:n])


@pytest.mark.parametrize("chains", [1, 64, 130])
def test_pairs_of_states_are_counted(chains):
    q, n = 3, 11
    x = np.random.default_rng(chains).integers(0, q, (chains, n)).astype(np.int32)
    bits = np.empty((n * q, -(-chains // 64)), np.uint64)
    state_bits(x, q, bits)
    counts = np.zeros((n * q, n * q), np.int32)
    count_pairs(False, bits, counts)
    phi = ebm.Potts(q).encode(x)
    np.testing.assert_array_equal(np.triu(counts), np.triu(phi.T @ phi))
