"""Sequences that are alike: what each is worth, and splits that keep relatives together."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from ebm.arguments import as_number, as_numbers
from ebm.errors import EbmError
from ebm.files import refuse_beyond_memory
from ebm.machine import Array
from ebm.stream import Seed, Stream

__all__ = ["homology_clusters", "homology_split", "sequence_weights"]

_TILES = 16  # whatever the threads: each counts by itself
_DEPTH = 5  # bits of a state that are compared together
_NEARLY_ALL = 0.5  # of the sequences that were asked for: with fewer no split is made


def sequence_weights(rows: ArrayLike, identity: float = 0.8) -> Array:
    """What each sequence of an alignment is worth: 1 over the number of those that are like it (16.1).

    Parameters
    ----------
    rows : Alignment or (M, L) array of integers
        States, 0 to 255; a gap is a state like others.
    identity : float
        Sequences are alike that agree at this share of the sites, or more; each is like itself.

    Returns
    -------
    (M,) float64
        Weights; their sum is the effective number of sequences.

    Raises
    ------
    EbmError
        Rows that are no states.

    Notes
    -----
    All pairs are compared: 40 000 sequences of 100 sites take about a second (docs/design.md).

    References
    ----------
    Morcos et al., "Direct-coupling analysis of residue coevolution captures native contacts across many
    protein families" (2011).

    Examples
    --------
    >>> sequence_weights([[0, 1, 2, 3, 4], [0, 1, 2, 3, 0], [4, 4, 4, 4, 4]]).tolist()
    [0.5, 0.5, 1.0]
    """
    from ebm.kernels.alignments import count_near

    states, most = _states(rows), _most(rows, identity)
    planes, depth = _planes(states)
    near = np.zeros((_TILES, len(states)), np.int32)
    count_near(len(states) > 500, planes, np.int64(depth), np.int64(most), near)
    weights: Array = 1.0 / (1 + near.sum(0))
    return weights


def homology_clusters(rows: ArrayLike, identity: float = 0.8) -> Array:
    """Clusters by single linkage: sequences of two of them agree at less than `identity` of the sites.

    Parameters
    ----------
    rows : Alignment or (M, L) array of integers
    identity : float
        As in `sequence_weights`.

    Returns
    -------
    (M,) int64
        The number of each sequence's cluster, from 0, by falling size.

    Examples
    --------
    >>> homology_clusters([[0, 1, 2, 3, 4], [4, 4, 4, 4, 4], [0, 1, 2, 3, 0]]).tolist()
    [0, 1, 0]
    """
    from ebm.kernels.alignments import join_near

    states, most = _states(rows), _most(rows, identity)
    planes, depth = _planes(states)
    parent = np.arange(len(states))
    join_near(planes, np.int64(depth), np.int64(most), parent)
    _, which, sizes = np.unique(parent, return_inverse=True, return_counts=True)
    rank = np.empty(len(sizes), np.int64)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))
    return rank[which]


def homology_split(
    rows: ArrayLike, validation: float = 0.2, *, identity: float = 0.8, seed: Seed = 0
) -> tuple[Array, Array]:
    """Split sequences so that none of one part is like one of the other: rows of training and of validation.

    Parameters
    ----------
    rows : Alignment or (M, L) array of integers
    validation : float
        The share of the sequences to validate on, at most; clusters are not cut.
    identity : float
        No sequence of the one part agrees with one of the other at this share of the sites, or more.
    seed : int
        Of the order in which clusters are drawn.

    Returns
    -------
    training, validation : (m,) and (M − m,) int64
        Numbers of rows, rising.

    Raises
    ------
    EbmError
        One cluster holds so many that less than half of what was asked for is left to validate on.

    Examples
    --------
    >>> homology_split([[0, 0, 0], [1, 1, 1], [0, 0, 0], [0, 0, 0]], 0.25)
    (array([0, 2, 3]), array([1]))
    """
    share = as_number(validation, "validation")
    if not 0 < share < 1:
        raise EbmError(f"validation: expected a share between 0 and 1, got {validation!r}")
    clusters = homology_clusters(rows, identity)
    sizes = np.bincount(clusters)
    wanted = max(1, math.floor(share * len(clusters)))
    u = Stream(seed).uniform(len(sizes), 1)[:, 0]
    held, chosen = 0, np.zeros(len(sizes), bool)
    for k in np.argsort(u, kind="stable"):
        if sizes[k] < len(clusters) and held + sizes[k] <= wanted:
            chosen[k] = True
            held += int(sizes[k])
    if held < _NEARLY_ALL * wanted:
        what = f"a cluster holds {sizes[0]} of {len(clusters)} sequences, {held} can be held out of {wanted}"
        raise EbmError(f"identity: {identity}: {what}; expected a larger identity or another share")
    inside = chosen[clusters]
    return np.flatnonzero(~inside), np.flatnonzero(inside)


def _states(rows: ArrayLike) -> Array:
    x = as_numbers(rows, "rows")
    if x.ndim != 2 or 0 in x.shape:
        raise EbmError(f"rows: expected sequences of sites, got shape {x.shape}")
    if x.dtype != np.uint8 and not ((x >= 0) & (x <= 255) & (x == np.floor(x))).all():
        raise EbmError("rows: expected states, integers from 0 to 255")
    return x.astype(np.uint8)


def _most(rows: ArrayLike, identity: float) -> int:
    """Mismatches that sequences may have and be alike; 1e-9: floats do not have shares such as 0.8."""
    n = np.shape(rows)[1]
    return math.floor((1 - as_number(identity, "identity", 0, 1)) * n + 1e-9)


def _planes(states: Array) -> tuple[Array, int]:
    """Bits of states, (words·depth, M) uint64: `ebm.kernels.alignments`."""
    m, n = states.shape
    depth = _DEPTH * -(-max(int(states.max()).bit_length(), 1) // _DEPTH)
    words = -(-n // 64)
    refuse_beyond_memory(8.0 * words * depth * m + 64.0 * words * m, "rows: to compare them", "fewer rows")
    planes = np.zeros((words, depth, m), np.uint64)
    bits = np.zeros((m, 64 * words), np.uint8)
    for p in range(depth):
        bits[:, :n] = states >> np.uint8(p) & 1 if p < 8 else 0
        planes[:, p] = np.packbits(bits, axis=1).view(np.uint64).T
    return planes.reshape(words * depth, m), depth
