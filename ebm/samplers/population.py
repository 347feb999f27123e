"""Population annealing: a population is cooled, and at every step resampled by its weights.

Chains that carry more of Z multiply, the others die out. The mean weights along the way multiply to an
unbiased estimate of Z. How many families are left, each the offspring of one first chain, says whether the
population is still one: few families are few independent samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field
from scipy.special import logsumexp

from ebm.errors import NotSupported, settings
from ebm.machine import Array, Base, Count, Machine, as_base
from ebm.samplers.walkers import Walkers
from ebm.stream import Stream

__all__ = ["Population", "PopulationAnnealing"]

_TRIALS = np.geomspace(0.25, 2.0, 7)  # steps of β looked at, in units of the last one
_FIRST = 1e-3  # the first step of β that is tried


@dataclass(kw_only=True)
class Population(Walkers):
    """A population in groups that are resampled apart, so that their estimates of Z are independent.

    Attributes
    ----------
    beta : float
    step : float
        The last step of β.
    group : (n_chains,) int64
        The group of every chain; the chains of a group stand together.
    family : (n_chains,) int64
        The first chain that each chain descends from.
    group_log_z : (n_groups,) float64
        log of each group's estimate of Z_β, nats.
    """

    beta: float = 0.0
    step: float = _FIRST
    group: Array
    family: Array
    group_log_z: Array

    @property
    def family_sizes(self) -> Array:
        """Chains of each family that is left."""
        return np.unique(self.family, return_counts=True)[1]

    @property
    def facts(self) -> dict[str, Any]:
        """log Z_β by the mean over groups, with its standard error, and how many families are left."""
        w = np.exp(self.group_log_z - self.group_log_z.max())
        return {
            "beta": self.beta,
            "log_z": float(self.group_log_z.max() + np.log(w.mean())),
            "log_z_stderr": float(w.std(ddof=1) / w.mean() / np.sqrt(len(w))) if len(w) > 1 else np.inf,
            "rho_t": self.rho_t,
            "family_entropy": self.family_entropy,
        }

    @property
    def rho_t(self) -> float:
        """Mean square family size, n Σ (n_f / n)²: n / rho_t families of equal size would be as good."""
        return float((self.family_sizes.astype(float) ** 2).sum() / len(self.family))

    @property
    def family_entropy(self) -> float:
        """−Σ (n_f / n) log (n_f / n), nats; log n at the start."""
        p = self.family_sizes / len(self.family)
        return float(-(p * np.log(p)).sum())


@settings
class PopulationAnnealing:
    """Population annealing with steps of β that keep the weights even.

    Parameters
    ----------
    n_sweeps : int
        Sweeps after each resampling.
    overlap : float
        Effective sample size of the weights of a step, as a fraction of the chains: steps of β are made
        as long as that allows.
    n_groups : int
        Groups that are resampled apart; the spread of their estimates of Z is its error. At most half the
        number of chains.
    base : (n_units·width,), optional
        Inputs at β = 0; None is zero.

    Notes
    -----
    The population has as many chains as samples are asked for. Rows of `given` that differ have populations
    of their own, each of 100 chains or more; what diagnostics say of a population is then an array, by rows.

    References
    ----------
    Hukushima & Iba (2003); Machta, "Population annealing with weighted averages" (2010); Wang, Machta &
    Katzgraber, "Population annealing: theory and application in spin glasses" (2015), for ρ_t.

    Examples
    --------
    >>> import numpy as np, ebm
    >>> pair = ebm.BoltzmannMachine(ebm.Ising(), [[0.0, 2.0], [2.0, 0.0]])
    >>> found = ebm.sample(pair, 1000, sampler=ebm.PopulationAnnealing())
    >>> round(float(found.diagnostics["log_z"]), 1), round(float(pair.exact()[0]), 1)
    (2.7, 2.7)
    """

    length: ClassVar[int] = 100_000  # at most: it ends when β reaches 1
    pool: ClassVar[int] = 100

    n_sweeps: Count = 5
    overlap: Annotated[float, Field(gt=0, lt=1)] = 0.9
    n_groups: Annotated[int, Field(ge=2, lt=2**31)] = 20
    base: Any = None

    def init(self, machine: Machine, n_chains: int, rng: Stream, given: Array | None = None) -> Population:
        """Exact states at β = 0; clamped units are clamped from the start."""
        x, free = machine.sample0(n_chains, rng, self.base), None
        if given is not None:
            _require_one_condition(given)
            free = np.isnan(given)[0]
            x = np.where(free, x, given)
        n_groups = max(1, min(self.n_groups, n_chains // 2))
        log_z = np.full(n_groups, machine.log_z0(self.base))
        if free is not None:
            log_z += _clamped_log_z0(machine, x[:1], free, self.base)
        numbers = np.arange(n_chains)
        group = numbers * n_groups // n_chains
        return Population(machine.start(x), free, group=group, family=numbers, group_log_z=log_z)

    def step(self, machine: Machine, state: Population, rng: Stream) -> tuple[Population, dict[str, Any]]:
        """Raise β, resample each group by its weights, sweep.

        The info has ``beta``, ``log_z`` and its ``log_z_stderr``, ``rho_t`` and ``family_entropy``.
        """
        beta, log_w = self._next(machine, state)
        rows = []
        u = rng.uniform(1, len(state.group_log_z))[0]
        for g in range(len(state.group_log_z)):
            members = np.flatnonzero(state.group == g)
            part = log_w[members]
            total = logsumexp(part)
            state.group_log_z[g] += total - np.log(len(members))
            rows.append(members[_systematic(np.exp(part - total), u[g])])
        order = np.concatenate(rows)
        state.chains, state.family = state.chains.take(order), state.family[order]
        state.step, state.beta = beta - state.beta, beta
        machine.sweep(state.chains, rng, self.n_sweeps, beta, self.base, state.free)
        state.time += 1
        state.done = beta >= 1
        return state, state.facts

    def _next(self, machine: Machine, state: Population) -> tuple[float, Array]:
        """The next β and the log-weights of the step to it: the longest step tried with even weights."""
        trials = np.minimum(state.beta + state.step * _TRIALS, 1.0)
        betas = np.concatenate([[state.beta], trials])[:, None]
        F = machine.free_energy(state.chains, np.repeat(betas, len(state.chains), 1), self.base)
        log_w = F[0] - F[1:]
        relative = np.exp(log_w - log_w.max(1, keepdims=True))
        ess = relative.sum(1) ** 2 / (relative**2).sum(1)
        good = np.flatnonzero(ess >= self.overlap * len(state.chains))
        k = good[-1] if len(good) else 0
        return float(trials[k]), log_w[k]


def _clamped_log_z0(machine: Machine, x: Array, free: Array, base: Base) -> float:
    """What log Z at β = 0 gains where the units that are not free stand at x: their terms for their A."""
    units = machine.units
    columns = ~free[units.owners(machine.n_units)]
    cold = as_base(base, len(columns), np.float64)
    terms = (cold * units.encode(x)[0])[columns].sum() - units.potential(x)[0, ~free].sum()
    return float(terms - units.cgf(cold)[~free].sum())


def _require_one_condition(given: Array) -> None:
    """Chains that die out are replaced by copies of others, clamped units and all."""
    if not np.array_equal(given, np.broadcast_to(given[0], given.shape), equal_nan=True):
        raise NotSupported(
            "PopulationAnnealing resamples chains, so all need one condition; got rows of given that differ:"
            " use Tempering, or one call for each condition"
        )


def _systematic(p: Array, u: float) -> Array:
    """len(p) draws of 0..len(p)−1 with probabilities p: one of each equal share of the cumulated p."""
    edges = np.cumsum(p)
    places = (np.arange(len(p)) + u) / len(p)
    return np.minimum(np.searchsorted(edges, places * edges[-1]), len(p) - 1)
