"""Functions of states that `thermodynamics` averages at every temperature, and numbers made of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Protocol, runtime_checkable

import numpy as np
from pydantic import Field

from ebm.errors import EbmError, described, expect, settings, short
from ebm.machine import Array, Count, Machine
from ebm.stream import Stream

__all__ = [
    "Binder",
    "Correlations",
    "Magnetisation",
    "Observable",
    "StructureFactor",
    "Susceptibility",
    "as_observables",
]

Shape = Annotated[tuple[Count, ...], Field(strict=False, min_length=1)]
_STEP = 1e-6  # of averages, relative, by which numbers made of them are differentiated


@runtime_checkable
class Observable(Protocol):
    """What is measured of states, and the numbers that are made of its averages."""

    def measure(self, x: Array) -> Array:
        """Of each row of states, (n, n_units), the numbers whose averages are taken: (n, d)."""

    def value(self, mean: Array, beta: float) -> Array:
        """What is wanted, of those averages, (d,), at an inverse temperature: (m,), smooth in them."""


@settings
class Magnetisation:
    """⟨|m|⟩, m the mean of the states of all units; or ⟨m⟩.

    Parameters
    ----------
    absolute : bool
        In a finite system without a field ⟨m⟩ is zero at every temperature, ⟨|m|⟩ is not.

    Examples
    --------
    >>> Magnetisation().measure(np.array([[1.0, -1, -1, -1]]))
    array([[0.5]])
    """

    absolute: bool = True

    def measure(self, x: Array) -> Array:
        """|m|, or m."""
        m = x.mean(1, keepdims=True)
        return np.abs(m) if self.absolute else m

    def value(self, mean: Array, beta: float) -> Array:
        """The average itself."""
        return mean


@settings
class Susceptibility:
    """β N (⟨m²⟩ − ⟨|m|⟩²), or β N (⟨m²⟩ − ⟨m⟩²) = ∂(N⟨m⟩)/∂h / N; m is the mean of N states.

    Parameters
    ----------
    absolute : bool
        As of `Magnetisation`: below a transition the first is that of one phase, the second also of jumps
        between phases.

    Examples
    --------
    >>> pair = np.array([[1.0, 1], [1, -1], [-1, 1], [-1, -1]])
    >>> free = Susceptibility(absolute=False)
    >>> float(free.value(free.measure(pair).mean(0), beta=0.5)[0])
    0.5
    """

    absolute: bool = True

    def measure(self, x: Array) -> Array:
        """|m| (or m), m² and N."""
        m = x.mean(1)
        return np.stack([np.abs(m) if self.absolute else m, m**2, np.full(len(m), x.shape[1])], axis=1)

    def value(self, mean: Array, beta: float) -> Array:
        """The susceptibility of a unit."""
        m, square, n = mean
        return np.array([beta * n * (square - m**2)])


@settings
class Binder:
    """Binder's cumulant 1 − ⟨m⁴⟩ / (3⟨m²⟩²): 2/3 where order is complete, 0 in a large disordered system.

    Curves of systems of different size cross where the transition is.

    References
    ----------
    Binder, "Finite size scaling analysis of Ising model block distribution functions" (1981).

    Examples
    --------
    >>> ordered = np.array([[1.0, 1, 1], [-1, -1, -1]])
    >>> round(float(Binder().value(Binder().measure(ordered).mean(0), beta=1.0)[0]), 3)
    0.667
    """

    def measure(self, x: Array) -> Array:
        """m² and m⁴."""
        square = x.mean(1) ** 2
        return np.stack([square, square**2], axis=1)

    def value(self, mean: Array, beta: float) -> Array:
        """The cumulant."""
        square, fourth = mean
        return np.array([1 - fourth / (3 * square**2)])


@settings
class Correlations:
    """C(r) = ⟨x_i x_j⟩ of units r apart along an axis of a grid, r = 0, 1, …, up to half its shortest side.

    Parameters
    ----------
    shape : tuple of int
        Of the grid; units are in C order, as `ebm.datasets.lattice` has them.
    connected : bool
        Less ⟨m⟩².
    periodic : bool
        Whether the grid closes on itself; if not, all pairs there are count.

    Examples
    --------
    >>> Correlations((4,)).measure(np.array([[1.0, 1, -1, -1]]))
    array([[ 1.,  0., -1.]])
    """

    shape: Shape
    connected: bool = False
    periodic: bool = True

    def measure(self, x: Array) -> Array:
        """Products of pairs, their means over the grid and its axes; last m, if `connected`."""
        grid = x.reshape(len(x), *self.shape)
        numbers = [
            np.mean([self._pairs(grid, r, axis) for axis in range(1, grid.ndim)], axis=0)
            for r in range(min(self.shape) // 2 + 1)
        ]
        return np.stack([*numbers, x.mean(1)] if self.connected else numbers, axis=1)

    def _pairs(self, grid: Array, r: int, axis: int) -> Array:
        if self.periodic:
            product = grid * np.roll(grid, -r, axis)
        else:
            length = grid.shape[axis]
            product = grid.take(range(length - r), axis) * grid.take(range(r, length), axis)
        return product.reshape(len(grid), -1).mean(1)

    def value(self, mean: Array, beta: float) -> Array:
        """C(r)."""
        return mean[:-1] - mean[-1] ** 2 if self.connected else mean


@settings
class StructureFactor:
    """S(k) = ⟨|Σ_j x_j e^(ik·r_j)|²⟩ / N of k = 2πn/L along an axis of a grid, n = 0, 1, …, L/2.

    Parameters
    ----------
    shape : tuple of int
        Of a grid of equal sides L that closes on itself; units are in C order.

    Examples
    --------
    >>> StructureFactor((4,)).measure(np.array([[1.0, -1, 1, -1]]))
    array([[0., 0., 4.]])
    """

    shape: Shape

    def __post_init__(self) -> None:
        if len(set(self.shape)) > 1:
            raise ValueError(f"shape: expected equal sides, got {self.shape}")

    def measure(self, x: Array) -> Array:
        """|Σ x e^(ikr)|² / N, its mean over axes."""
        grid = x.reshape(len(x), *self.shape)
        axes = range(1, grid.ndim)
        lines = [grid.sum(tuple(other for other in axes if other != axis)) for axis in axes]
        return np.mean([np.abs(np.fft.rfft(line, axis=1)) ** 2 for line in lines], axis=0) / x.shape[1]

    def value(self, mean: Array, beta: float) -> Array:
        """S(k)."""
        return mean


@dataclass(frozen=True)
class Plain:
    """A user's function of states, whose average is all that is wanted."""

    function: Callable[[Array], Any]

    def measure(self, x: Array) -> Array:
        """What the function says, a column if it says one number of each row."""
        found = np.asarray(self.function(x), np.float64)
        return found[:, None] if found.ndim == 1 else found

    def value(self, mean: Array, beta: float) -> Array:
        """The average itself."""
        return mean


def as_observables(given: Any, machine: Machine) -> dict[str, Observable]:
    """Observables by their names, each tried on states of the machine; functions of states are among them."""
    if given is None:
        return {}
    observables: dict[str, Observable] = {}
    for name, wanted in expect(
        given, Mapping, "observables", "a dict such as {'m': Magnetisation()}"
    ).items():
        if not (isinstance(name, str) and name.isidentifier()):
            raise EbmError(f"observables: expected names such as 'm', got {short(name)}")
        if isinstance(wanted, type) or not (isinstance(wanted, Observable) or callable(wanted)):
            expected = "one such as Magnetisation(), or a function of states"
            raise EbmError(f"observables: {name}: expected {expected}, got {described(wanted)}")
        observables[name] = wanted if isinstance(wanted, Observable) else Plain(wanted)
        _try(name, observables[name], machine.sample0(2, Stream(0)))
    return observables


def _try(name: str, observable: Observable, x: Array) -> None:
    """Refuse an observable that does not say as many numbers of each row of states."""
    try:
        found = observable.measure(x)
        good = found.ndim == 2 and len(found) == len(x) and found.dtype.kind in "fiub"
    except (TypeError, ValueError, IndexError, AttributeError) as error:
        why = " ".join(str(error).split())[:120]
        raise EbmError(f"observables: {name}: of states {x.shape} it says: {why}") from None
    if not good or not math.isfinite(float(np.sum(found))):
        raise EbmError(
            f"observables: {name}: expected finite numbers, (n,) or (n, d), of states (n, {x.shape[1]})"
        )


def propagated(observable: Observable, mean: Array, influence: Array, beta: float) -> tuple[Array, Array]:
    """The value of an observable and its standard error, to first order in what ladders move averages by.

    Parameters
    ----------
    mean : (d,)
    influence : (d, n_ladders)

    Returns
    -------
    value, stderr : (m,)
    """
    value = np.asarray(observable.value(mean, beta), np.float64)
    moved = np.zeros((len(value), influence.shape[1]))
    for k, size in enumerate(np.abs(mean)):
        step = np.zeros(len(mean))
        step[k] = _STEP * (size or 1.0)
        slope = (observable.value(mean + step, beta) - observable.value(mean - step, beta)) / (2 * step[k])
        moved += np.outer(slope, influence[k])
    return value, np.sqrt((moved**2).sum(1))
