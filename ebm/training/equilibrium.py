"""Whether the chains of a rule keep up with the machine that learns.

A machine that learns mixes more and more slowly, and a rule whose chains are shorter than its relaxation
time τ samples another machine than the one that learns (Decelle, Furtlehner & Seoane 2021). τ is measured now
and then, on chains of its own, beside the training's stream.
"""

from __future__ import annotations

import math
import sys
import warnings
from typing import Any

import numpy as np

from ebm.gaps import drawn_whole
from ebm.learning.rules import Sweeps
from ebm.machine import HasInputs, Machine
from ebm.samplers.pilot import evenly
from ebm.samplers.relaxation import LEAST, relaxation
from ebm.stream import RELAX
from ebm.training.state import State

__all__ = ["Equilibrium"]

_CHAINS = 100
_SHARE = 32  # of the sweeps of learning one is spent on a measurement
_MOST = 1024  # sweeps of one, whatever its share
_RENEWALS = 50  # relaxation times that persistent chains should have run through: docs/design.md


class Equilibrium:
    """Measures the relaxation time along learning, and warns once when the chains are too short for it.

    Chains that start anew in each update should forget half of their start within their k sweeps:
    τ ≤ k/log 2. Persistent chains go with the machine; what they lag behind, τ sweeps, should be a small part
    of its age: 50 τ ≤ k·step. docs/math.md (5.19).

    Parameters
    ----------
    rule : Rule
        One that has no Gibbs chains is left alone.
    every : int
        Updates between evaluations. Measurements are made at evaluations 1, 2, 3, 4, 6, 8, 12, 16, …, once
        the chains have made 512 sweeps: machines change with the logarithm of time. They take at most a tenth
        of the sweeps of learning.

    References
    ----------
    Decelle, Furtlehner & Seoane, "Equilibrium and non-equilibrium regimes in the learning of restricted
    Boltzmann machines" (2021).
    """

    def __init__(self, rule: object, every: int) -> None:
        self.rule, self.every = rule, every

    def look(self, state: State[Machine], rows: Any) -> dict[str, float]:
        """{"relaxation_time": sweeps} where it is measured, else nothing.

        The state stays as it is, but for its watch, which knows whether there was a warning.

        Warns
        -----
        RuntimeWarning
            Once: the chains are too short. It points to the line outside the package that learns.
        """
        k = self.rule.sweeps(state.chains.carried) if isinstance(self.rule, Sweeps) else None
        number, rest = divmod(state.step, self.every)
        if k is None or rest or not _due(number) or k * state.step < LEAST * _SHARE:
            return {}
        if isinstance(state.machine, HasInputs):  # chains differ for ever, as their inputs do
            return {}
        machine, rng = state.machine, state.rng.split(RELAX).split(state.step)
        chains = state.chains.states
        if chains is not None:
            x = machine.start(chains).take(evenly(len(chains), _CHAINS))
        else:  # a few rows in several copies are as good: what they have in common they forget first
            few = rows[np.arange(_CHAINS) * len(rows) // _CHAINS]
            x = machine.start(machine.clamp(drawn_whole(machine, few, rng), rng))
        tau = relaxation(machine, x, rng, min(_MOST, k * state.step // _SHARE))
        if math.isnan(tau):
            return {}
        limit = k * state.step / _RENEWALS if chains is not None else k / math.log(2)
        if tau > limit and not state.watch.warned:
            state.watch.warned = True
            run = f"have run {k * state.step}" if chains is not None else f"run {k} from where they start"
            setting = "most" if state.chains.tuned is not None else 'k, or PCD(k="auto")'
            warnings.warn(
                f"learning has left equilibrium at step {state.step}: chains forget in about {tau:.3g} sweeps"
                f" and {run} (k={k}); expected more sweeps ({setting}), a lower rate, or"
                " PCD(sampler=Tempering())",
                RuntimeWarning,
                stacklevel=_outside(),
            )
        return {"relaxation_time": tau}


def _outside() -> int:
    """How many frames above the caller the first is that is not the package's."""
    level = 1
    while sys._getframe(level).f_globals.get("__name__", "").partition(".")[0] == "ebm":
        level += 1
    return level


def _due(number: int) -> bool:
    """Whether a number has no bits set but, at most, its two highest."""
    return number > 0 and number & ((1 << max(0, number.bit_length() - 2)) - 1) == 0
