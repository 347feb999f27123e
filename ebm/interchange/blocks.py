"""Potts machines by blocks: fields (n, q), and couplings (m, q, q) of m pairs of units."""

from __future__ import annotations

import numpy as np

from ebm.boltzmann import BoltzmannMachine
from ebm.errors import NotSupported
from ebm.files import refuse_beyond_memory
from ebm.graph import HasGraph, graph_of
from ebm.machine import Array
from ebm.units import Potts

__all__ = ["potts_machine", "potts_parts"]

_DENSE = 0.25  # of all pairs: from here on products with a dense matrix are faster


def potts_machine(b: Array, ends: Array, blocks: Array) -> BoltzmannMachine:
    """E(x) = −Σ b_i(x_i) − Σ_k J_k(x_i, x_j): dense where many pairs are coupled, else sparse.

    Parameters
    ----------
    b : (n, q) float64
    ends : (m, 2) int64
        Pairs i < j, each once.
    blocks : (m, q, q) float64
    """
    from scipy.sparse import bsr_array, csr_array

    n, q = b.shape
    many = len(ends) >= _DENSE * n * (n - 1) / 2
    needed = 24.0 * (n * q) ** 2 if many else 64.0 * blocks.size
    refuse_beyond_memory(needed, f"a machine of {n} units of {q} states", "a smaller one")
    if many:
        J = np.zeros((n, q, n, q))
        J[ends[:, 0], :, ends[:, 1]] = blocks
        J[ends[:, 1], :, ends[:, 0]] = blocks.transpose(0, 2, 1)
        return BoltzmannMachine(Potts(q), J.reshape(n * q, n * q), b.ravel())
    rows, columns = np.r_[ends[:, 0], ends[:, 1]], np.r_[ends[:, 1], ends[:, 0]]
    order = np.lexsort((columns, rows))
    both = np.concatenate([blocks, blocks.transpose(0, 2, 1)])[order]
    starts = np.searchsorted(rows[order], np.arange(n + 1))
    sparse = csr_array(bsr_array((both, columns[order], starts), shape=(n * q, n * q)))
    sparse.eliminate_zeros()
    return BoltzmannMachine(Potts(q), sparse, b.ravel())


def potts_parts(machine: HasGraph, what: str) -> tuple[Array, Array, Array]:
    """Fields, pairs and blocks of couplings of a machine whose units are all Potts of as many states.

    Raises
    ------
    NotSupported
        Other units.
    """
    graph = graph_of(machine, what)
    kinds = {units for units, _ in graph.blocks}
    first = graph.blocks[0][0]
    if len(kinds) > 1 or not isinstance(first, Potts):
        names = ", ".join(map(str, kinds))
        raise NotSupported(f"{what} holds units of one number of states; expected Potts(q), got {names}")
    q = first.width
    found = list(graph.pairs())
    ends = np.concatenate([np.zeros((0, 2), np.int64), *(np.stack([p.i, p.j], axis=1) for p in found)])
    blocks = np.concatenate([np.zeros((0, q, q)), *(p.J for p in found)])
    order = np.lexsort((ends[:, 1], ends[:, 0]))
    return graph.b.reshape(-1, q), ends[order], blocks[order]
