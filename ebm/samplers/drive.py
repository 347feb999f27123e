"""`sample`: drives any sampler, with burn-in and thinning measured from the chains themselves."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field

from ebm.arguments import as_clamped, as_count
from ebm.errors import EbmError, expect
from ebm.files import refuse_beyond_memory
from ebm.machine import Array, Count, Machine, as_machine, require_density
from ebm.progress import Progress, Update, showing
from ebm.samplers.beside import drawn
from ebm.samplers.gibbs import Gibbs
from ebm.samplers.pilot import measure
from ebm.samplers.samples import Samples, in_order_met
from ebm.samplers.walkers import Pools, Sampler, advance
from ebm.stream import SAMPLE, Seed, Stream

__all__ = ["sample"]

_CHAINS = 100


def sample(
    machine: Machine,
    n: Count,
    *,
    sampler: Sampler | None = None,
    seed: Seed = 0,
    given: ArrayLike | None = None,
    n_chains: Count | None = None,
    burn_in: Annotated[int, Field(ge=0, lt=2**31)] | None = None,
    thin: Count | None = None,
    progress: Progress = None,
    executor: Executor | None = None,
) -> Samples:
    """Draw n samples.

    Parameters
    ----------
    machine : Machine
    n : int
        At least 1.
    sampler : Sampler, optional
        ``Gibbs()`` when left out.
    seed : int, SeedSequence or Generator
    given : array_like, (n_units,) or (n, n_units), optional
        Clamped units, NaN where free: n samples of one condition, or one sample of each row.
    n_chains : int, optional
        Chains run side by side; min(n, 100) when left out.
    burn_in, thin : int, optional
        Sampler steps before the first sample and between samples of a chain. When left out they are
        measured from the autocorrelation time: the largest of those of the free energy and of a few overlaps
        between states, which see phases of equal energy.
        These three do not apply to annealing or `Direct`, nor n_chains to one sample of each row.
    progress : bool or callable, optional
        As everywhere, `ebm.progress`; burn-in that is measured counts as nothing done.
    executor : concurrent.futures.Executor, optional
        Who works on blocks of chains, side by side with one thread each: ``Workers(2)`` of `ebm.experiment`,
        or any other. Each block measures its own burn-in and thinning and draws from its own stream: the
        samples are others than without, the same for any executor and any number of workers.

    Returns
    -------
    Samples

    Raises
    ------
    EbmError
        A `given` that does not fit, counts below 1, or a machine that is not normalisable.

    Warns
    -----
    RuntimeWarning
        The chains are shorter than 50 autocorrelation times of the free energy, or 10 of an overlap: the
        samples may not be of the machine. A phase that no chain has met is not seen, nor are chains that are
        stuck where each has a condition of its own.

    Examples
    --------
    >>> import numpy as np, ebm
    >>> pair = ebm.BoltzmannMachine(ebm.Ising(), [[0.0, 5.0], [5.0, 0.0]])
    >>> ebm.sample(pair, 3, given=[1, np.nan]).x
    array([[1., 1.],
           [1., 1.],
           [1., 1.]])
    """
    machine = as_machine(machine, "sample: machine")
    sampler = expect(
        Gibbs() if sampler is None else sampler, Sampler, "sample: sampler", "one such as Gibbs()"
    )
    n = as_count(n, "n")
    n_chains, burn_in, thin = (
        None if value is None else as_count(value, name, least)
        for name, value, least in (("n_chains", n_chains, 1), ("burn_in", burn_in, 0), ("thin", thin, 1))
    )
    if executor is not None:
        expect(executor, Executor, "executor", "a concurrent.futures.Executor, or None")
    if given is None:
        require_density(machine, 1.0, "sample")
    if sampler.length is not None and (n_chains or burn_in or thin):
        raise EbmError(f"sample: n_chains, burn_in and thin do not apply to {type(sampler).__name__}")
    what = f"sample: {n} states of {machine.n_units} units"
    refuse_beyond_memory(16.0 * n * machine.n_units, what, "fewer")
    if executor is not None:
        return _beside(executor, machine, n, sampler, seed, given, n_chains, (burn_in, thin), progress)
    rng = Stream(seed).split(SAMPLE)
    parts: list[_Group] = []
    places, so_far = [], 0
    with showing(progress, "sample") as update:
        for rows, clamped in _groups(machine, n, given, isinstance(sampler, Pools)):
            if clamped is not None:
                require_density(machine, 1.0, "sample", np.isnan(clamped[0]))
            plan = _Plan(n_chains, burn_in, thin, _share(update, so_far, len(rows), n), len(rows) < n)
            parts.append(_sample_group(machine, sampler, rng, len(rows), clamped, plan))
            places.append(rows)
            so_far += len(rows)
        update(1.0, "")
    order = np.argsort(np.concatenate(places))
    x = np.concatenate([part.x for part in parts])[order]
    free_energy = machine.free_energy(x)
    diagnostics = _together([part.diagnostics for part in parts], places, order)
    energy = None if machine.sums_out else free_energy
    return Samples(x, free_energy, energy, diagnostics, *_chains_and_draws(parts, order))


def _beside(
    executor: Executor,
    machine: Machine,
    n: int,
    sampler: Sampler,
    seed: Seed,
    given: ArrayLike | None,
    n_chains: int | None,
    burn_in_and_thin: tuple[int | None, int | None],
    progress: Progress,
) -> Samples:
    """The same by blocks of chains that others work on."""
    values = None if given is None else as_clamped(given)
    for _ in _groups(machine, n, given, False):  # a `given` that does not fit is refused here
        pass
    one_each = values is not None and values.ndim == 2
    chains = n if one_each or sampler.length is not None else min(n, n_chains or _CHAINS)
    settings = dict(zip(("burn_in", "thin"), burn_in_and_thin, strict=True))
    with showing(progress, "sample") as update:
        parts, places = drawn(
            sample, executor, machine, sampler, seed, chains, values, settings, n, update
        )  # fmt: skip
    order = np.argsort(np.concatenate(places))
    energies = [part.energy for part in parts if part.energy is not None]
    return Samples(
        np.concatenate([part.x for part in parts])[order],
        np.concatenate([part.free_energy for part in parts])[order],
        np.concatenate(energies)[order] if energies else None,
        _together([part.diagnostics for part in parts], places, order),
        *_chains_and_draws(parts, order),
    )


class _Group(NamedTuple):
    """The samples of one condition, as they were drawn."""

    x: Array
    diagnostics: dict[str, Any]
    chain: Array
    draw: Array


def _chains_and_draws(parts: Sequence[_Group | Samples], order: Array) -> tuple[Array, Array]:
    """Chain and draw of each row of the answer: chains of different groups are different."""
    ends = np.cumsum([0, *(1 + part.chain.max() for part in parts)])
    chain = np.concatenate([part.chain + end for part, end in zip(parts, ends, strict=False)])
    return in_order_met(chain[order]), np.concatenate([part.draw for part in parts])[order]


class _Plan(NamedTuple):
    """How a group of samples is drawn, and who is told of the fraction done."""

    n_chains: int | None
    burn_in: int | None
    thin: int | None
    update: Callable[[float], object]
    some: bool = False  # whether it is one of several conditions


def _share(update: Update, before: int, own: int, n: int) -> Callable[[float], object]:
    """Progress of a group as that of all samples."""
    return lambda done: update((before + own * done) / n, "")


def _together(parts: list[dict[str, Any]], places: list[Array], order: Array) -> dict[str, Any]:
    """Diagnostics of all groups: of the slowest one; chains are counted, best states put in order.

    What only a population has, it has for each row.
    """
    slowest = max(parts, key=lambda part: -math.inf if math.isnan(part["tau"]) else part["tau"])
    together = slowest | {"n_chains": sum(part["n_chains"] for part in parts)}
    for key in ("best_x", "best_energy"):
        if key in slowest:
            together[key] = np.concatenate([part[key] for part in parts])[order]
    for key in ("log_z", "log_z_stderr", "rho_t", "family_entropy"):
        if key in slowest and len(parts) > 1:
            by_group = [np.full(len(rows), part[key]) for rows, part in zip(places, parts, strict=True)]
            together[key] = np.concatenate(by_group)[order]
    return together


def _groups(
    machine: Machine, n: int, given: ArrayLike | None, alike: bool
) -> Iterator[tuple[Array, Array | None]]:
    """Rows of the answer that share a set of clamped units, if `alike` in the same states; these states."""
    if given is None:
        yield np.arange(n), None
        return
    values = as_clamped(given)
    if values.shape not in ((machine.n_units,), (n, machine.n_units)):
        raise EbmError(
            f"given: expected ({machine.n_units},) or ({n}, {machine.n_units}) with NaN where free,"
            f" got {values.shape}"
        )
    for units, places, _ in machine.units.parts(machine.n_units):
        part = values[..., places]
        units.check(part[~np.isnan(part)], "given", strict=True)
    if values.ndim == 1:
        yield np.arange(n), values[None]
        return
    free = np.isnan(values)
    kinds, which = np.unique(np.where(free, np.inf, values) if alike else free, axis=0, return_inverse=True)
    for k in range(len(kinds)):
        rows = np.flatnonzero(which == k)
        yield rows, values[rows[:1] if alike else rows]


def _sample_group(
    machine: Machine,
    sampler: Sampler,
    rng: Stream,
    n: int,
    given: Array | None,
    plan: _Plan,
) -> _Group:
    n_chains, burn_in, thin, update, some = plan
    one_each = given is not None and len(given) > 1
    c = n if one_each or sampler.length is not None else min(n, n_chains or _CHAINS)
    if some and isinstance(sampler, Pools):
        c = max(c, sampler.pool)
    clamped = None if given is None else np.ascontiguousarray(np.broadcast_to(given, (c, machine.n_units)))
    state: Any = sampler.init(machine, c, rng, clamped)
    if sampler.length is not None:
        while state.time < sampler.length and not state.done:
            state, _ = sampler.step(machine, state, rng)
            update(state.time / sampler.length)
        chain = np.arange(n) * c // n  # of a population, chains that stand far apart
        diagnostics = {"tau": math.nan, "burn_in": state.time, "thin": 0, "n_chains": c} | state.facts
        return _Group(state.x[chain], diagnostics, chain, np.zeros_like(chain))
    if burn_in is None or (thin is None and n > c):
        memory, state = measure(machine, sampler, state, rng, apart=one_each)
        tau, spent, gap, measured = memory.tau, memory.steps, memory.thin, {"slowest": memory.slowest}
    else:
        tau, spent, gap, measured = math.nan, 0, 1, {}
    state = advance(sampler, machine, state, rng, max(0, (burn_in or 0) - spent))
    gap = gap if thin is None else thin
    rounds = [state.x.copy()]
    while len(rounds) * c < n:
        update(len(rounds) * c / n)
        state = advance(sampler, machine, state, rng, gap)
        rounds.append(state.x.copy())
    diagnostics = {"tau": tau, "burn_in": max(spent, burn_in or 0), "thin": gap, "n_chains": c}
    draw, chain = np.divmod(np.arange(n), c)
    return _Group(np.concatenate(rounds)[:n], diagnostics | measured | state.facts, chain, draw)
