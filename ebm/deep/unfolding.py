"""Stacks as networks: on the way up with a readout, or up and back down as an autoencoder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ebm.arguments import as_count
from ebm.network import Layer, Network
from ebm.units import Units
from ebm.units.family import as_units

__all__ = ["autoencoder", "with_readout"]


def with_readout(layers: Sequence[Layer], inputs: Units, readout: Units, n_outputs: int) -> Network:
    """A network of these layers and a readout that says nothing yet."""
    dtype = layers[-1].W.dtype
    shape = (len(layers[-1].b), as_units(readout, "readout").columns(as_count(n_outputs, "n_outputs")))
    top = Layer(readout, np.zeros(shape, dtype), np.zeros(shape[1], dtype))
    return Network([*layers, top], inputs)


def autoencoder(up: Sequence[Layer], down: Sequence[Layer]) -> Network:
    """A network of layers up and back down to the data, whose loss is −log p(v | code).

    Hinton & Salakhutdinov, "Reducing the dimensionality of data with neural networks" (2006).
    """
    return Network([*up, *down], down[-1].units)
