"""Pictures that lessons share, drawn as those of `ebm.plots` are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from ebm.plots.style import CHAINS, DIVERGING, HELDOUT, TRAIN, curve, legend_above

__all__ = ["LOOKS", "bars", "lines", "matrix", "panels", "pictures"]

LOOKS = (TRAIN, HELDOUT, CHAINS)
_HATCHES = ("", "//", "..", "xx")
_COLOURS = (TRAIN.colour, HELDOUT.colour, CHAINS.colour, "0.6")


def panels(n: int, title: str = "", size: tuple[float, float] = (4.6, 3.9)) -> tuple[Figure, NDArray[Any]]:
    """A figure of n Axes beside each other, each of `size` inches."""
    figure = Figure(figsize=(n * size[0], size[1]), layout="constrained")
    axes = figure.subplots(1, n, squeeze=False)[0]
    if title:
        figure.suptitle(title, fontsize="large")
    return figure, axes


def bars(
    ax: Axes,
    groups: Mapping[str, ArrayLike],
    names: Sequence[str],
    errors: Mapping[str, ArrayLike] | None = None,
) -> None:
    """Bars of several series side by side, with their spreads where those are given."""
    width = 0.82 / len(groups)
    places = np.arange(len(names))
    for k, (label, values) in enumerate(groups.items()):
        ax.bar(
            places + (k - (len(groups) - 1) / 2) * width,
            np.asarray(values, np.float64),
            width,
            yerr=None if errors is None or label not in errors else errors[label],
            color=_COLOURS[k % len(_COLOURS)],
            hatch=_HATCHES[k % len(_HATCHES)],
            edgecolor="white",
            error_kw={"elinewidth": 1.0, "ecolor": "0.15"},
            label=label,
        )
    turned = sum(map(len, names)) > 48 or max(map(len, names)) > 8
    ax.set_xticks(places, names, rotation=90 if turned else 0, fontsize="small")
    ax.axhline(0, color="0.3", linewidth=0.8)
    if len(groups) > 1:
        legend_above(ax, len(groups))


def lines(ax: Axes, x: ArrayLike, series: Mapping[str, ArrayLike], legend: bool = True) -> None:
    """Curves over one x, three at most."""
    at = np.asarray(x, np.float64)
    for k, (label, y) in enumerate(series.items()):
        curve(ax, at, np.asarray(y, np.float64), LOOKS[k % len(LOOKS)], label, k)
    if legend and len(series) > 1:
        ax.legend(frameon=False, fontsize="small")


def matrix(
    ax: Axes,
    values: ArrayLike,
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
    label: str = "",
    written: bool = True,
    top: float = 0.0,
) -> None:
    """A matrix in colours, or in greys where nothing is negative; its numbers in it where there is room."""
    table = np.atleast_2d(np.asarray(values, np.float64))
    size = top or float(np.nanmax(np.abs(table), initial=0.0)) or 1.0
    signed = bool((table < 0).any())
    image = ax.imshow(
        table, cmap=DIVERGING if signed else "Greys", vmin=-size if signed else 0.0, vmax=size, aspect="auto"
    )
    ax.set_xticks(range(table.shape[1]), columns or [str(k + 1) for k in range(table.shape[1])])
    ax.set_yticks(range(table.shape[0]), rows or [str(k + 1) for k in range(table.shape[0])])
    ax.tick_params(length=0, labelsize="small")
    if written and table.size <= 64 and table.shape[1] <= 8:
        for (i, j), value in np.ndenumerate(table):
            if np.isfinite(value):
                dark = value < -0.25 * size if signed else value > 0.5 * size
                text = f"{value:.2f}".replace("-", "−")
                ax.text(j, i, text, ha="center", va="center", color="white" if dark else "black", fontsize=8)
    if ax.figure is not None:
        ax.figure.colorbar(image, ax=ax, label=label, shrink=0.85)


def pictures(ax: Axes, images: Sequence[ArrayLike], names: Sequence[str] = (), columns: int = 0) -> None:
    """Small grey pictures of equal shape, the lowest value white and the highest black."""
    arrays = [np.atleast_2d(np.asarray(image, np.float64)) for image in images]
    height, width = arrays[0].shape
    columns = columns or len(arrays)
    n_rows = -(-len(arrays) // columns)
    gap, above = max(1.0, width / 5), max(1.0, height / 3) if names else max(1.0, height / 5)
    low, high = min(float(a.min()) for a in arrays), max(float(a.max()) for a in arrays)
    for k, array in enumerate(arrays):
        i, j = divmod(k, columns)
        left, top = j * (width + gap), i * (height + above)
        edges = (left, left + width, top + height, top)
        ax.imshow(array, cmap="gray_r", vmin=low, vmax=high, extent=edges)
        ax.plot(
            [left, left + width, left + width, left, left],
            [top, top, top + height, top + height, top],
            color="0.5",
            linewidth=0.8,
        )
        if names:
            ax.text(left + width / 2, top - 0.1 * above, names[k], ha="center", va="bottom", fontsize="small")
    ax.set_xlim(-gap / 2, columns * (width + gap) - gap / 2)
    ax.set_ylim(n_rows * (height + above), -above)
    ax.set_axis_off()
