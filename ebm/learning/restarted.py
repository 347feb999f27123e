"""Rules of the family of persistent chains whose chains are not those of the machine itself, or not kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from ebm.errors import settings
from ebm.learning.rules import Batch, Carried, normalised, zero
from ebm.machine import Array, Count, HasInputs, Machine, Params
from ebm.parts import part_of
from ebm.stream import Stream

__all__ = ["FastPCD", "RandomStart"]


@settings
class RandomStart:
    """The model's chains start at fair units in every update and run k sweeps.

    Of a machine with inputs there is one chain for each row of the batch, with its inputs.

    A machine learnt so is a generator: k sweeps from noise make data. At equilibrium it is only as good as k
    is long.

    Parameters
    ----------
    k : int
        Sweeps.
    n_chains : int

    References
    ----------
    Nijkamp, Hill, Han, Zhu & Wu, "On the anatomy of MCMC-based maximum likelihood learning of energy-based
    models" (2020); Decelle, Furtlehner & Seoane (2021), of RBMs ("Rdm-k").
    """

    k: Count = 10
    n_chains: Count = 100

    def init(self, machine: Machine, rng: Stream) -> Carried:
        """Nothing."""
        return Carried()

    def sweeps(self, carried: Carried) -> int:
        """Gibbs sweeps per update."""
        return self.k

    def gradient(
        self, machine: Machine, batch: Batch, carried: Carried, rng: Stream
    ) -> tuple[Params, Carried]:
        """Statistics of the batch minus those of new chains after k sweeps."""
        v, weights = batch
        w = normalised(weights)
        if w is None:
            return zero(machine.params), carried
        data = machine.start(machine.clamp(v, rng))
        if isinstance(machine, HasInputs):
            x, others = machine.sample0_given(v[:, : machine.n_inputs], rng), w
        else:
            x, others = machine.sample0(self.n_chains, rng), None
        model = machine.start(x)
        machine.sweep(model, rng, self.k)
        return machine.contrast(data, w, model, others)[0], carried


@dataclass
class FastChains(Carried):
    """Persistent chains, and the fast weights that are added to the machine when they move."""

    like_params: ClassVar[tuple[str, ...]] = ("fast",)
    x: Array
    fast: Params

    @property
    def states(self) -> Array:
        """States of the chains."""
        return self.x


@settings
class FastPCD:
    """Persistent chains of a machine with fast weights added, which push them away from where they are.

    The fast weights learn by the same gradient at a rate of their own and decay: wherever chains stay, the
    energy rises until they leave. The machine that learns has no part in them.

    Parameters
    ----------
    k : int
        Sweeps per step.
    n_chains : int
    fast_rate : float
        Rate of the fast weights.
    decay : float
        What is left of them after a step.

    References
    ----------
    Tieleman & Hinton, "Using fast weights to improve persistent contrastive divergence" (2009).
    """

    k: Count = 1
    n_chains: Count = 100
    fast_rate: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.01
    decay: Annotated[float, Field(ge=0, lt=1)] = 0.95

    def init(self, machine: Machine, rng: Stream) -> FastChains:
        """Chains drawn from the machine without its couplings; fast weights of zero."""
        return FastChains(machine.sample0(self.n_chains, rng, machine.params["b"]), zero(machine.params))

    def gradient(
        self, machine: Machine, batch: Batch, carried: Carried, rng: Stream
    ) -> tuple[Params, Carried]:
        """Statistics of the batch minus those of the chains after k sweeps of the faster machine."""
        (v, weights), own = batch, part_of(FastChains, carried, self)
        faster = machine.copy()
        for key, value in faster.params.items():
            value += own.fast[key]
        faster.project()
        x = faster.sweep(np.asarray(own.x), rng, self.k)
        w = normalised(weights)
        if w is None:
            return zero(machine.params), FastChains(x, own.fast)
        data = machine.start(machine.clamp(v, rng))
        gradient = {key: np.asarray(g) for key, g in machine.contrast(data, w, x)[0].items()}
        fast = {
            key: self.decay * own.fast[key] + self.fast_rate * g.astype(machine.dtype)
            for key, g in gradient.items()
        }
        return gradient, FastChains(x, fast)
