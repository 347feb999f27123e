"""Chains on their way: something about them against the logarithm of time."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from ebm.errors import EbmError, expect
from ebm.plots.chains import vector
from ebm.plots.style import CHAINS, GREY, HELDOUT, SWEEPS, TRAIN, band, curve, legend_above, new_axes

__all__ = ["approach_curves"]

_LOOKS = (CHAINS, TRAIN, HELDOUT)


def approach_curves(
    times: ArrayLike,
    curves: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    levels: Mapping[str, float] | None = None,
    ylabel: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Plot what chains from several starts do against the number of sweeps, on a logarithmic axis.

    Parameters
    ----------
    times : (k,) array
        Sweeps, from 1 on.
    curves : mapping of str to (values, stderr), each (k,)
        By where the chains began, up to three: a line and a band of two standard errors.
    levels : mapping of str to float, optional
        Horizontal lines by name, such as that of the data.
    ylabel : str
    ax : Axes, optional
        Where to draw; None makes a figure.

    Returns
    -------
    Axes

    Raises
    ------
    EbmError
        Shapes that disagree, or more than three curves.

    Examples
    --------
    >>> ax = approach_curves([1, 2, 4], {"noise": ([3.0, 2.0, 1.0], [0.1, 0.1, 0.1])}, levels={"data": 0.5})
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['from noise', 'data']
    """
    t = vector(times, "approach_curves: times")
    if len(expect(curves, Mapping, "approach_curves: curves", "a mapping")) > len(_LOOKS):
        raise EbmError(f"approach_curves: curves: expected up to {len(_LOOKS)}, got {len(curves)}")
    ax = new_axes(ax)
    for k, ((start, (values, errors)), look) in enumerate(zip(curves.items(), _LOOKS, strict=False)):
        y, half = (vector(a, f"approach_curves: {start}", t.size) for a in (values, errors))
        band(ax, t, y, 2 * half, look)
        curve(ax, t, y, look, f"from {start}", k)
    for k, (name, level) in enumerate((levels or {}).items()):
        ax.axhline(level, color=GREY, linestyle=("-", ":")[k % 2], linewidth=1.2, label=name, zorder=1)
    ax.set_xscale("log")
    ax.set_xlabel(SWEEPS)
    ax.set_ylabel(ylabel)
    if all(np.min(value) >= 0 for value, _ in curves.values()):
        ax.set_ylim(bottom=0)
    legend_above(ax, len(ax.get_legend_handles_labels()[0]))
    return ax
