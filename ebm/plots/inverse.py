"""Pictures of inferred couplings: beside the true ones, and how well they tell pairs that are coupled."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from ebm.arguments import as_numbers
from ebm.errors import EbmError
from ebm.inverse import Couplings
from ebm.machine import Array
from ebm.plots.style import GREY, HELDOUT, TRAIN, new_axes

__all__ = ["couplings", "roc"]

_LEVEL = 1.96  # standard errors of an interval of 95 %


def couplings(true: ArrayLike, inferred: Couplings | ArrayLike, ax: Axes | None = None) -> Axes:
    """Compare inferred couplings with the true ones, or those of another method: on the diagonal they agree.

    Parameters
    ----------
    true : (n, n) array
        Symmetric; a pair is counted once.
    inferred : Couplings or (n, n) array
        With bars of ± 1.96 standard errors where there are any.
    ax : Axes, optional
        Where to draw; None makes a figure.

    Returns
    -------
    Axes
        Pairs with a coupling as circles, those without as crosses; nats. The title states the root mean
        square of the difference over all pairs, and of how many of them the bars hold the true coupling.

    Raises
    ------
    EbmError
        Matrices whose shapes differ, or without a pair.

    Examples
    --------
    >>> ax = couplings([[0, 0.5, 0], [0.5, 0, 0], [0, 0, 0]], [[0, 0.4, 0], [0.4, 0, 0], [0, 0, 0]])
    >>> ax.get_title()
    'root mean square difference 0.0577'
    """
    truth = _square(true, "couplings: true")
    errors = inferred.stderr_J if isinstance(inferred, Couplings) else None
    found = _square(inferred.J if isinstance(inferred, Couplings) else inferred, "couplings: inferred")
    if found.shape != truth.shape:
        raise EbmError(f"couplings: true is {truth.shape}, inferred {found.shape}; expected the same pairs")
    i, j = np.triu_indices(len(truth), 1)
    x, y = truth[i, j], found[i, j]
    said = f"root mean square difference {np.sqrt(np.mean((y - x) ** 2)):.3g}"
    ax = new_axes(ax, (5.4, 4.8))
    low, high = float(min(x.min(), y.min())), float(max(x.max(), y.max()))
    ax.plot([low, high], [low, high], color=GREY, linewidth=1, linestyle=":", zorder=1)
    half = None
    if errors is not None:
        half = _LEVEL * errors[i, j]
        known = np.isfinite(half)
        share = np.mean(np.abs(y - x)[known] <= half[known])
        said += f"; {100 * share:.3g} % within 1.96 s.e."
    for some, look, label in ((x == 0, HELDOUT, "without a coupling"), (x != 0, TRAIN, "with a coupling")):
        if some.any():
            bars = None if half is None else half[some]
            marker = "x" if look is HELDOUT else "o"
            ax.errorbar(
                x[some], y[some], bars, color=look.colour, linestyle="none", marker=marker, markersize=4,
                elinewidth=0.8, label=label, zorder=2 if look is HELDOUT else 3,
            )  # fmt: skip
    ax.set_xlabel("true coupling (nats)")
    ax.set_ylabel("inferred coupling (nats)")
    ax.legend(loc="upper left", frameon=False)
    ax.set_title(said, fontsize="medium")
    return ax


def roc(true: ArrayLike, inferred: Couplings | ArrayLike, label: str = "", ax: Axes | None = None) -> Axes:
    """Show how well the strengths of inferred couplings tell pairs that are coupled from those that are not.

    Parameters
    ----------
    true : (n, n) array
        Symmetric; a pair with a number that is not 0 is coupled.
    inferred : Couplings or (n, n) array
        Couplings, or any scores; pairs are ranked by the absolute value.
    label : str
        What the curve is called, beside its area.
    ax : Axes, optional
        Where to draw: calls with the same Axes compare methods; None makes a figure.

    Returns
    -------
    Axes
        The share of coupled pairs above a threshold against the share of the others. The legend states the
        area below: the probability that a coupled pair is stronger than another, ties counted half.

    Raises
    ------
    EbmError
        Matrices whose shapes differ; all pairs coupled, or none.

    Examples
    --------
    >>> ax = roc([[0, 1, 0], [1, 0, 0], [0, 0, 0]], [[0, 0.4, 0.5], [0.4, 0, 0.1], [0.5, 0.1, 0]], "pairs")
    >>> ax.get_legend().get_texts()[0].get_text()
    'pairs: area 0.5'
    """
    strengths = inferred.strengths if isinstance(inferred, Couplings) else inferred
    truth, found = _square(true, "roc: true"), _square(strengths, "roc: inferred")
    if found.shape != truth.shape:
        raise EbmError(f"roc: true is {truth.shape}, inferred {found.shape}; expected the same pairs")
    i, j = np.triu_indices(len(truth), 1)
    coupled, score = truth[i, j] != 0, np.abs(found[i, j])
    if coupled.all() or not coupled.any():
        which = "all pairs are" if coupled.all() else "no pair is"
        raise EbmError(f"roc: true: {which} coupled; expected some that are and some that are not")
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(score[order])), len(order) - 1)  # of ties
    right = np.append(0, np.cumsum(coupled[order])[ends]) / coupled.sum()
    wrong = np.append(0, np.cumsum(~coupled[order])[ends]) / (~coupled).sum()
    area = float(np.trapezoid(right, wrong))
    first = ax is None
    ax = new_axes(ax, (5.4, 4.8))
    look = (TRAIN, HELDOUT)[len(ax.lines) % 2]
    (drawn,) = ax.plot(wrong, right, linewidth=1.6, label=f"{label}{': ' * bool(label)}area {area:.3g}")
    if first:
        drawn.set_color(look.colour)
        ax.set_xlabel("share of pairs without a coupling above the threshold")
        ax.set_ylabel("share of coupled pairs above it")
        ax.set_xlim(-0.01, 1.01)
        ax.set_ylim(-0.01, 1.01)
    ax.legend(loc="lower right", frameon=False)
    return ax


def _square(values: ArrayLike, what: str) -> Array:
    found = as_numbers(values, what)
    if found.ndim != 2 or found.shape[0] != found.shape[1] or len(found) < 2:
        raise EbmError(f"{what}: expected a square matrix of two units or more, got shape {found.shape}")
    return found.astype(np.float64)
