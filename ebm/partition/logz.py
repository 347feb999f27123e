"""log Z: exact, or estimated. All values are natural logarithms (nats)."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, replace
from typing import Annotated, Any, TypeAlias

from numpy.typing import ArrayLike

from ebm.elimination import log_z_by_elimination
from ebm.errors import EbmError, NotSupported, TooLarge, nearest, one_of
from ebm.machine import Array, Base, Count, Machine, Positive, as_count, as_data
from ebm.partition.annealed import (
    annealed_log_weights,
    base_rate,
    even_betas,
    pilot_base,
    raise_rows,
    reverse_log_weights,
)
from ebm.partition.estimate import Estimate, LogZ, weighty
from ebm.partition.methods import Growing, Populated, Reversed, Tempered
from ebm.partition.report import Progress, grow, report, single
from ebm.samplers import Direct
from ebm.stream import AIS, Seed, Stream

__all__ = ["METHODS", "log_z"]

METHODS = (
    "auto",
    "exact",
    "report",
    "ais",
    "reverse_ais",
    "raise",
    "bennett",
    "mbar",
    "thermodynamic",
    "population",
    "mean_field",
    "tap",
)
Method: TypeAlias = Annotated[str, one_of(METHODS)]
_TEMPERED = ("mbar", "bennett", "thermodynamic")


def log_z(
    machine: Machine,
    method: Method = "auto",
    *,
    seed: Seed = 0,
    n_temperatures: Count = 1000,
    n_chains: Count = 100,
    base: Base = None,
    data: ArrayLike | None = None,
    accuracy: Positive = 0.05,
    budget: float = 60.0,
    rounds: Count | None = None,
    progress: Progress = None,
) -> LogZ:
    """The logarithm of the partition function, nats.

    Parameters
    ----------
    method : str
        ========================  =====================================================================
        exact                     enumeration or elimination, or raises
        auto                      exact where that fits, else report
        report                    several estimators until they are accurate, and whether they agree
        ais                       annealed importance sampling: a lower bound in probability
        reverse_ais               from the machine down: an upper bound if its samples can be exact
        raise                     from `data` down: what makes their log-likelihood that of the
                                  annealed model, which overstates none (Burda et al. 2015)
        mbar, bennett,            over one run of parallel tempering
        thermodynamic
        population                population annealing
        mean_field                a lower bound, without an error
        tap                       second order in the couplings; neither bound nor error
        ========================  =====================================================================
    seed : int, SeedSequence or Generator
    n_temperatures, n_chains : int
        Of ais, reverse_ais and raise. The temperatures make steps of equal weight variance.
    base : (n_units·width,), optional
        The product measure at β = 0, such as ``base_rate(machine, data)``; when left out, the marginals of
        `data`, or else of short chains of the machine.
    data : (n, n_visible), optional
        Rows that the machine was learnt from or is judged by.
    accuracy : float
        Standard error, nats, that mbar, bennett, thermodynamic, population and report work towards.
    budget : float
        Seconds that they may take, roughly. What they compute depends on the clock only through the number of
        rounds, each of which doubles the work.
    rounds : int, optional
        At most so many; with an infinite budget the clock then decides nothing.
    progress : callable, optional
        Called with the fraction done and a line of text.

    Returns
    -------
    LogZ

    Raises
    ------
    TooLarge
        Method "exact" beyond its limit.
    EbmError
        An unknown method, counts below 1, "raise" without data.

    Warns
    -----
    RuntimeWarning
        The verdict is *do not trust*; it says why. A machine that is not normalisable: inf.

    Examples
    --------
    >>> import numpy as np, ebm
    >>> machine = ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 4, 3, seed=1)
    >>> exact, ais = ebm.log_z(machine), ebm.log_z(machine, "ais")
    >>> exact.method, bool(abs(exact.value - ais.value) < 0.01), exact.verdict
    ('exact', True, 'exact')
    """
    if method not in METHODS:
        raise EbmError(f"log_z: method: unknown {method!r}; {nearest(str(method), METHODS)}")
    as_count(n_temperatures, "n_temperatures")
    as_count(n_chains, "n_chains")
    if rounds is not None:
        as_count(rounds, "rounds")
    for name, value in (("accuracy", accuracy), ("budget", budget)):
        if not (isinstance(value, (int, float)) and value > 0):
            raise EbmError(f"log_z: {name}: expected a positive number, got {value!r}")
    if method in ("auto", "exact"):
        found = _exact(machine, must=method == "exact")
        if found is not None:
            return found
    if not machine.normalisable():
        warnings.warn(f"log_z: {machine} is not normalisable", RuntimeWarning, stacklevel=2)
        return LogZ(math.inf, 0.0, math.inf, math.inf, "exact", verdict="exact", reason="not normalisable")
    rng, rows = Stream(seed).split(AIS), None if data is None else as_data(machine, data, strict=True)
    if base is None and method not in ("mean_field", "tap"):
        base = pilot_base(machine, rng) if rows is None else base_rate(machine, machine.clamp(rows, rng))
    work = _Work(machine, base, rng, n_temperatures, n_chains, rows, accuracy, budget, rounds, progress)
    found = work.run(method)
    if found.verdict == "do not trust":
        warnings.warn(f"log_z: {method}: {found.reason}: do not trust", RuntimeWarning, stacklevel=2)
    return found


def _exact(machine: Machine, *, must: bool) -> LogZ | None:
    """By whichever of enumeration and elimination fits; the refusal of enumeration if neither does."""
    try:
        try:
            value, how = machine.exact(stats=False)[0], "enumeration"
        except TooLarge as refusal:
            try:
                value, how = log_z_by_elimination(machine), "variable elimination"
            except (TooLarge, NotSupported) as other:
                raise TooLarge(f"{refusal}; {other}") from None
    except TooLarge:
        if must:
            raise
        return None
    entry = {"exact": {"value": value, "stderr": 0.0}}
    return LogZ(value, 0.0, value, value, "exact", entry, "exact", how)


@dataclass(frozen=True)
class _Work:
    """What the estimators need to know."""

    machine: Machine
    base: Base
    rng: Stream
    n_temperatures: int
    n_chains: int
    rows: Array | None
    accuracy: float
    budget: float
    rounds: int | None
    progress: Progress

    def run(self, method: str) -> LogZ:
        """The estimate of one method, or the report."""
        if method in ("auto", "report"):
            return report(self.machine, self.base, self.rng, *self._effort)
        if method in ("mean_field", "tap"):
            return self._by_fields(method)
        if method in (*_TEMPERED, "population"):
            place = self.machine, self.base, self.rng
            tempered = method != "population"
            member: Growing = Tempered(*place, (method,)) if tempered else Populated(*place)
            members = {"tempering" if tempered else "population": member}
            return single(method, grow(members, *self._effort))
        return {"ais": self._ais, "reverse_ais": self._reverse_ais, "raise": self._raise}[method]()

    @property
    def _effort(self) -> tuple[float, float, int | None, Progress]:
        return self.accuracy, self.budget, self.rounds, self.progress

    def _path(self) -> Array:
        return even_betas(self.machine, self.n_temperatures, base=self.base, seed=self.rng)

    @property
    def _settings(self) -> dict[str, Any]:
        return {"base": self.base, "betas": self._path(), "seed": self.rng}

    def _ais(self) -> LogZ:
        log_w = annealed_log_weights(
            self.machine, n_chains=self.n_chains, progress=self.progress, **self._settings
        )
        return single("ais", {"ais": weighty(log_w, "AIS", n_temperatures=float(self.n_temperatures))})

    def _reverse_ais(self) -> LogZ:
        """From exact samples if they can be had, else from data, else from tempered samples."""

        try:
            x, started = Direct().init(self.machine, self.n_chains, self.rng).x, "exact"
        except (TooLarge, NotSupported):
            started = "data" if self.rows is not None else "tempered"
        if started == "tempered":
            tempered = Tempered(self.machine, self.base, self.rng, ("mbar",))
            both = Reversed(tempered, self.rng, self.n_temperatures)
            found = grow({"tempering": both}, *self._effort)
        else:
            if self.rows is not None and started == "data":
                some = self.rng.permutation(len(self.rows))[: self.n_chains]
                x = self.machine.clamp(self.rows[some], self.rng, 100)
            log_w = reverse_log_weights(self.machine, x, progress=self.progress, **self._settings)
            up = weighty(-log_w, "reverse AIS", n_temperatures=float(self.n_temperatures))
            found = {"reverse_ais": Estimate(-up.value, up.stderr, up.trouble, up.facts, log_w)}
        whole = single("reverse_ais", found)
        if started == "exact":
            return replace(whole, upper=whole.value)
        return replace(whole, reason=f"not a bound: started from {started} samples; {whole.reason}")

    def _raise(self) -> LogZ:
        """log Z for which the mean log-likelihood of the data is that of the annealed model."""
        if self.rows is None:
            raise EbmError("log_z: raise: expected data: it bounds their log-likelihood")
        n_each, states = max(2, self.n_chains // 10), self.machine.clamp(self.rows, self.rng)
        found = raise_rows(self.machine, states, n_chains=n_each, progress=self.progress, **self._settings)
        implied = float((-self.machine.free_energy(states) - found.value).mean())
        facts = {"ess": found.ess, "n_chains": float(n_each), "n_temperatures": float(self.n_temperatures)}
        trouble = f"raise: {found.trouble}" if found.trouble else ""
        whole = single("raise", {"raise": Estimate(implied, found.mean_stderr, trouble, facts)})
        what = "bounds the log-likelihood of these data under the annealed model"
        return whole if trouble else replace(whole, reason=what)

    def _by_fields(self, method: str) -> LogZ:
        from ebm.partition.mean_fields import mean_field, tap

        found = (mean_field if method == "mean_field" else tap)(self.machine, seed=self.rng.key)
        trouble = "" if found.converged else f"{method}: no fixed point found"
        entry = Estimate(found.value, math.nan, trouble, {"n_iterations": float(found.n_iterations)}).entry
        bound = method == "mean_field"  # at any iterate
        verdict = "unchecked" if found.converged or bound else "do not trust"
        reason = trouble or ("a lower bound" if bound else "second order in the couplings, of unknown error")
        lower = found.value if bound else -math.inf
        return LogZ(found.value, math.nan, lower, math.inf, method, {method: entry}, verdict, reason)
