"""Training: a generator of states, and the loop around it for those who don't write one."""

from ebm.training.equilibrium import Equilibrium
from ebm.training.loop import History, choose, evaluate, fit
from ebm.training.steps import State, begin, partial_fit, steps_per_epoch, train

__all__ = [
    "Equilibrium",
    "History",
    "State",
    "begin",
    "choose",
    "evaluate",
    "fit",
    "partial_fit",
    "steps_per_epoch",
    "train",
]
