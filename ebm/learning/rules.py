"""What a rule is, and what rules share: what they carry, normalised weights, centring.

The gradient is ⟨stats⟩ given the data minus ⟨stats⟩ under the machine, docs/math.md (5.1). Each of the two
phases is normalised by its own weights, so the numbers of data rows and of chains need not agree. A rule is
settings; what it takes from step to step (persistent chains, centring offsets) is a `Carried`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal, Protocol, TypeAlias, TypeVar, runtime_checkable

import numpy as np
from pydantic import Field

from ebm.arrays import Owned
from ebm.errors import EbmError
from ebm.machine import Array, Machine, Parametrised, Params, as_rows
from ebm.parts import Part
from ebm.stream import Stream

__all__ = [
    "Batch",
    "Carried",
    "Centring",
    "Offsets",
    "Predicts",
    "Rule",
    "Share",
    "Sweeps",
    "Whose",
    "normalised",
    "predictor",
    "zero",
]

Batch: TypeAlias = tuple[Array, ...]  # arrays with equal numbers of rows; the last one is the row weights
Share: TypeAlias = Annotated[float, Field(gt=0, le=1)]
Whose: TypeAlias = Literal["data", "model", "average"]
_SHARE = {"data": 0.0, "average": 0.5, "model": 1.0}  # how far from the data's statistics to the model's


@dataclass
class Carried(Part):
    """What a rule takes from one update to the next: nothing, unless a subclass has more.

    Attributes
    ----------
    like_params : tuple of str
        Of its fields, those that hold arrays of the names and shapes of some parameters, or none.
    """

    like_params: ClassVar[tuple[str, ...]] = ()

    def fit(self, machine: Parametrised) -> None:
        """Look at what it carries, from a file maybe: states and arrays of that machine.

        Raises
        ------
        EbmError
            They are those of another one.
        """
        if self.states is not None and isinstance(machine, Machine):
            as_rows(self.states, machine.units, machine.n_units, "chains")
        own = Owned(machine.params)
        for name in self.like_params:
            own.fits(getattr(self, name), f"chains: {name}")

    @property
    def carried(self) -> Carried:
        """What the rule itself carries; of rows with gaps their draws stand beside it."""
        return self

    @property
    def states(self) -> Array | None:
        """States of persistent chains that sample the machine, (n_chains, n_units); None without chains."""
        return None

    @property
    def tuned(self) -> int | None:
        """Sweeps per update that the chains have set themselves; None where they do not."""
        return None


M = TypeVar("M", contravariant=True)


@runtime_checkable
class Rule(Protocol[M]):
    """What training needs: an estimate of a gradient for machines of a kind."""

    def init(self, machine: M, rng: Stream) -> Carried:
        """What the rule carries at the start."""

    def gradient(self, machine: M, batch: Batch, carried: Carried, rng: Stream) -> tuple[Params, Carried]:
        """An estimate of the gradient, to be ascended: a dict like params; and what it carries on."""


@runtime_checkable
class Completes(Protocol):
    """The ability of a rule to learn from rows of which one visible unit is not known."""

    @property
    def may_lack(self) -> int:
        """The unit, from the end where negative; NaN in rows where it is not known."""


@runtime_checkable
class Predicts(Protocol):
    """A rule of a machine that predicts a unit."""

    def score(self, machine: Machine, rows: Array) -> tuple[float, float]:
        """Mean −log p(y | x), nats, and the part of wrong predictions."""


@runtime_checkable
class Sweeps(Protocol):
    """A rule whose chains run by Gibbs sweeps."""

    def sweeps(self, carried: Carried) -> int | None:
        """Sweeps per update; None where something else moves the chains."""


@runtime_checkable
class Around(Protocol):
    """A rule around another one."""

    @property
    def rule(self) -> Rule[Machine]:
        """The other one."""


def predictor(rule: object) -> Predicts | None:
    """The rule, or the one inside it, if it predicts."""
    if isinstance(rule, Predicts):
        return rule
    return predictor(rule.rule) if isinstance(rule, Around) else None


def normalised(weights: Array) -> Array | None:
    """Weights that sum to one; None if they are all zero: such a batch teaches nothing."""
    total = weights.sum(dtype=np.float64)
    if total < 0:
        raise EbmError("weights: expected row weights >= 0")
    return weights / total if total > 0 else None


def zero(params: Params) -> Params:
    """The gradient of a batch without weight."""
    return {key: np.zeros_like(value) for key, value in params.items()}


@dataclass
class Offsets(Carried):
    """Centring offsets by the names of biases; none where the rule does not centre."""

    like_params: ClassVar[tuple[str, ...]] = ("offsets",)
    offsets: Params = field(default_factory=dict)


class Centring:
    """What rules do that can centre their gradient; `CD` explains the settings."""

    centred: bool
    standardised: bool
    offset_rate: float
    offsets: Whose

    @property
    def centres(self) -> bool:
        """Whether there are offsets."""
        return self.centred or self.standardised

    def begin_offsets(self, machine: Machine) -> Params:
        """One for each bias, if the rule centres; NaN until the first batch sets them."""
        if not self.centres:
            return {}
        return {key: np.full_like(machine.params[key], np.nan) for key in machine.biases}

    def centre(
        self, machine: Machine, gradient: Params, means: Params, offsets: Params
    ) -> tuple[Params, Params]:
        """The difference of the phases; centred or standardised with moving averages of their statistics.

        docs/math.md (5.4)-(5.6a). `means` are the statistics of the biases in the first phase.
        """
        moved = {}
        for key, old in offsets.items():
            mean = means[key] - _SHARE[self.offsets] * gradient[key]
            new = mean if np.isnan(old[0]) else old + self.offset_rate * (mean - old)
            moved[key] = new.astype(old.dtype)
        gradient = machine.centre(gradient, moved)
        if self.standardised:
            gradient = machine.standardise(gradient, moved)
        return machine.uncentre(gradient, moved), moved
