"""Rules whose model phase is chains: contrastive divergence and its persistent kin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from pydantic import Field, PlainValidator

from ebm.errors import settings
from ebm.learning.clamped import Positive, check_positive, clamped
from ebm.learning.rules import Batch, Carried, Offsets, finish, normalised, split_offsets, start_offsets, zero
from ebm.learning.tuning import Sweeps, as_sweeps, start_tuning, tuned
from ebm.machine import Chains, Machine, Params
from ebm.samplers.walkers import Adapts, Sampler, Walkers, resume
from ebm.stream import Stream

__all__ = ["CD", "PCD"]

_STATE = "sampler."  # begins the names of a sampler's state among what the rule carries
_ADAPT = 256  # steps after which a ladder adapts to the machine that has learnt meanwhile


@settings
class CD:
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

    k: Annotated[int, Field(ge=1)] = 1
    positive: Positive = "gibbs"
    centred: bool = False
    standardised: bool = False
    offset_rate: Annotated[float, Field(gt=0, le=1)] = 0.01
    offsets: Offsets = "data"

    def init(self, machine: Machine, rng: Stream) -> Carried:
        """Offsets, if centred."""
        check_positive(self, machine)
        return start_offsets(self, machine)

    def sweeps(self, chains: Carried) -> int:
        """Gibbs sweeps per update."""
        return self.k

    def gradient(
        self, machine: Machine, batch: Batch, chains: Carried, rng: Stream
    ) -> tuple[Params, Carried]:
        """Statistics of the batch minus those of its rows after k sweeps."""
        v, weights = batch
        w = normalised(weights)
        if w is None:
            return zero(machine.params), chains
        data = clamped(self, machine, v, rng)
        model = machine.sweep(data.start(rng), rng, self.k)
        return finish(self, machine, *data.contrast(w, model, w), chains)


@settings
class PCD:
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
        sweeps, the default. A tempering ladder adapts every 256 steps.
    positive : {"gibbs", "mean-field"}
        Hidden units of a fully connected machine given the data, as of `CD`.
    centred : bool
        Centre the gradient with moving averages of statistics (Melchior, Fischer & Wiskott 2016).
    standardised : bool
        Centre it, and measure each unit in its standard deviations: the natural gradient of a machine whose
        units are independent, docs/math.md (5.6a). Rates are then smaller than centred ones.
    offset_rate : float
        Weight of the newest batch in those averages.
    offsets : {"data", "model", "average"}
        Whose statistics: of the batch, of the chains, or the mean of both.
    most : int
        The largest k that "auto" takes.

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
    >>> gradient, chains = rule.gradient(pair, batch, rule.init(pair, rng), rng)
    >>> 4 <= rule.sweeps(chains) <= 7
    True
    """

    k: Annotated[Sweeps, PlainValidator(as_sweeps)] = 1
    n_chains: Annotated[int, Field(ge=1)] = 100
    sampler: Sampler | None = None
    positive: Positive = "gibbs"
    centred: bool = False
    standardised: bool = False
    offset_rate: Annotated[float, Field(gt=0, le=1)] = 0.01
    offsets: Offsets = "data"
    most: Annotated[int, Field(ge=1)] = 100

    def __post_init__(self) -> None:
        if self.k == "auto" and (self.sampler is not None or self.n_chains < 2):
            raise ValueError('k: "auto" is for two or more chains that are moved by Gibbs sweeps')
        if self.sampler is not None and self.sampler.length is not None:
            raise ValueError(f"sampler: {self.sampler!r}: expected one that may go on for ever")

    def init(self, machine: Machine, rng: Stream) -> Carried:
        """Chains drawn from the machine without its couplings, or the sampler's own; offsets, if centred."""
        check_positive(self, machine)
        if self.sampler is None:
            chains = {"x": machine.sample0(self.n_chains, rng, machine.params["b"])}
            chains |= start_tuning() if self.k == "auto" else {}
        else:
            chains = self._packed(self.sampler.init(machine, self.n_chains, rng))
        return chains | start_offsets(self, machine)

    def sweeps(self, chains: Carried) -> int | None:
        """Gibbs sweeps per update; None where a sampler moves the chains."""
        if self.sampler is not None:
            return None
        return self._k(chains)

    def _k(self, chains: Carried) -> int:
        return int(chains["sweeps"]) if self.k == "auto" else self.k

    def gradient(
        self, machine: Machine, batch: Batch, chains: Carried, rng: Stream
    ) -> tuple[Params, Carried]:
        """Statistics of the batch minus those of the chains after k more sweeps."""
        v, weights = batch
        carried, offsets = split_offsets(chains)
        running, pack = self._advance(machine, carried, rng)
        w = normalised(weights)
        if w is None:
            return zero(machine.params), offsets | pack()
        data = clamped(self, machine, v, rng)
        gradient, offsets = finish(self, machine, *data.contrast(w, running), offsets)
        return gradient, offsets | pack()

    def _advance(
        self, machine: Machine, carried: Carried, rng: Stream
    ) -> tuple[Chains, Callable[[], Carried]]:
        """The chains that sample the machine after k steps, and how to pack them once they have been read."""
        if self.sampler is None:
            running = machine.restart(carried)
            tuning = tuned(machine, running, carried, rng, self.most) if self.k == "auto" else {}
            machine.sweep(running, rng, self._k(tuning))
            return running, lambda: machine.carry(running, rng) | tuning
        arrays = {key.removeprefix(_STATE): value for key, value in carried.items() if key != "x"}
        state = resume(self.sampler, machine, arrays)
        for _ in range(self._k(carried)):
            state, _ = self.sampler.step(machine, state, rng)
            if state.time % _ADAPT == 0 and isinstance(self.sampler, Adapts):
                self.sampler.adapt(state)
        return state.target, lambda: self._packed(state)

    def _packed(self, state: Walkers) -> Carried:
        """A sampler's state as arrays, and "x", the states that sample the machine."""
        return {"x": state.x} | {f"{_STATE}{key}": value for key, value in state.pack().items()}
