"""All samples of a ladder as one sample, weighed for any temperature; errors from independent ladders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from ebm.machine import Array
from ebm.partition.multistate import Ladder, centred, mbar, shares

__all__ = ["Mixture", "histograms"]


@dataclass(frozen=True)
class Mixture:
    """The samples of all levels as N samples of the mixture of the levels.

    Attributes
    ----------
    ladder : Ladder
    f : (K,)
        −log of Z at the levels over Z at the lowest, by MBAR.
    influence : (K, n_ladders)
        What each ladder moves f by.
    log_density : (K, n_ladders, n_records)
        log Σ_k exp(f_k − F at β_k) of every sample.
    share : (K, N)
        The chance that a sample is of level k.
    """

    ladder: Ladder
    f: Array
    influence: Array
    log_density: Array
    share: Array

    @classmethod
    def of(cls, ladder: Ladder) -> Mixture:
        """Solve for f, docs/math.md (11.5)."""
        f, influence = mbar(ladder)
        share, log_density = shares(f[:, None] - ladder.u.reshape(len(f), -1))
        return cls(ladder, f, influence, log_density.reshape(ladder.u.shape[1:]), share)

    def curve(self, free_energy: Array, slope: Array, curvature: Array) -> tuple[Array, Array]:
        """log Z of p_β over Z at the lowest level, ⟨H⟩ and Var H, docs/math.md (12.5) and (12.6).

        Parameters
        ----------
        free_energy, slope, curvature : (K, n_ladders, n_records)
            F, ∂F/∂β and ∂²F/∂β² of every sample at β.

        Returns
        -------
        values : (3,)
        influence : (3, n_ladders)
            What each ladder moves them by, docs/math.md (12.7): the sum of squares is the variance.
        """
        w, total = self.weights(free_energy)
        energy = float((w * slope).sum())
        square = (slope - energy) ** 2 - curvature
        variance = float((w * square).sum())
        moved = w * np.stack([np.ones_like(w), slope - energy, square - variance])
        log_ratio = total - np.log(w[0].size)
        return np.array([log_ratio, energy, variance]), self._moved_by_ladders(moved)

    def weights(self, free_energy: Array) -> tuple[Array, float]:
        """Weights of all samples in p_β, (K, n_ladders, n_records), docs/math.md (12.5), and log Σ ω."""
        w, (total,) = shares(-(free_energy + self.log_density).reshape(-1, 1))
        return w.reshape(free_energy.shape), float(total)

    def averages(self, free_energy: Array, values: Array) -> tuple[Array, Array]:
        """⟨g⟩ at β of functions g of states, docs/math.md (12.6).

        Parameters
        ----------
        free_energy : (K, n_ladders, n_records)
            F of every sample at β.
        values : (d, K, n_ladders, n_records)
            Each function of every sample.

        Returns
        -------
        mean : (d,)
        influence : (d, n_ladders)
            As of `curve`.
        """
        w = self.weights(free_energy)[0]
        mean = (w * values).sum((1, 2, 3))
        return mean, self._moved_by_ladders(w * (values - mean[:, None, None, None]))

    def _moved_by_ladders(self, moved: Array) -> Array:
        """What each ladder moves sums over samples by, docs/math.md (12.7): (m, K, C, R) to (m, C)."""
        direct = centred(moved.sum((1, 3)))
        by_level = (self.share @ moved.reshape(len(moved), -1).T).T
        return direct - by_level @ self.influence


def histograms(
    mixture: Mixture, free_energies: list[Array], cells: Array, n_cells: int
) -> tuple[Array, Array]:
    """Probabilities of what two independent states at the same temperature have in common.

    Replicas of ladders 2c and 2c + 1 at one level are a sample of p_β_k × p_β_k; all of them are one of the
    mixture of these products, docs/math.md (12.8).

    Parameters
    ----------
    free_energies : list of (K, n_ladders, n_records)
        F of every sample at each temperature wanted.
    cells : (K, n_ladders // 2, n_records) int
        Where each pair of replicas falls.
    n_cells : int

    Returns
    -------
    probability, stderr : (n_temperatures, n_cells) float64
    """
    u, n_pairs = mixture.ladder.u, cells.shape[1]
    even, odd = slice(0, 2 * n_pairs, 2), slice(1, 2 * n_pairs, 2)
    both = u[:, :, even] + u[:, :, odd]
    share, log_density = shares(2 * mixture.f[:, None] - both.reshape(len(both), -1))
    n = cells.size
    falls = csr_array((np.ones(n), (np.arange(n), cells.ravel())), shape=(n, n_cells))
    pair = np.broadcast_to(np.arange(n_pairs)[:, None], cells.shape).ravel()
    of_pair = csr_array((np.ones(n), (pair, np.arange(n))), shape=(n_pairs, n))
    probability, stderr = np.empty((2, len(free_energies), n_cells))
    for t, F in enumerate(free_energies):
        w = shares(-((F[:, even] + F[:, odd]).ravel() + log_density)[:, None])[0][:, 0]
        p = falls.T @ w
        of_pairs = (of_pair.multiply(w).tocsr() @ falls).toarray() - np.outer(of_pair @ w, p)
        by_level = (falls.T @ (share * w).T).T - np.outer(share @ w, p)  # (K, n_cells)
        of_ladders = -2 * mixture.influence.T @ by_level  # (n_ladders, n_cells)
        moved = centred(of_pairs.T).T + of_ladders[even] + of_ladders[odd]
        variance = (moved**2).sum(0) + (of_ladders[2 * n_pairs :] ** 2).sum(0)
        probability[t], stderr[t] = p, np.sqrt(variance)
    return probability, stderr
