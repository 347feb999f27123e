"""Steps of gradient ascent, and the correction that centres a gradient, in one pass over each."""

import math

from numba import njit, prange

from ebm.kernels import JIT
from ebm.kernels.threads import shared

_CHUNK = 2**14  # numbers of a tile


@njit(**JIT)
def _ascend_tile(value, gradient, velocity, rate, momentum, nesterov):
    rate, momentum = value.dtype.type(rate), value.dtype.type(momentum)
    if len(velocity) == 0:
        for i in range(len(value)):
            value[i] += rate * gradient[i]
    elif nesterov:
        for i in range(len(value)):
            step = rate * gradient[i]
            velocity[i] = momentum * velocity[i] + step
            value[i] += momentum * velocity[i] + step
    else:
        for i in range(len(value)):
            velocity[i] = momentum * velocity[i] + rate * gradient[i]
            value[i] += velocity[i]


@shared
def ascend(value, gradient, velocity, rate, momentum, nesterov):
    """velocity <- momentum velocity + rate gradient; value <- value + velocity, docs/math.md (5.7).

    With nesterov, value <- value + momentum velocity + rate gradient.

    All (n,) of one dtype, contiguous; velocity is (0,) where there is no momentum.
    """
    for t in prange(-(-len(value) // _CHUNK)):
        part = slice(t * _CHUNK, t * _CHUNK + _CHUNK)
        _ascend_tile(value[part], gradient[part], velocity[part], rate, momentum, nesterov)


@njit(**JIT)
def _adam_tile(value, gradient, first, second, rate, beta1, beta2, epsilon):
    one = value.dtype.type(1)
    rate, epsilon = value.dtype.type(rate), value.dtype.type(epsilon)
    new1, new2 = one - value.dtype.type(beta1), one - value.dtype.type(beta2)
    for i in range(len(value)):
        g = gradient[i]
        first[i] += new1 * (g - first[i])
        second[i] += new2 * (g * g - second[i])
        value[i] += rate * first[i] / (math.sqrt(second[i]) + epsilon)


@shared
def adam(value, gradient, first, second, rate, beta1, beta2, epsilon):
    """A step of Adam, docs/math.md (5.8), its rate corrected for the start of the averages.

    All (n,) of one dtype, contiguous.
    """
    for t in prange(-(-len(value) // _CHUNK)):
        part = slice(t * _CHUNK, t * _CHUNK + _CHUNK)
        _adam_tile(value[part], gradient[part], first[part], second[part], rate, beta1, beta2, epsilon)


@njit(**JIT)
def _blend_tile(mean, value, share):
    share = value.dtype.type(share)
    for i in range(len(value)):
        mean[i] += share * (value[i] - mean[i])


@shared
def blend(mean, value, share):
    """mean <- mean + share (value - mean): (n,) of one dtype, contiguous."""
    for t in prange(-(-len(value) // _CHUNK)):
        part = slice(t * _CHUNK, t * _CHUNK + _CHUNK)
        _blend_tile(mean[part], value[part], share)


_ROWS = 32  # of a tile


@shared
def subtract_outers(A, u, v, x, y):
    """A <- A - u vᵀ - x yᵀ in place; A (n, m), u and x (n,), v and y (m,), of one dtype."""
    n, m = A.shape
    for t in prange(-(-n // _ROWS)):
        for i in range(t * _ROWS, min(t * _ROWS + _ROWS, n)):
            row = A[i]
            for j in range(m):
                row[j] -= u[i] * v[j] + x[i] * y[j]


@njit(**JIT)
def _subtract_tile(gradient, value, l1, l2):
    l1, l2, zero = value.dtype.type(l1), value.dtype.type(l2), value.dtype.type(0)
    for i in range(len(value)):
        sign = (l1 if value[i] > zero else zero) - (l1 if value[i] < zero else zero)
        gradient[i] -= l2 * value[i] + sign


@shared
def subtract_slopes(gradient, value, l1, l2):
    """gradient <- gradient - l1 sign(value) - l2 value, docs/math.md (5.9); (n,), contiguous."""
    for t in prange(-(-len(value) // _CHUNK)):
        part = slice(t * _CHUNK, t * _CHUNK + _CHUNK)
        _subtract_tile(gradient[part], value[part], l1, l2)
