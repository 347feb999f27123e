"""log Z of a machine that learns: one tempering ladder goes along with it.

Between two looks a machine moves little, so replicas that were in equilibrium nearly are. A look lets them
follow and the ladder adapt, and measures log Z by MBAR over all levels. It also predicts it: the last look's
answer plus the ratio of the two machines' partition functions, by Bennett's method from the samples at β = 1
of both looks. The two are weighed as in a Kalman filter, docs/math.md (11.13).

Measurement and prediction share samples, and ladders remember from look to look what they did. Both are in
the error, and no autocorrelation time is estimated: ladders are independent of each other for ever, so all
that ladder c ever moved the answer by is one number, which is added up along the run (11.4).

All that is kept is arrays, so a run that is resumed looks alike.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np

from ebm.machine import Array, Base, Machine, put
from ebm.partition.estimate import Estimate
from ebm.partition.multistate import bennett_step
from ebm.partition.tempered import recorded, tempered_estimates
from ebm.samplers import Tempering
from ebm.samplers.tempering import Replicas
from ebm.stream import Stream

__all__ = ["tracked_log_z"]

_LADDERS = 16
_STRIDE = 2  # steps between records
_FIRST = 120  # steps of burn-in, while the ladder adapts, of the first look
_OVERLAP = _LADDERS / 2  # ladders that must have a share in Bennett's ratio
_ASIDE = 5.0  # standard errors by which measurement and prediction may differ
_LOOKS = 8  # over which the variance of a measurement is averaged
_PAST = "past."  # begins the names of what a prediction needs, in a memory
_PARAMS, _X = f"{_PAST}params.", f"{_PAST}x"


def tracked_log_z(
    machine: Machine, memory: dict[str, Array], rng: Stream, *, base: Base = None, n_records: int = 24
) -> tuple[Estimate, dict[str, Array]]:
    """log Z of the machine as it is now, from replicas that followed it here and from the last look.

    Parameters
    ----------
    memory : dict of str to ndarray
        What the last look returned; empty at the first.
    rng : Stream
    base : (n_units·width,), optional
        Inputs of the product measure at β = 0: the same at every look.
    n_records : int
        Records of all replicas, two steps apart; a quarter of them as burn-in, after as many steps while the
        ladder adapts.

    Returns
    -------
    estimate : Estimate
        Nats; `trouble` says why it should not be trusted. Among its `facts`: ``fresh`` and ``fresh_stderr``,
        the measurement by itself, and ``weight``, its share in the answer (1 where there is no prediction: at
        the first look, where the machines of two looks do not overlap, or where the two contradict).
    memory : dict of str to ndarray

    References
    ----------
    Desjardins, Bengio & Courville, "On tracking the partition function" (2011), for the filter over ratios of
    consecutive machines; Bennett (1976) for the ratio; Shirts & Chodera (2008) for the measurement.

    Examples
    --------
    >>> import ebm
    >>> machine = ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 8, 4, scale=0.5)
    >>> estimate, memory = tracked_log_z(machine, {}, ebm.Stream(0))
    >>> machine.params["W"] *= 1.1
    >>> machine.project()
    >>> estimate, memory = tracked_log_z(machine, memory, ebm.Stream(1))
    >>> bool(abs(estimate.value - machine.exact()[0]) < 5 * estimate.stderr)
    True
    """
    sampler = Tempering(base=base, n_adapt=_FIRST)
    if memory:
        state = Replicas.unpack((machine,), memory)
        for _ in range(n_records // 2):
            sampler.step(machine, state, rng)
        sampler.adapt(state)
        for _ in range(n_records // 2):
            sampler.step(machine, state, rng)
    else:
        state = sampler.init(machine, _LADDERS, rng)
    run = recorded(machine, sampler, _LADDERS, rng, state=state, stride=_STRIDE)
    run.run(n_records)
    fresh, x = tempered_estimates(run, ("mbar",))["mbar"], run.kept(1, run.start).transpose(0, 2, 1)
    track, weight = _begun(fresh), 1.0
    if memory and not fresh.trouble:
        track, weight = _corrected(_predicted(machine, memory, x), track)
    facts = fresh.facts | {"fresh": fresh.value, "fresh_stderr": fresh.stderr, "weight": weight}
    stderr = float(np.linalg.norm(track.influence))
    estimate = Estimate(track.value, stderr, fresh.trouble, facts, influence=track.influence)
    kept = run.state.pack()
    return estimate, kept if fresh.trouble else kept | track.pack() | _samples(machine, x)


@dataclass(frozen=True)
class _Track:
    """What the looks so far say of log Z.

    `influence`, (n_ladders,), is the error. The scalars serve the weights: `variance`, of the value, and
    `typical`, of a measurement, the mean over the last `looks`.
    """

    value: float
    influence: Array
    variance: float
    typical: float
    looks: int

    def pack(self) -> dict[str, Array]:
        """It as arrays."""
        return {f"{_PAST}{f.name}": np.array(getattr(self, f.name)) for f in fields(self)}

    @classmethod
    def unpack(cls, memory: dict[str, Array]) -> Self:
        """What `pack` stored."""
        kept: dict[str, Any] = {f.name: memory[f"{_PAST}{f.name}"] for f in fields(cls)}
        return cls(**{key: value.item() if value.ndim == 0 else value for key, value in kept.items()})


def _begun(fresh: Estimate) -> _Track:
    """A track that begins with a measurement."""
    assert fresh.influence is not None
    variance = float((fresh.influence**2).sum())
    return _Track(fresh.value, fresh.influence, variance, variance, 1)


def _samples(machine: Machine, x: Array) -> dict[str, Array]:
    """What Bennett's ratio to the next machine needs of this one."""
    return {f"{_PARAMS}{key}": value.copy() for key, value in machine.params.items()} | {_X: x}


def _predicted(machine: Machine, memory: dict[str, Array], x: Array) -> _Track | None:
    """The track carried on to this machine; None without one, or where the machines do not overlap."""
    if _X not in memory:
        return None
    last, old = machine.copy(), memory[_X]
    put(last, {k.removeprefix(_PARAMS): v for k, v in memory.items() if k.startswith(_PARAMS)})
    up, down = (_loss(last, machine, old), _loss(machine, last, x))
    f, influence, ess = bennett_step(up, down)
    if not ess >= _OVERLAP:
        return None
    so_far = _Track.unpack(memory)
    return replace(
        so_far,
        value=so_far.value - f,
        influence=so_far.influence - influence,
        variance=so_far.variance + float((influence**2).sum()),
    )


def _loss(here: Machine, there: Machine, x: Array) -> Array:
    """F there less F here, of states (n_ladders, n_records, n_units), as (n_ladders, n_records)."""
    flat = x.reshape(-1, x.shape[-1])
    return (there.free_energy(flat) - here.free_energy(flat)).reshape(x.shape[:2])


def _corrected(guess: _Track | None, fresh: _Track) -> tuple[_Track, float]:
    """Prediction and measurement, weighed by their inverse variances; and the weight of the measurement.

    Weights that follow the noise of estimated variances prefer what looks better than it is, and a filter
    hands that on. So a measurement's variance is averaged over looks, and the prediction's is that of the
    scalar filter; the error is what the influences say of whatever weights there were.
    """
    if guess is None:
        return fresh, 1.0
    aside = fresh.influence - guess.influence
    if abs(fresh.value - guess.value) > _ASIDE * np.linalg.norm(aside):
        return fresh, 1.0
    looks = min(guess.looks + 1, _LOOKS)
    typical = guess.typical + (fresh.variance - guess.typical) / looks
    weight = guess.variance / max(guess.variance + typical, 1e-300)
    value, influence = guess.value + weight * (fresh.value - guess.value), guess.influence + weight * aside
    return _Track(value, influence, (1 - weight) * guess.variance, typical, looks), weight
