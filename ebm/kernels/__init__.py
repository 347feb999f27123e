"""All compiled code: random numbers, draws, Gibbs sweeps, sums of cgf.

Kernels take arrays and integers, write into arrays that the caller made, and check nothing: the wrappers
(units, machines, `ebm.stream`) validate, allocate and seed. Compiled code is kept in numba's disk cache.
"""

from typing import Any

from numba import njit

from ebm.kernels.cache import drop_stale

# error_model="numpy": a division by zero gives inf instead of an exception, and the loop around it
# vectorises (measured: 5.6 -> 0.9 ns). contract: fused multiply-adds. Nothing of fast-math beyond that:
# it would let the compiler assume that NaN and inf never occur.
JIT: dict[str, Any] = {
    "cache": True,
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"contract"},
}


@njit(**JIT)
def kept_here() -> None:
    """Nothing: it knows where numba keeps what is compiled here."""


drop_stale(kept_here.stats.cache_path)  # before any kernel is looked for
