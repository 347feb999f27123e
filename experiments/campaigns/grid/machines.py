"""The machines of the grid: every kind of unit in every place, with numbers that are drawn by a seed."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
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
FULLY = ("bernoulli", "ising", "potts2", "potts3", "ternary", "binomial", "mixed", "label", "binomials")
# The kind of the data, and that of all other layers.
DEEP = (
    ("bernoulli", "bernoulli"), ("ising", "ising"), ("potts3", "potts3"), ("binomial", "binomial"),
    ("mixed", "bernoulli"), ("label", "ising"), ("bernoulli", "potts3"), ("ising", "ternary"),
)  # fmt: skip


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
    if {visible, hidden} & {"ternary", "drelu", "learnt drelu", "real"}:
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
    units, n = LAYERS[kind]
    n += 0 if isinstance(units, Mixed) else 1 + seed % 2
    owners = oracles.owners(units, n)
    J = 0.5 * rng.normal(size=(len(owners), len(owners)))
    kept = rng.random((n, n)) < (0.6 if sparse else 1.1)
    kept[np.arange(n - 1), np.arange(1, n)] = True
    J *= np.triu(kept, 1)[np.ix_(owners, owners)]
    if kind == "ternary":
        J *= 0.4  # so that sweeps forget where they began
    J, b = (J + J.T).astype(dtype), (0.4 * rng.normal(size=len(owners))).astype(dtype)
    return ebm.BoltzmannMachine(units, scipy.sparse.csr_array(J) if sparse else J, b, n_visible=n - hidden)


def deep(visible: str, others: str, depth: int, dtype: str, seed: int) -> Any:
    """A deep Boltzmann machine."""
    rng = np.random.default_rng([seed, 3])
    units, sizes = [LAYERS[visible][0]] + [LAYERS[others][0]] * (depth - 1), [3, 2, 2, 1][:depth]
    if isinstance(units[0], Mixed):
        sizes[0] = LAYERS[visible][1]
    widths = [_columns(own, n) for own, n in zip(units, sizes, strict=True)]
    scale = 0.3 if "ternary" in (visible, others) else 0.5
    weights = [(scale * rng.normal(size=shape)).astype(dtype) for shape in itertools.pairwise(widths)]
    return ebm.DBM(units, weights, [(0.3 * rng.normal(size=n)).astype(dtype) for n in widths])


def all_machines(seed: int) -> dict[str, list[tuple[str, str, Make]]]:
    """Of every type of machine, the name, the dtype and the maker of each."""
    found: dict[str, list[tuple[str, str, Make]]] = {"RBM": [], "BM": [], "DBM": []}
    for dtype in ("float64", "float32"):
        for v, h in itertools.product(LAYERS, LAYERS):
            make: Make = functools.partial(restricted, v, h, dtype, seed)
            found["RBM"].append((f"{v} × {h}", dtype, make))
        for kind, sparse, n in itertools.product(FULLY, (False, True), (0, 2)):
            name = f"{kind}{' sparse' * sparse}{', hidden' * (n > 0)}"
            found["BM"].append((name, dtype, functools.partial(fully, kind, sparse, n, dtype, seed)))
        for (v, h), depth in itertools.product(DEEP, (3, 4)):
            make = functools.partial(deep, v, h, depth, dtype, seed)
            found["DBM"].append((f"{v} - {h}, {depth} layers", dtype, make))
    return found
