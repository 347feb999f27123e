"""What a unit type is asked for."""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, NoReturn, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ebm.arguments import as_array
from ebm.errors import EbmError, NotSupported, expect

__all__ = [
    "LEAST", "NO_TABLE", "TYPES", "Array", "Part", "Table", "Units", "as_units", "bound", "whole_states",
]  # fmt: skip

Array: TypeAlias = NDArray[Any]
Part: TypeAlias = tuple["Units", slice, slice]


class Table(NamedTuple):
    """A unit of finitely many states as compiled code takes it, in float64: of each state s a row.

    Attributes
    ----------
    values : (q,)
        s.
    phi : (q, width)
        φ(s).
    log_weights : (q,)
        −U(s).
    """

    values: Array
    phi: Array
    log_weights: Array


TYPES: dict[str, type[Units]] = {}  # the package's own, by the names that files and configs know them by
LEAST = 1e-6  # where a step of learning stops that points below 0, and there is no density
_CHECKED = 2**22  # numbers that are looked at together
_BITS, _SPINS = (0.0, 1.0), (-1.0, 1.0)
_MAPS = {(_BITS, _SPINS): "x → 2x − 1", (_SPINS, _BITS): "x → (x + 1)/2"}
_DOUBLINGS, _STEPS, _HALVINGS = 200, 100, 30  # of brackets of an input, of Newton, of one such step


NO_TABLE = Table(np.zeros(0), np.zeros((0, 1)), np.zeros(0))  # of units that do without


def softplus(x: Array) -> Array:
    """log(1 + e^x), stable over the whole range."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


@functools.lru_cache(64)
def whole_states(last: int) -> tuple[float, ...]:
    """(0, …, last)."""
    return tuple(float(x) for x in range(last + 1))


def sigmoid(x: Array) -> Array:
    """1 / (1 + e^−x), stable over the whole range."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


class Units:
    """What the package asks of a unit type: subclass it to add your own, as a frozen dataclass.

    Of finitely many states, `states` are enough (with `encode`, `potential` where φ(x) is not x and U not 0):
    the functions below are sums over them. Other units define `potential`, `cgf`, `mean`, `var` and `sample`,
    with A(I) finite for every I. What is wanted and not defined is refused in one line. The package's own
    types are final: compiled code stands for their functions.

    Attributes
    ----------
    kind : int, optional
        Its number in the compiled switch of `ebm.kernels.units.draw`, the package's own types only; None: all
        is done by the functions below.
    width : int
        Columns of W per unit.
    states : tuple of float
        The values x can take, ascending; None if there is no end of them.
    whole : bool
        Whether x takes all whole numbers between its ends and no others: data are never means.
    learns : tuple of str
        Numbers of its potential that are parameters of a machine.
    positive : tuple of str
        Those of them that are above 0.
    redundant : str
        Why a hidden layer does not learn them, if it does not.
    scale : float or (n,)
        Of compiled units: x is `scale` times a unit of that kind whose input is `scale`·I.

    Examples
    --------
    >>> import dataclasses, numpy as np, ebm
    >>> @dataclasses.dataclass(frozen=True)
    ... class Ternary(ebm.Units):
    ...     states = (-1.0, 0.0, 1.0)
    >>> Ternary().mean(np.array([0.0, 1.0])).round(3)
    array([0.   , 0.575])
    >>> machine = ebm.RBM.random(ebm.Bernoulli(), Ternary(), 3, 2, scale=0.0)
    >>> bool(np.isclose(machine.exact()[0], 3 * np.log(2) + 2 * np.log(3)))
    True
    """

    kind: ClassVar[int | None] = None
    width: int = 1
    states: tuple[float, ...] | None = None
    whole: ClassVar[bool] = False
    learns: tuple[str, ...] = ()
    positive: ClassVar[tuple[str, ...]] = ()
    redundant: ClassVar[str] = ""
    scale: Any = 1.0
    _values: ClassVar[tuple[Any, ...]] = ()  # of `learns`, in units that are bound

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        final = [base.__name__ for base in cls.__mro__[1:] if base in TYPES.values()]
        if final:
            raise EbmError(f"{cls.__name__}: {final[0]} is final; expected a subclass of Units")
        if cls.__module__.rpartition(".")[0] == __package__:
            TYPES[cls.__name__] = cls
        elif vars(cls).get("kind") is not None:
            raise EbmError(
                f"{cls.__name__}: kind: numbers of compiled code are the package's own; leave it out"
            )

    def _lacks(self, name: str) -> NoReturn:
        raise NotSupported(f"{self}: its class {type(self).__name__} defines no {name}")

    @property
    def finite(self) -> bool:
        """Whether x takes finitely many states."""
        return self.states is not None

    @property
    def drawn_by_table(self) -> bool:
        """Whether `sample` is the one below, which compiled code does by `table`."""
        return self.finite and type(self).sample is Units.sample

    @property
    def summed_by_table(self) -> bool:
        """Whether `cgf` is the one below, which compiled code does by `table`."""
        return self.finite and type(self).cgf is Units.cgf

    def table(self) -> Table:
        """Its states, their φ and their weights without an input."""
        s = np.asarray(self.states)[:, None]
        phi, U = self.encode(s).astype(np.float64), self.potential(s)[:, 0].astype(np.float64)
        return Table(s[:, 0], np.ascontiguousarray(phi), -U)

    @property
    def one_hot(self) -> bool:
        """Whether φ(x) has a column for each state, with a one in that of x: then they sum to 1."""
        states = self.states
        if states is None or self.width != len(states):
            return False
        return bool(np.array_equal(self.encode(np.asarray(states)[:, None]), np.eye(self.width)))

    @property
    def bare(self) -> bool:
        """Whether U is 0: of finitely many states, without a potential of their own."""
        return self.states is not None and type(self).potential is Units.potential

    @property
    def interval(self) -> tuple[float, float]:
        """The range in which data may lie: states, and the means between them that stand for them."""
        return (-math.inf, math.inf) if self.states is None else (self.states[0], self.states[-1])

    @property
    def normal(self) -> Any:
        """λ where U(x) = λx²/2 for every real x, which has closed forms; None of other units."""
        return None

    @property
    def tails(self) -> tuple[Any, Any] | None:
        """τ of U(x) ≈ τx²/2 far below and far above 0, inf where x ends; None: not known."""
        return None if math.inf in map(abs, self.interval) else (math.inf, math.inf)

    def columns(self, n: int) -> int:
        """Columns of W of a layer of n units."""
        return n * self.width

    def count(self, columns: int) -> int:
        """Units in a layer of so many columns of W; 0 if there is no such layer."""
        return 0 if columns % self.width else columns // self.width

    def parts(self, n: int) -> list[Part]:
        """Of n units, those of one type: the type, their places among the units, and among the columns."""
        return [(self, slice(0, n), slice(0, self.columns(n)))]

    def owners(self, n: int) -> Array:
        """Of each column of W of a layer of n units, the number of its unit: (n·width,)."""
        widths = [np.full(places.stop - places.start, own.width) for own, places, _ in self.parts(n)]
        return np.repeat(np.arange(n), np.concatenate(widths))

    def one(self, i: int) -> Units:
        """The type of unit i of a layer."""
        return self.taken(np.array([i]))

    def own(self, i: int) -> slice:
        """The columns of unit i of a layer."""
        return slice(i * self.width, (i + 1) * self.width)

    def theta(self) -> dict[str, Any]:
        """The numbers that are learnt, by name: those bound, else the first ones."""
        return dict(zip(self.learns, self._values, strict=True)) if self._values else self._first()

    def learners(self, name: str, n: int) -> tuple[Any, Any]:
        """Of a layer of n units, those that learn a number, and their columns, to index with: all here."""
        return slice(None), slice(None)

    def _first(self) -> dict[str, Any]:
        """Where `learns` begin."""
        return {name: getattr(self, name) for name in self.learns}

    def fitted(self, data: Array) -> dict[str, Any]:
        """`theta` of visible units with such marginals: where learning from these data begins."""
        return self.theta()

    def bound(self, *values: Any) -> Self:
        """The type whose functions are those at these values of `learns`, (n,): live arrays, not copies."""
        twin = copy.copy(self)
        object.__setattr__(twin, "_values", values)
        return twin

    def taken(self, rows: Array) -> Units:
        """The type of some of the units of a layer, by a mask or numbers: with their learnt potentials."""
        if not any(np.ndim(value) for value in self._values):
            return self
        return self.bound(*(np.asarray(value)[rows] for value in self._values))

    def grad_theta(self, x: Array) -> dict[str, Array]:
        """∂U/∂θ at x of each number θ that is learnt: (..., n) -> (..., n)."""
        return self._lacks("grad_theta") if self.learns else {}

    def mean_theta(self, I: Array) -> dict[str, Array]:
        """⟨∂U/∂θ⟩ = −∂A/∂θ given I: (..., n) -> (..., n)."""
        return self._lacks("mean_theta") if self.learns else {}

    def theta_offsets(self, mu: Array) -> dict[str, Array]:
        """Of numbers θ whose slopes are centred, what ∂U/∂θ is centred by: a multiple of the slope of b."""
        return {}

    def encode(self, x: Array) -> Array:
        """φ(x): (..., n) -> (..., n·width); the identity here."""
        return x if self.width == 1 else self._lacks("encode")

    def decode(self, phi: Array) -> Array:
        """The states whose encoding is phi: (..., n·width) -> (..., n)."""
        return phi if self.width == 1 else self._lacks("decode")

    def potential(self, x: Array) -> Array:
        """U(x): (..., n) -> (..., n), nats; zero for units with finitely many states."""
        return np.zeros(x.shape) if self.finite else self._lacks("potential")

    def _by_unit(self, I: Array) -> Array:
        """(..., n·width) as (..., n, width), of no rows too."""
        return I.reshape(*I.shape[:-1], I.shape[-1] // self.width, self.width)

    def _log_weights(self, I: Array, name: str) -> tuple[Array, Array]:
        """I·φ(s) − U(s) of every state s, (..., n, q), and φ(s), (q, width): in float64."""
        if self.states is None:
            self._lacks(name)
        _, phi, log_weights = self.table()
        return self._by_unit(I.astype(np.float64)) @ phi.T + log_weights, phi

    def _probabilities(self, I: Array, name: str) -> tuple[Array, Array]:
        """p(s | I) of every state s, (..., n, q), and φ(s)."""
        w, phi = self._log_weights(I, name)
        p = np.exp(w - w.max(-1, keepdims=True))
        p /= p.sum(-1, keepdims=True)
        return p, phi

    def cgf(self, I: Array) -> Array:
        """A(I) = log Σₓ exp(I·φ(x) − U(x)): (..., n·width) -> (..., n), nats; docs/math.md (1.2)."""
        w, _ = self._log_weights(I, "cgf")
        top = w.max(-1)
        return (top + np.log(np.exp(w - top[..., None]).sum(-1))).astype(I.dtype)

    def mean(self, I: Array) -> Array:
        """⟨φ⟩ = A′(I), docs/math.md (1.3): (..., n·width) -> the same shape."""
        p, phi = self._probabilities(I, "mean")
        return (p @ phi).reshape(I.shape).astype(I.dtype)

    def var(self, I: Array) -> Array:
        """Var φ = A″(I) (several columns: its diagonal), docs/math.md (1.4): shape of I."""
        p, phi = self._probabilities(I, "var")
        away = phi - (p @ phi)[..., None, :]
        return (p[..., None] * away * away).sum(-2).reshape(I.shape).astype(I.dtype)

    def pull(self, I: Array, g: Array) -> Array:
        """A″(I)·g, the derivative of `mean` applied to g, docs/math.md (1.5): shape of I."""
        if self.width == 1:
            return self.var(I) * g
        p, phi = self._probabilities(I, "pull")
        away = phi - (p @ phi)[..., None, :]
        along = (away @ g.reshape(*p.shape[:-1], self.width, 1))[..., 0]
        return ((p * along)[..., None] * away).sum(-2).reshape(I.shape).astype(I.dtype)

    def sample(self, I: Array, u: Array) -> Array:
        """The quantile function of p(x | I) at u in (0, 1): I (..., n·width), u (..., n) -> (..., n)."""
        p, _ = self._probabilities(I, "sample")
        place = (np.cumsum(p[..., :-1], -1) < u[..., None]).sum(-1)
        return np.asarray(self.states, I.dtype)[place]

    def link(self, mean: Array, floor: float = 1e-6) -> Array:
        """The input whose mean is `mean`, kept `floor` away from the ends: (..., n·width), same shape.

        Here by Newton's method: within brackets for units of one column, else for those of finitely many
        states, where the ends are states that are `floor` times as likely as at I = 0.
        """
        if self.width != 1:
            return self._link_columns(mean, floor)
        low, high = self.interval
        keep = floor * (high - low) if high - low < math.inf else floor
        aim = np.clip(np.asarray(mean, np.float64), low + keep, high - keep)
        below, above = np.full(aim.shape, -1.0), np.full(aim.shape, 1.0)
        for _ in range(_DOUBLINGS):
            if np.all((self.mean(below) <= aim) & (self.mean(above) >= aim)):
                break
            below = np.where(self.mean(below) > aim, 2 * below, below)
            above = np.where(self.mean(above) < aim, 2 * above, above)
        I = 0.5 * (below + above)
        for _ in range(_STEPS):
            excess = self.mean(I) - aim
            below, above = np.where(excess < 0, I, below), np.where(excess > 0, I, above)
            step = I - excess / np.maximum(self.var(I), 1e-300)
            I = np.where((below < step) & (step < above), step, 0.5 * (below + above))
        return I.astype(mean.dtype)

    def _link_columns(self, mean: Array, floor: float) -> Array:
        """`link` of several columns; means at the ends are moved towards that of I = 0."""
        aim = np.asarray(mean, np.float64)
        middle = np.zeros(aim.shape)
        I, (at_middle, _) = self._matched(aim), self._probabilities(middle, "link")
        ended = (self._probabilities(I, "link")[0] < floor * at_middle).any(-1)
        moved = np.repeat(ended, self.width, -1)
        if moved.any():
            inner = (1 - floor) * aim + floor * self.mean(middle)
            I = np.where(moved, self._matched(np.where(moved, inner, aim)), I)
        return I.astype(mean.dtype)

    def _matched(self, aim: Array) -> Array:
        """The input whose mean is `aim`, where A(I) − I·aim is least: steps of Newton, halved if need be."""

        def excess(I: Array) -> Array:
            return self.cgf(I) - (I * aim).reshape(
                *aim.shape[:-1], aim.shape[-1] // self.width, self.width
            ).sum(-1)

        I = np.zeros(aim.shape)
        for _ in range(_STEPS):
            p, phi = self._probabilities(I, "link")
            away = phi - (p @ phi)[..., None, :]
            slope = (aim - self.mean(I)).reshape(*p.shape[:-1], self.width)
            curve = np.linalg.pinv(np.swapaxes(away * p[..., None], -1, -2) @ away, 1e-12, hermitian=True)
            step, now, size = (curve @ slope[..., None])[..., 0], excess(I), np.ones(p.shape[:-1])
            if not (np.abs(step) > 1e-14).any():
                break
            gain = 1e-4 * (step * slope).sum(-1)
            for _ in range(_HALVINGS):
                moved = I + (size[..., None] * step).reshape(I.shape)
                short = excess(moved) <= now - size * gain + 1e-15 * (1 + np.abs(now))
                if short.all():
                    break
                size = np.where(short, size, size / 2)
            I = moved
        return I

    def spread(self, mean: Array) -> Array:
        """Variances of φ in a layer of units with these means, at least 1/20 of the largest: (n·width,)."""
        variance = self.var(self.link(mean))
        return np.maximum(variance, variance.max(initial=0) / 20)

    def dot(self, x: Array, W: Array) -> Array:
        """φ(x)·W: (..., n) and (n·width, m) -> (..., m)."""
        return self.encode(x) @ W

    def outer(self, x: Array, g: Array) -> Array:
        """φ(x)ᵀ·g: (n_rows, n) and (n_rows, m) -> (n·width, m)."""
        return self.encode(x).T @ g

    def total(self, x: Array, weights: Array) -> Array:
        """Σ weights φ(x) over rows: (n_rows, n) and (n_rows,) -> (n·width,) float64."""
        return weights @ self.encode(x)

    def check(self, x: Any, what: str = "data", *, strict: bool = False) -> Array:
        """Return x as an array, or say which value is outside the unit's domain.

        Parameters
        ----------
        x : array_like
            States, (..., n); unless `strict`, Bernoulli and Ising values may be means, between the states.
        what : str
            The name of x in the message.
        strict : bool
            Take states only.

        Raises
        ------
        EbmError
            NaN, infinities, text, or a value outside the domain: the first one and its place.
        """
        x = as_array(x, what)
        if x.dtype.kind not in "biuf":
            raise EbmError(f"{what}: expected numbers, got an array of {x.dtype}")
        if self._plainly(x, strict):
            return x
        step = max(1, _CHECKED // max(1, x[:1].size)) if x.ndim else 1
        for start in range(0, len(x) if x.ndim else 1, step):
            ok = self._well_places(x[start : start + step] if x.ndim else x, strict)
            if np.all(ok):
                continue
            first, *rest = (int(i) for i in np.argwhere(~ok)[0]) if x.ndim else (0,)
            place = (start + first, *rest) if x.ndim else ()
            where = ", ".join(f"{n} {i}" for n, i in zip(("row", "column"), place, strict=False))
            units, rows = self._block(x, place[-1]) if place else (self, x)
            takes = f"{units} takes {units._domain(strict)}{units._elsewhere(rows)}"
            raise EbmError(f"{what}: {x[place]}{f' at {where}' * bool(where)}; {takes}")
        return x

    def _block(self, x: Array, i: int) -> tuple[Units, Array]:
        """The type of unit i, and the values of all units of that type."""
        for units, places, _ in self.parts(x.shape[-1]):
            if places.start <= i < places.stop:
                return units, x[..., places]
        return self, x

    def _elsewhere(self, x: Array) -> str:
        """Under which other units all of x would be states, and how it is mapped, in words; "" if none."""
        if not self.finite:
            return ""
        for name, other in TYPES.items():
            states = vars(other).get("states")
            if isinstance(states, tuple) and states != self.states and np.isin(x, states).all():
                other_way = _MAPS.get((states, self.interval), "")
                return f"; these are legal under {name}()" + f"; or map {other_way}" * bool(other_way)
        from_one = self.interval[0] == 0 and np.isin(x, np.asarray(self.states) + 1).all()
        return "; these are numbered from 1: map x → x − 1" * bool(from_one)

    def _well_places(self, x: Array, strict: bool) -> Array:
        """Where values are finite; if all are, where they lie in the domain."""
        ok = np.isfinite(x)
        return self._inside(x, strict) if ok.all() else ok

    def _well(self, x: Array, strict: bool) -> bool:
        """Whether all of x lies in the domain."""
        return self._plainly(x, strict) or bool(np.all(self._well_places(x, strict)))

    def _plainly(self, x: Array, strict: bool) -> bool:
        """Whether a quick look says that all is well: at the least and the largest value, which NaN fails."""
        if not x.size or (self.whole and x.dtype.kind == "f"):
            return False
        if self._states_only(strict) and not self.whole:
            return False
        low, high = x.min(), x.max()
        within = self.interval[0] <= low and high <= self.interval[1]
        return bool(within and -math.inf < low and high < math.inf)

    def _states_only(self, strict: bool) -> bool:
        """Whether x must be one of `states`: of several columns a mean between them says nothing."""
        return self.states is not None and (strict or self.width > 1)

    def _inside(self, x: Array, strict: bool) -> Array:
        if self._states_only(strict) and not self.whole:
            return np.isin(x, np.asarray(self.states))
        within = (x >= self.interval[0]) & (x <= self.interval[1])
        return within & (x == np.floor(x)) if self.whole else within

    def _domain(self, strict: bool) -> str:
        low, high = self.interval
        if self.states is None:
            numbers = "whole numbers" if self.whole else "finite numbers"
            end = "" if high == math.inf else f" up to {high:g}"
            return numbers + ("" if low == -math.inf else f" from {low:g}") + end
        if self.whole:
            return f"integers {low:g} to {high:g}"
        *first, last = (f"{s:g}" for s in self.states)
        states = f"{', '.join(first)} and {last}"
        return states if self._states_only(strict) else f"{states}, or means between them"

    def as_states(self, x: Array, dtype: Any) -> Array:
        """x in the dtype that states are kept in: `dtype`, or int32 for Potts."""
        return np.ascontiguousarray(x, dtype)


def as_units(value: Any, name: str) -> Units:
    """value, checked to be a unit type that can be used, or one line on what is wrong."""
    expect(value, Units, name, "units such as Bernoulli()")
    for units, _, _ in value.parts(1):
        states = units.states
        if states is None:
            continue
        fine = isinstance(states, tuple) and len(states) > 1 and np.isfinite(states).all()
        steps = np.diff(states) if fine else np.zeros(1)
        if not np.all(steps == 1 if units.whole else steps > 0):
            numbers = "whole numbers, one after the other" if units.whole else "finite numbers, ascending"
            what = f"expected a tuple of two or more {numbers}, got {states}"
            raise EbmError(f"{name}: {units}: states: {' '.join(what.split())}")
    return value


def bound(units: Units, params: Mapping[str, Array], side: str) -> Units:
    """The units of a side, such as "v", with what they learn among the parameters, kept in range."""
    if not units.learns:
        return units
    values = [params[f"{side}.{name}"] for name in units.learns]
    for name, value in zip(units.learns, values, strict=True):
        if name in units.positive:
            value[value <= 0] = LEAST  # NaN stays NaN: learning has diverged, and says so
    return units.bound(*values)
