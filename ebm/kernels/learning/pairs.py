"""How often pairs of states come together in many rows: counts in integers, by bits.

Each state of each unit is a row of bits, one for each sample, and how often two come together is the number
of bits that both have: 64 samples to a word, where a product of one-hot rows takes 64 multiply-adds.
"""

import numpy as np
from numba import njit, prange

from ebm.kernels import JIT
from ebm.kernels.numbers.vector import count_bits
from ebm.kernels.threads import shared

_ROWS = 8  # rows of bits in a tile


@njit(**JIT)
def state_bits(x, q, bits):
    """Bits of Potts states: x (n, m) int32; bits (m q, ceil(n / 64)) uint64, overwritten."""
    bits[:] = 0
    for r in range(len(x)):
        w, one = r // 64, np.uint64(1) << np.uint64(r % 64)
        for i in range(x.shape[1]):
            bits[i * q + x[r, i], w] |= one


@njit(**JIT)
def _count_tile(t, bits, counts):
    for i in range(t * _ROWS, min(t * _ROWS + _ROWS, len(bits))):
        one = bits[i]
        for j in range(i, len(bits)):
            other, total = bits[j], np.int64(0)
            for w in range(len(one)):
                total += count_bits(one[w] & other[w])
            counts[i, j] = total


@shared
def count_pairs(bits, counts):
    """How many bits rows i and j ≥ i of `bits` share: bits (k, words) uint64, counts (k, k) int32."""
    for t in prange((len(bits) + _ROWS - 1) // _ROWS):
        _count_tile(np.int64(t), bits, counts)


@shared
def ascend_pairs(first, counts, target, moments, steps, J, sums):
    """One step of Boltzmann learning of the couplings of different units, docs/math.md (5.21).

    first : (k,) int64, the first state beyond the unit of each state; counts : of `count_pairs`; target :
    (k, k), covariances of the data; moments : (mean, model, share), the data's and the samples' frequencies
    and one over the number of samples; steps : (spread, pull, rate), variances by which steps are divided, as
    products of two, and the strengths of L2, too; J : (k, k), both of its triangles changed; sums : (slopes,
    couplings), (k, k), to which those of the upper triangle are added.
    """
    (mean, model, share), (spread, pull, rate), (slopes, couplings) = moments, steps, sums
    for i in prange(len(J)):
        row, wanted, slope, total, mine = counts[i], target[i], slopes[i], couplings[i], J[i]
        own, wide, strong = mean[i], spread[i], pull[i]
        for j in range(first[i], len(J)):
            # ⟨(z_i − μ_i)(z_j − μ_j)⟩ of the samples, with the means μ of the data
            found = row[j] * share - model[i] * mean[j] - own * (model[j] - mean[j])
            change = wanted[j] - found
            slope[j] += change
            back = strong * pull[j]
            mine[j] += rate * (change - back * mine[j]) / (wide * spread[j] + back)
            total[j] += mine[j]
        for j in range(first[i], len(J)):
            J[j, i] = mine[j]
