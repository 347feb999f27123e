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

from ebm.errors import NotSupported
from ebm.estimators.order import arranged, chosen_columns, row_weights
from ebm.estimators.shell import Shell, Verbose, by_blocks, dense, within_means
from ebm.learning import PCD, Rule
from ebm.learning.sampling import Persistent
from ebm.machine import Array, Machine
from ebm.optimisers import SGD, Optimiser
from ebm.rbm import RBM
from ebm.scores import pseudo_likelihood, reconstruction_error
from ebm.stream import SAMPLE, Stream
from ebm.training import Course, State, begin, partial_fit, train
from ebm.training.history import Row
from ebm.training.judges import Judge
from ebm.training.steps import steps_per_epoch
from ebm.units import Bernoulli

__all__ = ["RBMTransformer"]

_DENSE = 2**25  # numbers up to which sparse rows are learnt from as an array of 128 MiB
_SMALL = 2**21  # batch · n_visible · n_hidden up to which a step is mostly calls


class RBMTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Shell):
    """A restricted Boltzmann machine whose hidden means are features.

    It has the parameters, defaults and attributes of `sklearn.neural_network.BernoulliRBM` and learns as that
    does, by persistent contrastive divergence with as many chains as a batch has rows, so that changing the
    import is enough. It differs in four things: visible biases start at the data's means; a short last batch
    counts for what it is; learning does not depend on the order of the rows; ``random_state=None`` leaves
    numpy's global generator alone.

    Parameters
    ----------
    n_components : int
        Hidden units.
    learning_rate : float
        Of gradient ascent on the mean log-likelihood of a batch; without effect when `optimiser` is given.
    batch_size : int
        Rows of a batch, and persistent chains when `rule` is left out.
    n_iter : int
        Passes over the data.
    verbose : int
        Above 0, a line for each pass: the pseudo-likelihood, nats per sample, or for real visible units the
        reconstruction error.
    random_state : int, RandomState, Generator or None
        Seeds the weights, the batches and the chains.
    visible : Units, optional
        ``Bernoulli()`` when left out: rows in [0, 1], used as means; other values are clipped, with a
        warning. Standardise the columns for ``Gaussian()``.
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

    def __init__(
        self,
        n_components: int = 256,
        *,
        learning_rate: float = 0.1,
        batch_size: int = 10,
        n_iter: int = 10,
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
        rows, rule, optimiser = self._rows(X, reset=True), *self._how()
        rows = within_means(rows, self._units("visible", Bernoulli()), "RBMTransformer: X")
        n_iter, batch_size = self._count("n_iter", 0), self._count("batch_size")
        order, weights = arranged(rows, None, sample_weight)
        rows = rows[order]
        if rows.shape[0] * rows.shape[1] <= _DENSE:  # so that what is learnt does not depend on the form
            rows = dense(rows)
        self._begin(rows, rule, optimiser)
        verbose, state = Verbose(self), self._learning

        def row(state: State[RBM]) -> Row:
            return self._judged(rows) if verbose.enabled else {}

        small = batch_size * self.machine_.W.size <= _SMALL and not scipy.sparse.issparse(rows)
        usual = self.rule is None and self.optimiser is None and not self.penalties and self._of_bits()
        if small and usual:
            steps = _compiled(self, rows, weights)
        else:
            steps = train(
                state, rows, rule, optimiser, batch_size, self._seed_used, weights=weights,
                penalties=self.penalties or (),
            )  # fmt: skip
        per_epoch = steps_per_epoch(rows.shape[0], batch_size)
        course = Course(n_iter, per_epoch, Judge(row), update=verbose.say)
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
        rows, rule, optimiser = self._rows(X, reset=first), *self._how()
        rows = within_means(rows, self._units("visible", Bernoulli()), "RBMTransformer: X")
        weights = row_weights(sample_weight, rows.shape[0])
        if first:
            self._begin(rows, rule, optimiser)
        if "_learning" not in vars(self):  # read from an old file
            self._learning = begin(self.machine_, rule, optimiser, self._seed_used)
        partial_fit(
            self._learning, dense(rows), rule, optimiser, weights=weights, penalties=self.penalties or ()
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
        return by_blocks(self.machine_.mean_h, self._seen(X))

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
        rows = dense(self._seen(v))
        return self.machine_.sweep(rows, self._draws)

    def score_samples(self, X: Any) -> Array:
        """The pseudo-log-likelihood of each row as scikit-learn has it: nats per sample, (n_samples,).

        Of one visible unit, chosen at random, log p(v_i | the others), times n_features: an unbiased estimate
        of the sum over all, docs/math.md (7.3). Which unit it is depends on the row and on `random_state`
        only. `ebm.pseudo_likelihood` gives the sum, `ebm.log_likelihood` the likelihood, of `machine_`.

        Parameters
        ----------
        X : (n_samples, n_features), an array or a sparse matrix
            States; of values between 0 and 1, v and 1 − v are compared.

        Raises
        ------
        NotSupported
            Real visible units.
        """
        rows = self._seen(X)
        if not self.machine_.visible.finite:
            raise NotSupported(
                f"score_samples: {self.machine_.visible} units have a continuum of states; expected"
                " BoltzmannMachineDensity for log p(v)"
            )
        sites = chosen_columns(rows, self._seed_used)
        return _pseudo_likelihood(self.machine_, dense(rows), sites)

    def _how(self) -> tuple[Rule[Machine], Optimiser]:
        """Rule and optimiser, checked."""
        rule = self._rule(PCD(n_chains=self._count("batch_size")))
        rate = self._number("learning_rate", 0, ends=False)
        return rule, self._optimiser(SGD(rate))

    def _begin(self, rows: Any, rule: Rule[Machine], optimiser: Optimiser) -> None:
        visible, hidden = self._units("visible", Bernoulli()), self._units("hidden", Bernoulli())
        seed, n_components = self._seed(), self._count("n_components")
        first = dense(rows[:10000] if scipy.sparse.issparse(rows) else rows)
        machine = RBM.from_data(
            first, n_components, visible=visible, hidden=hidden, seed=seed, dtype=rows.dtype
        )
        self.machine_, self._seed_used, self._draws = machine, seed, Stream(seed).split(SAMPLE)
        self._learning = begin(machine, rule, optimiser, seed)

    def _of_bits(self) -> bool:
        machine = self.machine_
        return isinstance(machine.visible, Bernoulli) and isinstance(machine.hidden, Bernoulli)

    def _seen(self, X: Any) -> Any:
        check_is_fitted(self)
        return within_means(self._rows(X, reset=False), self.machine_.visible, f"{type(self).__name__}: X")

    def _judged(self, rows: Any) -> Row:
        if not self.machine_.visible.finite:
            return {"reconstruction_error": reconstruction_error(self.machine_, dense(rows[:2000]))}
        return {"pseudo-likelihood": float(self.score_samples(rows).mean())}


def _compiled(estimator: RBMTransformer, rows: Array, weights: Array | None) -> Iterator[State[RBM]]:
    """What `train` does with small machines of bits learnt by PCD-1: whole epochs as compiled code."""
    from ebm.kernels.learning.persistent import persistent_updates

    machine, state, n = estimator.machine_, estimator._learning, len(rows)
    kind = machine.dtype.type
    x = np.array(state.chains.states, machine.dtype)
    h = np.array(machine.sample_h(x, state.rng), machine.dtype)
    w = np.ones(n, kind) if weights is None else (weights / weights.mean()).astype(kind)
    per_epoch = steps_per_epoch(n, estimator.batch_size)
    rate, shuffles = kind(estimator.learning_rate), Stream(estimator._seed_used).key
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
