"""Boltzmann learning: couplings whose samples have the data's moments, by persistent chains.

The gradient of the likelihood is the data's moments less the machine's. Both are taken about the data's
means, and each pair's step is divided by the Fisher information that it would have if units were independent,
plus the strength of L2, docs/math.md (5.21): rare states and frequent ones learn at one rate.

Steps come in windows (5.22). Two halves of a window tell signal from noise without a word on how chains are
correlated: the product of their mean residuals, on average, has no noise in it, and the distance of their
mean couplings is how sure these are. While halves agree, rates grow; when there is no signal left, windows
do. The answer is the mean over the last window. Learning ends when neither its residuals nor what is
uncertain about it are more than `tolerance` standard errors of the data's moments; the chains then run with
fixed couplings, as long again, and have to say the same and to forget their past meanwhile: chains that learn
lag behind, and agree with data that their machine does not.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from pydantic import Field

from ebm.boltzmann import BoltzmannMachine
from ebm.errors import EbmError, NotSupported, settings
from ebm.files import refuse_beyond_memory
from ebm.inverse.basis import Basis
from ebm.inverse.moments import Indicators, moments_of
from ebm.inverse.penalised import Shrinkage
from ebm.inverse.rows import Rows
from ebm.inverse.sampled import MOST, PER_NUMBER, numbers_of, refuse_errors, sampled_errors
from ebm.machine import Array, Chains, Count
from ebm.progress import Progress, Update, showing
from ebm.samplers import Sampler
from ebm.samplers.walkers import Adapts, Walkers, resume
from ebm.stream import Seed, Stream

__all__ = ["BoltzmannLearning", "Learnt", "Window", "boltzmann_learning"]

_FIRST, _LEAST, _CHECK = 8, 64, 64  # steps: of the first window, of one that may be the last, of a check
_START, _SLOW, _FAST = 0.02, 0.02, 0.5  # rates
_AGREE, _EXPECTED = 0.5, 1.0  # a cosine; how often a pair is expected whose moment is looked at
_ADAPT = 256  # steps of a sampler from one fit of its ladder to the next
_TIMES = 4  # how often chains forget their past while they are looked at
_RUNAWAY = 100.0  # a coupling beyond: there is no finite maximum, or no step is small enough


@dataclass(frozen=True)
class Window:
    """What a window of steps came to.

    Attributes
    ----------
    steps, sweeps : int
        So far; a step is one update.
    seconds : float
        So far.
    rate : float
    residual : float
        Of moments, in standard errors of the data's, rms over pairs; what is noise is taken away, and of less
        than no signal it is 0.
    uncertainty : float
        Of the mean couplings, in the same unit.
    pearson : float
        Of connected correlations.
    J, b : (columns, columns) and (columns,) float64
        Means over the window, in the units' own coding.
    """

    steps: int
    sweeps: int
    seconds: float
    rate: float
    residual: float
    uncertainty: float
    pearson: float
    J: Array
    b: Array


@settings
class BoltzmannLearning:
    """Boltzmann learning (Ackley et al. 1985) by persistent chains, errors of the sampled Fisher matrix.

    Parameters
    ----------
    n_chains : int
        Persistent chains.
    n_sweeps : int
        Sweeps between two steps.
    tolerance : float
        How far the machine's moments may be from the data's, and how uncertain the couplings may be for want
        of samples: rms over pairs, in standard errors of the data's moments. 0.1 adds a hundredth to the
        variance of the estimate; 1 stops as soon as the data cannot tell.
    pearson : float, optional
        Stop when connected correlations of all pairs of states, the machine's and the data's, are correlated
        as much, those of chains at rest, too.
    max_sweeps : int
        While it learns, at most.
    seconds : float, optional
        Time in all, about: a window is finished.
    errors : bool, optional
        Standard errors, by the Fisher matrix of the machine's own samples. When left out where there are
        3000 couplings and biases or fewer.
    watch : callable, optional
        Called with every `Window`; learning stops when it returns true.
    sampler : Sampler, optional
        What moves the chains in the place of Gibbs sweeps, such as ``Tempering(n_replicas=10)`` where these
        do not cross between the data's clusters; n_sweeps are then its steps. A ladder adapts every 256
        steps.
    """

    n_chains: Annotated[int, Field(ge=2)] = 1000
    n_sweeps: Count = 2
    tolerance: Annotated[float, Field(gt=0)] = 0.1
    pearson: Annotated[float, Field(gt=0, lt=1)] | None = None
    max_sweeps: Count = 50_000
    seconds: Annotated[float, Field(gt=0)] | None = None
    errors: bool | None = None
    watch: Callable[[Window], bool] | None = None
    sampler: Sampler | None = None

    def __post_init__(self) -> None:
        if self.sampler is not None and self.sampler.length not in (None, 0):
            what = "expected one that may go on for ever, or draws exact states"
            raise ValueError(f"sampler: {self.sampler!r}: {what}")

    @property
    def most(self) -> int:
        """Steps at most: an even number, two at least."""
        return max(2, self.max_sweeps // self.n_sweeps // 2 * 2)


@dataclass(frozen=True)
class Learnt:
    """A machine and how it was learnt.

    Attributes
    ----------
    machine : BoltzmannMachine
        Potts units in the zero-sum gauge.
    stopped : {"tolerance", "pearson", "max_sweeps", "seconds", "watch"}
    windows : list of Window
    residual, pearson : float
        As `Window` says, of chains with fixed couplings.
    chi2 : float
        Mean over pairs of (data's moment − chains')² over the sum of both variances, of the chains at one
        time: 1 where only sampling makes them differ, less where the data were fitted.
    autocorrelation : float
        Time of the slowest unit's states, sweeps, from how much chains differ in their means.
    mixed : bool
        Whether chains forgot their past several times while they were looked at.
    chains : (n_chains, n) int32
        Which state every unit is in.
    stderr_J, stderr_b : arrays of the shapes of J and b, or None
        Standard errors.
    """

    machine: BoltzmannMachine
    stopped: str
    windows: list[Window]
    residual: float
    pearson: float
    chi2: float
    autocorrelation: float
    mixed: bool
    chains: Array
    stderr_J: Array | None = None
    stderr_b: Array | None = None

    @property
    def remarks(self) -> tuple[str, ...]:
        """What speaks against it."""
        found = []
        if self.stopped in ("max_sweeps", "seconds"):
            last = self.windows[-1]
            found.append(
                f"boltzmann: stopped by {self.stopped} at {last.sweeps} sweeps, residual {self.residual:.2g}"
                f" ± {last.uncertainty:.2g} standard errors of the data's moments; expected more, or a"
                " larger tolerance"
            )
        if not self.mixed:
            found.append(
                f"boltzmann: chains forget too slowly, in {self.autocorrelation:.0f} sweeps or more: do not"
                " trust the couplings; expected more n_sweeps, or a penalty"
            )
        return tuple(found)


def boltzmann_learning(
    rows: Rows,
    shrinkage: Shrinkage,
    how: BoltzmannLearning,
    seed: Seed = 0,
    progress: Progress = None,
) -> Learnt:
    """Learn a machine from rows.

    Parameters
    ----------
    rows : Rows
    shrinkage : Shrinkage
        L2 and a mask.
    how : BoltzmannLearning
    seed : int
    progress : callable, bool, optional
        See `ebm.progress`.

    Raises
    ------
    NotSupported
        Other penalties; units whose couplings are not any function of their states.
    EbmError
        Couplings that grow without end; too little memory.
    """
    if not shrinkage.smooth or shrinkage.factors is not None:
        raise NotSupported("boltzmann: takes the penalty L2 alone, no others, no factors")
    if not rows.basis.saturated:
        raise NotSupported(
            f"boltzmann: {rows.basis.units}: expected couplings between all states, such as of Potts units;"
            " pseudo_likelihood takes these"
        )
    numbers = numbers_of(rows, shrinkage)
    if how.errors:
        refuse_errors(numbers)
    learner = _Learner(rows, shrinkage, how, Stream(seed))
    with showing(progress, "boltzmann") as update:
        found = learner.learnt(*_learn(learner, how, update))
    if how.errors is False or numbers > MOST:
        return found
    draws = learner.draws(math.ceil(PER_NUMBER * numbers / how.n_chains), found.autocorrelation)
    J, b = sampled_errors(rows, shrinkage, draws)
    return replace(found, stderr_J=J, stderr_b=b)


def _learn(learner: _Learner, how: BoltzmannLearning, update: Update) -> tuple[list[Window], str, _Check]:
    """Windows until there is a reason to stop; the reason; and what chains at rest then say."""
    start, rate, windows = time.perf_counter(), _START, list[Window]()
    steps = min(_FIRST, how.most)
    while True:
        halves = learner.window(steps, rate)
        found, cosine, noise = learner.judge(halves, rate, time.perf_counter() - start)
        windows.append(found)
        update(
            min(1.0, found.sweeps / how.max_sweeps),
            f"residual {found.residual:.3g} ± {found.uncertainty:.2g}, Pearson {found.pearson:.4f}",
        )
        close = max(found.residual, found.uncertainty) <= how.tolerance and steps >= _LEAST
        if close or (how.pearson is not None and found.pearson >= how.pearson):
            check = learner.check(halves, max(steps, _CHECK))
            if check.mixed and close and check.signal <= how.tolerance**2 + check.doubt:
                return windows, "tolerance", check
            if check.mixed and how.pearson is not None and check.pearson >= how.pearson:
                return windows, "pearson", check
            steps = 2 * check.steps  # chains lag behind what they teach
        elif found.residual**2 <= max(how.tolerance**2, noise):
            steps *= 2
        if stopped := _over(found, how):
            return windows, stopped, learner.check(halves, max(steps, _CHECK))
        if cosine > _AGREE:
            rate = min(1.5 * rate, _FAST)
        elif cosine < 0:
            rate = max(0.7 * rate, _SLOW)
        steps = min(steps, how.most - found.steps)


def _over(found: Window, how: BoltzmannLearning) -> str:
    """Why it is over though moments may not agree; or nothing."""
    if found.steps >= how.most:
        return "max_sweeps"
    if how.seconds is not None and found.seconds >= how.seconds:
        return "seconds"
    return "watch" if how.watch is not None and how.watch(found) else ""


@dataclass(frozen=True)
class _Half:
    """Means over half a window: of residuals, L2's share among them, of couplings and of biases."""

    residual: Array
    J: Array
    b: Array


@dataclass(frozen=True)
class _Check:
    """What chains with fixed couplings said.

    Attributes
    ----------
    signal, noise : float
        See `_Learner.signal`.
    chi2, pearson : float
    slow : float
        Of the slowest unit: steps that are worth one independent state.
    steps : int
        So many were done.
    doubt : float
        Three standard errors of the signal.
    """

    signal: float
    noise: float
    chi2: float
    pearson: float
    slow: float
    steps: int
    doubt: float

    @property
    def mixed(self) -> bool:
        """Whether chains forgot their past several times."""
        return self.slow < self.steps / _TIMES


class _Learner:
    """The machine of indicators, its chains, and the data's moments."""

    def __init__(self, rows: Rows, shrinkage: Shrinkage, how: BoltzmannLearning, rng: Stream) -> None:
        self.rows, self.how, self.rng = rows, how, rng
        self.states = states = Indicators(rows.basis)
        size = states.size
        refuse_beyond_memory(
            64.0 * size**2, f"boltzmann: {size} states of all units", "fewer units or states"
        )
        mean, pairs = moments_of(states, rows.codes, rows.w)
        self.mean, self.covariance = mean.astype(np.float32), pairs - np.outer(mean, mean)
        self.target = self.covariance.astype(np.float32)
        # ⟨(z_i − μ_i)² (z_j − μ_j)²⟩ − C_ij², for indicators a function of the same moments
        bend = 1 - 2 * mean
        whole = np.outer(mean**2, mean**2 + bend * mean)
        fourth = whole + np.outer(bend * mean, mean**2) + np.outer(bend, bend) * pairs
        self.variance = np.maximum(fourth - self.covariance**2, 1e-12)
        pairs = np.triu(np.arange(size) >= states.first[:, None])
        if shrinkage.allowed is not None:
            pairs &= shrinkage.allowed[states.owners[:, None], states.owners]
        self.pairs = np.flatnonzero(pairs)
        self.mask = None if shrinkage.allowed is None else (pairs | pairs.T).astype(np.float32)
        expected = rows.n_effective * np.outer(np.minimum(mean, 1 - mean), np.minimum(mean, 1 - mean))
        seen = (expected >= _EXPECTED).ravel()[self.pairs]
        self.seen = seen if seen.any() else np.ones_like(seen)
        smooth = (mean * rows.n_effective + 1 / states.q) / (rows.n_effective + 1)
        spread = np.where(states.q == 2, smooth * (1 - smooth), smooth)
        self.reach = np.array([1.0 if len(f) > 2 else f[1, 0] - f[0, 0] for f in rows.basis.contrasts])
        pull = math.sqrt(shrinkage.l2) / self.reach[states.owners] ** 2
        self.spread, self.pull = spread.astype(np.float32), pull.astype(np.float32)
        self.ridge = np.outer(pull, pull).ravel()[self.pairs]
        self.metric = np.outer(spread, spread).ravel()[self.pairs] + self.ridge
        b = np.where(states.q == 2, np.log(smooth / (1 - smooth)), np.log(smooth)).astype(np.float32)
        self.machine = BoltzmannMachine(states.units, np.zeros((size, size), np.float32), b)
        self.walkers: Walkers | None = None
        self.chains: Chains
        if how.sampler is None:
            self.chains = self.machine.start(self.machine.sample0(how.n_chains, rng, base=b))
        else:
            self.walkers = how.sampler.init(self.machine, how.n_chains, rng)
            self.chains = self.walkers.target
        self.counts = np.zeros((size, size), np.int32)
        self.steps = 0

    @property
    def codes(self) -> Array:
        """Which state every unit of every chain is in."""
        return self.states.codes(self.chains.x)

    def move(self, n: int) -> None:
        """n sweeps of all chains, or steps of the sampler."""
        sampler, state = self.how.sampler, self.walkers
        if sampler is None or state is None:
            self.machine.sweep(self.chains, self.rng, n)
            return
        if sampler.length == 0:  # exact states of a machine that is another by now
            state = sampler.init(self.machine, self.how.n_chains, self.rng)
        else:
            state = resume(sampler, self.machine, state.pack())
            for _ in range(n):
                state, _ = sampler.step(self.machine, state, self.rng)
                if state.time % _ADAPT == 0 and isinstance(sampler, Adapts):
                    sampler.adapt(state)
        self.walkers, self.chains = state, state.target

    def frequencies(self, codes: Array) -> Array:
        """Count pairs of the chains as they stand; the frequencies of single states."""
        self.states.count(codes, self.counts)
        return (self.counts.diagonal() / self.how.n_chains).astype(np.float32)

    def half(self, steps: int, rate: float, see: Callable[[Array], None] | None = None) -> _Half:
        """So many steps, at rate 0 with fixed couplings."""
        from ebm.kernels.learning.pairs import ascend_pairs

        size, params = self.states.size, self.machine.params
        J, b, share = params["J"], params["b"], np.float32(1 / self.how.n_chains)
        slopes, couplings = np.zeros((2, size, size), np.float32)
        biases, settings_ = np.zeros(size), (self.spread, self.pull, np.float32(rate))
        worth, shift = size > 256, J @ self.mean
        for _ in range(steps):
            self.move(self.how.n_sweeps)
            codes = self.codes
            model = self.frequencies(codes)
            moments = self.mean, model, share
            ascend_pairs(
                worth, self.states.first, self.counts, self.target, moments, settings_, J, (slopes, couplings)
            )
            if rate:
                if self.mask is not None:
                    J *= self.mask
                before, shift = shift, J @ self.mean
                b += np.float32(rate) * (self.mean - model) / self.spread - (shift - before)
            biases += b
            if see is not None:
                see(codes)
        self.steps += steps if rate else 0
        mean_J = couplings.ravel()[self.pairs].astype(np.float64) / steps
        residual = slopes.ravel()[self.pairs].astype(np.float64) / steps - self.ridge * mean_J
        return _Half(residual, mean_J, biases / steps)

    def window(self, steps: int, rate: float) -> tuple[_Half, _Half]:
        """A window of steps, an even number."""
        halves = self.half(steps // 2, rate), self.half(steps // 2, rate)
        if not all(np.isfinite(half.J).all() and np.abs(half.J).max() < _RUNAWAY for half in halves):
            raise EbmError(
                "boltzmann: couplings grow without end: states that the data lack; expected a penalty such as"
                f" L2({1 / self.rows.n_effective:.2g})"
            )
        return halves

    def judge(self, halves: tuple[_Half, _Half], rate: float, seconds: float) -> tuple[Window, float, float]:
        """What a window came to, the cosine of its halves' residuals, and the variance of their noise."""
        one, two = halves
        signal, noise = self.signal(one, two)
        size = np.sqrt((one.residual**2 / self.metric).sum() * (two.residual**2 / self.metric).sum())
        cosine = float((one.residual * two.residual / self.metric).sum() / max(size, 1e-300))
        apart = ((one.J - two.J) * self.metric)[self.seen] ** 2 / 4
        uncertain = float(np.sqrt((apart / self.errors()).mean()))
        J, b = self.in_units((one.J + two.J) / 2, (one.b + two.b) / 2)
        sweeps = self.steps * self.how.n_sweeps
        pearson = self.pearson(one, two)
        window = Window(
            self.steps, sweeps, seconds, rate, math.sqrt(max(signal, 0)), uncertain, pearson, J, b
        )
        return window, cosine, noise

    def errors(self) -> Array:
        """Variances of the data's moments that are looked at."""
        found: Array = self.variance.ravel()[self.pairs][self.seen] / self.rows.n_effective
        return found

    def signal(self, one: _Half, two: _Half) -> tuple[float, float]:
        """Mean square of residuals less their noise, and the noise of their mean, in the data's variances."""
        a, b = one.residual[self.seen], two.residual[self.seen]
        return float((a * b / self.errors()).mean()), float(((a - b) ** 2 / 4 / self.errors()).mean())

    def pearson(self, one: _Half, two: _Half) -> float:
        """Of connected correlations of all pairs, the data's and those of the chains over both halves."""
        wanted = self.covariance.ravel()[self.pairs]
        found = wanted - (one.residual + two.residual + self.ridge * (one.J + two.J)) / 2
        return float(np.corrcoef(wanted, found)[0, 1])

    def place(self, halves: tuple[_Half, _Half]) -> None:
        """Give the machine the means of a window."""
        one, two = halves
        J = np.zeros((self.states.size,) * 2, np.float32)
        J.ravel()[self.pairs] = (one.J + two.J) / 2
        self.machine.params["J"][:] = J + J.T
        self.machine.params["b"][:] = (one.b + two.b) / 2

    def check(self, halves: tuple[_Half, _Half], steps: int) -> _Check:
        """Run chains with fixed couplings, the means of a window."""
        self.place(halves)
        means = np.zeros((self.how.n_chains, self.states.size), np.float32)

        def see(codes: Array) -> None:
            np.add(means, self.states.encode(codes), out=means)

        one, two = self.half(steps // 2, 0.0, see), self.half(steps // 2, 0.0, see)
        signal, noise = self.signal(one, two)
        last = self.half(1, 0.0)
        chi2 = last.residual[self.seen] ** 2 / self.errors()
        chi2 *= 1 / (1 + self.rows.n_effective / self.how.n_chains)
        means /= steps // 2 * 2
        doubt = 3 * noise / math.sqrt(self.seen.sum() / 2)
        pearson, slow = self.pearson(one, two), self.slow(means, steps)
        return _Check(signal, noise, float(chi2.mean()), pearson, slow, steps, doubt)

    def slow(self, means: Array, steps: int) -> float:
        """Steps that are worth one independent state, from the variance of chains' means of so many."""
        mean, owners = means.mean(0), self.states.owners
        within, between = (np.bincount(owners, v) for v in (mean * (1 - mean), means.var(0)))
        moves = within > 10 / len(means)
        return steps * float(np.max(between[moves] / within[moves])) if moves.any() else math.inf

    def in_units(self, J: Array, b: Array) -> tuple[Array, Array]:
        """Couplings of `pairs` and biases of indicators in the units' own coding, zero-sum gauge."""
        whole = np.zeros((self.states.size,) * 2)
        whole.ravel()[self.pairs] = J
        K, h = Basis(self.states.units, self.states.n).of_units(whole + whole.T, b)
        reach = self.reach[self.rows.basis.owners]
        return self.rows.basis.in_units(K / np.outer(reach, reach), h / reach)

    def draws(self, n: int, apart: float) -> Iterator[Array]:
        """States of all chains, so many times, about so many sweeps apart."""
        gap = int(min(max(apart, 1.0), 100.0)) + 1
        for _ in range(n):
            self.move(gap)
            yield self.codes

    def learnt(self, windows: list[Window], stopped: str, check: _Check) -> Learnt:
        """The machine of the last window, and how it was learnt."""
        last, sweeps = windows[-1], self.how.n_sweeps
        return Learnt(
            BoltzmannMachine(self.rows.basis.units, last.J, last.b),
            stopped,
            windows,
            math.sqrt(max(check.signal, 0.0)),
            check.pearson,
            check.chi2,
            check.slow * sweeps,
            check.mixed,
            self.codes,
        )
