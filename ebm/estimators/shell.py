"""What the estimators share: checks of their parameters, seeds, rows, and a line of progress."""

from __future__ import annotations

import contextlib
import math
import time
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.validation import validate_data

from ebm.arguments import as_count, is_finite, unmasked, well_indexed
from ebm.errors import EbmError, expect, expect_all, one_line, short
from ebm.learning import Rule
from ebm.machine import Array, Machine
from ebm.optimisers import Optimiser
from ebm.penalties import Penalty
from ebm.units import Bernoulli, Units

__all__ = ["Classifier", "Regressor", "Shell", "Verbose", "as_given", "in_our_words", "within_means"]

_NO_GAPS = (
    "X: contains NaN, and this estimator takes no gaps; expected numbers: BoltzmannImputer() before it"
    " in a pipeline fills them"
)
_BLOCK = 1024  # sparse rows that are made dense at a time


@contextlib.contextmanager
def in_our_words() -> Iterator[None]:
    """Make one line of what scikit-learn and numpy refuse: an `EbmError`, or a TypeError where it is one."""
    try:
        yield
    except EbmError:
        raise
    except TypeError as error:  # which scikit-learn's own suite asks for
        raise TypeError(one_line(" ".join(str(error).split()))) from None
    except MemoryError as error:
        raise MemoryError(str(error) or "more numbers than the memory holds") from None
    except Exception as error:  # others' containers raise what they like
        words = " ".join(str(error).split())
        if words.startswith("Input X contains NaN"):
            raise EbmError(_NO_GAPS) from None
        raise EbmError(words if len(words) > 20 else f"rows that cannot be read: {words}") from None


class Classifier(ClassifierMixin):
    """A classifier of scikit-learn's, whose score refuses in one line."""

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Accuracy of the predictions."""
        with in_our_words():
            return float(super().score(X, y, sample_weight))


class Regressor(RegressorMixin):
    """A regressor of scikit-learn's, whose score refuses in one line."""

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The coefficient of determination R² of the predictions."""
        with in_our_words():
            return float(super().score(X, y, sample_weight))


class Shell(BaseEstimator):
    """The base of the estimators: parameters are kept as given and checked when something is fitted."""

    _learnt: tuple[str, ...] = ("n_features_in_",)  # what every fitted one has, and so its file
    _gaps = False  # whether rows may have NaN
    n_iter: Any
    rule: Any
    optimiser: Any
    penalties: Any

    def __sklearn_tags__(self) -> Any:
        """Sparse rows are taken, and gaps by those that learn from them."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = self._gaps
        return tags

    def _rows(self, X: Any, *, reset: bool, least: int = 1) -> Any:
        """X as float32 or float64 rows, dense or CSR, checked by scikit-learn, which drops masks."""
        X = as_given(X, "X")
        with in_our_words():
            return validate_data(
                self, X, accept_sparse="csr", dtype=(np.float64, np.float32), reset=reset,
                ensure_min_samples=least, ensure_all_finite="allow-nan" if self._gaps else True,
            )  # fmt: skip

    def _count(self, name: str, least: int = 1) -> int:
        """A parameter that is an integer."""
        return as_count(getattr(self, name), f"{type(self).__name__}: {name}", least)

    def _passes(self, n: int, least: int, updates: int) -> int:
        """The parameter `n_iter`; left out, passes over n rows that make so many updates, `least` or more."""
        if self.n_iter is None:
            return max(least, -(-updates // -(-n // self._count("batch_size"))))
        return self._count("n_iter", 0)

    def _number(self, name: str, low: float = 0.0, high: float = math.inf, *, ends: bool = True) -> float:
        """A parameter that is a number between low and high; without these themselves unless `ends`."""
        value = getattr(self, name)
        if not (is_finite(value) and (low <= value <= high if ends else low < value < high)):
            between = f"from {low:g} to {high:g}" if ends else f"between {low:g} and {high:g}"
            raise EbmError(f"{type(self).__name__}: {name}: expected a number {between}, got {short(value)}")
        return float(value)

    def _choice(self, name: str, *choices: str) -> str:
        """A parameter that is one of a few words."""
        value = getattr(self, name)
        if not isinstance(value, str) or value not in choices:
            raise EbmError(
                f"{type(self).__name__}: {name}: expected {' or '.join(choices)}, got {short(value)}"
            )
        return str(value)

    def _flag(self, name: str) -> bool:
        """A parameter that is true or false."""
        value = getattr(self, name)
        if not isinstance(value, (bool, np.bool_)):
            raise EbmError(f"{type(self).__name__}: {name}: expected True or False, got {short(value)}")
        return bool(value)

    def _units(self, name: str, default: Units) -> Units:
        """A parameter that is a unit type."""
        value = getattr(self, name)
        if value is not None and not isinstance(value, Units):
            raise EbmError(
                f"{type(self).__name__}: {name}: expected units such as Bernoulli(), got {short(value)}"
            )
        return default if value is None else value

    def _rule(self, default: Rule[Machine]) -> Rule[Machine]:
        """The parameter `rule`."""
        value, name = self.rule, f"{type(self).__name__}: rule"
        return default if value is None else expect(value, Rule, name, f"a rule such as {default!r}")

    def _optimiser(self, default: Optimiser) -> Optimiser:
        """The parameter `optimiser`."""
        value, name = self.optimiser, f"{type(self).__name__}: optimiser"
        return default if value is None else expect(value, Optimiser, name, f"one such as {default!r}")

    def _penalties(self) -> tuple[Penalty, ...]:
        """The parameter `penalties`."""
        name, some = f"{type(self).__name__}: penalties", "a sequence of penalties such as [L2(0.001)]"
        return () if self.penalties is None else expect_all(self.penalties, Penalty, name, some)

    def _seed(self, other: Any = None) -> int:
        """A seed from `random_state`, or another one: an int itself, a generator's next draw; fresh for None.

        None draws from the system, not from numpy's global generator as scikit-learn does.
        """
        state = self.random_state if other is None else other
        if state is None:
            return int(np.random.SeedSequence().generate_state(1, np.uint64)[0])
        if isinstance(state, np.random.RandomState):  # scikit-learn's own kind of generator
            return int(state.randint(2**31 - 1))
        if isinstance(state, np.random.Generator):
            return int(state.integers(2**63))
        return as_count(state, f"{type(self).__name__}: random_state", 0)


def as_given(x: Any, name: str) -> Any:
    """What scikit-learn may look at: no mask, which it drops, and no sparse indices that lead outside."""
    x = unmasked(x, name)
    return well_indexed(x, name) if scipy.sparse.issparse(x) else x


class Verbose:
    """Prints a line now and then, with the seconds since the last one, as scikit-learn's estimators do."""

    def __init__(self, estimator: Any) -> None:
        self._name, verbose = type(estimator).__name__, estimator.verbose
        if not isinstance(verbose, (bool, int, np.bool_, np.integer)):
            raise EbmError(f"{self._name}: verbose: expected True, False or an integer, got {short(verbose)}")
        self.enabled = bool(verbose)
        self._last = time.perf_counter()

    def say(self, done: float, line: str) -> None:
        """Print a line, if the estimator is verbose."""
        if self.enabled:
            now = time.perf_counter()
            print(f"[{self._name}] {line}, time = {now - self._last:.2f}s", flush=True)
            self._last = now


def within_means(x: Any, units: Units, what: str) -> Any:
    """Rows as Bernoulli units take them, in [0, 1]: what lies outside is clipped, with a warning.

    Other units get the rows as they are, and say what they refuse.
    """
    if not isinstance(units, Bernoulli):
        return x
    values = x.data if scipy.sparse.issparse(x) else x
    low, high = (values.min(), values.max()) if values.size else (0.0, 0.0)
    if low >= 0 and high <= 1:
        return x
    if low < -1e-6 or high > 1 + 1e-6:
        warnings.warn(
            f"{what}: values from {low:.4g} to {high:.4g}; Bernoulli units take means in [0, 1], what lies"
            " outside was clipped: scale them, as by MinMaxScaler(), or give visible=Gaussian()",
            UserWarning,
            stacklevel=4,
        )
    clipped = x.copy()
    np.clip(values, 0, 1, out=clipped.data if scipy.sparse.issparse(x) else clipped)
    return clipped


def dense(x: Any) -> Array:
    """A sparse matrix as an array; an array as it is."""
    return x.toarray() if scipy.sparse.issparse(x) else x


def by_blocks(function: Any, x: Any) -> Array:
    """A function of rows, of some sparse ones at a time."""
    if not scipy.sparse.issparse(x):
        return function(x)
    parts = [function(x[k : k + _BLOCK].toarray()) for k in range(0, x.shape[0], _BLOCK)]
    return np.concatenate(parts)
