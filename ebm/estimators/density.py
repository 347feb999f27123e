"""Densities: log p(x) in nats, and samples."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from sklearn.base import DensityMixin
from sklearn.utils.validation import check_is_fitted

from ebm.boltzmann import BoltzmannMachine
from ebm.errors import NotSupported
from ebm.estimators.order import arranged
from ebm.estimators.shell import Verbose
from ebm.estimators.visible import Inputs, learn
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
from ebm.units import Gaussian

__all__ = ["BoltzmannMachineDensity"]


class BoltzmannMachineDensity(DensityMixin, Inputs):
    """The density of a Boltzmann machine, normalised: log p(x) in nats, with samples.

    Parameters
    ----------
    machine : {"rbm", "boltzmann"}
        Restricted, or fully connected over the features without hidden units.
    n_components : int
        Hidden units of the restricted machine.
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
    verbose : bool or int
    random_state : int, RandomState or None

    Attributes
    ----------
    machine_ : RBM or BoltzmannMachine
    log_z_, log_z_stderr_ : float
        log Z of the machine and its standard error, which is that of a mean score, nats.

    Examples
    --------
    >>> import numpy as np
    >>> from ebm.estimators import BoltzmannMachineDensity
    >>> X = np.array([[0, 0], [1, 1]] * 20)
    >>> model = BoltzmannMachineDensity("boltzmann", learning_rate=0.5, batch_size=10, random_state=0).fit(X)
    >>> bool(model.score(X) > -1.0), model.sample(3).shape  # -log 2 = -0.69 at best
    (True, (3, 2))
    """

    _learnt = (*Inputs._learnt, "machine_", "log_z_", "log_z_stderr_")
    _states = True
    _real = Gaussian(learn_precision=True)

    def __init__(
        self,
        machine: str = "rbm",
        *,
        n_components: int = 16,
        learning_rate: float | None = None,
        batch_size: int = 50,
        n_iter: int | None = None,
        visible: Any = None,
        rule: Any = None,
        optimiser: Any = None,
        penalties: Any = (),
        log_z: str = "auto",
        verbose: Any = 0,
        random_state: Any = None,
    ) -> None:
        self.machine = machine
        self.n_components = n_components
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.visible = visible
        self.rule = rule
        self.optimiser = optimiser
        self.penalties = penalties
        self.log_z = log_z
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> BoltzmannMachineDensity:
        """Learn from the rows of X, (n_samples, n_features), and find log Z; y is not looked at.

        Raises
        ------
        EbmError
            Values outside the domain of the visible units, or parameters that make no sense.
        """
        kind, rule = self._choice("machine", "rbm", "boltzmann"), self._rule(PCD())
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

        def row(state: State[Machine]) -> Row:
            return {"free_energy": float(state.machine.free_energy(X).mean())} if verbose.enabled else {}

        learn(
            self.machine_, X, rule, optimiser, epochs=n_iter, batch_size=batch_size, seed=seed,
            weights=weights, penalties=self._penalties(), judge=Judge(row), update=verbose.say,
        )  # fmt: skip
        found = log_z(self.machine_, self.log_z, seed=seed)
        self.log_z_, self.log_z_stderr_ = float(found), float(found.stderr)
        return self

    def _machine(self, kind: str, X: Array, seed: int) -> Any:
        if kind == "rbm":
            n_components = self._count("n_components")
            return RBM.from_data(X, n_components, visible=self.visible_, spread=1.0, seed=seed, dtype=X.dtype)
        if not self.visible_.finite:
            raise NotSupported(f"machine: boltzmann has no units {self.visible_}; expected rbm")
        mean = self.visible_.encode(X).mean(0, dtype=np.float64)
        b = self.visible_.link(mean, floor=0.5 / (len(X) + 1))
        return BoltzmannMachine(self.visible_, np.zeros((len(b), len(b)), X.dtype), b.astype(X.dtype))

    def score_samples(self, X: Any) -> Array:
        """log p of each row, nats per sample; of Gaussian units, the density of the features as given."""
        check_is_fitted(self, "machine_")
        values = log_likelihood(self.machine_, self._inputs(self._dense_rows(X)), self.log_z_)
        return values if self.scale_ is None else values - np.log(self.scale_).sum()

    def score(self, X: Any, y: Any = None) -> float:
        """Mean log-likelihood, nats per sample."""
        return float(self.score_samples(X).mean())

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
