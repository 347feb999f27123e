"""Training: a generator of states, and the loop around it for those who don't write one."""

from ebm.training.loop import History, fit
from ebm.training.steps import State, begin, partial_fit, train

__all__ = [
    "History",
    "State",
    "begin",
    "fit",
    "partial_fit",
    "train",
]
