"""Pictures of a classifier: whether its probabilities hold, what it gets wrong, what it looks at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from ebm.errors import EbmError
from ebm.plots.images import GREYS, largest, matrix, mosaic
from ebm.plots.style import DIVERGING, GREY, TRAIN, new_axes

__all__ = ["features_by_class", "misclassified", "reliability"]

_CAPTION = 0.34  # of a tile's height, for the text below it


def reliability(
    probabilities: ArrayLike, labels: ArrayLike, n_bins: int = 10, ax: Axes | None = None
) -> Axes:
    """Compare the probability of the predicted class with how often that class is right.

    On the diagonal a classifier means what it says; below it, it is too sure of itself.

    Parameters
    ----------
    probabilities : (m, n_classes) array
        p(y | x); rows sum to 1.
    labels : (m,) array of int
        The true classes, as columns of `probabilities`.
    n_bins : int
        Bins of equal width in which rows are pooled.
    ax : Axes, optional
        Where to draw; None makes a figure.

    Returns
    -------
    Axes
        The share of right rows against the mean probability, ± binomial standard errors; bars: the share of
        all rows in each bin. The title states the expected calibration error, the mean distance from the
        diagonal over rows.

    Raises
    ------
    EbmError
        Shapes that do not fit, labels that are no columns, rows that do not sum to 1.

    References
    ----------
    Guo, Pleiss, Sun & Weinberger, "On calibration of modern neural networks" (2017).

    Examples
    --------
    >>> ax = reliability([[0.8, 0.2], [0.8, 0.2], [0.1, 0.9]], [0, 1, 1])
    >>> ax.get_title()
    'expected calibration error 23.3 % of 3 rows'
    """
    p, y = matrix(probabilities, "reliability: probabilities"), np.asarray(labels)
    if y.shape != (len(p),) or y.dtype.kind not in "iu" or y.min() < 0 or y.max() >= p.shape[1]:
        expected = f"expected {len(p)} labels from 0 to {p.shape[1] - 1}"
        raise EbmError(f"reliability: labels: {expected}, got {y.dtype} {y.shape}")
    if np.abs(p.sum(1) - 1).max() > 1e-3 or p.min() < 0:
        raise EbmError("reliability: probabilities: expected rows that sum to 1")
    sure, right = p.max(1), p.argmax(1) == y
    place = np.minimum((sure * n_bins).astype(np.int64), n_bins - 1)
    count = np.bincount(place, minlength=n_bins)
    some = count > 0
    share = np.bincount(place, right, n_bins)[some] / count[some]
    mean = np.bincount(place, sure, n_bins)[some] / count[some]
    error = float(np.abs(share - mean) @ count[some]) / len(p)
    ax = new_axes(ax, (5.4, 4.8))
    edges = np.arange(n_bins) / n_bins
    ax.bar(edges, count / len(p), 1 / n_bins, align="edge", color="0.85", label="share of the rows", zorder=1)
    ax.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=":", label="as sure as right", zorder=2)
    half = np.sqrt(share * (1 - share) / count[some])
    ax.errorbar(mean, share, half, color=TRAIN.colour, marker="o", capsize=3, label="right ± s.e.", zorder=3)
    ax.set_xlim(0, 1)
    ax.set_ylim(0, 1.02)
    ax.set_xlabel("probability of the predicted class")
    ax.set_ylabel("share of rows that are right")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=3, frameon=False)
    ax.set_title(f"expected calibration error {100 * error:.3g} % of {len(p)} rows", fontsize="medium")
    return ax


def misclassified(
    x: ArrayLike,
    labels_true: ArrayLike,
    labels_predicted: ArrayLike,
    image_shape: Sequence[int],
    confidence: ArrayLike | None = None,
    n: int = 36,
    ax: Axes | None = None,
) -> Axes:
    """Show rows that are predicted wrongly, below each its true and its predicted label.

    Parameters
    ----------
    x : (m, height·width) array
    labels_true, labels_predicted : (m,) array
    image_shape : (height, width)
    confidence : (m,) array, optional
        Probability of the predicted label: the surest mistakes are shown first, else those of the first rows.
    n : int
        How many to show at most.
    ax : Axes, optional
        Where to draw; None makes a figure.

    Returns
    -------
    Axes

    Raises
    ------
    EbmError
        Shapes that do not fit.

    Examples
    --------
    >>> ax = misclassified([[0, 1, 1, 0], [1, 1, 0, 0]], [3, 7], [3, 1], (2, 2))
    >>> ax.get_title(), ax.texts[0].get_text()
    ('1 of 1 mistakes: true → predicted', '7 → 1')
    """
    x = matrix(x, "misclassified: x")
    true, predicted = np.asarray(labels_true), np.asarray(labels_predicted)
    sure = np.zeros(len(x)) if confidence is None else np.asarray(confidence, np.float64)
    for name, given in (
        ("labels_true", true), ("labels_predicted", predicted), ("confidence", sure)
    ):  # fmt: skip
        if given.shape != (len(x),):
            raise EbmError(f"misclassified: {name}: expected shape ({len(x)},), got {given.shape}")
    wrong = np.flatnonzero(true != predicted)
    chosen = wrong[np.argsort(-sure[wrong], kind="stable")][: largest(n, len(x), "misclassified")]
    ax = new_axes(ax, (5.6, 6.2))
    ax.set_axis_off()
    some = f"{len(chosen)} of {len(wrong)} mistakes"
    first = ", the surest first" if confidence is not None and len(chosen) else ""
    ax.set_title(f"{some}: true → predicted{first}", fontsize="medium")
    if not len(chosen):
        return ax
    picture, places = mosaic(x[chosen], image_shape, "misclassified", below=_CAPTION)
    ax.imshow(picture, cmap=GREYS.with_extremes(bad="white"), interpolation="nearest")
    for i, (top, left, height, width) in zip(chosen, places, strict=True):
        ax.text(
            left + width / 2, top + height * (1 + _CAPTION / 2), f"{true[i]} → {predicted[i]}",
            ha="center", va="center", fontsize="small",
        )  # fmt: skip
    return ax


def features_by_class(
    W: ArrayLike,
    U: ArrayLike,
    image_shape: Sequence[int],
    names: Sequence[Any] | None = None,
    n: int = 10,
    ax: Axes | None = None,
) -> Axes:
    """Show for every class the hidden units that speak for it most: a row of the pixels' weights each.

    Parameters
    ----------
    W : (n_pixels, n_hidden) array
        Weights between pixels and hidden units (nats).
    U : (n_classes, n_hidden) array
        Weights between classes and hidden units; of each unit, what counts is the class less the mean of all.
    image_shape : (height, width)
    names : sequence, optional
        Of the classes; 0, 1, … when left out.
    n : int
        Units of a class.
    ax : Axes, optional
        Where to draw; None makes a figure.

    Returns
    -------
    Axes
        One picture, from left to right by falling weight to the class; each unit on a scale of its own.

    Raises
    ------
    EbmError
        Shapes that do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> ax = features_by_class(np.eye(4), np.eye(2, 4), (2, 2), n=2)
    >>> [text.get_text() for text in ax.get_yticklabels()]
    ['0', '1']
    """
    W, U = matrix(W, "features_by_class: W"), matrix(U, "features_by_class: U")
    if W.shape[1] != U.shape[1]:
        raise EbmError(f"features_by_class: W has {W.shape[1]} hidden units and U {U.shape[1]}")
    shown = largest(n, W.shape[1], "features_by_class")
    order = np.argsort(-(U - U.mean(0)), axis=1, kind="stable")[:, :shown]
    rows = W.T[order.ravel()]
    top = np.abs(rows).max(1, keepdims=True)
    rows = rows / np.where(top > 0, top, 1)
    picture, places = mosaic(rows, image_shape, "features_by_class", columns=shown)
    ax = new_axes(ax, (6.4, 6.4 * len(U) / shown + 0.4))
    ax.imshow(picture, cmap=DIVERGING.with_extremes(bad="white"), vmin=-1, vmax=1, interpolation="nearest")
    heights = [top + height / 2 for top, _, height, _ in places[::shown]]
    labels = range(len(U)) if names is None else names
    ax.set_yticks(heights, [str(name) for name in labels])
    ax.set_xticks([])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_ylabel("class")
    ax.set_title(
        "hidden units that speak most for each class (bright: a pixel that should be on)", fontsize="medium"
    )
    return ax
