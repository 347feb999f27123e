"""Classifiers of one layer: the softmax, which is one Potts unit, and the classification RBM."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ebm.conditional import conditional_probabilities
from ebm.errors import EbmError, short
from ebm.estimators.order import arranged
from ebm.estimators.shell import Classifier, Verbose
from ebm.estimators.visible import Inputs, Labels, held_out, learn
from ebm.learning import CD, PCD, Discriminative, Hybrid, Rule
from ebm.learning.rules import predictor
from ebm.machine import Array, Machine
from ebm.network import LBFGS, BackPropagation, Layer, Network, fine_tune
from ebm.optimisers import SGD, Adam, Linear, Optimiser
from ebm.optimisers.schedules import Rate
from ebm.penalties import L2
from ebm.rbm import RBM
from ebm.samplers import sample
from ebm.selection import EarlyStopping
from ebm.training import State, begin, partial_fit
from ebm.training.history import Row
from ebm.training.judges import Judge
from ebm.training.pace import steady
from ebm.units import Gaussian, Mixed, Potts

__all__ = ["RBMClassifier", "SoftmaxClassifier"]

_MODES = ("discriminative", "hybrid", "generative")


class SoftmaxClassifier(Classifier, Labels, Inputs):
    """Softmax regression: one Potts unit given the features, p(y | x) = softmax(b + x·W).

    Parameters
    ----------
    alpha : float
        L2 penalty on W, ½ alpha |W|² beside the mean loss, nats per sample; features are standardised first.
    max_iter : int
        Iterations of L-BFGS.
    tol : float
        Largest slope at which it ends.
    learning_rate : float
        Of `partial_fit`, which takes steps of Adam.
    verbose : bool or int
    random_state : int, RandomState or None
        Of `partial_fit`.

    Attributes
    ----------
    network_ : Network
        Of one layer, on standardised features.
    n_iter_ : int
    classes_ : ndarray

    Examples
    --------
    >>> from ebm.estimators import SoftmaxClassifier
    >>> SoftmaxClassifier().fit([[0.0], [1.0], [2.0]], ["a", "a", "b"]).predict([[5.0]])
    array(['b'], dtype='<U1')
    """

    _learnt = (*Inputs._learnt, "classes_", "network_")
    visible = Gaussian()

    def __init__(
        self,
        alpha: float = 1e-3,
        *,
        max_iter: int = 500,
        tol: float = 1e-7,
        learning_rate: float = 0.01,
        verbose: Any = 0,
        random_state: Any = None,
    ) -> None:
        self.alpha = alpha
        self.max_iter = max_iter
        self.tol = tol
        self.learning_rate = learning_rate
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> SoftmaxClassifier:
        """Learn from X, (n_samples, n_features), an array or a sparse matrix, and labels y, (n_samples,)."""
        lbfgs, penalties = LBFGS(tolerance=self._number("tol", ends=False)), [L2(self._number("alpha"))]
        X, y = self._rows_and(X, y)
        y = self._begin_labels(y)
        order, weights = arranged(X, y, sample_weight)
        X, y = self._begin_inputs(X[order]), y[order]
        self.network_ = self._network(X)
        history = fine_tune(
            self.network_, X, y, optimiser=lbfgs, epochs=self._count("max_iter"), weights=weights,
            penalties=penalties, progress=Verbose(self).say,
        )  # fmt: skip
        self.n_iter_ = max(1, len(history))
        return self

    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None
    ) -> SoftmaxClassifier:
        """Take one step with the rows of X, a batch; the first call must name all classes."""
        first, penalties = "network_" not in vars(self), [L2(self._number("alpha"))]
        rule, optimiser = BackPropagation(), Adam(self._number("learning_rate", ends=False))
        X, y = self._rows_and(X, y, reset=first)
        if first:
            y = self._begin_labels(y, classes)
            X = self._begin_inputs(X)
            self.network_ = self._network(X)
        else:
            y, X = self._labels(y), self._inputs(X)
        if "_state" not in vars(self):
            self._state = begin(self.network_, rule, optimiser, self._seed())
        target = self.network_.target(y, len(X))
        partial_fit(self._state, (X, target), rule, optimiser, weights=sample_weight, penalties=penalties)
        return self

    def _network(self, X: Array) -> Network:
        k = len(self.classes_)
        return Network([Layer(Potts(k), np.zeros((X.shape[1], k), X.dtype), np.zeros(k, X.dtype))])

    def predict_proba(self, X: Any) -> Array:
        """p(y | x) of every class, (n_samples, n_classes), of the dtype of X; rows sum to 1."""
        check_is_fitted(self, "network_")
        X = self._dense_rows(X)
        return np.exp(self.network_.log_probabilities(self._inputs(X))).astype(X.dtype, copy=False)


class RBMClassifier(Classifier, Labels, Inputs):
    """A restricted Boltzmann machine over features and label: p(y | x), p(x, y) and samples of one model.

    The label is a Potts unit beside the features; p(y | x) is exact, a softmax of free energies.

    Parameters
    ----------
    n_components : int
        Hidden units.
    mode : {"discriminative", "hybrid", "generative"}
        Learn log p(y | x), that and alpha log p(x, y), or log p(x, y) alone.
    alpha : float
        Of "hybrid".
    learning_rate : float, optional
        Falls to zero over the passes. 0.1 when left out; less where log p(x, y) of Gaussian units is learnt
        and that would not be stable, docs/math.md (5.7a).
    momentum : float
    batch_size, n_iter : int
    n_iter_pretraining, learning_rate_pretraining : int, float
        Passes that learn log p(x, y) before, by CD, at a rate that falls to zero, 0.03 or what is stable when
        left out: the classifier then starts
        from features of what the data look like. Rows without a label are part of it. At high rates many
        hidden units fall silent at once: take less for more of them.
    dropout : float
        Part of the features left out in every update of log p(y | x), against overfitting.
    l2 : float
        Penalty on the couplings, nats per sample.
    visible : Units, optional
        Of the features: Bernoulli where all of X lies in [0, 1], else Gaussian, standardised inside.
    rule : Rule, optional
        Of the generative part: ``CD()`` for "hybrid", ``PCD()`` for "generative" by default.
    unlabelled : optional
        The value of y that marks a row without label, such as −1: it adds alpha log p(x). Not for
        "generative".
    early_stopping : bool
        Hold out a part of the rows, keep the machine with the smallest loss on them, and stop when there was
        none better for `n_iter_no_change` passes.
    validation_fraction : float
    n_iter_no_change : int
    verbose : bool or int
    random_state : int, RandomState or None

    Attributes
    ----------
    machine_ : RBM
        Its last visible unit is the label.
    classes_ : ndarray

    References
    ----------
    Larochelle & Bengio, "Classification using discriminative restricted Boltzmann machines" (2008).

    Examples
    --------
    >>> import numpy as np
    >>> from ebm.estimators import RBMClassifier
    >>> X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]] * 5)
    >>> model = RBMClassifier(8, learning_rate=0.5, n_iter=200, random_state=0).fit(X, X[:, 0] ^ X[:, 1])
    >>> model.predict([[0, 1], [1, 1]])
    array([1, 0])
    """

    _learnt = (*Inputs._learnt, "classes_", "machine_")

    def __init__(
        self,
        n_components: int = 200,
        *,
        mode: str = "discriminative",
        alpha: float = 0.1,
        learning_rate: float | None = None,
        momentum: float = 0.9,
        batch_size: int = 100,
        n_iter: int = 100,
        n_iter_pretraining: int = 0,
        learning_rate_pretraining: float | None = None,
        dropout: float = 0.0,
        l2: float = 0.0,
        visible: Any = None,
        rule: Any = None,
        unlabelled: Any = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        verbose: Any = 0,
        random_state: Any = None,
    ) -> None:
        self.n_components = n_components
        self.mode = mode
        self.alpha = alpha
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.n_iter_pretraining = n_iter_pretraining
        self.learning_rate_pretraining = learning_rate_pretraining
        self.dropout = dropout
        self.l2 = l2
        self.visible = visible
        self.rule = rule
        self.unlabelled = unlabelled
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> RBMClassifier:
        """Learn from X, (n_samples, n_features), an array or a sparse matrix, and labels y, (n_samples,)."""
        rule, n_iter, batch_size = self._how(), self._count("n_iter", 0), self._count("batch_size")
        X, y = self._rows_and(X, y)
        y = self._numbers(y)
        order, weights = arranged(X, np.nan_to_num(y, nan=-1), sample_weight)
        X, y, seed = self._begin_inputs(X[order]), y[order], self._seed()
        rows = np.column_stack([X, y.astype(X.dtype)])
        rest, heldout = np.arange(len(rows)), None
        if self._flag("early_stopping"):
            labelled = np.where(np.isnan(y), -1, y)
            rest, others = held_out(len(rows), self.validation_fraction, seed, labelled)
            heldout = rows[others]
        self.machine_ = self._machine(rows[rest], seed)
        stopping, verbose = EarlyStopping(self._count("n_iter_no_change"), "loss"), Verbose(self)
        predicts = predictor(rule) or Discriminative()
        given: dict[str, Any] = {"weights": None if weights is None else weights[rest]}
        given |= {"batch_size": batch_size, "seed": seed, "penalties": self._penalties()}
        self._pretrain(rows[rest], given, verbose)
        optimiser = self._ascent(rows[rest], falls=True)

        sets = {"train": rows[rest]} if verbose.enabled else {}
        sets |= {} if heldout is None else {"heldout": heldout}

        def row(state: State[Machine]) -> Row:
            found: Row = {}
            for name, judged in sets.items():
                found[f"loss_{name}"], found[f"error_{name}"] = predicts.score(state.machine, judged)
            return found

        def score(state: State[Machine], row: Row, stopping: EarlyStopping) -> float:
            return -row["loss_heldout"]

        learn(
            self.machine_, rows[rest], rule, optimiser, epochs=n_iter, judge=Judge(row, score),
            stopping=None if heldout is None else stopping, update=verbose.say, **given,
        )  # fmt: skip
        return self

    def _pretrain(self, rows: Array, given: dict[str, Any], verbose: Verbose) -> None:
        """Learn what the rows look like, labels and all."""
        passes = self._count("n_iter_pretraining", 0)
        if self.learning_rate_pretraining is not None:
            self._number("learning_rate_pretraining", ends=False)
        if not passes:
            return
        rule: Rule[Machine] = CD()
        if np.isnan(rows[:, -1]).any():
            rule = Hybrid(1.0, rule)  # draws the labels that are missing

        def say(done: float, line: str) -> None:
            verbose.say(done, f"pre-training, {line}")

        optimiser = self._stable(rows, self.learning_rate_pretraining, 0.03, passes, 1.0)
        learn(self.machine_, rows, rule, optimiser, epochs=passes, update=say, **given)

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> RBMClassifier:
        """Make one update with the rows of X, a batch, at the rate `learning_rate`.

        The first call makes the machine; it must name all classes.
        """
        first, rule = "machine_" not in vars(self), self._how()
        X, y = self._rows_and(X, y, reset=first)
        if first:
            y, X = self._begin_labels(y, classes), self._begin_inputs(X)
        else:
            y, X = self._labels(y), self._inputs(X)
        rows = np.column_stack([X, y.astype(X.dtype)])
        if first:
            self.machine_ = self._machine(rows, self._seed())
        optimiser = self._ascent(rows, falls=False)
        if "_state" not in vars(self):
            self._state = begin(self.machine_, rule, optimiser, self._seed())
        partial_fit(self._state, rows, rule, optimiser, weights=sample_weight, penalties=self._penalties())
        return self

    def _numbers(self, y: Array) -> Array:
        """Labels as numbers, NaN for rows without one."""
        if self.unlabelled is None:
            return self._begin_labels(y)
        if self.mode == "generative":
            raise EbmError("unlabelled: mode generative needs labels; expected mode hybrid")
        if not np.isscalar(self.unlabelled):
            name = f"{type(self).__name__}: unlabelled"
            raise EbmError(f"{name}: expected a label such as -1, or None, got {short(self.unlabelled)}")
        try:
            known = y != self.unlabelled
        except OverflowError:  # an integer that no array has
            raise EbmError(f"unlabelled: expected a label such as -1, got {short(self.unlabelled)}") from None
        if not known.any():
            raise EbmError(
                f"y: all rows are {short(self.unlabelled)}, unlabelled; expected some of 2 classes or more"
            )
        numbers = np.full(len(y), np.nan)
        numbers[known] = self._begin_labels(y[known])
        return numbers

    def _how(self) -> Rule[Machine]:
        """The rule, checked, and the numbers of the optimiser."""
        dropout, mode = self._number("dropout", 0, 1), self._choice("mode", *_MODES)
        self._number("momentum", 0, 1)
        if self.learning_rate is not None:
            self._number("learning_rate", ends=False)
        if mode == "discriminative":
            return Discriminative(dropout=dropout)
        if mode == "hybrid":
            return Hybrid(self._number("alpha"), self._rule(CD()), dropout=dropout)
        return self._rule(PCD())

    def _ascent(self, rows: Array, *, falls: bool) -> Optimiser:
        """The optimiser of the passes over these rows."""
        lag = 1 / (1 - min(self.momentum, 0.99))
        part = {"discriminative": 0.0, "hybrid": self.alpha, "generative": lag}[self.mode]
        epochs = max(1, self._count("n_iter", 0)) if falls else 0
        return self._stable(rows, self.learning_rate, 0.1, epochs, part)

    def _stable(self, rows: Array, rate: float | None, most: float, epochs: int, part: float) -> Optimiser:
        """SGD at a rate, or at one that is stable; it falls to zero over the epochs, if there are any."""

        def schedule(rate: float) -> Rate:
            return Linear(rate, 0.0, epochs=epochs) if epochs else rate

        if rate is not None:
            return SGD(schedule(rate), momentum=self.momentum)
        known = rows[~np.isnan(rows[:, -1])]
        return steady(self.machine_, known, most, self.momentum, schedule, part)

    def _penalties(self) -> tuple[L2, ...]:
        l2 = self._number("l2")
        return (L2(l2),) if l2 else ()

    def _machine(self, rows: Array, seed: int) -> RBM:
        units = Mixed(((self.visible_, rows.shape[1] - 1), (Potts(len(self.classes_)), 1)))
        known = rows[~np.isnan(rows[:, -1])]
        n_components = self._count("n_components")
        scale = rows.shape[1] ** -0.5  # inputs of hidden units differ from row to row from the start
        return RBM.from_data(known, n_components, visible=units, scale=scale, seed=seed, dtype=rows.dtype)

    def predict_proba(self, X: Any) -> Array:
        """p(y | x) of every class, (n_samples, n_classes), of the dtype of X; rows sum to 1."""
        check_is_fitted(self, "machine_")
        X = self._dense_rows(X)
        return conditional_probabilities(self.machine_, self._inputs(X)).astype(X.dtype, copy=False)

    def sample(self, n_samples: int = 1, label: Any = None, random_state: Any = None) -> tuple[Array, Array]:
        """New rows, (n_samples, n_features), and their labels, of p(x, y) or of p(x | y = label).

        Only "generative" and "hybrid" machines know what features look like.
        """
        check_is_fitted(self, "machine_")
        given = None
        if label is not None:
            given = np.full(self.machine_.n_visible, np.nan)
            given[-1] = self._labels(np.asarray([label]))[0]
        seed = self._seed(random_state)
        rows = np.asarray(sample(self.machine_, n_samples, given=given, seed=seed).x)
        x, y = rows[:, :-1], self.classes_[rows[:, -1].astype(int)]
        return (x if self.shift_ is None else x * self.scale_ + self.shift_), y
