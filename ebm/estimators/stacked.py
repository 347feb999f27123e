"""Stacks of RBMs, pre-trained layer by layer and fine-tuned by back-propagation."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from sklearn.base import MultiOutputMixin
from sklearn.utils.validation import check_is_fitted

from ebm.arguments import as_count
from ebm.errors import expect_all
from ebm.estimators.order import arranged
from ebm.estimators.shell import Classifier, Regressor, Verbose, in_our_words
from ebm.estimators.visible import Inputs, Labels, held_out, learn
from ebm.learning import CD
from ebm.machine import Array
from ebm.network import Layer, Network, fine_tune
from ebm.optimisers import Adam, Linear, Optimiser
from ebm.penalties import L2
from ebm.rbm import RBM
from ebm.selection import EarlyStopping
from ebm.training.pace import steady
from ebm.units import Bernoulli, Gaussian, Potts, Units

__all__ = ["DBNClassifier", "DBNRegressor"]

_FEW = 20  # rows from which on some are held out to judge a network by


class _Stack(Inputs):
    """What both estimators do: settings, pre-training, fine-tuning."""

    def __init__(
        self,
        hidden_layer_sizes: Any = (256,),
        *,
        n_iter_pretraining: int = 10,
        learning_rate_pretraining: float = 0.05,
        learning_rate_init: float = 0.02,
        max_iter: int = 100,
        batch_size: Any = "auto",
        alpha: float = 1e-5,
        dropout: Any = 0.0,
        visible: Any = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        verbose: Any = 0,
        random_state: Any = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.n_iter_pretraining = n_iter_pretraining
        self.learning_rate_pretraining = learning_rate_pretraining
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.alpha = alpha
        self.dropout = dropout
        self.visible = visible
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.verbose = verbose
        self.random_state = random_state

    def _settings(self) -> dict[str, Any]:
        """The parameters, checked."""
        given = self.hidden_layer_sizes
        name = f"{type(self).__name__}: hidden_layer_sizes"
        several = (given,) if isinstance(given, (int, np.integer)) else given
        whole = expect_all(several, (int, np.integer), name, "a number of units or several such as [64, 32]")
        sizes = [as_count(n, name) for n in whole]
        if not (isinstance(self.batch_size, str) and self.batch_size == "auto"):
            self._count("batch_size")
        counts = {name: self._count(name, 0) for name in ("n_iter_pretraining", "max_iter")}
        rates = ("learning_rate_pretraining", "learning_rate_init")
        numbers = {name: self._number(name, ends=False) for name in rates} | {"alpha": self._number("alpha")}
        stopping = EarlyStopping(self._count("n_iter_no_change"), "loss")
        return {"sizes": sizes, "stopping": stopping} | counts | numbers

    def _batch(self, n: int) -> int:
        """Rows of an update: by default 100, fewer where there would be few updates in a pass."""
        return max(10, min(100, n // 50)) if self.batch_size == "auto" else self.batch_size

    def _stack(self, X: Array, weights: Array | None, how: dict[str, Any], seed: int) -> list[Layer]:
        """The hidden layers before fine-tuning: learnt one on the means of the other, or random."""
        layers: list[Layer] = []
        rows, units, epochs = X, self.visible_, how["n_iter_pretraining"]
        for k, size in enumerate(how["sizes"]):
            if not epochs:
                layers.append(Layer.random(Bernoulli(), rows.shape[1], size, seed=seed + k, dtype=X.dtype))
                rows = rows[:, :1].repeat(size, 1)  # of a random layer only the number of units matters
                continue
            scale = rows.shape[1] ** -0.5  # where there is nothing to learn, features are random, not equal
            machine = RBM.from_data(rows, size, visible=units, scale=scale, seed=seed + k, dtype=X.dtype)
            falls = partial(Linear, stop=0.0, epochs=epochs)
            optimiser = steady(machine, rows, how["learning_rate_pretraining"], 0.5, falls)
            self._pretrain(machine, rows, weights, optimiser, epochs, seed + k)
            layers.append(Layer(machine.hidden, machine.W, machine.c))
            rows, units = machine.mean_h(rows), machine.hidden
        return layers

    def _pretrain(
        self, machine: RBM, rows: Array, weights: Array | None, optimiser: Optimiser, epochs: int, seed: int
    ) -> None:
        verbose = Verbose(self)

        def say(done: float, line: str) -> None:
            verbose.say(done, f"pre-training {machine.n_visible} - {machine.n_hidden}, {line}")

        learn(
            machine, rows, CD(), optimiser, epochs=epochs, batch_size=self._batch(len(rows)),
            seed=seed, weights=weights, update=say,
        )  # fmt: skip

    def _tune(
        self,
        network: Network,
        rows: tuple[Array, Array, Array | None],
        parts: tuple[Array, Array | None],
        how: dict[str, Any],
        seed: int,
    ) -> None:
        """Fine-tune on some of the rows (X, y, weights), judged by those held out, if any are."""
        (X, y, weights), (rest, others) = rows, parts
        epochs = how["max_iter"]
        history = fine_tune(
            network, X[rest], y[rest], epochs=epochs, batch_size=self._batch(len(rest)),
            optimiser=Adam(Linear(how["learning_rate_init"], 0.0, epochs=max(1, epochs))),
            weights=None if weights is None else weights[rest], penalties=[L2(how["alpha"])],
            dropout=self.dropout, validation=None if others is None else (X[others], y[others]),
            stopping=None if others is None else how["stopping"], seed=seed,
            progress=Verbose(self).say,
        )  # fmt: skip
        self.loss_curve_ = history["loss_train"].tolist()
        if others is not None:
            self.validation_loss_curve_ = history["loss_validation"].tolist()
        self.n_iter_ = max(1, len(history))

    def _assembled(self, layers: list[Layer], units: Units, n: int, X: Array) -> Network:
        """The layers and a readout of n columns that says nothing yet."""
        rows = len(layers[-1].b) if layers else X.shape[1]
        readout = Layer(units, np.zeros((rows, n), X.dtype), np.zeros(n, X.dtype))
        return Network([*layers, readout], self.visible_)


class DBNClassifier(Classifier, Labels, _Stack):
    """A deep belief network as a classifier: pre-trained by layers, a softmax on top, fine-tuned.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int
        Units of the hidden layers, from the lowest.
    n_iter_pretraining : int
        Passes of contrastive divergence for each layer; 0 begins with random weights.
    learning_rate_pretraining : float
        Falls to zero.
    learning_rate_init : float
        Of Adam, in fine-tuning; falls to zero over `max_iter`.
    max_iter : int
        Passes of fine-tuning.
    batch_size : int or "auto"
        "auto": 100, or fewer (10 or more), so that a pass has 50 updates.
    alpha : float
        L2 penalty on the weights in fine-tuning, nats per sample.
    dropout : float or sequence of float
        Part of the inputs of each layer that is left out in an update of fine-tuning.
    visible : Units, optional
        Bernoulli where all of X lies in [0, 1], else Gaussian, standardised inside.
    early_stopping : bool
        Hold out a part of the rows, keep the network with the smallest loss on them, and stop when there was
        none better for `n_iter_no_change` passes.
    validation_fraction : float
    n_iter_no_change : int
    verbose : bool or int
    random_state : int, RandomState or None

    Attributes
    ----------
    network_ : Network
    classes_ : ndarray
    loss_curve_, validation_loss_curve_ : list of float
        After every pass of fine-tuning, nats per sample; the second with early stopping.
    n_iter_ : int

    References
    ----------
    Hinton & Salakhutdinov, "Reducing the dimensionality of data with neural networks" (2006).

    Examples
    --------
    >>> import numpy as np
    >>> from ebm.estimators import DBNClassifier
    >>> X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]] * 10)
    >>> model = DBNClassifier((16,), learning_rate_init=0.05, random_state=0).fit(X, X[:, 0] ^ X[:, 1])
    >>> model.predict([[0, 1], [1, 1]])
    array([1, 0])
    """

    _learnt = (*Inputs._learnt, "classes_", "network_", "n_iter_")

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> DBNClassifier:
        """Learn from X, (n_samples, n_features), an array or a sparse matrix, and labels y, (n_samples,)."""
        how = self._settings()
        X, y = self._rows_and(X, y)
        y = self._begin_labels(y)
        order, weights = arranged(X, y, sample_weight)
        X, y, seed = self._begin_inputs(X[order]), y[order], self._seed()
        layers = self._stack(X, weights, how, seed)
        self.network_ = self._assembled(layers, Potts(len(self.classes_)), len(self.classes_), X)
        parts: tuple[Array, Array | None] = np.arange(len(X)), None
        if self._flag("early_stopping"):
            parts = held_out(len(X), self.validation_fraction, seed, y)
        self._tune(self.network_, (X, y, weights), parts, how, seed)
        return self

    def predict_proba(self, X: Any) -> Array:
        """p(y | x) of every class, (n_samples, n_classes), of the dtype of X; rows sum to 1."""
        check_is_fitted(self, "network_")
        X = self._dense_rows(X)
        return np.exp(self.network_.log_probabilities(self._inputs(X))).astype(X.dtype, copy=False)


class DBNRegressor(MultiOutputMixin, Regressor, _Stack):
    """A deep belief network as a regressor: least squares on features and on a fine-tuned stack.

    y = linear part + network + noise. The linear part is ridge regression, its strength chosen by leaving one
    row out; the stack, pre-trained without y, learns what is left of y. Where rows that were held out do not
    say that the network helps, by more than two standard errors of the difference, it is left out: few rows
    are then predicted as well as by ridge regression.

    Parameters
    ----------
    hidden_layer_sizes, n_iter_pretraining, learning_rate_pretraining, learning_rate_init, max_iter
    batch_size, alpha, dropout, visible, early_stopping, validation_fraction, n_iter_no_change
    verbose, random_state
        As of `DBNClassifier`; some rows are always held out, from 20 rows on.

    Attributes
    ----------
    coef_ : ndarray, (n_outputs, n_features); intercept_ : ndarray, (n_outputs,)
        Of the linear part, on visible units.
    network_ : Network or None
        Of what the linear part leaves, in units of its standard deviation.
    noise_ : ndarray, (n_outputs,)
        Standard deviation of y about the prediction: of the rows held out, or by leaving one row out.

    Examples
    --------
    >>> import numpy as np
    >>> from ebm.estimators import DBNRegressor
    >>> X = np.linspace(-2, 2, 400)[:, None]
    >>> model = DBNRegressor((32,), learning_rate_init=0.05, random_state=0).fit(X, np.sin(3 * X[:, 0]))
    >>> bool(model.score(X, np.sin(3 * X[:, 0])) > 0.9)
    True
    """

    _learnt = (*Inputs._learnt, "network_", "n_iter_", "coef_", "intercept_", "noise_", "_flat")

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> DBNRegressor:
        """Learn from X, (n_samples, n_features), an array or a sparse matrix, and numbers y."""
        how = self._settings()
        X, y = self._rows_and(X, y, multi_output=True, y_numeric=True)
        with in_our_words():
            self._flat, y = y.ndim == 1, y.reshape(len(y), -1).astype(X.dtype)
        order, weights = arranged(X, y, sample_weight)
        X, y, seed = self._begin_inputs(X[order]), y[order], self._seed()
        left = y - self._fit_line(X, y, weights)
        self.network_: Network | None = None
        self.n_iter_ = 1
        if len(X) < _FEW or not how["max_iter"]:
            return self
        self.left_scale_ = np.where(left.std(0) > 0, left.std(0), 1).astype(X.dtype)
        target = left / self.left_scale_
        parts = held_out(len(X), max(self.validation_fraction, _FEW / 2 / len(X)), seed)
        layers = self._stack(X, weights, how, seed)
        network = self._assembled(layers, Gaussian(), y.shape[1], X)
        self._tune(network, (X, target, weights), parts, how, seed)
        self._judge(network, X[parts[1]], target[parts[1]])
        return self

    def _judge(self, network: Network, X: Array, target: Array) -> None:
        """Keep the network where rows held out say that it helps, and what it leaves as the noise."""
        off = np.square(target - network.predict_mean(X))
        gain = (np.square(target) - off).mean(1)
        if gain.mean() > 2 * gain.std(ddof=1) / np.sqrt(len(gain)):
            self.network_, self.noise_ = network, self.left_scale_ * np.sqrt(off.mean(0))

    def _fit_line(self, X: Array, y: Array, weights: Array | None) -> Array:
        """Ridge regression; its predictions of the rows."""
        from sklearn.linear_model import RidgeCV

        line = RidgeCV(np.logspace(-3, 4, 15), store_cv_results=True).fit(X, y, weights)
        self.coef_ = np.atleast_2d(line.coef_).astype(X.dtype)
        self.intercept_ = np.atleast_1d(line.intercept_).astype(X.dtype)
        errors = line.cv_results_.reshape(len(y), y.shape[1], -1).mean(0)
        self.noise_ = np.sqrt(errors.min(-1)).astype(X.dtype)
        return X @ self.coef_.T + self.intercept_

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Means of y given X, and with `return_std` the standard deviations: intervals of y, not of its mean.

        Returns
        -------
        y : ndarray, (n_samples,) or (n_samples, n_outputs)
        std : ndarray, of the same shape
        """
        check_is_fitted(self, "coef_")
        X = self._inputs(self._dense_rows(X))
        y = X @ self.coef_.T + self.intercept_
        if self.network_ is not None:
            y = y + self.left_scale_ * self.network_.predict_mean(X)
        shape = (len(y),) if self._flat else y.shape
        y = y.reshape(shape)
        return (
            (y, np.broadcast_to(self.noise_, (len(y), len(self.noise_))).reshape(shape)) if return_std else y
        )
