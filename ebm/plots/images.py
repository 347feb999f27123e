"""Pictures: columns of W, samples, the confusion of a readout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from ebm.errors import EbmError
from ebm.plots.style import DIVERGING, new_axes

__all__ = ["confusion", "samples", "weights"]

GREYS = ListedColormap(np.linspace(0, 1, 256)[:, None].repeat(3, axis=1).tolist(), "grey")


def mosaic(
    rows: NDArray[Any],
    image_shape: Sequence[int],
    caller: str,
    *,
    columns: int | None = None,
    below: float = 0.0,
) -> tuple[NDArray[np.float64], list[tuple[int, int, int, int]]]:
    """Lay out rows as images on a grid, parted by NaN.

    Small images are enlarged so that the gaps (NaN, the colour map's `bad`) stay thin beside them.

    Parameters
    ----------
    rows : (n, height·width) array
        One image per row, in C order.
    image_shape : (height, width)
        Of one image, in pixels.
    caller : str
        Who is to be named in a complaint.
    columns : int, optional
        Of the grid; near square when left out.
    below : float
        Room under each image, in heights of it.

    Returns
    -------
    (H, W) ndarray
        The picture.
    places : list of (top, left, height, width)
        Of each image in it.
    """
    shape = tuple(int(side) for side in np.ravel(image_shape))
    if len(shape) != 2 or min(shape) < 1 or shape[0] * shape[1] != rows.shape[1]:
        raise EbmError(f"{caller}: image_shape {shape} does not hold {rows.shape[1]} pixels")
    scale = max(1, 24 // max(shape))
    height, width = scale * shape[0], scale * shape[1]
    gap = max(1, scale * max(shape) // 16)
    tile_h, tile_w = height + gap + round(below * height), width + gap
    columns = columns or int(np.ceil(np.sqrt(len(rows) * tile_h / tile_w)))
    lines = -(-len(rows) // columns)
    picture = np.full((lines * tile_h + gap, columns * tile_w + gap), np.nan)
    places = []
    for i, row in enumerate(rows):
        top, left = (i // columns) * tile_h + gap, (i % columns) * tile_w + gap
        picture[top : top + height, left : left + width] = np.kron(
            row.reshape(shape), np.ones((scale, scale))
        )
        places.append((top, left, height, width))
    return picture, places


def matrix(value: ArrayLike, name: str) -> NDArray[np.float64]:
    """Return `value` as a non-empty 2-D float64 array, or refuse it by name."""
    array = np.asarray(value)
    if array.ndim != 2 or array.size == 0 or array.dtype.kind not in "biuf":
        raise EbmError(f"{name}: expected a non-empty 2-D array of numbers, got {array.dtype} {array.shape}")
    return array.astype(np.float64)


def largest(n: int | None, total: int, caller: str) -> int:
    """Return how many to draw: `n`, at most `total`; refuse n < 1."""
    if n is not None and n < 1:
        raise EbmError(f"{caller}: n: expected at least 1, got {n}")
    return total if n is None else min(n, total)


def weights(
    W: ArrayLike, image_shape: Sequence[int] | None = None, n: int | None = None, ax: Axes | None = None
) -> Axes:
    """Show the columns of W as images, on a scale symmetric about zero; without an image shape, W itself.

    Parameters
    ----------
    W : (n_visible, n_hidden) array
        Weights (nats).
    image_shape : (height, width), optional
        With height·width = n_visible. None draws W as one heat map.
    n : int, optional
        Draw the `n` hidden units whose weights have the largest norm, largest first. None draws all, in
        their order.
    ax : Axes, optional
        Where to draw; None makes a figure.

    Returns
    -------
    Axes
        One picture, with a colour bar that ends at the largest abs(W); or, if that is more than twice the
        99.8th percentile, at the percentile, with arrows for what lies beyond.

    Raises
    ------
    EbmError
        If W is not 2-D, or the image shape does not hold its rows.

    Examples
    --------
    >>> import numpy as np
    >>> ax = weights(np.outer([0.0, 1.0, 0.0, -1.0], [1.0, 2.0, 3.0]), (2, 2), n=2)
    >>> ax.get_title()
    '2 of 3 hidden units, largest norm first'
    """
    W = matrix(W, "weights: W")
    total = W.shape[1]
    shown = largest(n, total, "weights")
    if n is not None:
        W = W[:, np.argsort(-np.linalg.norm(W, axis=0), kind="stable")[:shown]]
    picture = W if image_shape is None else mosaic(W.T, image_shape, "weights")[0]
    ax = new_axes(ax, (6.4, 5.4))
    finite = np.abs(W[np.isfinite(W)])
    top = float(finite.max(initial=0.0)) or 1.0
    bulk = float(np.percentile(finite, 99.8)) if finite.size else 0.0
    if 0 < bulk < top / 2:  # a few outliers would leave the rest without contrast
        top = bulk
    colours = DIVERGING.with_extremes(bad="white")
    image = ax.imshow(picture, cmap=colours, vmin=-top, vmax=top, interpolation="nearest")
    over = bool((finite > top).any())
    ax.figure.colorbar(image, ax=ax, label="weight (nats)", extend="both" if over else "neither")
    if image_shape is None:
        ax.set_aspect("auto")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.yaxis.set_major_locator(MaxNLocator(integer=True))
        ax.set_xlabel("hidden unit" if n is None else "hidden unit, by falling norm")
        ax.set_ylabel("visible unit")
    else:
        ax.set_axis_off()
    order = ", largest norm first" if n is not None else ""
    ax.set_title(f"{shown} of {total} hidden units{order}", fontsize="medium")
    return ax


def samples(x: ArrayLike, image_shape: Sequence[int], n: int | None = 64, ax: Axes | None = None) -> Axes:
    """Show samples as grey images.

    Parameters
    ----------
    x : (n_samples, height·width) array
        One sample per row.
    image_shape : (height, width)
        Of one image, in pixels.
    n : int or None
        Show the first `n`; None shows all.
    ax : Axes, optional
        Where to draw; None makes a figure.

    Returns
    -------
    Axes
        One picture; the title states which values are black and white: 0 and 1, -1 and 1, or the range.

    Raises
    ------
    EbmError
        If x is not 2-D, or the image shape does not hold its columns.

    Examples
    --------
    >>> ax = samples([[0, 1, 1, 0], [1, 1, 0, 0]], (2, 2))
    >>> ax.get_title()
    '2 of 2 samples (black 0, white 1)'
    """
    x = matrix(x, "samples: x")
    shown = x[: largest(n, len(x), "samples")]
    finite = x[np.isfinite(x)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    elif low >= -1 and high <= 1:
        low, high = -1.0, 1.0
    picture = mosaic(shown, image_shape, "samples")[0]
    ax = new_axes(ax, (5.2, 5.4))
    ax.imshow(picture, cmap=GREYS.with_extremes(bad="#7fa6c9"), vmin=low, vmax=high, interpolation="nearest")
    ax.set_axis_off()
    scale = f"(black {low:.3g}, white {high:.3g})".replace("-", "−")
    ax.set_title(f"{len(shown)} of {len(x)} samples {scale}", fontsize="medium")
    return ax


def confusion(labels_true: ArrayLike, labels_predicted: ArrayLike, ax: Axes | None = None) -> Axes:
    """Show how often each true label was predicted as each label.

    Parameters
    ----------
    labels_true, labels_predicted : (m,) array
        Labels: integers or strings.
    ax : Axes, optional
        Where to draw; None makes a figure.

    Returns
    -------
    Axes
        Counts in the cells (none is written for 0, nor where digits would be under 4 points), shaded by
        the share of the row; the title states the error rate.

    Raises
    ------
    EbmError
        If the shapes differ or there are no labels.

    Examples
    --------
    >>> ax = confusion([0, 0, 1, 1], [0, 1, 1, 1])
    >>> ax.get_title()
    'error rate 25 % (1 of 4)'
    """
    true, predicted = np.asarray(labels_true), np.asarray(labels_predicted)
    if true.ndim != 1 or true.shape != predicted.shape or true.size == 0:
        raise EbmError(f"confusion: expected two arrays (m,), m > 0, got {true.shape} and {predicted.shape}")
    names, index = np.unique(np.concatenate([true, predicted]), return_inverse=True)
    count = np.zeros((names.size, names.size), np.int64)
    np.add.at(count, (index[: true.size], index[true.size :]), 1)
    share = count / np.maximum(count.sum(axis=1, keepdims=True), 1)
    ax = new_axes(ax, (6.4, 5.4))
    image = ax.imshow(share, cmap="Greys", vmin=0.0, vmax=1.0)
    ax.figure.colorbar(image, ax=ax, label="share of the true label")
    size = min(10.0, 420 / (names.size * len(str(count.max()))))  # points: a row of digits fits the axes
    for (i, j), cell in np.ndenumerate(count):
        ink = "white" if share[i, j] > 0.5 else "black"
        if cell and size >= 4:
            ax.text(j, i, str(cell), ha="center", va="center", color=ink, fontsize=size)
    ticks = np.arange(0, names.size, -(-names.size // 20))
    written = [str(name) for name in names[ticks]]
    ax.set_xticks(ticks, written)
    ax.set_yticks(ticks, written)
    if len("  ".join(written)) > 60:
        ax.tick_params(axis="x", labelrotation=90)
    ax.set_xlabel("predicted label")
    ax.set_ylabel("true label")
    wrong = int((true != predicted).sum())
    ax.set_title(f"error rate {100 * wrong / true.size:.3g} % ({wrong} of {true.size})", fontsize="medium")
    return ax
