"""Do chains mix, and how many independent draws do they stand for? Vehtari et al. (2021), by `arviz_stats`.

What `arviz_stats` is left alone with, it answers in silence: R-hat and effective sizes of a series that
never changes, and the tail of a discrete one. Here they are not.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ebm.arguments import as_flag
from ebm.diagnostics.autocorrelation import autocorrelation_time
from ebm.diagnostics.series import Array, as_names, as_series, is_constant, like_input

__all__ = ["Summary", "ess_bulk", "ess_tail", "r_hat", "summarise"]

MOST_R_HAT = 1.01  # Vehtari et al. (2021)
LEAST_ESS = 400.0  # the same: what they found a standard error to need
LEAST_SPAN = 50.0  # autocorrelation times in a chain (Sokal 1997 asks for more; `sample` for as many)
_TAIL = 0.05


def _statistics() -> Any:
    """The array functions of arviz_stats: the lightest import that has them, a second for scipy.stats."""
    from arviz_stats.base.array import array_stats

    return array_stats


def r_hat(series: ArrayLike) -> float | Array:
    """Rank-normalised split R-hat, the larger of bulk and folded (tails).

    Parameters
    ----------
    series : array_like, (n_chains, n_steps) or (n_chains, n_steps, k)
        Two or more chains; k numbers along each, such as projections.

    Returns
    -------
    float or ndarray (k,)
        1 when chains cannot be told apart; below 1.01 is asked for. Of chains that mix it is about
        sqrt(1 + 2τ/n_steps), so 1.01 takes 100 τ (Vats & Knudson 2021). inf for chains that each stand
        still in different places. NaN, with a warning, for a series that never changes in any chain, of
        which nothing can be said: it may be constant, or stuck.

    Raises
    ------
    EbmError
        Fewer than two chains or four steps, or numbers that are not finite.

    References
    ----------
    Vehtari, Gelman, Simpson, Carpenter & Bürkner, "Rank-normalization, folding, and localization: an
    improved R-hat", Bayesian Analysis 16 (2021), section 4; Vats & Knudson, "Revisiting the Gelman–Rubin
    diagnostic" (2021).

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(4, 1000))
    >>> round(r_hat(x), 2), r_hat(x + [[0], [0], [0], [1]]) > 1.1
    (1.0, True)
    """
    x, several = as_series(series, least_chains=2)
    values = [split_r_hat(one) for one in x]
    _warn_constant("r_hat", values)
    return like_input(values, several)


def ess_bulk(series: ArrayLike) -> float | Array:
    """Effective sample size of the bulk: of the rank-normalised chains.

    Parameters
    ----------
    series : array_like, (n_steps,), (n_chains, n_steps) or (n_chains, n_steps, k)

    Returns
    -------
    float or ndarray (k,)
        Of all chains together; above n_chains·n_steps where steps are anticorrelated. NaN, with a warning,
        for a series that never changes.

    Raises
    ------
    EbmError
        Fewer than four steps, or numbers that are not finite.

    Warns
    -----
    RuntimeWarning
        It is below 50 per chain: the chains are too short to know it.

    References
    ----------
    Vehtari et al. (2021), section 4; Geyer, "Practical Markov chain Monte Carlo" (1992).

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(4, 1000))
    >>> 3000 < ess_bulk(x) < 5000
    True
    """
    return _warned("ess_bulk", _bulk, series)


def ess_tail(series: ArrayLike) -> float | Array:
    """Effective sample size of the tails: the least of those of P(x ≤ q₀₅), P(x ≤ q₉₅) and their mirrors.

    The mirrors, P(x ≥ q), are the same for continuous x. Of a discrete x, where q₀₅ or q₉₅ may be the
    smallest or the largest value, one of a pair says nothing and would count as perfect.

    Parameters, results, errors and warnings are those of `ess_bulk`.

    References
    ----------
    Vehtari et al. (2021), section 4.3.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(4, 1000))
    >>> 3000 < ess_tail(x) < 5000
    True
    """
    return _warned("ess_tail", _tail, series)


def split_r_hat(x: Array) -> float:
    if is_constant(x):
        return math.nan
    with np.errstate(divide="ignore"):  # inf is the answer for chains that stand still apart
        value = float(_statistics().rhat(x, method="rank"))
    return math.inf if math.isnan(value) else value


def _bulk(x: Array) -> float:
    return math.nan if is_constant(x) else float(_statistics().ess(x, method="bulk"))


def _tail(x: Array) -> float:
    if is_constant(x):
        return math.nan
    find = _statistics().ess
    return min(float(find(y, method="tail", prob=(_TAIL, 1 - _TAIL))) for y in (x, -x))


def _mean_error(x: Array) -> float:
    """The Monte-Carlo standard error of the mean, the spread between chains counted in."""
    sd = x.std()
    return float(sd * _statistics().mcse((x - x.mean()) / sd, method="mean"))


def _warned(name: str, find: Any, series: ArrayLike) -> float | Array:
    x, several = as_series(series)
    values = [find(one) for one in x]
    _warn_constant(name, values)
    n = x.shape[1]
    if any(value < LEAST_SPAN * n for value in values):
        warnings.warn(
            f"{name}: {min(v for v in values if not math.isnan(v)):.0f} for {n} chains of {x.shape[2]} steps;"
            f" below {LEAST_SPAN:.0f} per chain it is not to be trusted: take longer chains",
            RuntimeWarning,
            stacklevel=3,
        )
    return like_input(values, several)


def _warn_constant(name: str, values: list[float]) -> None:
    if any(math.isnan(value) for value in values):
        warnings.warn(
            f"{name}: NaN: a series that never changes does not tell whether it is constant or stuck",
            RuntimeWarning,
            stacklevel=4 if name != "r_hat" else 3,
        )


@dataclass(frozen=True)
class Summary:
    """How far chains can be trusted. Fields are floats for one series, arrays (k,) for several.

    Attributes
    ----------
    names : tuple of str
    mean, stderr : float or ndarray (k,)
        Over all chains and steps; its Monte-Carlo standard error.
    tau : float or ndarray (k,)
        Integrated autocorrelation time, steps.
    ess_bulk, ess_tail, r_hat : float or ndarray (k,)
    n_chains, n_steps : int
    trusted : bool
        Every series has R-hat < 1.01, bulk and tail ESS of 400 or more, and chains of 50 τ or more.
    reason : str
        One line: why it is not trusted; empty when it is.
    """

    names: tuple[str, ...]
    mean: Any
    stderr: Any
    tau: Any
    ess_bulk: Any
    ess_tail: Any
    r_hat: Any
    n_chains: int
    n_steps: int
    trusted: bool
    reason: str

    def __str__(self) -> str:
        columns = ("mean", "stderr", "tau", "ess_bulk", "ess_tail", "r_hat")
        table = [np.atleast_1d(getattr(self, name)) for name in columns]
        width = max(map(len, self.names))
        lines = [" " * width + "".join(f"{name:>12}" for name in columns)]
        for name, row in zip(self.names, zip(*table, strict=True), strict=True):
            lines.append(f"{name:{width}}" + "".join(f"{value:12.5g}" for value in row))
        verdict = "trusted" if self.trusted else f"do not trust: {self.reason}"
        return "\n".join([*lines, f"{self.n_chains} chains of {self.n_steps} steps: {verdict}"])


def summarise(series: ArrayLike, names: Sequence[str] | str | None = None, *, warn: bool = True) -> Summary:
    """Mean, error, autocorrelation time, effective sizes and R-hat of chains, and whether to trust them.

    Trusted are chains with R-hat < 1.01 and bulk and tail ESS of 400 or more (Vehtari et al. 2021, section
    4), each 50 or more autocorrelation times long, on every series. Chains that all stay in the one well that
    they were started in pass every such test: start some elsewhere, and see `agreement`.

    Parameters
    ----------
    series : array_like, (n_steps,), (n_chains, n_steps) or (n_chains, n_steps, k)
        Without burn-in.
    names : sequence of str, optional
        One per series.
    warn : bool
        False leaves the warning to who reads `trusted`.

    Returns
    -------
    Summary
        A series that never changes has a mean, NaN for the rest, and is not trusted; so is a single chain,
        whose R-hat is NaN.

    Raises
    ------
    EbmError
        Fewer than four steps, or numbers that are not finite.

    Warns
    -----
    RuntimeWarning
        The chains are not to be trusted: the reason.

    References
    ----------
    Vehtari et al. (2021); Sokal, "Monte Carlo methods in statistical mechanics" (1997), section 3.

    Examples
    --------
    >>> import numpy as np
    >>> energies = np.random.default_rng(0).normal(size=(4, 1000))
    >>> summarise(energies, "energy").trusted
    True
    >>> summarise(np.cumsum(energies, axis=1), "energy", warn=False).reason
    'energy: chains of 1000 steps span 1.1 autocorrelation times; expected 50'
    """
    x, several = as_series(series)
    labels = as_names(names, len(x), several)
    columns = [_measure(one) for one in x]
    n_chains, n_steps = x.shape[1:]
    faults = [_fault(name, c, n_chains, n_steps) for name, c in zip(labels, columns, strict=True)]
    wrong = [fault for fault in faults if fault]
    more = f" (and {len(wrong) - 1} more series)" if len(wrong) > 1 else ""
    reason = wrong[0] + more if wrong else ""
    if as_flag(warn, "warn") and reason:
        warnings.warn(f"summarise: do not trust these chains: {reason}", RuntimeWarning, stacklevel=2)
    values = {key: like_input([c[key] for c in columns], several) for key in columns[0]}
    return Summary(labels, **values, n_chains=n_chains, n_steps=n_steps, trusted=not reason, reason=reason)


def _measure(x: Array) -> dict[str, float]:
    mean = float(x.mean())
    if is_constant(x):
        return {"mean": mean} | dict.fromkeys(("stderr", "tau", "ess_bulk", "ess_tail", "r_hat"), math.nan)
    return {
        "mean": mean,
        "stderr": _mean_error(x),
        "tau": autocorrelation_time(x, warn=False),
        "ess_bulk": _bulk(x),
        "ess_tail": _tail(x),
        "r_hat": split_r_hat(x) if len(x) > 1 else math.nan,
    }


def _fault(name: str, measured: dict[str, float], n_chains: int, n_steps: int) -> str:
    """The first thing wrong with a series, or nothing."""
    if math.isnan(measured["tau"]):
        return f"{name}: never changes: constant, or stuck"
    span = n_steps / measured["tau"]
    if span < LEAST_SPAN:
        steps = f"chains of {n_steps} steps span {span:.1f} autocorrelation times"
        return f"{name}: {steps}; expected {LEAST_SPAN:.0f}"
    if n_chains == 1:
        return f"{name}: one chain cannot show that chains meet; expected 2 or more"
    if not measured["r_hat"] < MOST_R_HAT:
        return f"{name}: R-hat {measured['r_hat']:.3f}; expected less than {MOST_R_HAT}"
    for key, what in (("ess_bulk", "bulk"), ("ess_tail", "tail")):
        if not measured[key] >= LEAST_ESS:
            return f"{name}: {what} effective sample size {measured[key]:.0f}; expected {LEAST_ESS:.0f}"
    return ""
