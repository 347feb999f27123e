"""An estimate of log Z, and the log of the mean of weights."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["LogZ", "log_mean_exp"]


@dataclass(frozen=True)
class LogZ:
    """An estimate of log Z, nats.

    Attributes
    ----------
    value : float
    stderr : float
        Standard error; 0 when exact.
    lower, upper : float
        Stochastic bounds: P(lower > log Z + b) ≤ e^−b and its mirror; AIS alone bounds from below, so its
        upper bound is inf. Both equal the value when exact.
    method : str
        "exact" or "ais".
    estimates : dict
        Per estimator: value, stderr, ess (effective sample size of the weights), n_chains, n_temperatures.
    """

    value: float
    stderr: float
    lower: float
    upper: float
    method: str
    estimates: dict[str, dict[str, float]] = field(default_factory=dict)

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        error = "" if self.method == "exact" else f" ± {self.stderr:.3f}"
        return f"{self.value:.4f}{error} nats ({self.method})"


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
