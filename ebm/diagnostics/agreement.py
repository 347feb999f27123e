"""Do chains started from data and from noise sample the same distribution?

The independent units are the chains, not their steps: whatever the autocorrelation, chains of one set are
independent of each other, so tests between and over chains keep their level. Steps within a chain enter by
their means alone.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ebm.arguments import as_flag, as_number
from ebm.diagnostics.autocorrelation import autocorrelation_time
from ebm.diagnostics.convergence import LEAST_SPAN, split_r_hat
from ebm.diagnostics.series import Array, as_names, as_series, is_constant, like_input, rounding
from ebm.errors import EbmError

__all__ = ["Agreement", "agreement"]


@dataclass(frozen=True)
class Agreement:
    """Whether two sets of chains agree. Fields are floats for one series, arrays (k,) for several.

    Attributes
    ----------
    names : tuple of str
    z : float or ndarray (k,)
        Difference of the means, first set minus second, in standard errors over chains.
    p_mean, p_distribution, p_memory : float or ndarray (k,)
        p-values: of the means being equal; of the last states having one distribution; of the end of a
        chain not depending on its beginning. Not corrected for their number.
    p : float
        The least of them times their number (Bonferroni; Holm's first step): the p-value of all together.
    r_hat : float or ndarray (k,)
        Of the union of the chains, for information; NaN for a series that never changes.
    level : float
    agree : bool
        p is not below the level.
    reason : str
        One line: what differs; empty when they agree.
    """

    names: tuple[str, ...]
    z: Any
    p_mean: Any
    p_distribution: Any
    p_memory: Any
    p: float
    r_hat: Any
    level: float
    agree: bool
    reason: str

    def __str__(self) -> str:
        return f"agree (p = {self.p:.2g})" if self.agree else f"do not agree: {self.reason}"


def agreement(
    one: ArrayLike,
    other: ArrayLike,
    *,
    names: Sequence[str] | str | None = None,
    level: float = 0.01,
    warn: bool = True,
) -> Agreement:
    """Test whether two sets of chains, say from data and from noise, sample the same distribution.

    Three tests on each series, their p-values corrected for their number, so that chains that do agree are
    called different with a probability of at most `level`:

    - the means: Welch's t-test over the means of chains, whose spread contains the autocorrelation;
    - whole distributions: Kolmogorov–Smirnov over the last states, one independent draw per chain;
    - memory: over chains, the mean of the last third must not be correlated with that of the first, once the
      means of the sets are taken off. Chains that each keep to a well fail, also where both sets fill the
      wells alike, which no comparison of the sets could show.

    Parameters
    ----------
    one, other : array_like, (n_chains, n_steps) or (n_chains, n_steps, k)
        Numbers along independent chains without burn-in: energies, and `projections` stacked along the last
        axis. Two or more chains in each set; ten or more are needed to see anything but gross differences.
        A transient that was left in is a disagreement. n_chains and n_steps may differ between the sets.
        Energies alone can be blind: phases in equilibrium may have the same distribution of them.
    names : sequence of str, optional
        One per series.
    level : float
        Probability of a false alarm, in (0, 1).
    warn : bool

    Returns
    -------
    Agreement

    Raises
    ------
    EbmError
        Fewer than two chains or four steps, numbers that are not finite, or sets of different series.

    Warns
    -----
    RuntimeWarning
        No difference was seen, but the chains are shorter than 50 autocorrelation times, so that there may be
        one; or none of the series ever changes.

    References
    ----------
    Welch, "The generalization of 'Student's' problem" (1947); Holm, "A simple sequentially rejective multiple
    test procedure" (1979). Starting chains from over-dispersed points: Gelman & Rubin (1992). Data against
    noise in RBMs: Decelle, Furtlehner & Seoane, "Equilibrium and non-equilibrium regimes in the learning of
    restricted Boltzmann machines" (2021).

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> data, noise = rng.normal(size=(2, 20, 100))
    >>> str(agreement(data, noise)), agreement(data, noise + 1, names="energy").agree
    ('agree (p = 1)', False)
    """
    (a, several), (b, both) = (as_series(s, w, 2) for s, w in ((one, "one"), (other, "other")))
    if len(a) != len(b) or several != both:
        raise EbmError(f"agreement: expected the same series, got {np.shape(one)} and {np.shape(other)}")
    if not 0 < as_number(level, "level") < 1:
        raise EbmError(f"level: expected a probability between 0 and 1, got {level!r}")
    labels = as_names(names, len(a), several)
    rows = [_compare(x, y) for x, y in zip(a, b, strict=True)]
    p, reason = _verdict(labels, rows, level)
    if as_flag(warn, "warn") and not reason:
        _warn_short(labels, a, b)
    values = {key: like_input([row[key] for row in rows], several) for key in rows[0]}
    return Agreement(labels, **values, p=p, level=level, agree=not reason, reason=reason)


def _compare(x: Array, y: Array) -> dict[str, float]:
    z, p_mean = _welch(x.mean(1), y.mean(1), rounding(np.concatenate([x.ravel(), y.ravel()])))
    n = min(x.shape[1], y.shape[1])
    return {
        "z": z,
        "p_mean": p_mean,
        "p_distribution": _two_sample(x[:, -1], y[:, -1]),
        "p_memory": _memory(x, y),
        "r_hat": split_r_hat(np.concatenate([x[:, -n:], y[:, -n:]])),
    }


def _welch(x: Array, y: Array, tiny: float) -> tuple[float, float]:
    """Welch's t and its two-sided p; equal up to rounding is equal."""
    from scipy.special import stdtr

    difference = float(x.mean() - y.mean())
    if abs(difference) <= tiny:
        return 0.0, 1.0
    u, v = x.var(ddof=1) / len(x), y.var(ddof=1) / len(y)
    if math.sqrt(u + v) <= tiny:
        return math.copysign(math.inf, difference), 0.0
    t = difference / math.sqrt(u + v)
    freedom = (u + v) ** 2 / (u**2 / (len(x) - 1) + v**2 / (len(y) - 1))
    return t, float(2 * stdtr(freedom, -abs(t)))


def _two_sample(x: Array, y: Array) -> float:
    """Kolmogorov–Smirnov. Equal energies that were computed in batches of different size differ by rounding.

    As that would order them by set, numbers are taken to a millionth of the largest one.
    """
    from scipy.stats import ks_2samp

    largest = float(max(np.abs(x).max(), np.abs(y).max()))
    if largest == 0:
        return 1.0
    grain = 2.0 ** (math.floor(math.log2(largest)) - 20)
    return float(ks_2samp(np.round(x / grain), np.round(y / grain)).pvalue)


def _memory(x: Array, y: Array) -> float:
    """One-sided p of the correlation, over chains, between first and last thirds about the means of sets."""
    from scipy.special import stdtr

    thirds = []
    for s in (x, y):
        n = s.shape[1] // 3
        ends = np.stack([s[:, :n].mean(1), s[:, -n:].mean(1)])
        thirds.append(ends - ends.mean(1, keepdims=True))
    first, last = np.concatenate(thirds, axis=1)
    tiny = rounding(np.concatenate([x.ravel(), y.ravel()]))
    if min(first.std(), last.std()) <= tiny:
        return 1.0
    r = float(first @ last / math.sqrt((first @ first) * (last @ last)))
    freedom = len(first) - 3  # two means and a slope
    if r >= 1 - 1e-12:
        return 0.0
    return float(stdtr(freedom, -r * math.sqrt(freedom / (1 - r * r))))


_WHAT = {
    "p_mean": "the means differ by {z:.1f} standard errors",
    "p_distribution": "the last states are distributed differently",
    "p_memory": "the end of a chain depends on its beginning: chains are stuck, or too short",
}


def _verdict(names: tuple[str, ...], rows: list[dict[str, float]], level: float) -> tuple[float, str]:
    """The corrected p-value, and the reason if it is below the level."""
    tests = [(row[key], key, j) for j, row in enumerate(rows) for key in _WHAT]
    least, key, j = min(tests)
    p = min(1.0, least * len(tests))
    if p >= level:
        return p, ""
    return p, f"{names[j]}: {_WHAT[key].format(z=abs(rows[j]['z']))} (corrected p = {p:.1g})"


def _warn_short(names: tuple[str, ...], a: Array, b: Array) -> None:
    """Say so where no difference was seen because there was little to see."""
    spans = [min(_span(x), _span(y)) for x, y in zip(a, b, strict=True)]
    worst = int(np.argmin(spans))
    if spans[worst] < LEAST_SPAN:
        line = (
            f"chains span {spans[worst]:.1f} autocorrelation times of {names[worst]} (expected"
            f" {LEAST_SPAN:.0f}): they may be too short to show one"
        )
    elif math.isinf(spans[worst]):
        line = f"{', '.join(names)}: never changes, neither in one set nor in the other"
    else:
        return
    warnings.warn(f"agreement: no difference seen, but {line}", RuntimeWarning, stacklevel=3)


def _span(x: Array) -> float:
    """Autocorrelation times in a chain; inf for a series that never changes, which is none."""
    return math.inf if is_constant(x) else x.shape[1] / autocorrelation_time(x, warn=False)
