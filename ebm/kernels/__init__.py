"""All compiled code: kernels take arrays and integers, and write into arrays that the caller made.

=================  ====================================================================================
`numbers`          what kernels are written with: `random` (uniforms by key and counter), `functions` (exp,
                   log, normal quantile), `vector` (vectors as values), `memory` (their loads and stores)
`draw`             one unit, or a layer, drawn at given uniforms; `cgf`: sums of cgf; `activation`: means
`layers`           one layer given the other: `bits` (products and sums of bits), `packing` (states as bits),
                   `two_states` (inputs, means, draws), `potts`, `nonzero` (rows that are mostly zeros),
                   `conditional` (a visible unit given all others)
`gibbs`            Gibbs sweeps of the fully connected machine, any units, dense or sparse; `metropolis`
`dense`            the same for dense couplings, faster: `blocked`, `kept` (fields), `potts`
`sparse`           and for sparse ones: `sites` (many chains), `chromatic` and `sequential` (few), `clusters`
`learning`         `ascend` (steps of optimisers), `persistent` (all updates of an epoch in one call)
`elimination`      exact sums by variable elimination
`threads`          `shared`: tiles of work for one thread or several; `cache`: numba's disk cache kept true
=================  ====================================================================================

A kernel checks nothing, allocates no result and knows no strings: its wrapper (a machine, a unit, a sampler,
`ebm.stream`) validates, allocates, seeds, and imports the kernel where it is called, so that `import ebm`
loads no numba.
"""

from typing import Any

from ebm.kernels.cache import caches, drop_stale

# error_model="numpy": a division by zero gives inf instead of an exception, and the loop around it
# vectorises (measured: 5.6 -> 0.9 ns). contract: fused multiply-adds. Nothing of fast-math beyond that:
# it would let the compiler assume that NaN and inf never occur.
JIT: dict[str, Any] = {
    "cache": True,
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"contract"},
}

drop_stale(caches())  # before any kernel is looked for
