"""Predicted numbers against true ones."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from ebm.errors import EbmError
from ebm.plots.style import GREY, TRAIN, new_axes

__all__ = ["predictions"]

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
