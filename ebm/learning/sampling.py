"""Rules whose model phase is chains: contrastive divergence and its persistent kin."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field, PlainValidator

from ebm.errors import NotSupported, settings
from ebm.learning.clamped import Positive, check_positive, clamped
from ebm.learning.rules import Batch, Carried, Centring, Offsets, Share, Whose, normalised, zero
from ebm.learning.tuning import Length, Tuning, as_length, tuned
from ebm.machine import Array, Chains, Count, HasInputs, Machine, Params
from ebm.parts import part_of
from ebm.samplers.walkers import Adapts, Sampler, Walkers, resume
from ebm.stream import Stream

__all__ = ["CD", "PCD"]

_ADAPT = 256  # steps after which a ladder adapts to the machine that has learnt meanwhile


@settings
class CD(Centring):
    """Contrastive divergence: the model's chains start at the data and run k sweeps.

    Parameters
    ----------
    k : int
        Sweeps.
    positive : {"gibbs", "mean-field"}
        Hidden units of a fully connected machine given the data: swept ten times, or means that satisfy the
        mean-field equations, docs/math.md (5.17); the chains then start at independent draws with them.
    centred : bool
        Centre the gradient with moving averages of statistics (Melchior, Fischer & Wiskott 2016).
    standardised : bool
        Centre it, and measure each unit in its standard deviations: the natural gradient of a machine whose
        units are independent, docs/math.md (5.6a). Rates are then smaller than centred ones.
    offset_rate : float
        Weight of the newest batch in those averages.
    offsets : {"data", "model", "average"}
        Whose statistics: of the batch, of the chains, or the mean of both.

    References
    ----------
    Hinton, "Training products of experts by minimizing contrastive divergence" (2002).
    """

    k: Count = 1
    positive: Positive = "gibbs"
    centred: bool = False
    standardised: bool = False
    offset_rate: Share = 0.01
    offsets: Whose = "data"

    def init(self, machine: Machine, rng: Stream) -> Offsets:
        """Offsets, if centred."""
        check_positive(self, machine)
        return Offsets(self.begin_offsets(machine))

    def sweeps(self, carried: Carried) -> int:
        """Gibbs sweeps per update."""
        return self.k

    def gradient(
        self, machine: Machine, batch: Batch, carried: Carried, rng: Stream
    ) -> tuple[Params, Carried]:
        """Statistics of the batch minus those of its rows after k sweeps."""
        v, weights = batch
        w = normalised(weights)
        if w is None:
            return zero(machine.params), carried
        data = clamped(self, machine, v, rng)
        model = machine.sweep(data.start(rng), rng, self.k)
        gradient, means = data.contrast(w, model, w)
        if not self.centres:
            return gradient, carried
        offsets = part_of(Offsets, carried, self).offsets
        gradient, offsets = self.centre(machine, gradient, means, offsets)
        return gradient, Offsets(offsets)


@dataclass
class Persistent(Carried):
    """Chains that Gibbs sweeps move.

    Attributes
    ----------
    x : ndarray, (n_chains, n_units)
    ahead : ndarray or None
        With which the next sweep begins, `Machine.carry`; whoever puts other states in place drops it.
    offsets : dict of str to ndarray
        Of centring, by the names of biases.
    tuning : Tuning or None
        Where chains set their own number of sweeps.
    """

    like_params: ClassVar[tuple[str, ...]] = ("offsets",)
    x: Array
    ahead: Array | None = None
    offsets: Params = field(default_factory=dict)
    tuning: Tuning | None = None

    @property
    def states(self) -> Array:
        """States of the chains."""
        return self.x

    @property
    def tuned(self) -> int | None:
        """Their own number of sweeps."""
        return None if self.tuning is None else self.tuning.sweeps


@dataclass
class Walked(Carried):
    """Chains that a sampler moves: those that sample the machine, and all that the sampler changes."""

    like_params: ClassVar[tuple[str, ...]] = ("offsets",)
    x: Array
    walkers: Params = field(default_factory=dict)
    offsets: Params = field(default_factory=dict)

    @property
    def states(self) -> Array:
        """States of the chains."""
        return self.x


@settings
class PCD(Centring):
    """Persistent contrastive divergence: the model's chains run on from step to step.

    Parameters
    ----------
    k : int or "auto"
        Sweeps per step, or steps of the sampler. "auto": as many as chains need to forget, the relaxation
        time, measured every 256 steps by a short run in which the machine stands still, docs/math.md (5.18).
        That needs two chains or more and costs at most one sweep in sixteen.
    n_chains : int
    sampler : Sampler, optional
        What moves the chains, such as ``Tempering(n_replicas=10)``, which crosses barriers that block Gibbs
        sweeps, the default. A tempering ladder adapts every 256 steps. Exact states (`Direct`) are drawn anew
        in every update.
    positive : {"gibbs", "mean-field"}
        Hidden units of a fully connected machine given the data, as of `CD`.
    centred, standardised, offset_rate, offsets
        As of `CD`.
    most : int
        The largest k that "auto" takes.
    renew : float
        The part of the chains, drawn anew in each update, that begin again at rows of the batch. Chains of a
        machine with inputs keep those that they began with, so that they need it.

    References
    ----------
    Younes (1989); Tieleman, "Training restricted Boltzmann machines using approximations to the likelihood
    gradient" (2008); with tempering, Desjardins, Courville, Bengio, Vincent & Delalleau (2010).
    That k has to follow the mixing time: Decelle, Furtlehner & Seoane, "Equilibrium and non-equilibrium
    regimes in the learning of restricted Boltzmann machines" (2021).

    Examples
    --------
    >>> import numpy as np, ebm
    >>> pair = ebm.RBM(ebm.Ising(), ebm.Ising(), [[1.5]], [0.0], [0.0])  # relaxes in 5.0 sweeps
    >>> rule, rng = PCD(k="auto"), ebm.Stream(0)
    >>> batch = (np.array([[1.0], [-1.0]]), np.ones(2))
    >>> gradient, carried = rule.gradient(pair, batch, rule.init(pair, rng), rng)
    >>> 4 <= rule.sweeps(carried) <= 7
    True
    """

    k: Annotated[Length, PlainValidator(as_length)] = 1
    n_chains: Count = 100
    sampler: Sampler | None = None
    positive: Positive = "gibbs"
    centred: bool = False
    standardised: bool = False
    offset_rate: Share = 0.01
    offsets: Whose = "data"
    most: Count = 100
    renew: Annotated[float, Field(ge=0, le=1)] = 0.0

    def __post_init__(self) -> None:
        if self.k == "auto" and (self.sampler is not None or self.n_chains < 2):
            raise ValueError('k: "auto" is for two or more chains that are moved by Gibbs sweeps')
        if self.sampler is not None and self.sampler.length not in (None, 0):
            what = "expected one that may go on for ever, or draws exact states"
            raise ValueError(f"sampler: {self.sampler!r}: {what}")
        if self.renew and self.sampler is not None:
            raise ValueError("renew: is of chains that are moved by Gibbs sweeps")

    def init(self, machine: Machine, rng: Stream) -> Persistent | Walked:
        """Chains drawn from the machine without its couplings, or the sampler's own; offsets, if centred.

        Of a machine with inputs none: they begin at the rows of the first batch.
        """
        check_positive(self, machine)
        offsets = self.begin_offsets(machine)
        if isinstance(machine, HasInputs):
            if not self.renew or self.k == "auto":
                what = "chains of a machine with inputs; expected a number k, and renew=0.05 or so; or CD"
                raise NotSupported(f"PCD: {machine}: {what}")
            return Persistent(np.empty((0, machine.n_units), machine.dtype), None, offsets)
        if self.sampler is not None:
            walkers = self.sampler.init(machine, self.n_chains, rng)
            return Walked(walkers.x, _kept(self.sampler, walkers), offsets)
        x = machine.sample0(self.n_chains, rng, machine.params["b"])
        return Persistent(x, None, offsets, Tuning() if self.k == "auto" else None)

    def sweeps(self, carried: Carried) -> int | None:
        """Gibbs sweeps per update; None where a sampler moves the chains."""
        if self.sampler is not None:
            return None
        return carried.tuned if self.k == "auto" else self.k

    def gradient(
        self, machine: Machine, batch: Batch, carried: Carried, rng: Stream
    ) -> tuple[Params, Carried]:
        """Statistics of the batch minus those of the chains after k more sweeps."""
        if self.sampler is not None:
            return self._walked(self.sampler, machine, batch, part_of(Walked, carried, self), rng)
        own = part_of(Persistent, carried, self)
        chains, k, tuning = machine.restart(own.x, own.ahead), self.k, own.tuning
        if self.renew:
            chains = self._renewed(machine, chains, batch, rng)
        if k == "auto":
            tuning = tuned(machine, chains, tuning or Tuning(), rng, self.most)
            k = tuning.sweeps
        machine.sweep(chains, rng, k)
        gradient, offsets = self._contrast(machine, batch, chains, own.offsets, rng)
        return gradient, Persistent(*machine.carry(chains, rng), offsets, tuning)

    def _renewed(self, machine: Machine, chains: Chains, batch: Batch, rng: Stream) -> Chains:
        """Some of the chains at rows of the batch, drawn by their weights; all where there were none."""
        (v, weights), w = batch, normalised(batch[-1])
        if w is None:
            return chains
        u = rng.uniform(self.n_chains, 2)
        rows = np.minimum(np.searchsorted(np.cumsum(w), u[:, 1]), np.flatnonzero(weights)[-1])
        fresh = machine.start(machine.clamp(v[rows], rng))
        if not len(chains):
            return fresh
        return machine.start(np.where(u[:, :1] < self.renew, fresh.x, chains.x))

    def _contrast(
        self, machine: Machine, batch: Batch, chains: Chains, offsets: Params, rng: Stream
    ) -> tuple[Params, Params]:
        """Statistics of the batch minus those of the chains, centred, and the offsets."""
        v, weights = batch
        w = normalised(weights)
        if w is None:
            return zero(machine.params), offsets
        gradient, means = clamped(self, machine, v, rng).contrast(w, chains)
        return self.centre(machine, gradient, means, offsets) if offsets else (gradient, offsets)

    def _walked(
        self, sampler: Sampler, machine: Machine, batch: Batch, carried: Walked, rng: Stream
    ) -> tuple[Params, Carried]:
        """The same with chains that k steps of the sampler move."""
        if sampler.length == 0:  # exact states of a machine that is another by now
            state = sampler.init(machine, self.n_chains, rng)
        else:
            state = resume(sampler, machine, carried.walkers)
        for _ in range(0 if sampler.length == 0 else int(self.k)):
            state, _ = sampler.step(machine, state, rng)
            if state.time % _ADAPT == 0 and isinstance(sampler, Adapts):
                sampler.adapt(state)
        gradient, offsets = self._contrast(machine, batch, state.target, carried.offsets, rng)
        return gradient, Walked(state.x, _kept(sampler, state), offsets)


def _kept(sampler: Sampler, walkers: Walkers) -> Params:
    """What a sampler goes on from; nothing where it starts anew."""
    return {} if sampler.length == 0 else walkers.pack()
