"""The machines of the grid: every kind of unit in every place, with numbers that are drawn by a seed."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse

import ebm
from ebm import Bernoulli, DReLU, Gaussian, Ising, Mixed, Potts, ReLU
from tests import oracles

__all__ = ["Binomial", "all_machines"]

Make = Callable[[], Any]


@dataclass(frozen=True)
class Binomial(ebm.Units):
    """How many of n coins show heads: a user's unit, with a potential."""

    n: int = 2

    @property
    def states(self) -> tuple[float, ...]:  # type: ignore[override]
        """0 to n."""
        return tuple(map(float, range(self.n + 1)))

    def potential(self, x: Any) -> Any:
        """−log of the number of ways."""
        return -np.log(np.array([math.comb(self.n, k) for k in range(self.n + 1)], np.float64))[x.astype(int)]


@dataclass(frozen=True)
class Ternary(ebm.Units):
    """Three states, unevenly far apart, and nothing else."""

    states = (-1.0, 0.0, 2.0)


oracles.OWN[Binomial] = lambda units, x: np.log([math.comb(units.n, int(k)) for k in x])

# Type, and how many of them make a layer whose states can all be summed, or that a quadrature can cover.
LAYERS: dict[str, tuple[Any, int]] = {
    "bernoulli": (Bernoulli(), 4),
    "ising": (Ising(), 4),
    "potts2": (Potts(2), 3),
    "potts3": (Potts(3), 3),
    "binomial": (Binomial(2), 3),
    "ternary": (Ternary(), 3),
    "mixed": (Mixed(((Ising(), 1), (Potts(3), 1), (Bernoulli(), 1))), 3),
    "label": (Mixed(((Bernoulli(), 3), (Potts(3), 1))), 4),
    "binomials": (Mixed(((Binomial(3), 1), (Bernoulli(), 2))), 3),
    "gaussian": (Gaussian(), 2),
    "precise": (Gaussian(learn_precision=True), 2),
    "relu": (ReLU(), 1),
    "drelu": (DReLU(0.4, -0.6, 1.5, 0.9), 1),
    "learnt drelu": (DReLU(learn=True), 1),
    "real": (Mixed(((Bernoulli(), 2), (Gaussian(), 1))), 3),
}
FULLY = ("bernoulli", "ising", "potts2", "potts3", "ternary")
DEEP = ("bernoulli", "ising", "potts3", "binomial")


def _columns(units: Any, n: int) -> int:
    return sum(own.width for own in oracles.sites(units, n))


def restricted(visible: str, hidden: str, dtype: str, seed: int) -> Any:
    """An RBM of two kinds of layer."""
    rng = np.random.default_rng([seed, 1])
    (v, n_v), (h, n_h) = LAYERS[visible], LAYERS[hidden]
    if not h.finite and h.states is None and not isinstance(h, Mixed):
        n_h = 2
    n_v += seed % 2 if v.finite else 0
    if isinstance(v, Mixed):
        n_v = LAYERS[visible][1]
    real = not v.finite and not h.finite
    scale = (0.25 if real else 0.5) * (1 + 0.3 * (seed % 3))
    W = scale * rng.normal(size=(_columns(v, n_v), _columns(h, n_h)))
    if {visible, hidden} & {"ternary", "drelu", "learnt drelu"}:
        W *= 0.5  # so that sweeps forget where they began
    if real:
        W *= min(1, 0.5 / np.linalg.norm(W, 2))
    b, c = (0.4 * rng.normal(size=k) for k in W.shape)
    theta = {}
    for side, units, n in (("v", v, n_v), ("h", h, n_h)):
        for name in units.learns:
            value = rng.uniform(0.9, 1.8, n) if name in units.positive else 0.4 * rng.normal(size=n)
            theta[f"{side}.{name}"] = value.astype(dtype)
    return ebm.RBM(v, h, *(a.astype(dtype) for a in (W, b, c)), theta=theta)


def fully(kind: str, sparse: bool, hidden: int, dtype: str, seed: int) -> Any:
    """A fully connected machine, with or without hidden units."""
    rng = np.random.default_rng([seed, 2])
    units = LAYERS[kind][0]
    n, w = LAYERS[kind][1] + 1 + seed % 2, units.width
    J = 0.5 * rng.normal(size=(n * w, n * w))
    kept = rng.random((n, n)) < (0.6 if sparse else 1.1)
    kept[np.arange(n - 1), np.arange(1, n)] = True
    J = np.triu(J, 1) * np.kron(np.triu(kept, 1), np.ones((w, w)))
    if kind == "ternary":
        J *= 0.4  # so that sweeps forget where they began
    J, b = (J + J.T).astype(dtype), (0.4 * rng.normal(size=n * w)).astype(dtype)
    return ebm.BoltzmannMachine(units, scipy.sparse.csr_array(J) if sparse else J, b, n_visible=n - hidden)


def deep(kind: str, depth: int, dtype: str, seed: int) -> Any:
    """A deep Boltzmann machine."""
    rng = np.random.default_rng([seed, 3])
    units, sizes = LAYERS[kind][0], (3, 2, 2, 1)[:depth]
    widths = [n * units.width for n in sizes]
    weights = [(0.5 * rng.normal(size=shape)).astype(dtype) for shape in itertools.pairwise(widths)]
    return ebm.DBM([units] * depth, weights, [(0.3 * rng.normal(size=n)).astype(dtype) for n in widths])


def all_machines(seed: int) -> Iterator[tuple[str, str, Make]]:
    """Name, dtype and maker of every machine."""
    for dtype in ("float64", "float32"):
        for v in LAYERS:
            for h in LAYERS:
                yield f"RBM {v} × {h}", dtype, lambda v=v, h=h, d=dtype: restricted(v, h, d, seed)
        for kind in FULLY:
            for sparse in (False, True):
                for n in (0, 2):
                    name = f"BM {kind}{' sparse' * sparse}{', hidden' * (n > 0)}"
                    yield name, dtype, lambda k=kind, s=sparse, n=n, d=dtype: fully(k, s, n, d, seed)
        for kind in DEEP:
            for depth in (3, 4):
                yield (
                    f"DBM {kind}, {depth} layers",
                    dtype,
                    lambda k=kind, m=depth, d=dtype: deep(k, m, d, seed),
                )
