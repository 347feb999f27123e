"""Rules: estimates of the gradient of the mean log-likelihood.

The gradient is ⟨stats⟩ given the data minus ⟨stats⟩ under the machine, docs/math.md (5.1). Each of the two
phases is normalised by its own weights, so the numbers of data rows and of chains need not agree. A rule is
settings; what it carries from step to step (persistent chains, centring offsets) is a dict of arrays.
"""

from __future__ import annotations

from typing import Annotated, Any, Protocol, TypeAlias

import numpy as np
from pydantic import Field

from ebm.errors import EbmError, settings
from ebm.machine import Array, Machine, Params
from ebm.stream import Stream

__all__ = ["CD", "PCD", "Batch", "Carried", "Exact", "Rule"]

Batch: TypeAlias = tuple[Array, ...]  # arrays with equal numbers of rows; the last one is the row weights
Carried: TypeAlias = dict[str, Array]
_OFFSET = "offset."  # begins the names of centring offsets among what a rule carries


class Rule(Protocol):
    """What training needs."""

    def init(self, machine: Any, rng: Stream) -> Carried:
        """What the rule carries at the start."""

    def gradient(self, machine: Any, batch: Batch, chains: Carried, rng: Stream) -> tuple[Params, Carried]:
        """An estimate of the gradient, to be ascended: a dict like params; and what it carries on."""


def _normalised(weights: Array) -> Array | None:
    """Weights that sum to one; None if they are all zero: such a batch teaches nothing."""
    total = weights.sum(dtype=np.float64)
    if total < 0:
        raise EbmError("weights: expected row weights >= 0")
    return weights / total if total > 0 else None


def _zero(params: Params) -> Params:
    return {key: np.zeros_like(value) for key, value in params.items()}


def _start_offsets(machine: Machine) -> Carried:
    """Centring offsets, one for each bias; NaN until the first batch sets them."""
    biases = (k for k in machine.params if k not in machine.couplings)
    return {f"{_OFFSET}{k}": np.full_like(machine.params[k], np.nan) for k in biases}


def _finish(
    rule: CD | PCD | Exact, machine: Machine, positive: Params, negative: Params, chains: Carried
) -> tuple[Params, Carried]:
    """The difference of the phases; centred with moving averages of the data's statistics if the rule is.

    docs/math.md (5.4)-(5.6).
    """
    gradient = {key: positive[key] - negative[key] for key in positive}
    if not rule.centred:
        return gradient, chains
    moved, offsets = dict(chains), {}
    for key, old in chains.items():
        if key.startswith(_OFFSET):
            name = key.removeprefix(_OFFSET)
            mean, rate = positive[name], rule.offset_rate
            moved[key] = (mean if np.isnan(old[0]) else old + rate * (mean - old)).astype(old.dtype)
            offsets[name] = moved[key]
    return machine.centre(gradient, offsets), moved


def _sampled(
    rule: CD | PCD, machine: Machine, data: Any, w: Array, model: Any, u: Array | None, chains: Carried
) -> tuple[Params, Carried]:
    """The gradient from states of both phases; only a centred one needs the phases apart."""
    if not rule.centred:
        return machine.contrast(data, w, model, u), chains
    return _finish(rule, machine, machine.stats(data, w), machine.stats(model, u), chains)


@settings
class CD:
    """Contrastive divergence: the model's chains start at the data and run k sweeps.

    Parameters
    ----------
    k : int
        Sweeps.
    centred : bool
        Centre the gradient with moving averages of the data's statistics (Melchior, Fischer & Wiskott 2016).
    offset_rate : float
        Weight of the newest batch in those averages.

    References
    ----------
    Hinton, "Training products of experts by minimizing contrastive divergence" (2002).
    """

    k: Annotated[int, Field(ge=1)] = 1
    centred: bool = False
    offset_rate: Annotated[float, Field(gt=0, le=1)] = 0.01

    def init(self, machine: Machine, rng: Stream) -> Carried:
        """Offsets, if centred."""
        return _start_offsets(machine) if self.centred else {}

    def gradient(
        self, machine: Machine, batch: Batch, chains: Carried, rng: Stream
    ) -> tuple[Params, Carried]:
        """Statistics of the batch minus those of its rows after k sweeps."""
        v, weights = batch
        w = _normalised(weights)
        if w is None:
            return _zero(machine.params), chains
        data = machine.start(machine.clamp(v, rng))
        model = machine.sweep(data.copy(), rng, self.k)
        return _sampled(self, machine, data, w, model, w, chains)


@settings
class PCD:
    """Persistent contrastive divergence: the model's chains run on from step to step.

    Parameters
    ----------
    k : int
        Sweeps per step.
    n_chains : int
    centred : bool
        Centre the gradient with moving averages of the data's statistics (Melchior, Fischer & Wiskott 2016).
    offset_rate : float
        Weight of the newest batch in those averages.

    References
    ----------
    Younes (1989); Tieleman, "Training restricted Boltzmann machines using approximations to the likelihood
    gradient" (2008).
    """

    k: Annotated[int, Field(ge=1)] = 1
    n_chains: Annotated[int, Field(ge=1)] = 100
    centred: bool = False
    offset_rate: Annotated[float, Field(gt=0, le=1)] = 0.01

    def init(self, machine: Machine, rng: Stream) -> Carried:
        """Chains drawn from the machine without its couplings; offsets, if centred."""
        chains = {"x": machine.sample0(self.n_chains, rng, machine.params["b"])}
        return chains | _start_offsets(machine) if self.centred else chains

    def gradient(
        self, machine: Machine, batch: Batch, chains: Carried, rng: Stream
    ) -> tuple[Params, Carried]:
        """Statistics of the batch minus those of the chains after k more sweeps."""
        v, weights = batch
        offsets = {key: value for key, value in chains.items() if key.startswith(_OFFSET)}
        running = machine.restart({key: value for key, value in chains.items() if key not in offsets})
        machine.sweep(running, rng, self.k)
        w = _normalised(weights)
        if w is None:
            return _zero(machine.params), offsets | machine.carry(running, rng)
        data = machine.start(machine.clamp(v, rng))
        gradient, offsets = _sampled(self, machine, data, w, running, None, offsets)
        return gradient, offsets | machine.carry(running, rng)


@settings
class Exact:
    """The exact gradient, by enumeration: for small machines.

    Parameters
    ----------
    centred : bool
        Centre the gradient with moving averages of the data's statistics (Melchior, Fischer & Wiskott 2016).
    offset_rate : float
        Weight of the newest batch in those averages.
    """

    centred: bool = False
    offset_rate: Annotated[float, Field(gt=0, le=1)] = 0.01

    def init(self, machine: Machine, rng: Stream) -> Carried:
        """Offsets, if centred."""
        return _start_offsets(machine) if self.centred else {}

    def gradient(
        self, machine: Machine, batch: Batch, chains: Carried, rng: Stream
    ) -> tuple[Params, Carried]:
        """Exact posterior statistics of the batch minus exact expectations."""
        v, weights = batch
        w = _normalised(weights)
        if w is None:
            return _zero(machine.params), chains
        positive = machine.posterior_stats(v, w)
        return _finish(self, machine, positive, machine.exact()[1], chains)
