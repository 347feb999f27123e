"""Optimisers, and schedules of their rate.

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
    "SGD",
    "Adam",
    "AdamW",
    "Averaged",
    "Clipped",
    "Constant",
    "InverseTime",
    "Linear",
    "Optimiser",
    "PerEpoch",
    "RMSprop",
    "Rate",
    "average_of",
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
            if self.nesterov:
                step = rate * np.asarray(g, value.dtype)
                velocity[:] = self.momentum * velocity + step
                value += self.momentum * velocity + step
                continue
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

    def init(self, params: Params) -> Memory:
        """That of Adam."""
        return self._adam.init(params)

    def update(self, params: Params, gradient: Params, memory: Memory, epoch: float = 0.0) -> None:
        """Shrink, and ascend, in place."""
        keep = 1 - rate_at(self.rate, epoch) * self.decay
        for value in params.values():
            value *= value.dtype.type(keep)
        self._adam.update(params, gradient, memory, epoch)


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

    def init(self, params: Params) -> Memory:
        """Zero means of squares."""
        return {f"second.{k}": np.zeros_like(p) for k, p in params.items()}

    def update(self, params: Params, gradient: Params, memory: Memory, epoch: float = 0.0) -> None:
        """Ascend, in place."""
        rate = rate_at(self.rate, epoch)
        for key, value in params.items():
            g, second = np.asarray(gradient[key]), memory[f"second.{key}"]
            second += (1 - self.decay) * (g * g - second)
            value += (rate * g / (np.sqrt(second) + self.epsilon)).astype(value.dtype)


@settings
class Clipped:
    """Another optimiser, handed gradients whose norm over all parameters is at most `norm`.

    References
    ----------
    Pascanu, Mikolov & Bengio, "On the difficulty of training recurrent neural networks" (2013), algorithm 1.
    """

    optimiser: Any
    norm: Positive

    @property
    def rate(self) -> Rate:
        """That of the optimiser."""
        return self.optimiser.rate

    def init(self, params: Params) -> Memory:
        """That of the optimiser."""
        return self.optimiser.init(params)

    def update(self, params: Params, gradient: Params, memory: Memory, epoch: float = 0.0) -> None:
        """Ascend, in place."""
        arrays = {key: np.asarray(value) for key, value in gradient.items()}
        norm = np.sqrt(sum(np.square(a, dtype=np.float64).sum() for a in arrays.values()))
        if norm > self.norm:
            arrays = {key: (self.norm / norm) * a for key, a in arrays.items()}
        self.optimiser.update(params, arrays, memory, epoch)


_AVERAGE = "average."  # begins the names of averaged parameters in a memory


@settings
class Averaged:
    """Another optimiser, with the mean of its iterates kept beside the last one.

    While the rate is large, chains are fast and parameters noisy; their mean has less of the noise than the
    last one and is often the better machine. It changes nothing in the course of learning; `average_of`
    takes it out of the memory, and `ebm.fit` puts it in place where held-out rows prefer it.

    Parameters
    ----------
    optimiser : Optimiser
    start : float
        Epoch at which the mean begins.
    decay : float, optional
        Weight that the mean so far keeps in an update, as in 0.999; a plain mean of all since `start` when
        left out.
    every : int
        Updates between those that enter the mean: a pass over the parameters each.

    References
    ----------
    Polyak & Juditsky, "Acceleration of stochastic approximation by averaging" (1992).
    """

    optimiser: Any
    start: NotNegative = 0.0
    decay: Annotated[float, Field(gt=0, lt=1)] | None = None
    every: Annotated[int, Field(ge=1)] = 1

    @property
    def rate(self) -> Rate:
        """That of the optimiser."""
        return self.optimiser.rate

    def init(self, params: Params) -> Memory:
        """That of the optimiser, the averages, and how many updates there were and entered them."""
        own = {f"{_AVERAGE}{k}": np.zeros_like(p) for k, p in params.items()}
        counts = {"averaged": np.zeros((), np.int64), "seen": np.zeros((), np.int64)}
        return self.optimiser.init(params) | own | counts

    def update(self, params: Params, gradient: Params, memory: Memory, epoch: float = 0.0) -> None:
        """Ascend, in place; then average."""
        self.optimiser.update(params, gradient, memory, epoch)
        memory["seen"] += 1
        if epoch < self.start or memory["seen"] % self.every:
            return
        memory["averaged"] += 1
        n = int(memory["averaged"])
        share = 1 / n if self.decay is None else max(1 - self.decay, 1 / n)
        for key, value in params.items():
            mean = memory[f"{_AVERAGE}{key}"]
            mean += mean.dtype.type(share) * (value - mean)


def average_of(memory: Memory) -> Params:
    """The averaged parameters that `Averaged` keeps; empty where there are none."""
    if not memory.get("averaged", 0):
        return {}
    return {k.removeprefix(_AVERAGE): v for k, v in memory.items() if k.startswith(_AVERAGE)}
