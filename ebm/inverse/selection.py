"""Which edges are there: by how often subsamples choose them, and by how well held-out rows are predicted.

Meinshausen & Bühlmann, "Stability selection" (2010), on complementary halves of the rows (Shah & Samworth,
"Variable selection with error control" 2013); Hastie, Tibshirani & Friedman, "The elements of statistical
learning" (2009), 7.10: cross-validation and its rule of one standard error. docs/math.md (14.7), (14.8).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from ebm.arguments import as_choice, as_count, as_flag, as_number, as_numbers
from ebm.boltzmann import BoltzmannMachine
from ebm.errors import EbmError
from ebm.inverse.activation import Graph
from ebm.inverse.edges import Sparse
from ebm.inverse.lasso import Paths, lasso_paths
from ebm.inverse.network import RULES, penalties_of, sparse_machine, two_states
from ebm.inverse.rows import Rows, rows_of
from ebm.machine import Array
from ebm.progress import Progress, showing
from ebm.stream import Seed, Stream
from ebm.units import Units

__all__ = ["CrossValidated", "Stable", "cross_validated", "stability_selection"]


@dataclass(frozen=True, repr=False)
class Stable(Sparse):
    """Edges that most halves of the rows choose.

    Attributes
    ----------
    machine : BoltzmannMachine
        Of these edges, by pseudo-likelihood with one coupling for both units of a pair and a normal prior of
        one row's weight.
    probabilities : (n, n) float64
        How many of the halves chose a pair, at any penalty down to the last.
    threshold : float
        Of those, for an edge.
    penalties : (k,) float64
        As far as they were followed.
    mean_edges : float
        How many pairs a half chose.
    false_edges : float
        As many wrong edges are expected at most (Meinshausen & Bühlmann's theorem 1).
    """

    machine: BoltzmannMachine
    probabilities: Array
    threshold: float
    penalties: Array
    mean_edges: float
    false_edges: float


@dataclass(frozen=True, repr=False)
class CrossValidated(Sparse):
    """The network of the penalty by which held-out rows are predicted best.

    Attributes
    ----------
    machine : BoltzmannMachine
        With the edges at that penalty, of all rows; a coupling is the mean of what both units say of it.
    penalties : (k,) float64
        λ, falling.
    loss : (folds, k) float64
        Σ_i of the mean of −log p(x_i | the others) over the rows of a fold, nats.
    chosen : int
    """

    machine: BoltzmannMachine
    penalties: Array
    loss: Array
    chosen: int


def stability_selection(
    data: ArrayLike,
    units: Units | None = None,
    *,
    threshold: float = 0.75,
    false_edges: float = 1.0,
    n_pairs: int = 50,
    n_penalties: int = 50,
    ratio: float = 0.05,
    rule: Literal["and", "or"] = "and",
    weights: ArrayLike | None = None,
    seed: Seed = 0,
    progress: Progress = None,
) -> Stable:
    """Edges that lasso paths of most random halves of the rows choose, with a bound on the wrong ones.

    Penalties are followed down as long as the bound on the expected number of wrong edges,
    q²/((2·threshold − 1)·pairs) with q the mean number of pairs that a half chooses, is `false_edges` at
    most, docs/math.md (14.7). It holds if wrong pairs are exchangeable, and are chosen no oftener than they
    would be at random.

    Parameters
    ----------
    data : (n_rows, n_units)
        States.
    units : Units, optional
        Of two states that are numbers; Ising or Bernoulli, by the data, when left out.
    threshold : float
        Above ½: in how many of the halves an edge has to be.
    false_edges : float
        How many wrong edges are expected at most.
    n_pairs : int
        Of complementary halves: each is two lasso paths of all units.
    n_penalties : int
        From the least that leaves no edge to `ratio` of it.
    ratio : float
    rule : {"and", "or"}
        A half chooses a pair if both units' regressions have it, or if one has.
    weights : (n_rows,), optional
        Row weights ≥ 0.
    seed : int
    progress : callable, bool or None
        As in `ebm.fit`.

    Returns
    -------
    Stable

    Raises
    ------
    EbmError
        Rows that are no states; fewer than four.
    NotSupported
        Units of more than two states.

    Examples
    --------
    >>> import numpy as np, ebm
    >>> from ebm.inverse import stability_selection
    >>> J = np.zeros((5, 5))
    >>> J[0, 1] = J[1, 0] = J[3, 4] = J[4, 3] = 0.6
    >>> rows = ebm.sample(ebm.BoltzmannMachine(ebm.Ising(), J), 1000, seed=0).x
    >>> stability_selection(rows, n_pairs=10).edges
    [(0, 1), (3, 4)]
    """
    how, n_pairs = as_choice(rule, RULES, "rule"), as_count(n_pairs, "n_pairs")
    false_edges = as_number(false_edges, "false_edges", 0)
    threshold = as_number(threshold, "threshold", 0, 1)
    if threshold <= 0.5:
        raise EbmError(f"threshold: expected a number above 0.5, got {threshold!r}")
    rows = rows_of(data, units, weights)
    two_states(rows, "stability_selection")
    penalties, n = penalties_of(rows, n_penalties, ratio), rows.basis.n
    last, first = len(penalties), []
    with showing(progress, "stability_selection") as update:
        for half in _parts(data, rows, weights, 2, n_pairs, seed, rest=False):
            first.append(_first(lasso_paths(half, penalties), how, n))
            update(len(first) / (2 * n_pairs), f"{len(first)} of {2 * n_pairs} halves")
    chosen = np.array([[(of <= k).sum() / 2 for of in first] for k in range(last)]).mean(1)  # pairs twice
    bound = chosen**2 / ((2 * threshold - 1) * n * (n - 1) / 2)
    k = max(int((bound <= false_edges).sum()) - 1, 0)
    probabilities = np.mean([of <= k for of in first], axis=0)
    graph = Graph(rows, 1 / rows.n_effective)
    graph.fit(probabilities >= threshold)
    machine = graph.machine(graph.K, graph.h)
    found = float(chosen[k]), float(bound[k])
    return Stable(machine, probabilities, threshold, penalties[: k + 1], *found)


def cross_validated(
    data: ArrayLike,
    units: Units | None = None,
    *,
    folds: int = 5,
    one_stderr: bool = False,
    n_penalties: int = 50,
    ratio: float = 0.01,
    rule: Literal["and", "or"] = "and",
    weights: ArrayLike | None = None,
    seed: Seed = 0,
    progress: Progress = None,
) -> CrossValidated:
    """A sparse network of the penalty, one for all units, whose lasso predicts held-out rows best.

    What predicts best has more edges than are there: `ising_network` and the like are for finding these.

    Parameters
    ----------
    data : (n_rows, n_units)
        States.
    units : Units, optional
        Of two states that are numbers; Ising or Bernoulli, by the data, when left out.
    folds : int
    one_stderr : bool
        Take the largest penalty whose held-out loss is within one standard error of the least.
    n_penalties : int
        From the least that leaves no edge to `ratio` of it.
    ratio : float
    rule : {"and", "or"}
        An edge is there if both units' regressions have it, or if one has.
    weights : (n_rows,), optional
        Row weights ≥ 0.
    seed : int
        Of the folds.
    progress : callable, bool or None
        As in `ebm.fit`.

    Returns
    -------
    CrossValidated

    Raises
    ------
    EbmError
        Rows that are no states; fewer than two a fold.
    NotSupported
        Units of more than two states.

    Examples
    --------
    >>> import numpy as np, ebm
    >>> from ebm.inverse import cross_validated
    >>> J = np.zeros((5, 5))
    >>> J[0, 1] = J[1, 0] = J[3, 4] = J[4, 3] = 0.6
    >>> rows = ebm.sample(ebm.BoltzmannMachine(ebm.Ising(), J), 2000, seed=0).x
    >>> cross_validated(rows, one_stderr=True).edges
    [(0, 1), (3, 4)]
    """
    folds, how = as_count(folds, "folds", 2), as_choice(rule, RULES, "rule")
    one_stderr = as_flag(one_stderr, "one_stderr")
    rows = rows_of(data, units, weights)
    two_states(rows, "cross_validated")
    penalties = penalties_of(rows, n_penalties, ratio)
    loss = np.empty((folds, len(penalties)))
    with showing(progress, "cross_validated") as update:
        parts = list(_parts(data, rows, weights, folds, 1, seed, rest=False))
        for f, rest in enumerate(_parts(data, rows, weights, folds, 1, seed, rest=True)):
            loss[f] = _losses(parts[f], lasso_paths(rest, penalties))
            update((f + 1) / (folds + 1), f"{f + 1} of {folds} folds")
        mean = loss.mean(0)
        chosen = int(mean.argmin())
        if one_stderr:
            within = mean[chosen] + loss[:, chosen].std(ddof=1) / np.sqrt(folds)
            chosen = int((mean <= within).argmax())
        found = lasso_paths(rows, penalties[: chosen + 1])
    machine = sparse_machine(rows, found, np.full(rows.basis.n, chosen), how)
    return CrossValidated(machine, penalties, loss, chosen)


def _parts(
    data: ArrayLike, rows: Rows, weights: ArrayLike | None, folds: int, times: int, seed: Seed, *, rest: bool
) -> Iterator[Rows]:
    """Rows divided at random into so many parts, some times over: each part, or all others."""
    x = as_numbers(data, "data")
    if len(x) < 2 * folds:
        raise EbmError(f"data: {len(x)} rows; expected {2 * folds} or more, two in each of {folds} parts")
    w = np.ones(len(x)) if weights is None else as_numbers(weights, "weights")
    stream = Stream(seed)
    for _ in range(times):
        fold = np.empty(len(x), np.int64)
        fold[stream.permutation(len(x))] = np.arange(len(x)) % folds
        for f in range(folds):
            some = (fold != f) if rest else (fold == f)
            yield rows_of(x[some], rows.basis.units, w[some])


def _first(path: Paths, rule: str, n: int) -> Array:
    """The number of the first penalty at which each pair was chosen, (n, n); their number where at none."""
    found = np.full((n, n), len(path.slopes))
    for k, slopes in enumerate(path.slopes):
        there = slopes.toarray() != 0
        there = there & there.T if rule == "and" else there | there.T
        found[there & (found > k)] = k
    return found


def _losses(rows: Rows, path: Paths) -> Array:
    """Of rows that were not seen, Σ_i of the mean of −log p(x_i | the others) at each penalty."""
    low, high = np.concatenate([states.T for states in rows.basis.states]).T
    upper = rows.codes > 0
    x, signs = np.where(upper, high, low), np.where(upper, 1.0, -1.0)
    found = np.empty(len(path.slopes))
    for k, slopes in enumerate(path.slopes):
        eta = (slopes @ x.T).T + path.intercepts[k]
        found[k] = rows.w @ np.logaddexp(0, -signs * eta).sum(1)
    return found
