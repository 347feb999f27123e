"""Couplings of columns: networks of two-state columns, and pairwise models of categories."""

from __future__ import annotations

import warnings
from typing import Any, cast

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from ebm.boltzmann import BoltzmannMachine
from ebm.errors import EbmError
from ebm.estimators.categories import learnt, missing, states_of
from ebm.estimators.order import arranged, row_weights
from ebm.estimators.shell import Shell, as_given, in_our_words
from ebm.inverse import Sparse, activation, cross_validated, decimation, infer, ising_network
from ebm.inverse import stability_selection as stability
from ebm.machine import Array
from ebm.penalties import L2, GroupLasso
from ebm.samplers import sample
from ebm.scores import pseudo_likelihood
from ebm.states import enumerate_states, n_states
from ebm.units import Bernoulli, Potts
from ebm.units.mixed import Mixed

__all__ = ["IsingNetwork", "PottsModel"]

_MOST = 64  # categories of a column
_ENUMERATED = 2**14  # states of missing cells that are summed over
_CHAINS = 400  # samples where they are too many


class _Pairwise(Shell):
    """Columns of categories as units of a fully connected machine.

    Attributes
    ----------
    categories_ : list of ndarray
        The values of each column, ascending: the states 0, 1, … of its unit. Where its numbers were cut, the
        median of each range.
    ends_ : list of ndarray
        The upper ends of the ranges but the last, of a column whose numbers were cut; else empty.
    machine_ : BoltzmannMachine
    couplings_, fields_ : ndarray
        J and b of the machine: a column a unit, or one for each of its categories.
    stderr_ : ndarray or None
        Standard errors of `couplings_`, where the method has some.
    """

    _learnt = (*Shell._learnt, "categories_", "ends_", "machine_", "couplings_", "fields_", "stderr_")
    _cuts = ""  # the parameter that cuts columns of numbers
    categories_: list[Array]
    ends_: list[Array]
    machine_: BoltzmannMachine

    def __sklearn_tags__(self) -> Any:
        """Categories, text among them, and missing ones; no sparse rows."""
        tags = BaseEstimator.__sklearn_tags__(self)
        tags.input_tags.categorical = tags.input_tags.string = True
        tags.input_tags.allow_nan = True
        return tags

    def _cells(self, X: Any, *, reset: bool) -> Array:
        """X as an array of objects or numbers."""
        with in_our_words():
            return validate_data(
                self, as_given(X, "X"), dtype=None, reset=reset, ensure_all_finite="allow-nan",
                ensure_min_samples=1 + reset, ensure_min_features=1 + reset,
            )  # fmt: skip

    def _begin(self, X: Any, sample_weight: Any, most: int, bins: int | None) -> tuple[Array, Array | None]:
        """The categories of every column; the whole rows as states, in an order of their own, and weights."""
        cells = self._cells(X, reset=True)
        w = row_weights(sample_weight, len(cells))
        holes = missing(cells).any(1) & (w > 0)
        used = np.flatnonzero((w > 0) & ~holes)
        if len(used) < 2:
            raise EbmError(f"X: {len(used)} rows that are whole and weigh something; expected two or more")
        if holes.any():
            warnings.warn(
                f"X: {holes.sum()} of {len(cells)} rows have missing cells and are left out: unbiased where"
                " cells are missing by chance alone",
                RuntimeWarning,
                stacklevel=3,
            )
        cells, w = cells[used], w[used]
        found = [learnt(column, w, bins) for column in cells.T]
        for j, (values, _) in enumerate(found):
            if not 1 < len(values) <= most:
                wanted = f"2 to {most}" if most > 2 else "2"
                cut = "" if len(values) == 1 else f", or {self._cuts} to cut them"
                raise EbmError(f"X: column {j} has {len(values)} different values; expected {wanted}{cut}")
        self.categories_, self.ends_ = ([pair[k] for pair in found] for k in range(2))
        rows = self._states_of(cells, missing(cells))
        order, weights = arranged(rows, None, w)
        return rows[order], weights

    def _states_of(self, cells: Array, holes: Array) -> Array:
        """Cells as states, NaN where they are missing."""
        learnt_ = enumerate(zip(self.categories_, self.ends_, strict=True))
        columns = [states_of(cells[:, j], ~holes[:, j], values, ends, j) for j, (values, ends) in learnt_]
        return np.stack(columns, axis=1)

    def _labels_of(self, states: Array) -> Array:
        """States as cells."""
        kinds = {values.dtype for values in self.categories_}
        found = np.empty(states.shape, kinds.pop() if len(kinds) == 1 else object)
        for j, values in enumerate(self.categories_):
            found[:, j] = values[states[:, j].astype(np.int64)]
        return found

    def score_samples(self, X: Any) -> Array:
        """log pseudo-likelihood of each row: the sum of log p(category i | the others), nats."""
        check_is_fitted(self, "machine_")
        cells = self._cells(X, reset=False)
        holes = missing(cells)
        if holes.any():
            raise EbmError("X: missing values; expected whole rows")
        return pseudo_likelihood(self.machine_, self._states_of(cells, holes))

    def score(self, X: Any, y: Any = None) -> float:
        """Mean log pseudo-likelihood, nats per row."""
        return float(np.mean(self.score_samples(X)))

    def sample(self, n_samples: int = 1, random_state: Any = None) -> Array:
        """New rows, (n_samples, n_features), with the values in `categories_`."""
        check_is_fitted(self, "machine_")
        return self._labels_of(np.asarray(sample(self.machine_, n_samples, seed=self._seed(random_state)).x))

    def predict(self, X: Any) -> Array:
        """X with its missing cells (NaN, None) filled: each by its likeliest value given those that are
        there.

        Exact where a row's missing cells have 2¹⁴ states together or fewer, else by 400 samples.
        """
        check_is_fitted(self, "machine_")
        cells = self._cells(X, reset=False)
        holes = missing(cells)
        states = self._states_of(cells, holes)
        seed = self._seed(None)
        for row in np.flatnonzero(holes.any(1)):
            states[row] = _completed(self.machine_, states[row], seed + int(row))
        found, cut = self._labels_of(states), np.array([len(ends) > 0 for ends in self.ends_])
        if cut.any():  # what was given stays as it is
            return np.where(holes | ~cut, found, cells)
        return found


def _completed(machine: BoltzmannMachine, row: Array, seed: int) -> Array:
    """A row of states with every missing one at its likeliest."""
    free = np.isnan(row)
    units = machine.units
    if free.all():
        rest = machine
    else:
        rest = machine.condition(row)[0]
    if n_states(rest.units, rest.n_units) <= _ENUMERATED:
        x = enumerate_states(rest.units, rest.n_units)
        energy = rest.energy(x)
        p = np.exp(energy.min() - energy)
    else:
        x = np.asarray(sample(rest, _CHAINS, seed=seed % 2**31).x)
        p = np.ones(len(x))
    found = row.copy()
    for k, j in enumerate(np.flatnonzero(free)):
        states = np.asarray(units.one(int(j)).states)
        found[j] = states[np.bincount(np.searchsorted(states, x[:, k]), p, minlength=len(states)).argmax()]
    return found


class IsingNetwork(_Pairwise):
    """A sparse network of two-state columns: each one's lasso path, of it the regression of least EBIC
    (eLasso), or edges chosen in another way.

    Parameters
    ----------
    gamma : float
        Of EBIC: 0 is BIC; larger asks more of an edge.
    n_penalties : int
        On a path.
    rule : {"and", "or"}
        An edge where both columns, or one of them, have it; of lasso paths.
    selection : {"ebic", "activation", "decimation", "cross_validation", "stability"}
        How edges are chosen: `ebm.inverse.ising_network`, `activation`, `decimation`, `cross_validated`,
        `stability_selection`.
    refit : bool
        Infer the couplings of the chosen edges again, without a penalty and with standard errors, which know
        nothing of the choice.
    median_split : bool
        Columns of numbers with more than two values are cut at their medians.
    random_state : int, RandomState or None

    Attributes
    ----------
    couplings_, fields_ : (n_features, n_features) and (n_features,)
        J and b for the smaller value of a column being 0, the larger 1.
    stderr_ : (n_features, n_features) or None
        Of couplings that were refitted; nan where there is no edge.
    categories_ : list of ndarray
    machine_ : BoltzmannMachine

    References
    ----------
    van Borkulo et al., "A new method for constructing networks from binary data" (2014).

    Examples
    --------
    >>> import numpy as np
    >>> from ebm.estimators import IsingNetwork
    >>> rng = np.random.default_rng(0)
    >>> a, c = rng.integers(0, 2, (2, 500))
    >>> b = np.where(rng.random(500) < 0.8, a, 1 - a)
    >>> model = IsingNetwork().fit(np.stack([a, b, c], axis=1))
    >>> (model.couplings_ != 0).astype(int).tolist()
    [[0, 1, 0], [1, 0, 0], [0, 0, 0]]
    >>> model.predict([[1, np.nan, 0]]).tolist()
    [[1, 1, 0]]
    """

    _cuts = "median_split=True"

    def __init__(
        self,
        *,
        gamma: float = 0.25,
        n_penalties: int = 100,
        rule: str = "and",
        selection: str = "ebic",
        refit: bool = False,
        median_split: bool = False,
        random_state: Any = None,
    ) -> None:
        self.gamma = gamma
        self.n_penalties = n_penalties
        self.rule = rule
        self.selection = selection
        self.refit = refit
        self.median_split = median_split
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> IsingNetwork:
        """Find the network of the rows of X, (n_samples, n_features); y is not looked at.

        Raises
        ------
        EbmError
            Columns that do not have two values, parameters that make no sense.

        Warns
        -----
        RuntimeWarning
            Rows with missing cells, which are left out.
        """
        rows, weights = self._begin(X, sample_weight, 2, 2 if self._flag("median_split") else None)
        found = self._selected(rows, weights)
        self.machine_, self.stderr_ = cast(BoltzmannMachine, found.machine), None
        if self._flag("refit") and found.edges:
            edges = np.asarray(found.machine.J != 0)
            again = infer(rows, Bernoulli(), weights=weights, mask=edges)
            self.machine_ = cast(BoltzmannMachine, again.machine)
            errors = again.stderr_J
            self.stderr_ = None if errors is None else np.where(edges, errors, np.nan)
        self.couplings_, self.fields_ = self.machine_.params["J"], self.machine_.params["b"]
        return self

    def _selected(self, rows: Array, weights: Array | None) -> Sparse:
        """The machine of the edges that are chosen."""
        way = self._choice("selection", "ebic", "activation", "decimation", "cross_validation", "stability")
        rule: Any = self._choice("rule", "and", "or")
        gamma, n_penalties = self._number("gamma"), self._count("n_penalties")
        units, seed = Bernoulli(), self._seed() % 2**31
        lasso: dict[str, Any] = {"n_penalties": n_penalties, "rule": rule, "weights": weights}
        if way == "activation":
            return activation(rows, units, gamma=gamma, weights=weights)
        if way == "decimation":
            return decimation(rows, units, weights=weights)
        if way == "cross_validation":
            return cross_validated(rows, units, seed=seed, **lasso)
        if way == "stability":
            return stability(rows, units, seed=seed, **lasso)
        return ising_network(rows, units, gamma=gamma, **lasso)


class PottsModel(_Pairwise):
    """A pairwise model of categorical columns, by pseudo-likelihood or another method of `ebm.inverse.infer`.

    Parameters
    ----------
    method : str
    l2, group : float
        Strengths of l2/2·ΣJ² and group·Σ_pairs |J_ij|, whole pairs of columns; 0 leaves a penalty out.
    symmetrise : {"mean", "and", "or", "joint"}
        How both columns' estimates of a coupling become one.
    bins : int, optional
        Columns of numbers with more different values are cut at their quantiles into as many categories.
    random_state : int, RandomState or None

    Attributes
    ----------
    couplings_, fields_ : (n_categories, n_categories) and (n_categories,)
        J and b, one column for each value of each column of X, in the zero-sum gauge.
    strengths_ : (n_features, n_features)
        |J_ij| of each pair of columns.
    stderr_ : (n_categories, n_categories) or None
    categories_ : list of ndarray
    machine_ : BoltzmannMachine

    Examples
    --------
    >>> import numpy as np
    >>> from ebm.estimators import PottsModel
    >>> X = np.array([["a", "x"], ["b", "y"], ["c", "z"]] * 30 + [["a", "y"], ["b", "z"], ["c", "x"]])
    >>> model = PottsModel().fit(X)
    >>> model.predict(np.array([["b", None]], dtype=object)).tolist()
    [['b', 'y']]
    >>> model.strengths_.shape, model.couplings_.shape
    ((2, 2), (6, 6))
    """

    _learnt = (*_Pairwise._learnt, "strengths_")
    _cuts = "bins=4, say,"

    def __init__(
        self,
        *,
        method: str = "pseudo_likelihood",
        l2: float = 0.01,
        group: float = 0.0,
        symmetrise: str = "mean",
        bins: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.method = method
        self.l2 = l2
        self.group = group
        self.symmetrise = symmetrise
        self.bins = bins
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> PottsModel:
        """Infer the couplings of the rows of X, (n_samples, n_features); y is not looked at.

        Raises
        ------
        EbmError
            Columns of one value or of more than 64, parameters that make no sense.

        Warns
        -----
        RuntimeWarning
            Rows with missing cells, which are left out.
        """
        bins = None if self.bins is None else self._count("bins", 2)
        rows, weights = self._begin(X, sample_weight, _MOST, bins)
        penalty = [kind(self._number(name)) for kind, name in ((L2, "l2"), (GroupLasso, "group"))]
        asked = [part for part in penalty if part.strength]
        units = Mixed(tuple((Potts(len(values)), 1) for values in self.categories_))
        found = infer(
            rows, units, self.method, penalty=asked or None, weights=weights,
            symmetrise=self.symmetrise, seed=self._seed() % 2**31,
        )  # fmt: skip
        self.machine_, self.stderr_ = cast(BoltzmannMachine, found.machine), found.stderr_J
        self.couplings_, self.fields_, self.strengths_ = found.J, found.b, found.strengths
        return self
