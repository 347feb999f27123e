"""Training: a generator of states, and the loop around it for those who don't write one."""

from ebm.training.history import History
from ebm.training.loop import Course, fit
from ebm.training.state import State, begin
from ebm.training.steps import partial_fit, train

__all__ = [
    "Course",
    "History",
    "State",
    "begin",
    "fit",
    "partial_fit",
    "train",
]
