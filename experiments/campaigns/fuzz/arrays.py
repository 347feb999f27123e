"""Arrays as nobody expects them: any shape, dtype, layout, sparse or a frame."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import scipy.sparse

__all__ = ["Rng", "array", "frame", "laid", "one_of", "sparse"]

Rng = np.random.Generator
_DTYPES = (
    "?",
    "i1",
    "u1",
    "i4",
    "u8",
    "i8",
    "f2",
    "f4",
    "f8",
    "g",
    ">f8",
    ">i4",
    "c16",
    "O",
    "U3",
    "S2",
    "M8[s]",
    "m8[s]",
    "V4",
)


def one_of(rng: Rng, choices: Any) -> Any:
    """One of several, as it stands."""
    return choices[int(rng.integers(len(choices)))]


def array(rng: Rng, shape: tuple[int, ...] | None = None) -> Any:
    """An array of any shape, type and layout."""
    if shape is None:
        shape = tuple(
            int(k) for k in rng.choice([0, 1, 2, 3, 4, 5, 6, 70], rng.choice(4, p=[0.1, 0.3, 0.5, 0.1]))
        )
    kind = int(rng.integers(9))
    size = int(np.prod(shape))
    values = [
        lambda: rng.integers(0, 2, size),
        lambda: rng.choice([-1, 1], size),
        lambda: rng.integers(-3, 5, size),
        lambda: rng.normal(size=size),
        lambda: rng.random(size),
        lambda: 1e200 * rng.normal(size=size),
        lambda: np.full(size, np.nan),
        lambda: np.where(rng.random(size) < 0.3, np.nan, 1.0),
        lambda: np.where(rng.random(size) < 0.3, np.inf, 0.0),
    ][kind]()
    out = np.asarray(values).reshape(shape)
    return laid(rng, out)


def laid(rng: Rng, a: Any) -> Any:
    """The same numbers, perhaps of another type, in another layout or container."""
    with np.errstate(all="ignore"):
        if rng.random() < 0.5:
            with contextlib.suppress(TypeError, ValueError):
                a = a.astype(one_of(rng, _DTYPES))
    how = int(rng.integers(16))
    if how == 0:
        return np.asfortranarray(a)
    if how == 1 and a.ndim:
        return np.repeat(a, 2, -1)[..., ::2]
    if how == 2 and a.ndim:
        return a[::-1]
    if how == 3:
        a = a.copy()
        a.flags.writeable = False
    elif how == 4:
        return np.ma.array(a, mask=rng.random(a.shape) < 0.2)
    elif how == 5 and a.ndim == 2:
        return np.asmatrix(a)
    elif how == 6 and a.ndim == 2:
        return sparse(rng, a)
    elif how == 7:
        return a.tolist()
    elif how == 8 and a.ndim in (1, 2):
        return frame(rng, a)
    elif how == 9 and a.ndim:
        return list(a)
    elif how == 10:
        return np.broadcast_to(a, (2, *a.shape))[0]
    elif how == 11 and a.ndim:
        return iter(a.tolist())
    elif how == 12 and a.size and a.dtype.kind == "f":
        a = a.copy()
        a.flat[rng.integers(a.size)] = one_of(rng, (np.nan, np.inf, -1e38, 1e300, 2.0, -0.0))
    return a


def sparse(rng: Rng, a: Any) -> Any:
    """A scipy.sparse matrix, maybe with indices that point elsewhere."""
    if a.dtype.kind not in "biuf" or a.dtype.itemsize == 2:
        a = np.ones(a.shape)
    made = one_of(rng, ("csr", "csc", "coo", "lil", "dok", "bsr", "dia"))
    try:
        out = scipy.sparse.csr_array(a.astype(np.float64)).asformat(made)
    except ValueError:
        return a
    if made in ("csr", "csc") and rng.random() < 0.4 and len(out.indices):
        which = one_of(rng, ("indices", "indptr", "data"))
        getattr(out, which)[rng.integers(len(getattr(out, which)))] = one_of(rng, (-1, 99, 2**31 - 1))
    return out


def frame(rng: Rng, a: Any) -> Any:
    """A table of pandas."""
    try:
        import pandas
    except ImportError:
        return a
    try:
        out = pandas.DataFrame(a) if a.ndim == 2 else pandas.Series(a)
        return out.convert_dtypes() if rng.random() < 0.5 else out
    except (TypeError, ValueError, OverflowError):
        return a
