"""Numbers with their errors: predicted against true ones, couplings of pairs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from ebm.errors import EbmError
from ebm.plots.style import GREY, HELDOUT, TRAIN, new_axes

__all__ = ["edges", "predictions"]

_NORMAL_95 = 1.959963984540054
_NORMAL_90 = 1.6448536269514722  # half the width of a normal 90 % interval, in standard deviations


def predictions(
    true: ArrayLike, predicted: ArrayLike, std: ArrayLike | None = None, ax: Axes | None = None
) -> Axes:
    """Plot true numbers against predicted ones.

    Parameters
    ----------
    true, predicted : (m,) array
    std : (m,) array, optional
        Standard deviation of y about each prediction: 90 % intervals are drawn, and how many hold is counted.
    ax : Axes, optional
        Where to draw; None makes a figure.

    Returns
    -------
    Axes
        The title states the root mean squared error and R².

    Raises
    ------
    EbmError
        Shapes that do not fit.

    Examples
    --------
    >>> predictions([1.0, 2.0, 3.0], [1.0, 2.0, 4.0]).get_title()
    'rms error 0.577, R² 0.5'
    """
    y, mean = np.asarray(true, np.float64), np.asarray(predicted, np.float64)
    if y.ndim != 1 or y.shape != mean.shape or not y.size:
        raise EbmError(f"predictions: expected two arrays (m,), m > 0, got {y.shape} and {mean.shape}")
    off = y - mean
    spread = float(np.square(y - y.mean()).mean())
    title = f"rms error {np.sqrt(np.square(off).mean()):.3g}"
    title += f", R² {1 - np.square(off).mean() / spread:.3g}" if spread > 0 else ""
    ax = new_axes(ax, (5.4, 5.0))
    half = None
    if std is not None:
        half = _NORMAL_90 * np.broadcast_to(np.asarray(std, np.float64), y.shape)
        title += f"; 90 % intervals hold {100 * (np.abs(off) <= half).mean():.3g} %"
    ax.errorbar(
        mean, y, half, fmt="o", markersize=4, color=TRAIN.colour, ecolor="0.8", elinewidth=1, zorder=2
    )
    low, high = min(y.min(), mean.min()), max(y.max(), mean.max())
    ax.plot([low, high], [low, high], color=GREY, linestyle=":", linewidth=1.2, zorder=3)
    ax.set_xlabel("predicted" if half is None else "predicted ± 90 % interval")
    ax.set_ylabel("true")
    ax.set_title(title, fontsize="medium")
    return ax


def edges(
    names: Sequence[str], J: ArrayLike, stderr: ArrayLike | None = None, ax: Axes | None = None
) -> Axes:
    """Plot couplings, a line a pair, with 95 % intervals where there are errors.

    Parameters
    ----------
    names : sequence of str
        Of the pairs, from the top.
    J : (m,) array
    stderr : (m,) array, optional
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
    >>> edges(["anna – bert", "anna – carl"], [0.8, -0.3], [0.1, 0.1]).get_xlabel()
    'coupling J ± 95 % interval (nats)'
    """
    values = np.asarray(J, np.float64)
    if values.ndim != 1 or not values.size or len(names) != len(values):
        raise EbmError(f"edges: expected as many names as couplings (m,), got {len(names)}, {values.shape}")
    half = (
        None if stderr is None else _NORMAL_95 * np.broadcast_to(np.asarray(stderr, np.float64), values.shape)
    )
    ax = new_axes(ax, (5.4, 1.2 + 0.22 * len(values)))
    places = np.arange(len(values))
    ax.axvline(0.0, color=GREY, linewidth=0.8, linestyle=":")
    for positive, look in ((True, TRAIN), (False, HELDOUT)):
        some = (values > 0) == positive
        if some.any():
            ax.errorbar(
                values[some], places[some], xerr=None if half is None else half[some], fmt=look.marker,
                markersize=4.5, color=look.colour, elinewidth=1.4,
            )  # fmt: skip
    ax.set_yticks(places, list(names), fontsize="small")
    ax.set_ylim(len(values) - 0.4, -0.6)
    ax.set_xlabel("coupling J (nats)" if half is None else "coupling J ± 95 % interval (nats)")
    return ax
