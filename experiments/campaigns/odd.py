"""Every argument of everything public, replaced by each of many odd values; ``... campaigns odd``."""

from __future__ import annotations

import datetime
import decimal
import fractions
import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse

import ebm
from ebm import estimators
from experiments.campaigns.fuzz.values import MACHINES
from experiments.campaigns.tally import Tally
from experiments.campaigns.verdicts import judged
from experiments.campaigns.workers import supervise

__all__ = ["run"]

_LEFT_OUT = ("datasets.MNIST",)  # asks the network
_CALLED = ("progress", "callback", "each")
_SHAPES = ((0,), (4,), (70,), (0, 4), (4, 0), (1, 4), (4, 4), (2, 4, 4), (1,) * 40)


class _Alien:
    """Others' containers: asked for numbers, or for its items, it raises what they like."""

    def __array__(self, *_: Any) -> Any:
        raise RuntimeError("these numbers are elsewhere")

    def __iter__(self) -> Any:
        raise NotImplementedError


def _nested(depth: int) -> list[Any]:
    out: list[Any] = []
    for _ in range(depth):
        out = [out]
    return out


def _itself() -> list[Any]:
    out: list[Any] = [1]
    out.append(out)
    return out


def _astray(part: str, value: int) -> Any:
    """A sparse matrix whose indices lead outside."""
    out = scipy.sparse.csr_array(np.eye(4))
    getattr(out, part)[-1] = value
    return out


def _scalars() -> list[Any]:
    numbers = (0, 1, 3, -1, 2**31, 2**63, 10**400, 0.5, -0.0, 1e300, 1e-320, np.inf, -np.inf, np.nan, 1j)
    of_numpy = (
        np.int8(3), np.uint64(2), np.uint64(2**63), np.float16(0.5), np.float32(np.nan), np.longdouble(2),
        np.bool_(True), np.str_("a"), np.datetime64("2026-01-01"), np.complex64(1),
    )  # fmt: skip
    texts = ("", "text", "auto", "a\nb", "\0", "\ud800", "x" * 5000, "/", b"abc", bytearray(4))
    others = (
        None, True, False, ..., NotImplemented, slice(None), len, int, np, datetime.date(2026, 1, 1),
        decimal.Decimal("1.5"), fractions.Fraction(1, 2), np.dtype("f4"), Exception("x"),
    )  # fmt: skip
    return [*numbers, *of_numpy, *texts, *others]


def _makers() -> list[tuple[str, Callable[[], Any]]]:
    """Odd values, by what they are."""
    made: list[tuple[str, Callable[[], Any]]] = [(repr(v)[:30], lambda v=v: v) for v in _scalars()]
    for shape in _SHAPES:
        made += [
            (f"{word} {shape[:3]}", lambda s=shape, v=v: np.full(s, v)) for word, v in (("0", 0.0), ("1", 1))
        ]
    for word, fill in {
        "nan": np.nan, "1e300": 1e300, "-1": -1, "2^63": np.uint64(2**63), "text": "a", "objects": None,
        "complex": 1j, "dates": np.datetime64("2026-01-01"), "bytes": b"a", "f2": np.float16(1),
        "bool": True, "g": np.longdouble(1),
    }.items():  # fmt: skip
        made += [(f"{word} {s}", lambda s=s, v=fill: np.full(s, v)) for s in ((), (4,), (4, 4))]
    made += [
        (f"{kind} matrix", lambda kind=kind: scipy.sparse.csr_array(np.eye(4)).asformat(kind))
        for kind in ("csr", "csc", "coo", "lil", "dok", "bsr", "dia")
    ]
    made += [
        (f"{part} {value}", lambda p=part, v=value: _astray(p, v))
        for part in ("indices", "indptr")
        for value in (-1, 99, 2**31 - 1)
    ]
    made += [(f"{name} machine", make) for name, make in MACHINES.items()]
    return made + _lists() + _parts()


def _lists() -> list[tuple[str, Callable[[], Any]]]:
    return [
        ("ragged", lambda: [[1.0, 2.0], [3.0]]),
        ("ragged 3", lambda: [1, [2, 3], 4]),
        ("itself", _itself),
        ("deep", lambda: _nested(2000)),
        ("rather deep", lambda: _nested(50)),
        ("alien", _Alien),
        ("mixed list", lambda: [1, "a", None, 0.5]),
        ("words", lambda: ["a", "b", "a", "b"]),
        ("integers", lambda: [0, 1, 0, 1]),
        ("no numbers", lambda: [None] * 4),
        ("large", lambda: [10**400] * 4),
        ("arrays", lambda: [np.ones(2), np.ones(3)]),
        ("set", lambda: {1, 2}),
        ("dict", lambda: {"W": np.ones(3)}),
        ("generator", lambda: (k for k in range(4))),
        ("range", lambda: range(4)),
        ("masked", lambda: np.ma.array(np.eye(4), mask=np.eye(4))),
        ("matrix", lambda: np.asmatrix(np.eye(4))),
        ("read-only", lambda: np.broadcast_to(1.0, (4, 4))),
        ("Fortran", lambda: np.asfortranarray(np.eye(4))),
    ]


def _parts() -> list[tuple[str, Callable[[], Any]]]:
    return [
        ("penalty", lambda: ebm.L2(0.1)),
        ("rule", ebm.CD),
        ("sampler", ebm.Tempering),
        ("optimiser", ebm.Adam),
        ("stopping", ebm.EarlyStopping),
        ("units", lambda: ebm.Gaussian(True)),
        ("Potts", lambda: ebm.Potts(3)),
        ("Mixed", lambda: ebm.Mixed(((ebm.Ising(), 2), (ebm.Potts(3), 2)))),
        ("stream", lambda: ebm.Stream(3)),
        ("history", lambda: ebm.History([{"step": 1}])),
        ("chains", lambda: MACHINES["rbm"]().start(np.eye(4))),
        ("log Z", lambda: ebm.LogZ(value=1.0, stderr=0.1, method="mine")),
        ("state", lambda: ebm.begin(MACHINES["rbm"](), ebm.PCD(n_chains=3), ebm.SGD())),
    ]


@functools.cache
def _tries() -> list[tuple[str, str, Callable[[], Any]]]:
    """Kind, name and call of every try."""
    from tests import calls

    found: list[tuple[str, str, Callable[[], Any]]] = []
    for word, make in _makers():
        for name, how in calls.NAMED.items():
            for key in () if name in _LEFT_OUT else how:
                if key in _CALLED and word.startswith(("<built-in", "<class")):  # which are called, then
                    continue
                call = functools.partial(_called, name, how, key, make)
                found.append(("arguments of public functions", f"{name}({key} = {word})", call))
        for name in estimators.__all__:
            cls = vars(estimators)[name]
            fits = [
                key for key in ("X", "y", "sample_weight") if key in inspect.signature(cls.fit).parameters
            ]
            for key in (*inspect.signature(cls).parameters, *fits):
                call = functools.partial(_fitted, cls, key, make)
                found.append(("parameters of estimators", f"{name}({key} = {word})", call))
    return found


def _called(name: str, how: dict[str, Any], key: str, make: Callable[[], Any]) -> None:
    from tests import calls

    value = make()
    if key == "budget" and isinstance(value, (int, float, np.number)) and value > 1:
        return  # which is a long wait, and no fault
    calls.called(name, {k: v for k, v in how.items() if k != key} | {key: value})


def _fitted(cls: Any, key: str, make: Callable[[], Any]) -> None:
    rows = {"X": np.tile(np.eye(4), (3, 1)), "y": np.arange(12) % 2}
    given = {name: 1 for name in inspect.signature(cls).parameters if name.endswith("iter")}
    if key in ("X", "y", "sample_weight"):
        cls(**given).fit(**rows | {key: make()})
    else:
        cls(**given | {key: make()}).fit(**rows)


def run(tally: Tally, n: int | None = None, seed: int = 0) -> None:
    """Try all, or n that are spread over all, from the one of number `seed` on."""
    every = len(_tries())
    stride = every / min(n or every, every)
    supervise(functools.partial(_attempt, stride), min(n or every, every), seed, tally)


def _attempt(stride: float, seed: int, number: int) -> tuple[str, str, str]:
    kind, name, call = _tries()[(int(number * stride) + seed) % len(_tries())]
    outcome, words = judged(call)
    return kind, outcome, f"{name}: {words}"
