"""Optimisers, and schedules of their rate.

An optimiser ascends a gradient in place. Its `Memory` is a part of the state: a checkpoint holds all of it.
The time of a schedule is the epoch: passes over the data made so far, fractional.
"""

from ebm.optimisers.around import Averaged, Clipped, Scaled
from ebm.optimisers.schedules import Constant, InverseTime, Linear, PerEpoch
from ebm.optimisers.steps import SGD, Adam, AdamW, Memory, Optimiser, RMSprop

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Averaged",
    "Clipped",
    "Constant",
    "InverseTime",
    "Linear",
    "Memory",
    "Optimiser",
    "PerEpoch",
    "RMSprop",
    "Scaled",
]
