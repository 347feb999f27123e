"""Couplings of spins in closed form, from means and connected correlations.

C is the matrix of connected correlations, m the means, E(s) = −h·s − ½ s·K·s with β in K and h.
"""

from __future__ import annotations

import numpy as np

from ebm.errors import EbmError
from ebm.inverse.rows import Rows
from ebm.machine import Array

__all__ = ["bethe", "naive_mean_field", "pairs", "sessak_monasson", "tap"]

_SINGULAR = 1e-12  # smallest eigenvalue of C over the largest


def _inverse(rows: Rows) -> tuple[Array, Array]:
    """C⁻¹ and m."""
    m, C = rows.mean, rows.connected
    fixed = np.flatnonzero(np.abs(m) >= 1)
    if len(fixed):
        raise EbmError(f"data: unit {fixed[0]} never changes; leave it out, or take pseudo_likelihood")
    values = np.linalg.eigvalsh(C)
    if values[0] < _SINGULAR * values[-1]:
        raise EbmError(
            "data: units that are functions of each other, or fewer rows than units: correlations have no"
            " inverse; leave some out, or take pseudo_likelihood"
        )
    return np.linalg.inv(C), m


def _off_diagonal(K: Array) -> Array:
    K = (K + K.T) / 2
    np.fill_diagonal(K, 0)
    return K


def _mean_field(K: Array, m: Array) -> Array:
    return np.arctanh(m) - K @ m


def pairs(rows: Rows) -> tuple[Array, Array]:
    """Each pair by itself, as if no other unit were there: exact for two units.

    Roudi, Tyrcha & Hertz, "Ising model for neural data" (2009), equation 12.
    """
    m, C = rows.mean, rows.connected
    second = C + np.outer(m, m)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = {
            (a, b): np.log(np.maximum(1 + a * m[:, None] + b * m[None] + a * b * second, 0))
            for a in (1, -1)
            for b in (1, -1)
        }
        K = (logs[1, 1] + logs[-1, -1] - logs[1, -1] - logs[-1, 1]) / 4
    np.fill_diagonal(K, 0)
    if not np.isfinite(K).all():
        i, j = np.argwhere(~np.isfinite(K))[0]
        raise EbmError(f"data: units {i} and {j} lack one of their four states together: no finite coupling")
    return K, _mean_field(K, m)


def naive_mean_field(rows: Rows) -> tuple[Array, Array]:
    """−C⁻¹: right to first order in the couplings. Kappen & Rodríguez (1998)."""
    inverse, m = _inverse(rows)
    K = _off_diagonal(-inverse)
    return K, _mean_field(K, m)


def tap(rows: Rows) -> tuple[Array, Array]:
    """With Onsager's reaction: C⁻¹ = −K − 2 K² m m, solved for K. Tanaka (1998)."""
    inverse, m = _inverse(rows)
    mm = np.outer(m, m)
    root = 1 - 8 * inverse * mm
    if (root[~np.eye(len(m), dtype=bool)] < 0).any():
        raise EbmError("tap: no real solution: couplings are too strong; expected another method")
    K = _off_diagonal(-2 * inverse / (1 + np.sqrt(np.maximum(root, 0))))  # stable where m is 0
    return K, _mean_field(K, m) + m * (K**2 @ (1 - m**2))


def bethe(rows: Rows) -> tuple[Array, Array]:
    """With the susceptibility of the Bethe approximation: exact on trees.

    Nguyen & Berg, "Bethe–Peierls approximation and the inverse Ising problem" (2012); Ricci-Tersenghi, "The
    Bethe approximation for solving the inverse Ising problem" (2012), equation 26.
    """
    inverse, m = _inverse(rows)
    np.fill_diagonal(inverse, 1.0)  # any number: the diagonal is no coupling
    mm, spread = np.outer(m, m), np.outer(1 - m**2, 1 - m**2)
    tiny = np.abs(inverse) < 1e-12
    a = np.where(tiny, 1.0, inverse)
    root = np.sqrt(1 + 4 * spread * a**2)
    under = (root - 2 * mm * a) ** 2 - 4 * a**2
    t = root / (2 * a) - mm - np.sqrt(np.maximum(under, 0)) / (2 * a)
    K = _off_diagonal(np.where(tiny, 0.0, -np.arctanh(np.clip(t, -1 + 1e-15, 1 - 1e-15))))
    t, mi, mj = np.tanh(K), m[:, None], m[None]
    root = np.sqrt((1 - t**2) ** 2 - 4 * t * (mj - mi * t) * (mi - mj * t))
    cavity = 2 * (mj - mi * t) / (1 - t**2 + root)  # the mean of j without i: equation 7, without its 0/0
    return K, np.arctanh(m) - np.arctanh(t * cavity).sum(1)


def sessak_monasson(rows: Rows) -> tuple[Array, Array]:
    """Small correlations: loops of −C⁻¹ and pairs, each counted once.

    Sessak & Monasson, "Small-correlation expansions for the inverse Ising problem" (2009), equation 35.
    """
    inverse, m = _inverse(rows)
    C, spread = rows.connected, np.outer(1 - rows.mean**2, 1 - rows.mean**2)
    K = _off_diagonal(-inverse + pairs(rows)[0] - C / np.where(np.eye(len(m)), 1.0, spread - C**2))
    return K, _mean_field(K, m)
