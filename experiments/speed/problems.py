"""The problems: spin glasses, lattices, graphs, digits."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import scipy.sparse

SHARED = Path(os.environ.get("EBM_DATA", Path(__file__).resolve().parents[2].parent / "shared" / "data"))


def sherrington_kirkpatrick(n: int, seed: int = 0) -> np.ndarray:
    """Normal couplings of variance 1/n, (n, n) float32."""
    J = np.triu(np.random.default_rng(seed).normal(size=(n, n)) / np.sqrt(n), 1)
    return (J + J.T).astype(np.float32)


def lattice(side: int, coupling: float) -> scipy.sparse.csr_array:
    """The ferromagnet on a square lattice with periodic boundaries."""
    i = np.arange(side * side).reshape(side, side)
    return _graph(
        np.concatenate([np.stack([i.ravel(), np.roll(i, 1, a).ravel()], 1) for a in (0, 1)]), coupling
    )


def regular(n: int, degree: int = 3, seed: int = 0) -> scipy.sparse.csr_array:
    """Couplings ±1 on a random regular graph (of stubs paired at random; the few bad pairs are swapped)."""
    rng = np.random.default_rng(seed)
    pairs = rng.permutation(np.repeat(np.arange(n), degree)).reshape(-1, 2)
    while True:
        low, high = pairs.min(1), pairs.max(1)
        _, first = np.unique(low * n + high, return_index=True)
        bad = np.ones(len(pairs), bool)
        bad[first] = False
        bad |= low == high
        if not bad.any():
            break
        for k in np.flatnonzero(bad):
            other = rng.integers(len(pairs))
            pairs[k, 1], pairs[other, 1] = pairs[other, 1], pairs[k, 1]
    return _graph(pairs, rng.choice([-1.0, 1.0], len(pairs)))


def _graph(pairs: np.ndarray, values: object) -> scipy.sparse.csr_array:
    n = int(pairs.max()) + 1
    values = np.broadcast_to(np.asarray(values, np.float32), len(pairs))
    half = scipy.sparse.coo_array((values, (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    return scipy.sparse.csr_array(half + half.T).astype(np.float32)


def digits(n: int) -> tuple[np.ndarray, str]:
    """n rows of 784 binary pixels, and what they are: MNIST where ../shared/data has it, else noise."""
    path = SHARED / "mnist_binarized_sm08.npz"
    if path.exists():
        with np.load(path) as file:
            x = np.unpackbits(file["X_train_packed"][:n], axis=1)
        return x.astype(np.float32), "binarised MNIST"
    x = np.random.default_rng(0).random((n, 784)) < 0.15
    return x.astype(np.float32), "random pixels, 15 % ones"


def grey_digits(n: int) -> tuple[np.ndarray, np.ndarray, str]:
    """n rows of 784 pixels in [0, 1], float32, their labels, and what they are: MNIST, else noise."""
    path = SHARED / "mnist.npz"
    if path.exists():
        with np.load(path) as file:
            x, y = file["X_train"][:n].reshape(n, -1), file["y_train"][:n].astype(np.int64)
        return (x / 255).astype(np.float32), y, "MNIST"
    rng = np.random.default_rng(0)
    x = rng.random((n, 784)) * (rng.random((n, 784)) < 0.19)
    return x.astype(np.float32), rng.integers(10, size=n), "random pixels, 19 % not zero"


def sequences(n: int, sites: int = 31, states: int = 21) -> np.ndarray:
    """Random sequences, (n, sites) int32."""
    return np.random.default_rng(0).integers(0, states, (n, sites)).astype(np.int32)


def published_rbm() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """W, b, c of the published RBM of MNIST where ../shared/data has it, else random ones; all float32."""
    path = SHARED / "rbm_mnist_784x500.npz"
    if path.exists():
        with np.load(path) as file:
            return tuple(file[key].astype(np.float32) for key in "Wbc")
    W = (0.05 * np.random.default_rng(0).normal(size=(784, 500))).astype(np.float32)
    return W, np.zeros(784, np.float32), np.zeros(500, np.float32)
