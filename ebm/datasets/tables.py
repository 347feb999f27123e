"""Data sets that need no file: what they are, and how they are split into train and test."""

from __future__ import annotations

import dataclasses
import itertools
import math
from dataclasses import dataclass
from typing import Annotated, Protocol, runtime_checkable

import numpy as np
from pydantic import Field

from ebm.errors import EbmError, settings

__all__ = [
    "BarsAndStripes",
    "Data",
    "DataSet",
    "Diabetes",
    "Digits",
    "Encoder",
    "Fold",
    "Fraction",
    "Seed",
    "Shifter",
    "split_rows",
]

Fraction = Annotated[float, Field(gt=0, lt=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]  # scikit-learn's splitter takes no larger one
Fold = Annotated[str, Field(pattern=r"^[0-9]{1,6}:[0-9]{1,6}$")] | None  # "0:5": the first of five


@dataclass(frozen=True, eq=False)
class Data:
    """A train and a test set, and what their numbers mean.

    Parameters
    ----------
    train, test : ndarray, (n, d) and (m, d)
        One sample per row: float32, or int64 for ``kind="potts"``.
    train_labels, test_labels : ndarray, (n,) and (m,), or None
        What is to be predicted, where there is anything: classes (int64), or numbers (float64).
    kind : {"bernoulli", "ising", "gaussian", "potts", "mixed"}
        Values in [0, 1]; -1 and +1; real numbers; integer symbols 0..n_states-1; rows with the label as their
        last column, see `labelled`.
    n_states : int or None
        Symbols of a Potts unit (one more than the largest in the data); None for the other kinds.
    image_shape : (height, width) or None
        How a row is drawn as an image.
    name : str
        For titles and logs.

    Examples
    --------
    >>> x = np.zeros((3, 2), np.float32)
    >>> Data(x, x, kind="bernoulli", name="nothing").train.shape
    (3, 2)
    """

    train: np.ndarray
    test: np.ndarray
    train_labels: np.ndarray | None = None
    test_labels: np.ndarray | None = None
    kind: str = "bernoulli"
    n_states: int | None = None
    image_shape: tuple[int, int] | None = None
    name: str = ""

    def __repr__(self) -> str:
        labels = "" if self.train_labels is None else f", {self.classes or 'numbers as'} labels"
        rows = f"{len(self.train)} + {len(self.test)} rows of {self.train.shape[1]}"
        return f"{type(self).__name__}({self.name or 'unnamed'}: {rows}, {self.kind}{labels})"

    @property
    def classes(self) -> int | None:
        """How many classes the labels tell apart; None where there are no labels, or they are numbers."""
        y = self.train_labels
        if y is None or y.dtype.kind not in "iu" or self.test_labels is None:
            return None
        return max(2, 1 + int(max(y.max(), self.test_labels.max())))

    def labelled(self) -> Data:
        """Rows whose last column is the label, for a machine that has it as a visible unit.

        Examples
        --------
        >>> x = np.zeros((2, 3), np.float32)
        >>> Data(x, x, np.array([0, 1]), np.array([1, 1])).labelled().train
        array([[0., 0., 0., 0.],
               [0., 0., 0., 1.]], dtype=float32)
        """
        if self.train_labels is None or self.test_labels is None:
            raise EbmError(f"{self.name or 'data'}: no labels; expected some for the machine to learn")
        if self.train_labels.dtype.kind in "iu" and min(self.train_labels.min(), self.test_labels.min()) < 0:
            raise EbmError(f"{self.name or 'data'}: expected labels 0, 1, ..., got one below 0")
        train, test = (
            np.column_stack([rows.astype(np.float32), y.astype(np.float32)])
            for rows, y in ((self.train, self.train_labels), (self.test, self.test_labels))
        )
        return dataclasses.replace(self, train=train, test=test, kind="mixed")


@dataclass(frozen=True, eq=False, repr=False)
class LabelledData(Data):
    """Data that have labels, which a type checker then knows."""

    train_labels: np.ndarray
    test_labels: np.ndarray


@runtime_checkable
class DataSet(Protocol):
    """A frozen set of settings that says which data."""

    def load(self) -> Data:
        """Read or make the rows."""


def split_rows(
    n: int,
    test: float,
    seed: int,
    labels: np.ndarray | None = None,
    where: str = "data",
    fold: str | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the row numbers of a random train set and of a test set.

    Parameters
    ----------
    n : int
        Number of rows.
    test : float
        Fraction of test rows, in (0, 1); their number is rounded up.
    seed : int
        Of the shuffle.
    labels : ndarray of int64, (n,), optional
        Classes. The split is stratified, exactly as `sklearn.model_selection.train_test_split` does it, when
        every class has two rows or more and both parts have room for every class; else it is a plain shuffle.
    where : str
        What a complaint begins with.
    fold : str, optional
        "i:k": the test rows are the i-th of k parts, i from 0, whatever `test` says. The parts of one seed
        hold every row once; they are stratified where every class has k rows.

    Returns
    -------
    train, test : ndarray of int64
        Row numbers; together every row once.

    Raises
    ------
    EbmError
        If no row is left to train on; no such fold.

    Examples
    --------
    >>> train, test = split_rows(10, 0.2, seed=0)
    >>> len(train), len(test)
    (8, 2)
    >>> sorted(int(i) for k in range(3) for i in split_rows(10, 0.2, 0, fold=f"{k}:3")[1])
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    """
    if fold is not None:
        return _split_folds(n, fold, seed, labels, where)
    n_test = math.ceil(test * n)
    if n_test >= n:
        raise EbmError(
            f"{where}: {n} rows with test = {test} leave none to train on; expected a smaller test"
        )
    if labels is not None:
        counts = np.unique(labels, return_counts=True)[1]
        if counts.min() >= 2 and len(counts) <= min(n_test, n - n_test):
            from sklearn.model_selection import train_test_split  # 1.3 s to import, so only when needed

            train, held = train_test_split(np.arange(n), test_size=test, stratify=labels, random_state=seed)
            return train, held
    order = np.random.default_rng(seed).permutation(n)
    return order[n_test:], order[:n_test]


def _split_folds(
    n: int, fold: str, seed: int, labels: np.ndarray | None, where: str
) -> tuple[np.ndarray, np.ndarray]:
    """Rows outside one part of several, and within it."""
    i, k = map(int, fold.split(":"))
    if not (2 <= k <= n and i < k):
        raise EbmError(f'{where}: fold: expected "i:k" with i < k and 2 <= k <= {n} rows, got {fold!r}')
    if labels is not None and np.unique(labels, return_counts=True)[1].min() >= k:
        from sklearn.model_selection import StratifiedKFold

        parts = StratifiedKFold(k, shuffle=True, random_state=seed).split(np.zeros(n), labels)
        return next(itertools.islice(parts, i, None))
    order = np.random.default_rng(seed).permutation(n)
    held = np.array_split(order, k)[i]
    return np.setdiff1d(order, held, assume_unique=True), held


@settings
class Digits:
    """scikit-learn's 1797 handwritten digits, 8 x 8 pixels of 0..16, as bits or grey values.

    Source: Alpaydin & Kaynak (1998), UCI Optical Recognition of Handwritten Digits, as shipped with
    scikit-learn (`sklearn.datasets.load_digits`).

    Parameters
    ----------
    threshold : float
        Bits are ``pixel >= threshold``, in (0, 16].
    grey : bool
        Take grey values ``pixel / 16`` in [0, 1] instead; `threshold` is then not used.
    test : float
        Fraction of test rows, stratified by digit, in (0, 1).
    seed : int
        Of the split, which is ``train_test_split(..., stratify=digit, random_state=seed)``.
    fold : str, optional
        "i:k": test rows are the i-th of k parts, from 0, instead of a fraction: cross-validation.

    Examples
    --------
    >>> data = Digits(test=0.2).load()
    >>> data.train.shape, data.test.shape, data.image_shape
    ((1437, 64), (360, 64), (8, 8))
    """

    threshold: Annotated[float, Field(gt=0, le=16)] = 8
    grey: bool = False
    test: Fraction = 0.2
    seed: Seed = 0
    fold: Fold = None

    def load(self) -> LabelledData:
        """Return the split digits, float32, with the digit as label."""
        from sklearn.datasets import load_digits

        pixels, digit = load_digits(return_X_y=True)
        x = (pixels / 16 if self.grey else pixels >= self.threshold).astype(np.float32)
        y = digit.astype(np.int64)
        train, test = split_rows(len(x), self.test, self.seed, y, "Digits", self.fold)
        return LabelledData(x[train], x[test], y[train], y[test], image_shape=(8, 8), name="digits")


@settings
class Diabetes:
    """442 diabetes patients: ten measurements, and how far the disease went within a year, a number.

    Measurements and target are standardised by the training rows' means and standard deviations. Source:
    Efron, Hastie, Johnstone & Tibshirani, "Least angle regression" (2004), as shipped with scikit-learn
    (`sklearn.datasets.load_diabetes`).

    Parameters
    ----------
    test : float
        Fraction of test rows, in (0, 1).
    seed : int
        Of the split.
    fold : str, optional
        "i:k": test rows are the i-th of k parts, from 0, instead of a fraction: cross-validation.

    Examples
    --------
    >>> data = Diabetes().load()
    >>> data.train.shape, data.test_labels.shape, data.kind
    ((353, 10), (89,), 'gaussian')
    """

    test: Fraction = 0.2
    seed: Seed = 0
    fold: Fold = None

    def load(self) -> LabelledData:
        """Return the split rows, float32; the labels are the target."""
        from sklearn.datasets import load_diabetes

        x, y = load_diabetes(return_X_y=True)
        train, test = split_rows(len(x), self.test, self.seed, where="Diabetes", fold=self.fold)
        x = ((x - x[train].mean(0)) / x[train].std(0)).astype(np.float32)
        y = (y - y[train].mean()) / y[train].std()
        return LabelledData(x[train], x[test], y[train], y[test], kind="gaussian", name="diabetes")


@settings
class BarsAndStripes:
    """All n x n images in which every row, or every column, is of one colour: 2^(n+1) - 2 distinct ones.

    **Train and test are the same rows**: the set is the whole support of the target distribution, which is
    uniform on it, so a test score measures the fit and not generalisation; no model of it scores above
    -log(2^(n+1) - 2) nats on average. The blank and the full image, both bars and stripes, occur once.

    Source: MacKay, *Information Theory, Inference and Learning Algorithms* (2003), section 43.3.

    Parameters
    ----------
    n : int
        Side of the image, 1 to 8.

    Examples
    --------
    >>> len(BarsAndStripes(n=3).load().train)
    14
    """

    n: Annotated[int, Field(ge=1, le=8)] = 3

    def load(self) -> Data:
        """Return the distinct images, float32 bits, in lexicographic order."""
        lines = np.array(list(itertools.product((0, 1), repeat=self.n)), np.float32)
        by_row = np.repeat(lines, self.n, axis=1)
        by_column = np.tile(lines, (1, self.n))
        x = np.unique(np.concatenate([by_row, by_column]), axis=0)  # blank and full are in both
        return Data(x, x.copy(), image_shape=(self.n, self.n), name=f"bars and stripes {self.n}x{self.n}")


@settings
class Encoder:
    """The n-m-n encoder problem: n patterns of 2n bits, with the same single bit on in both halves.

    The two halves can only agree through the m hidden units that the machine has (log2 n suffice).
    **Train and test are the same n rows**, all there are. Source: Ackley, Hinton & Sejnowski (1985), *A
    learning algorithm for Boltzmann machines*, Cognitive Science 9, 147-169.

    Parameters
    ----------
    n : int
        Bits of one half, 1 to 1024.

    Examples
    --------
    >>> Encoder(n=2).load().train
    array([[1., 0., 1., 0.],
           [0., 1., 0., 1.]], dtype=float32)
    """

    n: Annotated[int, Field(ge=1, le=1024)] = 4

    def load(self) -> Data:
        """Return the n patterns, float32 bits; the label is the index of the bit."""
        half, labels = np.eye(self.n, dtype=np.float32), np.arange(self.n)
        x = np.hstack([half, half])
        name = f"encoder {self.n}"
        return Data(x, x.copy(), labels, labels.copy(), image_shape=(2, self.n), name=name)


@settings
class Shifter:
    """The shifter ensemble: random bits, the same bits shifted by -1, 0 or +1 round a ring, and which it was.

    A row holds x (n fair bits), x shifted (n bits: ``numpy.roll(x, shift)``) and three bits of which one,
    the label shift + 1, is on. A single bit of x or of its shift says nothing of the label, a pair of them
    does: a relation of third order, for which hidden units are needed. Rows are independent draws; for
    small n a test row may also occur in the train set. Source: Hinton & Sejnowski (1986), *Learning and
    relearning in Boltzmann machines*, in *Parallel Distributed Processing* 1, chapter 7.

    Parameters
    ----------
    n : int
        Bits of one field, 3 or more: on two bits, -1 and +1 are the same shift.
    rows : int
        Number of draws, train and test together, 2 or more.
    test : float
        Fraction of test rows, in (0, 1).
    seed : int
        Of the draws and of the split.
    fold : str, optional
        "i:k": test rows are the i-th of k parts, from 0, instead of a fraction: cross-validation.

    Examples
    --------
    >>> Shifter(n=4, rows=100).load().train.shape
    (80, 11)
    """

    n: Annotated[int, Field(ge=3, le=1024)] = 8
    rows: Annotated[int, Field(ge=2)] = 2000
    test: Fraction = 0.2
    seed: Seed = 0
    fold: Fold = None

    def load(self) -> Data:
        """Return the split draws, float32 bits of width 2n + 3, with the label shift + 1."""
        rng = np.random.default_rng(self.seed)
        first = rng.integers(0, 2, (self.rows, self.n))
        label = rng.integers(0, 3, self.rows)
        source = (np.arange(self.n) - (label[:, None] - 1)) % self.n  # where each shifted bit came from
        second = np.take_along_axis(first, source, axis=1)
        x = np.hstack([first, second, np.eye(3, dtype=np.int64)[label]]).astype(np.float32)
        # the rows are exchangeable, so an unshuffled cut would do; this one keeps a single rule of splitting
        train, test = split_rows(self.rows, self.test, self.seed, where="Shifter", fold=self.fold)
        return Data(x[train], x[test], label[train], label[test], name=f"shifter {self.n}")
