"""log Z of a machine that learns: one tempering ladder goes along with it.

Between two looks a machine moves little, so replicas that were in equilibrium nearly are. A look lets them
follow and the ladder adapt, and estimates log Z by MBAR over all levels: an estimate of its own, whose error
does not add up along the run. All that is kept is arrays, so a run that is resumed looks alike.
"""

from __future__ import annotations

from ebm.machine import Array, Base, Machine
from ebm.partition.estimate import Estimate
from ebm.partition.tempered import Recorder, tempered_estimates
from ebm.samplers import Replicas, Tempering
from ebm.stream import Stream

__all__ = ["tracked_log_z"]

_LADDERS = 16
_FIRST = 120  # steps of burn-in, while the ladder adapts, of the first look


def tracked_log_z(
    machine: Machine, memory: dict[str, Array], rng: Stream, *, base: Base = None, n_records: int = 48
) -> tuple[Estimate, dict[str, Array]]:
    """log Z of the machine as it is now, from replicas that followed it here.

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
        Nats; `trouble` says why it should not be trusted.
    memory : dict of str to ndarray

    References
    ----------
    Desjardins, Bengio & Courville, "On tracking the partition function" (2011), for the idea; the estimator
    here is MBAR (Shirts & Chodera 2008).

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
    run = Recorder(machine, sampler, _LADDERS, rng, state=state)
    run.run(n_records)
    return tempered_estimates(run, ("mbar",))["mbar"], run.state.pack()
