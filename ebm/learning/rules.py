"""What a rule is, and what rules share: normalised weights, centring.

The gradient is ⟨stats⟩ given the data minus ⟨stats⟩ under the machine, docs/math.md (5.1). Each of the two
phases is normalised by its own weights, so the numbers of data rows and of chains need not agree. A rule is
settings; what it carries from step to step (persistent chains, centring offsets) is a dict of arrays.
"""

from __future__ import annotations

from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np

from ebm.errors import EbmError
from ebm.machine import Array, Machine, Params
from ebm.stream import Stream

__all__ = [
    "Batch",
    "Carried",
    "Offsets",
    "Predicts",
    "Rule",
    "finish",
    "normalised",
    "split_offsets",
    "start_offsets",
    "zero",
]

Batch: TypeAlias = tuple[Array, ...]  # arrays with equal numbers of rows; the last one is the row weights
Carried: TypeAlias = dict[str, Array]
Offsets: TypeAlias = Literal["data", "model", "average"]
_SHARE = {"data": 0.0, "average": 0.5, "model": 1.0}  # how far from the data's statistics to the model's
_OFFSET = "offset."  # begins the names of centring offsets among what a rule carries


class Centred(Protocol):
    """A rule that can centre its gradient."""

    @property
    def centred(self) -> bool:
        """Whether it does."""

    @property
    def standardised(self) -> bool:
        """Whether it also measures each unit in its standard deviations."""

    @property
    def offset_rate(self) -> float:
        """Weight of the newest batch in the averages."""

    @property
    def offsets(self) -> Offsets:
        """Whose statistics are averaged."""


@runtime_checkable
class Rule(Protocol):
    """What training needs."""

    def init(self, machine: Any, rng: Stream) -> Carried:
        """What the rule carries at the start."""

    def gradient(self, machine: Any, batch: Batch, chains: Carried, rng: Stream) -> tuple[Params, Carried]:
        """An estimate of the gradient, to be ascended: a dict like params; and what it carries on."""


@runtime_checkable
class Predicts(Rule, Protocol):
    """A rule that learns to predict y."""

    def score(self, machine: Any, data: Array) -> tuple[float, float]:
        """The mean −log p(y | x), nats, and the part of wrong predictions, of rows that hold x and y."""


def normalised(weights: Array) -> Array | None:
    """Weights that sum to one; None if they are all zero: such a batch teaches nothing."""
    total = weights.sum(dtype=np.float64)
    if total < 0:
        raise EbmError("weights: expected row weights >= 0")
    return weights / total if total > 0 else None


def zero(params: Params) -> Params:
    """The gradient of a batch without weight."""
    return {key: np.zeros_like(value) for key, value in params.items()}


def start_offsets(rule: Centred, machine: Machine) -> Carried:
    """Centring offsets, one for each bias, if the rule centres; NaN until the first batch sets them."""
    if not (rule.centred or rule.standardised):
        return {}
    return {f"{_OFFSET}{k}": np.full_like(machine.params[k], np.nan) for k in machine.biases}


def finish(
    rule: Centred, machine: Machine, gradient: Params, means: Params, chains: Carried
) -> tuple[Params, Carried]:
    """The difference of the phases; centred or standardised with moving averages of their statistics.

    docs/math.md (5.4)-(5.6a). `means` are the statistics of the biases in the first phase.
    """
    if not (rule.centred or rule.standardised):
        return gradient, chains
    moved, offsets = dict(chains), {}
    for key, old in chains.items():
        if key.startswith(_OFFSET):
            name = key.removeprefix(_OFFSET)
            mean, rate = means[name] - _SHARE[rule.offsets] * gradient[name], rule.offset_rate
            moved[key] = (mean if np.isnan(old[0]) else old + rate * (mean - old)).astype(old.dtype)
            offsets[name] = moved[key]
    gradient = machine.centre(gradient, offsets)
    if rule.standardised:
        gradient = machine.standardise(gradient, offsets)
    return machine.uncentre(gradient, offsets), moved


def split_offsets(chains: Carried) -> tuple[Carried, Carried]:
    """What a rule carries, apart: the chains, and the centring offsets."""
    offsets = {key: value for key, value in chains.items() if key.startswith(_OFFSET)}
    return {key: value for key, value in chains.items() if key not in offsets}, offsets
