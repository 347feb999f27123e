"""What the estimators of densities, labels and targets share: visible units, labels, learning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from ebm.errors import EbmError, short
from ebm.estimators.shell import Shell, as_given, dense, in_our_words
from ebm.gaps import has_gaps, opened, refuse_empty
from ebm.learning import Rule
from ebm.machine import Array, Machine
from ebm.optimisers import Optimiser
from ebm.penalties import Penalty
from ebm.progress import Update
from ebm.selection import EarlyStopping
from ebm.training import Course, begin, train
from ebm.training.judges import Judge
from ebm.training.steps import steps_per_epoch
from ebm.units import Bernoulli, Gaussian, Units

__all__ = ["Inputs", "Labels", "held_out", "learn"]


class Labels(Shell):
    """Class labels of any kind as numbers 0, 1, …, in `classes_`; predictions from `predict_proba`."""

    classes_: Array
    predict_proba: Callable[[Any], Array]

    def _begin_labels(self, y: Any, classes: Any = None) -> Array:
        with in_our_words():
            check_classification_targets(y)
            self.classes_ = np.unique(y) if classes is None else np.unique(classes)
        if len(self.classes_) < 2:
            raise EbmError(f"y: expected 2 classes or more, got 1 class, {short(self.classes_[0])}")
        return self._labels(y)

    def _labels(self, y: Any) -> Array:
        with in_our_words():
            numbers = np.searchsorted(self.classes_, y)
        known = self.classes_[np.minimum(numbers, len(self.classes_) - 1)] == y
        if not known.all():
            raise EbmError(
                f"y: unknown class {short(y[~known][0])}; expected one of {short(self.classes_.tolist())}"
            )
        return numbers

    def predict_log_proba(self, X: Any) -> Array:
        """log p(y | x), nats."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def predict(self, X: Any) -> Array:
        """The likeliest class of each row, (n_samples,)."""
        p = self.predict_proba(X)  # first: it says what is wrong
        return self.classes_[p.argmax(1)]


class Inputs(Shell):
    """How rows of data become visible units: for estimators with a parameter `visible`.

    Attributes
    ----------
    visible_ : Units
    shift_, scale_ : ndarray, (n_features,) or None
        Gaussian units are (X − shift_) / scale_: of mean 0 and the same standard deviation in all features of
        the training rows.
    """

    _learnt = (*Shell._learnt, "visible_", "shift_", "scale_")
    _real: Units = Gaussian()
    _deviation = 1.0  # of a feature, in those of a Gaussian unit given the others
    _states = False  # whether values between the states are no data of two-state units
    visible: Any
    visible_: Units
    shift_: Any
    scale_: Any

    def _dense_rows(self, X: Any, *, reset: bool = False) -> Array:
        """X checked; sparse rows are made dense."""
        return np.ascontiguousarray(dense(self._rows(X, reset=reset)))

    def _rows_and(self, X: Any, y: Any, *, reset: bool = True, **how: Any) -> tuple[Array, Array]:
        """X and y checked, y as `validate_data` has it; sparse rows are made dense."""
        how |= {"accept_sparse": "csr", "dtype": (np.float64, np.float32), "reset": reset}
        with in_our_words():
            X, y = validate_data(self, as_given(X, "X"), as_given(y, "y"), **how)
        return np.ascontiguousarray(dense(X)), y

    def _begin_inputs(self, X: Array) -> Array:
        """Decide what the visible units are, and return X as such."""
        known, mean, deviation_of = X, np.mean, np.std
        if has_gaps(X):
            refuse_empty(np.isnan(X), "X")
            known, mean, deviation_of = X[~np.isnan(X)], np.nanmean, np.nanstd
        between = bool(known.min(initial=0) >= 0 and known.max(initial=0) <= 1)
        between = between and (not self._states or bool(np.isin(known, (0, 1)).all()))
        self.visible_ = self._units("visible", Bernoulli() if between else self._real)
        self.shift_ = self.scale_ = None
        if isinstance(self.visible_, Gaussian):
            self.shift_, deviation = mean(X, 0), deviation_of(X, 0)
            self.scale_ = np.where(deviation > 10 * np.finfo(X.dtype).eps * np.abs(self.shift_), deviation, 1)
            self.scale_ = (self.scale_ / self._deviation).astype(X.dtype)
        return self._inputs(X)

    def _inputs(self, X: Array) -> Array:
        if self.shift_ is None:
            if not has_gaps(X):
                return self.visible_.check(X, "X")
            whole, gaps = opened(self.visible_, X, "X")
            return np.where(gaps, np.nan, whole).astype(X.dtype, copy=False)
        return ((X - self.shift_) / self.scale_).astype(X.dtype, copy=False)


def held_out(n: int, fraction: float, seed: int, y: Array | None = None) -> tuple[Array, Array]:
    """Numbers of the rows to learn from and of those to hold out, in equal shares of the classes y."""
    from sklearn.model_selection import train_test_split

    if not 0 < fraction < 1:
        raise EbmError(f"validation_fraction: expected a number between 0 and 1, got {short(fraction)}")
    few = y is not None and np.unique(y, return_counts=True)[1].min() < 2
    train_rows, others = train_test_split(
        np.arange(n), test_size=fraction, random_state=seed % 2**32, stratify=None if few else y
    )
    return train_rows, others


def learn(
    machine: Machine,
    rows: Array,
    rule: Rule[Machine],
    optimiser: Optimiser,
    *,
    epochs: int,
    batch_size: int,
    seed: int,
    weights: Array | None = None,
    penalties: Sequence[Penalty] = (),
    judge: Judge[Machine] | None = None,
    stopping: EarlyStopping | None = None,
    update: Update | None = None,
) -> None:
    """Train a machine in place."""
    state, per_epoch = begin(machine, rule, optimiser, seed), steps_per_epoch(len(rows), batch_size)
    course = Course(epochs, per_epoch, judge or Judge(), stopping, update=update, rows=rows)
    steps = train(state, rows, rule, optimiser, batch_size, seed, weights=weights, penalties=penalties)
    for _ in course.run(state, steps):
        pass
    course.settle(state)
