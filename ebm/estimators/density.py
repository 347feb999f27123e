"""Densities: log p(x) in nats, samples, and what is out of the ordinary."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from sklearn.base import DensityMixin, OutlierMixin
from sklearn.utils.validation import check_is_fitted

from ebm.boltzmann import BoltzmannMachine
from ebm.conditional import cell_scores
from ebm.errors import EbmError, NotSupported
from ebm.estimators.order import arranged
from ebm.estimators.shell import Verbose
from ebm.estimators.visible import Inputs, learn
from ebm.gaps import has_gaps, stood_in
from ebm.learning import PCD
from ebm.machine import Array, Machine
from ebm.optimisers import SGD, Linear
from ebm.partition import log_likelihood, log_z
from ebm.rbm import RBM
from ebm.samplers import sample
from ebm.training import State
from ebm.training.history import Row
from ebm.training.judges import Judge
from ebm.training.pace import steady
from ebm.units import Bernoulli, Gaussian

__all__ = ["BoltzmannMachineDensity"]


class BoltzmannMachineDensity(OutlierMixin, DensityMixin, Inputs):
    """The density of a Boltzmann machine, normalised: log p(x) in nats, samples, and outliers.

    As a detector of outliers it is used as `sklearn.ensemble.IsolationForest` is: `predict` says -1 of rows
    whose log p is below `offset_`, where a share `contamination` of the training rows is.

    Parameters
    ----------
    machine : {"rbm", "boltzmann"}
        Restricted, or fully connected over the features without hidden units.
    n_components : int
        Hidden units of the restricted machine.
    hidden : Units, optional
        Their type: ``Bernoulli()`` when left out. ``Gaussian()`` ones make a factor analysis of features.
    learning_rate : float, optional
        Falls to zero over the passes. 0.05 when left out; of Gaussian units what is stable, if that is less,
        docs/math.md (5.7a).
    batch_size : int
    n_iter : int, optional
        Passes over the rows: 50, or as many as make 2000 updates, when left out.
    visible : Units, optional
        Bernoulli where all of X is 0 or 1, else Gaussian with learnt precisions, standardised inside, by
        default.
    rule : Rule, optional
        ``PCD(n_chains=100)`` by default.
    optimiser : Optimiser, optional
    penalties : sequence of Penalty
    log_z : str
        How log Z is found, as in `ebm.log_z`: "auto" is exact where that fits.
    contamination : float
        The share of outliers among the training rows, from 0 to 0.5.
    verbose : bool or int
    random_state : int, RandomState or None

    Attributes
    ----------
    machine_ : RBM or BoltzmannMachine
    log_z_, log_z_stderr_ : float
        log Z of the machine and its standard error, which is that of a mean score, nats.
    offset_ : float
        log p where outliers begin: ``decision_function(X) = score_samples(X) - offset_``.

    Examples
    --------
    >>> import numpy as np
    >>> from ebm.estimators import BoltzmannMachineDensity
    >>> X = np.array([[0, 0], [1, 1]] * 20)
    >>> model = BoltzmannMachineDensity("boltzmann", learning_rate=0.5, batch_size=10, random_state=0).fit(X)
    >>> bool(model.score(X) > -1.0), model.sample(3).shape  # -log 2 = -0.69 at best
    (True, (3, 2))
    """

    _learnt = (*Inputs._learnt, "machine_", "log_z_", "log_z_stderr_", "offset_")
    _states = _gaps = True
    _real = Gaussian(learn_precision=True)

    def __init__(
        self,
        machine: str = "rbm",
        *,
        n_components: int = 16,
        hidden: Any = None,
        learning_rate: float | None = None,
        batch_size: int = 50,
        n_iter: int | None = None,
        visible: Any = None,
        rule: Any = None,
        optimiser: Any = None,
        penalties: Any = (),
        log_z: str = "auto",
        contamination: float = 0.1,
        verbose: Any = 0,
        random_state: Any = None,
    ) -> None:
        self.machine = machine
        self.n_components = n_components
        self.hidden = hidden
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.visible = visible
        self.rule = rule
        self.optimiser = optimiser
        self.penalties = penalties
        self.log_z = log_z
        self.contamination = contamination
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> BoltzmannMachineDensity:
        """Learn from the rows of X, (n_samples, n_features), and find log Z; y is not looked at.

        NaN is a feature that was not observed: it is drawn given the rest while the machine learns.

        Raises
        ------
        EbmError
            Values outside the domain of the visible units, or parameters that make no sense.
        """
        kind, rule = self._choice("machine", "rbm", "boltzmann"), self._rule(PCD())
        share = self._number("contamination", 0.0, 0.5)
        X = self._dense_rows(X, reset=True)
        order, weights = arranged(X, None, sample_weight)
        n_iter, batch_size = self._passes(len(order), 50, 2000), self._count("batch_size")
        falls = partial(Linear, stop=0.0, epochs=max(1, n_iter))
        rate = None if self.learning_rate is None else self._number("learning_rate")
        given = self._optimiser(SGD(falls(rate or 0.0)))
        X, seed = self._begin_inputs(X[order]), self._seed()
        self.machine_, verbose = self._machine(kind, X, seed), Verbose(self)
        optimiser = given
        if self.optimiser is None and rate is None:
            optimiser = steady(self.machine_, X, 0.05, schedule=falls)

        whole = stood_in(X) if verbose.enabled else X

        def row(state: State[Machine]) -> Row:
            return {"free_energy": float(state.machine.free_energy(whole).mean())} if verbose.enabled else {}

        learn(
            self.machine_, X, rule, optimiser, epochs=n_iter, batch_size=batch_size, seed=seed,
            weights=weights, penalties=self._penalties(), judge=Judge(row), update=verbose.say,
        )  # fmt: skip
        found = log_z(self.machine_, self.log_z, seed=seed)
        self.log_z_, self.log_z_stderr_ = float(found), float(found.stderr)
        self.offset_ = _quantile(self._log_p(X), weights, share)
        return self

    def _machine(self, kind: str, X: Array, seed: int) -> Any:
        if kind == "rbm":
            n_components, hidden = self._count("n_components"), self._units("hidden", Bernoulli())
            return RBM.from_data(
                X, n_components, visible=self.visible_, hidden=hidden, spread=1.0, seed=seed, dtype=X.dtype
            )
        if not self.visible_.finite:
            raise NotSupported(f"machine: boltzmann has no units {self.visible_}; expected rbm")
        mean = self.visible_.encode(stood_in(X)).mean(0, dtype=np.float64)
        b = self.visible_.link(mean, floor=0.5 / (len(X) + 1))
        return BoltzmannMachine(self.visible_, np.zeros((len(b), len(b)), X.dtype), b.astype(X.dtype))

    def score_samples(self, X: Any) -> Array:
        """log p of each row, nats per sample; of Gaussian units, the density of the features as given.

        Of rows with NaN, that of the features that were observed.
        """
        check_is_fitted(self, "machine_")
        return self._log_p(self._inputs(self._dense_rows(X)))

    def _log_p(self, x: Array) -> Array:
        """log p of rows as the machine has them, in the units of measurement of the features."""
        values = log_likelihood(self.machine_, x, self.log_z_)
        return values if self.scale_ is None else values - ~np.isnan(x) @ np.log(self.scale_)

    def score(self, X: Any, y: Any = None) -> float:
        """Mean log-likelihood, nats per sample."""
        return float(self.score_samples(X).mean())

    def decision_function(self, X: Any) -> Array:
        """log p of each row less `offset_`, nats: below 0 of outliers."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> Array:
        """-1 of each row that is an outlier, else 1."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def cell_scores(self, X: Any) -> Array:
        """-log p(x_j | the rest of the row) of every cell, nats: which features make a row an outlier.

        Returns
        -------
        ndarray, (n_samples, n_features)
            Of Gaussian units of densities of the features as given; see `ebm.cell_scores`.
        """
        check_is_fitted(self, "machine_")
        X = self._dense_rows(X)
        if has_gaps(X):
            raise EbmError("X: contains NaN: cell_scores are of rows without gaps; expected numbers")
        scores = cell_scores(self.machine_, self._inputs(X))
        return scores if self.scale_ is None else scores + np.log(self.scale_)

    def sample(self, n_samples: int = 1, random_state: Any = None) -> Array:
        """New rows, (n_samples, n_features), from chains that have forgotten their start.

        Parameters
        ----------
        random_state : int, RandomState or None
            The estimator's own when left out.
        """
        check_is_fitted(self, "machine_")
        seed = self._seed(random_state)
        x = np.asarray(sample(self.machine_, n_samples, seed=seed).x)
        return x if self.shift_ is None else x * self.scale_ + self.shift_


def _quantile(values: Array, weights: Array | None, share: float) -> float:
    """Where values begin of which a share of all weight is below; between two where it falls between them."""
    w = np.ones(len(values)) if weights is None else np.asarray(weights, np.float64)
    order = np.argsort(values, kind="stable")
    order = order[w[order] > 0]
    values, below = values[order], np.cumsum(w[order])
    aim, rounding = share * below[-1], 1e-9 * below[-1]
    first, last = np.searchsorted(below, [aim - rounding, aim + rounding], side="right")
    return float(0.5 * (values[first] + values[min(last, len(values) - 1)]))
