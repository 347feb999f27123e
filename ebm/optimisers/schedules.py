"""Schedules of a rate. Their time is the epoch: passes over the data made so far, fractional."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field

from ebm.errors import settings
from ebm.machine import Positive

__all__ = ["Constant", "InverseTime", "Linear", "NotNegative", "PerEpoch", "Positive", "Rate", "rate_at"]

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
