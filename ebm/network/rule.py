"""Back-propagation as a rule of learning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, TypeAlias

from pydantic import Field

from ebm.errors import EbmError, expect, settings
from ebm.learning.rules import Batch, Carried
from ebm.machine import Params
from ebm.network.model import Network
from ebm.network.passes import draw_masks
from ebm.stream import Stream

__all__ = ["BackPropagation", "Dropout"]

Share: TypeAlias = Annotated[float, Field(ge=0, lt=1)]
Dropout: TypeAlias = Share | list[Share] | tuple[Share, ...]


@settings
class BackPropagation:
    """The rule that ascends log p(y | x) of a `Network` on batches (x, y).

    Parameters
    ----------
    dropout : float or sequence of float
        The probability with which an output of a hidden layer is left out of an update, docs/math.md (8.6);
        or one for the inputs of every layer, the data first. What stays is scaled to keep its mean, so that
        predictions want no correction. Which ones are left out is a function of the state's stream.

    References
    ----------
    Rumelhart, Hinton & Williams, "Learning representations by back-propagating errors" (1986); Srivastava et
    al., "Dropout: a simple way to prevent neural networks from overfitting" (2014).

    Examples
    --------
    >>> BackPropagation(dropout=(0.2, 0.5)).shares(3)
    Traceback (most recent call last):
    ebm.errors.EbmError: dropout: 2 numbers; expected one, or 3, one for the inputs of every layer
    """

    dropout: Dropout = 0.0

    def shares(self, n_layers: int) -> Sequence[float]:
        """The probability for the inputs of each layer.

        Raises
        ------
        EbmError
            More or fewer numbers than layers.
        """
        if isinstance(self.dropout, (int, float)):
            return [0.0, *[float(self.dropout)] * (n_layers - 1)]
        if len(self.dropout) != n_layers:
            raise EbmError(
                f"dropout: {len(self.dropout)} numbers; expected one, or {n_layers}, one for the inputs of"
                " every layer"
            )
        return self.dropout

    def init(self, machine: Network, rng: Stream) -> Carried:
        """Nothing is carried."""
        expect(machine, Network, "BackPropagation: machine", "a Network, such as readout makes")
        self.shares(len(machine.layer_units))
        return Carried()

    def gradient(
        self, machine: Network, batch: Batch, carried: Carried, rng: Stream
    ) -> tuple[Params, Carried]:
        """The exact gradient of the batch's weighted mean of log p(y | x), given what is left out."""
        x, y, weights = batch
        total = weights.sum()
        w = weights / -total if total > 0 else weights
        shares = self.shares(len(machine.layer_units))
        masks = draw_masks(machine, len(x), shares, rng) if any(shares) else ()
        return machine.slopes(x, machine.target(y, len(x)), w, masks)[0], carried
