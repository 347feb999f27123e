"""L-BFGS in single precision, for a hundred thousand numbers and an objective of milliseconds.

scipy's L-BFGS-B took longer for its own vectors (10 ms for 70 000 numbers: float64, and work for bounds) than
an evaluation did.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ebm.machine import Array

__all__ = ["lbfgs"]

_LEAST = 1e-10  # of a step's length: no way down is left
_ARMIJO = 1e-4


def lbfgs(
    objective: Callable[[Array], tuple[float, Array]], x: Array, *, pairs: int, fall: float, most: int
) -> Array:
    """A minimum of a smooth convex function: Nocedal & Wright, *Numerical optimization* (2006), algorithm
    7.5.

    Parameters
    ----------
    objective : callable
        Of x: the value, and the gradient as float32.
    x : (n,) float32
    pairs : int
        Steps that are remembered.
    fall : float
        Of the objective in a step, relative: less, twice in a row, is the end.
    most : int
        Steps.

    Returns
    -------
    (n,) float32

    Examples
    --------
    >>> import numpy as np
    >>> a = np.array([1.0, 10.0, 100.0], np.float32)
    >>> x = lbfgs(lambda x: (float(a @ (x - 1) ** 2), 2 * a * (x - 1)), np.zeros(3, np.float32), pairs=3,
    ...           fall=1e-9, most=100)
    >>> bool(np.allclose(x, 1, atol=1e-3))
    True
    """
    value, gradient = objective(x)
    steps: list[tuple[Array, Array, float]] = []
    small = 0
    for _ in range(most):
        direction = -_scaled(steps, gradient)
        slope = float(direction @ gradient)
        length = 1.0 if steps else min(1.0, 1.0 / max(float(np.abs(gradient).sum()), 1e-30))
        while True:
            trial = x + np.float32(length) * direction
            after, there = objective(trial)
            if after <= value + _ARMIJO * length * slope or length < _LEAST:
                break
            length /= 2
        if length < _LEAST:
            return x
        s, y = trial - x, there - gradient
        curvature = float(s @ y)
        if curvature > 1e-10 * float(y @ y):
            steps = [*steps[-(pairs - 1) :], (s, y, curvature)]
        small = small + 1 if value - after <= fall * max(abs(after), 1.0) else 0
        x, value, gradient = trial, after, there
        if small == 2:
            break
    return x


def _scaled(steps: list[tuple[Array, Array, float]], gradient: Array) -> Array:
    """The inverse Hessian that the steps tell of, times the gradient: two loops over them."""
    q, shares = gradient.copy(), []
    for s, y, curvature in reversed(steps):
        shares.append(np.float32(float(s @ q) / curvature))
        q -= shares[-1] * y
    if steps:
        s, y, curvature = steps[-1]
        q *= np.float32(curvature / float(y @ y))
    for (s, y, curvature), share in zip(steps, reversed(shares), strict=True):
        q += (share - np.float32(float(y @ q) / curvature)) * s
    return q
