"""The integrated autocorrelation time, docs/math.md (10.1)."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ebm.arguments import as_flag, as_number, as_numbers
from ebm.errors import EbmError

__all__ = ["autocorrelation_time"]


_SPAN = 50  # autocorrelation times that chains must span for an estimate to be trusted


def autocorrelation_time(series: ArrayLike, window: float = 5.0, *, warn: bool = True) -> float:
    """Integrated autocorrelation time τ = 1 + 2 Σ_{t≥1} ρ(t), in steps.

    The sum stops at the first t ≥ `window`·τ(t) (Sokal 1997, section 3.3). Autocovariances are taken about
    the mean over all chains, so that chains stuck in different places count as correlated.

    Parameters
    ----------
    series : array_like, (n_steps,) or (n_chains, n_steps)
        A scalar along the chains, such as the energy.
    window : float
        The factor c of the window rule.
    warn : bool
        False leaves the warning to a caller who compares the result with the length of the chains.

    Returns
    -------
    float
        At least 1; 1 for a constant series, NaN for one that is not finite. An
        estimate to trust needs chains of 50 τ or more.

    Warns
    -----
    RuntimeWarning
        With `warn`: the chains are shorter than 50 τ, so that τ may be larger.

    References
    ----------
    Sokal, "Monte Carlo methods in statistical mechanics: foundations and new algorithms" (1997), section 3.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> autocorrelation_time(rng.normal(size=(10, 1000))) < 1.2
    True
    """
    x = np.atleast_2d(as_numbers(series, "series").astype(np.float64))
    if x.ndim != 2 or 0 in x.shape:
        raise EbmError(f"series: expected (n_chains, n_steps), got {np.shape(series)}")
    tau, n = _estimate(x, as_number(window, "window", 0)), x.shape[1]
    if as_flag(warn, "warn") and n < _SPAN * tau:
        warnings.warn(
            f"autocorrelation_time: chains of {n} steps span {n / tau:.1f} autocorrelation times; expected"
            f" {_SPAN}: it may be larger than {tau:.3g}",
            RuntimeWarning,
            stacklevel=2,
        )
    return tau


def _estimate(x: Any, window: float) -> float:
    n = x.shape[1]
    if not np.isfinite(x).all():
        return math.nan
    rounding = (8 * np.finfo(np.float64).eps * np.abs(x).max()) ** 2
    x = x - x.mean()
    size = 1 << (2 * n - 1).bit_length()
    spectrum: Any = np.fft.rfft(x, size, axis=1)
    covariance = np.fft.irfft(np.abs(spectrum) ** 2, size, axis=1)[:, :n].mean(0) / np.arange(n, 0, -1)
    if covariance[0] <= rounding:
        return 1.0
    tau = 1 + 2 * np.cumsum(covariance[1:] / covariance[0])
    enough = np.flatnonzero(np.arange(1, n) >= window * tau)
    return float(max(1.0, tau[enough[0] if len(enough) else -1])) if n > 1 else 1.0
