"""Penalties on couplings, subtracted from the objective, and constraints, restored after every update.

Both act on couplings only, never on biases. Rows of a coupling matrix W belong to visible units, columns to
hidden ones; of a J both to units.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol, runtime_checkable

import numpy as np

from ebm.arrays import together
from ebm.errors import EbmError, NotSupported, settings
from ebm.machine import Array, Mirrored, Parametrised
from ebm.optimisers.schedules import NotNegative, Positive

__all__ = ["L1", "L2", "Constraint", "GroupLasso", "Mask", "MaxNorm", "NonNegative", "Penalty"]


@runtime_checkable
class Penalty(Protocol):
    """A term of the objective."""

    def value(self, w: Array) -> float:
        """What is subtracted from the objective, nats per sample, w being all parameters once."""

    def gradient(self, w: Array) -> Array:
        """What is subtracted from the gradient of these couplings."""

    def subtract(self, gradient: Array, w: Array) -> None:
        """Subtract it, in place."""


@runtime_checkable
class Constraint(Protocol):
    """A set that couplings stay in."""

    def restrict(self, w: Array) -> None:
        """Put couplings back into it, in place."""


def restrict(machine: Parametrised, constraints: Iterable[Constraint]) -> None:
    """Put the couplings of a machine, as `project` leaves them, back into sets, one after the other.

    Where J_ij and J_ji are one parameter, a constraint may have moved them apart: columns of different norm,
    a mask that is not symmetric. Both then take the value nearer to zero, which lies in every set that
    contains a J with all smaller ones.
    """
    for constraint in constraints:
        for key in machine.couplings:
            constraint.restrict(machine.params[key])
        if isinstance(machine, Mirrored):
            machine.take_lesser()
    machine.project()


def _subtract(gradient: Array, w: Array, l1: float, l2: float) -> None:
    from ebm.kernels.learning.ascend import subtract_slopes

    changed, read = together("gradient", gradient, w)
    subtract_slopes(w.size > 2**17, changed, read, l1, l2)


@settings
class L1:
    """Penalty strength·Σ|w| over the couplings (J_ij, J_ji: one), nats per sample, docs/math.md (5.9)."""

    strength: NotNegative

    def value(self, w: Array) -> float:
        """strength·Σ|w|."""
        return self.strength * float(np.abs(w).sum(dtype=np.float64))

    def gradient(self, w: Array) -> Array:
        """Its subgradient, strength·sign(w)."""
        return self.strength * np.sign(w)

    def subtract(self, gradient: Array, w: Array) -> None:
        """gradient −= strength·sign(w)."""
        _subtract(gradient, w, self.strength, 0.0)


@settings
class L2:
    """Penalty ½·strength·Σw² over the couplings (J_ij, J_ji: one), nats per sample, docs/math.md (5.9)."""

    strength: NotNegative

    def value(self, w: Array) -> float:
        """½·strength·Σw²."""
        return 0.5 * self.strength * float(np.square(w, dtype=np.float64).sum())

    def gradient(self, w: Array) -> Array:
        """strength·w."""
        return self.strength * w

    def subtract(self, gradient: Array, w: Array) -> None:
        """gradient −= strength·w."""
        _subtract(gradient, w, 0.0, self.strength)


def _column_norms(w: Array, what: str) -> Array:
    if w.ndim != 2:
        raise NotSupported(f"{what}: sparse couplings have no columns; use L1 or L2")
    return np.sqrt(np.square(w).sum(0, keepdims=True))


@settings
class GroupLasso:
    """Penalty strength·Σ_j |W_·j| over columns, the weights of a hidden unit each: useless ones die out.

    The columns are those of the matrix: of a Potts hidden unit every state's.

    References
    ----------
    Yuan & Lin, "Model selection and estimation in regression with grouped variables" (2006).
    """

    strength: NotNegative

    def value(self, w: Array) -> float:
        """strength·Σ_j |W_·j|."""
        return self.strength * float(_column_norms(w, "GroupLasso").sum())

    def gradient(self, w: Array) -> Array:
        """strength·W_·j/|W_·j|; zero where the column is."""
        norm = _column_norms(w, "GroupLasso")
        return self.strength * w / np.where(norm > 0, norm, 1)

    def subtract(self, gradient: Array, w: Array) -> None:
        """gradient −= its slope."""
        gradient -= self.gradient(w)


@settings
class MaxNorm:
    """Columns, the weights of a hidden unit each, no longer than `limit` (Srebro & Shraibman 2005)."""

    limit: Positive

    def restrict(self, w: Array) -> None:
        """Scale long columns back."""
        w *= (self.limit / np.maximum(_column_norms(w, "MaxNorm"), self.limit)).astype(w.dtype)


@settings
class NonNegative:
    """Couplings of at least zero."""

    def restrict(self, w: Array) -> None:
        """Raise negative ones to zero."""
        np.maximum(w, 0, out=w)


@settings
class Mask:
    """Couplings that stay zero where `kept` is false: a sparse pattern in a dense matrix.

    Parameters
    ----------
    kept : array_like of bool
        Of the shape of the couplings.
    """

    kept: Any

    def restrict(self, w: Array) -> None:
        """Set those outside the pattern to zero.

        Raises
        ------
        EbmError
            Another shape.
        """
        kept = np.asarray(self.kept)
        if kept.shape != w.shape or kept.dtype != np.bool_:
            raise EbmError(f"Mask: kept: expected bool {w.shape}, got {kept.dtype} {kept.shape}")
        w[~kept] = 0
