"""What is missing, filled in."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from sklearn.base import TransformerMixin
from sklearn.impute import MissingIndicator
from sklearn.utils.validation import check_is_fitted, validate_data

from ebm.arguments import as_count
from ebm.errors import EbmError
from ebm.estimators.shell import Shell, Verbose, as_given, in_our_words
from ebm.estimators.visible import learn
from ebm.imputation import Imputed, impute
from ebm.learning import PCD
from ebm.machine import Array
from ebm.optimisers import Averaged, Linear
from ebm.penalties import L2
from ebm.rbm import RBM
from ebm.training.judges import Judge
from ebm.training.pace import steady
from ebm.units import Bernoulli, Gaussian, Mixed, Units

__all__ = ["BoltzmannImputer"]

_AVERAGED = 0.7  # of the passes; the machine is the mean of what comes after
_REAL = Gaussian(learn_precision=True)


class BoltzmannImputer(TransformerMixin, Shell):
    """Fills gaps with what a restricted Boltzmann machine says, which learns from the rows with their gaps.

    Parameters
    ----------
    n_components : int
        Hidden units.
    statistic : {"mode", "mean"}
        What stands for the gap of a unit of finitely many states: the likeliest state, or the mean of the
        states' numbers. Real units have their mean.
    sample_posterior : bool
        Draw all gaps of a row together instead: one of several imputations, with other random states.
    visible : Units, optional
        One type for all columns, or `Mixed` in their order. By default columns of 0 and 1 are Bernoulli and
        the others Gaussian with learnt precisions, standardised inside.
    learning_rate : float, optional
        Falls to zero over the passes. 0.1 when left out; with Gaussian units what is stable, if that is less.
    alpha : float
        Strength of the L2 penalty.
    n_iter : int, optional
        Passes over the rows: 60, or as many as make 4000 updates, when left out.
    batch_size : int
    n_sweeps : int
        Of the chains that fill what cannot be summed.
    add_indicator : bool
        Add columns that say where the gaps were, of the columns that had some in `fit`.
    keep_empty_features : bool
        Whether columns without any value in `fit` become zeros instead of being left out.
    rule, optimiser : Rule, Optimiser, optional
    verbose : bool or int
    random_state : int, RandomState or None

    Attributes
    ----------
    machine_ : RBM
        Over the columns that have values, in the order `columns_`.
    indicator_ : MissingIndicator or None

    References
    ----------
    Rubin, "Multiple imputation for nonresponse in surveys" (1987).

    Examples
    --------
    >>> import numpy as np
    >>> from ebm.estimators import BoltzmannImputer
    >>> X = np.array([[0, 0], [1, 1]] * 30, float)
    >>> X[0, 1] = X[1, 0] = np.nan
    >>> BoltzmannImputer(4, random_state=0).fit_transform(X)[:2]
    array([[0., 0.],
           [1., 1.]])
    """

    _gaps = True
    _learnt = (*Shell._learnt, "machine_", "columns_", "shift_", "scale_", "_seed_used")

    def __init__(
        self,
        n_components: int = 64,
        *,
        statistic: str = "mode",
        sample_posterior: bool = False,
        visible: Any = None,
        learning_rate: float | None = None,
        alpha: float = 5e-4,
        n_iter: int | None = None,
        batch_size: int = 50,
        n_sweeps: int = 100,
        add_indicator: bool = False,
        keep_empty_features: bool = False,
        rule: Any = None,
        optimiser: Any = None,
        verbose: Any = 0,
        random_state: Any = None,
    ) -> None:
        self.n_components = n_components
        self.statistic = statistic
        self.sample_posterior = sample_posterior
        self.visible = visible
        self.learning_rate = learning_rate
        self.alpha = alpha
        self.n_iter = n_iter
        self.batch_size = batch_size
        self.n_sweeps = n_sweeps
        self.add_indicator = add_indicator
        self.keep_empty_features = keep_empty_features
        self.rule = rule
        self.optimiser = optimiser
        self.verbose = verbose
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        """Gaps are taken, sparse rows are not."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _gapped(self, X: Any, *, reset: bool) -> Array:
        """X as float32 or float64 rows, NaN where there is a gap."""
        with in_our_words():
            X = validate_data(
                self, as_given(X, "X"), dtype=(np.float64, np.float32), reset=reset,
                ensure_all_finite="allow-nan", ensure_min_samples=1,
            )  # fmt: skip
        if np.isinf(X).any():
            raise EbmError("X: infinite values; expected numbers, NaN where one is missing")
        return X

    def fit(self, X: Any, y: Any = None) -> BoltzmannImputer:
        """Learn from rows with gaps, (n_samples, n_features); y is not looked at.

        Raises
        ------
        EbmError
            No column has a value; values outside the domain of the visible units.
        """
        X = self._gapped(X, reset=True)
        self.indicator_ = None
        if self._flag("add_indicator"):
            self.indicator_ = MissingIndicator(error_on_new=False).fit(X)
        kept = np.flatnonzero(~np.isnan(X).all(0))
        if not len(kept):
            raise EbmError("X: no column has a value; expected some")
        rows = self._begin(X, kept)
        seed, n = self._seed(), len(rows)
        self._seed_used = seed
        n_iter, batch_size, verbose = self._passes(n, 60, 4000), self._count("batch_size"), Verbose(self)
        machine = RBM.from_data(
            rows, self._count("n_components"), visible=self._visible, spread=1.0, seed=seed, dtype=X.dtype
        )
        rule = self._rule(PCD(n_chains=100, centred=self._visible.finite))
        falls = partial(Linear, stop=0.0, epochs=max(1, n_iter))
        rate = 0.1 if self.learning_rate is None else self._number("learning_rate", ends=False)
        optimiser = self._optimiser(Averaged(steady(machine, rows, rate, schedule=falls), _AVERAGED * n_iter))
        learn(
            machine, rows, rule, optimiser, epochs=n_iter, batch_size=batch_size, seed=seed,
            penalties=[L2(self._number("alpha"))], judge=Judge(), update=verbose.say,
        )  # fmt: skip
        self.machine_ = machine
        return self

    def _begin(self, X: Array, kept: Array) -> Array:
        """Decide what the units are and in which order; the rows as such."""
        given = self._units("visible", Bernoulli())
        real = np.array([not np.isin(X[~np.isnan(X[:, i]), i], (0, 1)).all() for i in kept])
        if self.visible is not None:
            if isinstance(given, Mixed) and len(kept) < X.shape[1]:
                raise EbmError("X: a column has no value; expected some in each column of Mixed units")
            real = np.array(
                [given.one(i) is given.one(i) and isinstance(given.one(i), Gaussian) for i in kept]
            )
            self.columns_, self._visible = kept, given
        else:
            self.columns_ = kept[np.argsort(real, kind="stable")]
            n_real = int(real.sum())
            blocks = ((Bernoulli(), len(kept) - n_real), (_REAL, n_real))
            both = tuple((units, n) for units, n in blocks if n)
            self._visible = both[0][0] if len(both) == 1 else Mixed(both)
        rows = X[:, self.columns_]
        at = np.isin(self.columns_, kept[real])
        self.shift_, self.scale_ = np.zeros(rows.shape[1], X.dtype), np.ones(rows.shape[1], X.dtype)
        if at.any():
            self.shift_[at], self.scale_[at] = _standard(rows, at)
        return self._inner(X)

    _visible: Units

    def _inner(self, X: Array) -> Array:
        return ((X[:, self.columns_] - self.shift_) / self.scale_).astype(X.dtype, copy=False)

    def imputed(self, X: Any, n: int = 1) -> Imputed:
        """All that the machine says of the gaps, in its own units and the order `columns_`, `ebm.impute`."""
        check_is_fitted(self, "machine_")
        rows = self._inner(self._gapped(X, reset=False))
        return impute(
            self.machine_, rows, n, n_sweeps=self._count("n_sweeps"), seed=self._seed_used, progress=False
        )

    def imputations(self, X: Any, n: int = 5) -> Array:
        """Draws of all gaps of a row together, (n, n_samples, n_features); empty columns are zeros."""
        X = self._gapped(X, reset=False)
        drawn = self.imputed(X, as_count(n, "n")).completed
        return np.stack([self._outer(X, one) for one in drawn])

    def _outer(self, X: Array, inner: Array) -> Array:
        out = np.where(np.isnan(X), 0, X)
        filled = (inner * self.scale_ + self.shift_).astype(X.dtype)
        gaps = np.isnan(X[:, self.columns_])
        out[:, self.columns_] = np.where(gaps, filled, X[:, self.columns_])
        return out

    def transform(self, X: Any) -> Array:
        """Rows with their gaps filled.

        Parameters
        ----------
        X : (n_samples, n_features)

        Returns
        -------
        ndarray, (n_samples, n_features_out)
            Without the columns that had no value in `fit`, unless these are kept; with indicators, if asked.
        """
        check_is_fitted(self, "machine_")
        statistic = self._choice("statistic", "mode", "mean")
        X = self._gapped(X, reset=False)
        found = self.imputed(X)
        inner = found.mode if statistic == "mode" else found.mean
        if self._flag("sample_posterior"):
            inner = found.completed[0]
        out = self._outer(X, inner)[:, self._given_out()]
        if self.indicator_ is not None:
            out = np.hstack([out, self.indicator_.transform(X).astype(X.dtype)])
        return out

    def _given_out(self) -> Array:
        if self._flag("keep_empty_features"):
            return np.arange(self.n_features_in_)
        return np.sort(self.columns_)

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """Names of the columns that `transform` gives."""
        check_is_fitted(self, "machine_")
        given = input_features
        if given is None:
            given = vars(self).get("feature_names_in_", [f"x{i}" for i in range(self.n_features_in_)])
        given = np.asarray(given, object)
        names = given[self._given_out()]
        if self.indicator_ is None:
            return names
        return np.concatenate([names, self.indicator_.get_feature_names_out(given)])


def _standard(rows: Array, at: Array) -> tuple[Array, Array]:
    """Means and standard deviations of real columns; 1 of columns of one value."""
    mean, deviation = np.nanmean(rows[:, at], 0), np.nanstd(rows[:, at], 0)
    tiny = 10 * np.finfo(rows.dtype).eps * np.abs(mean)
    return mean.astype(rows.dtype), np.where(deviation > tiny, deviation, 1).astype(rows.dtype)
