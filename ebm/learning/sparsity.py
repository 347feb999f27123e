"""Hidden units that are rarely on: another rule with a target for their means."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import Field

from ebm.errors import NotSupported, settings
from ebm.learning.rules import Batch, Carried, Rule, normalised
from ebm.machine import Array, Machine, Params
from ebm.stream import Stream

__all__ = ["SparseHidden"]

_MEAN = "mean_hidden"  # the running means among what the rule carries


@settings
class SparseHidden:
    """Another rule, with hidden biases pulled to where the hidden means are at a target.

    Bias j gains strength·(target − q_j), q_j a running mean of ⟨φ(h_j)⟩ given the data: the slope of
    −strength times the cross-entropy between target and q_j, for Bernoulli units, docs/math.md (5.16).

    Parameters
    ----------
    rule : Rule
    target : float
        Wanted ⟨φ(h)⟩ of every hidden unit; of a Potts unit of each state but the first, which has the rest.
    strength : float
        Nats per sample.
    decay : float
        What the running mean keeps in an update.

    Raises
    ------
    NotSupported
        A machine without hidden units.

    References
    ----------
    Lee, Ekanadham & Ng, "Sparse deep belief net model for visual area V2" (2008); Hinton, "A practical guide
    to training restricted Boltzmann machines" (2012), section 11.
    """

    rule: Rule
    target: float = 0.1
    strength: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.1
    decay: Annotated[float, Field(ge=0, lt=1)] = 0.9

    def init(self, machine: Machine, rng: Stream) -> Carried:
        """What the rule carries, and running means at the target."""
        key, own = _hidden(machine)
        mean = np.full(machine.params[key][own].shape, self.target, machine.dtype)
        return self.rule.init(machine, rng) | {_MEAN: mean}

    def sweeps(self, chains: Carried) -> int | None:
        """Gibbs sweeps per update of the rule; None where it has none."""
        return self.rule.sweeps(chains) if hasattr(self.rule, "sweeps") else None

    @property
    def score(self) -> Any:
        """The rule's own, for rules that predict; others have none."""
        rule: Any = self.rule
        return rule.score

    def gradient(
        self, machine: Machine, batch: Batch, chains: Carried, rng: Stream
    ) -> tuple[Params, Carried]:
        """The rule's gradient, and the pull on hidden biases."""
        inner = {key: value for key, value in chains.items() if key != _MEAN}
        gradient, inner = self.rule.gradient(machine, batch, inner, rng)
        v, weights = batch
        w, mean = normalised(weights), chains[_MEAN]
        if w is None:
            return gradient, inner | {_MEAN: mean}
        key, own = _hidden(machine)
        now = np.asarray(machine.stats(machine.clamp(v, rng), w)[key])[own]
        mean = (self.decay * mean + (1 - self.decay) * now).astype(machine.dtype)
        pulled = np.array(gradient[key])
        pulled[own] += self.strength * (self._target(machine, len(mean)) - mean)
        return gradient | {key: pulled}, inner | {_MEAN: mean}

    def _target(self, machine: Any, n: int) -> Array:
        """The target of every entry."""
        width = getattr(machine, "hidden", machine.units).width
        target = np.full(n, self.target)
        if width > 1:
            target[::width] = 1 - (width - 1) * self.target
        return target


def _hidden(machine: Any) -> tuple[str, slice]:
    """The parameter that holds the hidden biases, and where."""
    if "c" in machine.params:
        return "c", slice(None)
    if machine.n_units == machine.n_visible:
        raise NotSupported(f"SparseHidden: {machine} has no hidden units")
    return "b", slice(machine.n_visible * machine.units.width, None)
