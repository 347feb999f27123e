"""What a careful user of numpy would get: the matrix products alone, and AIS with buffers reused."""

from __future__ import annotations

import numpy as np

from experiments.speed.timing import Contender, at_one_and_two, blas


def sgemm(n_units: int, n_chains: int, n: int) -> list[Contender]:
    """J·S of one sweep, (N, N)·(N, C)."""
    rng = np.random.default_rng(0)
    J = rng.normal(size=(n_units, n_units)).astype(np.float32)
    S = rng.normal(size=(n_units, n_chains)).astype(np.float32)
    out = np.empty_like(S)

    def run(k: int) -> None:
        for _ in range(k):
            np.matmul(J, S, out=out)

    return at_one_and_two("sgemm", run, n, float(n_units * n_chains), blas)


def rbm_products(n_visible: int, n_hidden: int, batch: int, n: int) -> list[Contender]:
    """The five products of a CD-1 update."""
    rng = np.random.default_rng(0)
    W = rng.normal(size=(n_visible, n_hidden)).astype(np.float32)
    v = (rng.random((batch, n_visible)) < 0.15).astype(np.float32)
    h = (rng.random((batch, n_hidden)) < 0.5).astype(np.float32)
    p, q, g = np.empty_like(h), np.empty_like(v), np.empty_like(W)

    def run(k: int) -> None:
        for _ in range(k):
            np.matmul(v, W, out=p)
            np.matmul(h, W.T, out=q)
            np.matmul(v, W, out=p)
            np.matmul(v.T, h, out=g)
            np.matmul(v.T, h, out=g)

    return at_one_and_two("five sgemm", run, n, batch, blas)


def numpy_ais(
    W: np.ndarray, b: np.ndarray, c: np.ndarray, n_temperatures: int, n_chains: int
) -> list[Contender]:
    """AIS in numpy: two products per temperature, buffers reused, float32 draws, the stable softplus."""
    rng = np.random.default_rng(0)
    n_visible, n_hidden = W.shape
    W_t = np.ascontiguousarray(W.T)
    product, u = np.empty((n_chains, n_hidden), np.float32), np.empty((n_chains, n_hidden), np.float32)
    input_h, e = np.empty_like(product), np.empty_like(product)
    input_v = np.empty((n_chains, n_visible), np.float32)
    u_v = np.empty_like(input_v)

    def softplus(beta: float) -> np.ndarray:
        np.add(product, c, out=input_h)
        np.multiply(input_h, np.float32(beta), out=input_h)
        np.abs(input_h, out=e)
        np.negative(e, out=e)
        np.exp(e, out=e)
        np.log1p(e, out=e)
        np.maximum(input_h, 0, out=input_h)
        return (input_h + e).sum(1, dtype=np.float64)

    def draw(I: np.ndarray, noise: np.ndarray) -> np.ndarray:
        rng.random(dtype=np.float32, out=noise)
        np.negative(I, out=I)
        np.exp(I, out=I)
        np.add(I, 1, out=I)
        np.multiply(I, noise, out=I)
        return (I < 1).astype(np.float32)

    def run(_: int) -> float:
        v = (rng.random((n_chains, n_visible)) < 0.5).astype(np.float32)
        log_w = np.full(n_chains, (n_visible + n_hidden) * np.log(2))
        np.matmul(v, W, out=product)
        betas = np.linspace(0, 1, n_temperatures + 1)
        for k in range(1, n_temperatures + 1):
            log_w += (betas[k] - betas[k - 1]) * (v @ b) + softplus(betas[k]) - softplus(betas[k - 1])
            if k < n_temperatures:
                np.add(product, c, out=input_h)
                np.multiply(input_h, np.float32(betas[k]), out=input_h)
                h = draw(input_h, u)
                np.matmul(h, W_t, out=input_v)
                np.add(input_v, b, out=input_v)
                np.multiply(input_v, np.float32(betas[k]), out=input_v)
                v = draw(input_v, u_v)
                np.matmul(v, W, out=product)
        top = log_w.max()
        return float(top + np.log(np.exp(log_w - top).mean()))

    return at_one_and_two("careful numpy", run, 1, 1.0, blas)
