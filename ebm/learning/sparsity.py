"""Hidden units that are rarely on: another rule with a target for their means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from ebm.errors import NotSupported, settings
from ebm.graph import states_of
from ebm.learning.rules import Batch, Carried, Rule, Sweeps, normalised
from ebm.machine import Array, HasHidden, Machine, Params
from ebm.parts import part_of
from ebm.stream import Stream

__all__ = ["SparseHidden"]


@dataclass
class SparseCarried(Carried):
    """What the other rule carries, and the running means of the hidden units."""

    inner: Carried
    mean: Array

    @property
    def states(self) -> Array | None:
        """Those of the other rule."""
        return self.inner.states

    @property
    def tuned(self) -> int | None:
        """That of the other rule."""
        return self.inner.tuned


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

    rule: Rule[Machine]
    target: float = 0.1
    strength: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.1
    decay: Annotated[float, Field(ge=0, lt=1)] = 0.9

    def init(self, machine: Machine, rng: Stream) -> SparseCarried:
        """What the rule carries, and running means at the target."""
        key, own = _hidden(machine).hidden_biases
        mean = np.full(machine.params[key][own].shape, self.target, machine.dtype)
        return SparseCarried(self.rule.init(machine, rng), mean)

    def sweeps(self, carried: Carried) -> int | None:
        """Gibbs sweeps per update of the rule; None where it has none."""
        inner = part_of(SparseCarried, carried, self).inner
        return self.rule.sweeps(inner) if isinstance(self.rule, Sweeps) else None

    def gradient(
        self, machine: Machine, batch: Batch, carried: Carried, rng: Stream
    ) -> tuple[Params, Carried]:
        """The rule's gradient, and the pull on hidden biases."""
        carried = part_of(SparseCarried, carried, self)
        gradient, inner = self.rule.gradient(machine, batch, carried.inner, rng)
        (v, weights), mean = batch, carried.mean
        w = normalised(weights)
        if w is None:
            return gradient, SparseCarried(inner, mean)
        hidden = _hidden(machine)
        key, own = hidden.hidden_biases
        now = np.asarray(machine.stats(machine.clamp(v, rng), w)[key])[own]
        mean = (self.decay * mean + (1 - self.decay) * now).astype(machine.dtype)
        pulled = np.array(gradient[key])
        pulled[own] += self.strength * (self._target(hidden, len(mean)) - mean)
        return gradient | {key: pulled}, SparseCarried(inner, mean)

    def _target(self, machine: HasHidden, n: int) -> Array:
        """The target of every entry."""
        target = np.full(n, self.target)
        for units, _, columns in machine.hidden.parts(machine.n_hidden):
            if units.width > 1:  # of each state but the first
                first, *others = states_of(units)
                one = first + self.target * (np.array(others) - first).sum(0)
                target[columns] = np.tile(one, len(target[columns]) // units.width)
        return target


def _hidden(machine: Machine) -> HasHidden:
    """The machine, or one line that it has no hidden units."""
    if not isinstance(machine, HasHidden) or not machine.n_hidden:
        raise NotSupported(f"SparseHidden: {machine} has no hidden units")
    return machine
