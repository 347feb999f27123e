"""The Fisher matrix of a machine too large to sum over, from its own samples; and standard errors by it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ebm.arrays import row_blocks
from ebm.errors import TooLarge
from ebm.inverse import errors
from ebm.inverse.joint import Places
from ebm.inverse.penalised import Shrinkage
from ebm.inverse.rows import Rows
from ebm.machine import Array

__all__ = ["MOST", "PER_NUMBER", "numbers_of", "refuse_errors", "sampled_errors", "sampled_fisher"]

MOST = 3000  # numbers: of more their covariance takes longer than learning
PER_NUMBER = 20  # samples for each


def numbers_of(rows: Rows, shrinkage: Shrinkage) -> int:
    """How many couplings and biases there are to infer."""
    basis, allowed = rows.basis, shrinkage.allowed
    counts = np.array([f.shape[1] for f in basis.contrasts])
    pairs = np.triu(np.outer(counts, counts) if allowed is None else np.outer(counts, counts) * allowed, 1)
    return basis.size + int(pairs.sum())


def refuse_errors(numbers: int) -> None:
    """Say that there are too many of them.

    Raises
    ------
    TooLarge
    """
    if numbers > MOST:
        raise TooLarge(f"errors: {numbers} couplings and biases; expected at most {MOST}, or errors=False")


def sampled_fisher(rows: Rows, places: Places, samples: Iterable[Array]) -> tuple[Array, int]:
    """The covariance of all numbers' contrasts, one row, docs/math.md (5.23), and of how many samples.

    Parameters
    ----------
    rows : Rows
        Whose basis the samples are in.
    places : Places
    samples : iterable of (n, n_units) int
        Which state every unit is in.
    """
    i, j = np.nonzero(np.triu(places.table >= 0, 1))
    order = np.argsort(places.table[i, j])
    i, j = i[order], j[order]
    count, first, second = 0, np.zeros(places.total), np.zeros((places.total,) * 2)
    for codes in samples:
        for some in row_blocks(len(codes), places.total):
            f = np.hstack([g[codes[some, k]] for k, g in enumerate(rows.basis.contrasts)])
            moments = np.concatenate([f, f[:, i] * f[:, j]], axis=1)
            count += len(moments)
            first += moments.sum(0)
            second += moments.T @ moments
    first /= count
    return second / count - np.outer(first, first), count


def sampled_errors(rows: Rows, shrinkage: Shrinkage, samples: Iterable[Array]) -> tuple[Array, Array]:
    """Standard errors of J and b of the penalised estimate, H⁻¹ F H⁻¹ / n_effective.

    The inverse of a covariance of S samples of P numbers is too large by S/(S − P − 1), which is taken away
    where there is no penalty.
    """
    places = Places(rows, shrinkage)
    information, count = sampled_fisher(rows, places, samples)
    ridge = np.repeat([0.0, shrinkage.l2], [rows.basis.size, places.total - rows.basis.size])
    inverse = np.linalg.pinv(information + np.diag(ridge), hermitian=True)
    if not shrinkage.l2:
        inverse *= max(count - places.total - 1, 1) / count
    return errors.of_covariance(rows, places, inverse @ information @ inverse)
