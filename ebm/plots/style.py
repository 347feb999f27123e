"""How a figure looks: one set of colours, lines and markers, told apart without colour.

Blue, orange and sky blue (after Okabe and Ito) are safe for colour-blind readers; the three used here
differ in CIE lightness by 15 or more, so that they stay apart in grey. Line style and marker repeat the
difference.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib import figure
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

__all__ = ["CHAINS", "DIVERGING", "GREY", "HELDOUT", "TRAIN", "Figure", "Look"]

GREY = "0.35"
STEPS = "step (parameter updates)"
SWEEPS = "time (sweeps)"
BETA = "inverse temperature β (dimensionless)"
PER_SITE = "energy per site (nats)"

# A diverging map that survives grey printing: hue tells the sign, lightness rises from end to end. The usual
# red-white-blue maps are equally dark at both ends, so a photocopy loses the sign.
DIVERGING = LinearSegmentedColormap.from_list(
    "navy-grey-gold", ["#001a4d", "#2a5c9e", "#969696", "#e3b53c", "#fffbe0"]
)


class Figure(figure.Figure):
    """A figure that pyplot does not know, and that a notebook shows at the end of a cell."""

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        self.savefig(file, format="png", dpi=100)
        return file.getvalue()


class Look(NamedTuple):
    """Colour, line style and marker of one series; what its band is: filled, outlined or hatched."""

    colour: str
    line: str
    marker: str
    band: str = "fill"


# three kinds of band, since three alike bands on top of each other hide the curves
TRAIN = Look("#12355b", "-", "o", "fill")
HELDOUT = Look("#b94a00", "--", "s", "outline")
CHAINS = Look("#3d9fd6", "-.", "^", "hatch")


def new_axes(ax: Axes | None, size: tuple[float, float] = (6.4, 4.2)) -> Axes:
    """Return `ax`, or the one Axes of a new figure of `size` inches that pyplot does not know."""
    return ax if ax is not None else Figure(figsize=size, layout="constrained").subplots()


def curve(
    ax: Axes, x: NDArray[Any], y: NDArray[Any], look: Look, label: str, rank: int = 0, hollow: bool = False
) -> None:
    """Draw the finite points of a series; about ten markers, those of series `rank` shifted aside."""
    keep = np.isfinite(y)
    every = max(1, int(keep.sum()) // 10)
    ax.plot(
        x[keep],
        y[keep],
        color=look.colour,
        linestyle=look.line,
        marker=look.marker,
        markersize=5,
        markerfacecolor="white" if hollow else look.colour,
        markevery=(rank * every // 3 % every, every),
        linewidth=1.6,
        label=label,
        zorder=3,
        path_effects=[withStroke(linewidth=3.2, foreground="white")],
    )


def band(ax: Axes, x: NDArray[Any], y: NDArray[Any], half: NDArray[Any] | None, look: Look) -> bool:
    """Mark y ± half where both are finite; return whether there were two points, the least a band needs."""
    if half is None or (keep := np.isfinite(y) & np.isfinite(half)).sum() < 2:
        return False
    low, high = y[keep] - half[keep], y[keep] + half[keep]
    outline: dict[str, Any] = {
        "edgecolor": look.colour,
        "linestyle": look.line,
        "linewidth": 1.0,
        "zorder": 2,
    }
    if look.band == "fill":
        ax.fill_between(x[keep], low, high, color=look.colour, alpha=0.16, linewidth=0, zorder=1)
    elif look.band == "outline":
        ax.fill_between(x[keep], low, high, facecolor="none", alpha=0.75, **outline)
    else:
        ax.fill_between(x[keep], low, high, facecolor="none", alpha=0.5, hatch="/", **outline)
    return True


def legend_above(ax: Axes, columns: int) -> None:
    """Put the legend above the axes, where it hides no data."""
    ax.legend(
        loc="lower left", bbox_to_anchor=(0.0, 1.01), ncols=columns, frameon=False, borderaxespad=0.2,
        handlelength=3.2, columnspacing=1.4,
    )  # fmt: skip


def end_labels(ax: Axes, values: Sequence[float], names: Sequence[str], colours: Sequence[Any]) -> None:
    """Write names to the right of the axes at heights `values`, moved apart where they would touch.

    Freezes the limits of y. A thin leader joins each name to its height.
    """
    low, high = ax.get_ylim()
    ax.set_ylim(low, high)
    order = np.argsort(values, kind="stable")
    heights = spread((np.asarray(values, np.float64)[order] - low) / (high - low), gap=0.065)
    for i, height in zip(order, heights, strict=True):
        ax.annotate(
            names[i],
            xy=(1.0, values[i]),
            xycoords=ax.get_yaxis_transform(),
            xytext=(1.05, height),
            textcoords="axes fraction",
            va="center",
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": colours[i],
                "linewidth": 0.8,
                "relpos": (0.0, 0.5),
                "shrinkA": 0,
                "shrinkB": 0,
            },
        )


def spread(heights: NDArray[np.float64], gap: float) -> NDArray[np.float64]:
    """Move sorted heights as little as makes neighbours `gap` apart, within [0, 1] where there is room.

    Least squares under order constraints: subtract i·gap, pool neighbours that are out of order into their
    mean (isotonic regression), add it back.

    Examples
    --------
    >>> spread(np.array([0.5, 0.5, 1.0]), 0.25).tolist()
    [0.375, 0.625, 1.0]
    """
    steps = gap * np.arange(len(heights))
    blocks: list[list[float]] = []  # [mean, size]
    for value in heights - steps:
        blocks.append([float(value), 1])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (left, m), (right, n) = blocks[-2:]
            blocks[-2:] = [[(m * left + n * right) / (m + n), m + n]]
    level = np.array([mean for mean, size in blocks for _ in range(int(size))], np.float64)
    room = 1.0 - (steps[-1] if len(steps) else 0.0)
    return np.clip(level, 0.0, max(room, 0.0)) + steps
