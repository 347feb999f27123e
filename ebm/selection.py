"""Which machine of a training run to keep: held-out rows decide.

What is remembered (the best parameters so far, their score, how long ago) are arrays in the memory of a
training `State`, so that a run that is resumed decides alike.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from ebm.errors import NotSupported, TooLarge, settings
from ebm.machine import Array, Machine, Params
from ebm.optimisers.steps import Memory
from ebm.partition import log_likelihood, log_z_ratio
from ebm.scores import free_energy_gap, pseudo_likelihood
from ebm.stream import Stream

__all__ = ["EarlyStopping"]

_BEST = "best."  # begins the names of the best parameters in a memory
_SWEEPS = 200  # of chains from held-out rows, for samples of two machines that are compared


@settings
class EarlyStopping:
    """Keep the machine that held-out rows like best, and stop when none was better for long.

    Parameters
    ----------
    patience : int
        Evaluations without a better one after which learning stops.
    score : {"log_likelihood", "pseudo_likelihood", "free_energy_gap", "loss", "error"}, optional
        loss, the mean −log p(y | x), of a network or a rule that predicts y, else pseudo_likelihood, when
        left out; error is the part of wrong predictions.
        log_likelihood needs machines that are summed exactly, or evaluations that estimate log Z: a run whose
        ``log_likelihood`` is "ais" or "tempering". The gap, which only grows, has no best value: the last
        machine is kept whose gap is at most `limit`.
    limit : float
        Of the free-energy gap, nats per sample.

    References
    ----------
    Hinton, "A practical guide to training restricted Boltzmann machines" (2012), section 6, for the gap.
    """

    patience: Annotated[int, Field(ge=1)] = 5
    score: Literal["log_likelihood", "pseudo_likelihood", "free_energy_gap", "loss", "error"] | None = None
    limit: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0

    def look(
        self, state: Any, train: Array, heldout: Array, log_z: float | None = None, rule: Any = None
    ) -> bool:
        """Score a machine, remember it if it is the best so far; True when learning should stop.

        Parameters
        ----------
        state : State
            Of `train`: its machine is scored, its memory remembers.
        train, heldout : (n, n_visible)
        log_z : float, optional
            Of the machine, nats, for the score that needs it; the exact sum when left out.
        rule : Rule, optional
            For the scores of predictions.

        Raises
        ------
        EbmError
            A score that the machine cannot have.
        """
        return self.note(state, self._score(state.machine, train, heldout, log_z, rule))

    def note(self, state: Any, score: float) -> bool:
        """What `look` does with a score that is known already; more is better."""
        machine, memory = state.machine, state.memory
        least = -self.limit if self.score == "free_energy_gap" else memory.get(f"{_BEST}score", -np.inf)
        if score > least:
            memory |= {f"{_BEST}params.{key}": value.copy() for key, value in machine.params.items()}
            own = {"score": score, "step": state.step, "waited": 0}
            memory |= {f"{_BEST}{key}": np.array(value) for key, value in own.items()}
        else:
            memory[f"{_BEST}waited"] = memory.get(f"{_BEST}waited", np.array(0)) + 1
        return self.enough(memory)

    def enough(self, memory: Memory) -> bool:
        """Whether the looks so far say that learning should stop."""
        return bool(memory.get(f"{_BEST}waited", 0) >= self.patience)

    def require(
        self, machine: Machine, train: Array, heldout: Array, log_z: float | None = None, rule: Any = None
    ) -> None:
        """Raise what `look` would, at once: for a score that the machine or the rows cannot have."""
        if self.score == "log_likelihood" and log_z is None:
            machine.require_exact()
            log_z = 0.0
        self._score(machine, train, heldout, log_z, rule)

    def _score(self, machine: Any, train: Array, heldout: Array, log_z: float | None, rule: Any) -> float:
        if self.score == "free_energy_gap":
            return -free_energy_gap(machine, train, heldout)
        if self.score in ("loss", "error") or (self.score is None and hasattr(rule, "score")):
            if not hasattr(rule, "score"):
                what = f"is of a network, or of a rule that predicts; got {rule}"
                raise NotSupported(f"EarlyStopping: score: {self.score!r} {what}")
            loss, error = rule.score(machine, heldout)
            return -error if self.score == "error" else -loss
        if self.score in (None, "pseudo_likelihood"):
            return float(pseudo_likelihood(machine, heldout).mean())
        log_z = machine.exact(stats=False)[0] if log_z is None else log_z
        return float(log_likelihood(machine, heldout, log_z).mean())


def best_of(memory: Memory) -> Params:
    """The best parameters that were remembered; empty where there are none."""
    prefix = f"{_BEST}params."
    return {k.removeprefix(prefix): v for k, v in memory.items() if k.startswith(prefix)}


def best_step(memory: Memory) -> int:
    """The step of the best parameters that were remembered; there must be some."""
    return int(memory[f"{_BEST}step"])


def gain(machine: Machine, other: Machine, heldout: Array, rng: Stream) -> tuple[float, float]:
    """Mean held-out log-likelihood of `other` minus that of `machine`, nats per row, and its error.

    log Z of both exactly where that fits, else their ratio by Bennett's method from chains that start at the
    held-out rows.
    """
    free = float((machine.visible_free_energy(heldout) - other.visible_free_energy(heldout)).mean())
    try:
        machine.require_exact()
        return free - (other.exact(stats=False)[0] - machine.exact(stats=False)[0]), 0.0
    except TooLarge:
        x = machine.clamp(heldout, rng)
        ratio, stderr = log_z_ratio(machine, other, *(m.sweep(x, rng, _SWEEPS) for m in (machine, other)))
        return free - ratio, stderr
