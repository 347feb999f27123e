"""All compiled code: kernels take arrays and integers, and write into arrays that the caller made.

=================  ====================================================================================
`numbers`          what kernels are written with: `random` (uniforms by key and counter), `functions` (exp,
                   log, normal quantile), `vector` (vectors as values), `memory` (their loads and stores)
`units`            `draw` (one unit, or a layer, drawn at given uniforms), `cgf` (sums of cgf), `activation`
                   (means and their derivatives)
`layers`           one layer given the other: `bits` (products and sums of bits), `packing` (states as bits),
                   `two_states` (inputs, means, draws), `potts`, `states` (units by a table of their states),
                   `nonzero` (rows that are mostly zeros),
                   `conditional` (a visible unit given all others)
`gibbs`            Gibbs sweeps of the fully connected machine, any units, dense or sparse; `metropolis`
`dense`            the same for dense couplings, faster: `blocked`, `kept` (fields), `potts`
`sparse`           and for sparse ones: `sites` (many chains), `chromatic` and `sequential` (few), `clusters`
`learning`         `ascend` (steps of optimisers), `persistent` (all updates of an epoch in one call)
`elimination`      exact sums by variable elimination
`arguments`        what kernels take together: couplings, tempering, numbers of sweeps
`threads`          `shared`: tiles of work for one thread or several; `cache`: numba's disk cache kept true;
                   `compiling`: a line that says so
=================  ====================================================================================

A kernel checks nothing, allocates no result and knows no strings: its wrapper (a machine, a unit, a sampler,
`ebm.stream`) validates, allocates, seeds, and imports the kernel where it is called, so that `import ebm`
loads no numba. To add one:

1. Put it beside those that work on the same thing, in a file whose first lines say the idea and its source.
   At most ten arguments: `arguments` names what goes together.
2. Decorate it with ``njit(**JIT)``. For several threads loop over tiles of fixed size with `prange`, decorate
   that with `threads.shared`, and call it with `worth` first: results do not depend on threads.
3. Units and layouts are integers and data, never functions: a jitted function passed to another is compiled
   anew in every process, which takes a second; the disk cache never hits. A literal handed to a kernel, or
   the number that a `prange` gives, is a type of its own too, for which all is compiled again: write
   ``np.int64(0)``, ``np.int64(tile)``.
   EBM_CHECK=1 in the environment checks all indices of kernels (not the addresses of `numbers.memory`).
4. Uniforms come from `numbers.random`, by key, sweep number, position and chain: the caller reserves sweep
   numbers with `Stream.advance`, and any split of the chains draws the same.
5. Hold it to the definition, written out in numpy, in tests/test_fast_paths.py or the like, for float32 and
   float64, sizes that fill no vector, and two threads; and to the law that it serves in tests/laws.py.
"""

import os
import warnings
from typing import Any

import numba

from ebm.errors import EbmError
from ebm.kernels.cache import caches, drop_stale, keep_apart
from ebm.kernels.compiling import tell

# error_model="numpy": a division by zero gives inf instead of an exception, and the loop around it
# vectorises (measured: 5.6 -> 0.9 ns). contract: fused multiply-adds. Nothing of fast-math beyond that:
# it would let the compiler assume that NaN and inf never occur. No kernel is called from C, so none gets the
# entry that would be compiled for it.
JIT: dict[str, Any] = {
    "cache": True,
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"contract"},
    "no_cfunc_wrapper": True,
}
# Indices are checked in every kernel, on one thread, with compiled code of its own: to look for faults with.
CHECK = os.environ.get("EBM_CHECK", "") not in ("", "0")

if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
    raise EbmError("NUMBA_DISABLE_JIT: kernels are instructions to a compiler; expected it unset, or 0")
if CHECK:
    JIT["boundscheck"] = True
    keep_apart()
directories = caches()
if directories:
    drop_stale(directories)  # before any kernel is looked for
else:
    JIT["cache"] = False
    warnings.warn(
        "ebm: no folder for compiled code can be written, or its disk is full: it is compiled anew in every"
        " process; expected NUMBA_CACHE_DIR to name one",
        RuntimeWarning,
        stacklevel=2,
    )
tell()
