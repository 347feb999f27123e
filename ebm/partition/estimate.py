"""An estimate of log Z, what makes one, and the log of the mean of weights."""

from __future__ import annotations

import math
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from ebm.errors import printable
from ebm.machine import Array, Base, Machine
from ebm.notebook import html_table
from ebm.partition.limits import LEAST_ESS, MOST_STDERR
from ebm.progress import Update
from ebm.stream import Stream

__all__ = [
    "NOTHING",
    "Context",
    "Estimate",
    "EstimatorOfLogZ",
    "LogZ",
    "Progress",
    "log_mean_exp",
    "single",
    "weighty",
]

Progress: TypeAlias = Update | None


@dataclass(frozen=True)
class Estimate:
    """What one estimator says of log Z.

    Attributes
    ----------
    value, stderr : float
        Nats.
    trouble : str
        Why it is not to be trusted, in one line; empty when nothing speaks against it.
    facts : dict
        What is worth knowing about how it was made: ess, n_chains, n_temperatures, r_hat, ...
    log_weights : (n_chains,) float64, or None
        Per chain, of estimates that are a log of a mean weight.
    influence : (n_ladders,) float64, or None
        What each ladder of a tempering run moves the value by, nats: the sum of squares is stderr².
    """

    value: float
    stderr: float
    trouble: str = ""
    facts: dict[str, float] = field(default_factory=dict)
    log_weights: Array | None = field(default=None, repr=False)
    influence: Array | None = field(default=None, repr=False)

    @property
    def entry(self) -> dict[str, Any]:
        """It as plain data."""
        return {"value": self.value, "stderr": self.stderr, **self.facts, "trouble": self.trouble}


@dataclass(frozen=True, kw_only=True)
class LogZ:
    """An estimate of log Z, nats.

    Attributes
    ----------
    value : float
    stderr : float
        Standard error; 0 when exact.
    lower, upper : float
        Stochastic bounds: P(lower > log Z + b) ≤ e^−b and its mirror; −inf and inf where there is none. Both
        equal the value when exact.
    method : str
        The estimator that the value is of.
    estimates : dict
        Per estimator: value, stderr, trouble, and what else is known, such as ess (effective sample size of
        the weights), n_chains, n_temperatures.
    verdict : {"exact", "agree", "unchecked", "do not trust"}
        "agree": independent estimators do, within their errors. "unchecked": there is but one.
    reason : str
        Of the verdict, in one line.
    log_weights : dict
        Per estimator, the log-weights of its chains.
    """

    value: float
    stderr: float
    method: str
    lower: float = -math.inf
    upper: float = math.inf
    estimates: dict[str, dict[str, Any]] = field(default_factory=dict)
    verdict: str = "unchecked"
    reason: str = ""
    log_weights: dict[str, Array] = field(default_factory=dict, repr=False, compare=False)

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        error = "" if self.verdict == "exact" or math.isnan(self.stderr) else f" ± {self.stderr:.3f}"
        verdicts = {"agree": "; estimates agree", "do not trust": f"; DO NOT TRUST: {self.reason}"}
        return printable(f"{self.value:.4f}{error} nats ({self.method}{verdicts.get(self.verdict, '')})")

    def __repr__(self) -> str:
        return f"LogZ({self})"

    def _repr_html_(self) -> str:
        keys = list(dict.fromkeys(key for entry in self.estimates.values() for key in entry))
        rows = [[name, *(entry.get(key, "") for key in keys)] for name, entry in self.estimates.items()]
        return html_table(f"log Z = {self}", ["", *keys], rows)


@dataclass(frozen=True)
class Context:
    """What an estimator may start from, and whom it tells how far it is.

    Attributes
    ----------
    base : (n_units·width,), optional
        Inputs of a product measure.
    data : (n, n_visible), optional
        Rows that the machine was learnt from or is judged by, checked.
    progress : callable, optional
        Called with the fraction done and a line of text.
    executor : Executor, optional
        Who works on what can be done side by side.
    """

    base: Base = None
    data: Array | None = None
    progress: Progress = None
    executor: Executor | None = None


NOTHING = Context()


@runtime_checkable
class EstimatorOfLogZ(Protocol):
    """What `log_z` needs: settings, which are the fields of a frozen class, and a method."""

    def estimate(self, machine: Machine, rng: Stream, context: Context = NOTHING) -> LogZ:
        """log Z of a machine that is normalisable, nats."""


def single(name: str, estimates: dict[str, Estimate], **more: Any) -> LogZ:
    """The estimate of one method by itself; `more` is what else `LogZ` should say."""
    e = estimates[name]
    doubt = e.trouble or ("" if e.stderr <= MOST_STDERR else f"{name}: standard error {e.stderr:.2f} nats")
    parts: dict[str, Any] = {
        "estimates": {key: other.entry for key, other in estimates.items()},
        "verdict": "do not trust" if doubt else "unchecked",
        "reason": doubt or "one estimator, by its own error",
        "log_weights": {} if e.log_weights is None else {name: e.log_weights},
    }
    return LogZ(value=e.value, stderr=e.stderr, method=name, **parts | more)


def weighty(log_w: Array, what: str, **facts: float) -> Estimate:
    """The estimate that the mean of weights is, with its effective sample size."""
    value, stderr, ess = log_mean_exp(log_w)
    trouble = ""
    if not (ess >= LEAST_ESS and stderr <= MOST_STDERR):  # NaN too
        trouble = f"{what}: standard error {stderr:.2f}, effective sample size {ess:.1f}: no estimate"
    return Estimate(value, stderr, trouble, {"ess": ess, "n_chains": float(len(log_w)), **facts}, log_w)


def log_mean_exp(log_weights: ArrayLike) -> tuple[float, float, float]:
    """Logarithm of the mean weight, its standard error, and the effective sample size.

    docs/math.md (6.2)–(6.4). The mean of the *log*-weights would be biased.

    Examples
    --------
    >>> value, stderr, ess = log_mean_exp([0.0, 0.0, 0.0])
    >>> round(value, 12), stderr, ess
    (0.0, 0.0, 3.0)
    """
    log_w = np.asarray(log_weights, np.float64)
    top = log_w.max()
    w = np.exp(log_w - top)
    mean, n = w.mean(), len(w)
    stderr = float(w.std(ddof=1) / mean / math.sqrt(n)) if n > 1 else math.inf
    return float(top + math.log(mean)), stderr, float(w.sum() ** 2 / (w**2).sum())
