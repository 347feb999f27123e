"""Optimisers around another one: gradients cut, rates scaled, iterates averaged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from ebm.arrays import Owned, together
from ebm.errors import EbmError, nearest, settings
from ebm.machine import Count, Params
from ebm.optimisers.schedules import NotNegative, Positive, Rate
from ebm.optimisers.steps import PARALLEL, Factors, Memory, Optimiser, factor_of
from ebm.parts import part_of

__all__ = ["Averaged", "Clipped", "Scaled"]


@settings
class Clipped:
    """Another optimiser, handed gradients whose norm over all parameters is at most `norm`.

    Parameters
    ----------
    optimiser : Optimiser
    norm : float

    References
    ----------
    Pascanu, Mikolov & Bengio, "On the difficulty of training recurrent neural networks" (2013), algorithm 1.
    """

    optimiser: Optimiser
    norm: Positive

    @property
    def rate(self) -> Rate:
        """That of the optimiser."""
        return self.optimiser.rate

    def init(self, params: Params) -> Memory:
        """That of the optimiser."""
        return self.optimiser.init(params)

    def update(
        self, params: Params, gradient: Params, memory: Memory, epoch: float = 0.0, factors: Factors = None
    ) -> None:
        """Ascend, in place."""
        arrays = {key: np.asarray(value) for key, value in gradient.items()}
        norm = np.sqrt(sum(np.square(a, dtype=np.float64).sum() for a in arrays.values()))
        if norm > self.norm:
            arrays = {key: (self.norm / norm) * a for key, a in arrays.items()}
        self.optimiser.update(params, arrays, memory, epoch, factors)


@settings
class Scaled:
    """Another optimiser, with rates that are multiples of its own for some parameters; 0 leaves them alone.

    It keeps no memory of its own, and may stand within or around `Clipped` and `Averaged`.

    Parameters
    ----------
    optimiser : Optimiser
    factors : dict of str to float
        By the names of parameters: 1 for those that are not named.

    Examples
    --------
    >>> import numpy as np, ebm
    >>> slow, params = ebm.Scaled(ebm.SGD(0.1), {"b": 0.1}), {"W": np.zeros(1), "b": np.zeros(1)}
    >>> slow.update(params, {"W": np.ones(1), "b": np.ones(1)}, slow.init(params))
    >>> [round(float(params[key][0]), 3) for key in "Wb"]
    [0.1, 0.01]
    """

    optimiser: Optimiser
    factors: dict[str, NotNegative]

    @property
    def rate(self) -> Rate:
        """That of the optimiser."""
        return self.optimiser.rate

    def init(self, params: Params) -> Memory:
        """That of the optimiser; refuses factors of parameters that are none."""
        for key in self.factors:
            if key not in params:
                raise EbmError(f"Scaled: factors: {key!r}: no such parameter; {nearest(key, params)}")
        return self.optimiser.init(params)

    def update(
        self, params: Params, gradient: Params, memory: Memory, epoch: float = 0.0, factors: Factors = None
    ) -> None:
        """Ascend, in place."""
        own = {key: factor * factor_of(factors, key) for key, factor in self.factors.items()}
        self.optimiser.update(params, gradient, memory, epoch, {**(factors or {}), **own})


@dataclass
class Averages(Memory):
    """The memory of an optimiser, the mean of its iterates, and how many entered it, of how many."""

    like_params: ClassVar[tuple[str, ...]] = ("mean",)
    inner: Memory
    mean: Params
    averaged: int = 0
    seen: int = 0

    def fit(self, params: Params) -> None:
        """Take the mean, and what the optimiser inside keeps."""
        super().fit(params)
        self.inner.fit(params)

    @property
    def average(self) -> Params:
        """The mean, once there is one."""
        return self.mean if self.averaged else {}


@settings
class Averaged:
    """Another optimiser, with the mean of its iterates kept beside the last one.

    While the rate is large, chains are fast and parameters noisy; their mean has less of the noise than the
    last one and is often the better machine. It changes nothing in the course of learning; it is the
    `average` of the memory, and `ebm.fit` puts it in place where held-out rows prefer it.

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

    optimiser: Optimiser
    start: NotNegative = 0.0
    decay: Annotated[float, Field(gt=0, lt=1)] | None = None
    every: Count = 1

    @property
    def rate(self) -> Rate:
        """That of the optimiser."""
        return self.optimiser.rate

    def init(self, params: Params) -> Averages:
        """That of the optimiser, the averages, and how many updates there were and entered them."""
        return Averages(self.optimiser.init(params), Owned({k: np.zeros_like(p) for k, p in params.items()}))

    def update(
        self, params: Params, gradient: Params, memory: Memory, epoch: float = 0.0, factors: Factors = None
    ) -> None:
        """Ascend, in place; then average."""
        from ebm.kernels.learning.ascend import blend

        own = part_of(Averages, memory, self)
        self.optimiser.update(params, gradient, own.inner, epoch, factors)
        own.seen += 1
        if epoch < self.start or own.seen % self.every:
            return
        own.averaged += 1
        n = own.averaged
        share = 1 / n if self.decay is None else max(1 - self.decay, 1 / n)
        for key, value in params.items():
            mean, flat = together(key, own.mean[key], value)
            blend(value.size > PARALLEL, mean, flat, share)
