"""D-Wave's GraphRestrictedBoltzmannMachine (dwave-pytorch-plugin): a state dict of spins on a graph.

Its energy is h·s + Σ J_k s_i s_j over edges k = (i, j) and p ∝ exp(−E), so b = −h and our J is minus theirs.
The names of nodes are in no file. Neither are, in files of its first versions, the edges: they are asked for,
as pairs of numbers of nodes. Hidden nodes come last here, as in every machine; `order` says where each was.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse

from ebm.arguments import as_numbers
from ebm.boltzmann import BoltzmannMachine
from ebm.errors import EbmError
from ebm.interchange.formats import Format
from ebm.interchange.torch import is_torch, read_tensors
from ebm.machine import Array
from ebm.units import Ising

__all__ = ["FORMAT", "order", "read"]

_DENSE = 0.25  # of all pairs: from here on products with a dense matrix are faster


def _tensors(path: str | os.PathLike[str]) -> dict[str, Any]:
    return {str(key).lstrip("_"): value for key, value in read_tensors(path).items()}


def _recognise(path: Path, head: bytes) -> bool:
    return is_torch(path, head) and {"linear", "quadratic"} <= _tensors(path).keys()


def order(path: str | os.PathLike[str]) -> Array:
    """The number of the node that each unit was: those that are visible, then those that are hidden."""
    found = _tensors(path)
    n = len(_vector(found, "linear", path))
    hidden = _whole(found.get("hidden_idx", np.zeros(0, np.int64)), n, "hidden_idx", path)
    if len(np.unique(hidden)) != len(hidden):
        raise EbmError(f"{path}: hidden_idx: a node twice; expected each once")
    return np.concatenate([np.setdiff1d(np.arange(n), hidden), hidden])


def read(path: str | os.PathLike[str], edges: Sequence[Sequence[int]] | None = None) -> BoltzmannMachine:
    """The machine of ``torch.save(grbm.state_dict(), path)``.

    Parameters
    ----------
    path : path-like
    edges : (n_edges, 2), optional
        Numbers of the nodes of each edge, in the order that the model was made with; read where the file has
        them.

    Raises
    ------
    EbmError
        Edges that are missing, or not as many as there are couplings; damage.
    """
    found = _tensors(path)
    h, couplings = _vector(found, "linear", path), _vector(found, "quadratic", path)
    n = len(h)
    if edges is not None:
        pairs = as_numbers(edges, "edges")
        if pairs.shape != (len(couplings), 2):
            raise EbmError(
                f"edges: shape {pairs.shape}; expected {(len(couplings), 2)}, a pair for each coupling"
            )
        i, j = (_whole(pairs[:, side], n, "edges", path) for side in (0, 1))
    elif "edge_idx_i" in found and "edge_idx_j" in found:
        i, j = (_whole(found[f"edge_idx_{side}"], n, f"edge_idx_{side}", path) for side in "ij")
    else:
        raise EbmError(
            f"{path}: it has no graph; expected edges=[[i, j], …], {len(couplings)} pairs of nodes"
        )
    if not len(i) == len(j) == len(couplings) or np.any(i == j):
        raise EbmError(f"{path}: edges: {len(i)}; expected {len(couplings)} pairs of different nodes")
    place = np.empty(n, np.int64)
    place[order(path)] = np.arange(n)
    n_visible = n - np.size(found.get("hidden_idx", ()))
    J = scipy.sparse.coo_array((-couplings, (place[i], place[j])), shape=(n, n)).tocsr()
    J = J + J.T
    if not np.isfinite(J.data).all():  # where edges stand twice, they are added
        raise EbmError(f"{path}: quadratic: numbers too large to be added; expected real numbers")
    stored = J.toarray() if J.nnz > _DENSE * n * n else J
    return BoltzmannMachine(Ising(), stored, -h[order(path)], n_visible=n_visible)


def _vector(found: dict[str, Any], name: str, path: str | os.PathLike[str]) -> Array:
    value = found.get(name)
    if (
        not isinstance(value, np.ndarray)
        or value.ndim != 1
        or value.dtype.kind != "f"
        or not np.isfinite(value).all()
    ):
        raise EbmError(f"{path}: {name}: expected a vector of real numbers")
    return value


def _whole(value: Any, n: int, name: str, path: str | os.PathLike[str]) -> Array:
    """Numbers of nodes."""
    array = np.asarray(value)
    inside = (
        array.ndim == 1
        and array.dtype.kind in "iuf"
        and np.all((array >= 0) & (array < n) & (array % 1 == 0))
    )
    if not inside:
        raise EbmError(f"{path}: {name}: expected numbers of nodes, 0 to {n - 1}")
    return array.astype(np.int64)


FORMAT = Format(
    name="grbm",
    title="D-Wave's GraphRestrictedBoltzmannMachine, a state dict of torch.save",
    suffixes=(".pt", ".pth"),
    recognise=_recognise,
    read=read,
    energy="h.s + sum J_ij s_i s_j over edges, p ~ exp(-E): b = -h, J = -J; visible units first",
)
