"""What kernels take together: plain tuples, which they unpack by these names.

couplings : (J, data, indices, indptr)
    Of a fully connected machine, symmetric with a zero diagonal: J (N width, N width), or (0, 0) and then in
    compressed sparse rows.
tempered : (b, base, beta)
    They make inputs of fields: beta (b + field) + (1 - beta) base, docs/math.md (2.2). b, base : (m,), by
    column; beta : (n,), by row or chain; all of one float dtype.
sweeps : (key, first, n)
    n sweeps, of which the k-th uses the uniforms of sweep number first + k.

numba takes a microsecond to find the type of a NamedTuple in a call from Python, and a tenth of that for a
tuple: with NamedTuples, a sweep of 4 chains of 100 units took 74 microseconds instead of 61. They stand where
calls are long, and inside compiled code, where they cost nothing.
"""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Couplings: TypeAlias = tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]
Tempered: TypeAlias = tuple[NDArray[Any], NDArray[Any], NDArray[Any]]
Sweeps: TypeAlias = tuple[np.uint64, int, int]
