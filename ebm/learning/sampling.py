"""Rules whose model phase is chains: contrastive divergence and its persistent kin."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from ebm.errors import settings
from ebm.learning.rules import Batch, Carried, finish, normalised, split_offsets, start_offsets, zero
from ebm.machine import Array, Machine, Params
from ebm.stream import Stream

__all__ = ["CD", "PCD"]


def _sampled(
    rule: CD | PCD, machine: Machine, data: Any, w: Array, model: Any, u: Array | None, chains: Carried
) -> tuple[Params, Carried]:
    """The gradient from states of both phases; only a centred one needs the phases apart."""
    if not rule.centred:
        return machine.contrast(data, w, model, u), chains
    return finish(rule, machine, machine.stats(data, w), machine.stats(model, u), chains)


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
        return start_offsets(machine) if self.centred else {}

    def gradient(
        self, machine: Machine, batch: Batch, chains: Carried, rng: Stream
    ) -> tuple[Params, Carried]:
        """Statistics of the batch minus those of its rows after k sweeps."""
        v, weights = batch
        w = normalised(weights)
        if w is None:
            return zero(machine.params), chains
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
        return chains | start_offsets(machine) if self.centred else chains

    def gradient(
        self, machine: Machine, batch: Batch, chains: Carried, rng: Stream
    ) -> tuple[Params, Carried]:
        """Statistics of the batch minus those of the chains after k more sweeps."""
        v, weights = batch
        running, offsets = split_offsets(chains)
        running = machine.restart(running)
        machine.sweep(running, rng, self.k)
        w = normalised(weights)
        if w is None:
            return zero(machine.params), offsets | machine.carry(running, rng)
        data = machine.start(machine.clamp(v, rng))
        gradient, offsets = _sampled(self, machine, data, w, running, None, offsets)
        return gradient, offsets | machine.carry(running, rng)
