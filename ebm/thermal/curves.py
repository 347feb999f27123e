"""`thermodynamics`: runs the ladder until the curves are accurate, and says whether to trust them."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ebm.arguments import as_count, as_numbers
from ebm.errors import EbmError, expect, short
from ebm.machine import Array, Machine, as_machine, require_density
from ebm.partition.growing import SLOWER
from ebm.partition.ladder import Recorder, trouble
from ebm.progress import Progress, showing
from ebm.samplers import Tempering
from ebm.samplers.tempering import Replicas
from ebm.stream import SAMPLE, Seed, Stream
from ebm.thermal.observables import Observable, as_observables, propagated
from ebm.thermal.result import Curve, Overlap, Thermodynamics
from ebm.thermal.reweighting import Mixture, histograms

__all__ = ["thermodynamics"]

_FIRST = 64  # records of the first round
_STRIDE, _LONG_STRIDE = 2, 10  # steps between records; the second where a record costs many free energies
_ROOM = 2e7  # numbers kept, 160 MB; their analysis takes a few times that
_QUANTITIES = ("log_z", "free_energy", "energy", "heat_capacity", "entropy")
_MOST = 1000  # temperatures
_BINS = 65  # of overlaps, at most


def thermodynamics(
    machine: Machine,
    temperatures: ArrayLike | None = None,
    *,
    sampler: Tempering | None = None,
    n_ladders: int = 32,
    accuracy: float = 0.03,
    budget: float = 60.0,
    observables: Mapping[str, Observable | Callable[[Array], Any]] | None = None,
    configurations: int = 0,
    seed: Seed = 0,
    progress: Progress = None,
) -> Thermodynamics:
    """Free energy, energy, heat capacity, entropy and overlaps of a machine over a range of temperatures.

    One run of parallel tempering from β = 0 to the coldest temperature (or β = 1), reweighted by MBAR. The
    errors come from the spread of its independent ladders, so correlation along a ladder does no harm.

    Parameters
    ----------
    machine : Machine
    temperatures : array_like, (n_temperatures,), optional
        Ascending, T = 1/β > 0, at most 1000; 60 from 0.5 to 5 when left out.
    sampler : Tempering, optional
        A ladder from β = 0 to at least the coldest temperature, without a base;
        ``Tempering(stop=max(1, 1 / temperatures[0]))`` when left out.
    n_ladders : int
        Independent ladders, 2 or more.
    accuracy : float
        Largest standard error of the heat capacity, as a fraction of its peak, at which the run ends.
    budget : float
        Seconds that the run may take, roughly. What it computes depends on the clock only through the number
        of rounds, each of which doubles its length.
    observables : dict of str to Observable or function, optional
        What else to average at each temperature, by the names that it shall have: `Magnetisation`,
        `Susceptibility`, `Binder`, `Correlations`, `StructureFactor`, an `Observable` of your own, or a
        function of states, (n, n_units), to numbers, (n,) or (n, d).
    configurations : int
        States to draw at each temperature from all that the ladders met, by their weights there; those of
        one run of equal weights are spread evenly over it.
    seed : int, SeedSequence or Generator
    progress : bool or callable, optional
        As in `fit`.

    Returns
    -------
    Thermodynamics

    Raises
    ------
    EbmError
        Temperatures that are not positive and ascending, a sampler that does not fit, a machine that is not
        normalisable at the coldest temperature.

    Warns
    -----
    RuntimeWarning
        Something speaks against the run (`Thermodynamics.trouble`): ladders that differ, neighbours that
        never swap, estimates that drift.

    References
    ----------
    Ferrenberg & Swendsen, "Optimized Monte Carlo data analysis" (1989); Shirts & Chodera, "Statistically
    optimal analysis of samples from multiple equilibrium states" (2008).

    Examples
    --------
    >>> import numpy as np, ebm
    >>> pair = ebm.BoltzmannMachine(ebm.Ising(), [[0.0, 1.0], [1.0, 0.0]])
    >>> found = ebm.thermodynamics(pair, [0.8, 1.0, 2.0])
    >>> exact = -np.tanh(1 / found.temperature)
    >>> bool((abs(found.energy - exact) < 4 * found.energy_stderr).all())
    True
    >>> found = ebm.thermodynamics(pair, [1.0, 2.0], observables={"s0s1": lambda x: x[:, 0] * x[:, 1]})
    >>> bool((abs(found.observables["s0s1"].value + found.energy) < 1e-9).all())
    True
    """
    grid = _temperatures(temperatures)
    n_ladders = as_count(n_ladders, "n_ladders", 2)
    for name, value in (("accuracy", accuracy), ("budget", budget)):
        if not (isinstance(value, (int, float)) and value > 0):
            raise EbmError(f"thermodynamics: {name}: expected a positive number, got {short(value)}")
    machine = as_machine(machine, "thermodynamics: machine")
    sampler = _ladder(sampler, 1 / grid[0])
    require_density(machine, (1.0, 1 / grid[0]), "thermodynamics")
    rng = Stream(seed).split(SAMPLE)
    wanted = Wanted(as_observables(observables, machine), as_count(configurations, "configurations", 0))
    run = recorded(machine, sampler, n_ladders, 1 / grid, rng, wanted)
    with showing(progress, "thermodynamics") as update:
        curves = _grow(run, accuracy, budget, update, wanted)
    if curves.trouble:
        warnings.warn(f"thermodynamics: {curves.trouble}: do not trust", RuntimeWarning, stacklevel=2)
    return curves


class Wanted(NamedTuple):
    """What is averaged or drawn at each temperature beside the curves."""

    observables: dict[str, Observable]
    configurations: int

    def measure(self, machine: Machine, x: Array) -> tuple[Array, ...]:
        """Of rows: the numbers of all observables, (n, d); the rows themselves, if they may be drawn."""
        numbers = [observable.measure(x) for observable in self.observables.values()]
        measured = (np.concatenate(numbers, axis=1),) if numbers else ()
        kind = np.int16 if machine.units.finite else np.float32
        return (*measured, x.astype(kind)) if self.configurations else measured


NOTHING = Wanted({}, 0)


def recorded(
    machine: Machine,
    sampler: Tempering,
    n_ladders: int,
    betas: Array,
    rng: Stream,
    wanted: Wanted = NOTHING,
) -> Recorder:
    """A `Recorder` of what the curves at some β need, and of how far ladders agree, if states are finite."""

    def also(state: Replicas) -> tuple[Array, ...]:
        x = state.chains.x
        more = tuple(numbers[state.at] for numbers in wanted.measure(machine, x)) if wanted != NOTHING else ()
        if not machine.units.finite:
            return more
        paired = state.at[:, : state.at.shape[1] // 2 * 2]
        return (*more, (x[paired[:, ::2]] == x[paired[:, 1::2]]).sum(-1))  # the last, (K, n_ladders // 2)

    stride = _LONG_STRIDE if machine.sums_out else _STRIDE
    beside = sum(part.shape[1] for part in wanted.measure(machine, machine.sample0(1, Stream(0))))
    return Recorder(
        machine, sampler, n_ladders, rng, stride=stride, betas=betas, also=also, room=_ROOM, beside=beside
    )  # fmt: skip


def _grow(
    run: Recorder, accuracy: float, budget: float, progress: Callable[..., object], wanted: Wanted
) -> Thermodynamics:
    """Double the run until it is accurate, or another round would exceed the budget."""
    begun, n_records = time.monotonic(), _FIRST

    def fraction() -> float:
        return min(0.99, (time.monotonic() - begun) / budget)

    while True:
        start = time.monotonic()
        run.run(n_records, lambda done, line: progress(fraction(), line))
        curves = _analyse(run, wanted)
        height = float(curves.heat_capacity.max())
        error = float(curves.heat_capacity_stderr.max()) / height if height > 0 else 0.0
        line = f"heat capacity to {100 * error:.2g} % of its peak, {len(run)} records"
        progress(fraction(), line + (curves.trouble and f"; {curves.trouble}"))
        now = time.monotonic()
        accurate = error <= accuracy and not curves.trouble
        if accurate or now - begun + SLOWER * (now - start) > budget:
            progress(1.0, "")
            return curves
        n_records = len(run)


def _analyse(run: Recorder, wanted: Wanted = NOTHING) -> Thermodynamics:
    """The curves, from the last half of a run."""
    ladder, at, betas = run.ladder(run.start), run.at(run.start), run.betas
    mixture = Mixture.of(ladder)
    curves = {name: np.empty(len(betas)) for q in _QUANTITIES for name in (q, f"{q}_stderr")}
    free_energies = []
    for k, beta in enumerate(betas):
        samples = at(k)
        free_energies.append(samples[0])
        (log_ratio, energy, variance), influence = mixture.curve(*samples)
        log_z = run.machine.log_z0() + log_ratio
        moved_z, moved_e, moved_v = influence
        quantities = (  # in the order of _QUANTITIES, each with what the ladders move it by
            (log_z, moved_z),
            (-log_z / beta, -moved_z / beta),
            (energy, moved_e),
            (beta**2 * variance, beta**2 * moved_v),
            (log_z + beta * energy, moved_z + beta * moved_e),
        )
        for name, (value, moved) in zip(_QUANTITIES, quantities, strict=True):
            curves[name][k], curves[f"{name}_stderr"][k] = value, math.sqrt(float((moved**2).sum()))
    facts, overlap = run.facts(ladder), _overlap(run, mixture, free_energies)
    return Thermodynamics(
        1 / betas,
        **curves,
        overlap=overlap,
        observables=_observed(run, wanted, mixture, free_energies),
        configurations=_drawn(run, wanted, mixture, free_energies),
        trouble=trouble(ladder, facts),
        facts=facts,
    )


def _observed(
    run: Recorder, wanted: Wanted, mixture: Mixture, free_energies: list[Array]
) -> dict[str, Curve]:
    """The observables at every temperature, with their errors."""
    if not wanted.observables:
        return {}
    numbers = np.moveaxis(run.kept(1, run.start), 2, 0)  # (d, K, n_ladders, n_records)
    found = [mixture.averages(F, numbers) for F in free_energies]
    curves, first = {}, 0
    for name, observable in wanted.observables.items():
        last = first + observable.measure(run.machine.sample0(1, Stream(0))).shape[1]
        own = [
            propagated(observable, mean[first:last], influence[first:last], float(beta))
            for beta, (mean, influence) in zip(run.betas, found, strict=True)
        ]
        value, stderr = (np.array(part) for part in zip(*own, strict=True))
        single = value.shape[1] == 1
        curves[name] = Curve(value[:, 0] if single else value, stderr[:, 0] if single else stderr)
        first = last
    return curves


def _drawn(run: Recorder, wanted: Wanted, mixture: Mixture, free_energies: list[Array]) -> Array | None:
    """States at every temperature: systematic draws by the weights, one grid of places for all of them."""
    n = wanted.configurations
    if not n:
        return None
    states = np.moveaxis(run.kept(1 + bool(wanted.observables), run.start), 2, -1)
    rows = states.reshape(-1, states.shape[-1])
    places = (np.arange(n) + 0.5) / n
    numbers = [np.searchsorted(np.cumsum(mixture.weights(F)[0]), places) for F in free_energies]
    return rows[np.minimum(numbers, len(rows) - 1)]


def _overlap(run: Recorder, mixture: Mixture, free_energies: list[Array]) -> Overlap | None:
    units, n = run.machine.units, run.machine.n_units
    if not units.finite or len(units.parts(n)) > 1:  # overlaps are of units with equally many states
        return None
    states = units.states or ()
    edges = _edges(n)
    cells = np.searchsorted(edges, run.kept(-1, run.start)) - 1
    probability, stderr = histograms(mixture, free_energies, cells, len(edges) - 1)
    as_q = (len(states) * edges / n - 1) / (len(states) - 1)
    width = np.diff(as_q)
    return Overlap((as_q[1:] + as_q[:-1]) / 2, as_q, probability / width, stderr / width)


def _edges(n: int) -> Array:
    """Edges of bins of the numbers 0 to n, halfway between them, the same seen from both ends.

    Bins hold one number, or where these are many the same odd or even number of them, so that they stand
    symmetric about n/2; those at the ends are cut off.
    """
    size = -(-(n + 1) // _BINS)
    if size > 1 and (size + n) % 2 == 0:
        size += 1
    if size == 1:
        return np.arange(n + 2) - 0.5
    middle = n / 2 + (size / 2 if n % 2 == 0 else 0)
    half = middle + size * np.arange(0, n // size + 1)
    upper = np.append(half[half < n + 0.5], n + 0.5)
    return np.unique(np.r_[n - upper, upper])


def _temperatures(given: ArrayLike | None) -> Array:
    if given is None:
        return np.geomspace(0.5, 5.0, 60)
    grid = np.atleast_1d(as_numbers(given, "temperatures")).astype(np.float64)
    good = grid.ndim == 1 and len(grid) > 0 and np.isfinite(grid).all() and (grid > 0).all()
    if not good or (np.diff(grid) <= 0).any():
        got = " ".join(np.array2string(grid.ravel(), threshold=6, edgeitems=2).split())
        raise EbmError(f"temperatures: expected positive numbers, ascending, got {got}")
    if len(grid) > _MOST:
        raise EbmError(f"temperatures: expected {_MOST} at most, got {len(grid)}")
    return grid


def _ladder(sampler: Tempering | None, coldest: float) -> Tempering:
    """The sampler, checked: from β = 0, whose log Z is known, past the coldest β, in independent ladders."""
    if sampler is None:
        return Tempering(stop=max(1.0, coldest))
    expect(sampler, Tempering, "thermodynamics: sampler", "a ladder such as Tempering(stop=2.0)")
    low, high = (
        (sampler.start, sampler.stop) if sampler.betas is None else sampler.betas[:: len(sampler.betas) - 1]
    )
    if low != 0 or high < coldest * (1 - 1e-12):
        wanted = f"0 to {coldest:g} or beyond"
        raise EbmError(f"thermodynamics: sampler: β from {low:g} to {high:g}; expected {wanted}")
    if sampler.base is not None or sampler.houdayer:
        raise EbmError(
            "thermodynamics: sampler: expected neither a base nor moves between ladders (houdayer)"
        )
    return sampler
