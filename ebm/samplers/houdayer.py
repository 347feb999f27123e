"""Exchanges of clusters between two replicas at the same temperature, which change no energy in total."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ebm.errors import EbmError
from ebm.machine import Array, Machine, as_free, as_rows
from ebm.samplers.pairwise import neighbours, require_pairwise
from ebm.stream import Stream

__all__ = ["houdayer"]

_PARALLEL = 2**15  # units of pairs from which on exchanges run on several threads


def houdayer(
    machine: Machine, x: ArrayLike, pairs: ArrayLike, rng: Stream, free: Array | None = None
) -> Array:
    """Exchange one cluster between the two states of each pair: an isoenergetic, or Houdayer, move.

    A unit is picked at random among those in which the states differ (for spins: of overlap q_i = s_i s′_i =
    −1), and the connected cluster of differing units that it lies in, along the coupling graph, changes
    places between the states.

    E + E′ stays. Couplings inside the cluster and biases of its units go over to the other state with
    the units that they belong to; every coupled unit beside the cluster has the same state in both, so its
    couplings to the cluster go over too. That holds for biases and couplings of any kind, and for Potts
    units. Which units differ is not changed by the move, so the way back is as likely: p_β × p_β
    is in detailed balance at any β, and no move is refused. The move alone is not ergodic: it conserves
    the set of differing units and the energy; put it between sweeps.

    Parameters
    ----------
    machine : Machine
        With a coupling graph: a `BoltzmannMachine`.
    x : array_like, (n_chains, n_units)
        States; not changed.
    pairs : array_like of int, (m, 2)
        Rows at the same temperature; no row twice.
    rng : Stream
        Advanced by one.
    free : bool mask, (n_units,), optional
        Units that may change. Those clamped to the same state in both rows never differ; should others be in
        a cluster, it stays.

    Returns
    -------
    ndarray, (n_chains, n_units)

    Raises
    ------
    NotSupported
        A machine without couplings between the units in x, such as an RBM.
    EbmError
        Pairs that are no rows of x, or share one.

    Notes
    -----
    Above the percolation threshold of the graph (in a dense machine: always) the cluster is all that differs,
    and the move just swaps the two states. It helps for sparse graphs at low temperature.

    References
    ----------
    Houdayer, "A cluster Monte Carlo algorithm for 2-dimensional spin glasses" (2001); Zhu, Ochoa &
    Katzgraber, "Efficient cluster algorithm for spin glasses in any space dimension" (2015).

    Examples
    --------
    >>> import numpy as np, ebm
    >>> from ebm.samplers.houdayer import houdayer
    >>> chain = ebm.BoltzmannMachine(ebm.Ising(), np.eye(3, k=1) + np.eye(3, k=-1))
    >>> houdayer(chain, [[1, 1, -1], [-1, 1, -1]], [[0, 1]], ebm.Stream(0))
    array([[-1,  1, -1],
           [ 1,  1, -1]])
    """
    from ebm.kernels.sparse.clusters import pick_clusters

    machine = require_pairwise(machine, "houdayer", "finitely many states per unit", "Tempering without it")
    states = np.array(as_rows(x, machine.units, machine.n_units, strict=True), order="C")
    rows = _as_pairs(pairs, len(states))
    mask = as_free(free, machine.n_units)
    mask = np.ones(machine.n_units, bool) if mask is None else mask
    one, two = states[rows[:, 0]], states[rows[:, 1]]
    moved = one != two
    pick_clusters(moved.size > _PARALLEL, moved, *neighbours(machine), mask, *rng.advance())
    states[rows[:, 0]], states[rows[:, 1]] = np.where(moved, two, one), np.where(moved, one, two)
    return states


def _as_pairs(pairs: ArrayLike, n: int) -> Array:
    """Pairs of rows, (m, 2) int64, checked: a row in two pairs would be written twice."""
    rows = np.asarray(pairs)
    if rows.ndim != 2 or rows.shape[1] != 2 or (rows.size and rows.dtype.kind not in "iu"):
        raise EbmError(f"pairs: expected integers of shape (m, 2), got {rows.dtype} {rows.shape}")
    if rows.size and (rows.min() < 0 or rows.max() >= n):
        bad = rows[(rows < 0) | (rows >= n)][0]
        raise EbmError(f"pairs: row {bad}; expected rows 0 to {n - 1}")
    values, counts = np.unique(rows, return_counts=True)
    if np.any(counts > 1):
        raise EbmError(f"pairs: row {values[counts > 1][0]} stands twice; expected each row once at most")
    return np.ascontiguousarray(rows, np.int64)
