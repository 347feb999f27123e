"""Pictures of inferred couplings: beside the true ones, and how well they tell pairs that are coupled."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray

from ebm.arguments import as_numbers
from ebm.errors import EbmError
from ebm.plots.several import LOOKS
from ebm.plots.style import GREY, HELDOUT, TRAIN, new_axes

__all__ = ["couplings", "roc"]

_LEVEL = 1.96  # standard errors of an interval of 95 %


def couplings(
    true: ArrayLike, inferred: ArrayLike, stderr: ArrayLike | None = None, ax: Axes | None = None
) -> Axes:
    """Compare inferred couplings with the true ones, or those of another method: on the diagonal they agree.

    Parameters
    ----------
    true : (n, n) array
        Symmetric; a pair is counted once.
    inferred : (n, n) array
    stderr : (n, n) array, optional
        Bars are 1.96 of them; pairs where they are nan are left out, such as states of one Potts unit.
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
    truth, found = _square(true, "couplings: true"), _square(inferred, "couplings: inferred")
    errors = None if stderr is None else _square(stderr, "couplings: stderr")
    if len({given.shape for given in (truth, found, errors) if given is not None}) > 1:
        raise EbmError(f"couplings: expected matrices of the same pairs, got {truth.shape}, {found.shape}")
    i, j = np.triu_indices(len(truth), 1)
    if errors is not None:
        known = np.isfinite(errors[i, j])
        i, j = i[known], j[known]
    x, y = truth[i, j], found[i, j]
    said = f"root mean square difference {np.sqrt(np.mean((y - x) ** 2)):.3g}"
    ax = new_axes(ax, (5.4, 4.8))
    low, high = float(min(x.min(), y.min())), float(max(x.max(), y.max()))
    ax.plot([low, high], [low, high], color=GREY, linewidth=1, linestyle=":", zorder=1)
    half = None
    if errors is not None:
        half = _LEVEL * errors[i, j]
        share = np.mean(np.abs(y - x) <= half)
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
    if (x == 0).any():
        ax.legend(loc="upper left", frameon=False)
    ax.set_title(said, fontsize="medium")
    return ax


def roc(true: ArrayLike, scores: ArrayLike, label: str = "", ax: Axes | None = None) -> Axes:
    """Show how well the strengths of inferred couplings tell pairs that are coupled from those that are not.

    Parameters
    ----------
    true : (n, n) array
        Symmetric; a pair with a number that is not 0 is coupled.
    scores : (n, n) array
        Couplings, |z|, or what else says which pairs are coupled; pairs are ranked by the absolute value.
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
    truth, found = _square(true, "roc: true"), _square(scores, "roc: scores")
    if found.shape != truth.shape:
        raise EbmError(f"roc: true is {truth.shape}, scores {found.shape}; expected the same pairs")
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
    ax = new_axes(ax, (5.4, 4.8))
    look = LOOKS[len(ax.lines) % len(LOOKS)]
    name = f"{label}: area {area:.3g}" if label else f"area {area:.3g}"
    ax.plot(
        wrong, right, color=look.colour, linestyle=look.line, linewidth=1.6, label=name,
        marker=look.marker, markersize=5, markevery=max(1, len(wrong) // 8),
    )  # fmt: skip
    ax.set_xlabel("share of pairs without a coupling above the threshold")
    ax.set_ylabel("share of coupled pairs above it")
    ax.set_xlim(-0.01, 1.01)
    ax.set_ylim(-0.01, 1.01)
    ax.legend(loc="lower right", frameon=False)
    return ax


def _square(values: ArrayLike, what: str) -> NDArray[Any]:
    found = as_numbers(values, what)
    if found.ndim != 2 or found.shape[0] != found.shape[1] or len(found) < 2:
        raise EbmError(f"{what}: expected a square matrix of two units or more, got shape {found.shape}")
    return found.astype(np.float64)
