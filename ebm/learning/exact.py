"""The exact gradient."""

from __future__ import annotations

from ebm.errors import settings
from ebm.gaps import Gapped, completions
from ebm.learning.rules import Batch, Carried, Centring, Offsets, Share, Whose, normalised, zero
from ebm.machine import Array, HasInputs, Machine, Params
from ebm.parts import part_of
from ebm.stream import Stream

__all__ = ["Exact"]


@settings
class Exact(Centring):
    """The exact gradient, by enumeration: for small machines. Gaps in rows are summed over, too.

    Of a machine with inputs the sum is done for every row of inputs in the batch.

    Parameters
    ----------
    centred, standardised, offset_rate, offsets
        As of `CD`; the model's statistics are exact.
    """

    centred: bool = False
    standardised: bool = False
    offset_rate: Share = 0.01
    offsets: Whose = "data"

    def init(self, machine: Machine, rng: Stream) -> Offsets:
        """Offsets, if centred."""
        return Offsets(self.begin_offsets(machine))

    def whole(self, machine: Machine, rows: Gapped, weights: Array) -> Batch:
        """Rows with every state of their gaps, weighted by its probability given the rest: the exact sum."""
        return completions(machine, rows, weights)

    def gradient(
        self, machine: Machine, batch: Batch, carried: Carried, rng: Stream
    ) -> tuple[Params, Carried]:
        """Exact posterior statistics of the batch minus exact expectations."""
        v, weights = batch
        w = normalised(weights)
        if w is None:
            return zero(machine.params), carried
        positive = machine.posterior_stats(v, w)
        if isinstance(machine, HasInputs):
            negative = machine.exact_given(v[:, : machine.n_inputs], w)[1]
        else:
            negative = machine.exact()[1]
        gradient = {key: positive[key] - negative[key] for key in positive}
        if not self.centres:
            return gradient, carried
        offsets = part_of(Offsets, carried, self).offsets
        gradient, offsets = self.centre(machine, gradient, positive, offsets)
        return gradient, Offsets(offsets)
