"""The laws of unit types: everything follows from one cumulant generating function."""

from __future__ import annotations

import numpy as np
from scipy.special import logsumexp

from ebm.errors import EbmError, NotSupported, expect
from ebm.machine import Array
from ebm.testing.verdict import holds, near, run
from ebm.units import Mixed, Units

__all__ = ["check_units", "log_sum"]

_EPS = 1e-5  # of central differences
_GRID = 4000  # uniforms over which a quantile function is averaged
_NODES = 12  # of Gauss and Legendre per panel
_PANELS = 200
_OUT = 1e8  # where a potential has its tail
_FAR = 1e-12  # probability beyond the ends that an integral starts from


def check_units(units: Units, n: int = 3, seed: int = 0) -> None:
    """Put a unit type to its laws, docs/math.md, section 1.

    The mean is the slope of the cgf, the variance that of the mean, `pull` the second derivative times a
    vector; the cgf is the log of a sum or an integral over states; `sample` is the quantile function of the
    same density; float32 gives what float64 gives; `link` inverts the mean; products with φ are products;
    `check` refuses what is no state.

    Parameters
    ----------
    units : Units
        With numbers for what it learns: ``units.bound(...)``.
    n : int
        Units of the layer that is looked at; a `Mixed` layer has its own.
    seed : int
        Of the inputs.

    Raises
    ------
    AssertionError
        A law does not hold.

    Examples
    --------
    >>> import ebm
    >>> ebm.testing.check_units(ebm.Potts(3))
    """
    expect(units, Units, "check_units", "units such as Bernoulli()")
    n = units.n_units if isinstance(units, Mixed) else n
    for function in () if units.finite else ("cgf", "mean", "var", "sample"):
        _is_defined(units, n, function)
    I = 2.0 * np.random.default_rng(seed).normal(size=(9, units.columns(n)))
    run(units, _LAWS, n, I)


def _is_defined(units: Units, n: int, function: str) -> None:
    """Units without an end of states have nothing that these could follow from."""
    I = np.zeros((1, units.columns(n)))
    try:
        getattr(units, function)(*([I, np.full((1, n), 0.5)] if function == "sample" else [I]))
    except NotSupported:
        raise AssertionError(f"{units!r}: neither states nor {function} is defined") from None


def log_sum(units: Units, I: Array) -> Array:
    """log Σₓ exp(I·φ(x) − U(x)) of each unit: by its states, by counting, or by quadrature; (n_rows, n).

    The range of infinitely many states is taken from `sample`, and widened.
    """
    parts = []
    for i in range(units.count(I.shape[1])):
        one, own = units.one(i), I[:, units.own(i)]
        if one.states is not None:
            x = np.array(one.states)[:, None]
            parts.append(logsumexp(own @ one.encode(x).T - one.potential(x).T, axis=1))
        else:
            parts.append(np.array([_log_integral(one, float(value)) for value in own[:, 0]]))
    return np.stack(parts, axis=1)


def _log_integral(units: Units, I: float) -> float:
    ends = units.sample(np.full((5, 1), I), np.array([[_FAR], [0.2], [0.5], [0.8], [1 - _FAR]]))[:, 0]
    low, high = ends[0], ends[-1]
    margin = 0.35 * (high - low)
    low, high = max(low - margin, units.interval[0]), min(high + margin, units.interval[1])
    if np.array_equal(ends, np.round(ends)):  # counts
        x, log_w = np.arange(np.floor(low), np.ceil(high) + 1), np.zeros(1)
        x = x[x >= 0]
    else:
        cuts = np.unique(np.append(np.linspace(low, high, _PANELS), np.clip(0.0, low, high)))
        t, w = np.polynomial.legendre.leggauss(_NODES)
        half = 0.5 * np.diff(cuts)[:, None]
        x, log_w = (cuts[:-1, None] + half * (t + 1)).ravel(), np.log(half * w).ravel()
    x = x.astype(np.float64)[:, None]
    return float(logsumexp(I * x[:, 0] - units.potential(x)[:, 0] + log_w))


def mean_is_slope(units: Units, n: int, I: Array) -> None:
    """⟨φ⟩ = dA/dI."""
    for j in range(I.shape[1]):
        step = _EPS * np.eye(I.shape[1])[j]
        slope = (units.cgf(I + step) - units.cgf(I - step)).sum(1) / (2 * _EPS)
        near(f"mean = d cgf, column {j}", units.mean(I)[:, j], slope, 1e-9, 1e-7)


def var_is_slope(units: Units, n: int, I: Array) -> None:
    """Var φ = d⟨φ⟩/dI, the diagonal."""
    for j in range(I.shape[1]):
        step = _EPS * np.eye(I.shape[1])[j]
        slope = (units.mean(I + step) - units.mean(I - step))[:, j] / (2 * _EPS)
        near(f"var = d mean, column {j}", units.var(I)[:, j], slope, 1e-9, 1e-7)


def pull_is_slope(units: Units, n: int, I: Array) -> None:
    """pull(I, g) = A''(I)·g."""
    g = I[::-1].copy()
    slope = (units.mean(I + _EPS * g) - units.mean(I - _EPS * g)) / (2 * _EPS)
    near("pull(I, g) = cgf''.g", units.pull(I, g), slope, 1e-9, 1e-7)


def cgf_is_log_sum(units: Units, n: int, I: Array) -> None:
    """A(I) = log Σₓ exp(I·φ(x) − U(x))."""
    exact = all(units.one(i).states is not None for i in range(n))
    near(
        "cgf = log sum exp(I.phi - U)", units.cgf(I), log_sum(units, I), *([1e-13] if exact else [1e-10]) * 2
    )


def sample_is_quantile(units: Units, n: int, I: Array) -> None:
    """Over a grid of u, sample(I, u) rises; its φ averages to the mean, the square of φ to var + mean²."""
    u = (np.arange(_GRID) + 0.5) / _GRID
    for row in I[:4]:
        x = units.sample(np.tile(row, (_GRID, 1)), np.tile(u[:, None], (1, n)))
        holds(np.all(np.diff(x, axis=0) >= 0), "sample(I, u) does not rise with u")
        f = units.encode(x).astype(np.float64)
        mean, var = units.mean(row[None])[0], units.var(row[None])[0]
        size = 1 + np.abs(mean) + np.sqrt(var)
        off = np.abs(f.mean(0) - mean) / size
        holds(np.all(off < 4 / _GRID), f"sample(I, u) averages to another mean: off by {off.max():.2g}")
        off = np.abs((f * f).mean(0) - var - mean**2) / size**2
        holds(np.all(off < 8 / _GRID), f"sample(I, u) has another variance: off by {off.max():.2g}")
        units.check(x, "sample(I, u)", strict=True)


def dtype_follows(units: Units, n: int, I: Array) -> None:
    """float32 stays float32 and agrees with float64 to its rounding."""
    for name, f in (("cgf", units.cgf), ("mean", units.mean), ("var", units.var)):
        found, expected = f(I.astype(np.float32)), f(I.astype(np.float32).astype(np.float64))
        holds(found.dtype == np.float32, f"{name} of float32 inputs is {found.dtype}")
        near(f"{name} in float32", found, expected, 1e-5, 1e-5)


def link_inverts_mean(units: Units, n: int, I: Array) -> None:
    """mean(link(m)) = m."""
    mean = units.mean(I)
    near("mean(link(m)) = m", units.mean(units.link(mean)), mean, 1e-9, 1e-7)


def products_are_with_phi(units: Units, n: int, I: Array) -> None:
    """dot, outer and total are products with encode(x); decode undoes it."""
    rng = np.random.default_rng(7)
    x = units.sample(I, rng.random((len(I), n)))
    f = units.encode(x).astype(np.float64)
    W, g, w = rng.normal(size=(f.shape[1], 5)), rng.normal(size=(len(I), 5)), rng.random(len(I))
    near("dot(x, W) = phi(x) W", units.dot(x, W), f @ W, 1e-12, 1e-12)
    near("outer(x, g) = phi(x)' g", units.outer(x, g), f.T @ g, 1e-12, 1e-12)
    near("total(x, w) = w phi(x)", units.total(x, w), w @ f, 1e-12, 1e-12)
    near("decode(encode(x)) = x", units.decode(units.encode(x)), x)


def extremes_stay_finite(units: Units, n: int, I: Array) -> None:
    """No overflow and no NaN far out."""
    for scale in (30.0, -30.0):
        wide = np.full_like(I, scale)
        with np.errstate(all="raise", under="ignore"):
            for name, f in (("cgf", units.cgf), ("mean", units.mean), ("var", units.var)):
                holds(np.isfinite(f(wide)).all(), f"{name} at inputs of {scale:g} is not finite")


def check_refuses(units: Units, n: int, I: Array) -> None:
    """NaN is no state, and `check` says where it stands."""
    x = units.sample(I, np.full((len(I), n), 0.5)).astype(np.float64)
    units.check(x.copy(), strict=True)
    x[1, n - 1] = np.nan
    try:
        units.check(x, strict=True)
    except EbmError as error:
        holds("row 1" in str(error), f"check says {str(error)!r} of a NaN in row 1")
    else:
        raise AssertionError("check takes NaN for a state")


def declarations_are_true(units: Units, n: int, I: Array) -> None:
    """What closed forms rest on: `normal` is the whole potential, `tails` its growth far out."""
    if isinstance(units, Mixed):
        return
    if units.normal is not None:
        x = np.random.default_rng(1).normal(size=(9, n))
        near(
            "the potential of units that are normal",
            units.potential(x),
            0.5 * units.normal * x * x,
            1e-12,
            1e-9,
        )
    for sign, tail in zip((-1.0, 1.0), units.tails or (), strict=False):
        growth = np.broadcast_to(np.asarray(tail, np.float64), (n,))
        if np.isfinite(growth).all():
            slope = 2 * units.potential(np.full((1, n), sign * _OUT))[0] / _OUT**2
            near("the growth of the potential, tails", slope, growth, 1e-6, 1e-2)


_LAWS = (
    declarations_are_true, mean_is_slope, var_is_slope, pull_is_slope, cgf_is_log_sum, sample_is_quantile,
    dtype_follows, link_inverts_mean, products_are_with_phi, extremes_stay_finite, check_refuses,
)  # fmt: skip
