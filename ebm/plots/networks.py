"""Networks: units and their couplings, and how the criterion that chose them moved along the path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from numpy.typing import ArrayLike, NDArray

from ebm.errors import EbmError
from ebm.plots.style import GREY, HELDOUT, TRAIN, new_axes

__all__ = ["ebic_path", "network"]

_LAYOUTS = ("circle", "spring")
_NAMED = 60  # units, at most, that get a name
_CURVES = 30  # units, at most, whose criterion is drawn


def network(
    couplings: ArrayLike,
    names: Sequence[str] | None = None,
    *,
    layout: Literal["circle", "spring"] = "circle",
    seed: int = 0,
    ax: Axes | None = None,
) -> Axes:
    """Plot units and their couplings: width is |J|, colour and line style its sign.

    Parameters
    ----------
    couplings : (n, n) array
        Symmetric; no line where it is zero.
    names : sequence of str, optional
        Of the units; their numbers when left out. None are written for more than 60 units.
    layout : {"circle", "spring"}
        Units evenly on a circle; or where springs of |J| between coupled ones and a repulsion of all hold
        them (Fruchterman & Reingold 1991).
    seed : int
        Of where the springs begin.
    ax : Axes, optional
        Where to draw; None makes a figure.

    Returns
    -------
    Axes

    Raises
    ------
    EbmError
        No symmetric matrix; another layout; names that are too few.

    Examples
    --------
    >>> ax = network([[0, 0.5, 0], [0.5, 0, -1], [0, -1, 0]], ["anna", "bert", "carl"])
    >>> [text.get_text() for text in ax.texts]
    ['anna', 'bert', 'carl']
    """
    J = np.asarray(couplings, np.float64)
    if J.ndim != 2 or J.shape[0] != J.shape[1] or not len(J) or not np.isfinite(J).all():
        raise EbmError(f"network: expected finite couplings (n, n), got shape {J.shape}")
    if not np.allclose(J, J.T):
        raise EbmError("network: expected a symmetric matrix of couplings")
    if layout not in _LAYOUTS:
        raise EbmError(f"network: layout: expected {' or '.join(_LAYOUTS)}, got {layout!r}")
    n = len(J)
    if names is not None and len(names) != n:
        raise EbmError(f"network: names: expected {n}, got {len(names)}")
    angle = np.pi / 2 - 2 * np.pi * np.arange(n) / n
    places = np.stack([np.cos(angle), np.sin(angle)], 1) if layout == "circle" else _springs(np.abs(J), seed)
    ax = new_axes(ax, (6.4, 6.4))
    i, j = np.nonzero(np.triu(J, 1))
    values = J[i, j]
    widths = 0.4 + 4.6 * np.abs(values) / np.abs(values).max(initial=1e-300)
    for positive, look, style in ((True, TRAIN, "solid"), (False, HELDOUT, (0, (3, 1.5)))):
        some = (values > 0) == positive
        lines = np.stack([places[i[some]], places[j[some]]], 1)
        ax.add_collection(
            LineCollection(
                list(lines),
                linewidths=widths[some],
                colors=look.colour,
                linestyles=[style],
                alpha=0.75,
                zorder=1,
            )
        )
    ax.scatter(
        places[:, 0], places[:, 1], s=max(20.0, 420.0 / np.sqrt(n)), color="white", edgecolor="0.2", zorder=2
    )
    if n <= _NAMED:
        _name(ax, places, [str(k) for k in range(n)] if names is None else list(names), layout)
    _key(ax, values)
    ax.set_aspect("equal")
    ax.set_axis_off()
    room = 1.0 + (0.35 if names is not None and layout == "circle" else 0.18)
    ax.set_xlim(-room, room)
    ax.set_ylim(-room, room)
    ax.set_title(f"{n} units, {len(values)} couplings; width is |J|, dashes are negative", fontsize="medium")
    return ax


def _name(ax: Axes, places: NDArray[Any], names: Sequence[str], layout: str) -> None:
    """Write names: beside a unit on the circle, away from its centre; else at the unit."""
    outline = [withStroke(linewidth=2.5, foreground="white")]
    for (x, y), name in zip(places, names, strict=True):
        across, along, at = "center", "center", (x, y)
        if layout == "spring" and len(name) > 2:
            along, at = "bottom", (x, y + 0.045)
        elif len(name) > 2:
            at = (1.08 * x, 1.08 * y)
            across = "center" if abs(x) < 0.2 else "left" if x > 0 else "right"
            along = "center" if abs(y) < 0.8 else "bottom" if y > 0 else "top"
        ax.annotate(
            name, at, ha=across, va=along, fontsize="small", zorder=3, annotation_clip=False,
            path_effects=outline,
        )  # fmt: skip


def _key(ax: Axes, values: NDArray[Any]) -> None:
    """Say how strong a wide line is, of either sign."""
    handles = []
    for sign, look in ((1, TRAIN), (-1, HELDOUT)):
        own = values[np.sign(values) == sign]
        if len(own):
            top = own[np.abs(own).argmax()]
            line = Line2D([], [], color=look.colour, label=f"J = {top:.2g}")
            line.set_linestyle("-" if sign > 0 else "--")
            line.set_linewidth(0.4 + 4.6 * abs(top) / np.abs(values).max())
            handles.append(line)
    if handles:
        ax.legend(handles=handles, loc="upper right", fontsize="small", frameon=False, handlelength=3.5)


def _springs(strength: NDArray[Any], seed: int, steps: int = 300) -> NDArray[Any]:
    """Fruchterman and Reingold's forces: coupled units attract by d²/k, all repel by k²/d; cooled."""
    n = len(strength)
    pull = strength / strength.max() if strength.any() else strength
    np.fill_diagonal(pull, 0.0)
    places = np.random.default_rng(seed).uniform(-1, 1, (n, 2))
    k = 1.5 / np.sqrt(n)
    for step in range(steps):
        apart = places[:, None] - places
        distance = np.maximum(np.linalg.norm(apart, axis=2), 1e-6)
        force = k**2 / distance**2 - (pull > 0) * (0.3 + 0.7 * pull) * distance / k
        np.fill_diagonal(force, 0.0)
        move = (apart * force[:, :, None]).sum(1) - 0.5 * places  # and all to the middle, a little
        length = np.maximum(np.linalg.norm(move, axis=1, keepdims=True), 1e-9)
        places += move / length * np.minimum(length, 0.15 * (1 - step / steps))
    places -= (places.max(0) + places.min(0)) / 2
    found: NDArray[Any] = places / np.abs(places).max()
    return found


def ebic_path(
    penalties: ArrayLike,
    ebic: ArrayLike,
    n_edges: ArrayLike | None = None,
    *,
    ax: Axes | None = None,
) -> Axes:
    """Plot EBIC above its least against the penalty, a line a unit, with a mark at the least of each.

    Parameters
    ----------
    penalties : (k,) array
        Falling, as `ebm.inverse.Network` has them.
    ebic : (k, n) array
        nan where a unit's path has ended. Of more than 30 units, 30 evenly among them are drawn.
    n_edges : (k,) array, optional
        Edges at each penalty: written above the axis.
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
    >>> ebic_path([1.0, 0.5, 0.25], [[10.0, 3], [4, 5], [6, float("nan")]]).get_xlabel()
    'penalty λ (nats)'
    """
    x, y = np.asarray(penalties, np.float64), np.asarray(ebic, np.float64)
    if x.ndim != 1 or y.ndim != 2 or len(y) != len(x) or not y.size:
        raise EbmError(f"ebic_path: expected penalties (k,) and ebic (k, n), got {x.shape} and {y.shape}")
    if np.isnan(y).all(0).any():
        raise EbmError("ebic_path: a unit without any EBIC")
    counts = None if n_edges is None else np.asarray(n_edges)
    if counts is not None and counts.shape != x.shape:
        raise EbmError(f"ebic_path: n_edges: expected {x.shape}, got {counts.shape}")
    ax = new_axes(ax)
    shown = np.unique(np.linspace(0, y.shape[1] - 1, min(y.shape[1], _CURVES)).astype(int))
    y = y[:, shown] - np.nanmin(y[:, shown], axis=0)
    first = (y <= 1e-9 * (1 + np.nanmax(y))).argmax(0)
    ax.plot(x, y, color=TRAIN.colour, linewidth=0.9, alpha=0.6)
    ax.plot(x[first], np.zeros(len(shown)), HELDOUT.marker, color=HELDOUT.colour, markersize=5, zorder=3)
    ax.set_xscale("log")
    ax.invert_xaxis()
    ax.set_yscale("symlog", linthresh=10.0)
    ax.set_ylim(bottom=-1.5)
    ax.set_xlabel("penalty λ (nats)")
    ax.set_ylabel("EBIC above each unit's least")
    handles = [
        Line2D([], [], color=TRAIN.colour, linewidth=0.9, label="a unit"),
        Line2D([], [], color=HELDOUT.colour, marker=HELDOUT.marker, linestyle="", label="its least"),
    ]
    ax.legend(handles=handles, fontsize="small", loc="upper left", framealpha=1.0)
    if counts is not None:
        for k in np.unique(np.linspace(0, len(x) - 1, 8).astype(int)):
            ax.annotate(
                f"{counts[k]}", (x[k], 1.01), xycoords=("data", "axes fraction"), ha="center", va="bottom",
                fontsize="small", color=GREY,
            )  # fmt: skip
        ax.annotate(
            "edges",
            (-0.01, 1.01),
            xycoords="axes fraction",
            ha="right",
            va="bottom",
            fontsize="small",
            color=GREY,
        )
    return ax
