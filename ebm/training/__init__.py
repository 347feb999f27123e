"""Training: a generator of states, and the loop around it for those who don't write one."""

from ebm.training.equilibrium import Equilibrium
from ebm.training.loop import History, choose, described, evaluate, fit, keep, some
from ebm.training.steps import State, as_batch, begin, partial_fit, steps_per_epoch, train

__all__ = [
    "Equilibrium",
    "History",
    "State",
    "as_batch",
    "begin",
    "choose",
    "described",
    "evaluate",
    "fit",
    "keep",
    "partial_fit",
    "some",
    "steps_per_epoch",
    "train",
]
