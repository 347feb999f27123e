"""What elimination sums: log-factors of units and of pairs of units with finitely many states.

Gaussian units are integrated out first. With x_G the Gaussian units, a their biases, K their couplings to
the others and P = 1 − J_GG,

    ∫ exp(x_G·(a + K φ) − ½ x_G·P·x_G) dx_G = exp(½ (a + K φ)·P⁻¹·(a + K φ)) (2π)^(n/2) det P^(−½)

(docs/math.md (1.2) and (4.7)): the others get biases Kᵀ P⁻¹ a and couplings Kᵀ P⁻¹ K, also of a unit to
itself, which its table takes up. Units with precisions are taken as s times units of variance 1, (4.9).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ebm.errors import EbmError, NotSupported, TooLarge
from ebm.graph import Graph, states_of
from ebm.machine import Array
from ebm.units import Gaussian

__all__ = ["Factors", "Gaussians", "integrate", "take_factors"]

_MOST_COUPLED = 4000  # Gaussian units coupled to one another: a dense matrix


@dataclass(frozen=True)
class Factors:
    """log p = Σᵢ unary(xᵢ) + Σᵢⱼ theta(xᵢ, xⱼ) up to a constant, in numbers of states.

    Attributes
    ----------
    q : (n,) int64
        States of each unit.
    unary : (Σ q,) float64
        Unit by unit.
    i, j : (n_pairs,) int64
        Units of each pair, i < j.
    theta : (Σ qᵢqⱼ,) float64
        Pair by pair, the state of j fastest.
    """

    q: Array
    unary: Array
    i: Array
    j: Array
    theta: Array


def take_factors(graph: Graph) -> Factors:
    """The log-factors of a graph without continuous units."""
    q = np.repeat([len(u.states or ()) for u, _ in graph.blocks], [n for _, n in graph.blocks])
    unary, tables = [], [states_of(units) for units, _ in graph.blocks]
    for (units, _, columns), phi in zip(graph.parts(), tables, strict=True):
        own_terms = graph.b[columns].reshape(-1, units.width) @ phi.T
        self_coupled = _diagonal_blocks(graph.J[columns][:, columns], units.width)
        own_terms += 0.5 * np.einsum("sa,nac,sc->ns", phi, self_coupled, phi)
        own_terms -= units.potential(np.asarray(units.states)[:, None])[:, 0]
        unary.append(own_terms.ravel())
    pairs = list(graph.pairs())
    theta = [
        np.einsum("sa,eac,tc->est", tables[p.left], p.J, tables[p.right], optimize=True).ravel()
        for p in pairs
    ]
    none = np.empty(0, np.int64)
    return Factors(
        q.astype(np.int64),
        np.concatenate([np.empty(0), *unary]),
        np.concatenate([none, *(p.i for p in pairs)]),
        np.concatenate([none, *(p.j for p in pairs)]),
        np.concatenate([np.empty(0), *theta]),
    )


def _diagonal_blocks(J: Any, width: int) -> Array:
    """The width × width blocks on the diagonal of a sparse matrix, (n, width, width)."""
    out = np.zeros((J.shape[0] // width, width, width))
    entries = J.tocoo()
    row, column = entries.coords
    keep = row // width == column // width
    row, column = row[keep], column[keep]
    out[row // width, row % width, column % width] = entries.data[keep]
    return out


@dataclass(frozen=True)
class Gaussians:
    """The Gaussian units of a graph, given the others.

    Attributes
    ----------
    mask : (n_units,) bool
        Which units these are.
    scale : (n,) float64
        s of each; a, K and P are those of the units of variance 1.
    a : (n,) float64
        Their biases.
    K : sparse, (n, entries of the others)
        Their couplings to the others.
    lower : (n, n) or None
        The Cholesky factor of P = 1 − J_GG; None where that is 1.
    """

    mask: Array
    scale: Array
    a: Array
    K: Any
    lower: Array | None

    def solve(self, right: Array) -> Array:
        """P⁻¹·right."""
        if self.lower is None:
            return right
        from scipy.linalg import cho_solve

        return cho_solve((self.lower, True), right)

    def log_integral(self) -> float:
        """The part of the integral that does not depend on the others."""
        log_root = 0.0 if self.lower is None else float(np.log(np.diagonal(self.lower)).sum())
        log_root -= float(np.log(self.scale).sum())
        return float(0.5 * self.a @ self.solve(self.a) + 0.5 * len(self.a) * math.log(2 * math.pi) - log_root)

    def draw(self, phi: Array, u: Array) -> Array:
        """States given the others' φ (m, ·) at u (m, n): s times (mean P⁻¹(a + Kφ), covariance P⁻¹)."""
        noise = Gaussian().sample(np.zeros(u.shape), u)
        if self.lower is not None:
            from scipy.linalg import solve_triangular

            noise = solve_triangular(self.lower, noise.T, lower=True, trans=1).T
        return self.scale * (self.solve(self.a[:, None] + self.K @ phi.T).T + noise)


def integrate(graph: Graph, limit: float) -> tuple[Graph, Gaussians | None]:
    """The graph of the units with finitely many states, the Gaussian ones integrated out.

    Raises
    ------
    NotSupported
        Continuous units of another type.
    TooLarge
        A Gaussian unit with so many neighbours that summing over these is above the limit.
    EbmError
        The density is not normalisable.
    """
    for units, _ in graph.blocks:
        if units.states is None and units.normal is None:
            raise NotSupported(
                f"elimination: {units} units can neither be summed nor integrated in closed form"
            )
    mask = np.repeat([u.states is None for u, _ in graph.blocks], [n for _, n in graph.blocks]).astype(bool)
    if not mask.any():
        return graph, None
    columns = np.repeat(mask, graph.widths)
    from scipy.sparse import csr_array, diags_array

    scale = np.concatenate([np.full(n, u.normal**-0.5) for u, n in graph.blocks if u.states is None])
    s = diags_array(scale).tocsr()
    K = csr_array(s @ graph.J[columns][:, ~columns])
    _refuse_cliques(graph, mask, K, limit)
    lower = _cholesky(s @ graph.J[columns][:, columns] @ s)
    gaussians = Gaussians(mask, scale, scale * graph.b[columns], K, lower)
    inner = K if lower is None else csr_array(gaussians.solve(K.toarray()))
    J = csr_array(graph.J[~columns][:, ~columns] + K.T @ inner)
    b = graph.b[~columns] + K.T @ gaussians.solve(gaussians.a)
    blocks = tuple((u, n) for u, n in graph.blocks if u.states is not None)
    return Graph(blocks, b, J, int((~mask[: graph.n_state]).sum())), gaussians


def _refuse_cliques(graph: Graph, mask: Array, K: Any, limit: float) -> None:
    """Refuse before K Kᵀ is made: neighbours of one Gaussian unit all become neighbours of each other."""
    bits = np.repeat(
        [math.log2(len(u.states or (0,))) for u, _ in graph.blocks], [n for _, n in graph.blocks]
    )
    unit = np.repeat(np.arange(len(mask)), graph.widths)[np.repeat(~mask, graph.widths)]
    for row in range(K.shape[0]):
        others = np.unique(unit[K.indices[K.indptr[row] : K.indptr[row + 1]]])
        total = bits[others].sum() - bits[others].max(initial=0.0)
        if total > limit:
            raise TooLarge(
                f"elimination: integrating a Gaussian unit couples its {len(others)} neighbours: a table of"
                f" 2^{total:.0f} states or more; the limit is 2^{limit:g}; expected fewer couplings, or an"
                " estimate such as AIS"
            )


def _cholesky(J: Any) -> Array | None:
    if not J.nnz:
        return None
    if J.shape[0] > _MOST_COUPLED:
        raise TooLarge(
            f"elimination: {J.shape[0]} Gaussian units coupled to one another; the limit is {_MOST_COUPLED}"
        )
    try:
        return np.linalg.cholesky(np.eye(J.shape[0]) - J.toarray())
    except np.linalg.LinAlgError:
        raise EbmError("elimination: the Gaussian units make the density not normalisable") from None
