"""Data sets of the tables: ../shared/data, or the folder that EBM_DATA names."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

FOLDER = Path(os.environ.get("EBM_DATA", Path(__file__).resolve().parents[2].parent / "shared" / "data"))


def mnist_threshold() -> tuple[np.ndarray, np.ndarray]:
    """Training and test rows of MNIST, pixel >= 128, (60000, 784) and (10000, 784) float32."""
    with np.load(FOLDER / "mnist.npz") as file:
        return tuple((file[f"X_{part}"] >= 128).astype(np.float32) for part in ("train", "test"))


def mnist_sm08() -> tuple[np.ndarray, np.ndarray]:
    """The one stochastic binarisation of Salakhutdinov & Murray (2008), in its own order."""
    with np.load(FOLDER / "mnist_binarized_sm08.npz") as file:
        rows = [np.unpackbits(file[f"X_{part}_packed"], axis=1)[:, :784] for part in ("train", "test")]
        return tuple(x.astype(np.float32) for x in rows)


def debd(name: str) -> dict[str, np.ndarray]:
    """The parts "train", "valid", "test" of a set of the density-estimation benchmark, float32."""
    with np.load(FOLDER / "debd.npz") as file:
        d = int(file[f"{name}_d"]) if f"{name}_d" in file else int(file[f"{name.split('_')[0]}_d"])
        parts = {p: file[f"{name}_{p}"] for p in ("train", "valid", "test") if f"{name}_{p}" in file}
        return {p: np.unpackbits(x, axis=1)[:, :d].astype(np.float32) for p, x in parts.items()}


def genes() -> tuple[np.ndarray, np.ndarray]:
    """4000 and 500 haplotypes of 805 sites, split by default_rng(0).permutation."""
    with np.load(FOLDER / "genes_1kg_805snp.npz") as file:
        x = np.unpackbits(file["X_packed"], axis=1)[:, :805].astype(np.float32)
    x = x[np.random.default_rng(0).permutation(len(x))]
    return x[:4000], x[4000:]
