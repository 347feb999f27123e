"""Values that nobody expects, and changes of those that somebody does."""

from __future__ import annotations

import datetime
import decimal
import fractions
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse

import ebm
from experiments.campaigns.fuzz.arrays import Rng, array, laid, one_of

__all__ = ["anything", "changed", "machine"]

# Small enough that what takes a count takes it soon, or beyond what anybody counts.
_INTEGERS = (
    0,
    1,
    2,
    3,
    4,
    5,
    7,
    17,
    33,
    -1,
    -2,
    -7,
    2**31,
    2**31 - 1 + 2,
    2**32,
    2**53,
    2**63,
    2**64,
    10**30,
    10**400,
    10**5000,
    -(2**63),
)
_FLOATS = (
    0.0,
    -0.0,
    0.1,
    0.5,
    1.0,
    2.5,
    -1.0,
    -0.3,
    1e-9,
    1e-320,
    1e9,
    1e39,
    1e300,
    -1e300,
    np.inf,
    -np.inf,
    np.nan,
)
_TEXTS = (
    "",
    " ",
    "text",
    "0",
    "1.0",
    "nan",
    "float32",
    "float64",
    "auto",
    "exact",
    "W",
    "a\nb",
    "\x00",
    "é",
    "\ud800",
    "x" * 5000,
    "../x",
    "/",
    "{",
    "[1]",
    "None",
    "Bernoulli",
    "PCD",
    "\u2028",
    "‮",
)


class _Lying:
    """Says that it is long, and is not."""

    def __len__(self) -> int:
        return 10**12

    def __getitem__(self, i: int) -> float:
        raise IndexError


def _b() -> Any:
    return ebm.Bernoulli()


_COUPLED = np.array([[0, 1.0, 0, 0], [1, 0, -0.5, 0], [0, -0.5, 0, 2], [0, 0, 2, 0]])
MACHINES: dict[str, Callable[[], Any]] = {
    "rbm": lambda: ebm.RBM.random(_b(), _b(), 4, 2, scale=0.5),
    "rbm32": lambda: ebm.RBM.random(ebm.Ising(), _b(), 4, 2, scale=0.5, dtype="float32"),
    "potts": lambda: ebm.RBM.random(ebm.Potts(3), ebm.Ising(), 4, 2, scale=0.5),
    "gaussian": lambda: ebm.RBM.random(ebm.Gaussian(True), _b(), 4, 2, scale=0.5),
    "gaussian-gaussian": lambda: ebm.RBM.random(ebm.Gaussian(), ebm.Gaussian(), 4, 2, scale=0.1),
    "relu": lambda: ebm.RBM.random(_b(), ebm.ReLU(), 4, 2, scale=0.3),
    "drelu": lambda: ebm.RBM.random(_b(), ebm.DReLU(learn=True), 4, 2, scale=0.3),
    "mixed": lambda: ebm.RBM.random(ebm.Mixed(((_b(), 3), (ebm.Potts(2), 1))), _b(), 4, 2, scale=0.5),
    "real": lambda: ebm.RBM.random(ebm.Mixed(((_b(), 3), (ebm.Gaussian(), 1))), _b(), 4, 2, scale=0.5),
    "ising": lambda: ebm.BoltzmannMachine(ebm.Ising(), _COUPLED, np.zeros(4)),
    "sparse": lambda: ebm.BoltzmannMachine(_b(), scipy.sparse.csr_array(_COUPLED), np.ones(4)),
    "hidden": lambda: ebm.BoltzmannMachine.random(_b(), 4, 2, scale=0.5, seed=1),
    "potts-bm": lambda: ebm.BoltzmannMachine(ebm.Potts(2), np.zeros((8, 8)), np.zeros(8)),
    "dbm": lambda: ebm.DBM.random([4, 2, 2], scale=0.5),
    "dbn": lambda: ebm.DBN([ebm.RBM.random(_b(), _b(), *s, dtype="float32") for s in ((4, 3), (3, 2))]),
    "network": lambda: ebm.Network([ebm.Layer.random(ebm.Potts(2), 4, 1)], _b()),
    "regressor": lambda: ebm.Network(
        [ebm.Layer.random(ebm.ReLU(), 4, 3), ebm.Layer.random(ebm.Poisson(), 3, 1)]
    ),
}


def machine(rng: Rng) -> Any:
    """A small machine of any kind, sometimes one with odd parameters."""
    out = one_of(rng, list(MACHINES.values()))()
    if rng.random() < 0.15:
        key = one_of(rng, list(out.params))
        value = out.params[key]
        value *= one_of(rng, (0.0, -1.0, 30.0, 1e4, 1e200))
        out.project()
    return out


@functools.cache
def _settings() -> list[type]:
    names = (
        "Gibbs",
        "Metropolis",
        "Annealing",
        "Direct",
        "Tempering",
        "SwendsenWang",
        "Wolff",
        "CD",
        "PCD",
        "Exact",
        "PseudoLikelihood",
        "TAP",
        "MeanField",
        "FastPCD",
        "RandomStart",
        "SGD",
        "Adam",
        "AdamW",
        "RMSprop",
        "EarlyStopping",
        "NonNegative",
        "Bernoulli",
        "Ising",
        "Gaussian",
        "ReLU",
        "DReLU",
        "Poisson",
        "PopulationAnnealing",
        "TemperedTransitions",
        "Discriminative",
        "RatioMatching",
        "MinimumProbabilityFlow",
    )
    return [getattr(ebm, name) for name in names if name in dir(ebm)]


def _objects(rng: Rng) -> Any:
    """Parts of the package and of others, that are no numbers."""
    made: list[Callable[[], Any]] = [
        lambda: one_of(rng, _settings())(),
        lambda: one_of(rng, _settings()),
        lambda: machine(rng),
        lambda: machine(rng),
        lambda: ebm.Potts(int(rng.integers(2, 5))),
        lambda: ebm.Mixed(((ebm.Ising(), 2), (ebm.Potts(3), 2))),
        lambda: ebm.Stream(3),
        lambda: ebm.History([{"step": 1}]),
        lambda: ebm.L2(0.1),
        lambda: ebm.MaxNorm(0.5),
        lambda: ebm.Mask(np.ones((4, 2), bool)),
        lambda: ebm.LogZ(value=1.0, stderr=0.1, method="mine"),
        lambda: ebm.begin(MACHINES["rbm"](), ebm.PCD(n_chains=3), ebm.SGD()),
        lambda: MACHINES["rbm"]().start(np.eye(4)),
        lambda: MACHINES["ising"]().start(np.ones((2, 4))),
        lambda: MACHINES["ising"]().graph(),
        lambda: np.random.default_rng(0),
        lambda: np.random.SeedSequence(3),
        lambda: np,
        lambda: len,
        lambda: int,
        lambda: Exception("x"),
        lambda: (k for k in range(3)),
        lambda: np.float32,
        lambda: np.dtype("f4"),
        lambda: slice(None),
        lambda: Ellipsis,
        lambda: NotImplemented,
        lambda: _Lying(),
        lambda: memoryview(b"abcd"),
        lambda: bytearray(4),
        lambda: open,
    ]
    return one_of(rng, made)()


def anything(rng: Rng, depth: int = 0) -> Any:
    """Any value."""
    kind = int(rng.integers(14 if depth < 3 else 9))
    if kind == 0:
        return one_of(rng, _INTEGERS)
    if kind == 1:
        return one_of(rng, _FLOATS)
    if kind == 2:
        return one_of(rng, _TEXTS)
    if kind == 3:
        return one_of(
            rng,
            (
                None,
                True,
                False,
                1j,
                b"",
                b"abc",
                decimal.Decimal("1.5"),
                fractions.Fraction(1, 2),
                datetime.date(2026, 1, 1),
                range(3),
                set(),
                frozenset((1,)),
            ),
        )
    if kind == 4:
        return one_of(
            rng,
            (
                np.int8(3),
                np.uint64(2**63),
                np.float16(0.5),
                np.float32(np.nan),
                np.longdouble(2),
                np.bool_(True),
                np.str_("a"),
                np.datetime64("2026-01-01"),
                np.complex64(1),
                np.array(3),
                np.array(0.5),
                np.array(None),
                np.array("a"),
            ),
        )
    if kind in (5, 6, 7):
        return array(rng)
    if kind == 8:
        return _objects(rng)
    items = [anything(rng, depth + 1) for _ in range(int(rng.integers(4)))]
    if kind in (9, 10):
        return items
    if kind == 11:
        return tuple(items)
    if kind == 12:
        return {one_of(rng, ("a", "W", "b", "v.precision", "seed", 1, None)): item for item in items}
    deep: Any = []
    for _ in range(int(one_of(rng, (5, 50, 2000)))):
        deep = [deep]
    return deep


def changed(rng: Rng, value: Any) -> Any:
    """What was right, a little different; anything where that is not known how."""
    if isinstance(value, bool) or value is None or rng.random() < 0.35:
        return anything(rng)
    if isinstance(value, int):
        return one_of(
            rng,
            (
                value - 1,
                value + 1,
                -value,
                float(value),
                value + 0.5,
                np.int16(value),
                np.uint64(abs(value)),
                str(value),
                [value],
                np.array([value]),
                True,
                0,
            ),
        )
    if isinstance(value, float):
        return one_of(
            rng,
            (
                -value,
                value * 1e-12,
                np.nextafter(value, 9),
                np.float16(value),
                np.float32(value),
                f"{value}",
                [value],
                1,
                0,
                np.inf,
                np.array([value]),
                complex(value),
            ),
        )
    if isinstance(value, np.ndarray):
        return _changed_array(rng, value)
    if isinstance(value, (list, tuple)) and value:
        items = list(value)
        how = int(rng.integers(5))
        k = int(rng.integers(len(items)))
        if how == 0:
            items[k] = changed(rng, items[k])
        elif how == 1:
            del items[k]
        elif how == 2:
            items.append(items[k])
        elif how == 3:
            return array(rng)
        else:
            items = items[::-1]
        return one_of(rng, (list, tuple))(items)
    if isinstance(value, str):
        return one_of(rng, (value.upper(), value + " ", value[:-1], value + "\n", [value], value.encode()))
    return anything(rng)


def _changed_array(rng: Rng, a: np.ndarray) -> Any:
    how = int(rng.integers(12))
    if not a.ndim:
        return laid(rng, a)
    if how == 0:
        return a[:-1]
    if how == 1:
        return a.T
    if how == 2:
        return a[None]
    if how == 3:
        return a[..., :-1]
    if how == 4:
        return np.concatenate([a, a])
    if how == 5:
        return a[:0]
    if how == 6:
        return array(rng, a.shape)
    if how == 7 and a.size and a.dtype.kind in "biuf":
        out = a.astype(np.float64)
        out.flat[rng.integers(a.size)] = one_of(rng, (np.nan, np.inf, -1.0, 2.0, 0.5, 1e300, -0.0, 1 + 1e-9))
        return out
    if how == 8 and a.dtype.kind in "biuf":
        return a * one_of(rng, (2, -1, 1e-3, 1e300, 0))
    return laid(rng, a)
