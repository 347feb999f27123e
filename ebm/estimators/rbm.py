"""Features by a restricted Boltzmann machine: scikit-learn's BernoulliRBM, of any unit types."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import ArrayLike
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ebm.estimators.order import arranged, chosen_columns, row_weights
from ebm.estimators.shell import Verbose, by_blocks, dense, within_means
from ebm.estimators.visible import Inputs
from ebm.learning import PCD, Rule
from ebm.learning.sampling import Persistent
from ebm.machine import Array, Machine
from ebm.optimisers import SGD, Optimiser
from ebm.optimisers.schedules import rate_at
from ebm.rbm import RBM
from ebm.scores import pseudo_likelihood, reconstruction_error
from ebm.stream import SAMPLE, Stream
from ebm.training import Course, State, begin, partial_fit, train
from ebm.training.history import Row
from ebm.training.judges import Judge
from ebm.training.pace import steady
from ebm.training.steps import steps_per_epoch
from ebm.units import Bernoulli, Gaussian

__all__ = ["RBMTransformer"]

_DENSE = 2**25  # numbers up to which sparse rows are learnt from as an array of 128 MiB
_SMALL = 2**21  # batch · n_visible · n_hidden up to which a step is mostly calls


class RBMTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Inputs):
    """A restricted Boltzmann machine whose hidden means are features.

    It has the parameters and attributes of `sklearn.neural_network.BernoulliRBM` and learns as that does, by
    persistent contrastive divergence with as many chains as a batch has rows, so that changing the import is
    enough. It differs in this: weights start at a size at which the hidden units tell rows apart, with biases
    at the data's means; the rate, left out, follows the curvature, and the passes the number of rows; data
    outside [0, 1] are learnt by Gaussian units; a short last batch counts for what it is; learning does not
    depend on the order of the rows; ``random_state=None`` leaves numpy's global generator alone.

    Parameters
    ----------
    n_components : int
        Hidden units.
    learning_rate : float, optional
        Of gradient ascent on the mean log-likelihood of a batch; without effect when `optimiser` is given.
        A tenth of one over the curvature at the start when left out, docs/math.md (5.7a), at which learning
        is stable whatever the units and their numbers.
    batch_size : int
        Rows of a batch, and persistent chains when `rule` is left out.
    n_iter : int, optional
        Passes over the data: 10, or as many as make 1000 updates, when left out.
    verbose : int
        Above 0, a line for each pass: the pseudo-likelihood, nats per sample, or for real visible units the
        reconstruction error.
    random_state : int, RandomState, Generator or None
        Seeds the weights, the batches and the chains.
    visible : Units, optional
        ``Bernoulli()`` where all of X lies in [0, 1], used as means (later values outside are clipped, with a
        warning), else ``Gaussian()``, by default. Features of Gaussian units are standardised inside, to two
        standard deviations of the units' noise.
    hidden : Units, optional
        ``Bernoulli()`` when left out.
    rule : Rule, optional
        ``PCD(n_chains=batch_size)`` when left out.
    optimiser : Optimiser, optional
        ``SGD(learning_rate)`` when left out.
    penalties : list of L1, L2 or GroupLasso, optional
        On the weights.

    Attributes
    ----------
    components_ : ndarray, (n_components·width, n_features·width)
        Weights, transposed.
    intercept_hidden_ : ndarray, (n_components·width,)
    intercept_visible_ : ndarray, (n_features·width,)
    h_samples_ : ndarray, (n_chains, n_components)
        Hidden states of the persistent chains, where the rule has some.
    machine_ : RBM
        The machine itself, of the dtype of the data.
    n_features_in_ : int
    feature_names_in_ : ndarray, (n_features_in_,)
        Where the columns have names.
    visible_ : Units
    shift_, scale_ : ndarray, (n_features,) or None
        Gaussian units are (X − shift_) / scale_.

    References
    ----------
    Tieleman, "Training restricted Boltzmann machines using approximations to the likelihood gradient" (2008).

    Examples
    --------
    >>> import numpy as np
    >>> from ebm.estimators import RBMTransformer
    >>> X = np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
    >>> model = RBMTransformer(n_components=2, random_state=0).fit(X)
    >>> model.transform(X).shape, model.components_.shape
    ((4, 2), (2, 3))
    """

    _learnt = (*Inputs._learnt, "machine_", "_steady", "_seed_used", "_draws")
    _deviation = 2.0  # in directions in which data vary less than units do by themselves nothing is learnt

    def __init__(
        self,
        n_components: int = 256,
        *,
        learning_rate: float | None = None,
        batch_size: int = 10,
        n_iter: int | None = None,
        verbose: int = 0,
        random_state: Any = None,
        visible: Any = None,
        hidden: Any = None,
        rule: Any = None,
        optimiser: Any = None,
        penalties: Any = None,
    ) -> None:
        self.n_components = n_components
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.verbose = verbose
        self.random_state = random_state
        self.visible = visible
        self.hidden = hidden
        self.rule = rule
        self.optimiser = optimiser
        self.penalties = penalties

    def __sklearn_tags__(self) -> Any:
        """Features have the dtype of the rows."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    components_ = property(lambda self: self.machine_.W.T, doc="Weights, transposed.")
    intercept_hidden_ = property(lambda self: self.machine_.c, doc="Hidden biases.")
    intercept_visible_ = property(lambda self: self.machine_.b, doc="Visible biases.")
    _n_features_out = property(lambda self: len(self.machine_.c))

    @property
    def h_samples_(self) -> Array:
        """Hidden states of the persistent chains."""
        if "_learning" not in vars(self):
            raise AttributeError("h_samples_: no chains in this file; expected partial_fit first")
        chains = self._learning.chains
        if not isinstance(chains, Persistent) or chains.ahead is None:
            raise AttributeError(f"h_samples_: {self.rule!r} keeps no hidden states between updates")
        return np.asarray(chains.ahead)

    def fit(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> RBMTransformer:
        """Learn from rows, anew.

        Parameters
        ----------
        X : (n_samples, n_features), an array or a sparse matrix
        y : ignored
        sample_weight : (n_samples,), optional
            Weights >= 0; 2 is a row that stands twice.

        Raises
        ------
        EbmError
            A parameter that makes no sense; rows outside the domain of `visible`. (A ValueError.)
        Diverged
            Parameters became non-finite: lower the learning rate.
        """
        rows, (rule, own), penalties = self._rows(X, reset=True), self._how(), self._penalties()
        order, weights = arranged(rows, None, sample_weight)
        batch_size, n_iter = self._count("batch_size"), self._passes(len(order), 10, 1000)
        per_epoch = steps_per_epoch(len(order), batch_size)
        rows = rows[order]
        if rows.shape[0] * rows.shape[1] <= _DENSE:  # so that what is learnt does not depend on the form
            rows = dense(rows)
        rows = self._begin_rows(rows)
        optimiser = self._begin(rows, rule, own)
        verbose, state = Verbose(self), self._learning

        def row(state: State[RBM]) -> Row:
            return self._judged(rows) if verbose.enabled else {}

        small = batch_size * self.machine_.W.size <= _SMALL and not scipy.sparse.issparse(rows)
        usual = self.rule is None and self.optimiser is None and not penalties and self._of_bits()
        if small and usual:
            steps = _compiled(self, rows, weights, rate_at(optimiser.rate, 0.0))
        else:
            steps = train(
                state, rows, rule, optimiser, batch_size, self._seed_used, weights=weights,
                penalties=penalties,
            )  # fmt: skip
        course = Course(n_iter, per_epoch, Judge(row), update=verbose.say, rows=rows)
        for _ in course.run(state, steps):
            pass
        course.settle(state)
        return self

    def partial_fit(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> RBMTransformer:
        """Make one update with these rows, beginning where learning was left.

        Parameters
        ----------
        X : (n_samples, n_features), an array or a sparse matrix
            One batch.
        y : ignored
        sample_weight : (n_samples,), optional
            Weights >= 0; only those within a batch are compared.

        Raises
        ------
        EbmError, Diverged
            As `fit`.
        """
        first = "machine_" not in vars(self)
        rows, (rule, own) = self._rows(X, reset=first), self._how()
        rows = self._begin_rows(rows) if first else self._inputs(rows)
        weights = row_weights(sample_weight, rows.shape[0])
        if first:
            self._begin(rows, rule, own)
        optimiser = self._given(own)
        if "_learning" not in vars(self):  # read from an old file
            self._learning = begin(self.machine_, rule, optimiser, self._seed_used)
        partial_fit(
            self._learning, dense(rows), rule, optimiser, weights=weights, penalties=self._penalties()
        )
        return self

    def transform(self, X: Any) -> Array:
        """Means of the hidden units given the rows, ⟨φ(h)⟩.

        Parameters
        ----------
        X : (n_samples, n_features), an array or a sparse matrix

        Returns
        -------
        ndarray, (n_samples, n_components·width)
            Probabilities of 1 for Bernoulli units.
        """
        return by_blocks(lambda rows: self.machine_.mean_h(self._inputs(rows)), self._seen(X))

    def gibbs(self, v: Any) -> Array:
        """Sweep once: hidden units drawn given the rows, visible units given those.

        Parameters
        ----------
        v : (n_samples, n_features)

        Returns
        -------
        ndarray, (n_samples, n_features)
            Other draws at every call.
        """
        rows = self.machine_.sweep(self._inputs(dense(self._seen(v))), self._draws)
        return rows if self.shift_ is None else rows * self.scale_ + self.shift_

    def score_samples(self, X: Any) -> Array:
        """The pseudo-log-likelihood of each row as scikit-learn has it: nats per sample, (n_samples,).

        Of one visible unit, chosen at random, log p(v_i | the others), times n_features: an unbiased estimate
        of the sum over all, docs/math.md (7.3). Which unit it is depends on the row and on `random_state`
        only. `ebm.pseudo_likelihood` gives the sum, `ebm.log_likelihood` the likelihood, of `machine_`.

        Parameters
        ----------
        X : (n_samples, n_features), an array or a sparse matrix
            States; of values between 0 and 1, v and 1 − v are compared. Of real units, whose states cannot
            be compared so, the score is −F(v): log p(v) but for log Z, a constant.
        """
        return self._scores(self._inputs(self._seen(X)))

    def _scores(self, rows: Any) -> Array:
        if not self.machine_.visible.finite:
            return -self.machine_.free_energy(rows)
        sites = chosen_columns(rows, self._seed_used)
        return _pseudo_likelihood(self.machine_, dense(rows), sites)

    def _how(self) -> tuple[Rule[Machine], Optimiser | None]:
        """Rule and optimiser, checked; no optimiser where the rate is to follow the curvature."""
        rule = self._rule(PCD(n_chains=self._count("batch_size")))
        rate = None if self.learning_rate is None else self._number("learning_rate", 0, ends=False)
        if rate is None and self.optimiser is None:
            return rule, None
        return rule, self._optimiser(SGD(rate or 1.0))

    def _begin_rows(self, rows: Any) -> Any:
        """Decide what the visible units are, and return rows as such."""
        ends = (rows.min(), rows.max()) if 0 not in rows.shape else (0, 0)
        given = self._units("visible", Bernoulli() if ends[0] >= 0 and ends[1] <= 1 else self._real)
        if isinstance(given, Gaussian):
            return self._begin_inputs(dense(rows))
        self.visible_, self.shift_, self.scale_ = given, None, None
        return self._inputs(rows)

    def _inputs(self, X: Any) -> Any:
        if self.shift_ is None:
            return within_means(X, self.visible_, "RBMTransformer: X")
        return super()._inputs(dense(X))

    def _begin(self, rows: Any, rule: Rule[Machine], own: Optimiser | None) -> Optimiser:
        hidden = self._units("hidden", Bernoulli())
        seed, n_components = self._seed(), self._count("n_components")
        first = dense(rows[:10000] if scipy.sparse.issparse(rows) else rows)
        machine = RBM.from_data(
            first, n_components, visible=self.visible_, hidden=hidden, spread=1.0, seed=seed, dtype=rows.dtype
        )
        self._steady = steady(machine, first) if own is None else None
        optimiser = self._given(own)
        self.machine_, self._seed_used, self._draws = machine, seed, Stream(seed).split(SAMPLE)
        self._learning = begin(machine, rule, optimiser, seed)
        return optimiser

    def _given(self, own: Optimiser | None) -> Any:
        """The optimiser that was asked for, else the one that the first rows had."""
        return self._steady if own is None else own

    def _of_bits(self) -> bool:
        machine = self.machine_
        return isinstance(machine.visible, Bernoulli) and isinstance(machine.hidden, Bernoulli)

    def _seen(self, X: Any) -> Any:
        check_is_fitted(self)
        return self._rows(X, reset=False)

    def _judged(self, rows: Any) -> Row:
        if not self.machine_.visible.finite:
            return {"reconstruction_error": reconstruction_error(self.machine_, dense(rows[:2000]))}
        return {"pseudo-likelihood": float(self._scores(rows).mean())}


def _compiled(
    estimator: RBMTransformer, rows: Array, weights: Array | None, rate: float
) -> Iterator[State[RBM]]:
    """What `train` does with small machines of bits learnt by PCD-1: whole epochs as compiled code."""
    from ebm.kernels.learning.persistent import persistent_updates

    machine, state, n = estimator.machine_, estimator._learning, len(rows)
    kind = machine.dtype.type
    x = np.array(state.chains.states, machine.dtype)
    h = np.array(machine.sample_h(x, state.rng), machine.dtype)
    w = np.ones(n, kind) if weights is None else (weights / weights.mean()).astype(kind)
    per_epoch = steps_per_epoch(n, estimator.batch_size)
    rate, shuffles = kind(rate), Stream(estimator._seed_used).key
    for epoch in itertools.count():
        source = np.random.SeedSequence(shuffles, spawn_key=(epoch,))
        order = np.random.default_rng(source).permutation(n)
        uniforms, params = state.rng.advance(2 * per_epoch), (machine.W, machine.b, machine.c)
        persistent_updates(uniforms, rows, w, order, estimator.batch_size, rate, params, h, x)
        machine.project()
        state.step += per_epoch
        state.chains = Persistent(x, h)
        yield state


def _pseudo_likelihood(machine: RBM, rows: Array, sites: Array) -> Array:
    if not isinstance(machine.visible, Bernoulli):
        return pseudo_likelihood(machine, rows, sites=sites)
    flipped = rows.copy()
    flipped[np.arange(len(rows)), sites] = 1 - rows[np.arange(len(rows)), sites]
    gap = machine.free_energy(flipped) - machine.free_energy(rows)
    return -rows.shape[1] * np.logaddexp(0, -gap)
