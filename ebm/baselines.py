"""Two densities of binary data with exact likelihoods: the bar that a Boltzmann machine has to clear.

*Independent* keeps each column's mean. *Chow-Liu* is the best tree: among all densities p(x) = Πᵢ p(xᵢ |
x_parent(i)) on trees, the likelihood is greatest for the maximum spanning tree over the mutual information
of pairs, and Σₙ log p(xₙ)/n = Σ_edges MI − Σᵢ H(xᵢ): the tree beats independence by exactly the mutual
information on its edges. Source: Chow & Liu (1968), IEEE Trans. Inf. Theory 14, 462.

Both are smoothed by the same prior: `pseudocount` c stands for 2c extra rows spread evenly over all 2^d
patterns. That adds c to each value of a column and c/2 to each cell of a pair, so the tables of pairs keep
the marginals of columns and the tree sums to one exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ebm.arguments import as_array, as_number
from ebm.errors import EbmError

__all__ = ["ChowLiu", "Independent"]


def _bits(X: Any, who: str, d: int | None = None) -> np.ndarray:
    """Return X as uint8 after refusing what is not a 2-D array of 0 and 1 (with d columns)."""
    X = as_array(X, f"{who}: X")
    if X.ndim != 2 or (d is not None and X.shape[1] != d):
        wanted = "(rows, columns)" if d is None else f"(rows, {d})"
        raise EbmError(f"{who}: the data have shape {X.shape}; expected {wanted}")
    bad = ~((X == 0) | (X == 1))  # NaN is neither
    if bad.any():
        i, j = np.unravel_index(int(bad.argmax()), X.shape)
        raise EbmError(
            f"{who}: row {i}, column {j} (from 0) holds {X[i, j]}; expected 0 or 1: cut at a threshold"
        )
    return X.astype(np.uint8)


def _fit_input(X: Any, pseudocount: float, who: str) -> np.ndarray:
    """Return X as bits, with one row and one column at least, after checking the pseudocount."""
    as_number(pseudocount, f"{who}: pseudocount", 0)
    bits = _bits(X, who)
    if bits.size == 0:
        raise EbmError(f"{who}: the data have shape {bits.shape}; expected at least one row and one column")
    return bits


@dataclass(frozen=True, eq=False)
class Independent:
    """Independent columns.

    Parameters
    ----------
    mean : ndarray of float64, (d,)
        Probability of a 1 in each column.

    Examples
    --------
    >>> Independent.fit([[0, 1], [1, 1]], pseudocount=1).mean
    array([0.5 , 0.75])
    """

    mean: np.ndarray

    @classmethod
    def fit(cls, X: Any, pseudocount: float = 1.0) -> Independent:
        """Return the smoothed maximum-likelihood fit to binary data.

        Parameters
        ----------
        X : array_like, (n, d)
            Only 0 and 1.
        pseudocount : float
            Extra counts c of each value in each column; the mean is (ones + c) / (n + 2c). The default is
            Laplace's rule; 0 is maximum likelihood, under which a value never seen has log-likelihood -inf.

        Returns
        -------
        Independent

        Raises
        ------
        EbmError
            For data that are not 2-D, are empty or not binary; for a negative pseudocount.

        Examples
        --------
        >>> Independent.fit([[0], [1], [1], [1]], pseudocount=0).mean
        array([0.75])
        """
        bits = _fit_input(X, pseudocount, "Independent")
        return cls((bits.sum(axis=0, dtype=np.float64) + pseudocount) / (len(bits) + 2 * pseudocount))

    def log_likelihood(self, X: Any) -> np.ndarray:
        """Return the log-probability of each row.

        Parameters
        ----------
        X : array_like, (n, d)
            Only 0 and 1.

        Returns
        -------
        ndarray of float64, (n,)
            Nats per sample.

        Raises
        ------
        EbmError
            For data that are not 2-D with d columns, or not binary.

        Examples
        --------
        >>> Independent.fit([[0, 1], [1, 0]]).log_likelihood([[1, 1]]).round(3)
        array([-1.386])
        """
        bits = _bits(X, "Independent", len(self.mean))
        with np.errstate(divide="ignore"):
            ones, zeros = np.log(self.mean), np.log1p(-self.mean)
        return np.where(bits == 1, ones, zeros).sum(axis=1)


@dataclass(frozen=True, eq=False)
class ChowLiu:
    """The maximum-likelihood tree.

    Parameters
    ----------
    parents : ndarray of int64, (d,)
        The parent of each column; -1 for the root, column 0.
    log_p : ndarray of float64, (d, 2, 2)
        ``log_p[i, a, b]`` = log P(x_i = b | x_parent(i) = a), in nats; the root's does not depend on a.

    Examples
    --------
    >>> ChowLiu.fit([[0, 0, 1], [1, 1, 1], [0, 0, 0], [1, 1, 0]]).parents.tolist()[:2]
    [-1, 0]
    """

    parents: np.ndarray
    log_p: np.ndarray

    @classmethod
    def fit(cls, X: Any, pseudocount: float = 1.0) -> ChowLiu:
        """Return the best tree on binary data.

        Parameters
        ----------
        X : array_like, (n, d)
            Only 0 and 1.
        pseudocount : float
            Extra counts c of each value in each column, c/2 in each cell of a pair, as if 2c rows more had
            been spread over all patterns; tree and tables follow from the smoothed counts. 0 is maximum
            likelihood, under which a pair of values never seen has log-likelihood -inf.

        Returns
        -------
        ChowLiu

        Raises
        ------
        EbmError
            For data that are not 2-D, are empty or not binary; for a negative pseudocount.

        Notes
        -----
        Time O(n d² + d² log d), memory O(d²). Ties between trees are broken the same way each time.

        Examples
        --------
        >>> tree = ChowLiu.fit([[0, 0], [1, 1], [0, 0], [1, 1]])
        >>> float(np.exp(tree.log_likelihood([[0, 0], [0, 1], [1, 0], [1, 1]])).sum().round(12))
        1.0
        """
        bits = _fit_input(X, pseudocount, "ChowLiu")
        joint = _pair_tables(bits, pseudocount)
        parents = _tree(_mutual_information(joint))
        return cls(parents, _conditionals(joint, parents))

    def log_likelihood(self, X: Any) -> np.ndarray:
        """Return the log-probability of each row.

        Parameters
        ----------
        X : array_like, (n, d)
            Only 0 and 1.

        Returns
        -------
        ndarray of float64, (n,)
            Nats per sample.

        Raises
        ------
        EbmError
            For data that are not 2-D with d columns, or not binary.

        Examples
        --------
        >>> ChowLiu.fit([[0, 0], [1, 1]], pseudocount=0).log_likelihood([[1, 1]]).round(3)
        array([-0.693])
        """
        bits = _bits(X, "ChowLiu", len(self.parents))
        total = np.zeros(len(bits))
        for i, parent in enumerate(
            self.parents
        ):  # by column: (n, d) tables of float64 would be eight times the data
            total += self.log_p[i, bits[:, max(parent, 0)], bits[:, i]]
        return total


def _pair_tables(bits: np.ndarray, pseudocount: float) -> np.ndarray:
    """Return joint[a, b, i, j] = P(x_i = a, x_j = b); at i = j only its marginals mean anything."""
    x = bits.astype(np.float64)  # counts are exact up to 2^53; in float32 they would end at 2^24
    ones, both = x.sum(axis=0), x.T @ x
    only_i, only_j = ones[:, None] - both, ones[None, :] - both
    counts = np.array([[len(x) - both - only_i - only_j, only_j], [only_i, both]])
    return (counts + pseudocount / 2) / (len(x) + 2 * pseudocount)


def _mutual_information(joint: np.ndarray) -> np.ndarray:
    """Return the mutual information of each pair of columns, (d, d), in nats."""
    from scipy.special import rel_entr  # x log(x/y), and 0 at x = 0

    marginal_i, marginal_j = joint.sum(axis=1), joint.sum(axis=0)
    return rel_entr(joint, marginal_i[:, None] * marginal_j[None, :]).sum(axis=(0, 1))


def _tree(information: np.ndarray) -> np.ndarray:
    """Return the parents in the maximum spanning tree, rooted at column 0."""
    from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree

    # csgraph takes a zero weight for no edge; these lie between 1 and 1 + log 2, so each pair is an edge
    weights = np.triu(1.0 + information.max() - information, 1)
    tree = minimum_spanning_tree(weights)
    parents = breadth_first_order(tree, 0, directed=False)[1].astype(np.int64)
    parents[0] = -1
    return parents


def _conditionals(joint: np.ndarray, parents: np.ndarray) -> np.ndarray:
    """Return log P(x_i = b | x_parent = a), (d, 2, 2)."""
    d = len(parents)
    tables = joint[:, :, np.maximum(parents, 0), np.arange(d)]  # (a, b, d)
    totals = tables.sum(axis=1, keepdims=True)
    # a parent's value that never occurs (pseudocount 0) may have any conditional: the parent is at -inf
    p = np.divide(tables, totals, out=np.full_like(tables, 0.5), where=totals > 0)
    p[:, :, 0] = totals[None, :, 0, 0]  # smoothing spread column 0's own table, but its sums are P(x_0 = a)
    with np.errstate(divide="ignore"):
        return np.ascontiguousarray(np.log(p).transpose(2, 0, 1))
