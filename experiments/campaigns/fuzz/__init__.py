"""Inputs that nobody expects, made from a seed and their number; ``python -m experiments.campaigns fuzz``.

`attempt(seed, number)` makes an input and tries it: the same numbers make the same input again.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from experiments.campaigns.fuzz.arrays import Rng

__all__ = ["attempt"]

Trial = Callable[[Rng], tuple[str, str]]


@functools.cache
def _kinds() -> tuple[tuple[str, Trial, int], ...]:
    """The kinds of input, how each is tried, and how many of a thousand are of it."""
    from experiments.campaigns.fuzz import arguments, commands, files

    return (
        ("tables", files.tables, 240),
        ("graphs and images", files.graphs, 120),
        ("model files", files.models, 160),
        ("configs", files.configs, 150),
        ("arguments of public functions", arguments.arguments, 150),
        ("machines and rows", arguments.methods, 125),
        ("estimators", arguments.fitted, 15),
        ("command lines", commands.commands, 32),
        ("folders of runs", files.runs, 7),
        ("command lines, a process each", commands.processes, 1),
    )


def attempt(seed: int, number: int) -> tuple[str, str, str]:
    """Make the input of a number and try it: its kind, the outcome, and how it failed."""
    rng = np.random.default_rng([seed, number])
    kinds = _kinds()
    place = number * 387 % sum(share for _, _, share in kinds)  # kinds in turn
    for kind, trial, share in kinds:
        if place < share:
            return kind, *trial(rng)
        place -= share
    raise AssertionError("shares add up")
