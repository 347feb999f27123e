"""Optimisers, schedules of their rate, and penalties on the weights.

An optimiser ascends a gradient in place. Its memory is a dict of arrays, so a checkpoint holds all of it.
The time of a schedule is the epoch: passes over the data made so far, fractional.
"""

from __future__ import annotations

from typing import Annotated, Any, Protocol, TypeAlias

import numpy as np
from pydantic import Field

from ebm.deferred import Deferred
from ebm.errors import settings
from ebm.machine import Array, Params

__all__ = [
    "L1",
    "L2",
    "SGD",
    "Adam",
    "Constant",
    "InverseTime",
    "Linear",
    "Optimiser",
    "Penalty",
    "PerEpoch",
    "Rate",
    "rate_at",
]

Memory: TypeAlias = dict[str, Array]
Positive: TypeAlias = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative: TypeAlias = Annotated[float, Field(ge=0, allow_inf_nan=False)]


@settings
class Constant:
    """The same rate throughout."""

    rate: Positive

    def at(self, epoch: float) -> float:
        """The rate."""
        return self.rate


@settings
class Linear:
    """From `start` to `stop` over the first `epochs` epochs, then `stop`."""

    start: NotNegative
    stop: NotNegative
    epochs: Positive

    def at(self, epoch: float) -> float:
        """The rate at an epoch."""
        return self.start + (self.stop - self.start) * min(1.0, epoch / self.epochs)


@settings
class InverseTime:
    """rate / (1 + epoch / epochs): half the rate after `epochs` epochs (Robbins & Monro 1951)."""

    rate: Positive
    epochs: Positive

    def at(self, epoch: float) -> float:
        """The rate at an epoch."""
        return self.rate / (1 + epoch / self.epochs)


@settings
class PerEpoch:
    """One rate for each epoch; the last one goes on."""

    rates: Annotated[list[NotNegative] | tuple[NotNegative, ...], Field(min_length=1)]

    def at(self, epoch: float) -> float:
        """The rate at an epoch."""
        return float(self.rates[min(int(epoch), len(self.rates) - 1)])


Schedule: TypeAlias = Constant | Linear | InverseTime | PerEpoch
Rate: TypeAlias = Positive | Constant | Linear | InverseTime | PerEpoch


def rate_at(rate: float | Schedule, epoch: float) -> float:
    """The value of a rate, fixed or scheduled, at an epoch.

    Examples
    --------
    >>> rate_at(Linear(0.2, 0.0, epochs=10), 5.0)
    0.1
    """
    return float(rate) if isinstance(rate, (int, float)) else rate.at(epoch)


class Optimiser(Protocol):
    """What training needs."""

    @property
    def rate(self) -> Rate:
        """The rate, fixed or scheduled."""

    def init(self, params: Params) -> Memory:
        """The memory at the start."""

    def update(self, params: Params, gradient: Params, memory: Memory, epoch: float = 0.0) -> None:
        """Ascend, in place."""


@settings
class SGD:
    """Stochastic gradient ascent with momentum, docs/math.md (5.7).

    Parameters
    ----------
    rate : float or schedule
    momentum : float
        In [0, 1).
    """

    rate: Rate = 0.05
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.0

    def init(self, params: Params) -> Memory:
        """Velocities, if there is momentum."""
        return {f"velocity.{k}": np.zeros_like(p) for k, p in params.items()} if self.momentum else {}

    def update(self, params: Params, gradient: Params, memory: Memory, epoch: float = 0.0) -> None:
        """Ascend, in place."""
        from ebm.kernels.ascend import ascend

        rate = rate_at(self.rate, epoch)
        for key, value in params.items():
            velocity = memory[f"velocity.{key}"] if self.momentum else value[:0]
            g: Any = gradient[key]
            if isinstance(g, Deferred):
                _ascend_deferred(g, value, velocity, rate, self.momentum)
                continue
            g = np.ascontiguousarray(g, value.dtype)
            ascend(value.size > 2**17, *(a.reshape(-1) for a in (value, g, velocity)), rate, self.momentum)


def _ascend_deferred(g: Deferred, value: Array, velocity: Array, rate: float, momentum: float) -> None:
    """The same step without the gradient ever being made."""
    if len(velocity):
        g.add_to(velocity, momentum, rate)
        value += velocity
    else:
        g.add_to(value, 1.0, rate)


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

    def init(self, params: Params) -> Memory:
        """Zero averages and the number of updates."""
        memory = {f"{what}.{k}": np.zeros_like(p) for k, p in params.items() for what in ("first", "second")}
        return memory | {"updates": np.zeros((), np.int64)}

    def update(self, params: Params, gradient: Params, memory: Memory, epoch: float = 0.0) -> None:
        """Ascend, in place."""
        memory["updates"] += 1
        t = int(memory["updates"])
        rate = rate_at(self.rate, epoch) * np.sqrt(1 - self.beta2**t) / (1 - self.beta1**t)
        for key, value in params.items():
            g, first, second = gradient[key], memory[f"first.{key}"], memory[f"second.{key}"]
            first += (1 - self.beta1) * (g - first)
            second += (1 - self.beta2) * (g * g - second)
            value += (rate * first / (np.sqrt(second) + self.epsilon)).astype(value.dtype)


@settings
class L1:
    """Penalty strength·Σ|w| over the couplings (J_ij, J_ji: one), nats per sample, docs/math.md (5.9)."""

    strength: NotNegative

    def gradient(self, w: Array) -> Array:
        """Its subgradient, strength·sign(w)."""
        return self.strength * np.sign(w)


@settings
class L2:
    """Penalty ½·strength·Σw² over the couplings (J_ij, J_ji: one), nats per sample, docs/math.md (5.9)."""

    strength: NotNegative

    def gradient(self, w: Array) -> Array:
        """strength·w."""
        return self.strength * w


Penalty: TypeAlias = L1 | L2
