"""Chains that set their own number of sweeps per update: k follows the relaxation time of the machine.

Every so many updates the machine stands still for a short run of copies of the chains, and their relaxation
time, rounded up, is k from then on. The run is bounded by k itself: a time much longer than it is
extrapolated, and the next run, with a larger k, is long enough to correct it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from ebm.arguments import as_count
from ebm.errors import short
from ebm.machine import Chains, Machine
from ebm.parts import Part
from ebm.samplers.pilot import evenly
from ebm.samplers.relaxation import LEAST, relaxation
from ebm.stream import Stream

__all__ = ["Length", "Tuning", "as_length", "tuned"]

Length: TypeAlias = int | Literal["auto"]
_EVERY = 256  # updates from one measurement to the next
_CHAINS = 100  # of which copies are made


def as_length(k: Any) -> Length:
    """A number of sweeps, or "auto", checked."""
    if isinstance(k, str) and k == "auto":
        return "auto"
    try:
        return as_count(k, "k")
    except ValueError:
        raise ValueError(f'expected an integer >= 1 or "auto", got {short(k)}') from None


@dataclass
class Tuning(Part):
    """The k that chains have set themselves, and the updates so far."""

    sweeps: int = 1
    updates: int = 0


def tuned(machine: Machine, chains: Chains, tuning: Tuning, rng: Stream, most: int) -> Tuning:
    """k for the update that comes, measured anew where it is due; the chains stay where they are."""
    k = tuning.sweeps
    if tuning.updates % _EVERY == 0:
        copies = chains.take(evenly(len(chains), _CHAINS))
        tau = relaxation(machine, copies, rng, LEAST * k)
        if not math.isnan(tau):
            k = min(most, max(1, math.ceil(tau)))
    return Tuning(k, tuning.updates + 1)
