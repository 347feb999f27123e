"""Chains that set their own number of sweeps per update: k follows the relaxation time of the machine.

Every so many updates the machine stands still for a short run of copies of the chains, and their relaxation
time, rounded up, is k from then on. The run is bounded by k itself: a time much longer than it is
extrapolated, and the next run, with a larger k, is long enough to correct it.
"""

from __future__ import annotations

import math
from typing import Any, Literal, TypeAlias

import numpy as np

from ebm.learning.rules import Carried
from ebm.machine import Chains, Machine, as_count
from ebm.samplers.pilot import evenly
from ebm.samplers.relaxation import LEAST, relaxation
from ebm.stream import Stream

__all__ = ["Sweeps", "as_sweeps", "start_tuning", "tuned"]

Sweeps: TypeAlias = int | Literal["auto"]
_EVERY = 256  # updates from one measurement to the next
_CHAINS = 100  # of which copies are made


def as_sweeps(k: Any) -> Sweeps:
    """A number of sweeps, or "auto", checked."""
    if k == "auto":
        return "auto"
    try:
        return as_count(k, "k")
    except ValueError:
        raise ValueError(f'expected an integer >= 1 or "auto", got {k!r}') from None


def start_tuning() -> Carried:
    """What is carried at the start: k, and the number of updates."""
    return {"sweeps": np.array(1), "updates": np.array(0)}


def tuned(machine: Machine, chains: Chains, carried: Carried, rng: Stream, most: int) -> Carried:
    """k for the update that comes, measured anew where it is due; the chains stay where they are."""
    k, updates = int(carried["sweeps"]), int(carried["updates"])
    if updates % _EVERY == 0:
        copies = chains.take(evenly(len(chains), _CHAINS))
        tau = relaxation(machine, copies, rng, LEAST * k)
        if not math.isnan(tau):
            k = min(most, max(1, math.ceil(tau)))
    return {"sweeps": np.array(k), "updates": np.array(updates + 1)}
