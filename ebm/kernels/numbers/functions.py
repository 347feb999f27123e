"""Elementary functions for loops that LLVM vectorises and for vectors: exp, and the normal quantile.

``math.exp`` is a call into libm, which keeps every loop around it scalar. Here exp is a polynomial: with
x = n log 2 + r, |r| <= log(2)/2, exp(x) = 2^n exp(r); exp(r) by its Taylor series to rounding error, 2^n by
writing n into the exponent bits. Arguments are clamped to the range whose result is a normal number, so
neither 0, inf nor NaN arises from a finite or infinite x.
"""

import math

from numba import njit, types
from numba.extending import overload

from ebm.kernels import JIT
from ebm.kernels.numbers.vector import clamp, exponent, floor, power_of_two

_LOG2E = 1.4426950408889634
_LN2_HIGH = 0.693145751953125  # 11 low bits are zero: n * _LN2_HIGH is exact in float64
_LN2_LOW = 1.4286068203094173e-06
_LN2_HIGH32 = 0.693359375  # the same for float32
_LN2_LOW32 = -2.12194440e-04


def exp(x):
    """exp(x) to rounding error, of x clamped to [-87, 88] in float32, [-708, 709] in float64."""
    return math.exp(x)


def _exp32(x):
    f = types.float32
    x = clamp(x, -87.0, 88.0)
    n = floor(x * f(_LOG2E) + f(0.5))
    r = (x - n * f(_LN2_HIGH32)) - n * f(_LN2_LOW32)
    p = r * f(1.0 / 5040.0) + f(1.0 / 720.0)
    p = p * r + f(1.0 / 120.0)
    p = p * r + f(1.0 / 24.0)
    p = p * r + f(1.0 / 6.0)
    p = p * r + f(0.5)
    p = p * r + f(1.0)
    p = p * r + f(1.0)
    return p * power_of_two(n)


def _exp64(x):
    x = clamp(x, -708.0, 709.0)
    n = floor(x * _LOG2E + 0.5)
    r = (x - n * _LN2_HIGH) - n * _LN2_LOW
    p = r * (1.0 / 6227020800.0) + 1.0 / 479001600.0
    p = p * r + 1.0 / 39916800.0
    p = p * r + 1.0 / 3628800.0
    p = p * r + 1.0 / 362880.0
    p = p * r + 1.0 / 40320.0
    p = p * r + 1.0 / 5040.0
    p = p * r + 1.0 / 720.0
    p = p * r + 1.0 / 120.0
    p = p * r + 1.0 / 24.0
    p = p * r + 1.0 / 6.0
    p = p * r + 0.5
    p = p * r + 1.0
    p = p * r + 1.0
    return p * power_of_two(n)


@overload(exp, jit_options={"error_model": "numpy", "fastmath": {"contract"}})
def _exp(x):
    return _exp32 if getattr(x, "element", x) == types.float32 else _exp64


def log(x):
    """log(x) to rounding error, of a vector of positive normal numbers."""


def _log32(x):
    # x = 2^n (1 + f), log(1 + f) = f + f^2 p(f): p by Chebyshev interpolation on [sqrt(1/2), sqrt(2)) - 1
    f = types.float32
    n = exponent(x)
    m = x * power_of_two(n * f(-1.0)) - f(1.0)
    p = m * f(-7.866667599e-02) + f(1.282174939e-01)
    p = p * m + f(-1.310163383e-01)
    p = p * m + f(1.418900030e-01)
    p = p * m + f(-1.662760004e-01)
    p = p * m + f(2.000196890e-01)
    p = p * m + f(-2.500077221e-01)
    p = p * m + f(3.333332146e-01)
    p = p * m + f(-4.999999766e-01)
    return n * f(_LN2_HIGH32) + (m + (m * m * p + n * f(_LN2_LOW32)))


def _log64(x):
    # log(m) = 2 artanh(s), s = (m - 1) / (m + 1), |s| < 0.172: eleven terms of the series
    n = exponent(x)
    m = x * power_of_two(n * -1.0)
    s = (m - 1.0) / (m + 1.0)
    t = s * s
    p = t * (1.0 / 21.0) + 1.0 / 19.0
    p = p * t + 1.0 / 17.0
    p = p * t + 1.0 / 15.0
    p = p * t + 1.0 / 13.0
    p = p * t + 1.0 / 11.0
    p = p * t + 1.0 / 9.0
    p = p * t + 1.0 / 7.0
    p = p * t + 1.0 / 5.0
    p = p * t + 1.0 / 3.0
    return n * _LN2_HIGH + ((s + s) * (p * t + 1.0) + n * _LN2_LOW)


@overload(log, jit_options={"error_model": "numpy", "fastmath": {"contract"}})
def _log(x):
    return _log32 if x.element == types.float32 else _log64


@njit(**JIT)
def _horner(x, c):
    p = c[0]
    for k in range(1, len(c)):
        p = p * x + c[k]
    return p


# Wichura (1988), algorithm AS 241, PPND16: rational approximations with relative error about 1e-16.
_CENTRE_TOP = (
    2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4, 4.5921953931549871457e4,
    1.3731693765509461125e4, 1.9715909503065514427e3, 1.3314166789178437745e2, 3.3871328727963666080,
)  # fmt: skip
_CENTRE_BOTTOM = (
    5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4, 2.1213794301586595867e4,
    5.3941960214247511077e3, 6.8718700749205790830e2, 4.2313330701600911252e1, 1.0,
)  # fmt: skip
_TAIL_TOP = (
    7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1,
    1.27045825245236838258, 3.64784832476320460504, 5.76949722146069140550, 4.63033784615654529590,
    1.42343711074968357734,
)  # fmt: skip
_TAIL_BOTTOM = (
    1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2,
    1.48103976427480074590e-1, 6.89767334985100004550e-1, 1.67638483018380384940,
    2.05319162663775882187, 1.0,
)  # fmt: skip
_FAR_TOP = (
    2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3,
    2.65321895265761230930e-2, 2.96560571828504891230e-1, 1.78482653991729133580,
    5.46378491116411436990, 6.65790464350110377720,
)  # fmt: skip
_FAR_BOTTOM = (
    2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5,
    7.86869131145613259100e-4, 1.48753612908506148525e-2, 1.36929880922735805310e-1,
    5.99832206555887937690e-1, 1.0,
)  # fmt: skip


@njit(**JIT)
def normal_quantile(u):
    """z with P(Z < z) = u for a standard normal Z and 0 < u < 1."""
    q = u - 0.5
    if abs(q) <= 0.425:
        r = 0.180625 - q * q
        return q * _horner(r, _CENTRE_TOP) / _horner(r, _CENTRE_BOTTOM)
    r = math.sqrt(-math.log(u if q < 0.0 else 1.0 - u))
    if r <= 5.0:
        z = _horner(r - 1.6, _TAIL_TOP) / _horner(r - 1.6, _TAIL_BOTTOM)
    else:
        z = _horner(r - 5.0, _FAR_TOP) / _horner(r - 5.0, _FAR_BOTTOM)
    return -z if q < 0.0 else z
