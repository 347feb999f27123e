"""The time in which chains forget, also where it is longer than the chains, docs/math.md (10.3)."""

from __future__ import annotations

import math
import warnings

import numpy as np
from numpy.typing import ArrayLike

from ebm.arguments import as_flag
from ebm.diagnostics.series import Array, as_series, is_constant

__all__ = ["relaxation_time"]


def relaxation_time(series: ArrayLike, *, warn: bool = True) -> float:
    """The relaxation time −t/log ρ(t) of the slowest of some series, in steps.

    ρ(t) is the autocorrelation at lag t about the mean over all chains. The lag is the first of 1, 2, 4, …
    that is not below the time it gives: there the fast part of a series has died out, and ρ is still well
    above its noise. Where none up to half the length of the chains is long enough, the longest is taken: ρ
    has not fallen to 1/e, and the time is extrapolated. Integrated times cannot be: they stay below it.

    Parameters
    ----------
    series : array_like, (n_chains, n_steps) or (n_chains, n_steps, k)
        Numbers along the chains, of four steps or more; k series of which the slowest counts.
    warn : bool
        False leaves the warning to a caller who compares the result with the length of the chains.

    Returns
    -------
    float
        0 where a step forgets everything, inf where nothing has moved. Several decays together give a time
        between theirs: for a reversible chain in equilibrium, but for noise, at most −1/log λ, with λ the
        second eigenvalue of a step.

    Raises
    ------
    EbmError
        Too few steps, or numbers that are not finite.

    Warns
    -----
    RuntimeWarning
        With `warn`: the time is extrapolated.

    References
    ----------
    Sokal, "Monte Carlo methods in statistical mechanics: foundations and new algorithms" (1997), section 3,
    for a window that grows with the time; Swope, Pitera & Suits, "Describing protein folding kinetics by
    molecular dynamics simulations" (2004), for the time that one lag implies.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> x = np.zeros((1000, 200))
    >>> for t in range(1, 200):
    ...     x[:, t] = np.exp(-1 / 7) * x[:, t - 1] + rng.normal(size=1000)
    >>> abs(relaxation_time(x[:, 50:]) - 7) < 1
    True
    """
    x, _ = as_series(series)
    longest = 1 << (x.shape[2] // 2).bit_length() - 1
    tau = max(_implied(one, longest) for one in x)
    if as_flag(warn, "warn") and tau > longest:
        warnings.warn(
            f"relaxation_time: chains of {x.shape[2]} steps still remember: {tau:.3g} steps is extrapolated",
            RuntimeWarning,
            stacklevel=2,
        )
    return tau


def _implied(one: Array, longest: int) -> float:
    """The time of a series (n_chains, n_steps) at the first lag not below it, or at the longest."""
    if is_constant(one):
        return 0.0
    one, lag = one - one.mean(), 1
    one /= np.abs(one).max()  # whose squares are numbers
    while True:
        early, late = one[:, :-lag], one[:, lag:]
        size = np.sum(early**2 + late**2)
        rho = 2 * np.sum(early * late) / size if size else 0.0
        tau = math.inf if rho >= 1 else 0.0 if rho <= 0 else -lag / math.log(rho)
        if lag >= min(tau, longest):
            return tau
        lag *= 2
