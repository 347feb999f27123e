"""An order of rows that is theirs alone: what is learnt does not depend on the order they come in.

Rows are sorted by a key of their content, a sum of hashes of their entries. A weight that is a whole number
is a row that stands so often, exactly: the sorted rows of both are the same. The same keys choose, for each
row, the unit that a stochastic pseudo-likelihood looks at, so that the score of a row does not depend on the
rows beside it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse

from ebm.arguments import as_numbers
from ebm.errors import EbmError
from ebm.machine import Array

__all__ = ["arranged", "chosen_columns", "row_keys", "row_weights"]

_BLOCK = 2**22  # entries that keys are made for at a time
_REPEATED = 10  # the largest mean of whole weights that rows are repeated for


def _multipliers(n: int) -> Array:
    """Odd numbers of 64 bits, always the same ones."""
    return np.random.SeedSequence(0xEB3).generate_state(n, np.uint64) | np.uint64(1)


def _hash(values: Array) -> Array:
    """Bits of numbers, mixed so that the low ones depend on all; 0 stays 0."""
    bits = (values.astype(np.float64) + 0.0).view(np.uint64)  # −0 is 0
    return bits ^ (bits >> np.uint64(32)) ^ (bits >> np.uint64(52))


def row_keys(x: Any) -> Array:
    """A key of 64 bits for each row of a dense or CSR matrix: equal rows have equal keys, (n,) uint64.

    Rows of float32 have the keys of the same numbers in float64, sparse rows those of dense ones.
    """
    n, d = x.shape
    odd, keys = _multipliers(d), np.empty(n, np.uint64)
    if scipy.sparse.issparse(x):
        x = x.copy()
        x.sum_duplicates()
        sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(_hash(x.data) * odd[x.indices])])
        return sums[x.indptr[1:]] - sums[x.indptr[:-1]]
    step = max(1, _BLOCK // d)
    for start in range(0, n, step):
        part = slice(start, start + step)
        keys[part] = _hash(np.ascontiguousarray(x[part])) @ odd
    return keys


def chosen_columns(x: Any, seed: int) -> Array:
    """One of the columns for each row, at random, a function of the row and the seed: (n,) int64."""
    key = row_keys(x) ^ np.random.SeedSequence(seed).generate_state(1, np.uint64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):  # splitmix64
        key = (key ^ (key >> np.uint64(shift))) * np.uint64(factor)
    return ((key ^ (key >> np.uint64(31))) % np.uint64(x.shape[1])).astype(np.int64)


def row_weights(sample_weight: Any, n: int) -> Array:
    """Weights of n rows as (n,) float64, checked; all 1 when None."""
    if sample_weight is None:
        return np.ones(n)
    w = np.array(as_numbers(sample_weight, "sample_weight"), np.float64)
    w = np.full(n, float(w)) if w.ndim == 0 else w
    if w.shape != (n,):
        raise EbmError(f"sample_weight: expected {n} numbers, one for each row, got shape {w.shape}")
    if not np.isfinite(w).all() or (w < 0).any():
        raise EbmError("sample_weight: expected finite weights >= 0")
    if not w.any():
        raise EbmError("sample_weight: all weights are zero; expected some above")
    return w


def arranged(x: Any, y: Array | None, sample_weight: Any) -> tuple[Array, Array | None]:
    """Numbers of rows in an order of their content, and the weights of those, None where all are 1.

    Rows of weight 0 are left out. Whole weights, of at most ten in the mean, are rows that stand so often.

    Parameters
    ----------
    x : (n, d), an array or a CSR matrix
    y : (n,) or (n, m), optional
        Numbers that belong to the rows.
    sample_weight : (n,), optional

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[1.0], [2.0], [3.0]])
    >>> rows, weights = arranged(x, None, [2, 0, 1])
    >>> sorted(x[rows, 0].tolist()), weights
    ([1.0, 1.0, 3.0], None)
    """
    n = x.shape[0]
    w, keys = row_weights(sample_weight, n), row_keys(x)
    if y is not None:
        keys = keys * np.uint64(0x9E3779B97F4A7C15) + row_keys(np.asarray(y, np.float64).reshape(n, -1))
    order = np.argsort(keys, kind="stable")
    order = order[w[order] > 0]
    w = w[order]
    if (w == np.floor(w)).all() and w.mean() <= _REPEATED:
        return np.repeat(order, w.astype(np.int64)), None
    return order, w
