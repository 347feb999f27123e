"""Optimisers: they ascend a gradient in place, one pass over the numbers of a parameter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Protocol, TypeAlias, runtime_checkable

import numpy as np
from pydantic import Field

from ebm.arrays import Owned, together
from ebm.deferred import Deferred
from ebm.errors import EbmError, settings
from ebm.machine import Array, Params
from ebm.optimisers.schedules import NotNegative, Positive, Rate, rate_at
from ebm.parts import Part, part_of

__all__ = ["PARALLEL", "SGD", "Adam", "AdamW", "Factors", "Memory", "Optimiser", "RMSprop", "factor_of"]

Factors: TypeAlias = Mapping[str, float] | None  # of the rate, by the name of a parameter; 1 for the others
PARALLEL = 2**17  # numbers from which on a pass is worth several threads


def factor_of(factors: Factors, key: str) -> float:
    """The factor of a parameter's rate."""
    return 1.0 if factors is None else factors.get(key, 1.0)


@dataclass
class Memory(Part):
    """What an optimiser keeps from update to update: nothing, unless a subclass has more.

    Attributes
    ----------
    like_params : tuple of str
        Of its fields, those that hold arrays of the names and shapes of the parameters, or none.
    """

    like_params: ClassVar[tuple[str, ...]] = ()

    def fit(self, params: Params) -> None:
        """Take what it keeps, from a file maybe, as sound arrays like the parameters.

        Raises
        ------
        EbmError
            They are not: names or shapes differ.
        """
        like = Owned(params)
        for name in self.like_params:
            if getattr(self, name):
                setattr(self, name, like.like(getattr(self, name), f"memory: {name}"))

    @property
    def average(self) -> Params:
        """Averaged parameters; none where they are not averaged, or not yet."""
        return {}


@runtime_checkable
class Optimiser(Protocol):
    """What training needs."""

    @property
    def rate(self) -> Rate:
        """The rate, fixed or scheduled."""

    def init(self, params: Params) -> Memory:
        """The memory at the start."""

    def update(
        self, params: Params, gradient: Params, memory: Memory, epoch: float = 0.0, factors: Factors = None
    ) -> None:
        """Ascend, in place."""


@dataclass
class Velocity(Memory):
    """Of momentum, by the names of parameters; none without it."""

    like_params: ClassVar[tuple[str, ...]] = ("velocity",)
    velocity: Params = field(default_factory=dict)


@settings
class SGD:
    """Stochastic gradient ascent with momentum, docs/math.md (5.7).

    Parameters
    ----------
    rate : float or schedule
    momentum : float
        In [0, 1).
    nesterov : bool
        Step as if the velocity had been updated once more with the same gradient (Nesterov 1983; in the form
        of Sutskever, Martens, Dahl & Hinton 2013, shifted by one step).
    """

    rate: Rate = 0.05
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov: expected a momentum above 0")

    def init(self, params: Params) -> Velocity:
        """Velocities, if there is momentum."""
        return Velocity(_zeros(params) if self.momentum else {})

    def update(
        self, params: Params, gradient: Params, memory: Memory, epoch: float = 0.0, factors: Factors = None
    ) -> None:
        """Ascend, in place."""
        from ebm.kernels.learning.ascend import ascend

        velocities = part_of(Velocity, memory, self).velocity
        if self.momentum and not velocities:
            raise EbmError(f"{self!r}: the memory of an optimiser without momentum; expected one of its init")
        rate = rate_at(self.rate, epoch)
        for key, value in params.items():
            own = rate if factors is None else rate * factor_of(factors, key)
            kept = [velocities[key]] if self.momentum else []
            g: Any = gradient[key]
            if isinstance(g, Deferred) and not self.nesterov:
                _ascend_deferred(g, value, *kept, rate=own, momentum=self.momentum)
                continue
            flat, g, *velocity = together(key, value, g, *kept)
            rest = own, self.momentum, self.nesterov
            ascend(value.size > PARALLEL, flat, g, velocity[0] if velocity else flat[:0], *rest)


def _ascend_deferred(g: Deferred, value: Array, *velocity: Array, rate: float, momentum: float) -> None:
    """The same step without the gradient ever being made: `Deferred.add_to` looks at what it writes to."""
    if velocity:
        g.add_to(velocity[0], momentum, rate)
        value += velocity[0]
    else:
        g.add_to(value, 1.0, rate)


@dataclass
class Moments(Memory):
    """Running means of the gradient and of its square, and the number of updates."""

    like_params: ClassVar[tuple[str, ...]] = ("first", "second")
    first: Params
    second: Params
    updates: int = 0


@settings
class Adam:
    """Adam, docs/math.md (5.8).

    Parameters
    ----------
    rate : float or schedule
    beta1, beta2 : float
        Decay of the averages of the gradient and of its square.
    epsilon : float

    References
    ----------
    Kingma & Ba, "Adam: a method for stochastic optimization" (2015).
    """

    rate: Rate = 0.001
    beta1: Annotated[float, Field(ge=0, lt=1)] = 0.9
    beta2: Annotated[float, Field(ge=0, lt=1)] = 0.999
    epsilon: Positive = 1e-8

    def init(self, params: Params) -> Moments:
        """Zero averages and the number of updates."""
        return Moments(_zeros(params), _zeros(params))

    def update(
        self, params: Params, gradient: Params, memory: Memory, epoch: float = 0.0, factors: Factors = None
    ) -> None:
        """Ascend, in place."""
        from ebm.kernels.learning.ascend import adam

        own = part_of(Moments, memory, self)
        own.updates += 1
        t = own.updates
        rate = rate_at(self.rate, epoch) * np.sqrt(1 - self.beta2**t) / (1 - self.beta1**t)
        for key, value in params.items():
            flat = together(key, value, gradient[key], own.first[key], own.second[key])
            how = (rate * factor_of(factors, key), self.beta1, self.beta2, self.epsilon)
            adam(value.size > PARALLEL, *flat, *how)


@settings
class AdamW:
    """Adam with weight decay beside the gradient instead of in it, docs/math.md (5.8).

    Parameters
    ----------
    rate : float or schedule
    decay : float
        All parameters shrink by rate·decay of themselves in an update.
    beta1, beta2, epsilon : float
        As of `Adam`.

    References
    ----------
    Loshchilov & Hutter, "Decoupled weight decay regularization" (2019).
    """

    rate: Rate = 0.001
    decay: NotNegative = 0.01
    beta1: Annotated[float, Field(ge=0, lt=1)] = 0.9
    beta2: Annotated[float, Field(ge=0, lt=1)] = 0.999
    epsilon: Positive = 1e-8

    @property
    def _adam(self) -> Adam:
        return Adam(self.rate, self.beta1, self.beta2, self.epsilon)

    def init(self, params: Params) -> Moments:
        """That of Adam."""
        return self._adam.init(params)

    def update(
        self, params: Params, gradient: Params, memory: Memory, epoch: float = 0.0, factors: Factors = None
    ) -> None:
        """Shrink, and ascend, in place."""
        for key, value in params.items():
            value *= value.dtype.type(1 - rate_at(self.rate, epoch) * factor_of(factors, key) * self.decay)
        self._adam.update(params, gradient, memory, epoch, factors)


@dataclass
class Squares(Memory):
    """Running means of squares, by the names of parameters."""

    like_params: ClassVar[tuple[str, ...]] = ("second",)
    second: Params


@settings
class RMSprop:
    """Gradient over the root of a running mean of its square, docs/math.md (5.8).

    Parameters
    ----------
    rate : float or schedule
    decay : float
        Of the running mean.
    epsilon : float

    References
    ----------
    Tieleman & Hinton, "Lecture 6.5: rmsprop", Coursera (2012).
    """

    rate: Rate = 0.001
    decay: Annotated[float, Field(ge=0, lt=1)] = 0.9
    epsilon: Positive = 1e-8

    def init(self, params: Params) -> Squares:
        """Zero means of squares."""
        return Squares(_zeros(params))

    def update(
        self, params: Params, gradient: Params, memory: Memory, epoch: float = 0.0, factors: Factors = None
    ) -> None:
        """Ascend, in place."""
        squares = part_of(Squares, memory, self).second
        for key, value in params.items():
            rate = rate_at(self.rate, epoch) * factor_of(factors, key)
            g, second = np.asarray(gradient[key]), squares[key]
            second += (1 - self.decay) * (g * g - second)
            value += (rate * g / (np.sqrt(second) + self.epsilon)).astype(value.dtype)


def _zeros(params: Params) -> Params:
    """Zeros like the parameters."""
    return Owned({key: np.zeros_like(value) for key, value in params.items()})
