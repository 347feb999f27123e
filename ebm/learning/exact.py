"""The exact gradient."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ebm.errors import settings
from ebm.learning.rules import Batch, Carried, Offsets, finish, normalised, start_offsets, zero
from ebm.machine import Machine, Params
from ebm.stream import Stream

__all__ = ["Exact"]


@settings
class Exact:
    """The exact gradient, by enumeration: for small machines.

    Parameters
    ----------
    centred : bool
        Centre the gradient with moving averages of statistics (Melchior, Fischer & Wiskott 2016).
    standardised : bool
        Centre it, and measure each unit in its standard deviations: the natural gradient of a machine whose
        units are independent, docs/math.md (5.6a). Rates are then smaller than centred ones.
    offset_rate : float
        Weight of the newest batch in those averages.
    offsets : {"data", "model", "average"}
        Whose statistics: of the batch, of the machine, or the mean of both.
    """

    centred: bool = False
    standardised: bool = False
    offset_rate: Annotated[float, Field(gt=0, le=1)] = 0.01
    offsets: Offsets = "data"

    def init(self, machine: Machine, rng: Stream) -> Carried:
        """Offsets, if centred."""
        return start_offsets(self, machine)

    def gradient(
        self, machine: Machine, batch: Batch, chains: Carried, rng: Stream
    ) -> tuple[Params, Carried]:
        """Exact posterior statistics of the batch minus exact expectations."""
        v, weights = batch
        w = normalised(weights)
        if w is None:
            return zero(machine.params), chains
        positive = machine.posterior_stats(v, w)
        negative = machine.exact()[1]
        gradient = {key: positive[key] - negative[key] for key in positive}
        return finish(self, machine, gradient, positive, chains)
