"""What a site pays for a row, as a function of its input from the others.

η = h + Σ_j K_ij f_j are inputs of a unit's contrasts, u = f·η the log-odds of its states, which sum to zero,
x the state that it is in. Every loss here has its minimum, in the mean over rows of the machine, at its
parameters.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from scipy.special import expit

from ebm.machine import Array

__all__ = ["FLOW", "LOG_SCREENING", "PSEUDO_LIKELIHOOD", "REAL", "SCREENING", "Loss"]


class Loss(Protocol):
    """A convex function of η with its first two derivatives."""

    @property
    def log(self) -> bool:
        """Whether the logarithm of the mean is what is minimised."""

    def value(self, eta: Array, x: Array, f: Array) -> Array:
        """Of each row: (m,), from η (m, r), states (m,) and contrasts of all states (q, r)."""

    def slope(self, eta: Array, x: Array, f: Array) -> Array:
        """By η: (m, r)."""

    def bend(self, eta: Array, x: Array, f: Array) -> Array:
        """By η twice: (m, r, r)."""


def _wrong(z: Array) -> Array:
    """1/(1 + e^(2z)): how wrong a unit of two states is. Not 0 when it is sure: Hessians need its bias."""
    return np.asarray(expit(-2 * z))


def _softmax(u: Array) -> Array:
    p = np.exp(u - u.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    return p


class _PseudoLikelihood:
    """−log p(x | the others): Besag, "Statistical analysis of non-lattice data" (1975)."""

    log = False

    def third(self, eta: Array, f: Array) -> Array:
        """By η three times: (m, r, r, r), the third cumulant of f; whatever the state."""
        p = _softmax(eta @ f.T)
        apart = f[None] - (p @ f)[:, None]
        return np.einsum("ms,msa,msb,msc->mabc", p, apart, apart, apart, optimize=True)

    def value(self, eta: Array, x: Array, f: Array) -> Array:
        if len(f) == 2:
            return np.logaddexp(0, -2 * f[x, 0] * eta[:, 0])
        u = eta @ f.T
        top = u.max(1)
        return np.asarray(top + np.log(np.exp(u - top[:, None]).sum(1)) - u[np.arange(len(u)), x])

    def slope(self, eta: Array, x: Array, f: Array) -> Array:
        if len(f) == 2:
            own = f[x]
            return -2 * own * _wrong(own * eta)
        return _softmax(eta @ f.T) @ f - f[x]

    def bend(self, eta: Array, x: Array, f: Array) -> Array:
        if len(f) == 2:
            wrong = _wrong(f[x, 0] * eta[:, 0])
            return np.asarray((4 * f[0, 0] ** 2 * wrong * (1 - wrong))[:, None, None])
        p = _softmax(eta @ f.T)
        mean = p @ f
        return np.einsum("ms,sa,sb->mab", p, f, f, optimize=True) - mean[:, :, None] * mean[:, None]


class _Screening:
    """e^(−u_x): Vuffray, Misra, Lokhov & Chertkov, "Interaction screening" (2016); of more states: (2020)."""

    def __init__(self, log: bool) -> None:
        self.log = log

    def value(self, eta: Array, x: Array, f: Array) -> Array:
        return np.exp(-(f[x] * eta).sum(1))

    def slope(self, eta: Array, x: Array, f: Array) -> Array:
        return -f[x] * self.value(eta, x, f)[:, None]

    def bend(self, eta: Array, x: Array, f: Array) -> Array:
        own = f[x]
        return np.asarray(own[:, :, None] * own[:, None] * self.value(eta, x, f)[:, None, None])


class _Flow:
    """Σ_{y ≠ x} e^((u_y − u_x)/2): Sohl-Dickstein, Battaglino & DeWeese, "Minimum probability flow" (2011).

    Theirs leaves out neighbours that are among the rows; with all of them it is consistent for any number of
    units. Of two states it is interaction screening.
    """

    log = False

    def _flows(self, eta: Array, x: Array, f: Array) -> tuple[Array, Array]:
        apart = 0.5 * (f[None] - f[x][:, None])  # (m, q, r)
        flows = np.exp(np.einsum("mqr,mr->mq", apart, eta))
        flows[np.arange(len(x)), x] = 0.0
        return flows, apart

    def value(self, eta: Array, x: Array, f: Array) -> Array:
        return np.asarray(self._flows(eta, x, f)[0].sum(1))

    def slope(self, eta: Array, x: Array, f: Array) -> Array:
        flows, apart = self._flows(eta, x, f)
        return np.einsum("mq,mqr->mr", flows, apart)

    def bend(self, eta: Array, x: Array, f: Array) -> Array:
        flows, apart = self._flows(eta, x, f)
        return np.einsum("mq,mqa,mqb->mab", flows, apart, apart, optimize=True)


class _Real:
    """−log p(x | the others) of a real unit: (λx − η)²/2λ − ½ log λ + ½ log 2π, η (m, 2) with λ in its place
    1.

    Convex in both, a square over a line less a logarithm: least squares, the precision learnt beside them.
    """

    log = False

    def value(self, eta: Array, x: Array, f: Array) -> Array:
        mean, precision = eta[:, 0], eta[:, 1]
        with np.errstate(all="ignore"):
            found = 0.5 * ((precision * x - mean) ** 2 / precision - np.log(precision / (2 * np.pi)))
        return np.where(precision > 0, found, np.inf)

    def slope(self, eta: Array, x: Array, f: Array) -> Array:
        mean, precision = eta[:, 0] / eta[:, 1], eta[:, 1]
        return np.stack([mean - x, 0.5 * (x**2 - mean**2 - 1 / precision)], axis=1)

    def bend(self, eta: Array, x: Array, f: Array) -> Array:
        mean, precision = eta[:, 0] / eta[:, 1], eta[:, 1]
        both = -mean / precision
        whole = np.array([[1 / precision, both], [both, mean**2 / precision + 0.5 / precision**2]])
        return whole.transpose(2, 0, 1)


PSEUDO_LIKELIHOOD = _PseudoLikelihood()
REAL: Loss = _Real()
SCREENING: Loss = _Screening(log=False)
LOG_SCREENING: Loss = _Screening(log=True)
FLOW: Loss = _Flow()
